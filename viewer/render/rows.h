/* rows.h - pixels of one row of a native frame as numbers, from any format (PS3.5 8.1.1, PS3.3 C.7.6.3.1).
 * Format and size of the frame have been checked before; nothing here looks past rows x columns. Threads: pure functions. */
#ifndef KH_VIEWER_RENDER_ROWS_H
#define KH_VIEWER_RENDER_ROWS_H

#include "viewer/render/modality.h"
#include "viewer/render/voi.h"

/* Is a stored value padding, or no number at all? */
bool kh_is_background(const kh_image_info *info, double stored);

/* Where to read: pixels column .. column + count - 1 of a row. */
typedef struct kh_row {
    const uint8_t *pixels;
    const kh_pixel_format *format;
    uint32_t row, column, count;
} kh_row;

/* Grey, integers of up to 16 bits stored in 1, 8, 16 or 32 bits allocated: the stored values. */
void kh_row_stored(const kh_row *row, float *out);
/* The same as whole numbers. */
void kh_row_integers(const kh_row *row, int32_t *out);
/* One stored value, for statistics. Grey of any integer or float format. */
double kh_row_value(const kh_row *row, uint32_t index);
/* 1 bit allocated: count bytes of 0 or 1. */
void kh_row_bits(const kh_row *row, uint8_t *out);
/* Grey of any format: the position of the modality value in the window (voi.h). Background is so far below that a
 * mean with one such pixel stays under KH_POSITION_BACKGROUND. */
#define KH_POSITION_BACKGROUND -1e20f
void kh_row_positions(const kh_row *row, const kh_image_info *info, const kh_modality *modality, const kh_voi *voi, float *out);
/* Grey through a palette: R G B bytes. Integers of up to 32 bits. */
void kh_row_palette(const kh_row *row, const kh_palette *palette, uint8_t *out);
/* Three samples, RGB, YBR_FULL or YBR_FULL_422, by pixel or by plane: R G B bytes, deeper samples brought to 8 bits. */
void kh_row_rgb(const kh_row *row, uint8_t *out);

#endif
