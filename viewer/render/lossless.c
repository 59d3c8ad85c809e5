#include "viewer/render/lossless.h"

#include <libdeflate.h>
#include <stdlib.h>
#include <string.h>

#include "viewer/render/rows.h"
#include "viewer/render/simd.h"

#define GZIP_LEVEL 1                  /* as small as level 6 on such planes, in three quarters of its time */
#define PLANES_KEEP_BYTES (4u << 20)  /* of a slice larger than usual the memory is given back */

kh_status kh_lossless_init(kh_lossless_encoder *encoder, kh_error *err)
{
    memset(encoder, 0, sizeof *encoder);
    encoder->compressor = libdeflate_alloc_compressor(GZIP_LEVEL);
    return encoder->compressor ? KH_OK : kh_error_set(err, KH_E_MEMORY, "no memory for a compressor");
}

void kh_lossless_release(kh_lossless_encoder *encoder)
{
    libdeflate_free_compressor(encoder->compressor);
    free(encoder->planes);
    free(encoder->rows);
    memset(encoder, 0, sizeof *encoder);
}

static kh_status reserve(kh_lossless_encoder *encoder, size_t bytes, uint32_t columns, kh_error *err)
{
    if (bytes > encoder->planes_capacity) {
        free(encoder->planes);
        encoder->planes = malloc(bytes);
        encoder->planes_capacity = encoder->planes ? bytes : 0;
    }
    if (columns > encoder->columns_capacity) {
        free(encoder->rows);
        encoder->rows = malloc((size_t)columns * 2 * sizeof encoder->rows[0]);
        encoder->columns_capacity = encoder->rows ? columns : 0;
    }
    if (encoder->planes && encoder->rows)
        return KH_OK;
    return kh_error_set(err, KH_E_MEMORY, "no memory for a slice of %zu bytes", bytes);
}

static uint8_t *put(uint8_t *at, const void *value, size_t size)
{
    memcpy(at, value, size);
    return at + size;
}

static void put_header(uint8_t *at, const kh_render_source *source, const kh_lossless_facts *facts)
{
    const kh_pixel_format *format = source->format;
    bool padding = facts->flags & KH_LOSSLESS_PADDING;
    const uint16_t size[2] = {(uint16_t)format->rows, (uint16_t)format->columns};
    const uint8_t small[4] = {(uint8_t)format->bits_stored, (uint8_t)facts->flags, (uint8_t)facts->voi.function, 0};
    const int32_t values[3] = {padding ? (int32_t)source->info->padding_low : 0, padding ? (int32_t)source->info->padding_high : 0, 0};
    const double numbers[4] = {facts->slope, facts->intercept, facts->voi.center, facts->voi.width};

    at = put(at, "KHL1", 4);
    at = put(at, size, sizeof size);
    at = put(at, small, sizeof small);
    at = put(at, values, sizeof values);
    put(at, numbers, sizeof numbers);
}

static inline int32_t median(int32_t a, int32_t b, int32_t c)
{
    int32_t low = a < b ? a : b, high = a < b ? b : a, sum = a + b - c;

    /* one expression for the three cases: a + b - c held between the neighbours */
    return sum < low ? low : sum > high ? high : sum;
}

static inline uint16_t fold(int32_t difference)
{
    int32_t residual = (int16_t)(uint16_t)difference;

    return (uint16_t)((residual * 2) ^ (residual >> 31));
}

static inline void put_residual(uint8_t *high, uint8_t *low, size_t i, uint16_t residual)
{
    high[i] = (uint8_t)(residual >> 8);
    low[i] = (uint8_t)residual;
}

/* All neighbours are known, so the loop has no chain and vectorises. */
KH_SIMD static void fold_row(const int32_t *row, const int32_t *above, uint8_t *high, uint8_t *low, size_t count)
{
    for (size_t i = 1; i < count; i++)
        put_residual(high, low, i, fold(row[i] - median(row[i - 1], above[i], above[i - 1])));
}

static void fold_first_row(const int32_t *row, uint8_t *high, uint8_t *low, size_t count)
{
    put_residual(high, low, 0, fold(row[0]));
    for (size_t i = 1; i < count; i++)
        put_residual(high, low, i, fold(row[i] - row[i - 1]));
}

static void make_planes(kh_lossless_encoder *encoder, const kh_render_source *source)
{
    const kh_pixel_format *format = source->format;
    size_t columns = format->columns, pixels = columns * format->rows;
    uint8_t *high = encoder->planes + KH_LOSSLESS_HEADER, *low = high + pixels;
    int32_t *row = encoder->rows, *above = row + columns, *free_row;

    for (uint32_t y = 0; y < format->rows; y++, high += columns, low += columns) {
        kh_row from = {source->pixels, format, y, 0, format->columns};

        kh_row_integers(&from, row);
        if (y == 0) {
            fold_first_row(row, high, low, columns);
        } else {
            put_residual(high, low, 0, fold(row[0] - above[0]));
            fold_row(row, above, high, low, columns);
        }
        free_row = above;
        above = row;
        row = free_row;
    }
}

kh_status kh_lossless_encode(kh_lossless_encoder *encoder, const kh_render_source *source, const kh_lossless_facts *facts,
                             kh_buf *out, kh_error *err)
{
    const kh_pixel_format *format = source->format;
    size_t bytes = KH_LOSSLESS_HEADER + (size_t)format->rows * format->columns * 2; /* under 2^34 */
    size_t bound = libdeflate_gzip_compress_bound(encoder->compressor, bytes), made;
    kh_status status;

    if ((uint64_t)format->rows * format->columns > KH_LOSSLESS_PIXELS_MAX)
        return kh_error_set(err, KH_E_LIMIT, "frame of %u x %u, expected at most %d pixels for a lossless slice", format->columns,
                            format->rows, KH_LOSSLESS_PIXELS_MAX);
    status = reserve(encoder, bytes, format->columns, err);
    if (status == KH_OK)
        status = kh_buf_reserve(out, bound, err);
    if (status == KH_OK) {
        put_header(encoder->planes, source, facts);
        make_planes(encoder, source);
        made = libdeflate_gzip_compress(encoder->compressor, encoder->planes, bytes, out->data + out->size, bound);
        out->size += made;
        if (made == 0)
            status = kh_error_set(err, KH_E_INTERNAL, "slice of %zu bytes was not compressed", bytes);
    }
    if (encoder->planes_capacity > PLANES_KEEP_BYTES) {
        free(encoder->planes);
        encoder->planes = NULL;
        encoder->planes_capacity = 0;
    }
    return status;
}
