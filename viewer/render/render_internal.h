/* render_internal.h - what render.c and render_lossless.c share. */
#ifndef KH_VIEWER_RENDER_RENDER_INTERNAL_H
#define KH_VIEWER_RENDER_RENDER_INTERNAL_H

#include "viewer/render/jpeg.h"
#include "viewer/render/lossless.h"
#include "viewer/render/lut.h"
#include "viewer/render/render.h"
#include "viewer/render/scale.h"
#include "viewer/render/window.h"

typedef struct kh_render_scratch {
    uint8_t *bytes;
    size_t size;
} kh_render_scratch;

struct kh_renderer {
    kh_lut lut;
    kh_window_scratch window;
    kh_scaler scaler;
    kh_jpeg_encoder jpeg;
    kh_lossless_encoder lossless;
    kh_render_scratch picture; /* what is made */
    kh_render_scratch row;     /* one source row on its way */
};

/* Does the table of stored values hold for this format? */
static inline bool kh_is_tabled(const kh_pixel_format *format)
{
    return !format->is_float && format->bits_stored <= 16;
}

/* The Presentation LUT; NULL without one. */
static inline const kh_lookup *kh_output_of(const kh_render_source *source)
{
    return source->display && source->display->output.count > 0 ? &source->display->output : NULL;
}

/* The two say the same thing (PS3.3 C.8.11.3.1: shape INVERSE goes with MONOCHROME1), so they do not cancel out. */
static inline bool kh_is_inverse(const kh_render_source *source)
{
    return source->format->photometric == KH_PHOTOMETRIC_MONOCHROME1 || source->info->inverse;
}

#endif
