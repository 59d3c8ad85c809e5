/* render.h - pixels in, JPEG out: modality transform, VOI, photometric interpretation, scaling, encoding
 * (PS3.3 C.7.6.3, C.11.1, C.11.2; PS3.4 N.2), as docs/rendering.md tells. Knows no cache, no HTTP, no SQL.
 * A kh_renderer owns encoder handle and scratch memory of one thread; nothing is allocated per tile once warm.
 * Errors: KH_E_ARG for a view outside the limits below or outside the frame, KH_E_FORMAT for a format that contradicts itself or
 * too few bytes, KH_E_UNSUPPORTED for forms that only codestreams have and Modality LUTs of values deeper than 16 bits, KH_E_LIMIT from
 * out. */
#ifndef KH_VIEWER_RENDER_RENDER_H
#define KH_VIEWER_RENDER_RENDER_H

#include "base/buf.h"
#include "dicom/display.h"

typedef struct kh_renderer kh_renderer;

typedef struct kh_render_source {
    const uint8_t *pixels;            /* one native frame */
    size_t size;                      /* bytes; KH_E_FORMAT when less than format says */
    const kh_pixel_format *format;
    const kh_image_info *info;        /* padding, inverse, modality */
    const kh_slice_info *slice;       /* rescale, windows */
    const kh_display *display;        /* palette, LUTs, overlays, shutter; NULL: none */
    uint32_t frame;                   /* number of the frame, from 0: for overlays of some frames */
} kh_render_source;

#define KH_RENDER_SIDE_MAX 8192       /* pixels of what is made at once */
#define KH_RENDER_SCALED_MAX 1048576  /* pixels of the picture that a crop is cut from */

typedef struct kh_render_view {
    uint32_t x, y, width, height;     /* region of the frame in source pixels; width 0: all of it */
    uint32_t out_width, out_height;   /* pixels the region is scaled to; 1 to 8,192, with a crop to 1,048,576 */
    /* Of the scaled region only this rectangle is made; crop_width 0: all of it. A tile is a crop of its level: region all,
     * out the size of the level, crop the tile's place in it. Tiles made so join exactly. Sides to 8,192. */
    uint32_t crop_x, crop_y, crop_width, crop_height;
    bool lut_given;                   /* VOI LUT number lut of the slice; KH_E_NOT_FOUND when it has none of that number */
    uint32_t lut;
    bool window_given;                /* else the object's own, else from the pixels (window.h) */
    double window_center, window_width; /* modality units; width >= 1 for LINEAR */
    bool function_given;              /* with a window: not the object's own function but this one */
    kh_voi_function function;
    bool invert;                      /* black for white, on top of what the object says */
    int quality;                      /* JPEG 1 to 100 */
} kh_render_view;

typedef struct kh_rendered {
    double window_center, window_width; /* those used; 0 and 0 for colour */
    bool window_from_pixels;
    uint32_t width, height;             /* of the picture */
    unsigned channels;                  /* 1 or 3 */
} kh_rendered;

KH_MUST_USE kh_status kh_renderer_create(kh_renderer **out, kh_error *err);
void kh_renderer_free(kh_renderer *renderer);

/* Appends a baseline JPEG to out (grayscale, or 4:2:0/4:4:4 colour). used may be NULL. */
KH_MUST_USE kh_status kh_render_jpeg(kh_renderer *renderer, const kh_render_source *source, const kh_render_view *view,
                                     kh_buf *out, kh_rendered *used, kh_error *err);
/* The same of a frame that is still being made, source->pixels the place it is made at, row after row from the top. begin is true when its
 * picture can be drawn meanwhile: it is scaled, and its window does not come from the pixels. Then rows draws what can be drawn of the
 * first bytes of the frame, which change no more, and is true when the picture is whole; then encode appends the JPEG that
 * kh_render_jpeg() would have made. What source points at stays until then; another call of the renderer ends it. */
KH_MUST_USE bool kh_render_coming_begin(kh_renderer *renderer, const kh_render_source *source, const kh_render_view *view);
bool kh_render_coming_rows(kh_renderer *renderer, size_t bytes);
KH_MUST_USE kh_status kh_render_coming_encode(kh_renderer *renderer, kh_buf *out, kh_rendered *used, kh_error *err);
/* The same picture as a PNG of 8 bits a sample; view->quality is not looked at. */
KH_MUST_USE kh_status kh_render_png(kh_renderer *renderer, const kh_render_source *source, const kh_render_view *view,
                                    kh_buf *out, kh_rendered *used, kh_error *err);
/* Appends the stored values of a grey frame of up to 16 bits, exact to the bit, as lossless.h says; gzip. KH_E_UNSUPPORTED for
 * colour, float and deeper values. The window told is the object's own, or one from the pixels. */
KH_MUST_USE kh_status kh_render_lossless(kh_renderer *renderer, const kh_render_source *source, kh_buf *out, kh_rendered *used,
                                         kh_error *err);
/* The same picture before encoding: bytes of gray row by row, or of R G B when *channels is 3. For tests and PNG.
 * view->quality is not looked at. */
KH_MUST_USE kh_status kh_render_pixels(kh_renderer *renderer, const kh_render_source *source, const kh_render_view *view,
                                       kh_buf *out, unsigned *channels, kh_rendered *used, kh_error *err);

#endif
