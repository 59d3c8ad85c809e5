/* JPEG lossless by our own decoder, beside the pictures that DCMTK's encoder was given and what DCMTK's decoder makes of the same
 * stream. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dicom/codec/decoder.h"
#include "tests/codec/jpeg_encode.h"

#define PIXELS_MAX (96 * 96)

typedef enum texture { FLAT, SLOPE, NOISE, SMOOTH, EDGES } texture;

typedef struct picture {
    test_jpeg how;
    union {
        uint8_t narrow[PIXELS_MAX * 3];
        uint16_t wide[PIXELS_MAX * 3];
    } image;
    uint8_t *stream;
    size_t size, bytes;
    kh_pixel_format format;
} picture;

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static unsigned value_of(texture kind, unsigned x, unsigned y, unsigned top, uint32_t *state)
{
    switch (kind) {
    case FLAT:
        return top / 3;
    case SLOPE:
        return (x * 5 + y * 3) % (top + 1);
    case NOISE:
        return next_random(state) % (top + 1);
    case SMOOTH:
        return (top / 2 + x * y % 7 * (top / 64) + next_random(state) % (top / 16 + 1)) % (top + 1);
    default:
        return x / 3 % 2 == y / 5 % 2 ? 0 : top;
    }
}

static void draw(picture *p, const test_jpeg *how, texture kind, unsigned top)
{
    uint32_t state = 42;

    memset(p, 0, sizeof *p);
    p->how = *how;
    for (unsigned i = 0; i < how->columns * how->rows * how->samples; i++) {
        unsigned at = i / how->samples, value = value_of(kind, at % how->columns, at / how->columns, top, &state);

        if (how->bits == 8)
            p->image.narrow[i] = (uint8_t)value;
        else
            p->image.wide[i] = (uint16_t)value;
    }
    p->bytes = (size_t)how->columns * how->rows * how->samples * (how->bits == 8 ? 1 : 2);
    p->format = (kh_pixel_format){.rows = how->rows, .columns = how->columns, .samples = (uint16_t)how->samples,
                                  .bits_allocated = how->bits == 8 ? 8 : 16, .bits_stored = (uint16_t)how->bits,
                                  .high_bit = (uint16_t)(how->bits - 1), .photometric = KH_PHOTOMETRIC_MONOCHROME2};
    p->stream = test_jpeg_encode(&p->size, how, &p->image);
    assert_non_null(p->stream);
}

static bool ours(uint8_t *out, const picture *p, const uint8_t *stream, size_t size)
{
    kh_codestream codestream = {stream, size};

    memset(out, 0xA5, p->bytes);
    return kh_jpeg_lossless_decode(out, p->bytes, &p->format, &codestream, NULL);
}

static kh_status theirs(uint8_t *out, const picture *p, const uint8_t *stream, size_t size, unsigned precision)
{
    kh_codestream codestream = {stream, size};
    kh_dcmtk_jpeg how = {precision, false, false, 0};
    kh_error err = KH_ERROR_INIT;

    return kh_dcmtk_jpeg_decode(out, p->bytes, &codestream, &how, &err);
}

static void every_predictor_size_and_depth(void **state)
{
    static const struct {
        unsigned columns, rows;
    } sizes[] = {{1, 1}, {2, 1}, {1, 2}, {3, 3}, {17, 5}, {64, 33}, {96, 96}};
    static const struct {
        unsigned bits, top;
    } depths[] = {{8, 255}, {8, 15}, {12, 4095}, {12, 100}, {16, 65535}, {16, 4095}, {16, 255}};
    picture *p = malloc(sizeof *p);
    uint8_t *out = malloc(PIXELS_MAX * 2);

    (void)state;
    assert_true(p && out);
    for (unsigned predictor = 1; predictor <= 7; predictor++)
        for (size_t d = 0; d < sizeof depths / sizeof depths[0]; d++)
            for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++)
                for (texture kind = FLAT; kind <= EDGES; kind++) {
                    const test_jpeg how = {depths[d].bits, sizes[s].columns, sizes[s].rows, 1, predictor, 0};

                    draw(p, &how, kind, depths[d].top);
                    assert_int_equal(theirs(out, p, p->stream, p->size, how.bits), KH_OK);
                    assert_memory_equal(out, &p->image, p->bytes);
                    if (!ours(out, p, p->stream, p->size))
                        fail_msg("predictor %u, %u bits to %u, %u x %u, texture %d: not taken", predictor, how.bits, depths[d].top,
                                 how.columns, how.rows, (int)kind);
                    assert_memory_equal(out, &p->image, p->bytes);
                    free(p->stream);
                }
    free(out);
    free(p);
}

/* What is left to the general decoder, each by one thing. */
static void anything_else_is_left_alone(void **state)
{
    static const struct {
        const char *name;
        test_jpeg how;
        unsigned top;
        texture kind;
    } rows[] = {
        {"point transform", {16, 32, 8, 1, 1, 2}, 65535, SMOOTH},
        {"three components", {8, 32, 8, 3, 1, 0}, 255, SMOOTH},
    };
    picture *p = malloc(sizeof *p);
    uint8_t *out = malloc(PIXELS_MAX * 6);

    (void)state;
    assert_true(p && out);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        draw(p, &rows[i].how, rows[i].kind, rows[i].top);
        if (ours(out, p, p->stream, p->size))
            fail_msg("%s: taken", rows[i].name);
        free(p->stream);
    }
    draw(p, &(test_jpeg){16, 32, 8, 1, 1, 0}, SMOOTH, 4095);
    p->format.columns = 31;
    assert_false(ours(out, p, p->stream, p->size));
    p->format.columns = 32;
    p->format.bits_allocated = 8;
    assert_false(ours(out, p, p->stream, p->size));
    p->format.bits_allocated = 16;
    p->bytes--;
    assert_false(ours(out, p, p->stream, p->size));
    p->bytes++;
    assert_true(ours(out, p, p->stream, p->size));
    for (size_t size = 0; size < p->size; size++)
        if (ours(out, p, p->stream, size))
            fail_msg("taken when cut to %zu of %zu bytes", size, p->size);
    free(p->stream);
    free(out);
    free(p);
}

typedef struct heard {
    const uint8_t *out, *expected;
    size_t bytes, times;
    bool wrong;
} heard;

/* What is told stands already. */
static void hear(void *context, size_t bytes)
{
    heard *h = context;

    h->wrong = h->wrong || bytes <= h->bytes || memcmp(h->out, h->expected, bytes) != 0;
    h->bytes = bytes;
    h->times++;
}

static void the_listener_hears_of_every_line(void **state)
{
    static const test_jpeg cases[] = {{8, 1, 1, 1, 1, 0}, {8, 33, 70, 1, 1, 0}, {12, 96, 96, 1, 6, 0}, {16, 64, 50, 1, 7, 0}};
    picture *p = malloc(sizeof *p);
    uint8_t *out = malloc(PIXELS_MAX * 2);

    (void)state;
    assert_true(p && out);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        heard h = {.out = out};
        kh_codestream stream;

        draw(p, &cases[i], NOISE, (1u << cases[i].bits) - 1);
        h.expected = (const uint8_t *)&p->image;
        stream = (kh_codestream){p->stream, p->size};
        assert_true(kh_jpeg_lossless_decode(out, p->bytes, &p->format, &stream, &(kh_decode_listener){hear, &h}));
        assert_false(h.wrong);
        assert_int_equal(h.times, cases[i].rows);
        assert_int_equal(h.bytes, p->bytes);
        free(p->stream);
    }
    free(out);
    free(p);
}

/* Category 16, 32,768 (table H.2): black at the beginning of 16 bits is one. */
static void differences_of_sixteen_bits(void **state)
{
    picture *p = malloc(sizeof *p);
    uint8_t *out = malloc(PIXELS_MAX * 2);

    (void)state;
    assert_true(p && out);
    draw(p, &(test_jpeg){16, 9, 9, 1, 1, 0}, FLAT, 0);
    free(p->stream);
    for (unsigned i = 0; i < 81; i++)
        p->image.wide[i] = (uint16_t)(i % 2 << 15);
    p->stream = test_jpeg_encode(&p->size, &p->how, &p->image);
    assert_non_null(p->stream);
    assert_true(ours(out, p, p->stream, p->size));
    assert_memory_equal(out, &p->image, p->bytes);
    free(p->stream);
    free(out);
    free(p);
}

/* Whatever of a changed stream is taken, DCMTK takes too, without a warning, and makes the same of it. */
static unsigned compare_changed(const picture *p, uint8_t *changed, size_t size, uint8_t *out, uint8_t *other)
{
    unsigned precision = p->how.bits;

    if (!ours(out, p, changed, size))
        return 0;
    for (size_t i = 2; i + 5 < size; i++) /* of the frame header, which may be what was changed */
        if (changed[i] == 0xFF && changed[i + 1] == 0xC3) {
            precision = changed[i + 4];
            break;
        }
    if (theirs(other, p, changed, size, precision) != KH_OK)
        fail_msg("a stream is taken that DCMTK refuses");
    assert_memory_equal(out, other, p->bytes);
    return 1;
}

static void changed_streams_are_read_as_dcmtk_reads_them(void **state)
{
    static const test_jpeg hows[] = {{16, 23, 9, 1, 1, 0}, {12, 11, 7, 1, 4, 0}, {8, 13, 11, 1, 7, 0}, {16, 8, 8, 1, 6, 0}};
    picture *p = malloc(sizeof *p);
    uint8_t *out = malloc(PIXELS_MAX * 2), *other = malloc(PIXELS_MAX * 2), *changed = malloc(1 << 16);
    uint32_t random = 7;
    unsigned taken = 0;

    (void)state;
    assert_true(p && out && other && changed);
    for (size_t h = 0; h < sizeof hows / sizeof hows[0]; h++) {
        draw(p, &hows[h], SMOOTH, hows[h].bits == 8 ? 255 : 4095);
        assert_true(p->size < 1 << 16);
        for (size_t at = 0; at < p->size; at++)
            for (unsigned try = 0; try < 4; try++) {
                memcpy(changed, p->stream, p->size);
                changed[at] = (uint8_t)(try == 0 ? 0xFFu : try == 1 ? changed[at] ^ 1u << next_random(&random) % 8 : next_random(&random));
                taken += compare_changed(p, changed, p->size, out, other);
            }
        for (size_t at = 2; at < p->size; at++) { /* one byte less */
            memcpy(changed, p->stream, at);
            memcpy(changed + at, p->stream + at + 1, p->size - at - 1);
            taken += compare_changed(p, changed, p->size - 1, out, other);
        }
        free(p->stream);
    }
    assert_true(taken > 100); /* bits of pixels, comments, tables that are never used */
    free(changed);
    free(other);
    free(out);
    free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_predictor_size_and_depth),
        cmocka_unit_test(anything_else_is_left_alone),
        cmocka_unit_test(the_listener_hears_of_every_line),
        cmocka_unit_test(differences_of_sixteen_bits),
        cmocka_unit_test(changed_streams_are_read_as_dcmtk_reads_them),
    };

    kh_dcmtk_jpeg_prepare();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
