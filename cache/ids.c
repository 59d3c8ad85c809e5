#include "cache/ids.h"

#include <pthread.h>
#include <stdlib.h>
#include "cache/id_mark.h"

#define OPEN_MAX 1024

struct kh_ids {
    kh_committer *committer;
    const kh_paths *paths;
    pthread_mutex_t lock; /* guards all below; held while a block is noted (the writer thread never takes it) */
    int64_t next, reserved;
    size_t open_count;
    int64_t open[OPEN_MAX]; /* taken, not settled; no order */
};

kh_status kh_ids_read(kh_sql *sql, int64_t *settled, int64_t *reserved, kh_error *err)
{
    kh_sql_row *row;
    bool has_row = false;
    kh_status status = kh_sql_query(&row, sql, "SELECT settled, reserved FROM ids", NULL, 0, err);

    if (status == KH_OK)
        status = kh_sql_next(row, &has_row, err);
    if (status == KH_OK && !has_row)
        status = kh_error_set(err, KH_E_CORRUPT, "index: table ids is empty");
    if (status == KH_OK) {
        *settled = kh_sql_int(row, 0);
        *reserved = kh_sql_int(row, 1);
    }
    kh_sql_end(row);
    return status;
}

kh_status kh_ids_create(kh_ids **out, kh_committer *committer, const kh_paths *paths, int64_t next, kh_error *err)
{
    kh_ids *ids = calloc(1, sizeof *ids);

    *out = NULL;
    if (!ids)
        return kh_error_set(err, KH_E_MEMORY, "no memory for object ids");
    ids->committer = committer;
    ids->paths = paths;
    ids->next = ids->reserved = next;
    pthread_mutex_init(&ids->lock, NULL);
    *out = ids;
    return KH_OK;
}

void kh_ids_free(kh_ids *ids)
{
    if (!ids)
        return;
    pthread_mutex_destroy(&ids->lock);
    free(ids);
}

typedef struct range {
    int64_t settled, reserved;
} range;

static kh_status note_range(kh_write *write, void *context, kh_error *err)
{
    const range *r = context;
    const kh_sql_value values[] = {KH_SQL_I(r->settled), KH_SQL_I(r->reserved)};

    return kh_sql_run(kh_write_sql(write), "UPDATE ids SET settled = ?1, reserved = ?2", values, 2, NULL, err);
}

static kh_status reserve_locked(kh_ids *ids, kh_error *err)
{
    range r = {.settled = ids->next, .reserved = ids->next + KH_ID_BLOCK};
    kh_status status;

    for (size_t i = 0; i < ids->open_count; i++)
        if (ids->open[i] < r.settled)
            r.settled = ids->open[i];
    status = kh_id_mark_write(ids->paths, r.reserved, err);
    if (status == KH_OK)
        status = kh_committer_run(ids->committer, note_range, &r, KH_NO_LEAF, err);
    if (status == KH_OK)
        ids->reserved = r.reserved;
    return status;
}

kh_status kh_id_take(kh_ids *ids, int64_t *id, kh_error *err)
{
    kh_status status = KH_OK;

    pthread_mutex_lock(&ids->lock);
    if (ids->open_count == OPEN_MAX)
        status = kh_error_set(err, KH_E_BUSY, "%d objects are being stored already", OPEN_MAX);
    if (status == KH_OK && ids->next == ids->reserved)
        status = reserve_locked(ids, err);
    if (status == KH_OK) {
        *id = ids->next++;
        ids->open[ids->open_count++] = *id;
    }
    pthread_mutex_unlock(&ids->lock);
    return status;
}

void kh_id_settle(kh_ids *ids, int64_t id)
{
    pthread_mutex_lock(&ids->lock);
    for (size_t i = 0; i < ids->open_count; i++)
        if (ids->open[i] == id) {
            ids->open[i] = ids->open[--ids->open_count];
            break;
        }
    pthread_mutex_unlock(&ids->lock);
}
