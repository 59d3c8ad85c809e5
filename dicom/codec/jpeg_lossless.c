/* jpeg_lossless.c - JPEG lossless of one component, as nearly all of it in hospitals is (ISO/IEC 10918-1 annex H; PS3.5 A.4.1: .57, .70).
 *
 * Much faster than the general decoder, and decoding is most of the time to the first picture of a mammogram. It takes only what leaves
 * nothing to be decided: one scan, no restarts, no point transform, every sample in the range of the precision, the data used up to the
 * last byte and EOI behind them. Of whatever else it is not asked to make anything: the general decoder says what that is.
 *
 * Each line's differences are read first, then added to the prediction: two simple loops. Differences, code and bits together, of up to
 * FAST_BITS are found by one look into a table. */
#include <stdlib.h>
#include <string.h>

#include "dicom/codec/decoder.h"

#define FAST_BITS 11
#define CODE_BITS_MAX 16
#define CATEGORIES 17 /* of 0 to 15 bits, and the one difference of 16 (table H.2) */
#define SEGMENTS_MAX 64

enum marker { M_SOF3 = 0xC3, M_DHT = 0xC4, M_EOI = 0xD9, M_SOS = 0xDA, M_APP0 = 0xE0, M_APP15 = 0xEF, M_COM = 0xFE };

typedef uint16_t __attribute__((aligned(1), may_alias)) sample16; /* pixels may begin anywhere */

typedef struct huffman {
    bool defined;
    uint32_t fast[1 << FAST_BITS];    /* difference << 16 | bits, of code and difference; 0: not so short */
    uint32_t limit[CODE_BITS_MAX + 1]; /* of the codes of each length, at 16 bits: the first that is longer */
    int32_t offset[CODE_BITS_MAX + 1]; /* code - offset: place in categories */
    uint8_t categories[CATEGORIES];
} huffman;

typedef struct frame {
    unsigned precision, predictor;
    uint32_t rows, columns;
    uint8_t component;
    huffman tables[4];
    const huffman *table; /* of the scan */
} frame;

typedef struct bits {
    const uint8_t *at, *end;
    uint64_t held;   /* the next ones, highest first */
    unsigned count;  /* of them */
    unsigned beyond; /* of those, zeroes that stand for nothing: the data ended */
} bits;

static unsigned u16_at(const uint8_t *bytes)
{
    return (unsigned)bytes[0] << 8 | bytes[1];
}

/* ---- tables (annex C, F.2.2.3) ---- */

/* Bits of a difference behind its code; 32,768 has none. */
static unsigned value_bits(unsigned category)
{
    return category < 16 ? category : 0;
}

static uint16_t difference_of(unsigned value, unsigned category)
{
    if (category == 16)
        return 32768;
    return (uint16_t)(category > 0 && value >> (category - 1) == 0 ? value + 1 - (1u << category) : value);
}

/* All beginnings of FAST_BITS with this code and a difference behind it that they hold whole. */
static void fill_fast(huffman *table, uint32_t code, unsigned length, unsigned category)
{
    unsigned behind = value_bits(category), total = length + behind;

    if (total > FAST_BITS)
        return;
    for (uint32_t value = 0; value < 1u << behind; value++) {
        uint32_t entry = (uint32_t)difference_of(value, category) << 16 | total;
        uint32_t first = (code << behind | value) << (FAST_BITS - total);

        for (uint32_t i = 0; i < 1u << (FAST_BITS - total); i++)
            table->fast[first + i] = entry;
    }
}

/* counts: 16 of them, of the codes of each length; then the categories, shortest code first. */
static bool read_table(huffman *table, const uint8_t *counts, const uint8_t *categories, unsigned total)
{
    uint32_t code = 0;
    unsigned used = 0;

    *table = (huffman){.defined = true};
    if (total > CATEGORIES)
        return false;
    memcpy(table->categories, categories, total);
    for (unsigned length = 1; length <= CODE_BITS_MAX; length++, code <<= 1) {
        if (code + counts[length - 1] >= 1u << length) /* the code of ones alone is no code */
            return false;
        table->offset[length] = (int32_t)code - (int32_t)used;
        for (unsigned i = 0; i < counts[length - 1]; i++, used++, code++) {
            if (categories[used] >= CATEGORIES)
                return false;
            fill_fast(table, code, length, categories[used]);
        }
        table->limit[length] = code << (CODE_BITS_MAX - length);
    }
    return total > 0;
}

static bool read_tables(frame *f, const uint8_t *body, size_t length)
{
    while (length > 0) {
        unsigned total = 0;

        if (length < 17 || body[0] > 3)
            return false;
        for (unsigned i = 1; i <= CODE_BITS_MAX; i++)
            total += body[i];
        if (total > length - 17 || !read_table(&f->tables[body[0]], body + 1, body + 17, total))
            return false;
        body += 17 + total;
        length -= 17 + total;
    }
    return true;
}

/* ---- the data ---- */

/* At least 32 bits are held afterwards. */
static void fill(bits *in)
{
    while (in->count <= 56) {
        uint8_t byte;

        if (in->at >= in->end || (in->at[0] == 0xFF && (in->end - in->at < 2 || in->at[1] != 0)))
            break;
        byte = in->at[0];
        in->at += byte == 0xFF ? 2 : 1;
        in->held |= (uint64_t)byte << (56 - in->count);
        in->count += 8;
    }
    if (in->count < 32) {
        in->beyond += 32;
        in->count += 32;
    }
}

static uint32_t four_at(const uint8_t *bytes)
{
    uint32_t four;

    memcpy(&four, bytes, sizeof four);
    return __builtin_bswap32(four);
}

/* Is one of the four bytes FF? */
static bool has_ff(uint32_t four)
{
    return ((~four - 0x01010101u) & four & 0x80808080u) != 0;
}

/* A difference that the fast table does not hold; 32 bits are held. False: no code. */
static bool read_long(uint16_t *out, bits *in, const huffman *table)
{
    uint32_t ahead = (uint32_t)(in->held >> 48);
    unsigned length = 1, category, behind, value = 0;

    while (length <= CODE_BITS_MAX && ahead >= table->limit[length])
        length++;
    if (length > CODE_BITS_MAX)
        return false;
    category = table->categories[(int32_t)(ahead >> (CODE_BITS_MAX - length)) - table->offset[length]];
    behind = value_bits(category);
    in->held <<= length;
    if (behind > 0)
        value = (unsigned)(in->held >> (64 - behind));
    in->held <<= behind;
    in->count -= length + behind;
    *out = difference_of(value, category);
    return true;
}

static bool read_differences(uint16_t *out, uint32_t count, bits *shared, const huffman *table)
{
    bits in = *shared;

    for (uint32_t i = 0; i < count; i++) {
        uint32_t entry;

        if (in.count < 32) {
            uint32_t four = in.end - in.at >= 4 ? four_at(in.at) : UINT32_MAX;

            if (has_ff(four)) {
                fill(&in);
            } else {
                in.held |= (uint64_t)four << (32 - in.count);
                in.count += 32;
                in.at += 4;
            }
        }
        entry = table->fast[in.held >> (64 - FAST_BITS)];
        if (entry) {
            unsigned used = entry & 0xFFFF;

            out[i] = (uint16_t)(entry >> 16);
            in.held <<= used;
            in.count -= used;
        } else if (!read_long(&out[i], &in, table)) {
            return false;
        }
    }
    *shared = in;
    return in.beyond <= in.count; /* none of those was used */
}

/* ---- prediction (H.1.2.1, table H.1), modulo 2^16 ---- */

#define PREDICT(expression)                                                                                                                \
    for (uint32_t x = 1; x < count; x++) {                                                                                                 \
        int a = left, b = above[x], c = above[x - 1];                                                                                      \
                                                                                                                                           \
        (void)a, (void)b, (void)c;                                                                                                         \
        left = (uint16_t)((expression) + difference[x]);                                                                                   \
        out[x] = left;                                                                                                                     \
        seen |= left;                                                                                                                      \
    }                                                                                                                                      \
    break

/* One line; above is NULL on the first. All bits that were in a sample. */
static unsigned add_line(sample16 *out, const sample16 *above, const uint16_t *difference, uint32_t count, const frame *f)
{
    uint16_t left = (uint16_t)((above ? above[0] : 1u << (f->precision - 1)) + difference[0]);
    unsigned seen = left;

    out[0] = left;
    if (!above) {
        for (uint32_t x = 1; x < count; x++) {
            left = (uint16_t)(left + difference[x]);
            out[x] = left;
            seen |= left;
        }
        return seen;
    }
    switch (f->predictor) {
    case 1:
        PREDICT(a);
    case 2:
        PREDICT(b);
    case 3:
        PREDICT(c);
    case 4:
        PREDICT(a + b - c);
    case 5:
        PREDICT(a + ((b - c) >> 1));
    case 6:
        PREDICT(b + ((a - c) >> 1));
    default:
        PREDICT((a + b) >> 1);
    }
    return seen;
}

/* lines: room for the differences of one and the samples of two. */
static bool read_scan(uint8_t *pixels, uint16_t *lines, const frame *f, bits *in, const kh_decode_listener *listener)
{
    bool wide = f->precision > 8;
    uint16_t *difference = lines, *two = lines + f->columns;
    const sample16 *above = NULL;
    unsigned seen = 0;

    for (uint32_t row = 0; row < f->rows; row++) {
        size_t first = (size_t)row * f->columns;
        sample16 *out = wide ? (sample16 *)(void *)pixels + first : two + (size_t)(row & 1) * f->columns;

        if (!read_differences(difference, f->columns, in, f->table))
            return false;
        seen |= add_line(out, above, difference, f->columns, f);
        for (uint32_t x = 0; !wide && x < f->columns; x++)
            pixels[first + x] = (uint8_t)out[x];
        above = out;
        if (listener)
            listener->tell(listener->context, (first + f->columns) * (wide ? 2 : 1));
    }
    return seen >> f->precision == 0;
}

/* ---- segments (B.2) ---- */

static bool read_frame_header(frame *f, const uint8_t *body, size_t length)
{
    if (f->rows > 0 || length != 9 || body[5] != 1 || body[7] != 0x11)
        return false;
    f->precision = body[0];
    f->rows = u16_at(body + 1);
    f->columns = u16_at(body + 3);
    f->component = body[6];
    return f->precision >= 2 && f->precision <= 16 && f->rows > 0 && f->columns > 0;
}

static bool read_scan_header(frame *f, const uint8_t *body, size_t length)
{
    if (f->rows == 0 || length != 6 || body[0] != 1 || body[1] != f->component || body[2] >> 4 > 3)
        return false;
    f->table = &f->tables[body[2] >> 4];
    f->predictor = body[3];
    return f->table->defined && f->predictor >= 1 && f->predictor <= 7 && body[4] == 0 && body[5] == 0;
}

/* Nothing in them changes the pixels. What the general decoder warns of, a JFIF of a version to come, is its own to judge. */
static bool is_remark(unsigned marker, const uint8_t *body, size_t length)
{
    if (marker == M_APP0 && length >= 6 && memcmp(body, "JFIF", 5) == 0)
        return body[5] == 1;
    return (marker >= M_APP0 && marker <= M_APP15) || marker == M_COM;
}

/* From SOI to the scan's header; *at then stands behind it. */
static bool read_head(frame *f, const uint8_t *bytes, size_t size, size_t *at)
{
    *at = 2;
    if (size < 4 || bytes[0] != 0xFF || bytes[1] != 0xD8)
        return false;
    for (unsigned i = 0; i < SEGMENTS_MAX; i++) {
        const uint8_t *body = bytes + *at + 4;
        unsigned marker, length;
        bool good;

        if (size - *at < 4 || bytes[*at] != 0xFF)
            return false;
        marker = bytes[*at + 1];
        length = u16_at(bytes + *at + 2);
        if (length < 2 || length > size - *at - 2)
            return false;
        *at += 2 + length;
        if (marker == M_SOS)
            return read_scan_header(f, body, length - 2);
        if (marker == M_SOF3)
            good = read_frame_header(f, body, length - 2);
        else if (marker == M_DHT)
            good = read_tables(f, body, length - 2);
        else
            good = is_remark(marker, body, length - 2);
        if (!good)
            return false;
    }
    return false;
}

/* Nothing but the filling of the last byte is left, and the end stands there, behind any fill bytes (B.1.1.2). */
static bool is_at_end(const bits *in)
{
    const uint8_t *at = in->at;

    if (in->beyond > in->count || in->count - in->beyond >= 8)
        return false;
    while (in->end - at >= 2 && at[0] == 0xFF && at[1] == 0xFF)
        at++;
    return in->end - at >= 2 && at[0] == 0xFF && at[1] == M_EOI;
}

bool kh_jpeg_lossless_decode(uint8_t *pixels, size_t size, const kh_pixel_format *planned, const kh_codestream *stream,
                             const kh_decode_listener *listener)
{
    frame *f = calloc(1, sizeof *f);
    uint16_t *lines = NULL;
    size_t at;
    bits in;
    bool done = f && read_head(f, stream->bytes, stream->size, &at);

    done = done && f->rows == planned->rows && f->columns == planned->columns && planned->samples == 1 &&
           planned->bits_allocated == (f->precision > 8 ? 16 : 8) && size >= (size_t)f->rows * f->columns * (f->precision > 8 ? 2 : 1);
    if (done)
        lines = malloc(3 * f->columns * sizeof *lines);
    if (lines) {
        in = (bits){.at = stream->bytes + at, .end = stream->bytes + stream->size};
        done = read_scan(pixels, lines, f, &in, listener) && is_at_end(&in);
    }
    done = done && lines;
    free(lines);
    free(f);
    return done;
}
