/* evict.h - studies that are here and could come back make room for others: their files go (cache/removal.h), their rows stay, they
 * are "at the hospital" until somebody asks for them. The least recently used goes first.
 *
 * Never evicted: what is pinned; of what a pull is open; what was used or came in lately; and, unless kh_cache_options.evict_pushed, what
 * no node gives back: a study is given back by the node that all of its objects were pulled from, or that told to have all of them
 * (kh_evict_note_known()), as long as that node is known, has an address,
 * and has not said since that it no longer has it (cache/compares.h). All of this is asked again in the transaction itself.
 *
 * What readers have open they read to its end (POSIX). Pictures that are in memory may still be shown, as an object's id names the same
 * picture for ever; what is not in memory says KH_E_BUSY, "at the hospital", until it is back.
 * Owner only. Threads: any. */
#ifndef KH_CACHE_EVICT_H
#define KH_CACHE_EVICT_H

#include "cache/cache.h"

typedef struct kh_evicted {
    int64_t studies, objects, bytes;
} kh_evicted;

/* One study. idle_ms: KH_E_CONFLICT when it was used later than so long ago (0: that is not asked). why: for the log. KH_E_CONFLICT with
 * the reason when it may not go, KH_E_NOT_FOUND; *out is all 0 when nothing of it was here. */
KH_MUST_USE kh_status kh_evict_study(kh_cache *cache, int64_t study_id, int64_t idle_ms, const char *why, kh_evicted *out, kh_error *err);
/* Studies until at least so many bytes have gone, or none is left that may go. */
KH_MUST_USE kh_status kh_evict_bytes(kh_cache *cache, int64_t bytes, const char *why, kh_evicted *out, kh_error *err);

/* May it go, and if not: why (out->reason). Anyone who reads may ask. */
typedef struct kh_evictable {
    bool may;
    char reason[120];
    int64_t objects, bytes; /* here */
    int64_t last_used_ms;   /* wall clock; of arrivals too */
    int64_t node_id;        /* who gives it back; 0: nobody */
    bool pinned, no_return; /* the reasons that do not pass by themselves */
} kh_evictable;
KH_MUST_USE kh_status kh_evict_look(kh_cache *cache, int64_t study_id, int64_t idle_ms, kh_evictable *out, kh_error *err);

/* The node told to have every object of the study that is here. */
KH_MUST_USE kh_status kh_evict_note_known(kh_cache *cache, const char *facility, const char *study_uid, int64_t node_id, kh_error *err);

/* File the most urgent pull of what is away. *pull_id is 0 when nothing is. KH_E_NOT_FOUND when nobody gives it back. */
KH_MUST_USE kh_status kh_evict_recall(kh_cache *cache, int64_t study_id, const char *asked_by, int64_t *pull_id, kh_error *err);

#endif
