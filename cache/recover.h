/* recover.h - what a kill left behind, put right when the owner opens. */
#ifndef KH_CACHE_RECOVER_H
#define KH_CACHE_RECOVER_H

#include "cache/cache.h"

/* Empty incoming/; give a row to each file of objects/ with an id in [settled, reserved) that has none, or put it into
 * quarantine/ when it cannot have one; then note that all below reserved is settled. Logs how far it is every few seconds. */
KH_MUST_USE kh_status kh_recover(kh_cache *cache, int64_t settled, int64_t reserved, kh_error *err);

#endif
