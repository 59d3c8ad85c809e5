/* lut.h - stored values of up to 16 bits to grey bytes, through a table of all of them.
 * The table is the truth: it is filled from the formulas in doubles, with sign, padding and inversion in it. Where a fixed-point
 * multiplication gives the very same byte for every entry, which is checked when the table is made, rows are mapped by it instead,
 * because the compiler can vectorise that. Threads: one at a time per table. */
#ifndef KH_VIEWER_RENDER_LUT_H
#define KH_VIEWER_RENDER_LUT_H

#include "viewer/render/modality.h"
#include "viewer/render/voi.h"

typedef struct kh_lut_params {
    uint16_t bits_stored; /* 1 to 16 */
    bool is_signed;
    bool inverse;         /* MONOCHROME1 or Presentation LUT Shape INVERSE: does not touch the background */
    bool negative;        /* the whole picture, background too */
    bool has_padding;
    int64_t padding_low, padding_high; /* stored values shown as background, which is black */
    kh_modality modality;
    kh_voi voi;
    const kh_lookup *output; /* behind the window; NULL: none */
    uint64_t display_id; /* of the kh_display that the tables of modality, voi and output are in; 0 when there are none */
} kh_lut_params;

typedef struct kh_lut_line { /* grey = clamp((clamp(x, low, high) - low) * gain + offset) >> fraction bits, xor flip */
    bool usable;
    bool inside; /* between low and high the outer clamp has nothing to do */
    int32_t low, high, gain, offset;
    uint8_t flip;
} kh_lut_line;

typedef struct kh_lut {
    bool valid;
    kh_lut_params params;
    kh_lut_line line;
    uint8_t grey[65536]; /* by the stored bits as an unsigned number */
} kh_lut;

/* Make the table for params unless it already is that one. */
void kh_lut_prepare(kh_lut *lut, const kh_lut_params *params);
/* Map count pixels of 16 or 8 bits allocated, little endian, of any alignment. high_bit >= bits_stored - 1. */
void kh_lut_apply_16(const kh_lut *lut, uint16_t high_bit, const void *src, uint8_t *dst, size_t count);
void kh_lut_apply_8(const kh_lut *lut, uint16_t high_bit, const void *src, uint8_t *dst, size_t count);
/* Map stored values that were interpolated: rounded to the nearest, halves up, and held in the range of bits_stored. */
void kh_lut_apply_float(const kh_lut *lut, const float *src, uint8_t *dst, size_t count);
/* As before with a weight beside each value (value * weight, weight): where less than half of a pixel is no padding it is
 * background, elsewhere the weight is divided out. */
void kh_lut_apply_weighted(const kh_lut *lut, const float *src, uint8_t *dst, size_t count);

#endif
