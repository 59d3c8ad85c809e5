/* values.h - what is measured on a frame of the cache (viewer/render/measure.h): the frame comes from the decoded frames, as those of tiles
 * do.
 * Threads: any; reads index and files and may decode: not on an HTTP thread. */
#ifndef KH_VIEWER_TILES_VALUES_H
#define KH_VIEWER_TILES_VALUES_H

#include "cache/frames.h"
#include "viewer/render/measure.h"

typedef struct kh_frame_place {
    int64_t series_id, object_id;
    uint32_t frame; /* from 0 */
} kh_frame_place;

/* Errors: kh_shown_object_acquire(), kh_frame_acquire(), kh_measure(). codec may be NULL: then compressed frames are KH_E_UNSUPPORTED. */
KH_MUST_USE kh_status kh_values_measure(kh_measured *out, kh_cache *cache, kh_codec *codec, const kh_frame_place *place, kh_mark_kind kind,
                                        const kh_point *points, size_t count, kh_error *err);

#endif
