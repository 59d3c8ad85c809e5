#include "cache/received.h"

#include <string.h>
#include "cache/internal.h"

/* Hours that are too old go with the first object of a new one, by a trigger of the schema. */
kh_status kh_received_count(kh_write *write, int64_t origin_id, int64_t bytes, kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_I(kh_write_now_ms(write) / KH_RECEIVED_HOUR_MS), KH_SQL_I(origin_id), KH_SQL_I(bytes)};

    return kh_sql_run(kh_write_sql(write),
                      "INSERT INTO received (hour, source, objects, bytes)"
                      " SELECT ?1, source, 1, ?3 FROM origin WHERE id = ?2"
                      " ON CONFLICT DO UPDATE SET objects = objects + 1, bytes = bytes + ?3",
                      values, 3, NULL, err);
}

kh_status kh_received_list(kh_cache *cache, int64_t from_hour, int64_t limit, kh_received_visit *visit, void *context, kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_I(from_hour), KH_SQL_I(limit)};
    kh_sql *sql = NULL;
    kh_sql_row *row = NULL;
    bool has_row;
    kh_status status = kh_reader_acquire(&sql, cache->readers, err);

    if (status == KH_OK)
        status = kh_sql_query(
            &row, sql, "SELECT hour, source, objects, bytes FROM received WHERE hour >= ?1 ORDER BY hour, source LIMIT ?2", values, 2, err);
    while (status == KH_OK && (status = kh_sql_next(row, &has_row, err)) == KH_OK && has_row) {
        kh_received received = {.hour = kh_sql_int(row, 0), .objects = kh_sql_int(row, 2), .bytes = kh_sql_int(row, 3)};

        KH_COPY(received.source, kh_sql_text(row, 1));
        status = visit(context, &received);
    }
    kh_sql_end(row);
    kh_reader_release(cache->readers, sql);
    return status;
}
