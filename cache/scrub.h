/* scrub.h - is what we hold still what came in? The owner reads every object again, slowly, and compares its SHA-256, pass after pass,
 * going on where it was after a restart. An object whose file is gone, cut or changed is never served again: what is left of the file is
 * kept beside (cache/quarantine.h), its row says that it is away, and when a node gives it back it is asked for; sent again it is whole
 * again.
 * A pass that finds KH_SCRUB_BAD_MAX of them, or a folder whose sign is gone, stops and says so: that is a disk, not an object.
 * What an earlier release noted of a picture, or did not note of a series, is made anew on the way (cache/renew.h).
 * What is hidden (cache/hiding.h) is in no count and is passed over until it is shown again.
 * Owner only. Threads: one at a time. */
#ifndef KH_CACHE_SCRUB_H
#define KH_CACHE_SCRUB_H

#include "cache/cache.h"

#define KH_SCRUB_BAD_MAX 100

typedef struct kh_scrub_result {
    int64_t objects, bytes, bad; /* of this call */
    bool pass_ended;
} kh_scrub_result;

/* Go on with the pass until so many bytes were read, or it has ended. */
KH_MUST_USE kh_status kh_scrub_some(kh_cache *cache, int64_t bytes, kh_scrub_result *out, kh_error *err);

typedef struct kh_scrub_state {
    int64_t began_ms, ended_ms; /* wall clock; of the pass under way, 0: none is; of the last that ended, 0: none has */
    int64_t objects, bad;       /* of the pass under way, else of the last */
} kh_scrub_state;
/* Any reader. */
KH_MUST_USE kh_status kh_scrub_get_state(kh_cache *cache, kh_scrub_state *out, kh_error *err);

#endif
