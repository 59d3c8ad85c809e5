/* corrected.h - an object on its way out as somebody put it right (cache/changes.h): its file with the corrected values and what they
 * were. Threads: any. */
#ifndef KH_CACHE_CORRECTED_H
#define KH_CACHE_CORRECTED_H

#include "cache/cache.h"
#include "dicom/amend.h"

/* *out is NULL when the object goes as it came. file must outlive it. Errors as of kh_amended_open(). */
KH_MUST_USE kh_status kh_corrected_open(kh_amended **out, kh_cache *cache, int64_t study_id, const kh_source *file, kh_error *err);

#endif
