/* Overlays and shutters: where they are drawn, at every size, and that tiles of them join. */
#include <stdlib.h>
#include <string.h>

#include "tests/render/support.h"
#include "viewer/render/shutter.h"

static void init(test_picture *picture, kh_display *display, uint32_t columns, uint32_t rows)
{
    test_picture_init(picture, columns, rows, 16, 12, false);
    for (size_t i = 0; i < (size_t)columns * rows; i++)
        test_picture_set_16(picture, i, 2048);
    test_picture_set_window(picture, 2048, 4096);
    memset(display, 0, sizeof *display);
    picture->source.display = display;
}

/* A 3 x 2 plane: the corners 0,0 and 2,1 and the middle of the first row. */
static const uint8_t plane[] = {0x23}; /* bits 0, 1 and 5 */

static void a_plane_stands_at_its_origin(void **state)
{
    static const struct {
        int32_t row, column;
    } origins[] = {{0, 0}, {2, 3}, {-1, -1}, {7, 8}, {100, 100}, {-100, 0}};

    (void)state;
    for (size_t n = 0; n < sizeof origins / sizeof origins[0]; n++) {
        int32_t row = origins[n].row, column = origins[n].column;
        test_picture picture;
        kh_display display;
        kh_render_view view;
        uint8_t *grey;

        init(&picture, &display, 10, 8);
        display.overlay_count = 1;
        display.overlays[0] = (kh_overlay){.row = row, .column = column, .rows = 2, .columns = 3, .bit = -1, .bits = plane};
        view = test_view(&picture);
        for (int negative = 0; negative < 2; negative++) {
            view.invert = negative;
            grey = test_render(&picture, &view, NULL, NULL);
            for (int y = 0; y < 8; y++)
                for (int x = 0; x < 10; x++) {
                    bool set = (y == row && (x == column || x == column + 1)) || (y == row + 1 && x == column + 2);

                    assert_int_equal(grey[y * 10 + x], set ? 255 * !negative : negative ? 127 : 128);
                }
            free(grey);
        }
        test_picture_release(&picture);
    }
}

static void a_plane_in_a_bit_of_the_pixels(void **state)
{
    test_picture picture;
    kh_display display;
    kh_render_view view;
    uint8_t *grey;

    (void)state;
    init(&picture, &display, 10, 8);
    display.overlay_count = 1;
    display.overlays[0] = (kh_overlay){.rows = 8, .columns = 10, .bit = 14};
    picture.format.overlay_bits = 1 << 14;
    test_picture_set_16(&picture, 37, 2048 | 1 << 14);
    test_picture_set_16(&picture, 38, 2048 | 1 << 15);
    view = test_view(&picture);
    grey = test_render(&picture, &view, NULL, NULL);
    for (size_t i = 0; i < 80; i++)
        assert_int_equal(grey[i], i == 37 ? 255 : 128);
    free(grey);
    picture.format.overlay_bits = 1 << 15; /* the codestream carried another bit only */
    grey = test_render(&picture, &view, NULL, NULL);
    for (size_t i = 0; i < 80; i++)
        assert_int_equal(grey[i], 128);
    free(grey);
    test_picture_release(&picture);
}

static void planes_of_some_frames(void **state)
{
    static const uint8_t frames[] = {0x0f, 0x0e}; /* 3 x 2: bits 0 to 5, then from bit 6: 0, 0, 0, 1, 1, 1 */
    static const struct {
        uint32_t frame;
        const char *set;
    } cases[] = {{0, "000000"}, {1, "111100"}, {2, "000111"}, {3, "000000"}};

    (void)state;
    for (size_t n = 0; n < sizeof cases / sizeof cases[0]; n++) {
        test_picture picture;
        kh_display display;
        kh_render_view view;
        uint8_t *grey;

        init(&picture, &display, 3, 2);
        display.overlay_count = 1;
        display.overlays[0] =
            (kh_overlay){.rows = 2, .columns = 3, .frame_first = 1, .frame_count = 2, .bit = -1, .bits = frames};
        picture.source.frame = cases[n].frame;
        view = test_view(&picture);
        grey = test_render(&picture, &view, NULL, NULL);
        for (size_t i = 0; i < 6; i++)
            assert_int_equal(grey[i], cases[n].set[i] == '1' ? 255 : 128);
        free(grey);
        test_picture_release(&picture);
    }
}

/* One set pixel of 64 x 64 stays white down to 1 x 1, and grows as a square; crops show the same as the whole. */
static void a_thin_line_stays_and_tiles_join(void **state)
{
    static const uint32_t sizes[] = {64, 32, 33, 7, 1, 100, 256};
    static uint8_t bits[512];

    (void)state;
    memset(bits, 0, sizeof bits);
    bits[(20 * 64 + 41) / 8] = 1 << ((20 * 64 + 41) % 8);
    for (size_t n = 0; n < sizeof sizes / sizeof sizes[0]; n++) {
        uint32_t size = sizes[n];
        test_picture picture;
        kh_display display;
        uint8_t *whole, *part;

        init(&picture, &display, 64, 64);
        display.overlay_count = 1;
        display.overlays[0] = (kh_overlay){.rows = 64, .columns = 64, .bit = -1, .bits = bits};
        display.shutter = (kh_shutter){.shapes = KH_SHUTTER_CIRCULAR, .center_row = 30, .center_column = 30, .radius = 25};
        kh_render_view view = {.out_width = size, .out_height = size};
        whole = test_render(&picture, &view, NULL, NULL);
        for (uint32_t i = 0; i < size * size; i++) {
            uint32_t y = i / size, x = i % size;
            bool over = y * 64 < 21 * size && (y + 1) * 64 > 20 * size && x * 64 < 42 * size && (x + 1) * 64 > 41 * size;

            assert_true((whole[i] == 255) == over);
        }
        for (uint32_t x = 0; x < size; x += 3) {
            view.crop_x = x;
            view.crop_width = size - x < 3 ? size - x : 3;
            view.crop_height = size;
            part = test_render(&picture, &view, NULL, NULL);
            for (uint32_t y = 0; y < size; y++)
                assert_memory_equal(part + y * view.crop_width, whole + y * size + x, view.crop_width);
            free(part);
        }
        free(whole);
        test_picture_release(&picture);
    }
}

/* The attributes' rows and columns count from 1; edges are seen. */
static void shutters_hide_what_is_outside(void **state)
{
    static const int32_t triangle[] = {1, 1, 1, 12, 12, 1};
    static const struct {
        const char *name;
        kh_shutter shutter;
    } cases[] = {
        {"rectangle", {.shapes = KH_SHUTTER_RECTANGULAR, .left = 3, .right = 9, .upper = 2, .lower = 5}},
        {"circle", {.shapes = KH_SHUTTER_CIRCULAR, .center_row = 5, .center_column = 6, .radius = 4}},
        {"triangle", {.shapes = KH_SHUTTER_POLYGONAL, .vertex_count = 3, .vertices = triangle}},
        {"rectangle and circle", {.shapes = KH_SHUTTER_RECTANGULAR | KH_SHUTTER_CIRCULAR, .left = 3, .right = 9, .upper = 2, .lower = 5,
                                  .center_row = 5, .center_column = 6, .radius = 3, .value = 0xffff}},
    };

    (void)state;
    for (size_t n = 0; n < sizeof cases / sizeof cases[0]; n++) {
        const kh_shutter *s = &cases[n].shutter;
        test_picture picture;
        kh_display display;
        kh_render_view view;
        uint8_t *grey;

        init(&picture, &display, 12, 12);
        display.shutter = *s;
        view = test_view(&picture);
        grey = test_render(&picture, &view, NULL, NULL);
        for (int row = 1; row <= 12; row++)
            for (int column = 1; column <= 12; column++) {
                int dy = row - s->center_row, dx = column - s->center_column;
                bool edge = row + column == 13 || row == 1 || column == 1; /* of the triangle: either will do */
                bool seen = true;

                if (s->shapes & KH_SHUTTER_RECTANGULAR)
                    seen = seen && column >= s->left && column <= s->right && row >= s->upper && row <= s->lower;
                if (s->shapes & KH_SHUTTER_CIRCULAR)
                    seen = seen && dx * dx + dy * dy <= s->radius * s->radius;
                if (s->shapes & KH_SHUTTER_POLYGONAL)
                    seen = row + column < 13;
                if (s->shapes & KH_SHUTTER_POLYGONAL && edge)
                    continue;
                if (grey[(row - 1) * 12 + column - 1] != (seen ? 128 : s->value >> 8))
                    fail_msg("%s: row %d column %d is %d", cases[n].name, row, column, grey[(row - 1) * 12 + column - 1]);
            }
        free(grey);
        test_picture_release(&picture);
    }
}

/* The even-odd rule, edge by edge for one place. */
static bool is_inside(const kh_shutter *shutter, double x, double y)
{
    bool inside = false;

    for (uint32_t i = 0; i < shutter->vertex_count; i++) {
        const int32_t *a = shutter->vertices + 2 * i, *b = shutter->vertices + 2 * ((i + 1) % shutter->vertex_count);
        double y0 = a[0], x0 = a[1], y1 = b[0], x1 = b[1];

        if ((y0 <= y && y < y1) || (y1 <= y && y < y0))
            inside ^= x < x0 + (y - y0) / (y1 - y0) * (x1 - x0);
    }
    return inside;
}

/* Corners at random: edges cross each other, lie on each other, and most rows have hundreds. Places between pixels' centres, so that none
 * lies on a corner. */
static void polygons_of_many_corners(void **state)
{
    static const uint32_t counts[] = {3, 4, 17, 1023, 1024};
    static int32_t vertices[2 * KH_SHUTTER_VERTICES_MAX];
    uint32_t seed = 11;

    (void)state;
    for (size_t n = 0; n < sizeof counts / sizeof counts[0]; n++) {
        kh_shutter shutter = {.shapes = KH_SHUTTER_POLYGONAL, .vertex_count = counts[n], .vertices = vertices};
        kh_shutter_row row;

        for (uint32_t i = 0; i < 2 * counts[n]; i++)
            vertices[i] = (int32_t)(test_random(&seed) % 300) - 20;
        for (double y = -25.37; y < 300; y += 7.1) {
            kh_shutter_row_begin(&row, &shutter, y, 1);
            for (double x = -25.411; x < 300; x += 0.973)
                if (kh_shutter_row_shows(&row, x) != is_inside(&shutter, x, y))
                    fail_msg("%u corners: row %g column %g", counts[n], y, x);
        }
    }
}

/* A circle is one on the screen: with pixels twice as high as wide it has half as many rows. */
static void a_circle_of_pixels_that_are_not_square(void **state)
{
    test_picture picture;
    kh_display display;
    kh_render_view view;
    uint8_t *grey;

    (void)state;
    init(&picture, &display, 21, 21);
    picture.info.pixel_aspect = 2;
    display.shutter = (kh_shutter){.shapes = KH_SHUTTER_CIRCULAR, .center_row = 11, .center_column = 11, .radius = 8};
    view = test_view(&picture);
    grey = test_render(&picture, &view, NULL, NULL);
    assert_int_equal(grey[10 * 21 + 10 + 8], 128);
    assert_int_equal(grey[10 * 21 + 10 + 9], 0);
    assert_int_equal(grey[(10 + 4) * 21 + 10], 128);
    assert_int_equal(grey[(10 + 5) * 21 + 10], 0);
    free(grey);
    test_picture_release(&picture);
}

static void each_frame_has_its_own_shutter(void **state)
{
    const kh_shutter frames[] = {{.shapes = KH_SHUTTER_RECTANGULAR, .left = 1, .right = 2, .upper = 1, .lower = 1},
                                 {.shapes = 0},
                                 {.shapes = KH_SHUTTER_RECTANGULAR, .left = 3, .right = 3, .upper = 1, .lower = 1, .value = 0xffff}};
    static const int expected[][4] = {{128, 128, 0, 0}, {128, 128, 128, 128}, {255, 255, 128, 255}};

    (void)state;
    for (uint32_t frame = 0; frame < 3; frame++) {
        test_picture picture;
        kh_display display;
        kh_render_view view;
        uint8_t *grey;

        init(&picture, &display, 4, 1);
        display.shutter = (kh_shutter){.shapes = KH_SHUTTER_RECTANGULAR, .left = 4, .right = 4, .upper = 1, .lower = 1};
        display.frame_shutters = frames;
        display.frame_shutter_count = 3;
        picture.source.frame = frame;
        view = test_view(&picture);
        grey = test_render(&picture, &view, NULL, NULL);
        for (int i = 0; i < 4; i++)
            assert_int_equal(grey[i], expected[frame][i]);
        free(grey);
        test_picture_release(&picture);
    }
}

/* 100 and 200 are seen, 0 and 4,000 are not: black at 100, white at 200. Of whole numbers, and of values that are sorted. */
static void hidden_pixels_do_not_drive_the_window(void **state)
{
    (void)state;
    for (int deep = 0; deep < 2; deep++) {
        test_picture picture;
        kh_display display;
        kh_render_view view;
        kh_rendered used;

        test_picture_init(&picture, 20, 20, deep ? 32 : 16, deep ? 32 : 12, false);
        for (size_t i = 0; i < 400; i++) {
            size_t x = i % 20, y = i / 20;
            uint16_t value = x >= 5 && x < 15 && y >= 5 && y < 15 ? (uint16_t)(x < 10 ? 100 : 200) : x < 10 ? 0 : 4000;

            test_picture_set_16(&picture, deep ? 2 * i : i, value);
        }
        memset(&display, 0, sizeof display);
        picture.source.display = &display;
        view = test_view(&picture);
        free(test_render(&picture, &view, NULL, &used));
        assert_true(used.window_from_pixels && used.window_width > 3000);
        display.shutter = (kh_shutter){.shapes = KH_SHUTTER_RECTANGULAR, .left = 6, .right = 15, .upper = 6, .lower = 15};
        free(test_render(&picture, &view, NULL, &used));
        assert_true(used.window_from_pixels && used.window_center == 150.5 && used.window_width == 101);
        display.shutter.left = 99; /* nothing is seen: any window will do */
        free(test_render(&picture, &view, NULL, &used));
        assert_true(used.window_width >= 1);
        test_picture_release(&picture);
    }
}

static void marks_on_colour(void **state)
{
    test_picture picture;
    kh_display display;
    kh_render_view view;
    uint8_t *rgb;

    (void)state;
    test_picture_init_colour(&picture, 3, 2, KH_PHOTOMETRIC_RGB, false);
    memset(picture.pixels, 77, picture.size);
    memset(&display, 0, sizeof display);
    picture.source.display = &display;
    display.overlay_count = 2;
    display.overlays[0] = (kh_overlay){.rows = 2, .columns = 3, .bit = -1, .bits = plane};
    display.overlays[1] = (kh_overlay){.rows = 2, .columns = 3, .bit = 7}; /* of a colour sample: not drawn */
    view = test_view(&picture);
    rgb = test_render(&picture, &view, NULL, NULL);
    for (size_t i = 0; i < 18; i++)
        assert_int_equal(rgb[i], i / 3 == 0 || i / 3 == 1 || i / 3 == 5 ? 255 : 77);
    free(rgb);
    test_picture_release(&picture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plane_stands_at_its_origin),
        cmocka_unit_test(a_plane_in_a_bit_of_the_pixels),
        cmocka_unit_test(planes_of_some_frames),
        cmocka_unit_test(a_thin_line_stays_and_tiles_join),
        cmocka_unit_test(shutters_hide_what_is_outside),
        cmocka_unit_test(polygons_of_many_corners),
        cmocka_unit_test(a_circle_of_pixels_that_are_not_square),
        cmocka_unit_test(each_frame_has_its_own_shutter),
        cmocka_unit_test(hidden_pixels_do_not_drive_the_window),
        cmocka_unit_test(marks_on_colour),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
