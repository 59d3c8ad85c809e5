/* display.h - the display tables of an object (dicom/display.h), read from its file on first use and kept, LRU by bytes.
 * They are not in the index: palettes and overlays are up to megabytes an object, most objects have none, and a stack is held in
 * memory whole. The index says which objects have any. Threads: any. */
#ifndef KH_CACHE_DISPLAY_H
#define KH_CACHE_DISPLAY_H

#include "base/blobcache.h"
#include "cache/stack.h"
#include "dicom/display.h"

#define KH_DISPLAYS_BYTES_MAX 16777216 /* kept beside those in use */

/* *out is NULL when the object has no such tables, else borrowed until the release of *hold. KH_E_FORMAT when palette or Modality
 * LUT are not what they say, KH_E_CORRUPT when the file cannot be read as a data set any more. */
KH_MUST_USE kh_status kh_object_display_acquire(const kh_display **out, const kh_blob **hold, kh_cache *cache,
                                                const kh_stack_object *object, kh_error *err);
void kh_object_display_release(kh_cache *cache, const kh_blob *hold);

#endif
