/* lossless.h - a slice for diagnosis: every stored value of a frame, in a form that a browser undoes in plain JavaScript while it
 * arrives (viewer/web/lossless.js), compressed by gzip. Inflated it is KH_LOSSLESS_HEADER bytes, little endian,
 *
 *    0  "KHL2"
 *    4  rows, columns: 2 bytes each
 *    8  bits stored, flags (kh_lossless_flag), VOI function (0 LINEAR, 1 LINEAR_EXACT, 2 SIGMOID), 0: a byte each
 *   12  first and last stored value of padding: 4 bytes each, signed; 0 without KH_LOSSLESS_PADDING
 *   20  0: 4 bytes
 *   24  slope, intercept of the modality transform; window center, width: 8 bytes each, IEEE 754
 *
 * then three parts, each the high bytes of its residuals, then their low bytes. With them every fourth, every second and every value of
 * the rows and columns is known (both count from 0):
 *
 *    part  values, row by row                         prediction
 *    1     rows and columns 0, 4, 8, ...              JPEG-LS's median (ISO 14495-1 A.4.1) of the neighbours in this part: left a,
 *                                                     upper b, upper left c: min(a, b) if c >= max(a, b), max(a, b) if
 *                                                     c <= min(a, b), else a + b - c; in the first row a, in the first
 *                                                     column b, for the first value 0
 *    2     rows and columns 2, 6, 10, ...             floor(half the sum of the middle two) of the four values 2 rows and 2 columns away
 *          then rows 0, 2, 4, ..., of every other     the same of the four values 2 above, below, left and right
 *          column of 0, 2, 4, ... those yet missing
 *    3     the same with 1 in place of 2
 *
 * A neighbour past an edge is the one on the other side; where there is neither, those across stand for those above and below, or the
 * other way round. A residual is value - prediction, taken modulo 2^16 into
 * -32,768 .. 32,767 and folded to 0, -1, 1, -2, 2, ... = 0, 1, 2, 3, 4, ...
 * Threads: one at a time per encoder. Nothing is allocated once its memory has grown. */
#ifndef KH_VIEWER_RENDER_LOSSLESS_H
#define KH_VIEWER_RENDER_LOSSLESS_H

#include "viewer/render/render.h"
#include "viewer/render/voi.h"

#define KH_LOSSLESS_HEADER 56
#define KH_LOSSLESS_PIXELS_MAX 67108864

typedef enum kh_lossless_flag {
    KH_LOSSLESS_SIGNED = 1,
    KH_LOSSLESS_PADDING = 2,
    KH_LOSSLESS_INVERSE = 4,     /* MONOCHROME1 or Presentation LUT Shape INVERSE */
    KH_LOSSLESS_FROM_PIXELS = 8, /* the window was made from the pixels */
    KH_LOSSLESS_TABLES = 16      /* a Modality or VOI LUT or marks belong to the picture, which slope and window do not tell */
} kh_lossless_flag;

typedef struct kh_lossless_encoder {
    void *compressor;
    uint8_t *planes; /* header, then the parts */
    size_t planes_capacity;
    int32_t *rows;   /* values of three rows, each with room for mirrored ones */
    size_t columns_capacity;
} kh_lossless_encoder;

typedef struct kh_lossless_facts { /* what stands in the header beside the format */
    unsigned flags;
    double slope, intercept;
    kh_voi voi;
} kh_lossless_facts;

KH_MUST_USE kh_status kh_lossless_init(kh_lossless_encoder *encoder, kh_error *err);
void kh_lossless_release(kh_lossless_encoder *encoder);
/* Append to out. Grey integers of up to 16 bits, source checked before (check.h). KH_E_LIMIT past KH_LOSSLESS_PIXELS_MAX or out's. */
KH_MUST_USE kh_status kh_lossless_encode(kh_lossless_encoder *encoder, const kh_render_source *source,
                                         const kh_lossless_facts *facts, kh_buf *out, kh_error *err);

#endif
