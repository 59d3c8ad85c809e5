/* search_attributes.c - which attributes the index knows, and their values in a row. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "cache/internal.h"
#include "cache/search_internal.h"

enum field {
    SOP_CLASS, SOP_INSTANCE, STUDY_DATE, STUDY_TIME, ACCESSION, AVAILABILITY, MODALITY, MODALITIES, INSTITUTION, REFERRING,
    STUDY_TEXT, SERIES_TEXT, NAME, PATIENT_ID, ISSUER, BIRTH_DATE, SEX, BODY_PART, PROTOCOL, STUDY_UID, SERIES_UID, STUDY_ID,
    SERIES_NUMBER, INSTANCE_NUMBER, LATERALITY, PATIENT_STUDIES, PATIENT_SERIES, PATIENT_OBJECTS, STUDY_SERIES, STUDY_OBJECTS,
    SERIES_OBJECTS, TIMEZONE, STEP_ID, PPS_DATE, PPS_TIME, PROCEDURE_ID,
};

/* Required, unique and optional keys of PS3.4 C.6.1.1 and C.6.2.1 as far as the index holds them. */
static const kh_search_attribute attributes[] = {
    {KH_TAG_SOP_CLASS_UID, KH_VR('U', 'I'), KH_LEVEL_IMAGE, false, SOP_CLASS, 0},
    {KH_TAG_SOP_INSTANCE_UID, KH_VR('U', 'I'), KH_LEVEL_IMAGE, true, SOP_INSTANCE, 0},
    {KH_TAG_STUDY_DATE, KH_VR('D', 'A'), KH_LEVEL_STUDY, false, STUDY_DATE, 0},
    {KH_TAG_STUDY_TIME, KH_VR('T', 'M'), KH_LEVEL_STUDY, false, STUDY_TIME, 0},
    {KH_TAG_ACCESSION_NUMBER, KH_VR('S', 'H'), KH_LEVEL_STUDY, false, ACCESSION, 0},
    {KH_TAG(0x0008, 0x0056), KH_VR('C', 'S'), KH_LEVEL_PATIENT, false, AVAILABILITY, 0},
    {KH_TAG_MODALITY, KH_VR('C', 'S'), KH_LEVEL_SERIES, false, MODALITY, 0},
    {KH_TAG_MODALITIES_IN_STUDY, KH_VR('C', 'S'), KH_LEVEL_STUDY, false, MODALITIES, 0},
    {KH_TAG_INSTITUTION_NAME, KH_VR('L', 'O'), KH_LEVEL_STUDY, false, INSTITUTION, 0},
    {KH_TAG_REFERRING_PHYSICIAN_NAME, KH_VR('P', 'N'), KH_LEVEL_STUDY, false, REFERRING, 0},
    {KH_TAG_TIMEZONE_OFFSET_FROM_UTC, KH_VR('S', 'H'), KH_LEVEL_STUDY, false, TIMEZONE, 0},
    {KH_TAG_STUDY_DESCRIPTION, KH_VR('L', 'O'), KH_LEVEL_STUDY, false, STUDY_TEXT, 0},
    {KH_TAG_SERIES_DESCRIPTION, KH_VR('L', 'O'), KH_LEVEL_SERIES, false, SERIES_TEXT, 0},
    {KH_TAG_PATIENT_NAME, KH_VR('P', 'N'), KH_LEVEL_PATIENT, false, NAME, 0},
    {KH_TAG_PATIENT_ID, KH_VR('L', 'O'), KH_LEVEL_PATIENT, true, PATIENT_ID, 0},
    {KH_TAG_ISSUER_OF_PATIENT_ID, KH_VR('L', 'O'), KH_LEVEL_PATIENT, false, ISSUER, 0},
    {KH_TAG_PATIENT_BIRTH_DATE, KH_VR('D', 'A'), KH_LEVEL_PATIENT, false, BIRTH_DATE, 0},
    {KH_TAG_PATIENT_SEX, KH_VR('C', 'S'), KH_LEVEL_PATIENT, false, SEX, 0},
    {KH_TAG_BODY_PART_EXAMINED, KH_VR('C', 'S'), KH_LEVEL_SERIES, false, BODY_PART, 0},
    {KH_TAG_PROTOCOL_NAME, KH_VR('L', 'O'), KH_LEVEL_SERIES, false, PROTOCOL, 0},
    {KH_TAG_STUDY_INSTANCE_UID, KH_VR('U', 'I'), KH_LEVEL_STUDY, true, STUDY_UID, 0},
    {KH_TAG_SERIES_INSTANCE_UID, KH_VR('U', 'I'), KH_LEVEL_SERIES, true, SERIES_UID, 0},
    {KH_TAG_STUDY_ID, KH_VR('S', 'H'), KH_LEVEL_STUDY, false, STUDY_ID, 0},
    {KH_TAG_SERIES_NUMBER, KH_VR('I', 'S'), KH_LEVEL_SERIES, false, SERIES_NUMBER, 0},
    {KH_TAG_INSTANCE_NUMBER, KH_VR('I', 'S'), KH_LEVEL_IMAGE, false, INSTANCE_NUMBER, 0},
    {KH_TAG_LATERALITY, KH_VR('C', 'S'), KH_LEVEL_SERIES, false, LATERALITY, 0},
    {KH_TAG(0x0020, 0x1200), KH_VR('I', 'S'), KH_LEVEL_PATIENT, false, PATIENT_STUDIES, 0},
    {KH_TAG(0x0020, 0x1202), KH_VR('I', 'S'), KH_LEVEL_PATIENT, false, PATIENT_SERIES, 0},
    {KH_TAG(0x0020, 0x1204), KH_VR('I', 'S'), KH_LEVEL_PATIENT, false, PATIENT_OBJECTS, 0},
    {KH_TAG_NUMBER_OF_STUDY_RELATED_SERIES, KH_VR('I', 'S'), KH_LEVEL_STUDY, false, STUDY_SERIES, 0},
    {KH_TAG_NUMBER_OF_STUDY_RELATED_INSTANCES, KH_VR('I', 'S'), KH_LEVEL_STUDY, false, STUDY_OBJECTS, 0},
    {KH_TAG_NUMBER_OF_SERIES_RELATED_INSTANCES, KH_VR('I', 'S'), KH_LEVEL_SERIES, false, SERIES_OBJECTS, 0},
    {KH_TAG_SCHEDULED_PROCEDURE_STEP_ID, KH_VR('S', 'H'), KH_LEVEL_SERIES, false, STEP_ID, KH_TAG_REQUEST_ATTRIBUTES_SEQUENCE},
    {KH_TAG_PERFORMED_PROCEDURE_STEP_START_DATE, KH_VR('D', 'A'), KH_LEVEL_SERIES, false, PPS_DATE, 0},
    {KH_TAG_PERFORMED_PROCEDURE_STEP_START_TIME, KH_VR('T', 'M'), KH_LEVEL_SERIES, false, PPS_TIME, 0},
    {KH_TAG_REQUESTED_PROCEDURE_ID, KH_VR('S', 'H'), KH_LEVEL_SERIES, false, PROCEDURE_ID, KH_TAG_REQUEST_ATTRIBUTES_SEQUENCE},
};
#define ATTRIBUTE_COUNT (sizeof(attributes) / sizeof(attributes[0]))

const kh_search_attribute *kh_search_attribute_table(size_t *count)
{
    *count = ATTRIBUTE_COUNT;
    return attributes;
}

const kh_search_attribute *kh_search_attribute_find(kh_tag tag)
{
    for (size_t i = 0; i < ATTRIBUTE_COUNT; i++)
        if (attributes[i].tag == tag && attributes[i].within == 0)
            return &attributes[i];
    return NULL;
}

const kh_search_attribute *kh_search_attribute_within(kh_tag sequence, kh_tag tag)
{
    for (size_t i = 0; i < ATTRIBUTE_COUNT; i++)
        if (attributes[i].tag == tag && attributes[i].within == sequence)
            return &attributes[i];
    return NULL;
}

void kh_search_item_text(const char *item, const kh_search_attribute *attribute, char out[KH_SEARCH_VALUE_SIZE])
{
    size_t step = strcspn(item, "\t"), size = attribute->field == STEP_ID ? step : strcspn(item + step + 1, "\n");

    snprintf(out, KH_SEARCH_VALUE_SIZE, "%.*s", (int)size, attribute->field == STEP_ID ? item : item + step + 1);
}

const kh_search_attribute *kh_search_unique(kh_level level)
{
    for (size_t i = 0; i < ATTRIBUTE_COUNT; i++)
        if (attributes[i].unique && attributes[i].level == level)
            return &attributes[i];
    return NULL;
}

/* An index of before holds one group of a physician's name: the ideographic one when it has ideograms or kana (from U+3000 on: E3 in
 * UTF-8). */
static void physician_name(const char *text, kh_person_name *out)
{
    bool ideographic = false;

    memset(out, 0, sizeof(*out));
    for (const unsigned char *at = (const unsigned char *)text; *at; at++)
        ideographic = ideographic || *at >= 0xe3;
    snprintf(ideographic ? out->ideographic : out->alphabetic, sizeof(out->alphabetic), "%s", text);
}

bool kh_search_name(const kh_search_row *row, const kh_search_attribute *attribute, kh_person_name *out)
{
    if (attribute->field == NAME)
        *out = row->study.patient.name;
    else if (attribute->field == REFERRING && (row->referring.alphabetic[0] || row->referring.ideographic[0] || row->referring.phonetic[0]))
        *out = row->referring;
    else if (attribute->field == REFERRING)
        physician_name(row->study.referring_physician, out);
    return attribute->field == NAME || attribute->field == REFERRING;
}

/* Is any of it at its hospital? The deepest level that was read says. Of what is available in different ways the slowest is told. */
static bool row_away(const kh_search_row *row)
{
    if (row->object.id)
        return row->object.away;
    if (row->series.id)
        return row->series.away_count > 0;
    return (row->study.id ? row->study.away_count : row->patient_away) > 0;
}

static const char *text_of(const kh_search_row *row, int field)
{
    const kh_study *study = &row->study;

    switch (field) {
    case SOP_CLASS: return row->object.sop_class_uid;
    case SOP_INSTANCE: return row->object.sop_instance_uid;
    case STUDY_DATE: return study->date;
    case STUDY_TIME: return study->time;
    case ACCESSION: return study->accession;
    case AVAILABILITY: return row_away(row) ? "NEARLINE" : "ONLINE";
    case MODALITY: return row->series.modality;
    case MODALITIES: return study->modalities;
    case INSTITUTION: return study->institution;
    case STUDY_TEXT: return study->description;
    case SERIES_TEXT: return row->series.description;
    case PATIENT_ID: return study->patient.patient_id;
    case ISSUER: return study->patient.facility;
    case BIRTH_DATE: return study->patient.birth_date;
    case SEX: return study->patient.sex;
    case BODY_PART: return row->series.body_part;
    case PROTOCOL: return row->series.protocol;
    case STUDY_UID: return study->study_uid;
    case SERIES_UID: return row->series.series_uid;
    case STUDY_ID: return study->study_id;
    case LATERALITY: return row->series.laterality;
    case TIMEZONE: return row->timezone;
    case PPS_DATE: return row->pps_date;
    case PPS_TIME: return row->pps_time;
    default: return NULL;
    }
}

static int64_t number_of(const kh_search_row *row, int field)
{
    switch (field) {
    case SERIES_NUMBER: return row->series.number;
    case INSTANCE_NUMBER: return row->object.instance_number;
    case PATIENT_STUDIES: return row->patient_studies;
    case PATIENT_SERIES: return row->patient_series;
    case PATIENT_OBJECTS: return row->patient_objects;
    case STUDY_SERIES: return row->study.series_count;
    case STUDY_OBJECTS: return row->study.object_count;
    case SERIES_OBJECTS: return row->series.object_count;
    default: return INT64_MIN;
    }
}

/* Groups joined, empty ones at the end left out. */
static void join_name(const kh_person_name *name, char out[KH_SEARCH_VALUE_SIZE])
{
    size_t size;

    snprintf(out, KH_SEARCH_VALUE_SIZE, "%s=%s=%s", name->alphabetic, name->ideographic, name->phonetic);
    for (size = strlen(out); size > 0 && out[size - 1] == '='; size--)
        out[size - 1] = '\0';
}

void kh_search_text(const kh_search_row *row, const kh_search_attribute *attribute, char out[KH_SEARCH_VALUE_SIZE])
{
    const char *text = text_of(row, attribute->field);
    kh_person_name name;
    int64_t number;

    out[0] = '\0';
    if (kh_search_name(row, attribute, &name)) {
        join_name(&name, out);
    } else if (text) {
        kh_copy_text(out, KH_SEARCH_VALUE_SIZE, text);
    } else {
        number = number_of(row, attribute->field);
        if (number != INT64_MIN)
            snprintf(out, KH_SEARCH_VALUE_SIZE, "%" PRId64, number);
    }
}
