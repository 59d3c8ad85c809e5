/* Scaling against a plain implementation in doubles, in two dimensions at once, and tiles against the whole. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/render/support.h"

typedef struct size_case {
    const char *name;
    uint32_t columns, rows, out_width, out_height;
} size_case;

static const size_case sizes[] = {
    {"half", 64, 48, 32, 24},          {"half of odd", 65, 47, 33, 24},  {"third", 63, 63, 21, 21},
    {"two thirds", 60, 30, 40, 20},    {"nearly the same", 50, 50, 49, 49}, {"to one pixel", 37, 29, 1, 1},
    {"from one pixel", 1, 1, 9, 7},    {"double", 20, 30, 40, 60},       {"one and a half", 31, 17, 47, 25},
    {"narrow and tall", 40, 40, 13, 90}, {"wide and low", 40, 40, 90, 13}, {"one row", 50, 1, 25, 1},
    {"one column up", 1, 50, 3, 99},   {"ten times", 7, 5, 70, 50},      {"two pixels up", 2, 2, 31, 31},
    {"width only", 33, 21, 17, 21},    {"height only", 33, 21, 33, 64},  {"much smaller", 500, 400, 3, 2},
};

static double overlap(double a0, double a1, double b0, double b1)
{
    return fmax(0.0, fmin(a1, b1) - fmax(a0, b0));
}

static double cubic(double t)
{
    t = fabs(t);
    if (t <= 1)
        return (3 * t * t * t - 5 * t * t + 2) / 2;
    return t < 2 ? (-t * t * t + 5 * t * t - 8 * t + 4) / 2 : 0;
}

/* Weight of source pixel j (which may lie outside: its edge neighbour stands for it) in result pixel i. */
static double weight(uint32_t source, uint32_t out, uint32_t i, long j)
{
    double ratio = (double)source / out;

    if (out <= source)
        return j < 0 || j >= (long)source ? 0 : overlap(i * ratio, (i + 1) * ratio, (double)j, (double)j + 1) / ratio;
    return cubic((i + 0.5) * ratio - 0.5 - (double)j);
}

static double value_at(const test_picture *p, long x, long y)
{
    long columns = p->format.columns, rows = p->format.rows;
    size_t at;

    x = x < 0 ? 0 : x >= columns ? columns - 1 : x;
    y = y < 0 ? 0 : y >= rows ? rows - 1 : y;
    at = (size_t)(y * columns + x);
    if (p->format.bits_allocated == 8)
        return p->pixels[at];
    return p->format.is_signed ? (int16_t)(p->pixels[2 * at] | p->pixels[2 * at + 1] << 8)
                               : (uint16_t)(p->pixels[2 * at] | p->pixels[2 * at + 1] << 8);
}

static double naive(const test_picture *p, const size_case *s, uint32_t ox, uint32_t oy)
{
    double sum = 0;

    for (long y = -3; y < (long)s->rows + 3; y++) {
        double wy = weight(s->rows, s->out_height, oy, y);

        if (wy == 0)
            continue;
        for (long x = -3; x < (long)s->columns + 3; x++)
            sum += wy * weight(s->columns, s->out_width, ox, x) * value_at(p, x, y);
    }
    return sum;
}

/* Stored values are held in their range and rounded; a window over the whole range of 8 bits leaves them as they are. */
static void scaling_equals_the_plain_one(void **state)
{
    uint32_t seed = 1;

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        const size_case *s = &sizes[i];
        kh_render_view view = {.out_width = s->out_width, .out_height = s->out_height, .quality = 80};
        test_picture picture;
        uint8_t *grey;

        test_picture_init(&picture, s->columns, s->rows, 8, 8, false);
        for (size_t k = 0; k < picture.size; k++)
            picture.pixels[k] = (uint8_t)test_random(&seed);
        grey = test_render(&picture, &view, NULL, NULL);
        for (uint32_t y = 0; y < s->out_height; y++)
            for (uint32_t x = 0; x < s->out_width; x++) {
                double expected = fmin(fmax(naive(&picture, s, x, y), 0), 255);
                int got = grey[(size_t)y * s->out_width + x];

                if (fabs(got - expected) > 0.501)
                    fail_msg("%s: pixel %u,%u is %d, expected %.4f", s->name, x, y, got, expected);
            }
        free(grey);
        test_picture_release(&picture);
    }
}

/* 256 levels over 256 of 65,536 values: one grey level is one stored value, so the accuracy at 16 bits is seen. */
static void sixteen_bits_keep_their_accuracy(void **state)
{
    static const size_case cases[] = {{"third", 30, 30, 10, 10}, {"half", 30, 30, 15, 15}, {"double", 20, 20, 41, 41}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const size_case *s = &cases[i];
        kh_render_view view = {.out_width = s->out_width, .out_height = s->out_height, .quality = 80};
        test_picture picture;
        uint32_t seed = 3;
        uint8_t *grey;

        test_picture_init(&picture, s->columns, s->rows, 16, 16, false);
        for (size_t k = 0; k < picture.size / 2; k++)
            test_picture_set_16(&picture, k, (uint16_t)(60000 + test_random(&seed) % 200));
        test_picture_set_window(&picture, 60100.5 + 27.5, 256); /* 60000 is level 0, 60255 level 255 */
        grey = test_render(&picture, &view, NULL, NULL);
        for (uint32_t k = 0; k < s->out_width * s->out_height; k++) {
            double expected = naive(&picture, s, k % s->out_width, k / s->out_width) - 60000;

            if (fabs(grey[k] - fmin(fmax(expected, 0), 255)) > 0.52)
                fail_msg("%s: %d, expected %.4f", s->name, grey[k], expected);
        }
        free(grey);
        test_picture_release(&picture);
    }
}

/* The mean of stored values is taken before the window: half of the pixels at -1000 and half at 1000 are 0, not mid-grey of a
 * window that both lie outside of. */
static void means_are_of_values_not_of_greys(void **state)
{
    kh_render_view view = {.out_width = 8, .out_height = 8, .quality = 80};
    test_picture picture;
    uint8_t *grey;

    (void)state;
    test_picture_init(&picture, 16, 16, 16, 16, true);
    for (size_t i = 0; i < 256; i++)
        test_picture_set_16(&picture, i, i & 1 ? 1000 : (uint16_t)-1000);
    test_picture_set_window(&picture, 64.5, 129); /* 0 is black */
    grey = test_render(&picture, &view, NULL, NULL);
    for (size_t i = 0; i < 64; i++)
        assert_int_equal(grey[i], 0);
    free(grey);
    test_picture_release(&picture);
}

static void padding_does_not_bleed(void **state)
{
    kh_render_view view = {.out_width = 8, .out_height = 4, .quality = 80};
    test_picture picture;
    uint8_t *grey;

    (void)state;
    test_picture_init(&picture, 16, 8, 16, 16, true);
    for (size_t i = 0; i < 128; i++) /* columns 0 to 4 and one pixel of each later pair of rows are padding */
        test_picture_set_16(&picture, i, i % 16 < 5 || (i % 16 == 9 && i / 16 % 2 == 0) ? (uint16_t)-2000 : 200);
    picture.info.has_padding = true;
    picture.info.padding_low = picture.info.padding_high = -2000;
    test_picture_set_window(&picture, 128, 256);
    grey = test_render(&picture, &view, NULL, NULL);
    for (size_t i = 0; i < 32; i++)
        assert_int_equal(grey[i], i % 8 < 2 ? 0 : 200); /* half covered and three quarters covered: by what is there */
    free(grey);
    test_picture_release(&picture);
}

static void fill_noise(test_picture *picture)
{
    uint32_t seed = 11;

    for (size_t i = 0; i < picture->size; i++)
        picture->pixels[i] = (uint8_t)test_random(&seed);
}

static void check_tiles(const test_picture *picture, kh_render_view whole, uint32_t tile)
{
    unsigned channels = 0;
    uint8_t *all = test_render(picture, &whole, &channels, NULL);
    size_t pitch = (size_t)whole.out_width * channels;

    for (uint32_t y = 0; y < whole.out_height; y += tile)
        for (uint32_t x = 0; x < whole.out_width; x += tile) {
            kh_render_view view = whole;
            uint8_t *part;

            view.crop_x = x;
            view.crop_y = y;
            view.crop_width = whole.out_width - x < tile ? whole.out_width - x : tile;
            view.crop_height = whole.out_height - y < tile ? whole.out_height - y : tile;
            part = test_render(picture, &view, NULL, NULL);
            for (uint32_t row = 0; row < view.crop_height; row++)
                assert_memory_equal(part + (size_t)row * view.crop_width * channels, all + (y + row) * pitch + x * channels,
                                    (size_t)view.crop_width * channels);
            free(part);
        }
    free(all);
}

static void tiles_of_a_level_join_to_the_level(void **state)
{
    static const struct {
        uint32_t columns, rows, tile;
    } cases[] = {{131, 97, 16}, {64, 64, 32}, {201, 50, 7}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        test_picture picture;

        test_picture_init(&picture, cases[i].columns, cases[i].rows, 16, 12, true);
        fill_noise(&picture);
        for (int padding = 0; padding < 2; padding++) {
            picture.info.has_padding = padding;
            picture.info.padding_low = -2048;
            picture.info.padding_high = -1000;
            for (unsigned level = 0; level < 8; level++) {
                kh_render_view view = {.out_width = (cases[i].columns + (1u << level) - 1) >> level,
                                       .out_height = (cases[i].rows + (1u << level) - 1) >> level};

                check_tiles(&picture, view, cases[i].tile);
            }
            check_tiles(&picture, (kh_render_view){.out_width = 3 * cases[i].columns, .out_height = 2 * cases[i].rows + 1},
                        cases[i].tile);
            check_tiles(&picture, (kh_render_view){.x = 3, .y = 5, .width = 40, .height = 30, .out_width = 71, .out_height = 13},
                        cases[i].tile);
        }
        test_picture_release(&picture);
    }
}

static void tiles_of_other_formats_join_too(void **state)
{
    test_picture picture;

    (void)state;
    test_picture_init_colour(&picture, 66, 41, KH_PHOTOMETRIC_YBR_FULL_422, false);
    fill_noise(&picture);
    check_tiles(&picture, (kh_render_view){.out_width = 33, .out_height = 21}, 8);
    check_tiles(&picture, (kh_render_view){.out_width = 66, .out_height = 41}, 9);
    test_picture_release(&picture);
    test_picture_init(&picture, 51, 41, 32, 32, false);
    fill_noise(&picture);
    check_tiles(&picture, (kh_render_view){.out_width = 26, .out_height = 21}, 8);
    test_picture_release(&picture);
    test_picture_init(&picture, 51, 41, 1, 1, false);
    fill_noise(&picture);
    check_tiles(&picture, (kh_render_view){.out_width = 26, .out_height = 21}, 8);
    check_tiles(&picture, (kh_render_view){.out_width = 51, .out_height = 41}, 8);
    test_picture_release(&picture);
}

/* A region is a picture of its own: what lies beside it is not looked at. */
static void a_region_knows_nothing_of_its_neighbours(void **state)
{
    kh_render_view view = {.x = 10, .y = 10, .width = 8, .height = 8, .out_width = 24, .out_height = 24};
    test_picture picture;
    uint8_t *grey;

    (void)state;
    test_picture_init(&picture, 30, 30, 8, 8, false);
    memset(picture.pixels, 255, picture.size);
    for (uint32_t y = 10; y < 18; y++)
        memset(picture.pixels + 30 * y + 10, 90, 8);
    grey = test_render(&picture, &view, NULL, NULL);
    for (size_t i = 0; i < 24 * 24; i++)
        assert_int_equal(grey[i], 90);
    free(grey);
    test_picture_release(&picture);
}

/* One renderer for pictures of all kinds one after the other gives what a fresh one gives. */
static void a_used_renderer_equals_a_fresh_one(void **state)
{
    kh_error err = KH_ERROR_INIT;
    kh_renderer *renderer = NULL;
    test_picture pictures[3];

    (void)state;
    test_picture_init(&pictures[0], 40, 30, 16, 12, true);
    test_picture_init(&pictures[1], 17, 90, 8, 8, false);
    test_picture_init_colour(&pictures[2], 33, 20, KH_PHOTOMETRIC_RGB, true);
    assert_int_equal(kh_renderer_create(&renderer, &err), KH_OK);
    for (unsigned round = 0; round < 12; round++) {
        test_picture *picture = &pictures[round % 3];
        kh_render_view view = {.out_width = 10 + 7 * (round % 5), .out_height = 40 - 3 * round, .invert = round & 1};
        unsigned channels;
        uint8_t *fresh;
        kh_buf out;

        fill_noise(picture);
        fresh = test_render(picture, &view, NULL, NULL);
        kh_buf_init(&out, 1u << 20);
        assert_int_equal(kh_render_pixels(renderer, &picture->source, &view, &out, &channels, NULL, &err), KH_OK);
        assert_memory_equal(out.data, fresh, out.size);
        kh_buf_release(&out);
        free(fresh);
    }
    kh_renderer_free(renderer);
    for (size_t i = 0; i < 3; i++)
        test_picture_release(&pictures[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scaling_equals_the_plain_one),
        cmocka_unit_test(sixteen_bits_keep_their_accuracy),
        cmocka_unit_test(means_are_of_values_not_of_greys),
        cmocka_unit_test(padding_does_not_bleed),
        cmocka_unit_test(tiles_of_a_level_join_to_the_level),
        cmocka_unit_test(tiles_of_other_formats_join_too),
        cmocka_unit_test(a_region_knows_nothing_of_its_neighbours),
        cmocka_unit_test(a_used_renderer_equals_a_fresh_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
