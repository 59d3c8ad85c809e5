/* pins.h - a study that somebody has pinned is not evicted. Who and why is opaque here: an owner is a word of his own choosing, such as
 * "person", "commitment:17" or "reading:42"; a study may have pins of many. Idempotent, durable, changed by the cache's owner only
 * (KH_E_DENIED otherwise). Threads: any. */
#ifndef KH_CACHE_PINS_H
#define KH_CACHE_PINS_H

#include "cache/cache.h"

/* owner: 1 to 64 of [A-Za-z0-9_.:-]. KH_E_NOT_FOUND when there is no such study. Pinning again is no change. */
KH_MUST_USE kh_status kh_pin(kh_cache *cache, int64_t study_id, const char *owner, kh_error *err);
/* Taking away a pin that is not there is no change. */
KH_MUST_USE kh_status kh_unpin(kh_cache *cache, int64_t study_id, const char *owner, kh_error *err);
/* Every pin of this owner. */
KH_MUST_USE kh_status kh_unpin_all(kh_cache *cache, const char *owner, kh_error *err);
/* By anybody, or when owner is not NULL by him. */
KH_MUST_USE kh_status kh_is_pinned(kh_cache *cache, int64_t study_id, const char *owner, bool *out, kh_error *err);

/* The owners of a study's pins, in order. */
typedef kh_status kh_pin_visit(void *context, const char *owner, int64_t since_ms);
KH_MUST_USE kh_status kh_pins_of(kh_cache *cache, int64_t study_id, kh_pin_visit *visit, void *context, kh_error *err);

#endif
