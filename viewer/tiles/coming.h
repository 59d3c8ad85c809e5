/* coming.h - a tile drawn while the frame it is of is decoded: when the last line has come little is left to do. Threads: one. */
#ifndef KH_VIEWER_TILES_COMING_H
#define KH_VIEWER_TILES_COMING_H

#include "base/buf.h"
#include "viewer/tiles/shown_as.h"

/* Of one rendering; the first five are the caller's to fill in, the rest begins with zeroes. */
typedef struct kh_coming {
    kh_cache *cache;
    kh_renderer *renderer;
    const kh_tile_key *key;
    const kh_stack_object *object;
    const kh_render_view *view;
    kh_buf *out;            /* the JPEG is appended */
    size_t out_begin;       /* of out before it was */
    kh_frame frame;         /* as far as it has come; borrowed from the decoding */
    kh_shown_as as;
    kh_rendered used;
    bool tried, drawn, encoded; /* a drawing was begun, or cannot be; it goes on; the JPEG is in out */
} kh_coming;

/* A kh_codec_listener's told; coming: a kh_coming. */
void kh_coming_told(void *coming, const kh_pixel_format *format, const uint8_t *pixels, size_t size, size_t finished);
/* The frame is there. *done: it is the one that was drawn, and the JPEG is in out; else nothing is. */
KH_MUST_USE kh_status kh_coming_finish(kh_coming *coming, const kh_frame *frame, bool *done, kh_rendered *used, kh_error *err);
void kh_coming_release(kh_coming *coming);

#endif
