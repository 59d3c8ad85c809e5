/* Pixels that their asker copies while the worker makes others: they are right whenever it looks, and what a worker says of them is not
 * believed. */
#include <stdlib.h>
#include <string.h>

#include "tests/cmocka_all.h"
#include "tests/codec/jpeg_encode.h"
#include "tests/codec/service.h"

#define MIB (UINT64_C(1) << 20)

static uint16_t *draw(const test_jpeg *how)
{
    uint16_t *image = malloc((size_t)how->columns * how->rows * 2);
    uint32_t state = 7;

    assert_non_null(image);
    for (size_t i = 0; i < (size_t)how->columns * how->rows; i++) {
        state = state * 1664525u + 1013904223u;
        image[i] = (uint16_t)((i % how->columns * 9 + i / how->columns * 5 + (state >> 26)) & ((1u << how->bits) - 1));
    }
    return image;
}

/* lead: as in kh_codec_how. cut: bytes left out at the end of the stream. */
static void compare(const test_service *service, const test_jpeg *how, size_t lead, size_t cut)
{
    const kh_pixel_format format = {.rows = how->rows, .columns = how->columns, .samples = 1, .bits_allocated = 16,
                                    .bits_stored = (uint16_t)how->bits, .high_bit = (uint16_t)(how->bits - 1),
                                    .photometric = KH_PHOTOMETRIC_MONOCHROME2};
    uint16_t *image = draw(how);
    kh_error err = KH_ERROR_INIT;
    size_t stream_size = 0;
    uint8_t *stream = test_jpeg_encode(&stream_size, how, image);

    assert_non_null(stream);
    for (unsigned i = 0; i < 3; i++) { /* what the one before has left must not count */
        kh_pixel_format told = format;
        uint8_t *pixels = NULL;
        size_t size = 0;

        assert_int_equal(kh_codec_decode_as(&pixels, &size, service->codec, KH_TS_JPEG_LOSSLESS, &told, stream, stream_size - cut,
                                            &(kh_codec_how){.lead = lead}, &err), KH_OK);
        assert_int_equal(size, (size_t)how->columns * how->rows * 2);
        if (memcmp(pixels + lead, image, size) != 0)
            fail_msg("%u x %u: other pixels", how->columns, how->rows);
        free(pixels);
    }
    free(stream);
    free(image);
}

/* Of no time, of some looks, of a prepared copy. */
static void frames_of_all_sizes(void **state)
{
    static const test_jpeg cases[] = {{16, 1, 1, 1, 1, 0}, {12, 100, 90, 1, 1, 0}, {16, 700, 513, 1, 6, 0}, {12, 1500, 1400, 1, 1, 0},
                                      {16, 512, 512, 1, 7, 0}};
    test_service service;

    (void)state;
    test_service_start(&service, 1, 8 * MIB, 30000);
    for (size_t i = 0; i < KH_COUNT(cases); i++) {
        compare(&service, &cases[i], 0, 0);
        compare(&service, &cases[i], 64, 0);
    }
    assert_int_equal(service.page->deaths, 0);
    test_service_stop(&service);
}

/* Without its end the fast decoder does not take a stream, as it finds when it has told of the last line. */
static void a_frame_that_is_made_anew(void **state)
{
    test_service service;

    (void)state;
    test_service_start(&service, 1, 8 * MIB, 30000);
    compare(&service, &(test_jpeg){12, 800, 700, 1, 1, 0}, 64, 2);
    test_service_stop(&service);
}

static kh_status ask(const test_service *service, const char *tag, uint8_t value, bool *right)
{
    kh_error err = KH_ERROR_INIT;
    uint8_t *pixels = NULL;
    test_stream stream;
    size_t size = 0;
    kh_status status;

    test_stream_init(&stream, 300, 200, value, tag);
    status = kh_codec_decode(&pixels, &size, service->codec, KH_TS_RLE, &stream.format, stream.bytes, stream.size, &err);
    *right = status == KH_OK && size == 300 * 200;
    for (size_t i = 0; *right && i < size; i++)
        *right = pixels[i] == value;
    free(pixels);
    test_stream_release(&stream);
    return status;
}

static void copied_again(const char *tag)
{
    test_service service;
    bool right;

    test_service_start(&service, 1, MIB, 30000);
    for (uint8_t value = 1; value < 4; value++) {
        assert_int_equal(ask(&service, tag, value, &right), KH_OK);
        assert_true(right);
    }
    test_service_stop(&service);
}

static void pixels_that_were_taken_back_are_copied_again(void **state)
{
    (void)state;
    copied_again(TAG_ANEW);
}

/* The asker has copied those before, and has not seen that they were taken back. */
static void pixels_that_were_told_of_twice_are_copied_again(void **state)
{
    (void)state;
    copied_again(TAG_AGAIN);
}

/* It spoils its own frame, neither what lies behind the frame in memory nor the next one. */
static void a_boast_costs_its_own_frame(void **state)
{
    test_service service;
    bool right;

    (void)state;
    test_service_start(&service, 1, MIB, 30000);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(ask(&service, TAG_BOAST, 5, &right), KH_OK);
        assert_int_equal(ask(&service, NULL, 6, &right), KH_OK);
        assert_true(right);
    }
    assert_int_equal(service.page->deaths, 0);
    test_service_stop(&service);
}

/* What a listener was told. */
typedef struct heard {
    unsigned calls, taken_back;
    size_t finished, end; /* the last, and the most */
    const uint8_t *pixels;
    uint32_t columns;
    uint8_t *seen; /* a copy of what had come, as it was then; NULL: none is kept */
} heard;

static void hear(void *context, const kh_pixel_format *format, const uint8_t *pixels, size_t size, size_t finished)
{
    heard *h = context;

    h->calls++;
    h->taken_back += finished == 0;
    assert_true(finished <= size && (finished == 0 || finished > h->finished));
    if (h->seen && finished > h->finished)
        memcpy(h->seen + h->finished, pixels + h->finished, finished - h->finished);
    h->finished = finished;
    h->end = finished > h->end ? finished : h->end;
    h->pixels = pixels;
    h->columns = format->columns;
}

/* Of what it has not taken back a listener has seen the very pixels that come out, where they come out. */
static void a_listener_sees_what_comes_out(void **state)
{
    const test_jpeg how = {12, 2000, 1500, 1, 1, 0};
    const kh_pixel_format format = {.rows = how.rows, .columns = how.columns, .samples = 1, .bits_allocated = 16, .bits_stored = 12,
                                    .high_bit = 11, .photometric = KH_PHOTOMETRIC_MONOCHROME2};
    uint16_t *image = draw(&how);
    size_t stream_size = 0, size = 0;
    uint8_t *stream = test_jpeg_encode(&stream_size, &how, image);
    kh_error err = KH_ERROR_INIT;
    test_service service;

    (void)state;
    test_service_start(&service, 1, 8 * MIB, 30000);
    for (unsigned cut = 0; cut < 4; cut++) { /* without the end another decoder makes them anew */
        heard h = {.seen = malloc((size_t)how.columns * how.rows * 2)};
        const kh_codec_listener listener = {hear, &h};
        kh_pixel_format told = format;
        uint8_t *pixels = NULL;

        assert_non_null(h.seen);
        assert_int_equal(kh_codec_decode_as(&pixels, &size, service.codec, KH_TS_JPEG_LOSSLESS, &told, stream, stream_size - cut / 2 * 2,
                                            &(kh_codec_how){.lead = 64, .listener = &listener}, &err), KH_OK);
        assert_true(cut >= 2 || (h.calls > 0 && h.taken_back == 0)); /* larger than the asker can oversleep */
        assert_true(h.calls == 0 || (h.pixels == pixels + 64 && h.columns == told.columns));
        assert_memory_equal(h.seen, pixels + 64, h.finished);
        assert_memory_equal(pixels + 64, image, size);
        free(pixels);
        free(h.seen);
    }
    test_service_stop(&service);
    free(stream);
    free(image);
}

static void what_fails_is_taken_back(void **state)
{
    static const struct {
        const char *tag;
        kh_status status;
        unsigned taken_back;
    } cases[] = {{TAG_FAIL, KH_E_FORMAT, 2}, {TAG_ANEW, KH_OK, 1}, {TAG_AGAIN, KH_OK, 1}};

    (void)state;
    for (size_t i = 0; i < KH_COUNT(cases); i++) {
        kh_error err = KH_ERROR_INIT;
        heard h = {.calls = 0};
        const kh_codec_listener listener = {hear, &h};
        uint8_t *pixels = NULL;
        test_service service;
        test_stream stream;
        size_t size = 0;

        test_service_start(&service, 1, MIB, 30000);
        test_stream_init(&stream, 300, 200, 7, cases[i].tag);
        assert_int_equal(kh_codec_decode_as(&pixels, &size, service.codec, KH_TS_RLE, &stream.format, stream.bytes, stream.size,
                                            &(kh_codec_how){.listener = &listener}, &err), cases[i].status);
        assert_int_equal(h.taken_back, cases[i].taken_back);
        assert_int_equal(h.end, 300 * 200 / 2);
        assert_int_equal(h.finished, 0);
        free(pixels);
        test_stream_release(&stream);
        test_service_stop(&service);
    }
}

/* A worker is announced a request, which then is not made. */
static void an_announced_request_need_not_come(void **state)
{
    kh_error err = KH_ERROR_INIT;
    uint8_t *pixels = NULL;
    test_service service;
    test_stream stream;
    size_t size;
    bool right;

    (void)state;
    test_service_start(&service, 1, MIB, 30000);
    test_stream_init(&stream, 32, 32, 9, NULL);
    for (unsigned i = 0; i < 20; i++) {
        kh_error_clear(&err);
        assert_int_equal(kh_codec_decode(&pixels, &size, service.codec, KH_TS_RLE, &stream.format, stream.bytes, 40, &err), KH_E_FORMAT);
        if (i % 4 == 0) {
            assert_int_equal(ask(&service, NULL, 3, &right), KH_OK);
            assert_true(right);
        }
    }
    assert_int_equal(service.page->deaths, 0);
    test_stream_release(&stream);
    test_service_stop(&service);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_of_all_sizes),
        cmocka_unit_test(a_frame_that_is_made_anew),
        cmocka_unit_test(pixels_that_were_taken_back_are_copied_again),
        cmocka_unit_test(pixels_that_were_told_of_twice_are_copied_again),
        cmocka_unit_test(a_boast_costs_its_own_frame),
        cmocka_unit_test(a_listener_sees_what_comes_out),
        cmocka_unit_test(what_fails_is_taken_back),
        cmocka_unit_test(an_announced_request_need_not_come),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
