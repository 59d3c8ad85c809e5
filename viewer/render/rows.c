#include "viewer/render/rows.h"

#include <math.h>

#include "viewer/render/simd.h"

bool kh_is_background(const kh_image_info *info, double stored)
{
    if (isnan(stored))
        return true;
    return info->has_padding && stored >= (double)info->padding_low && stored <= (double)info->padding_high;
}

static size_t first_index(const kh_row *row)
{
    return (size_t)row->row * row->format->columns + row->column;
}

/* The stored bits of a word: shifted down from under the high bit, masked, and sign-extended if they are signed. */
static inline int64_t stored_value(const kh_pixel_format *format, uint32_t word)
{
    uint32_t shifted = word << (31 - format->high_bit);

    if (format->is_signed)
        return (int32_t)shifted >> (32 - format->bits_stored);
    return shifted >> (32 - format->bits_stored);
}

static inline uint8_t bit_at(const uint8_t *pixels, size_t index)
{
    return (uint8_t)((pixels[index >> 3] >> (index & 7)) & 1); /* PS3.5 8.1.1: the first pixel is the lowest bit */
}

static inline uint32_t word_at(const kh_pixel_format *format, const uint8_t *pixels, size_t index)
{
    switch (format->bits_allocated) {
    case 1:
        return bit_at(pixels, index);
    case 8:
        return pixels[index];
    case 16:
        return ((const kh_u16_any *)(const void *)pixels)[index];
    default:
        return ((const kh_u32_any *)(const void *)pixels)[index];
    }
}

KH_SIMD static void stored_signed_16(const kh_u16_any *src, int left, int right, float *out, size_t count)
{
    for (size_t i = 0; i < count; i++)
        out[i] = (float)((int16_t)(uint16_t)(src[i] << left) >> right);
}

KH_SIMD static void stored_unsigned_16(const kh_u16_any *src, int left, int right, float *out, size_t count)
{
    for (size_t i = 0; i < count; i++)
        out[i] = (float)((uint16_t)(src[i] << left) >> right);
}

void kh_row_stored(const kh_row *row, float *out)
{
    const kh_pixel_format *format = row->format;
    size_t first = first_index(row);

    if (format->bits_allocated == 16) {
        const kh_u16_any *src = (const kh_u16_any *)(const void *)row->pixels + first;
        int left = 15 - format->high_bit, right = 16 - format->bits_stored;

        if (format->is_signed)
            stored_signed_16(src, left, right, out, row->count);
        else
            stored_unsigned_16(src, left, right, out, row->count);
        return;
    }
    for (uint32_t i = 0; i < row->count; i++)
        out[i] = (float)stored_value(format, word_at(format, row->pixels, first + i));
}

KH_SIMD static void integers_16(const kh_u16_any *src, bool is_signed, int left, int right, int32_t *out, size_t count)
{
    if (is_signed)
        for (size_t i = 0; i < count; i++)
            out[i] = (int16_t)(uint16_t)(src[i] << left) >> right;
    else
        for (size_t i = 0; i < count; i++)
            out[i] = (uint16_t)(src[i] << left) >> right;
}

void kh_row_integers(const kh_row *row, int32_t *out)
{
    const kh_pixel_format *format = row->format;
    size_t first = first_index(row);

    if (format->bits_allocated == 16) {
        integers_16((const kh_u16_any *)(const void *)row->pixels + first, format->is_signed, 15 - format->high_bit,
                    16 - format->bits_stored, out, row->count);
        return;
    }
    for (uint32_t i = 0; i < row->count; i++)
        out[i] = (int32_t)stored_value(format, word_at(format, row->pixels, first + i));
}

double kh_row_value(const kh_row *row, uint32_t index)
{
    const kh_pixel_format *format = row->format;
    size_t at = first_index(row) + index;

    if (format->is_float && format->bits_allocated == 64)
        return ((const kh_f64_any *)(const void *)row->pixels)[at];
    if (format->is_float)
        return ((const kh_f32_any *)(const void *)row->pixels)[at];
    return (double)stored_value(format, word_at(format, row->pixels, at));
}

void kh_row_bits(const kh_row *row, uint8_t *out)
{
    size_t first = first_index(row);

    for (uint32_t i = 0; i < row->count; i++)
        out[i] = bit_at(row->pixels, first + i);
}

void kh_row_positions(const kh_row *row, const kh_image_info *info, const kh_modality *modality, const kh_voi *voi, float *out)
{
    const double nowhere = -1e30, bound = 1e15;

    for (uint32_t i = 0; i < row->count; i++) {
        double stored = kh_row_value(row, i), position = kh_voi_position(voi, kh_modality_value(modality, stored));

        out[i] = (float)(kh_is_background(info, stored) ? nowhere : fmin(fmax(position, -bound), bound));
    }
}

void kh_row_palette(const kh_row *row, const kh_palette *palette, uint8_t *out)
{
    const kh_pixel_format *format = row->format;
    size_t first = first_index(row);
    int64_t last = (int64_t)palette->count - 1;

    for (uint32_t i = 0; i < row->count; i++) {
        int64_t index = stored_value(format, word_at(format, row->pixels, first + i)) - palette->first;
        const uint8_t *rgb = palette->rgb + 3 * (size_t)(index < 0 ? 0 : index > last ? last : index);

        out[3 * (size_t)i] = rgb[0];
        out[3 * (size_t)i + 1] = rgb[1];
        out[3 * (size_t)i + 2] = rgb[2];
    }
}

static inline uint8_t clamp_byte(float value)
{
    return value <= 0.0f ? 0 : value >= 255.0f ? 255 : (uint8_t)(value + 0.5f);
}

/* The inverse of PS3.3 C.7.6.3.1.2 for YBR_FULL, all components over the full range. */
static inline void ybr_to_rgb(uint8_t *rgb, int y, int cb, int cr)
{
    float blue = (float)(cb - 128), red = (float)(cr - 128), light = (float)y;

    rgb[0] = clamp_byte(light + 1.402f * red);
    rgb[1] = clamp_byte(light - 0.344136f * blue - 0.714136f * red);
    rgb[2] = clamp_byte(light + 1.772f * blue);
}

/* Two pixels are Y Y Cb Cr; the chroma of both was taken at the first (PS3.3 C.7.6.3.1.2). */
static void row_ybr_422(const kh_row *row, uint8_t *out)
{
    size_t first = first_index(row);

    for (uint32_t i = 0; i < row->count; i++) {
        size_t at = first + i;
        const uint8_t *pair = row->pixels + (at >> 1) * 4;

        ybr_to_rgb(out + 3 * (size_t)i, pair[at & 1], pair[2], pair[3]);
    }
}

static inline uint8_t sample_byte(const kh_pixel_format *format, const uint8_t *pixels, size_t index)
{
    uint64_t top = (UINT64_C(1) << format->bits_stored) - 1;
    uint64_t value = (uint64_t)stored_value(format, word_at(format, pixels, index));

    if (format->is_signed) /* not allowed for colour; shown with its zero in the middle */
        value += UINT64_C(1) << (format->bits_stored - 1);
    return format->bits_stored == 8 ? (uint8_t)value : (uint8_t)((value * 255 + top / 2) / top);
}

void kh_row_rgb(const kh_row *row, uint8_t *out)
{
    const kh_pixel_format *format = row->format;
    size_t first = first_index(row), plane = (size_t)format->rows * format->columns;
    size_t step = format->planar ? 1 : 3, between = format->planar ? plane : 1;

    if (format->photometric == KH_PHOTOMETRIC_YBR_FULL_422) {
        row_ybr_422(row, out);
        return;
    }
    for (uint32_t i = 0; i < row->count; i++)
        for (size_t sample = 0; sample < 3; sample++)
            out[3 * (size_t)i + sample] = sample_byte(format, row->pixels, (first + i) * step + sample * between);
    if (format->photometric == KH_PHOTOMETRIC_YBR_FULL)
        for (uint32_t i = 0; i < row->count; i++)
            ybr_to_rgb(out + 3 * (size_t)i, out[3 * (size_t)i], out[3 * (size_t)i + 1], out[3 * (size_t)i + 2]);
}
