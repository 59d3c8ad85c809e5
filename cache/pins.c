#include "cache/pins.h"

#include <inttypes.h>
#include <string.h>
#include "cache/internal.h"

#define OWNER_MAX 64

typedef struct pin {
    int64_t study_id;
    const char *owner;
} pin;

static kh_status check_owner(const char *owner, kh_error *err)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.:-";
    size_t length = owner ? strlen(owner) : 0;

    if (length < 1 || length > OWNER_MAX || strspn(owner, allowed) != length)
        return kh_error_set(err, KH_E_ARG, "owner of a pin: expected 1 to %d of [A-Za-z0-9_.:-]", OWNER_MAX);
    return KH_OK;
}

static kh_status write_pin(kh_write *write, void *context, kh_error *err)
{
    const pin *p = context;
    const kh_sql_value values[] = {KH_SQL_I(p->study_id), KH_SQL_T(p->owner), KH_SQL_I(kh_write_now_ms(write))};
    kh_status status = kh_sql_run(kh_write_sql(write),
                                  "INSERT INTO pin (study_ref, owner, since_ms) VALUES (?1, ?2, ?3)"
                                  " ON CONFLICT (study_ref, owner) DO NOTHING",
                                  values, 3, NULL, err);

    return status;
}

static kh_status write_unpin(kh_write *write, void *context, kh_error *err)
{
    const pin *p = context;
    const kh_sql_value values[] = {KH_SQL_T(p->owner), p->study_id ? KH_SQL_I(p->study_id) : KH_SQL_N};

    return kh_sql_run(kh_write_sql(write), "DELETE FROM pin WHERE owner = ?1 AND (?2 IS NULL OR study_ref = ?2)", values, 2, NULL, err);
}

/* Whether the query has a row. */
static kh_status has_row(kh_cache *cache, const char *query, const kh_sql_value *values, size_t count, bool *out, kh_error *err)
{
    kh_sql *sql = NULL;
    kh_sql_row *row = NULL;
    kh_status status = kh_reader_acquire(&sql, cache->readers, err);

    *out = false;
    if (status == KH_OK)
        status = kh_sql_query(&row, sql, query, values, count, err);
    if (status == KH_OK)
        status = kh_sql_next(row, out, err);
    kh_sql_end(row);
    kh_reader_release(cache->readers, sql);
    return status;
}

kh_status kh_pin(kh_cache *cache, int64_t study_id, const char *owner, kh_error *err)
{
    pin p = {study_id, owner};
    const kh_sql_value id = KH_SQL_I(study_id);
    bool found = false;
    kh_status status = check_owner(owner, err);

    if (status == KH_OK)
        status = has_row(cache, "SELECT 1 FROM study WHERE id = ?1", &id, 1, &found, err);
    if (status == KH_OK && !found)
        return kh_error_set(err, KH_E_NOT_FOUND, "no study %" PRId64, study_id);
    return status == KH_OK ? kh_cache_write(cache, write_pin, &p, err) : status;
}

kh_status kh_unpin(kh_cache *cache, int64_t study_id, const char *owner, kh_error *err)
{
    pin p = {study_id, owner};
    kh_status status = check_owner(owner, err);

    if (status == KH_OK && study_id < 1)
        return kh_error_set(err, KH_E_ARG, "study %" PRId64 ", expected 1 or more", study_id);
    return status == KH_OK ? kh_cache_write(cache, write_unpin, &p, err) : status;
}

kh_status kh_unpin_all(kh_cache *cache, const char *owner, kh_error *err)
{
    pin p = {0, owner};
    kh_status status = check_owner(owner, err);

    return status == KH_OK ? kh_cache_write(cache, write_unpin, &p, err) : status;
}

kh_status kh_is_pinned(kh_cache *cache, int64_t study_id, const char *owner, bool *out, kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_I(study_id), KH_SQL_T(owner)};

    return has_row(cache, "SELECT 1 FROM pin WHERE study_ref = ?1 AND (?2 IS NULL OR owner = ?2)", values, 2, out, err);
}

kh_status kh_pins_of(kh_cache *cache, int64_t study_id, kh_pin_visit *visit, void *context, kh_error *err)
{
    const kh_sql_value value = KH_SQL_I(study_id);
    kh_sql *sql = NULL;
    kh_sql_row *row = NULL;
    bool more;
    kh_status status = kh_reader_acquire(&sql, cache->readers, err);

    if (status == KH_OK)
        status = kh_sql_query(&row, sql, "SELECT owner, since_ms FROM pin WHERE study_ref = ?1 ORDER BY owner", &value, 1, err);
    while (status == KH_OK && (status = kh_sql_next(row, &more, err)) == KH_OK && more)
        status = visit(context, kh_sql_text(row, 0), kh_sql_int(row, 1));
    kh_sql_end(row);
    kh_reader_release(cache->readers, sql);
    return status;
}
