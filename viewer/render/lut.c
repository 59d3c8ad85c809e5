#include "viewer/render/lut.h"

#include <math.h>
#include <string.h>

#include "viewer/render/simd.h"

#define FRACTION_BITS 22 /* 255 plus one step of 255 at most still fits 31 bits */
#define LINE_TOP ((256 << FRACTION_BITS) - 1)

static int32_t lowest_value(const kh_lut_params *params)
{
    return params->is_signed ? -(1 << (params->bits_stored - 1)) : 0;
}

/* Of a value that is no padding. */
static uint8_t grey_of(const kh_lut_params *params, int32_t value)
{
    double modality_value = kh_modality_value(&params->modality, value);
    uint8_t grey = kh_voi_gray(kh_voi_output(params->output, kh_voi_value(&params->voi, modality_value)));

    if (params->inverse)
        grey = (uint8_t)(255 - grey);
    return params->negative ? (uint8_t)(255 - grey) : grey;
}

static inline uint8_t line_grey(const kh_lut_line *line, int32_t value)
{
    int32_t x = value < line->low ? line->low : value > line->high ? line->high : value;
    int32_t y = (x - line->low) * line->gain + line->offset;

    y = y < 0 ? 0 : y > LINE_TOP ? LINE_TOP : y;
    return (uint8_t)(y >> FRACTION_BITS) ^ line->flip;
}

/* The fixed-point line through the ramp of the table; false when it cannot be written in 31 bits. */
static bool line_of(kh_lut_line *line, const kh_lut *lut)
{
    const kh_lut_params *params = &lut->params;
    int32_t count = 1 << params->bits_stored, mask = count - 1, first = lowest_value(params);
    double gain, at_low;
    int32_t low = 0, high = count - 1;

    line->flip = lut->grey[first & mask] > lut->grey[(first + count - 1) & mask] ? 255 : 0;
    while (low + 1 < count && (lut->grey[(first + low + 1) & mask] ^ line->flip) == 0)
        low++;
    while (high > low && (lut->grey[(first + high - 1) & mask] ^ line->flip) == 255)
        high--;
    gain = 255.0 * params->modality.slope / params->voi.span;
    at_low = ((first + low) * params->modality.slope + params->modality.intercept - params->voi.origin) / params->voi.span * 255.0
           + 127.5;
    if (params->inverse != params->negative) {
        gain = -gain;
        at_low = 255.0 - at_low;
    }
    if (line->flip) {
        gain = -gain;
        at_low = 255.0 - at_low;
    }
    if (!(gain >= 0.0 && gain <= 255.0 && fabs(at_low) <= 256.0))
        return false;
    line->low = first + low;
    line->high = first + high;
    line->gain = (int32_t)lrint(gain * (1 << FRACTION_BITS));
    line->offset = (int32_t)lrint((at_low + 0.5) * (1 << FRACTION_BITS));
    line->inside = line->offset >= 0 && (int64_t)line->gain * (high - low) + line->offset <= LINE_TOP;
    return (int64_t)line->gain * (high - low) <= INT32_MAX
        && (int64_t)line->gain * (high - low) + line->offset <= INT32_MAX;
}

KH_SIMD static bool line_equals_table(const kh_lut_line *line, const kh_lut *lut)
{
    int32_t count = 1 << lut->params.bits_stored, half = lut->params.is_signed ? count / 2 : count;
    unsigned differences = 0;

    for (int32_t i = 0; i < half; i++)
        differences |= (unsigned)(line_grey(line, i) ^ lut->grey[i]);
    for (int32_t i = half; i < count; i++)
        differences |= (unsigned)(line_grey(line, i - count) ^ lut->grey[i]);
    return differences == 0;
}

static bool same_params(const kh_lut_params *a, const kh_lut_params *b)
{
    bool padding = a->has_padding == b->has_padding
                && (!a->has_padding || (a->padding_low == b->padding_low && a->padding_high == b->padding_high));

    return padding && a->display_id == b->display_id && a->modality.lookup == b->modality.lookup && a->voi.lookup == b->voi.lookup
        && a->output == b->output
        && a->bits_stored == b->bits_stored && a->is_signed == b->is_signed && a->inverse == b->inverse
        && a->negative == b->negative && a->modality.slope == b->modality.slope
        && a->modality.intercept == b->modality.intercept && a->voi.function == b->voi.function
        && a->voi.center == b->voi.center && a->voi.width == b->voi.width;
}

/* The same grey for count values from value on; they wrap around where signed values change their sign. */
static void fill_run(kh_lut *lut, int32_t value, int32_t count, uint8_t grey)
{
    int32_t entries = 1 << lut->params.bits_stored, at = value & (entries - 1);
    int32_t head = count < entries - at ? count : entries - at;

    memset(lut->grey + at, grey, (size_t)head);
    memset(lut->grey, grey, (size_t)(count - head));
}

/* The background, over whatever the formula says. */
static void fill_padding(kh_lut *lut)
{
    const kh_lut_params *params = &lut->params;
    int32_t count = 1 << params->bits_stored, first = lowest_value(params), last = first + count - 1;
    int32_t low = params->padding_low > first ? (int32_t)(params->padding_low < last ? params->padding_low : last) : first;
    int32_t high = params->padding_high < last ? (int32_t)(params->padding_high > first ? params->padding_high : first) : last;

    if (params->padding_low <= last && params->padding_high >= first && low <= high)
        fill_run(lut, low, high - low + 1, params->negative ? 255 : 0);
}

/* Does the grey of the formula rise, or fall, without a break from the lowest stored value to the highest? */
static bool is_monotonic(const kh_lut_params *params)
{
    return params->display_id == 0 && params->voi.function != KH_VOI_SIGMOID;
}

/* How many entries from low on, at most count, are as grey as the first of them. step is 1, or -1 to go down from low. */
static int32_t run_length(const kh_lut_params *params, int32_t low, int32_t step, int32_t count)
{
    uint8_t grey = grey_of(params, low);
    int32_t same = 1, most = count; /* the answer is one from the first to the second */

    while (same < most) {
        int32_t middle = same + (most - same + 1) / 2;

        if (grey_of(params, low + step * (middle - 1)) == grey)
            same = middle;
        else
            most = middle - 1;
    }
    return same;
}

/* Most of a table lies outside the window: where the grey only rises or falls the two ends are found by halving and filled. */
static void fill_table(kh_lut *lut)
{
    const kh_lut_params *params = &lut->params;
    int32_t count = 1 << params->bits_stored, mask = count - 1, first = lowest_value(params), last = first + count - 1;
    int32_t from = first, end = first + count;

    if (is_monotonic(params)) {
        int32_t head = run_length(params, first, 1, count), tail = run_length(params, last, -1, count);

        fill_run(lut, first, head, grey_of(params, first));
        fill_run(lut, last - tail + 1, tail, grey_of(params, last));
        from += head;
        end -= tail;
    }
    for (int32_t value = from; value < end; value++)
        lut->grey[value & mask] = grey_of(params, value);
    if (params->has_padding)
        fill_padding(lut);
}

void kh_lut_prepare(kh_lut *lut, const kh_lut_params *params)
{
    if (lut->valid && same_params(&lut->params, params))
        return;
    lut->params = *params;
    fill_table(lut);
    lut->line.usable = params->voi.function != KH_VOI_SIGMOID && params->voi.span > 0.0 && params->display_id == 0 &&
                       line_of(&lut->line, lut) && line_equals_table(&lut->line, lut);
    lut->valid = true;
}

/* line_grey() with as much of it as can be in 16 bits, twice as many at once: the stored bits, which begin at bit 0, the sign, both
 * clamps of x, and no clamp of y. */
KH_SIMD static void apply_inside_signed(const kh_lut_line *line, uint16_t mask, const kh_u16_any *src, uint8_t *dst, size_t count)
{
    int16_t low = (int16_t)line->low, high = (int16_t)line->high;
    uint16_t sign = mask ^ mask >> 1;
    uint32_t gain = (uint32_t)line->gain, offset = (uint32_t)line->offset;
    uint8_t flip = line->flip;

    for (size_t i = 0; i < count; i++) {
        int16_t x = (int16_t)(uint16_t)(((src[i] & mask) ^ sign) - sign);

        x = x < low ? low : x;
        x = x > high ? high : x;
        dst[i] = (uint8_t)(((uint16_t)(x - low) * gain + offset) >> FRACTION_BITS) ^ flip;
    }
}

KH_SIMD static void apply_inside_unsigned(const kh_lut_line *line, uint16_t mask, const kh_u16_any *src, uint8_t *dst, size_t count)
{
    uint16_t low = (uint16_t)line->low, high = (uint16_t)line->high;
    uint32_t gain = (uint32_t)line->gain, offset = (uint32_t)line->offset;
    uint8_t flip = line->flip;

    for (size_t i = 0; i < count; i++) {
        uint16_t x = src[i] & mask;

        x = x < low ? low : x;
        x = x > high ? high : x;
        dst[i] = (uint8_t)(((uint16_t)(x - low) * gain + offset) >> FRACTION_BITS) ^ flip;
    }
}

KH_SIMD static void apply_line_signed(const kh_lut_line *shared, int left, int right, const kh_u16_any *src, uint8_t *dst,
                                      size_t count)
{
    kh_lut_line line = *shared;

    for (size_t i = 0; i < count; i++)
        dst[i] = line_grey(&line, (int16_t)(uint16_t)(src[i] << left) >> right);
}

KH_SIMD static void apply_line_unsigned(const kh_lut_line *shared, int left, int right, const kh_u16_any *src, uint8_t *dst,
                                        size_t count)
{
    kh_lut_line line = *shared;

    for (size_t i = 0; i < count; i++)
        dst[i] = line_grey(&line, (uint16_t)(src[i] << left) >> right);
}

void kh_lut_apply_16(const kh_lut *lut, uint16_t high_bit, const void *src, uint8_t *dst, size_t count)
{
    const kh_u16_any *values = src;
    int bits = lut->params.bits_stored, shift = high_bit + 1 - bits;
    unsigned mask = (1u << bits) - 1;

    if (lut->line.usable && lut->line.inside && shift == 0 && lut->params.is_signed)
        apply_inside_signed(&lut->line, (uint16_t)mask, values, dst, count);
    else if (lut->line.usable && lut->line.inside && shift == 0)
        apply_inside_unsigned(&lut->line, (uint16_t)mask, values, dst, count);
    else if (lut->line.usable && lut->params.is_signed)
        apply_line_signed(&lut->line, 15 - high_bit, 16 - bits, values, dst, count);
    else if (lut->line.usable)
        apply_line_unsigned(&lut->line, 15 - high_bit, 16 - bits, values, dst, count);
    else
        for (size_t i = 0; i < count; i++)
            dst[i] = lut->grey[((unsigned)values[i] >> shift) & mask];
}

void kh_lut_apply_8(const kh_lut *lut, uint16_t high_bit, const void *src, uint8_t *dst, size_t count)
{
    const uint8_t *values = src;
    int bits = lut->params.bits_stored, shift = high_bit + 1 - bits;
    unsigned mask = (1u << bits) - 1;

    for (size_t i = 0; i < count; i++)
        dst[i] = lut->grey[((unsigned)values[i] >> shift) & mask];
}

/* The stored value nearest to an interpolated one, halves up, held in the range of the table. A float holds 16 bits with 8 to
 * spare. */
static inline int32_t nearest_value(float value, int32_t first, int32_t last)
{
    float position = value - (float)first + 0.5f, top = (float)(last - first);

    position = position < 0.0f ? 0.0f : position;
    position = position > top ? top : position;
    return first + (int32_t)position;
}

KH_SIMD static void apply_line_float(const kh_lut_line *shared, int32_t first, int32_t last, const float *src, uint8_t *dst,
                                     size_t count)
{
    kh_lut_line line = *shared;

    for (size_t i = 0; i < count; i++)
        dst[i] = line_grey(&line, nearest_value(src[i], first, last));
}

void kh_lut_apply_float(const kh_lut *lut, const float *src, uint8_t *dst, size_t count)
{
    int32_t first = lowest_value(&lut->params), mask = (1 << lut->params.bits_stored) - 1;

    if (lut->line.usable)
        apply_line_float(&lut->line, first, first + mask, src, dst, count);
    else
        for (size_t i = 0; i < count; i++)
            dst[i] = lut->grey[nearest_value(src[i], first, first + mask) & mask];
}

void kh_lut_apply_weighted(const kh_lut *lut, const float *src, uint8_t *dst, size_t count)
{
    int32_t first = lowest_value(&lut->params), mask = (1 << lut->params.bits_stored) - 1;
    uint8_t background = lut->params.negative ? 255 : 0;

    for (size_t i = 0; i < count; i++) {
        float value = src[2 * i], weight = src[2 * i + 1];

        dst[i] = weight < 0.5f ? background : lut->grey[nearest_value(value / weight, first, first + mask) & mask];
    }
}
