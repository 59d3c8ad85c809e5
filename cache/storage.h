/* storage.h - what stands where: used, free, evictable, pinned, away. Reads only; looks at every study that is here, so it is for people
 * and not for every request. Threads: any. */
#ifndef KH_CACHE_STORAGE_H
#define KH_CACHE_STORAGE_H

#include "cache/cache.h"

typedef struct kh_storage_sum {
    int64_t studies, bytes;
} kh_storage_sum;

typedef struct kh_storage {
    int64_t used_bytes, quota_bytes, keep_free_bytes, reserve_bytes; /* quota, keep_free: 0 none */
    int64_t disk_free_bytes;
    kh_storage_sum here, away, pinned;
    kh_storage_sum evictable;      /* would go now if room were needed */
    kh_storage_sum without_return; /* no node gives them back: they stay */
    int64_t oldest_used_ms;        /* wall clock; of those that are here, 0 when none is */
    int64_t leaving;               /* files still to be removed */
    kh_storage_sum quarantine;     /* files, and their bytes */
} kh_storage;
KH_MUST_USE kh_status kh_storage_get(kh_cache *cache, kh_storage *out, kh_error *err);

#endif
