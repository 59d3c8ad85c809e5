/* window.h - which window a grey picture is shown with.
 * First what the request gives; else the first usable window of the slice; else the first VOI LUT of the
 * object (PS3.3 C.11.2: alternatives, of which windows are what a reader can change); else one made from the pixels:
 *  - up to 8 bits stored: the whole range of the format, as such pictures were made for a screen;
 *  - deeper: from the 0.5th to the 99.5th percentile of the frame's values that are no padding and are numbers. The ends become
 *    black and white exactly under the slice's VOI function. Where both percentiles are one value: from the lowest to the highest
 *    value; where those are one too, a step of one stored value.
 * The percentiles are those of the whole frame (of a grid of it when it is large), so every tile of a picture gets the same window.
 * Threads: one at a time per scratch. */
#ifndef KH_VIEWER_RENDER_WINDOW_H
#define KH_VIEWER_RENDER_WINDOW_H

#include "viewer/render/render.h"
#include "viewer/render/voi.h"

#define KH_WINDOW_GRID_MAX 262144    /* values looked at when a histogram counts them */
#define KH_WINDOW_SORTED_MAX 16384   /* when they have to be sorted: deeper than 16 bits, or float */

typedef struct kh_window_scratch {
    uint32_t histogram[65536];
    double sorted[KH_WINDOW_SORTED_MAX];
} kh_window_scratch;

/* Source and format have been checked before. *told is false when only the pixels, which are not looked at, can tell. KH_E_ARG and
 * KH_E_NOT_FOUND as below. */
KH_MUST_USE kh_status kh_window_told(kh_voi *out, bool *told, const kh_render_source *source, const kh_render_view *view, kh_error *err);
/* Source and format have been checked before. KH_E_ARG when the given window cannot be used. */
KH_MUST_USE kh_status kh_window_choose(kh_voi *out, bool *from_pixels, kh_window_scratch *scratch,
                                       const kh_render_source *source, const kh_render_view *view, kh_error *err);

#endif
