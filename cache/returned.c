/* returned.c - an object that was away has come back, or another takes the place of one that is here. Its id keeps naming the same picture
 * for ever: whoever has a stack, a frame or a tile of it in memory may go on with that. So it is kept only when what came is what went;
 * else the object is a new one. */
#include <inttypes.h>
#include <string.h>
#include "base/log.h"
#include "cache/hiding.h"
#include "cache/received.h"
#include "cache/removal.h"
#include "cache/rows.h"

/* The same file; or another header before a data set of the same length, syntax and description, checksums of the frames included. */
static kh_status is_as_it_went(kh_write *write, const kh_row_job *job, bool *same, kh_error *err)
{
    const kh_facts *facts = job->facts;
    const kh_held_object *held = &job->held;
    const kh_sql_value values[] = {KH_SQL_I(held->object_id), KH_SQL_B(facts->image.data, facts->image.size), KH_SQL_T(facts->series_uid),
                                   KH_SQL_T(facts->study_uid), KH_SQL_T(facts->patient_id)};
    kh_sql_row *row;
    kh_status status;

    *same = memcmp(held->sha256, facts->sha256, sizeof held->sha256) == 0;
    if (*same || facts->image.size == 0 || held->bytes != facts->bytes || held->main_offset != facts->main_offset ||
        strcmp(held->transfer_syntax_uid, facts->transfer_syntax_uid) != 0)
        return KH_OK;
    status = kh_sql_query(&row, kh_write_sql(write),
                          "SELECT 1 FROM object o JOIN series r ON r.id = o.series_ref JOIN study s ON s.id = r.study_ref"
                          " JOIN patient p ON p.id = s.patient_ref WHERE o.id = ?1 AND o.image = ?2 AND r.series_uid = ?3"
                          " AND s.study_uid = ?4 AND p.patient_id = ?5",
                          values, 5, err);
    if (status == KH_OK)
        status = kh_sql_next(row, same, err);
    kh_sql_end(row);
    return status;
}

/* The remains of a file that was cut go. */
static kh_status take_place(kh_write *write, const kh_held_object *held, kh_error *err)
{
    return held->file_id > 0 ? kh_removal_note(write, held->file_id, held->origin_id, err) : KH_OK;
}

static kh_status give_file(kh_write *write, const kh_row_job *job, kh_error *err)
{
    const kh_held_object *held = &job->held;
    kh_sql *sql = kh_write_sql(write);
    const kh_sql_value object[] = {KH_SQL_I(held->object_id), KH_SQL_I(job->object_id), KH_SQL_I(job->origin_id),
                                   KH_SQL_B(job->facts->sha256, sizeof job->facts->sha256), KH_SQL_I(kh_write_now_ms(write))};
    const kh_sql_value series[] = {KH_SQL_I(held->series_id), KH_SQL_I(held->file_id == 0)};
    const kh_sql_value study[] = {KH_SQL_I(held->study_id), KH_SQL_I(held->file_id == 0), KH_SQL_I(held->bytes),
                                  KH_SQL_I(kh_write_now_ms(write))};
    kh_status status = take_place(write, held, err);

    if (status == KH_OK)
        status = kh_sql_run(sql, "UPDATE object SET file_id = ?2, origin_id = ?3, sha256 = ?4, arrived_ms = ?5 WHERE id = ?1", object, 5,
                            NULL, err);

    if (status == KH_OK)
        status = kh_sql_run(sql, "UPDATE series SET away_count = away_count - ?2, revision = revision + 1 WHERE id = ?1", series, 2, NULL,
                            err);
    if (status == KH_OK)
        status = kh_sql_run(sql,
                            "UPDATE study SET away_count = away_count - ?2, away_bytes = away_bytes - ?3 * ?2, here = 1,"
                            " last_used_ms = ?4, last_arrival_ms = ?4, revision = revision + 1 WHERE id = ?1",
                            study, 4, NULL, err);
    if (status == KH_OK && held->file_id == 0)
        status = kh_removal_count_bytes(write, (int64_t)held->bytes, err);
    if (status == KH_OK)
        status = kh_received_count(write, job->origin_id, (int64_t)held->bytes, err);
    return status == KH_OK ? kh_write_event(write, KH_EVENT_STUDY, held->study_id, err) : status;
}

kh_status kh_rows_return(kh_write *write, kh_row_job *job, kh_error *err)
{
    bool same = false;
    bool replaced = job->replaced_file_id > 0 && job->held.file_id == job->replaced_file_id;
    kh_status status = replaced ? KH_OK : is_as_it_went(write, job, &same, err);

    job->is_held = false;
    if (status == KH_OK && same) {
        status = give_file(write, job, err);
        if (status == KH_OK && job->held.is_hidden) /* it is in no count */
            status = kh_recount_study(write, job->held.study_id, err);
        job->kept_id = job->held.object_id;
        job->series_id = job->held.series_id;
        job->study_id = job->held.study_id;
        return status;
    }
    if (status == KH_OK)
        status = kh_removal_object(write, job->held.object_id, err);
    if (status == KH_OK)
        status = kh_rows_add(write, job, err);
    if (status == KH_OK)
        kh_log(KH_LOG_INFO, "ingest", "object %" PRId64 " came with other bytes and is object %" PRId64 " now", job->held.object_id,
               job->object_id);
    return status;
}
