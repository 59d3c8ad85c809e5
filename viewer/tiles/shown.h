/* shown.h - the object that an address of a picture names. Threads: any; reads the index, not on an HTTP thread. */
#ifndef KH_VIEWER_TILES_SHOWN_H
#define KH_VIEWER_TILES_SHOWN_H

#include "cache/stack.h"

/* The object, borrowed from a stack that is the caller's to release when KH_OK. KH_E_NOT_FOUND: no such series, object or frame;
 * KH_E_UNSUPPORTED with the reason when the object cannot be shown. */
KH_MUST_USE kh_status kh_shown_object_acquire(const kh_stack **stack, const kh_stack_object **object, kh_cache *cache, int64_t series_id,
                                              int64_t object_id, uint32_t frame, kh_error *err);

#endif
