#include "cache/room.h"

#include <inttypes.h>
#include <string.h>
#include "base/clock.h"
#include "base/log.h"
#include "cache/internal.h"
#include "store/file.h"

#define LOOK_MS 100          /* between two looks at disk and index */
#define NOTHING_AGAIN_MS 1000 /* between two searches for something to evict when there was nothing */

static kh_status read_used(kh_cache *cache, int64_t *bytes, kh_error *err)
{
    kh_sql *sql = NULL;
    kh_sql_row *row = NULL;
    bool has_row = false;
    kh_status status = kh_reader_acquire(&sql, cache->readers, err);

    if (status == KH_OK)
        status = kh_sql_query(&row, sql, "SELECT bytes FROM store_use", NULL, 0, err);
    if (status == KH_OK)
        status = kh_sql_next(row, &has_row, err);
    if (status == KH_OK)
        *bytes = has_row ? kh_sql_int(row, 0) : 0;
    kh_sql_end(row);
    kh_reader_release(cache->readers, sql);
    return status;
}

/* The disk's free bytes, and the bytes used, looked at ten times a second at most. */
static kh_status look(kh_cache *cache, bool now, kh_error *err)
{
    int64_t now_ms = kh_clock_monotonic_ms(), used = 0;
    uint64_t free_bytes;
    kh_status status;

    if (!now && atomic_load(&cache->disk_checked_ms) + LOOK_MS > now_ms)
        return KH_OK;
    status = kh_disk_free(&free_bytes, cache->paths.dir, err);
    if (status == KH_OK && cache->options.quota_bytes > 0)
        status = read_used(cache, &used, err);
    if (status == KH_OK) {
        atomic_store(&cache->disk_free, free_bytes);
        atomic_store(&cache->used, used);
        atomic_store(&cache->disk_checked_ms, now_ms);
    }
    return status;
}

static bool over_quota(kh_cache *cache, uint64_t size)
{
    uint64_t quota = cache->options.quota_bytes;
    int64_t held = atomic_load(&cache->used) + atomic_load(&cache->in_flight);

    return quota > 0 && (held < 0 ? 0 : (uint64_t)held) + size > quota;
}

static bool over_disk(kh_cache *cache, uint64_t size)
{
    uint64_t free_bytes = atomic_load(&cache->disk_free), reserve = cache->options.reserve_bytes;

    return free_bytes < reserve || free_bytes - reserve < size;
}

/* Bytes to be evicted so that size more find room below the lower marks; 0 when no upper mark is reached and size finds room. */
static int64_t bytes_to_go(kh_cache *cache, uint64_t size)
{
    const kh_cache_options *options = &cache->options;
    int64_t held = atomic_load(&cache->used) + atomic_load(&cache->in_flight), go = 0;
    uint64_t free_bytes = atomic_load(&cache->disk_free);

    if (options->quota_bytes > 0 &&
        (over_quota(cache, size) || held >= (int64_t)(options->quota_bytes / 100 * options->evict_from_percent)))
        go = held + (int64_t)size - (int64_t)(options->quota_bytes / 100 * options->evict_to_percent);
    if (options->keep_free_bytes > 0 && (free_bytes < options->keep_free_bytes || over_disk(cache, size))) {
        uint64_t want = options->keep_free_bytes + options->keep_free_bytes / 100 * (100 - options->evict_to_percent) + size;

        if (want > free_bytes && (int64_t)(want - free_bytes) > go)
            go = (int64_t)(want - free_bytes);
    }
    return go > 0 ? go : 0;
}

static kh_status keep_locked(kh_cache *cache, uint64_t size, kh_evicted *out, kh_error *err)
{
    int64_t now_ms = kh_clock_monotonic_ms(), go;
    kh_status status = look(cache, true, err);

    if (status != KH_OK)
        return status;
    go = bytes_to_go(cache, size);
    if (go == 0 || atomic_load(&cache->evicted_nothing_ms) + NOTHING_AGAIN_MS > now_ms)
        return KH_OK;
    status = kh_evict_bytes(
        cache, go, over_quota(cache, size) || cache->options.keep_free_bytes == 0 ? "for the quota" : "for room on the disk", out, err);
    if (status == KH_OK && out->bytes < go)
        atomic_store(&cache->evicted_nothing_ms, kh_clock_monotonic_ms());
    return status == KH_OK ? look(cache, true, err) : status;
}

static kh_status keep(kh_cache *cache, uint64_t size, kh_evicted *out, kh_error *err)
{
    kh_status status;

    memset(out, 0, sizeof *out);
    pthread_mutex_lock(&cache->evicting);
    status = keep_locked(cache, size, out, err);
    pthread_mutex_unlock(&cache->evicting);
    return status;
}

kh_status kh_room_keep(kh_cache *cache, kh_evicted *out, kh_error *err)
{
    return keep(cache, 0, out, err);
}

static kh_status refuse(kh_cache *cache, uint64_t size, kh_error *err)
{
    if (over_quota(cache, size))
        return kh_error_set(err, KH_E_FULL, "quota: %" PRId64 " bytes used or coming, quota %" PRIu64 ", %" PRIu64 " more, none to evict",
                            atomic_load(&cache->used) + atomic_load(&cache->in_flight), cache->options.quota_bytes, size);
    return kh_error_set(err, KH_E_FULL, "disk: %" PRIu64 " bytes free, reserve %" PRIu64 ", object %" PRIu64,
                        atomic_load(&cache->disk_free), cache->options.reserve_bytes, size);
}

static kh_status find_room(kh_cache *cache, uint64_t size, kh_error *err)
{
    kh_evicted evicted;
    kh_status status = keep(cache, size, &evicted, err);

    if (status == KH_OK && (over_quota(cache, size) || over_disk(cache, size)))
        return refuse(cache, size, err);
    return status;
}

kh_status kh_room_check(kh_cache *cache, uint64_t size, kh_error *err)
{
    kh_status status = look(cache, false, err);

    if (status != KH_OK || (!over_quota(cache, size > 0 ? size : 1) && !over_disk(cache, size)))
        return status;
    return find_room(cache, size > 0 ? size : 1, err);
}

kh_status kh_room_take(kh_cache *cache, uint64_t size, kh_error *err)
{
    kh_status status = KH_OK;

    if (over_quota(cache, size))
        status = find_room(cache, size, err);
    if (status == KH_OK)
        atomic_fetch_add(&cache->in_flight, (int64_t)size);
    return status;
}

void kh_room_give_back(kh_cache *cache, uint64_t size)
{
    atomic_fetch_sub(&cache->in_flight, (int64_t)size);
}

void kh_room_stored(kh_cache *cache, uint64_t size)
{
    atomic_fetch_add(&cache->used, (int64_t)size);
}
