#include "cache/internal.h"

kh_status kh_cache_first(kh_cache *cache, const char *statement, const kh_sql_value *values, size_t count, kh_sql_take *take, void *context,
                         kh_error *err)
{
    kh_sql *sql;
    kh_status status = kh_reader_acquire(&sql, cache->readers, err);

    if (status == KH_OK)
        status = kh_sql_first(sql, statement, values, count, take, context, err);
    kh_reader_release(cache->readers, sql);
    return status;
}

kh_status kh_cache_each(kh_cache *cache, const char *statement, const kh_sql_value *values, size_t count, kh_sql_visit *visit,
                        void *context, kh_error *err)
{
    kh_sql *sql;
    kh_status status = kh_reader_acquire(&sql, cache->readers, err);

    if (status == KH_OK)
        status = kh_sql_each(sql, statement, values, count, visit, context, err);
    kh_reader_release(cache->readers, sql);
    return status;
}
