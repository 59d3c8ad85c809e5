/* render_internal.h - what render.c, draw.c, render_coming.c and render_lossless.c share. */
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

/* One picture being made; context of the scaler. */
typedef struct kh_render_job {
    kh_renderer *renderer;
    const kh_render_source *source;
    kh_render_view view; /* complete and checked */
    kh_modality modality;
    kh_voi voi;
    const kh_lookup *output; /* NULL: none */
    unsigned channels;
    bool inverse, supplemental;
} kh_render_job;

/* A picture whose frame is not whole yet (render_coming.c). */
typedef struct kh_render_coming {
    kh_render_source source;
    kh_render_job job;
    kh_scale_job scale;
    kh_rendered used;
    size_t row_bytes; /* of the frame */
} kh_render_coming;

struct kh_renderer {
    kh_lut lut;
    kh_window_scratch window;
    kh_scaler scaler;
    kh_jpeg_encoder jpeg;
    kh_lossless_encoder lossless;
    kh_render_scratch picture; /* what is made */
    kh_render_scratch row;     /* one source row on its way */
    kh_render_coming coming;
};

/* render.c: checks, window and table of a job that has renderer and source, used may be NULL; memory for so many rows of the picture; marks
 * and encoding of what is drawn. */
KH_MUST_USE kh_status kh_render_prepare(kh_render_job *job, const kh_render_view *view, kh_rendered *used, kh_error *err);
KH_MUST_USE kh_status kh_render_reserve(const kh_render_job *job, size_t rows, kh_error *err);
KH_MUST_USE kh_status kh_render_encode(kh_render_job *job, kh_buf *out, kh_error *err);
/* draw.c: a row at its own size; a picture of another size, for the scaler, to whom job is the context. */
uint8_t *kh_render_picture_row(const kh_render_job *job, uint32_t row);
void kh_render_draw_row(const kh_render_job *job, uint32_t row, uint8_t *out);
kh_scale_job kh_render_scale_job(kh_render_job *job);

static inline bool kh_is_scaled(const kh_render_view *view)
{
    return view->out_width != view->width || view->out_height != view->height;
}

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
