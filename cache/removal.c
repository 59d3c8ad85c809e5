#include "cache/removal.h"

#include <errno.h>
#include <inttypes.h>
#include <unistd.h>
#include "base/log.h"
#include "cache/internal.h"
#include "store/file.h"

#define SWEPT_AT_ONCE 256

/* ---- notes ---- */

kh_status kh_removal_note(kh_write *write, int64_t file_id, int64_t origin_id, kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_I(file_id), KH_SQL_I(origin_id)};

    return kh_sql_run(kh_write_sql(write), "INSERT INTO leaving (file_id, origin_id) VALUES (?1, ?2) ON CONFLICT DO NOTHING", values, 2,
                      NULL, err);
}

kh_status kh_removal_count_bytes(kh_write *write, int64_t bytes, kh_error *err)
{
    const kh_sql_value value = KH_SQL_I(bytes);

    return kh_sql_run(kh_write_sql(write), "UPDATE store_use SET bytes = bytes + ?1", &value, 1, NULL, err);
}

typedef struct object_row {
    int64_t series_id, study_id, file_id, origin_id, bytes, frame_count;
    bool described, hidden;
} object_row;

static kh_status find_object(kh_write *write, int64_t object_id, object_row *out, kh_error *err)
{
    const kh_sql_value value = KH_SQL_I(object_id);
    kh_sql_row *row;
    bool has_row = false;
    kh_status status = kh_sql_query(
        &row, kh_write_sql(write),
        "SELECT o.series_ref, r.study_ref, ifnull(o.file_id, o.id), o.origin_id, o.bytes, o.frame_count,"
        " o.image IS NOT NULL AND o.problem = '', o.hidden > 0 FROM object o JOIN series r ON r.id = o.series_ref WHERE o.id = ?1",
        &value, 1, err);

    if (status == KH_OK)
        status = kh_sql_next(row, &has_row, err);
    if (status == KH_OK && !has_row)
        status = kh_error_set(err, KH_E_NOT_FOUND, "no object %" PRId64, object_id);
    if (status == KH_OK)
        *out = (object_row){.series_id = kh_sql_int(row, 0), .study_id = kh_sql_int(row, 1), .file_id = kh_sql_int(row, 2),
                            .origin_id = kh_sql_int(row, 3), .bytes = kh_sql_int(row, 4), .frame_count = kh_sql_int(row, 5),
                            .described = kh_sql_int(row, 6) != 0, .hidden = kh_sql_int(row, 7) != 0};
    kh_sql_end(row);
    return status;
}

kh_status kh_removal_object(kh_write *write, int64_t object_id, kh_error *err)
{
    kh_sql *sql = kh_write_sql(write);
    object_row object;
    kh_status status = find_object(write, object_id, &object, err);
    const kh_sql_value id = KH_SQL_I(object_id);

    if (status == KH_OK && object.file_id > 0)
        status = kh_removal_note(write, object.file_id, object.origin_id, err);
    if (status == KH_OK)
        status = kh_sql_run(sql, "DELETE FROM object WHERE id = ?1", &id, 1, NULL, err);
    if (status != KH_OK)
        return status;
    if (object.hidden) /* in no count */
        return object.file_id > 0 ? kh_removal_count_bytes(write, -object.bytes, err) : KH_OK;
    const kh_sql_value values[] = {KH_SQL_I(object.series_id), KH_SQL_I(object.described),    KH_SQL_I(object.frame_count),
                                   KH_SQL_I(object.file_id == 0), KH_SQL_I(object.bytes), KH_SQL_I(object.study_id)};
    status = kh_sql_run(sql,
                        "UPDATE series SET object_count = object_count - 1, image_count = image_count - ?2,"
                        " frame_count = frame_count - ?3, away_count = away_count - ?4, revision = revision + 1 WHERE id = ?1",
                        values, 4, NULL, err);
    if (status == KH_OK)
        status = kh_sql_run(sql,
                            "UPDATE study SET object_count = object_count - 1, image_count = image_count - ?2,"
                            " frame_count = frame_count - ?3, away_count = away_count - ?4, bytes = bytes - ?5,"
                            " away_bytes = away_bytes - ?5 * ?4, revision = revision + 1 WHERE id = ?6 AND ?1 = ?1",
                            values, 6, NULL, err);
    if (status == KH_OK && object.file_id > 0)
        status = kh_removal_count_bytes(write, -object.bytes, err);
    return status == KH_OK ? kh_write_event(write, KH_EVENT_STUDY, object.study_id, err) : status;
}

kh_status kh_removal_object_file(kh_write *write, int64_t object_id, kh_error *err)
{
    kh_sql *sql = kh_write_sql(write);
    object_row object;
    kh_status status = find_object(write, object_id, &object, err);
    const kh_sql_value id = KH_SQL_I(object_id);

    if (status != KH_OK || object.file_id == 0)
        return status;
    const kh_sql_value values[] = {KH_SQL_I(object.series_id), KH_SQL_I(object.study_id), KH_SQL_I(object.bytes)};
    status = kh_removal_note(write, object.file_id, object.origin_id, err);
    if (status == KH_OK)
        status = kh_sql_run(sql, "UPDATE object SET file_id = 0 WHERE id = ?1", &id, 1, NULL, err);
    if (status == KH_OK)
        status = kh_sql_run(sql, "UPDATE series SET away_count = away_count + 1, revision = revision + 1 WHERE id = ?1", values, 1, NULL,
                            err);
    if (status == KH_OK)
        status = kh_sql_run(sql,
                            "UPDATE study SET away_count = away_count + 1, away_bytes = away_bytes + ?2, revision = revision + 1,"
                            " here = away_count + 1 < object_count WHERE id = ?1",
                            values + 1, 2, NULL, err);
    if (status == KH_OK)
        status = kh_removal_count_bytes(write, -object.bytes, err);
    return status == KH_OK ? kh_write_event(write, KH_EVENT_STUDY, object.study_id, err) : status;
}

static kh_status count_here(kh_sql *sql, int64_t study_id, int64_t *objects, int64_t *bytes, kh_error *err)
{
    const kh_sql_value value = KH_SQL_I(study_id);
    kh_sql_row *row;
    bool has_row = false;
    kh_status status = kh_sql_query(&row, sql, "SELECT object_count - away_count, bytes - away_bytes FROM study WHERE id = ?1", &value, 1,
                                    err);

    if (status == KH_OK)
        status = kh_sql_next(row, &has_row, err);
    if (status == KH_OK && !has_row)
        status = kh_error_set(err, KH_E_NOT_FOUND, "no study %" PRId64, study_id);
    if (status == KH_OK) {
        *objects = kh_sql_int(row, 0);
        *bytes = kh_sql_int(row, 1);
    }
    kh_sql_end(row);
    return status;
}

kh_status kh_removal_study_files(kh_write *write, int64_t study_id, int64_t back_node, int64_t *objects, int64_t *bytes, kh_error *err)
{
    static const char *const statements[] = {
        "INSERT INTO leaving (file_id, origin_id) SELECT ifnull(o.file_id, o.id), o.origin_id FROM series r"
        " JOIN object o ON o.series_ref = r.id WHERE r.study_ref = ?1 AND o.file_id IS NOT 0 AND o.hidden = 0",
        "UPDATE object SET file_id = 0 WHERE file_id IS NOT 0 AND hidden = 0 AND series_ref IN (SELECT id FROM series WHERE study_ref = ?1)",
        "UPDATE series SET away_count = object_count, revision = revision + 1 WHERE study_ref = ?1",
    };
    const kh_sql_value values[] = {KH_SQL_I(study_id), KH_SQL_I(back_node)};
    kh_sql *sql = kh_write_sql(write);
    kh_status status = count_here(sql, study_id, objects, bytes, err);

    for (size_t i = 0; i < sizeof statements / sizeof statements[0] && status == KH_OK; i++)
        status = kh_sql_run(sql, statements[i], values, 1, NULL, err);
    if (status == KH_OK)
        status = kh_sql_run(sql,
                            "UPDATE study SET away_count = object_count, away_bytes = bytes, here = 0, back_node = ?2,"
                            " revision = revision + 1 WHERE id = ?1",
                            values, 2, NULL, err);
    if (status == KH_OK)
        status = kh_removal_count_bytes(write, -*bytes, err);
    return status == KH_OK ? kh_write_event(write, KH_EVENT_STUDY, study_id, err) : status;
}

/* ---- the sweep ---- */

typedef struct swept {
    size_t count;
    int64_t last; /* looked at up to here */
    int64_t file_ids[SWEPT_AT_ONCE], origin_ids[SWEPT_AT_ONCE];
} swept;

static kh_status read_notes(kh_cache *cache, swept *s, kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_I(s->last), KH_SQL_I(SWEPT_AT_ONCE)};
    kh_sql *sql = NULL;
    kh_sql_row *row = NULL;
    bool has_row;
    kh_status status = kh_reader_acquire(&sql, cache->readers, err);

    s->count = 0;
    if (status == KH_OK)
        status = kh_sql_query(&row, sql, "SELECT file_id, origin_id FROM leaving WHERE file_id > ?1 ORDER BY file_id LIMIT ?2", values, 2,
                              err);
    while (status == KH_OK && (status = kh_sql_next(row, &has_row, err)) == KH_OK && has_row) {
        s->file_ids[s->count] = s->last = kh_sql_int(row, 0);
        s->origin_ids[s->count++] = kh_sql_int(row, 1);
    }
    kh_sql_end(row);
    kh_reader_release(cache->readers, sql);
    return status;
}

/* What cannot be unlinked keeps its note for another time. */
static void unlink_files(kh_cache *cache, swept *s)
{
    size_t gone = 0;

    for (size_t i = 0; i < s->count; i++) {
        char path[PATH_MAX];

        kh_path_object(path, &cache->paths, s->file_ids[i], s->origin_ids[i]);
        if (unlink(path) != 0 && errno != ENOENT) {
            kh_log(KH_LOG_ERROR, "removal", "file %" PRId64 " cannot be removed: errno %d", s->file_ids[i], errno);
            continue;
        }
        s->file_ids[gone] = s->file_ids[i];
        s->origin_ids[gone++] = s->origin_ids[i];
    }
    s->count = gone;
}

/* The ids ascend: those of one directory follow each other, mostly. */
static kh_status sync_leaves(kh_cache *cache, const swept *s, kh_error *err)
{
    kh_status status = KH_OK;

    for (size_t i = 0; i < s->count && status == KH_OK; i++) {
        char path[PATH_MAX];

        if (i > 0 && kh_path_leaf(s->file_ids[i]) == kh_path_leaf(s->file_ids[i - 1]))
            continue;
        kh_path_leaf_dir(path, &cache->paths, kh_path_leaf(s->file_ids[i]));
        if (access(path, F_OK) == 0 || errno != ENOENT)
            status = kh_dir_sync(path, err);
    }
    return status;
}

static kh_status forget_notes(kh_write *write, void *context, kh_error *err)
{
    const swept *s = context;
    kh_status status = KH_OK;

    for (size_t i = 0; i < s->count && status == KH_OK; i++) {
        const kh_sql_value value = KH_SQL_I(s->file_ids[i]);

        status = kh_sql_run(kh_write_sql(write), "DELETE FROM leaving WHERE file_id = ?1", &value, 1, NULL, err);
    }
    return status;
}

kh_status kh_removal_sweep(kh_cache *cache, kh_error *err)
{
    swept s = {.last = 0};
    kh_status status;

    do {
        bool more;

        status = read_notes(cache, &s, err);
        more = s.count == SWEPT_AT_ONCE;
        if (status != KH_OK || s.count == 0)
            return status;
        unlink_files(cache, &s);
        status = sync_leaves(cache, &s, err);
        if (status == KH_OK && s.count > 0)
            status = kh_cache_write(cache, forget_notes, &s, err);
        if (!more)
            break;
    } while (status == KH_OK);
    return status;
}

kh_status kh_removal_run(kh_cache *cache, kh_write_function *function, void *context, kh_error *err)
{
    kh_error why = KH_ERROR_INIT;
    kh_status status = kh_cache_write(cache, function, context, err);

    if (status == KH_OK && kh_removal_sweep(cache, &why) != KH_OK)
        kh_log(KH_LOG_ERROR, "removal", "files that nothing refers to stay for now: %s", why.message);
    return status;
}
