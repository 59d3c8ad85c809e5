/* Windowing against PS3.3 C.11.2.1.2 and C.11.2.1.3, written here once more from the clauses, over every stored value. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/render/support.h"

typedef struct depth {
    uint16_t allocated, stored, high_bit;
    bool is_signed;
} depth;

static const depth depths[] = {
    {8, 8, 7, false},    {8, 8, 7, true},     {8, 6, 6, false},    {16, 12, 11, false}, {16, 12, 11, true},
    {16, 12, 15, false}, {16, 12, 13, true},  {16, 16, 15, false}, {16, 16, 15, true},  {16, 8, 7, false},
    {16, 10, 9, true},   {32, 12, 11, true},  {32, 16, 31, false}, {16, 1, 0, false},
};

typedef struct window_case {
    const char *name;
    kh_voi_function function;
    double center, width, slope, intercept;
} window_case;

static const window_case windows[] = {
    {"soft tissue", KH_VOI_LINEAR, 40, 400, 1, -1024},
    {"brain", KH_VOI_LINEAR, 40, 80, 1, -1024},
    {"lung", KH_VOI_LINEAR, -600, 1500, 1, -1024},
    {"whole 12 bits", KH_VOI_LINEAR, 2048, 4096, 1, 0},
    {"whole 16 bits", KH_VOI_LINEAR, 32768, 65536, 1, 0},
    {"threshold, width 1", KH_VOI_LINEAR, 100, 1, 1, 0},
    {"threshold below 0", KH_VOI_LINEAR, -100, 1, 1, 0},
    {"width 2", KH_VOI_LINEAR, 100, 2, 1, 0},
    {"width 1.5", KH_VOI_LINEAR, 100.25, 1.5, 1, 0},
    {"no whole numbers", KH_VOI_LINEAR, 127.3, 201.7, 1.37, -3.9},
    {"negative slope", KH_VOI_LINEAR, 50, 300, -1, 100},
    {"small slope", KH_VOI_LINEAR, 3, 5, 0.001, 0},
    {"large slope", KH_VOI_LINEAR, 4000, 90000, 53.7, -20000},
    {"beyond all values", KH_VOI_LINEAR, 1e6, 100, 1, 0},
    {"wider than all values", KH_VOI_LINEAR, 0, 1e9, 1, 0},
    {"exact", KH_VOI_LINEAR_EXACT, 40, 400, 1, -1024},
    {"exact, narrow", KH_VOI_LINEAR_EXACT, 0.5, 0.1, 1, 0},
    {"exact, one", KH_VOI_LINEAR_EXACT, 100, 1, 1, 0},
    {"exact, small slope", KH_VOI_LINEAR_EXACT, 0.02, 0.03, 0.00001, 0},
    {"exact, negative slope", KH_VOI_LINEAR_EXACT, -40, 700, -2.5, 3},
    {"sigmoid", KH_VOI_SIGMOID, 2048, 1024, 1, 0},
    {"sigmoid, steep", KH_VOI_SIGMOID, 100, 0.5, 1, 0},
    {"sigmoid, flat", KH_VOI_SIGMOID, 0, 100000, 1, -1024},
    {"sigmoid, negative slope", KH_VOI_SIGMOID, 10, 400, -3, 7},
};

/* The clauses, with ymin 0 and ymax 255. */
static double clause(const window_case *w, double x)
{
    double c = w->center, width = w->width;

    if (w->function == KH_VOI_SIGMOID)
        return 255.0 / (1.0 + exp(-4.0 * (x - c) / width));
    if (w->function == KH_VOI_LINEAR) {
        if (x <= c - 0.5 - (width - 1) / 2)
            return 0;
        if (x > c - 0.5 + (width - 1) / 2)
            return 255;
        return ((x - (c - 0.5)) / (width - 1) + 0.5) * 255.0;
    }
    if (x <= c - width / 2)
        return 0;
    if (x > c + width / 2)
        return 255;
    return ((x - c) / width + 0.5) * 255.0;
}

/* Rounded to the nearest, halves up. Where the formula comes within 1e-8 of a half its own rounding in doubles decides. */
static bool grey_is_right(double y, int got)
{
    return got == (int)floor(y + 0.5) || (fabs(y + 0.5 - round(y + 0.5)) < 1e-8 && fabs(got - y) < 0.5 + 1e-7);
}

static uint32_t word_of(const depth *d, long value)
{
    uint32_t mask = d->stored == 32 ? UINT32_MAX : (1u << d->stored) - 1;
    uint32_t outside = ~(mask << (d->high_bit + 1 - d->stored)); /* bits that are not stored ones: noise, to be ignored */

    return (((uint32_t)value & mask) << (d->high_bit + 1 - d->stored)) | (0xA5A5A5A5u & outside);
}

static void fill_all_values(test_picture *picture, const depth *d)
{
    long first = d->is_signed ? -(1L << (d->stored - 1)) : 0, count = 1L << d->stored;
    uint32_t columns = d->stored > 8 ? 1u << (d->stored - 8) : 1u, rows = (uint32_t)count / columns;

    test_picture_init(picture, columns, rows, d->allocated, d->stored, d->is_signed);
    picture->format.high_bit = d->high_bit;
    for (long i = 0; i < count; i++) {
        uint32_t word = word_of(d, first + i);

        for (int byte = 0; byte < d->allocated / 8; byte++)
            picture->pixels[i * (d->allocated / 8) + byte] = (uint8_t)(word >> (8 * byte));
    }
}

static void check_case(const depth *d, const window_case *w, const test_picture *picture, bool inverse, bool negative)
{
    long first = d->is_signed ? -(1L << (d->stored - 1)) : 0, count = 1L << d->stored;
    kh_render_view view = test_view(picture);
    kh_rendered used;
    uint8_t *grey;

    view.invert = negative;
    grey = test_render(picture, &view, NULL, &used);
    assert_false(used.window_from_pixels);
    for (long i = 0; i < count; i++) {
        double y = clause(w, (double)(first + i) * w->slope + w->intercept);
        int got = negative ? 255 - grey[i] : grey[i];

        if (picture->info.has_padding && first + i >= picture->info.padding_low && first + i <= picture->info.padding_high) {
            assert_int_equal(got, 0);
            continue;
        }
        got = inverse ? 255 - got : got;
        if (!grey_is_right(y, got))
            fail_msg("%s, %u of %u bits%s: value %ld gives %d, the formula %.9f", w->name, d->stored, d->allocated,
                     d->is_signed ? " signed" : "", first + i, got, y);
    }
    free(grey);
}

static void every_value_follows_the_formula(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof depths / sizeof depths[0]; i++) {
        test_picture picture;

        fill_all_values(&picture, &depths[i]);
        for (size_t j = 0; j < sizeof windows / sizeof windows[0]; j++) {
            picture.slice.voi_function = windows[j].function;
            picture.slice.rescale_slope = windows[j].slope;
            picture.slice.rescale_intercept = windows[j].intercept;
            test_picture_set_window(&picture, windows[j].center, windows[j].width);
            picture.format.photometric = KH_PHOTOMETRIC_MONOCHROME2;
            check_case(&depths[i], &windows[j], &picture, false, false);
            check_case(&depths[i], &windows[j], &picture, false, true);
            picture.format.photometric = KH_PHOTOMETRIC_MONOCHROME1;
            check_case(&depths[i], &windows[j], &picture, true, false);
        }
        test_picture_release(&picture);
    }
}

static void shape_inverse_and_monochrome1_say_the_same(void **state)
{
    const depth *d = &depths[3];
    test_picture picture;

    (void)state;
    fill_all_values(&picture, d);
    test_picture_set_window(&picture, windows[0].center, windows[0].width);
    picture.slice.rescale_intercept = -1024;
    picture.info.inverse = true;
    check_case(d, &windows[0], &picture, true, false);
    picture.format.photometric = KH_PHOTOMETRIC_MONOCHROME1;
    check_case(d, &windows[0], &picture, true, true);
    test_picture_release(&picture);
}

static void padding_is_background_whatever_the_window(void **state)
{
    static const int64_t ranges[][2] = {{0, 0}, {63, 63}, {-2000, -1000}, {4000, 5000}, {-5, 70000}};

    (void)state;
    for (size_t i = 0; i < sizeof depths / sizeof depths[0]; i++)
        for (size_t j = 0; j < sizeof ranges / sizeof ranges[0]; j++) {
            test_picture picture;

            fill_all_values(&picture, &depths[i]);
            picture.info.has_padding = true;
            picture.info.padding_low = ranges[j][0];
            picture.info.padding_high = ranges[j][1];
            picture.slice.rescale_intercept = -1024;
            test_picture_set_window(&picture, windows[0].center, windows[0].width);
            check_case(&depths[i], &windows[0], &picture, false, false);
            picture.format.photometric = KH_PHOTOMETRIC_MONOCHROME1;
            check_case(&depths[i], &windows[0], &picture, true, true);
            test_picture_release(&picture);
        }
}

static void deep_values_follow_the_formula(void **state)
{
    static const window_case w = {"32 bits", KH_VOI_LINEAR, 2e9, 1e9, 1, 0};
    test_picture picture;
    kh_render_view view;
    uint32_t seed = 7;
    uint8_t *grey;

    (void)state;
    test_picture_init(&picture, 64, 64, 32, 32, false);
    test_picture_set_window(&picture, w.center, w.width);
    for (size_t i = 0; i < picture.size; i++)
        picture.pixels[i] = (uint8_t)test_random(&seed);
    view = test_view(&picture);
    grey = test_render(&picture, &view, NULL, NULL);
    for (size_t i = 0; i < 64 * 64; i++) {
        const uint8_t *p = picture.pixels + 4 * i;
        double x = p[0] + 256.0 * p[1] + 65536.0 * p[2] + 16777216.0 * p[3];

        assert_in_range(grey[i] + 1, floor(clause(&w, x) + 0.4999), floor(clause(&w, x) + 0.5001) + 2);
        assert_true(fabs(grey[i] - clause(&w, x)) < 0.5001);
    }
    free(grey);
    test_picture_release(&picture);
}

static void put_float(test_picture *picture, size_t index, float value)
{
    union {
        float number;
        uint8_t bytes[4];
    } u = {value};

    for (int i = 0; i < 4; i++)
        picture->pixels[4 * index + (size_t)i] = u.bytes[i];
}

static void float_pixels_and_those_that_are_no_number(void **state)
{
    static const float values[] = {-1.0f, 0.0f, 0.1f, 0.25f, 0.5f, 0.75f, 1.0f, 1.5f, INFINITY, -INFINITY, NAN, 1e38f};
    static const int expected[] = {0, 0, 26, 64, 128, 191, 255, 255, 255, 0, 0, 255};
    test_picture picture;
    kh_render_view view;
    uint8_t *grey;

    (void)state;
    test_picture_init(&picture, 12, 1, 32, 32, false);
    picture.format.is_float = true;
    picture.slice.voi_function = KH_VOI_LINEAR_EXACT;
    for (size_t i = 0; i < 12; i++)
        put_float(&picture, i, values[i]);
    view = test_view(&picture);
    view.window_given = true;
    view.window_center = 0.5;
    view.window_width = 1.0;
    grey = test_render(&picture, &view, NULL, NULL);
    for (size_t i = 0; i < 12; i++)
        assert_int_equal(grey[i], expected[i]);
    free(grey);
    test_picture_release(&picture);
}

static void the_request_then_the_file_then_the_pixels_choose(void **state)
{
    test_picture picture;
    kh_render_view view;
    kh_rendered used;

    (void)state;
    test_picture_init(&picture, 100, 100, 16, 12, false);
    for (size_t i = 0; i < 10000; i++) /* 10 of each value 0 .. 999 */
        test_picture_set_16(&picture, i, (uint16_t)(i % 1000));
    test_picture_set_window(&picture, 40, 0); /* cannot be used with LINEAR */
    picture.slice.window_count = 2;
    picture.slice.windows[1].center = 50;
    picture.slice.windows[1].width = 350;
    view = test_view(&picture);
    free(test_render(&picture, &view, NULL, &used));
    assert_true(used.window_center == 50 && used.window_width == 350 && !used.window_from_pixels);
    view.window_given = true;
    view.window_center = 7;
    view.window_width = 8;
    free(test_render(&picture, &view, NULL, &used));
    assert_true(used.window_center == 7 && used.window_width == 8 && !used.window_from_pixels);
    view.window_given = false;
    picture.slice.window_count = 0;
    free(test_render(&picture, &view, NULL, &used));
    assert_true(used.window_from_pixels); /* 0.5 % of 10,000 is 50 pixels: values up to 4; 99.5 %: up to 994 */
    assert_true(used.window_center == (4 + 994) / 2.0 + 0.5 && used.window_width == 994 - 4 + 1);
    test_picture_release(&picture);
}

static void padding_does_not_drive_the_automatic_window(void **state)
{
    test_picture picture;
    kh_render_view view;
    kh_rendered used;

    (void)state;
    test_picture_init(&picture, 100, 100, 16, 16, true);
    picture.slice.voi_function = KH_VOI_LINEAR_EXACT;
    picture.slice.rescale_slope = 2;
    picture.slice.rescale_intercept = -10;
    for (size_t i = 0; i < 10000; i++)
        test_picture_set_16(&picture, i, i < 6000 ? (uint16_t)-2000 : (uint16_t)(100 + (i & 1)));
    picture.info.has_padding = true;
    picture.info.padding_low = picture.info.padding_high = -2000;
    view = test_view(&picture);
    free(test_render(&picture, &view, NULL, &used));
    assert_true(used.window_center == 191 && used.window_width == 2);
    picture.info.has_padding = false;
    free(test_render(&picture, &view, NULL, &used));
    assert_true(used.window_center == (-4010 + 192) / 2.0 && used.window_width == 192 + 4010);
    test_picture_release(&picture);
}

static void pictures_without_contrast_have_a_window_all_the_same(void **state)
{
    test_picture picture;
    kh_render_view view;
    kh_rendered used;

    (void)state;
    test_picture_init(&picture, 100, 100, 16, 12, false);
    for (size_t i = 0; i < 10000; i++)
        test_picture_set_16(&picture, i, 77);
    view = test_view(&picture);
    free(test_render(&picture, &view, NULL, &used));
    assert_true(used.window_center == 78 && used.window_width == 2); /* 77 is black, 78 white */
    picture.info.has_padding = true;
    picture.info.padding_high = 4095; /* nothing but padding */
    free(test_render(&picture, &view, NULL, &used));
    assert_true(used.window_from_pixels && used.window_width >= 1);
    picture.info.has_padding = false;
    test_picture_set_16(&picture, 5000, 500); /* a single bright pixel is under 0.5 % */
    free(test_render(&picture, &view, NULL, &used));
    assert_true(used.window_center == (77 + 500) / 2.0 + 0.5 && used.window_width == 500 - 77 + 1);
    test_picture_release(&picture);
}

static void eight_bits_are_shown_as_they_are(void **state)
{
    test_picture picture;
    kh_render_view view;
    uint8_t *grey;

    (void)state;
    test_picture_init(&picture, 16, 16, 8, 8, false);
    for (size_t i = 0; i < 256; i++)
        picture.pixels[i] = (uint8_t)i;
    view = test_view(&picture);
    grey = test_render(&picture, &view, NULL, NULL);
    assert_memory_equal(grey, picture.pixels, 256);
    free(grey);
    test_picture_release(&picture);
}

static void windows_that_cannot_be_used_are_refused(void **state)
{
    static const struct {
        kh_voi_function function;
        double center, width;
        bool good;
    } cases[] = {
        {KH_VOI_LINEAR, 40, 1, true},         {KH_VOI_LINEAR, 40, 0.999, false},   {KH_VOI_LINEAR, 40, -5, false},
        {KH_VOI_LINEAR, NAN, 400, false},     {KH_VOI_LINEAR, 40, NAN, false},     {KH_VOI_LINEAR, INFINITY, 400, false},
        {KH_VOI_LINEAR, 40, INFINITY, false}, {KH_VOI_LINEAR_EXACT, 0, 0, false},  {KH_VOI_LINEAR_EXACT, 0, 1e-9, true},
        {KH_VOI_SIGMOID, 0, 0, false},        {KH_VOI_SIGMOID, 0, 1e-300, true},   {KH_VOI_LINEAR, -1e300, 1e300, true},
    };
    test_picture picture;

    (void)state;
    test_picture_init(&picture, 8, 8, 16, 12, true);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        kh_render_view view = test_view(&picture);

        picture.slice.voi_function = cases[i].function;
        view.window_given = true;
        view.window_center = cases[i].center;
        view.window_width = cases[i].width;
        if (cases[i].good)
            free(test_render(&picture, &view, NULL, NULL));
        else
            test_refused(&picture, &view, KH_E_ARG, "window center");
    }
    test_picture_release(&picture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_value_follows_the_formula),
        cmocka_unit_test(shape_inverse_and_monochrome1_say_the_same),
        cmocka_unit_test(padding_is_background_whatever_the_window),
        cmocka_unit_test(deep_values_follow_the_formula),
        cmocka_unit_test(float_pixels_and_those_that_are_no_number),
        cmocka_unit_test(the_request_then_the_file_then_the_pixels_choose),
        cmocka_unit_test(padding_does_not_drive_the_automatic_window),
        cmocka_unit_test(pictures_without_contrast_have_a_window_all_the_same),
        cmocka_unit_test(eight_bits_are_shown_as_they_are),
        cmocka_unit_test(windows_that_cannot_be_used_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
