#include "cache/origins.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include "cache/internal.h"

#define REMEMBERED 64
#define SOURCE_MAX 64

typedef struct known {
    char facility[65], source[SOURCE_MAX + 1];
    int64_t pull_id, number, facility_id;
} known;

struct kh_origins {
    kh_committer *committer;
    pthread_mutex_t lock; /* guards all below */
    size_t next;          /* to be overwritten */
    known items[REMEMBERED];
};

kh_status kh_origins_create(kh_origins **out, kh_committer *committer, kh_error *err)
{
    kh_origins *origins = calloc(1, sizeof *origins);

    *out = NULL;
    if (!origins)
        return kh_error_set(err, KH_E_MEMORY, "no memory for origins");
    origins->committer = committer;
    pthread_mutex_init(&origins->lock, NULL);
    *out = origins;
    return KH_OK;
}

void kh_origins_free(kh_origins *origins)
{
    if (!origins)
        return;
    pthread_mutex_destroy(&origins->lock);
    free(origins);
}

static kh_status check_origin(const kh_origin *origin, kh_error *err)
{
    if (!origin || !kh_name_valid(origin->facility))
        return kh_error_set(err, KH_E_ARG, "facility must be 1 to 64 of [A-Za-z0-9_.-]");
    if (!origin->source || strlen(origin->source) < 1 || strlen(origin->source) > SOURCE_MAX)
        return kh_error_set(err, KH_E_ARG, "source must be 1 to %d bytes", SOURCE_MAX);
    if (origin->pull_id < 0)
        return kh_error_set(err, KH_E_ARG, "pull %lld, expected 0 or more", (long long)origin->pull_id);
    return KH_OK;
}

static bool same(const known *item, const kh_origin *origin)
{
    return item->number > 0 && item->pull_id == origin->pull_id && strcmp(item->facility, origin->facility) == 0 &&
           strcmp(item->source, origin->source) == 0;
}

static kh_status one_id(kh_sql *sql, const char *query, const kh_sql_value *values, size_t count, int64_t *id, kh_error *err)
{
    kh_sql_row *row;
    bool has_row = false;
    kh_status status = kh_sql_query(&row, sql, query, values, count, err);

    if (status == KH_OK)
        status = kh_sql_next(row, &has_row, err);
    if (status == KH_OK && !has_row)
        status = kh_error_set(err, KH_E_INTERNAL, "origin row is not there after its insert");
    if (status == KH_OK)
        *id = kh_sql_int(row, 0);
    kh_sql_end(row);
    return status;
}

static kh_status note_origin(kh_write *write, void *context, kh_error *err)
{
    known *item = context;
    kh_sql *sql = kh_write_sql(write);
    const kh_sql_value name[] = {KH_SQL_T(item->facility)};
    kh_sql_value values[3] = {KH_SQL_N, KH_SQL_T(item->source), KH_SQL_I(item->pull_id)};
    kh_status status = kh_sql_run(sql, "INSERT INTO facility (name) VALUES (?1) ON CONFLICT DO NOTHING", name, 1, NULL, err);

    if (status == KH_OK)
        status = one_id(sql, "SELECT id FROM facility WHERE name = ?1", name, 1, &item->facility_id, err);
    if (status != KH_OK)
        return status;
    values[0] = KH_SQL_I(item->facility_id);
    status = kh_sql_run(sql, "INSERT INTO origin (facility_id, source, pull_id) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
                        values, 3, NULL, err);
    if (status != KH_OK)
        return status;
    return one_id(sql, "SELECT id FROM origin WHERE facility_id = ?1 AND source = ?2 AND pull_id = ?3", values, 3,
                  &item->number, err);
}

kh_status kh_origin_number(kh_origins *origins, const kh_origin *origin, int64_t *number, int64_t *facility_id, kh_error *err)
{
    known item = {0};
    kh_status status = check_origin(origin, err);

    if (status != KH_OK)
        return status;
    pthread_mutex_lock(&origins->lock);
    for (size_t i = 0; i < REMEMBERED && item.number == 0; i++)
        if (same(&origins->items[i], origin))
            item = origins->items[i];
    pthread_mutex_unlock(&origins->lock);
    if (item.number == 0) {
        KH_COPY(item.facility, origin->facility);
        KH_COPY(item.source, origin->source);
        item.pull_id = origin->pull_id;
        status = kh_committer_run(origins->committer, note_origin, &item, KH_NO_LEAF, err);
        if (status != KH_OK)
            return status;
        pthread_mutex_lock(&origins->lock);
        origins->items[origins->next++ % REMEMBERED] = item;
        pthread_mutex_unlock(&origins->lock);
    }
    *number = item.number;
    *facility_id = item.facility_id;
    return KH_OK;
}
