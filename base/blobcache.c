/* Entries stand in a hash table; those not held stand also in an LRU list, least recently used first, and only they can be
 * evicted. An entry being loaded is in the table without data, and askers wait on the cache's one condition. */
#include "base/blobcache.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS_FIRST 1024

typedef struct entry {
    kh_blob blob; /* first: a kh_blob pointer is its entry's */
    struct entry *next_in_bucket;
    struct entry *older, *newer; /* in the LRU list when holders is 0 and in_table */
    uint64_t hash;
    size_t holders; /* pins, askers that wait included */
    bool loading, failed, in_table;
    _Atomic(void *) companion; /* set once, under the lock */
    size_t companion_bytes;
    void (*destroy_companion)(void *companion);
    uint8_t key_size;
    uint8_t key[KH_BLOBCACHE_KEY_MAX];
    kh_error failure; /* last: what is asked for often lies together */
} entry;

struct kh_blobcache {
    pthread_mutex_t lock; /* guards all below and every entry but a published blob */
    pthread_cond_t loaded;
    size_t max_bytes;
    entry **buckets;
    size_t bucket_count; /* a power of two */
    entry *oldest, *newest;
    kh_blobcache_stats stats;
};

static uint64_t hash_key(const uint8_t *key, size_t size)
{
    uint64_t hash = 14695981039346656037u, word;

    for (; size >= sizeof word; key += sizeof word, size -= sizeof word) {
        memcpy(&word, key, sizeof word);
        hash = (hash ^ word) * 0x9e3779b97f4a7c15u; /* odd, its bits spread: 2^64 over the golden ratio */
        hash ^= hash >> 32;
    }
    word = 0;
    memcpy(&word, key, size);
    hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
    return hash ^ hash >> 29;
}

static size_t entry_cost(const entry *e)
{
    return e->blob.size + e->companion_bytes + sizeof *e;
}

kh_status kh_blobcache_create(kh_blobcache **out, size_t max_bytes, kh_error *err)
{
    kh_blobcache *cache = calloc(1, sizeof *cache);

    *out = NULL;
    if (cache)
        cache->buckets = calloc(BUCKETS_FIRST, sizeof cache->buckets[0]);
    if (!cache || !cache->buckets) {
        free(cache);
        return kh_error_set(err, KH_E_MEMORY, "no memory for a cache");
    }
    cache->bucket_count = BUCKETS_FIRST;
    cache->max_bytes = max_bytes;
    pthread_mutex_init(&cache->lock, NULL);
    pthread_cond_init(&cache->loaded, NULL);
    *out = cache;
    return KH_OK;
}

static void entry_free(entry *e)
{
    void *companion = atomic_load_explicit(&e->companion, memory_order_relaxed);

    if (companion)
        e->destroy_companion(companion);
    free(e->blob.data);
    free(e);
}

void kh_blobcache_free(kh_blobcache *cache)
{
    if (!cache)
        return;
    kh_blobcache_clear(cache);
    free(cache->buckets);
    pthread_cond_destroy(&cache->loaded);
    pthread_mutex_destroy(&cache->lock);
    free(cache);
}

static entry *find_locked(kh_blobcache *cache, uint64_t hash, const void *key, size_t key_size)
{
    entry *e = cache->buckets[hash & (cache->bucket_count - 1)];

    while (e && !(e->hash == hash && e->key_size == key_size && memcmp(e->key, key, key_size) == 0))
        e = e->next_in_bucket;
    return e;
}

static void lru_remove_locked(kh_blobcache *cache, entry *e)
{
    *(e->older ? &e->older->newer : &cache->oldest) = e->newer;
    *(e->newer ? &e->newer->older : &cache->newest) = e->older;
    e->older = e->newer = NULL;
}

static void lru_append_locked(kh_blobcache *cache, entry *e)
{
    e->older = cache->newest;
    e->newer = NULL;
    *(cache->newest ? &cache->newest->newer : &cache->oldest) = e;
    cache->newest = e;
}

static void table_remove_locked(kh_blobcache *cache, entry *e)
{
    entry **place = &cache->buckets[e->hash & (cache->bucket_count - 1)];

    while (*place != e)
        place = &(*place)->next_in_bucket;
    *place = e->next_in_bucket;
    e->in_table = false;
    cache->stats.count--;
}

static void grow_table_locked(kh_blobcache *cache)
{
    size_t count = cache->bucket_count * 2;
    entry **buckets = calloc(count, sizeof buckets[0]);

    if (!buckets)
        return; /* longer chains are slower, not wrong */
    for (size_t i = 0; i < cache->bucket_count; i++)
        for (entry *e = cache->buckets[i], *next; e; e = next) {
            next = e->next_in_bucket;
            e->next_in_bucket = buckets[e->hash & (count - 1)];
            buckets[e->hash & (count - 1)] = e;
        }
    free(cache->buckets);
    cache->buckets = buckets;
    cache->bucket_count = count;
}

static void table_insert_locked(kh_blobcache *cache, entry *e)
{
    if (cache->stats.count >= cache->bucket_count)
        grow_table_locked(cache);
    e->next_in_bucket = cache->buckets[e->hash & (cache->bucket_count - 1)];
    cache->buckets[e->hash & (cache->bucket_count - 1)] = e;
    e->in_table = true;
    cache->stats.count++;
}

static void drop_locked(kh_blobcache *cache, entry *e)
{
    cache->stats.bytes -= entry_cost(e);
    entry_free(e);
}

static void evict_locked(kh_blobcache *cache)
{
    while (cache->stats.bytes > cache->max_bytes && cache->oldest) {
        entry *e = cache->oldest;

        lru_remove_locked(cache, e);
        table_remove_locked(cache, e);
        drop_locked(cache, e);
        cache->stats.evictions++;
    }
}

static void hold_locked(kh_blobcache *cache, entry *e)
{
    if (e->holders++ == 0 && !e->loading) {
        lru_remove_locked(cache, e);
        cache->stats.bytes_pinned += entry_cost(e);
    }
}

static void unhold_locked(kh_blobcache *cache, entry *e)
{
    if (--e->holders > 0)
        return;
    if (e->failed) {
        entry_free(e);
        return;
    }
    cache->stats.bytes_pinned -= entry_cost(e);
    if (e->in_table)
        lru_append_locked(cache, e);
    else
        drop_locked(cache, e);
    evict_locked(cache);
}

const kh_blob *kh_blobcache_peek(kh_blobcache *cache, const void *key, size_t key_size)
{
    uint64_t hash = hash_key(key, key_size);
    entry *e;

    pthread_mutex_lock(&cache->lock);
    e = find_locked(cache, hash, key, key_size);
    if (e && e->loading)
        e = NULL;
    if (e) {
        hold_locked(cache, e);
        cache->stats.hits++;
    }
    pthread_mutex_unlock(&cache->lock);
    return e ? &e->blob : NULL;
}

/* Load e, which this thread put into the table; the lock is held on entry and on return, not while loading. */
static void load_locked(kh_blobcache *cache, entry *e, kh_blobcache_load *load, void *context)
{
    uint8_t *data = NULL;
    size_t size = 0;
    kh_error why = KH_ERROR_INIT;
    kh_status status;

    pthread_mutex_unlock(&cache->lock);
    status = load(&data, &size, context, &why);
    pthread_mutex_lock(&cache->lock);
    e->loading = false;
    if (status != KH_OK) {
        why.status = status;
        e->failure = why;
        e->failed = true;
        if (e->in_table)
            table_remove_locked(cache, e);
    } else {
        e->blob = (kh_blob){.data = data, .size = size};
        cache->stats.bytes += entry_cost(e);
        cache->stats.bytes_pinned += entry_cost(e);
        if (e->in_table && entry_cost(e) > cache->max_bytes)
            table_remove_locked(cache, e);
        evict_locked(cache);
    }
    pthread_cond_broadcast(&cache->loaded);
}

static entry *entry_create(uint64_t hash, const void *key, size_t key_size)
{
    entry *e = calloc(1, sizeof *e);

    if (!e)
        return NULL;
    e->hash = hash;
    e->key_size = (uint8_t)key_size;
    memcpy(e->key, key, key_size);
    e->loading = true;
    e->holders = 1;
    return e;
}

kh_status kh_blobcache_acquire(const kh_blob **out, kh_blobcache *cache, const void *key, size_t key_size,
                               kh_blobcache_load *load, void *context, kh_error *err)
{
    uint64_t hash;
    entry *e;
    kh_status status = KH_OK;

    *out = NULL;
    if (key_size < 1 || key_size > KH_BLOBCACHE_KEY_MAX)
        return kh_error_set(err, KH_E_INTERNAL, "cache key of %zu bytes", key_size);
    hash = hash_key(key, key_size);
    pthread_mutex_lock(&cache->lock);
    e = find_locked(cache, hash, key, key_size);
    if (e) {
        cache->stats.hits++;
        hold_locked(cache, e);
        while (e->loading)
            pthread_cond_wait(&cache->loaded, &cache->lock);
    } else if ((e = entry_create(hash, key, key_size)) != NULL) {
        cache->stats.misses++;
        table_insert_locked(cache, e);
        load_locked(cache, e, load, context);
    } else {
        status = kh_error_set(err, KH_E_MEMORY, "no memory for a cache entry");
    }
    if (e && e->failed) {
        status = kh_error_set(err, e->failure.status, "%s", e->failure.message);
        unhold_locked(cache, e);
    } else if (e) {
        *out = &e->blob;
    }
    pthread_mutex_unlock(&cache->lock);
    return status;
}

void kh_blobcache_release(kh_blobcache *cache, const kh_blob *blob)
{
    if (!blob)
        return;
    pthread_mutex_lock(&cache->lock);
    unhold_locked(cache, (entry *)(uintptr_t)blob);
    pthread_mutex_unlock(&cache->lock);
}

bool kh_blobcache_knows(kh_blobcache *cache, const void *key, size_t key_size)
{
    uint64_t hash = hash_key(key, key_size);
    bool known;

    pthread_mutex_lock(&cache->lock);
    known = find_locked(cache, hash, key, key_size) != NULL;
    pthread_mutex_unlock(&cache->lock);
    return known;
}

void kh_blobcache_drop(kh_blobcache *cache, const void *key, size_t key_size)
{
    uint64_t hash = hash_key(key, key_size);
    entry *e;

    pthread_mutex_lock(&cache->lock);
    e = find_locked(cache, hash, key, key_size);
    if (e && e->holders == 0 && !e->loading) {
        lru_remove_locked(cache, e);
        table_remove_locked(cache, e);
        drop_locked(cache, e);
    }
    pthread_mutex_unlock(&cache->lock);
}

void *kh_blob_companion(const kh_blob *blob)
{
    const entry *e = (const entry *)(const void *)blob;

    return atomic_load_explicit(&e->companion, memory_order_acquire);
}

bool kh_blobcache_attach(kh_blobcache *cache, const kh_blob *blob, void *companion, size_t bytes,
                         void (*destroy)(void *companion))
{
    entry *e = (entry *)(uintptr_t)blob;
    bool first;

    pthread_mutex_lock(&cache->lock);
    first = atomic_load_explicit(&e->companion, memory_order_relaxed) == NULL;
    if (first) {
        e->companion_bytes = bytes;
        e->destroy_companion = destroy;
        cache->stats.bytes += bytes;
        cache->stats.bytes_pinned += bytes;
        atomic_store_explicit(&e->companion, companion, memory_order_release);
        evict_locked(cache);
    }
    pthread_mutex_unlock(&cache->lock);
    return first;
}

void kh_blobcache_clear(kh_blobcache *cache)
{
    pthread_mutex_lock(&cache->lock);
    for (size_t i = 0; i < cache->bucket_count; i++) {
        entry **place = &cache->buckets[i];

        while (*place) {
            entry *e = *place;

            *place = e->next_in_bucket;
            e->in_table = false;
            cache->stats.count--;
            if (e->holders == 0) {
                lru_remove_locked(cache, e);
                drop_locked(cache, e);
            }
        }
    }
    pthread_mutex_unlock(&cache->lock);
}

void kh_blobcache_get_stats(kh_blobcache *cache, kh_blobcache_stats *out)
{
    pthread_mutex_lock(&cache->lock);
    *out = cache->stats;
    pthread_mutex_unlock(&cache->lock);
}
