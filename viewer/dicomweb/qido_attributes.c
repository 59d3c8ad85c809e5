/* Which attributes a search matches and returns (PS3.18 10.6.1.2, 10.6.3.3). */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "dicom/dictionary.h"
#include "viewer/dicomweb/qido.h"

#define TAG_AVAILABILITY KH_TAG(0x0008, 0x0056)
#define TAG_RETRIEVE_URL KH_TAG(0x0008, 0x1190)

static const kh_qido_attribute made[] = {
    {KH_TAG_SPECIFIC_CHARACTER_SET, KH_VR('C', 'S'), KH_LEVEL_STUDY, KH_QIDO_CHARSET, NULL, ""},
    {TAG_RETRIEVE_URL, KH_VR('U', 'R'), KH_LEVEL_STUDY, KH_QIDO_RETRIEVE_URL, NULL, ""},
    {KH_TAG_REQUEST_ATTRIBUTES_SEQUENCE, KH_VR('S', 'Q'), KH_LEVEL_SERIES, KH_QIDO_REQUEST, NULL, ""},
    {KH_TAG_NUMBER_OF_FRAMES, KH_VR('I', 'S'), KH_LEVEL_IMAGE, KH_QIDO_FRAMES, NULL, ""},
    {KH_TAG_ROWS, KH_VR('U', 'S'), KH_LEVEL_IMAGE, KH_QIDO_ROWS, NULL, ""},
    {KH_TAG_COLUMNS, KH_VR('U', 'S'), KH_LEVEL_IMAGE, KH_QIDO_COLUMNS, NULL, ""},
    {KH_TAG_BITS_ALLOCATED, KH_VR('U', 'S'), KH_LEVEL_IMAGE, KH_QIDO_BITS, NULL, ""},
};
#define MADE_COUNT (sizeof made / sizeof made[0])

/* What the index counts at patient level only. */
static bool is_of_patient(kh_tag tag)
{
    return tag == KH_TAG(0x0020, 0x1200) || tag == KH_TAG(0x0020, 0x1202) || tag == KH_TAG(0x0020, 0x1204);
}

static kh_level level_of(const kh_search_attribute *attribute)
{
    return attribute->level == KH_LEVEL_PATIENT ? KH_LEVEL_STUDY : attribute->level;
}

bool kh_qido_attribute_at(size_t index, kh_qido_attribute *out)
{
    size_t count;
    const kh_search_attribute *table = kh_search_attribute_table(&count);

    if (index >= count + MADE_COUNT)
        return false;
    if (index < MADE_COUNT)
        *out = made[index];
    else
        *out = (kh_qido_attribute){.tag = table[index - MADE_COUNT].tag, .vr = table[index - MADE_COUNT].vr,
                                   .level = level_of(&table[index - MADE_COUNT]), .source = KH_QIDO_INDEX,
                                   .indexed = &table[index - MADE_COUNT]};
    return true;
}

bool kh_qido_attribute_find(kh_tag tag, kh_qido_attribute *out)
{
    for (size_t i = 0; kh_qido_attribute_at(i, out); i++)
        if (out->tag == tag && !is_of_patient(tag) && !(out->indexed && out->indexed->within))
            return true;
    return false;
}

bool kh_qido_matches(kh_tag within, kh_tag tag, kh_level level)
{
    const kh_search_attribute *attribute = within ? kh_search_attribute_within(within, tag) : kh_search_attribute_find(tag);

    return attribute && !is_of_patient(tag) && attribute->level <= level;
}

kh_tag kh_qido_within(const kh_qido_attribute *attribute)
{
    return attribute->indexed ? attribute->indexed->within : 0;
}

const char *kh_qido_keyword(const kh_qido_attribute *attribute)
{
    if (kh_qido_within(attribute) == 0)
        return kh_dictionary_keyword(attribute->tag);
    return attribute->tag == KH_TAG_SCHEDULED_PROCEDURE_STEP_ID ? "RequestAttributesSequence.ScheduledProcedureStepID"
                                                                : "RequestAttributesSequence.RequestedProcedureID";
}

bool kh_qido_is_conditional(const kh_qido_attribute *field)
{
    switch (field->tag) {
    case KH_TAG_TIMEZONE_OFFSET_FROM_UTC:
    case KH_TAG_PERFORMED_PROCEDURE_STEP_START_DATE:
    case KH_TAG_PERFORMED_PROCEDURE_STEP_START_TIME:
        return true;
    default:
        return field->source >= KH_QIDO_REQUEST; /* no picture has no rows */
    }
}

/* The attributes of tables 10.6.3-3 to -5 as far as the index has them, the description of a study, and whose Patient ID it is. */
static const kh_tag study_tags[] = {KH_TAG_STUDY_DATE,
                                    KH_TAG_STUDY_TIME,
                                    KH_TAG_ACCESSION_NUMBER,
                                    KH_TAG_MODALITIES_IN_STUDY,
                                    KH_TAG_REFERRING_PHYSICIAN_NAME,
                                    KH_TAG_STUDY_DESCRIPTION,
                                    KH_TAG_PATIENT_NAME,
                                    KH_TAG_PATIENT_ID,
                                    KH_TAG_ISSUER_OF_PATIENT_ID,
                                    KH_TAG_TIMEZONE_OFFSET_FROM_UTC,
                                    KH_TAG_PATIENT_BIRTH_DATE,
                                    KH_TAG_PATIENT_SEX,
                                    KH_TAG_STUDY_ID,
                                    KH_TAG_NUMBER_OF_STUDY_RELATED_SERIES,
                                    KH_TAG_NUMBER_OF_STUDY_RELATED_INSTANCES};
static const kh_tag series_tags[] = {KH_TAG_MODALITY,
                                     KH_TAG_SERIES_DESCRIPTION,
                                     KH_TAG_SERIES_NUMBER,
                                     KH_TAG_NUMBER_OF_SERIES_RELATED_INSTANCES,
                                     KH_TAG_PERFORMED_PROCEDURE_STEP_START_DATE,
                                     KH_TAG_PERFORMED_PROCEDURE_STEP_START_TIME,
                                     KH_TAG_REQUEST_ATTRIBUTES_SEQUENCE};
static const kh_tag image_tags[] = {KH_TAG_SOP_CLASS_UID, KH_TAG_SOP_INSTANCE_UID, KH_TAG_INSTANCE_NUMBER, KH_TAG_NUMBER_OF_FRAMES,
                                    KH_TAG_ROWS, KH_TAG_COLUMNS, KH_TAG_BITS_ALLOCATED};
static const kh_tag always_tags[] = {KH_TAG_SPECIFIC_CHARACTER_SET, TAG_AVAILABILITY, TAG_RETRIEVE_URL, KH_TAG_STUDY_INSTANCE_UID};

static bool among(kh_tag tag, const kh_tag *tags, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (tags[i] == tag)
            return true;
    return false;
}
#define AMONG(tag, tags) among(tag, tags, sizeof tags / sizeof tags[0])

bool kh_qido_is_default(kh_tag tag, kh_level level, bool below_study, bool below_series)
{
    if (AMONG(tag, always_tags) || (tag == KH_TAG_SERIES_INSTANCE_UID && level >= KH_LEVEL_SERIES))
        return true;
    if (!below_study && AMONG(tag, study_tags))
        return true;
    if (level >= KH_LEVEL_SERIES && !below_series && AMONG(tag, series_tags))
        return true;
    return level == KH_LEVEL_IMAGE && AMONG(tag, image_tags);
}

static void retrieve_url(const kh_qido_query *query, const kh_search_row *row, const char *address, char out[KH_QIDO_VALUE_SIZE])
{
    bool series = query->level >= KH_LEVEL_SERIES, image = query->level == KH_LEVEL_IMAGE;

    snprintf(out, KH_QIDO_VALUE_SIZE, "%s/studies/%s%s%s%s%s", address, row->study.study_uid, series ? "/series/" : "",
             series ? row->series.series_uid : "", image ? "/instances/" : "", image ? row->object.sop_instance_uid : "");
}

void kh_qido_value(const kh_qido_query *query, const kh_qido_attribute *field, const kh_search_row *row, const char *address,
                   char out[KH_QIDO_VALUE_SIZE])
{
    const kh_pixel_format *format = &row->format;
    bool picture = format->rows > 0;

    out[0] = '\0';
    switch (field->source) {
    case KH_QIDO_INDEX:
        kh_search_text(row, field->indexed, out);
        break;
    case KH_QIDO_CHARSET:
        snprintf(out, KH_QIDO_VALUE_SIZE, "ISO_IR 192");
        break;
    case KH_QIDO_RETRIEVE_URL:
        retrieve_url(query, row, address, out);
        break;
    case KH_QIDO_REQUEST:
        snprintf(out, KH_QIDO_VALUE_SIZE, "%s", row->request);
        break;
    case KH_QIDO_FRAMES:
        if (picture)
            snprintf(out, KH_QIDO_VALUE_SIZE, "%" PRId64, row->object.frame_count);
        break;
    case KH_QIDO_ROWS:
    case KH_QIDO_COLUMNS:
    case KH_QIDO_BITS:
        if (picture)
            snprintf(out, KH_QIDO_VALUE_SIZE, "%" PRIu32,
                     field->source == KH_QIDO_ROWS      ? (uint32_t)format->rows
                     : field->source == KH_QIDO_COLUMNS ? (uint32_t)format->columns
                                                        : (uint32_t)format->bits_allocated);
        break;
    }
}

const char *kh_qido_next_value(const kh_qido_attribute *field, const char **at, size_t *size)
{
    const char *value = *at;

    if (!value)
        return NULL;
    *size = field->vr == KH_VR('U', 'R')                  ? strlen(value)
            : field->tag == KH_TAG_MODALITIES_IN_STUDY ? strcspn(value, ",")
                                                          : strcspn(value, "\\");
    *at = value[*size] ? value + *size + 1 : NULL;
    return value;
}
