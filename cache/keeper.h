/* keeper.h - the owner's house work, on a thread of its own: notes which studies were looked at (cache/use.h), makes room ahead of need
 * (cache/room.h), lets files of what was deleted long ago go (cache/changes.h), reads objects again (cache/scrub.h) as fast as
 * kh_cache_options.scrub_bytes_per_s allows, and not while any are coming in. Errors are logged, once for each kind. */
#ifndef KH_CACHE_KEEPER_H
#define KH_CACHE_KEEPER_H

#include "cache/cache.h"

typedef struct kh_keeper kh_keeper;

/* cache: opened as the owner; must outlive the keeper. */
KH_MUST_USE kh_status kh_keeper_start(kh_keeper **out, kh_cache *cache, kh_error *err);
/* What is under way is finished. NULL is welcome. */
void kh_keeper_stop(kh_keeper *keeper);

#endif
