#include "viewer/render/lossless.h"

#include <libdeflate.h>
#include <stdlib.h>
#include <string.h>

#include "viewer/render/rows.h"
#include "viewer/render/simd.h"

#define GZIP_LEVEL 1                  /* as small as level 6 on such planes, in three quarters of its time */
#define LATTICE 4                     /* the first part has every fourth value */
#define MIRROR 4                      /* values beside a row, for what lies past its ends */
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
        encoder->rows = malloc(3 * ((size_t)columns + 2 * MIRROR) * sizeof encoder->rows[0]);
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

    at = put(at, "KHL2", 4);
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

/* Where the residuals of a part go next. */
typedef struct sink {
    uint8_t *high, *low;
} sink;

static inline void put_residual(const sink *to, size_t i, uint16_t residual)
{
    to->high[i] = (uint8_t)(residual >> 8);
    to->low[i] = (uint8_t)residual;
}

static void advance(sink *to, size_t count)
{
    to->high += count;
    to->low += count;
}

/* How many of the indices first, first + step, ... are below size. */
static uint32_t count_of(uint32_t size, uint32_t first, uint32_t step)
{
    return size > first ? (size - first - 1) / step + 1 : 0;
}

static int32_t *row_memory(const kh_lossless_encoder *encoder, const kh_render_source *source, unsigned index)
{
    return encoder->rows + index * ((size_t)source->format->columns + 2 * MIRROR) + MIRROR;
}

static void get_row(const kh_render_source *source, uint32_t y, int32_t *out)
{
    kh_row from = {source->pixels, source->format, y, 0, source->format->columns};

    kh_row_integers(&from, out);
}

static void fold_first_row(const int32_t *row, size_t count, const sink *to)
{
    put_residual(to, 0, fold(row[0]));
    for (size_t i = 1; i < count; i++)
        put_residual(to, i, fold(row[i] - row[i - 1]));
}

/* All neighbours are known here, so that this loop and those below have no chain. */
static void fold_row(const int32_t *row, const int32_t *above, size_t count, const sink *to)
{
    put_residual(to, 0, fold(row[0] - above[0]));
    for (size_t i = 1; i < count; i++)
        put_residual(to, i, fold(row[i] - median(row[i - 1], above[i], above[i - 1])));
}

static void fold_lattice(kh_lossless_encoder *encoder, const kh_render_source *source, sink to)
{
    uint32_t count = count_of(source->format->columns, 0, LATTICE);
    int32_t *row = row_memory(encoder, source, 0), *above = row_memory(encoder, source, 1), *free_row;

    for (uint32_t y = 0; y < source->format->rows; y += LATTICE) {
        get_row(source, y, row);
        for (uint32_t i = 1; i < count; i++)
            row[i] = row[i * LATTICE];
        if (y == 0)
            fold_first_row(row, count, &to);
        else
            fold_row(row, above, count, &to);
        advance(&to, count);
        free_row = above;
        above = row;
        row = free_row;
    }
}

static inline int32_t least(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

static inline int32_t most(int32_t a, int32_t b)
{
    return a < b ? b : a;
}

/* Four neighbours of each of a row's values. */
typedef struct neighbours {
    const int32_t *a, *b, *c, *d; /* of value x at x */
} neighbours;

KH_SIMD static void fold_between(const int32_t *row, const neighbours *near, size_t first, size_t step, size_t count, const sink *to)
{
    const int32_t *v = row + first, *a = near->a + first, *b = near->b + first, *c = near->c + first, *d = near->d + first;

    for (size_t i = 0; i < count; i++) {
        size_t x = i * step;
        /* the sum of the middle two of four */
        int32_t middle = most(least(a[x], b[x]), least(c[x], d[x])) + least(most(a[x], b[x]), most(c[x], d[x]));

        put_residual(to, i, fold(v[x] - (middle >> 1)));
    }
}

/* A row with its mirrored ends, for neighbours `near` away. */
static void get_mirrored(const kh_render_source *source, uint32_t y, uint32_t near, int32_t *row)
{
    uint32_t columns = source->format->columns, past = (columns + near - 1) / near * near;

    get_row(source, y, row);
    if (columns <= near)
        return;
    row[-(ptrdiff_t)near] = row[near];
    row[past] = row[past - 2 * near];
}

static neighbours beside(const kh_render_source *source, const int32_t *up, const int32_t *row, const int32_t *down, uint32_t near)
{
    const int32_t *left = row - near, *right = row + near;

    if (source->format->rows <= near)
        return (neighbours){left, right, left, right};
    if (source->format->columns <= near)
        return (neighbours){up, down, up, down};
    return (neighbours){up, down, left, right};
}

/* One row of a part: where the lattice had every second value each way, those in the middle of four of them (diagonal), then those
 * between. */
static void fold_level_row(kh_lossless_encoder *encoder, const kh_render_source *source, uint32_t y, uint32_t near, bool diagonal, sink *to)
{
    uint32_t rows = source->format->rows, columns = source->format->columns, first = diagonal || y / near % 2 == 0 ? near : 0;
    uint32_t count = count_of(columns, first, 2 * near);
    uint32_t above = y >= near ? y - near : y + near, below = y + near < rows ? y + near : y - near;
    int32_t *row = row_memory(encoder, source, 0), *up = row_memory(encoder, source, 1), *down = row_memory(encoder, source, 2);
    neighbours four;

    get_mirrored(source, y, near, row);
    if (rows > near) {
        get_mirrored(source, above, near, up);
        get_mirrored(source, below, near, down);
    }
    four = diagonal ? (neighbours){up - near, up + near, down - near, down + near} : beside(source, up, row, down, near);
    fold_between(row, &four, first, 2 * (size_t)near, count, to);
    advance(to, count);
}

static void fold_level(kh_lossless_encoder *encoder, const kh_render_source *source, uint32_t near, sink to)
{
    uint32_t rows = source->format->rows;

    for (uint32_t y = near; y < rows; y += 2 * near)
        fold_level_row(encoder, source, y, near, true, &to);
    for (uint32_t y = 0; y < rows; y += near)
        fold_level_row(encoder, source, y, near, false, &to);
}

/* Values whose row and column are both multiples of step. */
static size_t lattice_count(const kh_pixel_format *format, uint32_t step)
{
    return (size_t)count_of(format->rows, 0, step) * count_of(format->columns, 0, step);
}

static void make_planes(kh_lossless_encoder *encoder, const kh_render_source *source)
{
    uint8_t *at = encoder->planes + KH_LOSSLESS_HEADER;
    size_t count = lattice_count(source->format, LATTICE);

    fold_lattice(encoder, source, (sink){at, at + count});
    at += 2 * count;
    for (uint32_t near = LATTICE / 2; near > 0; near /= 2) {
        count = lattice_count(source->format, near) - lattice_count(source->format, 2 * near);
        fold_level(encoder, source, near, (sink){at, at + count});
        at += 2 * count;
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
