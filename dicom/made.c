#include "dicom/made.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include "dicom/made_internal.h"

#define CS KH_VR('C', 'S')
#define DA KH_VR('D', 'A')
#define LO KH_VR('L', 'O')
#define PN KH_VR('P', 'N')
#define SH KH_VR('S', 'H')
#define TM KH_VR('T', 'M')
#define UI KH_VR('U', 'I')
#define IS KH_VR('I', 'S')

/* --- UIDs --- */

static void write_uid(char out[KH_UID_SIZE], unsigned __int128 number)
{
    char digits[40];
    size_t at = sizeof digits - 1;

    digits[at] = '\0';
    do {
        digits[--at] = (char)('0' + (int)(number % 10));
        number /= 10;
    } while (number > 0 && at > 0);
    snprintf(out, KH_UID_SIZE, "2.25.%s", digits + at);
}

kh_status kh_uid_make(char out[KH_UID_SIZE], kh_error *err)
{
    unsigned __int128 number;

    if (getrandom(&number, sizeof number, 0) != (ssize_t)sizeof number)
        return kh_error_set(err, KH_E_IO, "no random number for a UID");
    write_uid(out, number);
    return KH_OK;
}

kh_status kh_uid_of_uuid(char out[KH_UID_SIZE], const char *uuid, kh_error *err)
{
    static const char digits[] = "0123456789abcdef";
    unsigned __int128 number = 0;
    size_t count = 0;

    for (const char *p = uuid; *p; p++) {
        const char *digit = strchr(digits, *p);

        if (*p == '-')
            continue;
        if (!digit || ++count > 32)
            return kh_error_set(err, KH_E_ARG, "id is no UUID");
        number = number << 4 | (unsigned)(digit - digits);
    }
    if (count != 32)
        return kh_error_set(err, KH_E_ARG, "id is no UUID");
    write_uid(out, number);
    return KH_OK;
}

/* --- modules --- */

/* A number of characters of a text at most, as its VR has it. */
static void put_short(kh_writer *writer, kh_tag tag, kh_vr vr, const char *text, size_t characters)
{
    char cut[4 * 64 + 1];
    size_t size = 0, count = 0;

    for (const char *p = text; *p && size + 4 < sizeof cut; p++) {
        if (((unsigned char)*p & 0xc0) != 0x80 && count++ == characters)
            break;
        if (*p != '\\' && (unsigned char)*p >= 0x20)
            cut[size++] = *p;
    }
    cut[size] = '\0';
    kh_writer_text(writer, tag, vr, cut);
}

void kh_made_put_person(kh_writer *writer, kh_tag tag, const char *words)
{
    char name[65 * 4];
    size_t size = 0, count = 0;

    for (const char *p = words; *p && size + 5 < sizeof name; p++) {
        if (((unsigned char)*p & 0xc0) != 0x80 && count++ == 64)
            break;
        if (!strchr("\\=^", *p) && (unsigned char)*p >= 0x20)
            name[size++] = *p;
    }
    name[size] = '\0';
    kh_writer_text(writer, tag, PN, name);
}

static void put_name(kh_writer *writer, kh_tag tag, const kh_person_name *name)
{
    char text[3 * 200 + 3];
    size_t size = (size_t)snprintf(text, sizeof text, "%s=%s=%s", name->alphabetic, name->ideographic, name->phonetic);

    while (size > 0 && text[size - 1] == '=')
        text[--size] = '\0';
    kh_writer_text(writer, tag, PN, text);
}

static void put_head(kh_writer *writer, const kh_made_head *head, const char *sop_class_uid, const char *modality,
                     const char *series_description)
{
    kh_writer_text(writer, KH_TAG_SPECIFIC_CHARACTER_SET, CS, KH_MADE_CHARSET);
    kh_writer_text(writer, KH_TAG(0x0008, 0x0012), DA, head->date);
    kh_writer_text(writer, KH_TAG(0x0008, 0x0013), TM, head->time);
    kh_writer_text(writer, KH_TAG_SOP_CLASS_UID, UI, sop_class_uid);
    kh_writer_text(writer, KH_TAG_SOP_INSTANCE_UID, UI, head->instance_uid);
    kh_writer_text(writer, KH_TAG_STUDY_DATE, DA, head->study_date);
    kh_writer_text(writer, KH_TAG_SERIES_DATE, DA, head->date);
    kh_writer_text(writer, KH_TAG_CONTENT_DATE, DA, head->date);
    kh_writer_text(writer, KH_TAG_STUDY_TIME, TM, head->study_time);
    kh_writer_text(writer, KH_TAG_SERIES_TIME, TM, head->time);
    kh_writer_text(writer, KH_TAG_CONTENT_TIME, TM, head->time);
    kh_writer_text(writer, KH_TAG_ACCESSION_NUMBER, SH, head->accession);
    kh_writer_text(writer, KH_TAG_MODALITY, CS, modality);
    kh_writer_text(writer, KH_TAG_MANUFACTURER, LO, "Kakehashi");
    put_short(writer, KH_TAG_INSTITUTION_NAME, LO, head->institution, 64);
    kh_writer_text(writer, KH_TAG_REFERRING_PHYSICIAN_NAME, PN, head->referring_physician);
    put_short(writer, KH_TAG_STUDY_DESCRIPTION, LO, head->study_description, 64);
    kh_writer_text(writer, KH_TAG_SERIES_DESCRIPTION, LO, series_description);
    kh_writer_text(writer, KH_TAG_MANUFACTURER_MODEL_NAME, LO, "Kakehashi");
}

void kh_made_put_identity(kh_writer *writer, const kh_made_head *head)
{
    put_name(writer, KH_TAG(0x0010, 0x0010), head->patient_name);
    kh_writer_text(writer, KH_TAG(0x0010, 0x0020), LO, head->patient_id);
    kh_writer_text(writer, KH_TAG(0x0010, 0x0030), DA, head->birth_date);
    kh_writer_text(writer, KH_TAG(0x0010, 0x0040), CS, head->sex);
    put_short(writer, KH_TAG(0x0018, 0x1020), LO, head->version, 64);
    kh_writer_text(writer, KH_TAG(0x0020, 0x000d), UI, head->study_uid);
    kh_writer_text(writer, KH_TAG(0x0020, 0x000e), UI, head->series_uid);
    kh_writer_text(writer, KH_TAG(0x0020, 0x0010), SH, head->study_id);
    kh_writer_is(writer, KH_TAG(0x0020, 0x0011), head->series_number);
    kh_writer_is(writer, KH_TAG(0x0020, 0x0013), 1);
}

kh_status kh_made_begin(kh_writer **writer, kh_buf *out, const kh_made_head *head, const char *sop_class_uid, kh_error *err)
{
    bool presentation = strcmp(sop_class_uid, KH_SOP_GRAYSCALE_PRESENTATION) == 0 || strcmp(sop_class_uid, KH_SOP_COLOR_PRESENTATION) == 0,
         report = strcmp(sop_class_uid, KH_SOP_COMPREHENSIVE_SR) == 0;
    kh_status status = kh_part10_header(out, sop_class_uid, head->instance_uid, KH_TS_EXPLICIT_LE, "KAKEHASHI", err);

    *writer = NULL;
    if (status == KH_OK)
        status = kh_writer_create(writer, out, true, KH_MADE_CHARSET, err);
    if (status != KH_OK)
        return status;
    put_head(*writer, head, sop_class_uid, presentation ? "PR" : report ? "SR" : "KO",
                     presentation ? "Marks on images" : report ? "Measurements" : "Key images");
    if (!presentation) /* Referenced Performed Procedure Step Sequence, type 2 */
        kh_writer_empty(*writer, KH_TAG(0x0008, 0x1111), KH_VR('S', 'Q'));
    return KH_OK;
}

/* --- references --- */

/* Of an object with several frames only the first reference stands for it here. */
static bool is_first_of_object(const kh_made_content *content, const bool *wanted, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if ((!wanted || wanted[i]) && strcmp(content->references[i].sop_uid, content->references[index].sop_uid) == 0)
            return false;
    return !wanted || wanted[index];
}

static bool is_first_of_series(const kh_made_content *content, const bool *wanted, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if ((!wanted || wanted[i]) && strcmp(content->references[i].series_uid, content->references[index].series_uid) == 0)
            return false;
    return !wanted || wanted[index];
}

static void put_objects(kh_writer *writer, const kh_made_content *content, const bool *wanted, kh_tag sequence, const char *series_uid)
{
    kh_writer_sequence_begin(writer, sequence);
    for (size_t i = 0; i < content->reference_count; i++) {
        if (strcmp(content->references[i].series_uid, series_uid) != 0 || !is_first_of_object(content, wanted, i))
            continue;
        kh_writer_item_begin(writer);
        kh_writer_text(writer, KH_TAG(0x0008, 0x1150), UI, content->references[i].sop_class_uid);
        kh_writer_text(writer, KH_TAG(0x0008, 0x1155), UI, content->references[i].sop_uid);
        kh_writer_item_end(writer);
    }
    kh_writer_sequence_end(writer);
}

void kh_made_put_series(kh_writer *writer, const kh_made_content *content, const bool *wanted, kh_tag objects)
{
    kh_writer_sequence_begin(writer, KH_TAG(0x0008, 0x1115));
    for (size_t i = 0; i < content->reference_count; i++) {
        if (!is_first_of_series(content, wanted, i))
            continue;
        kh_writer_item_begin(writer);
        put_objects(writer, content, wanted, objects, content->references[i].series_uid);
        kh_writer_text(writer, KH_TAG(0x0020, 0x000e), UI, content->references[i].series_uid);
        kh_writer_item_end(writer);
    }
    kh_writer_sequence_end(writer);
}

void kh_made_put_image(kh_writer *writer, kh_tag sequence, const kh_made_reference *reference)
{
    kh_writer_sequence_begin(writer, sequence);
    kh_writer_item_begin(writer);
    kh_writer_text(writer, KH_TAG(0x0008, 0x1150), UI, reference->sop_class_uid);
    kh_writer_text(writer, KH_TAG(0x0008, 0x1155), UI, reference->sop_uid);
    if (reference->frame > 0)
        kh_writer_is(writer, KH_TAG(0x0008, 0x1160), reference->frame);
    kh_writer_item_end(writer);
    kh_writer_sequence_end(writer);
}

void kh_made_put_code(kh_writer *writer, kh_tag sequence, const kh_code *code)
{
    kh_writer_sequence_begin(writer, sequence);
    kh_writer_item_begin(writer);
    kh_writer_text(writer, KH_TAG(0x0008, 0x0100), SH, code->value);
    kh_writer_text(writer, KH_TAG(0x0008, 0x0102), SH, code->scheme);
    kh_writer_text(writer, KH_TAG(0x0008, 0x0104), LO, code->meaning);
    kh_writer_item_end(writer);
    kh_writer_sequence_end(writer);
}

void kh_made_put_floats(kh_writer *writer, kh_tag tag, const float *values, size_t count)
{
    kh_writer_bytes(writer, tag, KH_VR('F', 'L'), values, count * sizeof *values);
}

/* --- graphics --- */

static size_t put_point(float *out, size_t at, double x, double y)
{
    out[at] = (float)x;
    out[at + 1] = (float)y;
    return at + 2;
}

/* PS3.3 C.18.6.1.2: the ends of the major axis, then of the minor one. */
static size_t put_ellipse(float *out, const kh_point *p)
{
    double x = (p[0].x + p[1].x) / 2, y = (p[0].y + p[1].y) / 2;
    bool wide = fabs(p[1].x - p[0].x) >= fabs(p[1].y - p[0].y);
    size_t at = 0;

    at = wide ? put_point(out, at, p[0].x, y) : put_point(out, at, x, p[0].y);
    at = wide ? put_point(out, at, p[1].x, y) : put_point(out, at, x, p[1].y);
    at = wide ? put_point(out, at, x, p[0].y) : put_point(out, at, p[0].x, y);
    return wide ? put_point(out, at, x, p[1].y) : put_point(out, at, p[1].x, y);
}

size_t kh_made_graphic(float out[KH_MADE_GRAPHIC_MAX], const kh_made_mark *mark, const char **type)
{
    const kh_point *p = mark->points;
    size_t at = 0;

    *type = mark->kind == KH_MARK_PROBE || mark->kind == KH_MARK_TEXT ? "POINT" : mark->kind == KH_MARK_ELLIPSE ? "ELLIPSE" : "POLYLINE";
    if (mark->kind == KH_MARK_ELLIPSE)
        return put_ellipse(out, p);
    if (mark->kind == KH_MARK_RECTANGLE) {
        at = put_point(out, at, p[0].x, p[0].y);
        at = put_point(out, at, p[1].x, p[0].y);
        at = put_point(out, at, p[1].x, p[1].y);
        at = put_point(out, at, p[0].x, p[1].y);
        return put_point(out, at, p[0].x, p[0].y);
    }
    for (size_t i = 0; i < mark->point_count; i++)
        at = put_point(out, at, p[i].x, p[i].y);
    return mark->kind == KH_MARK_FREEHAND ? put_point(out, at, p[0].x, p[0].y) : at;
}
