/* renew.h - what an earlier release noted otherwise, or not at all, is made anew from the objects, one by one as the slow reader comes by
 * (cache/scrub.h) and has found the file to be what it was: image records (cache/image_record.h), the department of a series. Owner only.
 * Threads: one at a time. */
#ifndef KH_CACHE_RENEW_H
#define KH_CACHE_RENEW_H

#include "cache/cache.h"

/* The department of a series, from this object of it, when nobody has noted one or that there is none; an event tells whoever lists the
 * study. */
KH_MUST_USE kh_status kh_renew_department(kh_cache *cache, int64_t series_id, int64_t file_id, int64_t origin_id, int64_t study_id,
                                          kh_error *err);
/* The object's file, whose content has been compared, is read; its record, the revisions and an event are one transaction. Nothing is
 * changed when the object is another by now, or when it cannot be described any more: then the old record stays and the log says so. */
KH_MUST_USE kh_status kh_renew_record(kh_cache *cache, int64_t object_id, int64_t file_id, int64_t origin_id, int64_t study_id,
                                      kh_error *err);

#endif
