/* presentation.h - presentation states (dicom/presentation.h), read from their objects on first use and kept beside the display tables
 * (display.h), LRU by bytes. Threads: any; reads index and files, not on an HTTP thread. */
#ifndef KH_CACHE_PRESENTATION_H
#define KH_CACHE_PRESENTATION_H

#include "base/blobcache.h"
#include "cache/cache.h"
#include "dicom/presentation.h"

/* *out is borrowed until the release of *hold. KH_E_NOT_FOUND when the series has no such object; KH_E_UNSUPPORTED with the reason when it
 * is no presentation state, or none that can be applied. */
KH_MUST_USE kh_status kh_presentation_acquire(const kh_presentation **out, const kh_blob **hold, kh_cache *cache, int64_t series_id,
                                              int64_t object_id, kh_error *err);
void kh_presentation_release(kh_cache *cache, const kh_blob *hold);

#endif
