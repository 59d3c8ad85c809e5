#include "cache/rows.h"

#include <stdio.h>
#include <string.h>
#include "base/log.h"
#include "cache/corrections.h"
#include "cache/hiding.h"
#include "cache/internal.h"
#include "cache/received.h"
#include "cache/refresh.h"
#include "cache/removal.h"

#define MODALITIES_MAX 99

kh_status kh_rows_find(kh_sql *sql, int64_t facility_id, const char *sop_instance_uid, kh_held_object *out, bool *found,
                       kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_I(facility_id), KH_SQL_T(sop_instance_uid)};
    kh_sql_row *row;
    kh_status status = kh_sql_query(
        &row, sql,
        "SELECT o.id, o.series_ref, r.study_ref, o.origin_id, o.bytes, o.main_offset,"
        " o.transfer_syntax_uid, o.sha256, ifnull(o.file_id, o.id), o.hidden > 0 FROM object o JOIN series r ON r.id = o.series_ref"
        " WHERE o.facility_id = ?1 AND o.sop_uid = ?2",
        values, 2, err);

    *found = false;
    if (status == KH_OK)
        status = kh_sql_next(row, found, err);
    if (status == KH_OK && *found) {
        size_t size;
        const void *sum;

        memset(out, 0, sizeof *out);
        out->object_id = kh_sql_int(row, 0);
        out->series_id = kh_sql_int(row, 1);
        out->study_id = kh_sql_int(row, 2);
        out->origin_id = kh_sql_int(row, 3);
        out->bytes = (uint64_t)kh_sql_int(row, 4);
        out->main_offset = (uint64_t)kh_sql_int(row, 5);
        KH_COPY(out->transfer_syntax_uid, kh_sql_text(row, 6));
        sum = kh_sql_blob(row, 7, &size);
        if (size == sizeof out->sha256)
            memcpy(out->sha256, sum, size);
        out->file_id = kh_sql_int(row, 8);
        out->is_hidden = kh_sql_int(row, 9) != 0;
    }
    kh_sql_end(row);
    return status;
}

/* A row that may be there: its id and whether one of the texts from column 1 on is empty where `texts` has something to say. */
static kh_status find_row(kh_sql *sql, const char *query, const kh_sql_value *key, size_t key_count, const char *const *texts,
                          size_t text_count, int64_t *id, bool *fillable, kh_error *err)
{
    kh_sql_row *row;
    bool has_row = false;
    kh_status status = kh_sql_query(&row, sql, query, key, key_count, err);

    *id = 0;
    *fillable = false;
    if (status == KH_OK)
        status = kh_sql_next(row, &has_row, err);
    if (status == KH_OK && has_row) {
        *id = kh_sql_int(row, 0);
        for (size_t i = 0; i < text_count; i++)
            *fillable = *fillable || (texts[i][0] && !kh_sql_text(row, (int)i + 1)[0]);
    }
    kh_sql_end(row);
    return status;
}

kh_status kh_rows_patient(kh_write *write, int64_t facility_id, const kh_facts *facts, int64_t *id, kh_error *err)
{
    const char *texts[] = {facts->name.alphabetic, facts->name.ideographic, facts->name.phonetic, facts->birth_date, facts->sex};
    const kh_sql_value values[] = {KH_SQL_I(facility_id),
                                   KH_SQL_T(facts->patient_id),
                                   KH_SQL_T(facts->patient_id[0] ? "" : facts->study_uid),
                                   KH_SQL_T(texts[0]),
                                   KH_SQL_T(texts[1]),
                                   KH_SQL_T(texts[2]),
                                   KH_SQL_T(texts[3]),
                                   KH_SQL_T(texts[4])};
    kh_sql *sql = kh_write_sql(write);
    bool fillable;
    kh_status status = kh_corrections_patient_of(write, facility_id, facts->patient_id, facts->study_uid, id, err);

    if (status != KH_OK || *id != 0)
        return status;
    status = find_row(sql,
                      "SELECT id, name_alphabetic, name_ideographic, name_phonetic, birth_date, sex FROM patient"
                      " WHERE facility_id = ?1 AND patient_id = ?2 AND apart = ?3",
                      values, 3, texts, 5, id, &fillable, err);
    if (status == KH_OK && *id == 0) {
        status = kh_sql_run(sql,
                            "INSERT INTO patient (facility_id, patient_id, apart, name_alphabetic, name_ideographic,"
                            " name_phonetic, birth_date, sex) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                            values, 8, NULL, err);
        *id = kh_sql_last_id(sql);
    } else if (status == KH_OK && fillable) {
        status = kh_sql_run(sql,
                            "UPDATE patient SET name_alphabetic = iif(name_alphabetic = '', ?4, name_alphabetic),"
                            " name_ideographic = iif(name_ideographic = '', ?5, name_ideographic),"
                            " name_phonetic = iif(name_phonetic = '', ?6, name_phonetic),"
                            " birth_date = iif(birth_date = '', ?7, birth_date), sex = iif(sex = '', ?8, sex)"
                            " WHERE facility_id = ?1 AND patient_id = ?2 AND apart = ?3",
                            values, 8, NULL, err);
        if (status == KH_OK)
            status = kh_refresh_search_of(write, *id, err);
    }
    return status;
}

static kh_status put_study(kh_write *write, const kh_facts *facts, int64_t patient_ref, int64_t *id, kh_error *err)
{
    char referring[sizeof facts->referring + 2] = "";
    const char *texts[] = {facts->study_date,  facts->study_time,          facts->study_description, facts->accession,
                           facts->institution, facts->referring_physician, facts->study_id, facts->timezone, referring};
    const kh_sql_value values[] = {KH_SQL_I(patient_ref), KH_SQL_T(facts->study_uid), KH_SQL_T(texts[0]), KH_SQL_T(texts[1]),
                                   KH_SQL_T(texts[2]),    KH_SQL_T(texts[3]),         KH_SQL_T(texts[4]), KH_SQL_T(texts[5]),
                                   KH_SQL_T(texts[6]),    KH_SQL_T(texts[7]),         KH_SQL_T(texts[8]), KH_SQL_I(kh_write_now_ms(write))};
    kh_sql *sql = kh_write_sql(write);
    bool fillable;
    kh_status status;

    snprintf(referring, sizeof referring, "%s=%s=%s", facts->referring.alphabetic, facts->referring.ideographic, facts->referring.phonetic);
    if (strcmp(referring, "==") == 0)
        referring[0] = '\0';
    status = find_row(sql,
                      "SELECT id, date, time, description, accession, institution, referring_physician, study_id, timezone, referring"
                      " FROM study WHERE patient_ref = ?1 AND study_uid = ?2",
                      values, 2, texts, 9, id, &fillable, err);
    if (status == KH_OK && *id == 0) {
        status = kh_sql_run(sql,
                            "INSERT INTO study (patient_ref, study_uid, date, time, description, accession, institution,"
                            " referring_physician, study_id, first_arrival_ms, last_arrival_ms, last_used_ms, timezone, referring)"
                            " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?12, ?12, ?12, ?10, ?11)",
                            values, 12, NULL, err);
        *id = kh_sql_last_id(sql);
        return status == KH_OK ? kh_refresh_search(write, *id, err) : status;
    }
    if (status == KH_OK && fillable) {
        status = kh_sql_run(sql,
                            "UPDATE study SET date = iif(date = '', ?3, date), time = iif(time = '', ?4, time),"
                            " description = iif(description = '', ?5, description), accession = iif(accession = '', ?6, accession),"
                            " institution = iif(institution = '', ?7, institution),"
                            " referring_physician = iif(referring_physician = '', ?8, referring_physician),"
                            " study_id = iif(study_id = '', ?9, study_id), timezone = iif(timezone = '', ?10, timezone),"
                            " referring = iif(referring = '', ?11, referring)"
                            " WHERE patient_ref = ?1 AND study_uid = ?2",
                            values, 11, NULL, err);
        if (status == KH_OK)
            status = kh_refresh_search(write, *id, err);
    }
    return status;
}

/* The sorted codes of the study's series; those that would not fit are left out whole. */
static kh_status write_modalities(kh_sql *sql, int64_t study_id, kh_error *err)
{
    const kh_sql_value id = KH_SQL_I(study_id);
    kh_sql_value values[] = {id, KH_SQL_N};
    char joined[MODALITIES_MAX + 1] = "";
    size_t used = 0;
    kh_sql_row *row;
    bool has_row;
    kh_status status = kh_sql_query(
        &row, sql, "SELECT DISTINCT modality FROM series WHERE study_ref = ?1 AND modality <> '' ORDER BY modality", &id, 1, err);

    while (status == KH_OK && (status = kh_sql_next(row, &has_row, err)) == KH_OK && has_row) {
        const char *code = kh_sql_text(row, 0);

        if (used + 1 + strlen(code) <= MODALITIES_MAX)
            used += (size_t)snprintf(joined + used, sizeof joined - used, "%s%s", used ? "," : "", code);
    }
    kh_sql_end(row);
    if (status != KH_OK)
        return status;
    values[1] = KH_SQL_T(joined);
    return kh_sql_run(sql, "UPDATE study SET modalities = ?2, series_count = series_count + 1 WHERE id = ?1", values, 2, NULL, err);
}

static kh_status put_series(kh_write *write, const kh_facts *facts, int64_t study_id, int64_t *id, kh_error *err)
{
    const char *texts[] = {facts->series_description, facts->body_part, facts->protocol, facts->laterality,
                           facts->pps_date, facts->pps_time, facts->request, facts->department};
    const kh_sql_value values[] = {KH_SQL_I(study_id),
                                   KH_SQL_T(facts->series_uid),
                                   KH_SQL_T(facts->modality),
                                   KH_SQL_T(texts[0]),
                                   KH_SQL_T(texts[1]),
                                   KH_SQL_T(texts[2]),
                                   KH_SQL_T(texts[3]),
                                   facts->series_number == INT64_MIN ? KH_SQL_N : KH_SQL_I(facts->series_number),
                                   KH_SQL_T(texts[4]),
                                   KH_SQL_T(texts[5]),
                                   KH_SQL_T(texts[6]),
                                   KH_SQL_T(texts[7])};
    kh_sql *sql = kh_write_sql(write);
    bool fillable;
    kh_status status =
        find_row(sql,
                 "SELECT id, description, body_part, protocol, laterality, pps_date, pps_time, request, department FROM series"
                 " WHERE study_ref = ?1 AND series_uid = ?2",
                 values, 2, texts, 8, id, &fillable, err);

    if (status == KH_OK && *id == 0) {
        status = kh_sql_run(sql,
                            "INSERT INTO series (study_ref, series_uid, modality, description, body_part, protocol, laterality,"
                            " number, pps_date, pps_time, request, department) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
                            values, 12, NULL, err);
        *id = kh_sql_last_id(sql);
        return status == KH_OK ? write_modalities(sql, study_id, err) : status;
    }
    if (status == KH_OK && fillable)
        status = kh_sql_run(sql,
                            "UPDATE series SET description = iif(description = '', ?4, description),"
                            " body_part = iif(body_part = '', ?5, body_part), protocol = iif(protocol = '', ?6, protocol),"
                            " laterality = iif(laterality = '', ?7, laterality), number = coalesce(number, ?8),"
                            " modality = iif(modality = '', ?3, modality), pps_date = iif(pps_date = '', ?9, pps_date),"
                            " pps_time = iif(pps_time = '', ?10, pps_time), request = iif(request = '', ?11, request),"
                            " department = iif(ifnull(department, '') = '', ?12, department)"
                            " WHERE study_ref = ?1 AND series_uid = ?2",
                            values, 12, NULL, err);
    return status;
}

static kh_status insert_object(kh_write *write, const kh_row_job *job, kh_error *err)
{
    const kh_facts *facts = job->facts;
    const kh_sql_value values[] = {
        KH_SQL_I(job->object_id),
        KH_SQL_I(job->series_id),
        KH_SQL_I(job->facility_id),
        KH_SQL_I(job->origin_id),
        KH_SQL_T(facts->sop_instance_uid),
        KH_SQL_T(facts->sop_class_uid),
        KH_SQL_T(facts->transfer_syntax_uid),
        facts->instance_number == INT64_MIN ? KH_SQL_N : KH_SQL_I(facts->instance_number),
        KH_SQL_I(facts->bytes),
        KH_SQL_I(facts->main_offset),
        KH_SQL_B(facts->sha256, sizeof facts->sha256),
        KH_SQL_I(facts->frame_count),
        KH_SQL_I(kh_write_now_ms(write)),
        KH_SQL_T(facts->problem),
        facts->image.size ? KH_SQL_B(facts->image.data, facts->image.size) : KH_SQL_N,
    };

    return kh_sql_run(kh_write_sql(write),
                      "INSERT INTO object (id, series_ref, facility_id, origin_id, sop_uid, sop_class_uid, transfer_syntax_uid,"
                      " instance_number, bytes, main_offset, sha256, frame_count, arrived_ms, problem, image)"
                      " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
                      values, sizeof values / sizeof values[0], NULL, err);
}

static kh_status count_object(kh_write *write, const kh_row_job *job, kh_error *err)
{
    const kh_facts *facts = job->facts;
    kh_sql *sql = kh_write_sql(write);
    kh_sql_value values[] = {KH_SQL_I(job->series_id), KH_SQL_I(facts->described), KH_SQL_I(facts->frame_count),
                             KH_SQL_I(facts->bytes), KH_SQL_I(kh_write_now_ms(write)), KH_SQL_I(job->origin_id)};
    kh_status status = kh_sql_run(sql,
                                  "UPDATE series SET object_count = object_count + 1, image_count = image_count + ?2,"
                                  " frame_count = frame_count + ?3, revision = revision + 1 WHERE id = ?1",
                                  values, 3, NULL, err);

    values[0] = KH_SQL_I(job->study_id);
    if (status == KH_OK)
        status = kh_sql_run(sql,
                            "UPDATE study SET object_count = object_count + 1, image_count = image_count + ?2,"
                            " frame_count = frame_count + ?3, bytes = bytes + ?4, last_arrival_ms = ?5,"
                            " known_node = iif((SELECT pull_id FROM origin WHERE id = ?6) > 0, known_node, 0),"
                            " revision = revision + 1 WHERE id = ?1",
                            values, 6, NULL, err);
    if (status == KH_OK)
        status = kh_sql_run(sql, "INSERT INTO arrival (study_ref) VALUES (?1) ON CONFLICT DO NOTHING", values, 1, NULL, err);
    if (status == KH_OK)
        status = kh_sql_run(sql, "UPDATE study SET here = 1 WHERE id = ?1 AND here = 0", values, 1, NULL, err);
    if (status == KH_OK)
        status = kh_removal_count_bytes(write, (int64_t)facts->bytes, err);
    if (status == KH_OK)
        status = kh_received_count(write, job->origin_id, (int64_t)facts->bytes, err);
    return status;
}

/* The object is a rejection note. */
static kh_status reject(kh_write *write, const kh_row_job *job, kh_error *err)
{
    const kh_rejection *note = &job->facts->rejection;
    const kh_change_author author = {note->reason, "hospital"};
    int64_t change_id = 0, objects = 0;
    kh_status status = kh_change_note(write, KH_CHANGE_REJECTED, job->facility_id, 0, job->study_id, &author, &change_id, err);

    if (status == KH_OK)
        status = kh_hide_uids(write, change_id, job->facility_id, note, &objects, err);
    if (status == KH_OK)
        kh_log(KH_LOG_INFO, "changes", "change %lld: rejection note %lld, %s: %lld of %zu objects are hidden", (long long)change_id,
               (long long)job->object_id, note->reason, (long long)objects, note->count);
    return status;
}

kh_status kh_rows_insert(kh_write *write, void *context, kh_error *err)
{
    kh_row_job *job = context;
    kh_status status = kh_rows_find(kh_write_sql(write), job->facility_id, job->facts->sop_instance_uid, &job->held,
                                    &job->is_held, err);

    job->kept_id = job->object_id;
    if (status == KH_OK && job->is_held &&
        (job->held.file_id == 0 || job->held.file_id == job->missing_file_id || job->held.file_id == job->replaced_file_id))
        return kh_rows_return(write, job, err);
    if (status != KH_OK || job->is_held)
        return status;
    return kh_rows_add(write, job, err);
}

/* The log says so once for each study: whose it is somebody has to find out. */
static kh_status note_foreign(kh_write *write, const kh_row_job *job, kh_error *err)
{
    const kh_sql_value id = KH_SQL_I(job->study_id);
    int64_t noted = 0;
    kh_status status =
        kh_sql_run(kh_write_sql(write), "UPDATE study SET foreign_id = 1 WHERE id = ?1 AND foreign_id = 0", &id, 1, &noted, err);

    if (status == KH_OK && noted > 0)
        kh_log(
            KH_LOG_WARN, "ingest",
            "study %lld: its patient ID was given by an issuer that is none of its hospital's; it is no patient's until somebody says whose",
            (long long)job->study_id);
    return status;
}

kh_status kh_rows_add(kh_write *write, kh_row_job *job, kh_error *err)
{
    kh_arrived arrived = {.facility_id = job->facility_id, .object_id = job->object_id, .sop_instance_uid = job->facts->sop_instance_uid};
    int64_t patient_ref = 0;
    kh_status status;

    status = kh_rows_patient(write, job->facility_id, job->facts, &patient_ref, err);
    if (status == KH_OK)
        status = put_study(write, job->facts, patient_ref, &job->study_id, err);
    if (status == KH_OK && job->facts->foreign)
        status = note_foreign(write, job, err);
    if (status == KH_OK)
        status = put_series(write, job->facts, job->study_id, &job->series_id, err);
    if (status == KH_OK)
        status = insert_object(write, job, err);
    if (status == KH_OK)
        status = count_object(write, job, err);
    arrived.study_id = job->study_id;
    arrived.series_id = job->series_id;
    if (status == KH_OK)
        status = kh_hide_arrival(write, &arrived, err);
    if (status == KH_OK && job->facts->rejection.reason)
        status = reject(write, job, err);
    return status == KH_OK ? kh_write_event(write, KH_EVENT_STUDY, job->study_id, err) : status;
}
