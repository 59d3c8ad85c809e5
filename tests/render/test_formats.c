/* Every form a native frame can have, and forms that contradict themselves. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/render/support.h"

static void one_bit_pixels_run_on_from_row_to_row(void **state)
{
    static const uint8_t bits[] = {0x05, 0x80, 0x01}; /* lowest bit first: pixels 0, 2, 15, 16 */
    test_picture picture;
    kh_render_view view;
    uint8_t *grey;

    (void)state;
    test_picture_init(&picture, 7, 3, 1, 1, false);
    assert_int_equal(picture.size, 3);
    memcpy(picture.pixels, bits, 3);
    view = test_view(&picture);
    grey = test_render(&picture, &view, NULL, NULL);
    for (size_t i = 0; i < 21; i++)
        assert_int_equal(grey[i], i == 0 || i == 2 || i == 15 || i == 16 ? 255 : 0);
    free(grey);
    view.invert = true;
    grey = test_render(&picture, &view, NULL, NULL);
    assert_int_equal(grey[0], 0);
    assert_int_equal(grey[1], 255);
    free(grey);
    test_picture_release(&picture);
}

/* Three colours in a row of three, by pixel and by plane. */
static void rgb_by_pixel_and_by_plane(void **state)
{
    static const uint8_t by_pixel[] = {10, 20, 30, 40, 50, 60, 70, 80, 90};
    static const uint8_t by_plane[] = {10, 40, 70, 20, 50, 80, 30, 60, 90};

    (void)state;
    for (int planar = 0; planar < 2; planar++) {
        test_picture picture;
        kh_render_view view;
        kh_rendered used;
        unsigned channels;
        uint8_t *rgb;

        test_picture_init_colour(&picture, 3, 1, KH_PHOTOMETRIC_RGB, planar);
        memcpy(picture.pixels, planar ? by_plane : by_pixel, 9);
        view = test_view(&picture);
        rgb = test_render(&picture, &view, &channels, &used);
        assert_int_equal(channels, 3);
        assert_true(used.window_center == 0 && used.window_width == 0 && !used.window_from_pixels);
        assert_memory_equal(rgb, by_pixel, 9);
        free(rgb);
        view.invert = true;
        rgb = test_render(&picture, &view, &channels, NULL);
        for (size_t i = 0; i < 9; i++)
            assert_int_equal(rgb[i], 255 - by_pixel[i]);
        free(rgb);
        view = (kh_render_view){.out_width = 1, .out_height = 1};
        rgb = test_render(&picture, &view, &channels, NULL);
        assert_int_equal(rgb[0], 40);
        assert_int_equal(rgb[1], 50);
        assert_int_equal(rgb[2], 60);
        free(rgb);
        test_picture_release(&picture);
    }
}

static void deep_colour_comes_down_to_eight_bits(void **state)
{
    static const struct {
        uint16_t allocated, stored;
        uint32_t value;
        int expected;
    } cases[] = {{16, 16, 65535, 255}, {16, 16, 32896, 128}, {16, 16, 128, 0},  {16, 16, 129, 1}, {16, 12, 4095, 255},
                 {16, 10, 512, 128},   {32, 32, 4294967295u, 255}, {32, 32, 0, 0}, {8, 6, 63, 255},  {8, 6, 21, 85}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        test_picture picture;
        kh_render_view view;
        uint8_t *rgb;

        test_picture_init(&picture, 3, 1, cases[i].allocated, cases[i].stored, false);
        picture.format.photometric = KH_PHOTOMETRIC_RGB;
        picture.format.samples = 3;
        picture.format.columns = 1;
        for (size_t sample = 0; sample < 3; sample++)
            for (size_t byte = 0; byte < cases[i].allocated / 8u; byte++)
                picture.pixels[sample * (cases[i].allocated / 8u) + byte] = (uint8_t)(cases[i].value >> (8 * byte));
        view = test_view(&picture);
        rgb = test_render(&picture, &view, NULL, NULL);
        assert_int_equal(rgb[0], cases[i].expected);
        assert_int_equal(rgb[2], cases[i].expected);
        free(rgb);
        test_picture_release(&picture);
    }
}

static int clamped(double value)
{
    return (int)floor(fmin(fmax(value, 0), 255) + 0.5);
}

/* R, G and B of the standard's equations solved for them: Y = .299 R + .587 G + .114 B, CB = (B - Y) / 1.772 + 128,
 * CR = (R - Y) / 1.402 + 128. */
static void check_rgb_of_ybr(const uint8_t *rgb, int y, int cb, int cr)
{
    double red = y + 1.402 * (cr - 128), blue = y + 1.772 * (cb - 128), green = (y - 0.299 * red - 0.114 * blue) / 0.587;

    assert_true(abs(rgb[0] - clamped(red)) <= (fabs(red - floor(red) - 0.5) < 1e-3));
    assert_true(abs(rgb[1] - clamped(green)) <= (fabs(green - floor(green) - 0.5) < 1e-3));
    assert_true(abs(rgb[2] - clamped(blue)) <= (fabs(blue - floor(blue) - 0.5) < 1e-3));
}

static void ybr_full_follows_the_equations(void **state)
{
    (void)state;
    for (int planar = 0; planar < 2; planar++) {
        test_picture picture;
        kh_render_view view;
        uint8_t *rgb;
        size_t plane = 52 * 52 * 52 / 8, step = planar ? 1 : 3, between = planar ? plane : 1;

        test_picture_init_colour(&picture, 26 * 26, 26, KH_PHOTOMETRIC_YBR_FULL, planar);
        for (size_t i = 0; i < plane; i++) {
            picture.pixels[i * step] = (uint8_t)(i % 26 * 10 + 5);
            picture.pixels[i * step + between] = (uint8_t)(i / 26 % 26 * 10 + 3);
            picture.pixels[i * step + 2 * between] = (uint8_t)(i / 676 * 10 + 1);
        }
        view = test_view(&picture);
        rgb = test_render(&picture, &view, NULL, NULL);
        for (size_t i = 0; i < plane; i++)
            check_rgb_of_ybr(rgb + 3 * i, picture.pixels[i * step], picture.pixels[i * step + between],
                             picture.pixels[i * step + 2 * between]);
        free(rgb);
        test_picture_release(&picture);
    }
}

static void ybr_full_422_shares_chroma_between_two(void **state)
{
    static const uint8_t packed[] = {100, 150, 90, 200, 30, 40, 128, 128, 1, 2, 3, 4, 250, 251, 252, 253};
    test_picture picture;
    kh_render_view view;
    uint8_t *rgb;

    (void)state;
    test_picture_init_colour(&picture, 4, 2, KH_PHOTOMETRIC_YBR_FULL_422, false);
    memcpy(picture.pixels, packed, 16);
    view = test_view(&picture);
    rgb = test_render(&picture, &view, NULL, NULL);
    for (size_t i = 0; i < 8; i++) {
        const uint8_t *pair = packed + i / 2 * 4;

        check_rgb_of_ybr(rgb + 3 * i, pair[i & 1], pair[2], pair[3]);
    }
    free(rgb);
    view = (kh_render_view){.x = 1, .y = 1, .width = 2, .height = 1, .out_width = 2, .out_height = 1};
    rgb = test_render(&picture, &view, NULL, NULL); /* begins in the middle of a pair */
    check_rgb_of_ybr(rgb, 2, 3, 4);
    check_rgb_of_ybr(rgb + 3, 250, 252, 253);
    free(rgb);
    test_picture_release(&picture);
}

static void odd_addresses_are_read(void **state)
{
    test_picture picture;
    kh_render_view view;
    uint8_t *moved, *grey, *expected;

    (void)state;
    test_picture_init(&picture, 33, 9, 16, 12, true);
    for (size_t i = 0; i < 33 * 9; i++)
        test_picture_set_16(&picture, i, (uint16_t)(i * 13));
    view = test_view(&picture);
    expected = test_render(&picture, &view, NULL, NULL);
    moved = malloc(picture.size + 1);
    assert_non_null(moved);
    memcpy(moved + 1, picture.pixels, picture.size);
    picture.source.pixels = moved + 1;
    grey = test_render(&picture, &view, NULL, NULL);
    assert_memory_equal(grey, expected, 33 * 9);
    free(grey);
    free(expected);
    free(moved);
    test_picture_release(&picture);
}

typedef struct hostile_case {
    const char *name;
    kh_pixel_format format;
    kh_status status;
    const char *words;
} hostile_case;

#define GREY .rows = 4, .columns = 4, .samples = 1, .photometric = KH_PHOTOMETRIC_MONOCHROME2
#define COLOUR .rows = 4, .columns = 4, .samples = 3, .bits_allocated = 8, .bits_stored = 8, .high_bit = 7

static const hostile_case hostile[] = {
    {"no rows", {.columns = 4, .samples = 1, .bits_allocated = 8, .bits_stored = 8, .high_bit = 7,
                 .photometric = KH_PHOTOMETRIC_MONOCHROME2}, KH_E_FORMAT, "Rows 0"},
    {"no columns", {.rows = 4, .samples = 1, .bits_allocated = 8, .bits_stored = 8, .high_bit = 7,
                    .photometric = KH_PHOTOMETRIC_MONOCHROME2}, KH_E_FORMAT, "Columns 0"},
    {"rows past 65535", {.rows = 65536, .columns = 4, .samples = 1, .bits_allocated = 8, .bits_stored = 8, .high_bit = 7,
                         .photometric = KH_PHOTOMETRIC_MONOCHROME2}, KH_E_FORMAT, "Rows 65536"},
    {"12 bits packed", {GREY, .bits_allocated = 12, .bits_stored = 12, .high_bit = 11}, KH_E_UNSUPPORTED, "BitsAllocated 12"},
    {"no bits", {GREY, .bits_allocated = 0}, KH_E_UNSUPPORTED, "BitsAllocated 0"},
    {"64-bit integers", {GREY, .bits_allocated = 64, .bits_stored = 64, .high_bit = 63}, KH_E_UNSUPPORTED, "BitsAllocated 64"},
    {"16-bit float", {GREY, .bits_allocated = 16, .bits_stored = 16, .high_bit = 15, .is_float = true}, KH_E_UNSUPPORTED,
     "float"},
    {"none stored", {GREY, .bits_allocated = 16, .bits_stored = 0, .high_bit = 15}, KH_E_FORMAT, "BitsStored 0"},
    {"17 of 16 stored", {GREY, .bits_allocated = 16, .bits_stored = 17, .high_bit = 15}, KH_E_FORMAT, "BitsStored 17"},
    {"high bit past the word", {GREY, .bits_allocated = 16, .bits_stored = 12, .high_bit = 16}, KH_E_FORMAT, "HighBit 16"},
    {"high bit too low", {GREY, .bits_allocated = 16, .bits_stored = 12, .high_bit = 10}, KH_E_FORMAT, "HighBit 10"},
    {"two samples", {.rows = 4, .columns = 4, .samples = 2, .bits_allocated = 8, .bits_stored = 8, .high_bit = 7,
                     .photometric = KH_PHOTOMETRIC_MONOCHROME2}, KH_E_FORMAT, "SamplesPerPixel 2"},
    {"grey with three samples", {COLOUR, .photometric = KH_PHOTOMETRIC_MONOCHROME1}, KH_E_FORMAT, "SamplesPerPixel 3"},
    {"RGB with one sample", {.rows = 4, .columns = 4, .samples = 1, .bits_allocated = 8, .bits_stored = 8, .high_bit = 7,
                             .photometric = KH_PHOTOMETRIC_RGB}, KH_E_FORMAT, "SamplesPerPixel 1"},
    {"palette", {.rows = 4, .columns = 4, .samples = 1, .bits_allocated = 8, .bits_stored = 8, .high_bit = 7,
                 .photometric = KH_PHOTOMETRIC_PALETTE},
     KH_E_FORMAT, "RedPaletteColorLookupTableDescriptor (0028,1101) absent"},
    {"palette of three samples", {COLOUR, .photometric = KH_PHOTOMETRIC_PALETTE}, KH_E_FORMAT, "SamplesPerPixel 3"},
    {"wavelet colour", {COLOUR, .photometric = KH_PHOTOMETRIC_YBR_RCT}, KH_E_UNSUPPORTED, "PhotometricInterpretation"},
    {"float colour", {.rows = 4, .columns = 4, .samples = 3, .bits_allocated = 32, .is_float = true,
                      .photometric = KH_PHOTOMETRIC_RGB}, KH_E_UNSUPPORTED, "colour"},
    {"1-bit colour", {.rows = 4, .columns = 4, .samples = 3, .bits_allocated = 1, .bits_stored = 1,
                      .photometric = KH_PHOTOMETRIC_RGB}, KH_E_UNSUPPORTED, "colour"},
    {"422 with odd columns", {.rows = 4, .columns = 3, .samples = 3, .bits_allocated = 8, .bits_stored = 8, .high_bit = 7,
                              .photometric = KH_PHOTOMETRIC_YBR_FULL_422}, KH_E_FORMAT, "even"},
    {"422 of 16 bits", {.rows = 4, .columns = 4, .samples = 3, .bits_allocated = 16, .bits_stored = 16, .high_bit = 15,
                        .photometric = KH_PHOTOMETRIC_YBR_FULL_422}, KH_E_FORMAT, "YBR_FULL_422"},
};

static void forms_that_contradict_themselves_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof hostile / sizeof hostile[0]; i++) {
        kh_render_view view = {.out_width = 4, .out_height = 4, .quality = 80};
        test_picture picture;

        test_picture_init(&picture, 64, 64, 32, 32, false); /* bytes enough for all of them */
        picture.format = hostile[i].format;
        test_refused(&picture, &view, hostile[i].status, hostile[i].words);
        test_picture_release(&picture);
    }
}

static void a_frame_must_hold_what_it_says(void **state)
{
    static const struct {
        uint16_t allocated;
        kh_photometric photometric;
        size_t bytes;
    } cases[] = {{1, KH_PHOTOMETRIC_MONOCHROME2, 5},       {8, KH_PHOTOMETRIC_MONOCHROME2, 36},
                 {16, KH_PHOTOMETRIC_MONOCHROME2, 72},     {32, KH_PHOTOMETRIC_MONOCHROME2, 144},
                 {8, KH_PHOTOMETRIC_RGB, 108},             {8, KH_PHOTOMETRIC_YBR_FULL_422, 72}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        test_picture picture;
        kh_render_view view;

        test_picture_init(&picture, 6, 6, cases[i].allocated, cases[i].allocated, false);
        if (cases[i].photometric != KH_PHOTOMETRIC_MONOCHROME2) {
            test_picture_release(&picture);
            test_picture_init_colour(&picture, 6, 6, cases[i].photometric, false);
        }
        assert_int_equal(picture.size, cases[i].bytes);
        view = test_view(&picture);
        free(test_render(&picture, &view, NULL, NULL));
        picture.source.size--;
        test_refused(&picture, &view, KH_E_FORMAT, "expected");
        test_picture_release(&picture);
    }
}

typedef struct view_case {
    const char *name;
    kh_render_view view;
    bool good;
} view_case;

static const view_case views[] = {
    {"smallest", {.out_width = 1, .out_height = 1, .quality = 1}, true},
    {"no width", {.out_width = 0, .out_height = 1, .quality = 80}, false},
    {"no height", {.out_width = 1, .out_height = 0, .quality = 80}, false},
    {"widest", {.out_width = 8192, .out_height = 2, .quality = 80}, true},
    {"too wide", {.out_width = 8193, .out_height = 2, .quality = 80}, false},
    {"highest", {.out_width = 2, .out_height = 8192, .quality = 80}, true},
    {"too high", {.out_width = 2, .out_height = 8193, .quality = 80}, false},
    {"quality 100", {.out_width = 9, .out_height = 9, .quality = 100}, true},
    {"quality 0", {.out_width = 9, .out_height = 9, .quality = 0}, false},
    {"quality 101", {.out_width = 9, .out_height = 9, .quality = 101}, false},
    {"region of one", {.x = 19, .y = 9, .width = 1, .height = 1, .out_width = 5, .out_height = 5, .quality = 80}, true},
    {"region past the right", {.x = 19, .y = 9, .width = 2, .height = 1, .out_width = 5, .out_height = 5, .quality = 80}, false},
    {"region past the foot", {.x = 19, .y = 9, .width = 1, .height = 2, .out_width = 5, .out_height = 5, .quality = 80}, false},
    {"region outside", {.x = 20, .y = 0, .width = 1, .height = 1, .out_width = 5, .out_height = 5, .quality = 80}, false},
    {"region that wraps", {.x = 4294967295u, .y = 0, .width = 2, .height = 1, .out_width = 5, .out_height = 5, .quality = 80}, false},
    {"region without height", {.x = 0, .y = 0, .width = 2, .height = 0, .out_width = 5, .out_height = 5, .quality = 80}, false},
    {"crop at the far end", {.out_width = 1048576, .out_height = 1048576, .crop_x = 1048575, .crop_y = 1048575, .crop_width = 1,
                             .crop_height = 1, .quality = 80}, true},
    {"crop of too much", {.out_width = 1048577, .out_height = 9, .crop_width = 1, .crop_height = 1, .quality = 80}, false},
    {"crop outside", {.out_width = 10, .out_height = 10, .crop_x = 9, .crop_width = 2, .crop_height = 1, .quality = 80}, false},
    {"crop too wide", {.out_width = 9000, .out_height = 10, .crop_width = 8193, .crop_height = 1, .quality = 80}, false},
    {"crop that wraps", {.out_width = 10, .out_height = 10, .crop_x = 4294967295u, .crop_width = 4, .crop_height = 1, .quality = 80},
     false},
    {"crop without height", {.out_width = 10, .out_height = 10, .crop_width = 4, .quality = 80}, false},
};

static void views_are_held_to_their_limits(void **state)
{
    test_picture picture;

    (void)state;
    test_picture_init(&picture, 20, 10, 16, 12, false);
    for (size_t i = 0; i < sizeof views / sizeof views[0]; i++) {
        if (views[i].good)
            free(test_render(&picture, &views[i].view, NULL, NULL));
        else
            test_refused(&picture, &views[i].view, KH_E_ARG, "expected");
    }
    test_picture_release(&picture);
}

static void the_answer_is_held_to_the_buffer_s_limit(void **state)
{
    kh_error err = KH_ERROR_INIT;
    kh_renderer *renderer = NULL;
    test_picture picture;
    kh_render_view view;
    unsigned channels;
    kh_buf out;

    (void)state;
    test_picture_init(&picture, 20, 10, 16, 12, false);
    view = test_view(&picture);
    assert_int_equal(kh_renderer_create(&renderer, &err), KH_OK);
    kh_buf_init(&out, 199);
    assert_int_equal(kh_render_pixels(renderer, &picture.source, &view, &out, &channels, NULL, &err), KH_E_LIMIT);
    kh_buf_release(&out);
    kh_error_clear(&err);
    kh_buf_init(&out, 200);
    assert_int_equal(kh_render_pixels(renderer, &picture.source, &view, &out, &channels, NULL, &err), KH_OK);
    kh_buf_release(&out);
    kh_renderer_free(renderer);
    kh_renderer_free(NULL);
    test_picture_release(&picture);
}

/* Rescale values that are no numbers, or a slope of 0, must not get into the arithmetic. */
static void a_rescale_that_cannot_be_is_left_out(void **state)
{
    static const double slopes[] = {0.0, NAN, INFINITY, -INFINITY};
    test_picture picture;
    kh_render_view view;
    uint8_t *grey;

    (void)state;
    test_picture_init(&picture, 16, 16, 8, 8, false);
    for (size_t i = 0; i < 256; i++)
        picture.pixels[i] = (uint8_t)i;
    view = test_view(&picture);
    for (size_t i = 0; i < sizeof slopes / sizeof slopes[0]; i++) {
        picture.slice.rescale_slope = slopes[i];
        picture.slice.rescale_intercept = i ? slopes[i] : 0;
        grey = test_render(&picture, &view, NULL, NULL);
        assert_memory_equal(grey, picture.pixels, 256);
        free(grey);
    }
    test_picture_release(&picture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_bit_pixels_run_on_from_row_to_row),
        cmocka_unit_test(rgb_by_pixel_and_by_plane),
        cmocka_unit_test(deep_colour_comes_down_to_eight_bits),
        cmocka_unit_test(ybr_full_follows_the_equations),
        cmocka_unit_test(ybr_full_422_shares_chroma_between_two),
        cmocka_unit_test(odd_addresses_are_read),
        cmocka_unit_test(forms_that_contradict_themselves_are_refused),
        cmocka_unit_test(a_frame_must_hold_what_it_says),
        cmocka_unit_test(views_are_held_to_their_limits),
        cmocka_unit_test(the_answer_is_held_to_the_buffer_s_limit),
        cmocka_unit_test(a_rescale_that_cannot_be_is_left_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
