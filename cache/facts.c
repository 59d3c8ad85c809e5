#include "cache/facts.h"

#include <stdio.h>
#include <string.h>
#include "cache/believe.h"
#include "cache/frame_sums.h"
#include "cache/image_record.h"
#include "cache/internal.h"

#define STANDARD_UIDS "1.2.840.10008."
#define STORAGE_UIDS "1.2.840.10008.5.1.4.1.1."

static kh_status read_uid(const kh_item *item, kh_tag tag, const char *name, char out[KH_UID_SIZE], kh_error *err)
{
    if (!kh_item_string(item, tag, 0, out, KH_UID_SIZE))
        return kh_error_set(err, KH_E_FORMAT, "%s (%04X,%04X) is missing or longer than 64 characters", name, KH_TAG_ARGS(tag));
    if (!kh_uid_plausible(out))
        return kh_error_set(err, KH_E_FORMAT, "%s (%04X,%04X) is not a UID, expected 1 to 64 of [0-9.]", name, KH_TAG_ARGS(tag));
    return KH_OK;
}

/* Private classes of manufacturers are taken; of the standard's own only what is stored. */
static kh_status check_class(const char *uid, kh_error *err)
{
    const kh_sop_class *known = kh_sop_class_find(uid);

    if (known ? known->storage : strncmp(uid, STANDARD_UIDS, strlen(STANDARD_UIDS)) != 0)
        return KH_OK;
    if (!known && strncmp(uid, STORAGE_UIDS, strlen(STORAGE_UIDS)) == 0)
        return KH_OK;
    return kh_error_set(err, KH_E_UNSUPPORTED, "SOPClassUID (0008,0016) %s%s%s%s is not a storage class", uid, known ? " (" : "",
                        known ? known->name : "", known ? ")" : "");
}

static kh_status check_no_directory(const kh_dataset *dataset, kh_error *err)
{
    char media_class[KH_UID_SIZE];

    if (kh_item_find(kh_dataset_main(dataset), KH_TAG_DIRECTORY_RECORD_SEQUENCE) ||
        (kh_item_string(kh_dataset_meta(dataset), KH_TAG_MEDIA_STORAGE_SOP_CLASS_UID, 0, media_class, sizeof media_class) &&
         strcmp(media_class, KH_SOP_DICOMDIR) == 0))
        return kh_error_set(err, KH_E_UNSUPPORTED, "DirectoryRecordSequence (0004,1220): a DICOMDIR is not stored as an object");
    return KH_OK;
}

static kh_status read_uids(kh_facts *facts, const kh_dataset *dataset, kh_error *err)
{
    const kh_item *item = kh_dataset_main(dataset);
    kh_status status = check_no_directory(dataset, err);

    KH_COPY(facts->transfer_syntax_uid, kh_dataset_transfer_syntax(dataset));
    if (status == KH_OK)
        status = read_uid(item, KH_TAG_SOP_CLASS_UID, "SOPClassUID", facts->sop_class_uid, err);
    if (status == KH_OK)
        status = check_class(facts->sop_class_uid, err);
    if (status == KH_OK)
        status = read_uid(item, KH_TAG_SOP_INSTANCE_UID, "SOPInstanceUID", facts->sop_instance_uid, err);
    if (status == KH_OK)
        status = read_uid(item, KH_TAG_STUDY_INSTANCE_UID, "StudyInstanceUID", facts->study_uid, err);
    if (status == KH_OK)
        status = read_uid(item, KH_TAG_SERIES_INSTANCE_UID, "SeriesInstanceUID", facts->series_uid, err);
    return status;
}

/* DA as eight digits, also from the older form with dots; "" when it is neither. */
static void read_date(const kh_item *item, kh_tag tag, char out[9])
{
    char text[32] = "";
    size_t count = 0;

    out[0] = '\0';
    if (!kh_item_string(item, tag, 0, text, sizeof text))
        return;
    for (const char *at = text; *at; at++) {
        if (*at == '.')
            continue;
        if (*at < '0' || *at > '9' || count == 8) {
            out[0] = '\0';
            return;
        }
        out[count++] = *at;
    }
    out[count == 8 ? 8 : 0] = '\0';
}

static void read_time(const kh_item *item, kh_tag tag, char out[17])
{
    char text[32] = "";
    size_t count = 0;

    out[0] = '\0';
    if (!kh_item_string(item, tag, 0, text, sizeof text))
        return;
    for (const char *at = text; *at && count < 16; at++)
        if ((*at >= '0' && *at <= '9') || *at == '.')
            out[count++] = *at;
    out[count] = '\0';
}

/* A code of [A-Z0-9 _]; anything else in it is left out, so that lists of codes can be joined with commas. */
static void read_code(const kh_item *item, kh_tag tag, char *out, size_t out_size)
{
    char text[65] = "";
    size_t count = 0;

    if (kh_item_string(item, tag, 0, text, sizeof text))
        for (const char *at = text; *at && count + 1 < out_size; at++)
            if ((*at >= 'A' && *at <= 'Z') || (*at >= '0' && *at <= '9') || *at == ' ' || *at == '_')
                out[count++] = *at;
    out[count] = '\0';
}

static int64_t read_number(const kh_item *item, kh_tag tag)
{
    int64_t value;

    return kh_item_int(item, tag, 0, &value) ? value : INT64_MIN;
}

static void read_issuer(kh_facts *facts, const kh_item *item)
{
    const kh_element *qualifiers = kh_item_find(item, KH_TAG_ISSUER_OF_PATIENT_ID_QUALIFIERS_SEQUENCE);

    kh_item_text(item, KH_TAG_ISSUER_OF_PATIENT_ID, 0, facts->issuer, sizeof facts->issuer);
    if (qualifiers && qualifiers->item_count > 0)
        kh_item_text(kh_element_item(qualifiers, 0), KH_TAG_UNIVERSAL_ENTITY_ID, 0, facts->issuer_universal,
                     sizeof facts->issuer_universal);
}

static void read_patient(kh_facts *facts, const kh_item *item)
{
    read_issuer(facts, item);
    kh_item_text(item, KH_TAG_PATIENT_ID, 0, facts->patient_id, sizeof facts->patient_id);
    kh_item_person_name(item, KH_TAG_PATIENT_NAME, &facts->name);
    read_date(item, KH_TAG_PATIENT_BIRTH_DATE, facts->birth_date);
    read_code(item, KH_TAG_PATIENT_SEX, facts->sex, sizeof facts->sex);
    if (!strchr("MFO", facts->sex[0]))
        facts->sex[0] = '\0';
}

/* Cut where an item would not fit; what would break the lines is taken out. */
static void read_request(kh_facts *facts, const kh_item *item)
{
    const kh_element *sequence = kh_item_find(item, KH_TAG_REQUEST_ATTRIBUTES_SEQUENCE);
    char step[65], procedure[65], line[140];
    size_t used = 0;

    for (uint32_t i = 0; sequence && i < sequence->item_count; i++) {
        const kh_item *of = kh_element_item(sequence, i);
        size_t size;

        step[0] = procedure[0] = '\0';
        kh_item_text(of, KH_TAG_SCHEDULED_PROCEDURE_STEP_ID, 0, step, sizeof step);
        kh_item_text(of, KH_TAG_REQUESTED_PROCEDURE_ID, 0, procedure, sizeof procedure);
        step[strcspn(step, "\t\r\n")] = procedure[strcspn(procedure, "\t\r\n")] = '\0';
        size = (size_t)snprintf(line, sizeof line, "%s\t%s\n", step, procedure);
        if (size == 2 || used + size >= sizeof facts->request)
            continue;
        memcpy(facts->request + used, line, size + 1);
        used += size;
    }
}

static void read_levels(kh_facts *facts, const kh_item *item)
{
    const kh_person_name *physician = &facts->referring;

    read_date(item, KH_TAG_STUDY_DATE, facts->study_date);
    read_time(item, KH_TAG_STUDY_TIME, facts->study_time);
#define TEXT(tag, field) kh_item_text(item, tag, 0, facts->field, sizeof facts->field)
    TEXT(KH_TAG_STUDY_DESCRIPTION, study_description);
    TEXT(KH_TAG_ACCESSION_NUMBER, accession);
    TEXT(KH_TAG_INSTITUTION_NAME, institution);
    TEXT(KH_TAG_STUDY_ID, study_id);
    TEXT(KH_TAG_SERIES_DESCRIPTION, series_description);
    TEXT(KH_TAG_BODY_PART_EXAMINED, body_part);
    TEXT(KH_TAG_PROTOCOL_NAME, protocol);
    TEXT(KH_TAG_INSTITUTIONAL_DEPARTMENT_NAME, department);
    TEXT(KH_TAG_TIMEZONE_OFFSET_FROM_UTC, timezone);
#undef TEXT
    kh_item_person_name(item, KH_TAG_REFERRING_PHYSICIAN_NAME, &facts->referring);
    KH_COPY(facts->referring_physician, physician->ideographic[0] ? physician->ideographic : physician->alphabetic);
    read_code(item, KH_TAG_MODALITY, facts->modality, sizeof facts->modality);
    read_code(item, KH_TAG_LATERALITY, facts->laterality, sizeof facts->laterality);
    read_date(item, KH_TAG_PERFORMED_PROCEDURE_STEP_START_DATE, facts->pps_date);
    read_time(item, KH_TAG_PERFORMED_PROCEDURE_STEP_START_TIME, facts->pps_time);
    read_request(facts, item);
    facts->series_number = read_number(item, KH_TAG_SERIES_NUMBER);
    facts->instance_number = read_number(item, KH_TAG_INSTANCE_NUMBER);
}

/* PS3.5 7.3: in the big endian syntax samples of 16 bits and more are swapped, and so are the words of OW that hold smaller ones. */
static uint8_t swap_unit(const kh_dataset *dataset, const kh_image_info *info)
{
    const kh_transfer_syntax *syntax = kh_transfer_syntax_find(kh_dataset_transfer_syntax(dataset));
    const kh_element *pixels = kh_item_find(kh_dataset_main(dataset), KH_TAG_PIXEL_DATA);

    if (!syntax || !syntax->big_endian || syntax->codec != KH_CODEC_NATIVE)
        return 0;
    if (info->format.bits_allocated >= 16)
        return (uint8_t)(info->format.bits_allocated / 8);
    return pixels && pixels->vr == KH_VR('O', 'W') ? 2 : 0;
}

/* Samples of a byte or less in swapped words: a frame that begins or ends in the middle of a word needs the whole word. */
static void widen_to_words(kh_frame_table *table, const kh_element *pixels)
{
    for (uint32_t i = 0; i < table->extent_count; i++) {
        kh_extent *extent = &table->extents[i];
        uint64_t begin = extent->offset - pixels->offset, end = begin + extent->length;

        if (extent->length == 0)
            continue;
        begin &= ~(uint64_t)1;
        end = (end + 1) & ~(uint64_t)1;
        extent->offset = pixels->offset + begin;
        extent->length = (end <= pixels->length ? end : pixels->length) - begin;
    }
}

static kh_status read_frames(kh_image_record *record, const kh_dataset *dataset, const kh_source *source, kh_error *err)
{
    kh_status status = kh_frame_table_read(&record->frames, dataset, &record->info, source, err);

    if (status == KH_OK && record->swap_bytes == 2 && record->info.format.bits_allocated < 16)
        widen_to_words(&record->frames, kh_item_find(kh_dataset_main(dataset), KH_TAG_PIXEL_DATA));
    if (status == KH_OK)
        status = kh_frame_sums(&record->checksums, &record->frames, dataset, source, err);
    if (status != KH_OK)
        kh_frame_table_release(&record->frames);
    return status;
}

static bool our_own_trouble(kh_status status)
{
    return status == KH_E_MEMORY || status == KH_E_IO || status == KH_E_INTERNAL;
}

/* Pixels: anything wrong with them alone is kept as a text, the object is stored all the same. */
static kh_status read_image(kh_facts *facts, const kh_dataset *dataset, const kh_source *source, kh_error *err)
{
    kh_image_record record = {0};
    kh_error why = KH_ERROR_INIT;
    kh_status status = kh_image_info_read(&record.info, dataset, &why);

    if (status == KH_E_NOT_FOUND)
        return KH_OK;
    facts->frame_count = 1;
    if (status == KH_OK) {
        facts->frame_count = record.info.frame_count;
        record.swap_bytes = swap_unit(dataset, &record.info);
        status = read_frames(&record, dataset, source, &why);
        facts->described = status == KH_OK;
        if (status == KH_OK)
            kh_believe_codestream(&record, facts->transfer_syntax_uid, source);
        if (!our_own_trouble(status)) {
            kh_status encoded = kh_image_record_encode(&facts->image, &record, &why);

            status = status == KH_OK ? encoded : status;
        }
    }
    if (status != KH_OK) {
        KH_COPY(facts->problem, why.message[0] ? why.message : kh_status_text(status));
        facts->described = false;
        if (status == KH_E_LIMIT)
            kh_buf_clear(&facts->image);
    }
    kh_image_record_release(&record);
    return our_own_trouble(status) ? kh_error_set(err, status, "%s", why.message) : KH_OK;
}

static kh_status read_facts(kh_facts *out, const kh_source *source, bool pixels, kh_error *err)
{
    kh_dataset *dataset = NULL;
    kh_status status;

    memset(out, 0, sizeof *out);
    kh_buf_init(&out->image, KH_IMAGE_RECORD_MAX);
    status = kh_dataset_read_file(&dataset, source, &kh_dataset_limits_default, err);
    if (status == KH_OK)
        status = read_uids(out, dataset, err);
    if (status == KH_OK) {
        out->bytes = source->size;
        out->main_offset = kh_dataset_main_offset(dataset);
        read_patient(out, kh_dataset_main(dataset));
        read_levels(out, kh_dataset_main(dataset));
        status = kh_rejection_read(&out->rejection, kh_dataset_main(dataset), err);
    }
    if (status == KH_OK && pixels)
        status = read_image(out, dataset, source, err);
    kh_dataset_free(dataset);
    return status;
}

kh_status kh_facts_read(kh_facts *out, const kh_source *source, kh_error *err)
{
    return read_facts(out, source, true, err);
}

static kh_status read_file(kh_facts *out, int fd, bool pixels, kh_error *err)
{
    kh_source source;
    kh_status status = kh_source_init_fd(&source, fd, err);

    if (status == KH_OK)
        return read_facts(out, &source, pixels, err);
    memset(out, 0, sizeof *out);
    return status;
}

kh_status kh_facts_read_file(kh_facts *out, int fd, kh_error *err)
{
    return read_file(out, fd, true, err);
}

kh_status kh_facts_read_texts(kh_facts *out, int fd, kh_error *err)
{
    return read_file(out, fd, false, err);
}

void kh_facts_release(kh_facts *facts)
{
    kh_buf_release(&facts->image);
    kh_rejection_release(&facts->rejection);
}
