#include "cache/hiding.h"

#include <string.h>
#include "cache/internal.h"

kh_status kh_change_note(kh_write *write, kh_change_kind kind, int64_t facility_id, int64_t patient_ref, int64_t study_id,
                         const kh_change_author *author, int64_t *id, kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_I(kind),     KH_SQL_I(facility_id),    KH_SQL_I(patient_ref),
                                   KH_SQL_I(study_id), KH_SQL_I(kh_write_now_ms(write)), KH_SQL_T(author->reason),
                                   KH_SQL_T(author->asked_by)};
    kh_sql *sql = kh_write_sql(write);
    kh_status status =
        kh_sql_run(sql,
                   "INSERT INTO change (kind, facility_id, patient_ref, study_ref, when_ms, reason, asked_by) VALUES (?1,"
                   " iif(?2 > 0, ?2, (SELECT p.facility_id FROM study s JOIN patient p ON p.id = s.patient_ref WHERE s.id = ?4)),"
                   " ?3, ?4, ?5, ?6, ?7)",
                   values, 7, NULL, err);

    *id = status == KH_OK ? kh_sql_last_id(sql) : 0;
    return status;
}

kh_status kh_recount_study(kh_write *write, int64_t study_id, kh_error *err)
{
    static const char *const statements[] = {
        "UPDATE series SET (object_count, image_count, frame_count, away_count) = (SELECT count(*),"
        " total(o.image IS NOT NULL AND o.problem = ''), total(o.frame_count), total(o.file_id IS 0) FROM object o"
        " WHERE o.series_ref = series.id AND o.hidden = 0), revision = revision + 1 WHERE study_ref = ?1",
        "UPDATE study SET (series_count, object_count, image_count, frame_count, away_count) = (SELECT total(object_count > 0),"
        " total(object_count), total(image_count), total(frame_count), total(away_count) FROM series WHERE study_ref = ?1),"
        " (bytes, away_bytes) = (SELECT total(o.bytes), total(o.bytes * (o.file_id IS 0)) FROM series r"
        " JOIN object o ON o.series_ref = r.id AND o.hidden = 0 WHERE r.study_ref = ?1),"
        " modalities = coalesce((SELECT group_concat(modality, ',') FROM (SELECT modality, sum(length(modality) + 1) OVER (ORDER BY modality) AS used"
        " FROM (SELECT DISTINCT modality FROM series WHERE study_ref = ?1 AND modality <> '' AND object_count > 0)) WHERE used <= 100), ''),"
        " revision = revision + 1 WHERE id = ?1",
        "UPDATE study SET here = object_count > away_count OR EXISTS (SELECT 1 FROM series r JOIN object o ON o.series_ref = r.id"
        " WHERE r.study_ref = ?1 AND o.hidden > 0 AND o.file_id IS NOT 0) WHERE id = ?1",
    };
    const kh_sql_value value = KH_SQL_I(study_id);
    kh_status status = KH_OK;

    for (size_t i = 0; i < sizeof statements / sizeof statements[0] && status == KH_OK; i++)
        status = kh_sql_run(kh_write_sql(write), statements[i], &value, 1, NULL, err);
    return status == KH_OK ? kh_write_event(write, KH_EVENT_STUDY, study_id, err) : status;
}

static kh_status count_hidden(kh_write *write, int64_t change_id, int64_t objects, kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_I(change_id), KH_SQL_I(objects)};

    return kh_sql_run(kh_write_sql(write), "UPDATE change SET objects = objects + ?2 WHERE id = ?1", values, 2, NULL, err);
}

/* A study that is open somewhere, or listed; a statement per list, as one cannot be changed while it is read. */
#define STUDIES_AT_ONCE 64

typedef struct study_list {
    size_t count;
    int64_t ids[STUDIES_AT_ONCE], last;
} study_list;

static kh_status list_studies(kh_sql *sql, int64_t change_id, study_list *out, kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_I(change_id), KH_SQL_I(out->last), KH_SQL_I(STUDIES_AT_ONCE)};
    kh_sql_row *row;
    bool has_row;
    kh_status status = kh_sql_query(&row, sql,
                                    "SELECT DISTINCT r.study_ref FROM object o JOIN series r ON r.id = o.series_ref"
                                    " WHERE o.hidden = ?1 AND o.hidden > 0 AND r.study_ref > ?2 ORDER BY r.study_ref LIMIT ?3",
                                    values, 3, err);

    out->count = 0;
    while (status == KH_OK && (status = kh_sql_next(row, &has_row, err)) == KH_OK && has_row)
        out->ids[out->count++] = out->last = kh_sql_int(row, 0);
    kh_sql_end(row);
    return status;
}

static kh_status recount_studies_of(kh_write *write, int64_t change_id, kh_error *err)
{
    study_list studies = {.last = 0};
    kh_status status;

    do {
        status = list_studies(kh_write_sql(write), change_id, &studies, err);
        for (size_t i = 0; i < studies.count && status == KH_OK; i++)
            status = kh_recount_study(write, studies.ids[i], err);
    } while (status == KH_OK && studies.count == STUDIES_AT_ONCE);
    return status;
}

/* What comes later of it stays hidden. */
#define NOTE_LATER                                                                                                             \
    "INSERT INTO rejected (facility_id, sop_uid, change_id) SELECT facility_id, sop_uid, hidden FROM object"

static kh_status note_hidden(kh_write *write, int64_t change_id, int64_t study_id, int64_t objects, kh_error *err)
{
    const kh_sql_value value = KH_SQL_I(change_id);
    kh_status status = kh_sql_run(kh_write_sql(write), NOTE_LATER " WHERE hidden = ?1 AND hidden > 0 ON CONFLICT DO NOTHING", &value, 1,
                                  NULL, err);

    if (status == KH_OK)
        status = count_hidden(write, change_id, objects, err);
    return status == KH_OK ? kh_recount_study(write, study_id, err) : status;
}

kh_status kh_hide_part(kh_write *write, int64_t change_id, int64_t study_id, int64_t series_id, int64_t object_id, int64_t *objects,
                       kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_I(change_id), KH_SQL_I(study_id), KH_SQL_I(series_id), KH_SQL_I(object_id)};
    kh_sql *sql = kh_write_sql(write);
    kh_status status = kh_sql_run(sql,
                                  "UPDATE object SET hidden = ?1 WHERE hidden = 0 AND (?4 = 0 OR id = ?4) AND series_ref IN"
                                  " (SELECT id FROM series WHERE study_ref = ?2 AND (?3 = 0 OR id = ?3))",
                                  values, 4, objects, err);

    return status == KH_OK ? note_hidden(write, change_id, study_id, *objects, err) : status;
}

kh_status kh_hide_missing(kh_write *write, int64_t change_id, int64_t study_id, int64_t node_id, int64_t *objects, kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_I(change_id), KH_SQL_I(study_id), KH_SQL_I(node_id)};
    kh_sql *sql = kh_write_sql(write);
    kh_status status =
        kh_sql_run(sql,
                   "UPDATE object SET hidden = ?1 WHERE hidden = 0 AND id IN (SELECT object_ref FROM compare_missing WHERE node_id = ?3"
                   " AND study_ref = ?2) AND series_ref IN (SELECT id FROM series WHERE study_ref = ?2)",
                   values, 3, objects, err);

    if (status == KH_OK) /* or nobody would ask whether they are there again */
        status = kh_sql_run(sql, "INSERT INTO compare_hidden (change_id, node_id, study_ref) VALUES (?1, ?3, ?2)", values, 3, NULL, err);
    if (status == KH_OK) /* what is missing after this has not been missing since then */
        status = kh_sql_run(sql, "UPDATE compare_study SET kind = 0, since_ms = 0 WHERE study_ref = ?1 AND node_id = ?2", values + 1, 2, NULL,
                            err);
    return status == KH_OK ? note_hidden(write, change_id, study_id, *objects, err) : status;
}

kh_status kh_show_reappeared(kh_write *write, int64_t change_id, int64_t study_id, int64_t node_id, int64_t *objects, kh_error *err)
{
    static const char *const statements[] = {
        "DELETE FROM rejected WHERE (facility_id, sop_uid, change_id) IN (SELECT o.facility_id, o.sop_uid, o.hidden FROM shown_again w"
        " JOIN object o ON o.id = w.object_ref WHERE w.change_id = ?1)",
        "UPDATE object SET hidden = 0 WHERE id IN (SELECT object_ref FROM shown_again WHERE change_id = ?1)",
    };
    const kh_sql_value values[] = {KH_SQL_I(change_id), KH_SQL_I(study_id), KH_SQL_I(node_id)};
    kh_sql *sql = kh_write_sql(write);
    kh_status status =
        kh_sql_run(sql,
                   "INSERT INTO shown_again (change_id, object_ref, was) SELECT ?1, o.id, o.hidden FROM compare_back b"
                   " JOIN object o ON o.id = b.object_ref JOIN compare_hidden h ON h.change_id = o.hidden WHERE b.node_id = ?3"
                   " AND b.study_ref = ?2 AND h.node_id = ?3 AND h.study_ref = ?2",
                   values, 3, objects, err);

    for (size_t i = 0; i < sizeof statements / sizeof statements[0] && status == KH_OK; i++)
        status = kh_sql_run(sql, statements[i], values, 1, NULL, err);
    if (status == KH_OK)
        status = count_hidden(write, change_id, *objects, err);
    return status == KH_OK ? kh_recount_study(write, study_id, err) : status;
}

kh_status kh_hide_again(kh_write *write, int64_t change_id, int64_t study_id, kh_error *err)
{
    static const char *const statements[] = {
        "UPDATE object SET hidden = (SELECT was FROM shown_again WHERE change_id = ?1 AND object_ref = object.id) WHERE hidden = 0"
        " AND id IN (SELECT w.object_ref FROM shown_again w JOIN change c ON c.id = w.was WHERE w.change_id = ?1 AND c.undone_ms = 0)",
        NOTE_LATER " WHERE hidden > 0 AND id IN (SELECT object_ref FROM shown_again WHERE change_id = ?1) ON CONFLICT DO NOTHING",
    };
    const kh_sql_value value = KH_SQL_I(change_id);
    kh_status status = KH_OK;

    for (size_t i = 0; i < sizeof statements / sizeof statements[0] && status == KH_OK; i++)
        status = kh_sql_run(kh_write_sql(write), statements[i], &value, 1, NULL, err);
    return status == KH_OK ? kh_recount_study(write, study_id, err) : status;
}

kh_status kh_hide_uids(kh_write *write, int64_t change_id, int64_t facility_id, const kh_rejection *note, int64_t *objects, kh_error *err)
{
    kh_sql *sql = kh_write_sql(write);
    kh_status status = KH_OK;

    *objects = 0;
    for (size_t i = 0; i < note->count && status == KH_OK; i++) {
        const char *uid = kh_buf_text(&note->uids) + i * KH_UID_SIZE;
        const kh_sql_value values[] = {KH_SQL_I(change_id), KH_SQL_I(facility_id), KH_SQL_T(uid)};
        int64_t changed = 0;

        status = kh_sql_run(sql, "UPDATE object SET hidden = ?1 WHERE facility_id = ?2 AND sop_uid = ?3 AND hidden = 0", values, 3,
                            &changed, err);
        *objects += changed;
        if (status == KH_OK && note->later_too)
            status = kh_sql_run(sql, "INSERT INTO rejected (change_id, facility_id, sop_uid) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
                                values, 3, NULL, err);
    }
    if (status == KH_OK)
        status = count_hidden(write, change_id, *objects, err);
    return status == KH_OK ? recount_studies_of(write, change_id, err) : status;
}

/* The first one that is shown of a series whose others are hidden: counted by one more it would not be a series of the study. */
static kh_status is_first_shown(kh_sql *sql, const kh_arrived *object, bool *out, kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_I(object->series_id), KH_SQL_I(object->object_id)};
    kh_sql_row *row;
    kh_status status = kh_sql_query(&row, sql,
                                    "SELECT 1 FROM series WHERE id = ?1 AND object_count = 1 AND EXISTS"
                                    " (SELECT 1 FROM object WHERE series_ref = ?1 AND id <> ?2)",
                                    values, 2, err);

    *out = false;
    if (status == KH_OK)
        status = kh_sql_next(row, out, err);
    kh_sql_end(row);
    return status;
}

kh_status kh_hide_arrival(kh_write *write, const kh_arrived *object, kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_I(object->facility_id), KH_SQL_T(object->sop_instance_uid), KH_SQL_I(object->object_id)};
    kh_sql *sql = kh_write_sql(write);
    int64_t changed = 0;
    bool recount = false;
    kh_status status = kh_sql_run(sql,
                                  "UPDATE object SET hidden = (SELECT change_id FROM rejected WHERE facility_id = ?1 AND sop_uid = ?2)"
                                  " WHERE id = ?3 AND EXISTS (SELECT 1 FROM rejected WHERE facility_id = ?1 AND sop_uid = ?2)",
                                  values, 3, &changed, err);

    if (status == KH_OK && changed > 0)
        status = kh_sql_run(sql, "UPDATE change SET objects = objects + 1 WHERE id = (SELECT hidden FROM object WHERE id = ?1)", values + 2,
                            1, NULL, err);
    else if (status == KH_OK)
        status = is_first_shown(sql, object, &recount, err);
    return status == KH_OK && (changed > 0 || recount) ? kh_recount_study(write, object->study_id, err) : status;
}

kh_status kh_show_again(kh_write *write, int64_t change_id, kh_error *err)
{
    const kh_sql_value value = KH_SQL_I(change_id);
    kh_sql *sql = kh_write_sql(write);
    study_list studies = {.last = 0};
    kh_status status = kh_sql_run(sql, "DELETE FROM rejected WHERE change_id = ?1", &value, 1, NULL, err);

    /* Shown study by study: what is shown is no longer found by its change. */
    do {
        if (status == KH_OK)
            status = list_studies(sql, change_id, &studies, err);
        for (size_t i = 0; i < studies.count && status == KH_OK; i++) {
            const kh_sql_value values[] = {value, KH_SQL_I(studies.ids[i])};

            status = kh_sql_run(
                sql, "UPDATE object SET hidden = 0 WHERE hidden = ?1 AND series_ref IN (SELECT id FROM series WHERE study_ref = ?2)",
                values, 2, NULL, err);
            if (status == KH_OK)
                status = kh_recount_study(write, studies.ids[i], err);
        }
    } while (status == KH_OK && studies.count == STUDIES_AT_ONCE);
    return status;
}
