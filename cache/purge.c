/* purge.c - what was deleted long ago goes for good. */
#include <inttypes.h>
#include "base/log.h"
#include "cache/changes.h"
#include "cache/internal.h"
#include "cache/removal.h"

#define PURGED_AT_ONCE 200

typedef struct purging {
    int64_t before_ms;
    int64_t ids[PURGED_AT_ONCE];
    size_t count;
} purging;

static kh_status list_purged(kh_sql *sql, purging *p, kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_I(p->before_ms), KH_SQL_I(KH_CHANGE_DELETED), KH_SQL_I(PURGED_AT_ONCE)};
    kh_sql_row *row;
    bool has_row;
    kh_status status = kh_sql_query(&row, sql,
                                    "SELECT o.id FROM object o JOIN change c ON c.id = o.hidden WHERE o.hidden > 0 AND c.kind = ?2"
                                    " AND c.undone_ms = 0 AND c.when_ms < ?1 LIMIT ?3",
                                    values, 3, err);

    p->count = 0;
    while (status == KH_OK && (status = kh_sql_next(row, &has_row, err)) == KH_OK && has_row)
        p->ids[p->count++] = kh_sql_int(row, 0);
    kh_sql_end(row);
    return status;
}

static kh_status purge(kh_write *write, void *context, kh_error *err)
{
    purging *p = context;
    kh_sql *sql = kh_write_sql(write);
    kh_status status = list_purged(sql, p, err);

    for (size_t i = 0; i < p->count && status == KH_OK; i++) {
        const kh_sql_value value = KH_SQL_I(p->ids[i]);

        status = kh_sql_run(sql, "UPDATE change SET purged = 1 WHERE id = (SELECT hidden FROM object WHERE id = ?1)", &value, 1, NULL, err);
        if (status == KH_OK)
            status = kh_removal_object(write, p->ids[i], err);
    }
    return status;
}

kh_status kh_change_purge(kh_cache *cache, int64_t before_ms, int64_t *objects, kh_error *err)
{
    purging p = {.before_ms = before_ms};
    kh_status status;

    *objects = 0;
    do {
        status = kh_removal_run(cache, purge, &p, err);
        if (status == KH_OK)
            *objects += (int64_t)p.count;
    } while (status == KH_OK && p.count == PURGED_AT_ONCE);
    if (*objects > 0)
        kh_log(KH_LOG_INFO, "changes", "%" PRId64 " objects deleted long ago are gone for good", *objects);
    return status;
}
