/* metadata_prepare.h - metadata made ready (metadata.h), on a thread of its own with the lowest priority, for each study that has arrived
 * or changed since: it reads the index's events, from the oldest that are kept when it starts. What is ready stays as it is. Studies that
 * are arriving wait until they have arrived. Nothing is written when the disk has less free than the reserve. Errors are logged, once
 * for each kind; what could not be made ready is made on demand. */
#ifndef KH_CACHE_METADATA_PREPARE_H
#define KH_CACHE_METADATA_PREPARE_H

#include "cache/cache.h"

typedef struct kh_metadata_preparer kh_metadata_preparer;

/* cache: opened as the owner; must outlive the preparer. */
KH_MUST_USE kh_status kh_metadata_preparer_start(kh_metadata_preparer **out, kh_cache *cache, kh_error *err);
/* The object under way is finished. NULL is welcome. */
void kh_metadata_preparer_stop(kh_metadata_preparer *preparer);

/* One series, now. *made: objects that were not ready. stop may be NULL. */
KH_MUST_USE kh_status kh_metadata_prepare(kh_cache *cache, int64_t series_id, const _Atomic bool *stop, size_t *made, kh_error *err);

#endif
