#include "cache/renew.h"

#include <inttypes.h>
#include <unistd.h>
#include "base/log.h"
#include "cache/facts.h"
#include "cache/internal.h"

typedef struct renewal {
    int64_t object_id, file_id, study_id;
    const kh_buf *image;
    bool done;
} renewal;

/* The series of the object, 0 when it has another file by now. */
static kh_status series_of(kh_sql *sql, const renewal *r, int64_t *series_id, kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_I(r->object_id), KH_SQL_I(r->file_id)};
    kh_sql_row *row;
    bool found = false;
    kh_status status = kh_sql_query(&row, sql, "SELECT series_ref FROM object WHERE id = ?1 AND ifnull(file_id, id) = ?2", values, 2, err);

    if (status == KH_OK)
        status = kh_sql_next(row, &found, err);
    *series_id = status == KH_OK && found ? kh_sql_int(row, 0) : 0;
    kh_sql_end(row);
    return status;
}

static kh_status write_record(kh_write *write, void *context, kh_error *err)
{
    renewal *r = context;
    kh_sql *sql = kh_write_sql(write);
    int64_t series_id;
    kh_status status = series_of(sql, r, &series_id, err);
    const kh_sql_value record[] = {KH_SQL_I(r->object_id), KH_SQL_B(r->image->data, r->image->size)};
    const kh_sql_value series = KH_SQL_I(series_id), study = KH_SQL_I(r->study_id);

    if (status != KH_OK || series_id == 0)
        return status;
    status = kh_sql_run(sql, "UPDATE object SET image = ?2 WHERE id = ?1", record, 2, NULL, err);
    if (status == KH_OK)
        status = kh_sql_run(sql, "UPDATE series SET revision = revision + 1 WHERE id = ?1", &series, 1, NULL, err);
    if (status == KH_OK)
        status = kh_sql_run(sql, "UPDATE study SET revision = revision + 1 WHERE id = ?1", &study, 1, NULL, err);
    r->done = status == KH_OK;
    return status == KH_OK ? kh_write_event(write, KH_EVENT_STUDY, r->study_id, err) : status;
}

kh_status kh_renew_record(kh_cache *cache, int64_t object_id, int64_t file_id, int64_t origin_id, int64_t study_id, kh_error *err)
{
    renewal r = {.object_id = object_id, .file_id = file_id, .study_id = study_id};
    kh_facts facts;
    int fd = -1;
    kh_error why = KH_ERROR_INIT;
    kh_status status = kh_object_open_file(&fd, &cache->paths, file_id, origin_id, err);

    if (status != KH_OK)
        return status;
    status = kh_facts_read_file(&facts, fd, &why);
    close(fd);
    if (status == KH_OK && facts.described) {
        r.image = &facts.image;
        status = kh_cache_write(cache, write_record, &r, err);
    } else {
        kh_log(KH_LOG_WARN, "cache", "object %" PRId64 ": its image record of an earlier release stays: %s", object_id,
               why.message[0] ? why.message : facts.problem);
        status = KH_OK;
    }
    kh_facts_release(&facts);
    cache->records_renewed = cache->records_renewed || r.done;
    return status;
}

/* --- the department --- */

typedef struct department {
    int64_t series_id, study_id;
    const char *name;
} department;

static kh_status is_noted(kh_cache *cache, int64_t series_id, bool *noted, kh_error *err)
{
    const kh_sql_value id = KH_SQL_I(series_id);
    kh_sql *sql = NULL;
    kh_sql_row *row = NULL;
    bool has_row = false;
    kh_status status = kh_reader_acquire(&sql, cache->readers, err);

    if (status == KH_OK)
        status = kh_sql_query(&row, sql, "SELECT 1 FROM series WHERE id = ?1 AND department IS NULL", &id, 1, err);
    if (status == KH_OK)
        status = kh_sql_next(row, &has_row, err);
    *noted = !has_row;
    kh_sql_end(row);
    kh_reader_release(cache->readers, sql);
    return status;
}

static kh_status write_department(kh_write *write, void *context, kh_error *err)
{
    const department *d = context;
    const kh_sql_value values[] = {KH_SQL_I(d->series_id), KH_SQL_T(d->name)};
    int64_t changed = 0;
    kh_status status =
        kh_sql_run(kh_write_sql(write), "UPDATE series SET department = ?2 WHERE id = ?1 AND department IS NULL", values, 2, &changed, err);

    return status == KH_OK && changed > 0 && d->name[0] ? kh_write_event(write, KH_EVENT_STUDY, d->study_id, err) : status;
}

kh_status kh_renew_department(kh_cache *cache, int64_t series_id, int64_t file_id, int64_t origin_id, int64_t study_id, kh_error *err)
{
    department d = {.series_id = series_id, .study_id = study_id, .name = ""};
    bool noted = false;
    int fd = -1;
    kh_error why = KH_ERROR_INIT;
    kh_facts facts;
    kh_status status = is_noted(cache, series_id, &noted, err);

    if (status != KH_OK || noted)
        return status;
    status = kh_object_open_file(&fd, &cache->paths, file_id, origin_id, err);
    if (status != KH_OK)
        return status;
    status = kh_facts_read_file(&facts, fd, &why);
    close(fd);
    if (status == KH_OK)
        d.name = facts.department;
    if (status == KH_E_MEMORY || status == KH_E_IO)
        status = kh_error_set(err, status, "%s", why.message);
    else /* what cannot be read any more tells none */
        status = kh_cache_write(cache, write_department, &d, err);
    kh_facts_release(&facts);
    return status;
}
