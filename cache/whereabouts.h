/* whereabouts.h - which series of a study has an object, by its SOP Instance UID: for what is kept of objects outside of the index, whose
 * ids may become others. Threads: any. */
#ifndef KH_CACHE_WHEREABOUTS_H
#define KH_CACHE_WHEREABOUTS_H

#include "cache/cache.h"

typedef struct kh_whereabouts {
    int64_t series_id, object_id;
} kh_whereabouts;

/* KH_E_NOT_FOUND when the study has no such object, or it is hidden. */
KH_MUST_USE kh_status kh_object_whereabouts(kh_cache *cache, int64_t study_id, const char *sop_instance_uid, kh_whereabouts *out,
                                            kh_error *err);

#endif
