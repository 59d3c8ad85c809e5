/* search_rows.c - a row of one of the statements of search_ways.c. */
#include <stdio.h>
#include <string.h>
#include "cache/image_record.h"
#include "cache/internal.h"
#include "cache/search_internal.h"

static void read_patient(kh_sql_row *row, kh_search_row *out)
{
    kh_patient *patient = &out->study.patient;

    out->patient_row = kh_sql_int(row, 0);
    KH_COPY(patient->facility, kh_sql_text(row, 1));
    KH_COPY(patient->patient_id, kh_sql_text(row, 2));
    KH_COPY(patient->name.alphabetic, kh_sql_text(row, 3));
    KH_COPY(patient->name.ideographic, kh_sql_text(row, 4));
    KH_COPY(patient->name.phonetic, kh_sql_text(row, 5));
    KH_COPY(patient->birth_date, kh_sql_text(row, 6));
    KH_COPY(patient->sex, kh_sql_text(row, 7));
}

/* "alphabetic=ideographic=phonetic" */
static void read_name(const char *text, kh_person_name *out)
{
    char *const groups[] = {out->alphabetic, out->ideographic, out->phonetic};

    for (size_t i = 0; i < 3 && *text; i++) {
        size_t size = strcspn(text, "=");

        snprintf(groups[i], sizeof out->alphabetic, "%.*s", (int)size, text);
        text += size + (text[size] == '=');
    }
}

static void read_study(kh_sql_row *row, kh_search_row *of)
{
    kh_study *out = &of->study;

    out->id = kh_sql_int(row, 8);
    KH_COPY(out->study_uid, kh_sql_text(row, 9));
    KH_COPY(out->date, kh_sql_text(row, 10));
    KH_COPY(out->time, kh_sql_text(row, 11));
    KH_COPY(out->description, kh_sql_text(row, 12));
    KH_COPY(out->accession, kh_sql_text(row, 13));
    KH_COPY(out->referring_physician, kh_sql_text(row, 14));
    KH_COPY(out->institution, kh_sql_text(row, 15));
    KH_COPY(out->study_id, kh_sql_text(row, 16));
    KH_COPY(out->modalities, kh_sql_text(row, 17));
    out->series_count = kh_sql_int(row, 18);
    out->object_count = kh_sql_int(row, 19);
    out->away_count = kh_sql_int(row, 20);
    KH_COPY(of->timezone, kh_sql_text(row, 21));
    read_name(kh_sql_text(row, 22), &of->referring);
    out->first_arrival_ms = kh_sql_int(row, 23);
}

static void read_series(kh_sql_row *row, kh_search_row *of)
{
    kh_series *out = &of->series;

    out->id = kh_sql_int(row, 24);
    KH_COPY(out->series_uid, kh_sql_text(row, 25));
    out->number = kh_sql_is_null(row, 26) ? INT64_MIN : kh_sql_int(row, 26);
    KH_COPY(out->modality, kh_sql_text(row, 27));
    KH_COPY(out->description, kh_sql_text(row, 28));
    KH_COPY(out->body_part, kh_sql_text(row, 29));
    KH_COPY(out->protocol, kh_sql_text(row, 30));
    KH_COPY(out->laterality, kh_sql_text(row, 31));
    out->object_count = kh_sql_int(row, 32);
    out->away_count = kh_sql_int(row, 33);
    KH_COPY(of->pps_date, kh_sql_text(row, 34));
    KH_COPY(of->pps_time, kh_sql_text(row, 35));
    KH_COPY(of->request, kh_sql_text(row, 36));
    KH_COPY(out->department, kh_sql_text(row, 37));
    out->image_count = kh_sql_int(row, 38);
}

static void read_object(kh_sql_row *row, kh_search_row *out)
{
    kh_object *object = &out->object;

    object->id = kh_sql_int(row, 39);
    object->series_id = out->series.id;
    KH_COPY(object->sop_instance_uid, kh_sql_text(row, 40));
    KH_COPY(object->sop_class_uid, kh_sql_text(row, 41));
    KH_COPY(object->transfer_syntax_uid, kh_sql_text(row, 42));
    object->instance_number = kh_sql_is_null(row, 43) ? INT64_MIN : kh_sql_int(row, 43);
    object->bytes = kh_sql_int(row, 44);
    object->frame_count = kh_sql_int(row, 45);
    out->main_offset = kh_sql_int(row, 46);
    object->away = kh_sql_int(row, 47) != 0;
    out->place = (kh_object_place){.object_id = object->id, .series_id = out->series.id, .origin_id = kh_sql_int(row, 48),
                                   .file_id = kh_sql_int(row, 49)};
}

void kh_search_read_row(kh_sql_row *row, kh_level level, kh_search_row *out)
{
    memset(out, 0, sizeof(*out));
    read_patient(row, out);
    if (level >= KH_LEVEL_STUDY)
        read_study(row, out);
    if (level >= KH_LEVEL_SERIES)
        read_series(row, out);
    if (level >= KH_LEVEL_IMAGE)
        read_object(row, out);
}

/* Of one that is not all to be shown: study by study. */
static kh_status count_allowed(kh_sql_row *row, kh_sql *sql, const kh_scope *scope, kh_search_row *out, kh_error *err)
{
    kh_study study = {
        .id = kh_sql_int(row, 0), .patient = out->study.patient, .series_count = kh_sql_int(row, 4), .object_count = kh_sql_int(row, 5)};
    bool allowed = false;
    kh_status status;

    KH_COPY(study.study_uid, kh_sql_text(row, 1));
    KH_COPY(study.date, kh_sql_text(row, 2));
    KH_COPY(study.modalities, kh_sql_text(row, 3));
    study.away_count = kh_sql_int(row, 6);
    study.first_arrival_ms = kh_sql_int(row, 7);
    status = kh_scope_decide(sql, scope, &study, &allowed, err);
    if (status == KH_OK && allowed)
        status = kh_scope_trim(sql, scope, &study, err);
    if (status != KH_OK || !allowed)
        return status;
    out->patient_studies++;
    out->patient_series += study.series_count;
    out->patient_objects += study.object_count;
    out->patient_away += study.away_count;
    return KH_OK;
}

static kh_status count_whole(kh_sql_row *row, kh_search_row *out)
{
    out->patient_studies = kh_sql_int(row, 0);
    out->patient_series = kh_sql_int(row, 1);
    out->patient_objects = kh_sql_int(row, 2);
    out->patient_away = kh_sql_int(row, 3);
    return KH_OK;
}

kh_status kh_search_count_patient(kh_sql *sql, const kh_scope *scope, kh_search_row *out, kh_error *err)
{
    const kh_sql_value value = KH_SQL_I(out->patient_row);
    const bool foreign = kh_scope_is_foreign(scope, &out->study);
    bool has_row = true;
    kh_sql_row *row;
    kh_status status;

    if (foreign)
        status = kh_sql_query(&row, sql,
                              "SELECT id, study_uid, date, modalities, series_count, object_count, away_count, first_arrival_ms FROM study"
                              " WHERE patient_ref = ?1 AND object_count > 0", &value, 1, err);
    else
        status = kh_sql_query(
            &row, sql,
            "SELECT count(*), total(series_count), total(object_count), total(away_count) FROM study WHERE patient_ref = ?1 AND object_count > 0",
            &value, 1, err);
    while (status == KH_OK && (status = kh_sql_next(row, &has_row, err)) == KH_OK && has_row)
        status = foreign ? count_allowed(row, sql, scope, out, err) : count_whole(row, out);
    kh_sql_end(row);
    return status;
}

kh_status kh_search_read_format(kh_sql *sql, kh_search_row *out, kh_error *err)
{
    const kh_sql_value id = KH_SQL_I(out->object.id);
    kh_sql_row *row;
    bool has_row;
    size_t size;
    kh_status status = kh_sql_query(&row, sql, "SELECT image FROM object WHERE id = ?1 AND image IS NOT NULL", &id, 1, err);

    if (status == KH_OK)
        status = kh_sql_next(row, &has_row, err);
    if (status == KH_OK && has_row) {
        const void *image = kh_sql_blob(row, 0, &size);

        if (kh_image_record_format(&out->format, image, size, NULL) != KH_OK)
            memset(&out->format, 0, sizeof out->format);
    }
    kh_sql_end(row);
    return status;
}
