/* canvas.h - one slice being painted, organ over organ, with edges about a pixel wide.
 * Smooth shapes are measured on every step-th pixel and interpolated; only tubes are measured at each pixel they may
 * touch. Threads: one canvas per thread. */
#ifndef KH_PHANTOM_CANVAS_H
#define KH_PHANTOM_CANVAS_H

#include <stdbool.h>
#include "base/error.h"
#include "phantom/shapes.h"

typedef struct ph_canvas {
    int size;        /* columns and rows */
    float spacing;   /* mm */
    float x0, y0, z; /* model position of the first pixel's centre */
    float *value;    /* HU */
    float *x,
        *y; /* where each pixel lies in the model: its place, gently warped so that nothing is a perfect ellipse */
    float *broad, *medium, *fine; /* noise of 28, 9 and 3.2 mm, -1 to 1 */
    float *field;                 /* distances of the shape being painted */
    void *memory;
} ph_canvas;

typedef struct ph_point {
    float x, y, z, broad, medium;
} ph_point;

/* In pixels, last ones excluded. */
typedef struct ph_rect {
    int left, top, right, bottom;
} ph_rect;

typedef struct ph_box {
    float left, right, front, back, bottom, top; /* mm of model space */
} ph_box;

typedef struct ph_segments {
    ph_segment *items; /* owned by the model */
    size_t count, capacity;
    float z_squash; /* distances along z count this much: under 1 makes tubes taller than wide */
} ph_segments;

typedef float ph_sdf(const void *shape, const ph_point *p);
/* The value of pixel i, depth mm under the surface. */
typedef float ph_shade(const void *shade, const ph_canvas *canvas, size_t i, float depth);

#define PH_WARP_MM 4.0f /* the most a pixel is moved, along x and along y */

KH_MUST_USE kh_status ph_canvas_init(ph_canvas *canvas, int size, float spacing, float x0, float y0, kh_error *err);
void ph_canvas_release(ph_canvas *canvas);
/* Go to height z: warp and noise for it, value all of `background`. */
void ph_canvas_begin(ph_canvas *canvas, float z, uint32_t salt, float background);

/* False when the box does not touch the slice. */
bool ph_canvas_rect(const ph_canvas *canvas, const ph_box *box, ph_rect *rect);
/* Distances of a shape into field, within rect. */
void ph_measure(ph_canvas *canvas, ph_rect rect, int step, ph_sdf *sdf, const void *shape);
/* Paint what field says within rect. */
void ph_fill(ph_canvas *canvas, ph_rect rect, ph_shade *shade, const void *context);
/* Measure and fill; nothing when the box does not touch the slice. */
void ph_paint(ph_canvas *canvas, const ph_box *box, int step, ph_sdf *sdf, const void *shape, ph_shade *shade,
              const void *context);
/* Tubes, grown by `grow` mm (which may be negative), their surface roughened by `rough` mm of medium noise. */
void ph_paint_segments(ph_canvas *canvas, const ph_segments *segments, float grow, float rough, ph_shade *shade,
                       const void *context);

/* A shade: context is the value, a float. */
float ph_flat(const void *context, const ph_canvas *canvas, size_t i, float depth);

/* A smooth curve through points with radii, as segments added to list. */
KH_MUST_USE kh_status ph_add_curve(ph_segments *list, const float (*points)[4], size_t count, kh_error *err);
KH_MUST_USE kh_status ph_add_segment(ph_segments *list, ph_segment segment, kh_error *err);
void ph_segments_release(ph_segments *list);

#endif
