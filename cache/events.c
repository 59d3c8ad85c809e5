#include "cache/internal.h"

/* Is anything after seq gone from the log, or seq from another life of the index? */
static kh_status find_gap(kh_sql *sql, uint64_t seq, bool *gap, kh_error *err)
{
    kh_sql_row *row;
    bool has_row = false;
    kh_status status =
        kh_sql_query(&row, sql,
                     "SELECT (SELECT min(seq) FROM event), coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'event'), 0)",
                     NULL, 0, err);

    if (status == KH_OK)
        status = kh_sql_next(row, &has_row, err);
    if (status == KH_OK && has_row) {
        uint64_t newest = (uint64_t)kh_sql_int(row, 1);
        uint64_t oldest = kh_sql_is_null(row, 0) ? newest + 1 : (uint64_t)kh_sql_int(row, 0);

        *gap = seq > newest || seq + 1 < oldest;
    }
    kh_sql_end(row);
    return status;
}

static kh_status visit_events(kh_sql *sql, uint64_t seq, int64_t limit, kh_event_visit *visit, void *context, kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_I(seq > INT64_MAX ? INT64_MAX : (int64_t)seq), KH_SQL_I(limit)};
    kh_sql_row *row;
    bool has_row = true;
    kh_status status = kh_sql_query(&row, sql, "SELECT seq, kind, ref, when_ms FROM event WHERE seq > ?1 ORDER BY seq LIMIT ?2",
                                    values, 2, err);

    while (status == KH_OK && (status = kh_sql_next(row, &has_row, err)) == KH_OK && has_row) {
        const kh_event event = {.seq = (uint64_t)kh_sql_int(row, 0),
                                .kind = (kh_event_kind)kh_sql_int(row, 1),
                                .id = kh_sql_int(row, 2),
                                .when_ms = kh_sql_int(row, 3)};

        status = visit(context, &event);
    }
    kh_sql_end(row);
    return status;
}

kh_status kh_events_after(kh_cache *cache, uint64_t seq, int64_t limit, kh_event_visit *visit, void *context, bool *gap,
                          kh_error *err)
{
    kh_sql *sql;
    kh_status status;

    *gap = false;
    if (limit < 1)
        return kh_error_set(err, KH_E_ARG, "limit %lld, expected 1 or more", (long long)limit);
    status = kh_reader_acquire(&sql, cache->readers, err);
    if (status == KH_OK)
        status = find_gap(sql, seq, gap, err);
    if (status == KH_OK)
        status = visit_events(sql, seq, limit, visit, context, err);
    kh_reader_release(cache->readers, sql);
    return status;
}
