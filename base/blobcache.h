/* blobcache.h - an LRU cache of immutable byte blobs, bounded by bytes, with pins and single flight.
 * A blob that somebody holds (acquired, not yet released) is pinned: it is never freed, and it counts. When several threads
 * ask for a key that is missing, one loads and the others wait for it; a failed load is told to all of them and not
 * remembered. A blob larger than the limit is handed out but not kept.
 * Threads: any. Lock: one per cache, held for no I/O and no loading. */
#ifndef KH_BASE_BLOBCACHE_H
#define KH_BASE_BLOBCACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"

#define KH_BLOBCACHE_KEY_MAX 80

typedef struct kh_blobcache kh_blobcache;

/* Immutable once published. data is owned by the blob and freed with free(). */
typedef struct kh_blob {
    uint8_t *data;
    size_t size;
} kh_blob;

typedef struct kh_blobcache_stats {
    uint64_t hits, misses, evictions;
    size_t bytes, bytes_pinned, count;
} kh_blobcache_stats;

/* Make the blob for a key: *data malloc'ed, given to the cache. */
typedef kh_status kh_blobcache_load(uint8_t **data, size_t *size, void *context, kh_error *err);

KH_MUST_USE kh_status kh_blobcache_create(kh_blobcache **out, size_t max_bytes, kh_error *err);
/* No blob may be held any more. */
void kh_blobcache_free(kh_blobcache *cache);
/* The blob if it is here (pinned for the caller), else NULL. key_size 1 to KH_BLOBCACHE_KEY_MAX bytes. */
const kh_blob *kh_blobcache_peek(kh_blobcache *cache, const void *key, size_t key_size);
/* The blob, loaded if need be. Waits for another thread's load of the same key. */
KH_MUST_USE kh_status kh_blobcache_acquire(const kh_blob **out, kh_blobcache *cache, const void *key, size_t key_size,
                                           kh_blobcache_load *load, void *context, kh_error *err);
/* Give back what peek or acquire gave. NULL is welcome. */
void kh_blobcache_release(kh_blobcache *cache, const kh_blob *blob);
/* Is the blob here or being loaded? Says nothing about the next moment; no use is counted. */
bool kh_blobcache_knows(kh_blobcache *cache, const void *key, size_t key_size);
/* Forget one blob, if it is here and nobody holds it. */
void kh_blobcache_drop(kh_blobcache *cache, const void *key, size_t key_size);
/* A companion is something made of a held blob once, for all who read it later; its bytes count as the blob's, and it is destroyed
 * with it, under the cache's lock. NULL when there is none yet. */
void *kh_blob_companion(const kh_blob *blob);
/* False when somebody else's is there already: then this one is still the caller's. */
bool kh_blobcache_attach(kh_blobcache *cache, const kh_blob *blob, void *companion, size_t bytes,
                         void (*destroy)(void *companion));
/* Forget everything that is not held; what is held is forgotten at its release. */
void kh_blobcache_clear(kh_blobcache *cache);
void kh_blobcache_get_stats(kh_blobcache *cache, kh_blobcache_stats *out);

#endif
