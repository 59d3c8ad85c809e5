/* scale.h - one rectangle of a picture scaled to any size: area average where it shrinks, Catmull-Rom cubic where it grows, each
 * axis by itself. A result pixel depends on source size, result size and its own place only, so parts of one picture that are
 * made one by one join without a seam.
 *
 * The values scaled are those before the window (stored values, positions in the window, or R G B), so that a mean is the mean of
 * what was measured and not of its brightness on a screen.
 * Arithmetic is single precision: a halving of 16-bit values is exact, other ratios are within 1/50 of a step of 16 bits.
 * Threads: one at a time per scaler. Nothing is allocated once its buffers have grown. */
#ifndef KH_VIEWER_RENDER_SCALE_H
#define KH_VIEWER_RENDER_SCALE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"

typedef struct kh_scale_tap { /* one result pixel: count source pixels from first on, weights from weight on; they sum to 1 */
    uint32_t first, count;
    size_t weight;
} kh_scale_tap;

typedef struct kh_scale_axis {
    uint32_t source_size, out_size, crop_first, crop_count; /* what the taps below were made for */
    uint32_t source_first, source_end;                      /* source pixels that any tap needs */
    kh_scale_tap *taps;                                     /* crop_count of them */
    float *weights;
    size_t tap_capacity, weight_capacity;
} kh_scale_axis;

#define KH_SCALE_ROWS 4 /* of converted source rows kept: as many as a cubic needs */

typedef struct kh_scaler {
    kh_scale_axis across, down;
    float *memory; /* KH_SCALE_ROWS source rows, one sum, one result row */
    size_t memory_floats;
    uint64_t row_held[KH_SCALE_ROWS];
    uint32_t next; /* row of the result to be made */
} kh_scaler;

/* Source pixels first_column .. first_column + count - 1 of a row as count * channels numbers. */
typedef void kh_scale_fetch(void *context, uint32_t row, uint32_t first_column, uint32_t count, float *out);
/* A finished row of the result, crop_width * channels numbers. */
typedef void kh_scale_put(void *context, uint32_t out_row, const float *values);

typedef struct kh_scale_job {
    uint32_t source_width, source_height, out_width, out_height; /* whole picture, before and after; each >= 1 */
    uint32_t crop_x, crop_y, crop_width, crop_height;            /* of the result: what is made; inside it */
    uint32_t channels;                                           /* 1 to 3 */
    kh_scale_fetch *fetch;
    kh_scale_put *put; /* rows 0 .. crop_height - 1 in order */
    void *context;
} kh_scale_job;

void kh_scaler_release(kh_scaler *scaler);
/* Of a source that comes row by row from the top: after begin, put is called for each row of the result as soon as the first source_rows
 * rows hold all it is made of; rows that were put are not made again. KH_E_MEMORY only. */
KH_MUST_USE kh_status kh_scale_begin(kh_scaler *scaler, const kh_scale_job *job, kh_error *err);
void kh_scale_rows(kh_scaler *scaler, const kh_scale_job *job, uint32_t source_rows);
/* Both, of a source that is there. KH_E_MEMORY only. */
KH_MUST_USE kh_status kh_scale(kh_scaler *scaler, const kh_scale_job *job, kh_error *err);

#endif
