/* What is measured on a frame: pixels of regions against their definition, areas, lengths and angles against geometry's formulas, values
 * against the transform of PS3.3 C.11.1.1.2. */
#include "tests/render/support.h"

#include <math.h>
#include <string.h>
#include "viewer/render/measure.h"

#define SIDE 16

static void assert_near(double got, double expected, const char *what)
{
    if (!(fabs(got - expected) <= 1e-9 * fmax(1, fabs(expected))))
        fail_msg("%s: %.17g, expected %.17g", what, got, expected);
}

/* --- which pixels --- */

typedef struct grid {
    unsigned seen[SIDE][SIDE];
    size_t count;
} grid;

static void see(void *context, uint32_t row, uint32_t column, uint32_t count)
{
    grid *g = context;

    assert_true(row < SIDE && column + count <= SIDE && count > 0);
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(g->seen[row][column + i]++, 0);
    g->count += count;
}

static grid pixels_of(kh_shape shape, const kh_point *points, size_t count)
{
    const kh_region region = {shape, points, count};
    grid g = {.count = 0};

    assert_int_equal(kh_region_pixels(&region, SIDE, SIDE, see, &g, NULL), KH_OK);
    return g;
}

static const struct {
    const char *name;
    kh_point a, b;
    unsigned count; /* columns * rows whose centres are within */
} rectangles[] = {
    {"whole pixels", {1, 1}, {3, 4}, 2 * 3},
    {"the other corners", {3, 1}, {1, 4}, 2 * 3},
    {"from lower right", {3, 4}, {1, 1}, 2 * 3},
    {"left and upper side belong to it", {0.5, 0.5}, {2.5, 2.5}, 2 * 2},
    {"just past the first centre", {0.51, 0.5}, {2.5, 2.5}, 1 * 2},
    {"just past the last centre", {0.5, 0.5}, {2.51, 2.5}, 3 * 2},
    {"between centres", {0.6, 0.6}, {1.4, 1.4}, 0},
    {"nothing", {4, 4}, {4, 9}, 0},
    {"all", {0, 0}, {SIDE, SIDE}, SIDE * SIDE},
};

static void rectangle_holds(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rectangles / sizeof rectangles[0]; i++) {
        const kh_point points[2] = {rectangles[i].a, rectangles[i].b};
        grid g = pixels_of(KH_SHAPE_RECTANGLE, points, 2);

        if (g.count != rectangles[i].count)
            fail_msg("%s: %zu pixels, expected %u", rectangles[i].name, g.count, rectangles[i].count);
    }
}

static void ellipse_holds(void **state)
{
    static const kh_point boxes[][2] = {{{2, 3}, {12, 9}},         {{0, 0}, {16, 16}}, {{1.3, 2.7}, {14.1, 5.2}},
                                        {{12.2, 9.9}, {3.1, 1.4}}, {{5, 5}, {5, 9}},   {{3.2, 3.2}, {4.1, 4.1}}};

    (void)state;
    for (size_t i = 0; i < sizeof boxes / sizeof boxes[0]; i++) {
        double x = (boxes[i][0].x + boxes[i][1].x) / 2, y = (boxes[i][0].y + boxes[i][1].y) / 2;
        double a = fabs(boxes[i][1].x - boxes[i][0].x) / 2, b = fabs(boxes[i][1].y - boxes[i][0].y) / 2;
        grid g = pixels_of(KH_SHAPE_ELLIPSE, boxes[i], 2);

        for (unsigned row = 0; row < SIDE; row++)
            for (unsigned column = 0; column < SIDE; column++) {
                double dx = (column + 0.5 - x) / a, dy = (row + 0.5 - y) / b;
                unsigned expected = a > 0 && b > 0 && dx * dx + dy * dy <= 1;

                if (g.seen[row][column] != expected)
                    fail_msg("ellipse %zu: pixel %u,%u is %u, expected %u", i, column, row, g.seen[row][column], expected);
            }
    }
}

/* The winding number of PS3.3's closed outlines as a sum of turns seen from the centre. */
static bool winds_round(const kh_point *p, size_t count, double x, double y)
{
    double turn = 0;

    for (size_t i = 0; i < count; i++) {
        double ax = p[i].x - x, ay = p[i].y - y, bx = p[(i + 1) % count].x - x, by = p[(i + 1) % count].y - y;

        turn += atan2(ax * by - ay * bx, ax * bx + ay * by);
    }
    return fabs(turn) > M_PI;
}

static const struct {
    const char *name;
    size_t count;
    kh_point points[12];
    double area;
} polygons[] = {
    {"square", 4, {{2.1, 2.1}, {8.1, 2.1}, {8.1, 8.1}, {2.1, 8.1}}, 36},
    {"square the other way", 4, {{2.1, 2.1}, {2.1, 8.1}, {8.1, 8.1}, {8.1, 2.1}}, 36},
    {"triangle", 3, {{1.2, 1.3}, {13.2, 1.3}, {1.2, 10.3}}, 54},
    {"with a bay", 5, {{1.1, 1.2}, {13.1, 1.2}, {13.1, 13.2}, {7.1, 7.2}, {1.1, 13.2}}, 144 - 36},
    {"a bow tie has both wings", 4, {{2.1, 2.2}, {10.1, 10.2}, {10.1, 2.2}, {2.1, 10.2}}, 32},
    {"drawn over its beginning", 7, {{2.1, 2.1}, {8.1, 2.1}, {8.1, 8.1}, {2.1, 8.1}, {2.1, 2.1}, {8.1, 2.1}, {8.1, 8.1}}, 36},
    {"twice round", 8, {{2.1, 2.1}, {8.1, 2.1}, {8.1, 8.1}, {2.1, 8.1}, {2.1, 2.1}, {8.1, 2.1}, {8.1, 8.1}, {2.1, 8.1}}, 36},
    {"there and back", 4, {{2.1, 2.1}, {8.1, 5.3}, {12.2, 8.1}, {8.1, 5.3}}, 0},
    {"one place", 3, {{5, 5}, {5, 5}, {5, 5}}, 0},
};

static void polygon_holds(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof polygons / sizeof polygons[0]; i++) {
        const kh_region region = {KH_SHAPE_POLYGON, polygons[i].points, polygons[i].count};
        grid g = pixels_of(KH_SHAPE_POLYGON, polygons[i].points, polygons[i].count);
        double area;

        assert_int_equal(kh_region_area(&area, &region, NULL), KH_OK);
        assert_near(area, polygons[i].area, polygons[i].name);
        for (unsigned row = 0; row < SIDE; row++)
            for (unsigned column = 0; column < SIDE; column++) {
                unsigned expected = polygons[i].area > 0 && winds_round(polygons[i].points, polygons[i].count, column + 0.5, row + 0.5);

                if (g.seen[row][column] != expected)
                    fail_msg("%s: pixel %u,%u is %u, expected %u", polygons[i].name, column, row, g.seen[row][column], expected);
            }
    }
}

/* A star of five points whose line goes on over the middle: ten triangles and the pentagon, of circumradius 6. */
static void star_is_whole(void **state)
{
    kh_point points[5];
    const kh_region region = {KH_SHAPE_POLYGON, points, 5};
    double area, tan36 = tan(M_PI / 5), tan18 = tan(M_PI / 10), apothem = 6 * cos(2 * M_PI / 5), side = 2 * apothem * tan36;

    (void)state;
    for (size_t i = 0; i < 5; i++)
        points[i] = (kh_point){8 + 6 * sin(4 * M_PI * (double)i / 5), 8 - 6 * cos(4 * M_PI * (double)i / 5)};
    assert_int_equal(kh_region_area(&area, &region, NULL), KH_OK);
    assert_near(area, 5 * side * apothem / 2 + 5 * side * side / 4 / tan18, "star");
    assert_int_equal(pixels_of(KH_SHAPE_POLYGON, points, 5).seen[8][8], 1);
}

/* n lines up and n lines down cross about n * n times. */
static void crossings_are_bounded(void **state)
{
    static kh_point points[KH_MARK_POINTS_MAX];
    const kh_region region = {KH_SHAPE_POLYGON, points, KH_MARK_POINTS_MAX};
    kh_error err = KH_ERROR_INIT;
    double area;

    (void)state;
    for (size_t i = 0; i < KH_MARK_POINTS_MAX; i++)
        points[i] = (kh_point){(double)(i * 7919 % 1000), (double)(i * 104729 % 997)};
    assert_int_equal(kh_region_area(&area, &region, &err), KH_E_ARG);
    assert_non_null(strstr(err.message, "points: the outline crosses itself"));
}

/* --- values --- */

static kh_measured measured(const test_picture *picture, kh_mark_kind kind, const kh_point *points, size_t count)
{
    kh_error err = KH_ERROR_INIT;
    kh_measured m;

    if (kh_measure(&m, &picture->source, kind, points, count, &err) != KH_OK)
        fail_msg("%s", err.message);
    return m;
}

#define ALL (const kh_point[]){{0, 0}, {SIDE, SIDE}}, 2

/* Stored values 0 .. 255, one each. */
static void init_ramp(test_picture *picture)
{
    test_picture_init(picture, SIDE, SIDE, 16, 12, false);
    for (uint16_t i = 0; i < SIDE * SIDE; i++)
        test_picture_set_16(picture, i, i);
    strcpy(picture->info.modality, "CT");
}

static void statistics_of_a_ramp(void **state)
{
    test_picture picture;
    kh_measured m;

    (void)state;
    init_ramp(&picture);
    picture.slice.rescale_slope = 2;
    picture.slice.rescale_intercept = -1024;
    strcpy(picture.info.rescale_type, "HU");
    m = measured(&picture, KH_MARK_RECTANGLE, ALL);
    assert_int_equal(m.count, 256);
    assert_int_equal(m.padding, 0);
    assert_near(m.mean, 2 * 127.5 - 1024, "mean");
    assert_near(m.sd, 2 * sqrt((256.0 * 256 - 1) / 12), "sd"); /* of the whole numbers 0 .. n - 1: (n * n - 1) / 12 */
    assert_near(m.min, -1024, "min");
    assert_near(m.max, 2 * 255 - 1024, "max");
    assert_near(m.area_px, 256, "area");
    assert_string_equal(m.unit, "HU");
    assert_false(m.stored_values);
    assert_true(isnan(m.area_mm2) && isnan(m.length_px) && isnan(m.degrees) && isnan(m.value));
    test_picture_release(&picture);
}

static void one_pixel_and_none(void **state)
{
    test_picture picture;
    kh_measured m;

    (void)state;
    init_ramp(&picture);
    m = measured(&picture, KH_MARK_RECTANGLE, (const kh_point[]){{3, 2}, {4, 3}}, 2);
    assert_int_equal(m.count, 1);
    assert_near(m.mean, 2 * SIDE + 3, "mean");
    assert_near(m.sd, 0, "sd");
    m = measured(&picture, KH_MARK_ELLIPSE, (const kh_point[]){{3, 2}, {3, 2}}, 2);
    assert_int_equal(m.count, 0);
    assert_true(isnan(m.mean) && isnan(m.sd) && isnan(m.min) && isnan(m.max));
    assert_near(m.area_px, 0, "area");
    test_picture_release(&picture);
}

static void padding_is_left_out(void **state)
{
    test_picture picture;
    kh_measured m;

    (void)state;
    init_ramp(&picture);
    picture.info.has_padding = true;
    picture.info.padding_low = 200;
    picture.info.padding_high = 300;
    m = measured(&picture, KH_MARK_RECTANGLE, ALL);
    assert_int_equal(m.count, 200);
    assert_int_equal(m.padding, 56);
    assert_near(m.mean, 99.5, "mean");
    assert_near(m.max, 199, "max");
    m = measured(&picture, KH_MARK_PROBE, (const kh_point[]){{8.5, 12.5}}, 1); /* 200 */
    assert_true(isnan(m.value) && isnan(m.mean) && isnan(m.sd));
    assert_near(m.stored, 200, "stored");
    assert_int_equal(m.padding, 1);
    test_picture_release(&picture);
}

/* docs/rendering.md: which values windows, and so numbers, are of. */
static const struct {
    const char *modality, *type;
    bool stored;
    const char *unit;
} transforms[] = {
    {"CT", "HU", false, "HU"}, {"CT", "US", false, ""}, {"MR", "", true, ""},   {"MR", "US", false, ""}, {"XA", "US", true, ""},
    {"XA", "HU", false, "HU"}, {"RF", "", true, ""},    {"PT", "", false, ""}, {"PT", "BQML", false, "BQML"},
};

static void values_are_those_of_windows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof transforms / sizeof transforms[0]; i++) {
        test_picture picture;
        kh_measured m;

        init_ramp(&picture);
        picture.slice.rescale_slope = 0.5;
        picture.slice.rescale_intercept = 3;
        strcpy(picture.info.modality, transforms[i].modality);
        strcpy(picture.info.rescale_type, transforms[i].type);
        m = measured(&picture, KH_MARK_PROBE, (const kh_point[]){{4.9, 1.1}}, 1);
        assert_near(m.value, transforms[i].stored ? 20 : 13, transforms[i].modality);
        assert_near(m.stored, 20, "stored");
        assert_int_equal(m.stored_values, transforms[i].stored);
        assert_string_equal(m.unit, transforms[i].unit);
        test_picture_release(&picture);
    }
}

static void modality_lut(void **state)
{
    static const uint16_t entries[4] = {1000, 1001, 1005, 1100};
    kh_display display = {.modality = {.first = 10, .count = 4, .bits = 16, .values = entries}};
    const kh_point corners[2] = {{10, 0}, {14, 1}};
    kh_error err = KH_ERROR_INIT;
    test_picture picture;
    kh_measured m;

    (void)state;
    init_ramp(&picture);
    strcpy(picture.info.rescale_type, "OD");
    picture.source.display = &display;
    m = measured(&picture, KH_MARK_RECTANGLE, corners, 2);
    assert_near(m.mean, (1000 + 1001 + 1005 + 1100) / 4.0, "mean");
    assert_string_equal(m.unit, "OD");
    picture.format.bits_allocated = picture.format.bits_stored = 32;
    picture.format.high_bit = 31;
    picture.format.rows /= 2;
    assert_int_equal(kh_measure(&m, &picture.source, KH_MARK_RECTANGLE, corners, 2, &err), KH_E_UNSUPPORTED);
    test_picture_release(&picture);
}

static void probes(void **state)
{
    static const uint8_t rgb[6] = {1, 2, 3, 200, 100, 50};
    kh_display display = {.palette = {.first = 0, .count = 2, .rgb = rgb}};
    test_picture picture;
    kh_measured m;

    (void)state;
    init_ramp(&picture);
    assert_near(measured(&picture, KH_MARK_PROBE, (const kh_point[]){{0, 0}}, 1).value, 0, "corner");
    assert_near(measured(&picture, KH_MARK_PROBE, (const kh_point[]){{SIDE, SIDE}}, 1).value, 255, "the other corner");
    assert_near(measured(&picture, KH_MARK_PROBE, (const kh_point[]){{2.999, 1}}, 1).value, 18, "right in a pixel");
    assert_near(measured(&picture, KH_MARK_PROBE, (const kh_point[]){{3, 1}}, 1).value, 19, "the next");
    picture.format.photometric = KH_PHOTOMETRIC_PALETTE;
    picture.source.display = &display;
    m = measured(&picture, KH_MARK_PROBE, (const kh_point[]){{1, 0}}, 1);
    assert_int_equal(m.rgb[0], 200);
    assert_int_equal(m.rgb[2], 50);
    assert_true(isnan(m.value));
    test_picture_release(&picture);

    test_picture_init_colour(&picture, 4, 4, KH_PHOTOMETRIC_RGB, false);
    memcpy(picture.pixels + 3 * 5, (uint8_t[]){10, 20, 30}, 3);
    m = measured(&picture, KH_MARK_PROBE, (const kh_point[]){{1.5, 1.5}}, 1);
    assert_int_equal(m.rgb[0], 10);
    assert_int_equal(m.rgb[1], 20);
    assert_int_equal(m.rgb[2], 30);
    m = measured(&picture, KH_MARK_RECTANGLE, (const kh_point[]){{0, 0}, {4, 4}}, 2);
    assert_int_equal(m.count, 0);
    assert_true(isnan(m.mean));
    assert_near(m.area_px, 16, "area");
    test_picture_release(&picture);
}

static void float_values(void **state)
{
    const float values[4] = {1.5f, NAN, -2.25f, 4};
    test_picture picture;
    kh_measured m;

    (void)state;
    test_picture_init(&picture, 4, 1, 32, 32, false);
    picture.format.is_float = true;
    memcpy(picture.pixels, values, sizeof values);
    m = measured(&picture, KH_MARK_RECTANGLE, (const kh_point[]){{0, 0}, {4, 1}}, 2);
    assert_int_equal(m.count, 3);
    assert_int_equal(m.padding, 1);
    assert_near(m.mean, 3.25 / 3, "mean");
    assert_near(m.min, -2.25, "min");
    test_picture_release(&picture);
}

/* --- lines --- */

static void set_spacing(test_picture *picture, kh_spacing_source source, double row_mm, double column_mm)
{
    picture->slice.spacing_source = source;
    picture->slice.row_spacing_mm = row_mm;
    picture->slice.column_spacing_mm = column_mm;
}

static void millimetres(void **state)
{
    const kh_point line[4] = {{1, 1}, {7, 5}, {2, 2}, {2, 10}}; /* 6 columns and 4 rows; 8 rows */
    test_picture picture;
    kh_measured m;

    (void)state;
    init_ramp(&picture);
    picture.info.pixel_aspect = 1;
    m = measured(&picture, KH_MARK_LENGTH, line, 2);
    assert_near(m.length_px, sqrt(52), "px");
    assert_true(isnan(m.length_mm));
    assert_int_equal(m.spacing_source, KH_SPACING_NONE);
    set_spacing(&picture, KH_SPACING_DETECTOR, 2, 0.5);
    m = measured(&picture, KH_MARK_LENGTH, line, 2);
    assert_near(m.length_px, sqrt(52), "px");
    assert_near(m.length_mm, hypot(6 * 0.5, 4 * 2), "mm");
    assert_int_equal(m.spacing_source, KH_SPACING_DETECTOR);
    m = measured(&picture, KH_MARK_BIDIRECTIONAL, line, 4);
    assert_near(m.length_mm, hypot(6 * 0.5, 4 * 2), "long");
    assert_near(m.short_mm, 16, "short");
    assert_near(m.short_px, 8, "short px");
    m = measured(&picture, KH_MARK_ELLIPSE, line, 2);
    assert_near(m.area_px, M_PI / 4 * 24, "px2");
    assert_near(m.area_mm2, M_PI / 4 * 24, "mm2"); /* 2 * 0.5 of a pixel is 1 */
    test_picture_release(&picture);
}

/* A section of centimetres, an M-mode of seconds and centimetres below it; columns twice as wide as rows are high. */
static void ultrasound_regions(void **state)
{
    kh_us_region regions[2] = {{.x0 = 0, .y0 = 0, .x1 = 15, .y1 = 7, .x = {3, 0.02, NAN, NAN}, .y = {3, 0.01, NAN, NAN}},
                               {.x0 = 0, .y0 = 8, .x1 = 15, .y1 = 15, .x = {4, 0.005, 2, -1}, .y = {3, -0.25, 8, 4}}};
    const kh_point inside[4] = {{1, 1}, {7, 5}, {3, 3}, {3, 1}}, below[2] = {{1.5, 9}, {7.5, 13}}, across[2] = {{1, 1}, {1, 9}},
                   spot[1] = {{5.9, 12.2}};
    test_picture picture;
    kh_measured m;

    (void)state;
    init_ramp(&picture);
    set_spacing(&picture, KH_SPACING_PATIENT, 3, 3); /* does not count */
    picture.info.pixel_aspect = 1;
    picture.info.us_regions = regions;
    picture.info.us_region_count = 2;
    m = measured(&picture, KH_MARK_BIDIRECTIONAL, inside, 4);
    assert_int_equal(m.spacing_source, KH_SPACING_ULTRASOUND);
    assert_near(m.length_mm, hypot(6 * 0.2, 4 * 0.1), "long");
    assert_near(m.short_mm, 0.2, "short");
    m = measured(&picture, KH_MARK_RECTANGLE, inside, 2);
    assert_near(m.area_mm2, 24 * 0.2 * 0.1, "mm2");
    m = measured(&picture, KH_MARK_ANGLE, (const kh_point[]){{5, 1}, {1, 1}, {5, 5}}, 3);
    assert_near(m.degrees, atan(0.5) * 180 / M_PI, "an angle in the patient");
    m = measured(&picture, KH_MARK_LENGTH, across, 2);
    assert_int_equal(m.spacing_source, KH_SPACING_ULTRASOUND_ACROSS);
    assert_true(isnan(m.length_mm) && isnan(m.axis_x) && isnan(m.axis_y));
    assert_near(m.length_px, 8, "px");
    m = measured(&picture, KH_MARK_LENGTH, below, 2);
    assert_int_equal(m.spacing_source, KH_SPACING_ULTRASOUND_OTHER);
    assert_true(isnan(m.length_mm));
    assert_near(m.axis_x, 6 * 0.005, "seconds");
    assert_string_equal(m.axis_x_unit, "s");
    assert_near(m.axis_y, 4 * 0.25, "centimetres");
    assert_string_equal(m.axis_y_unit, "cm");
    m = measured(&picture, KH_MARK_PROBE, spot, 1); /* pixel 5, 12 */
    assert_near(m.axis_x, -1 + (5 - 2) * 0.005, "the time");
    assert_near(m.axis_y, 4 - (12 - 8) * 0.25, "the depth");
    regions[1].x.reference = NAN;
    regions[1].y = (kh_us_axis){.unit = 0, .reference = NAN, .value = NAN};
    m = measured(&picture, KH_MARK_PROBE, spot, 1);
    assert_true(isnan(m.axis_x) && isnan(m.axis_y));
    assert_string_equal(m.axis_x_unit, "");
    m = measured(&picture, KH_MARK_RECTANGLE, below, 2);
    assert_true(isnan(m.area_mm2));
    assert_near(m.area_px, 24, "px2");
    regions[1].x1 = 17;
    m = measured(&picture, KH_MARK_LENGTH, inside, 2);
    assert_int_equal(m.spacing_source, KH_SPACING_ULTRASOUND_UNFIT);
    assert_true(isnan(m.length_mm));
    picture.info.us_region_count = 0;
    test_picture_release(&picture);
}

static void angles(void **state)
{
    test_picture picture;

    (void)state;
    init_ramp(&picture);
    picture.info.pixel_aspect = 1;
    assert_near(measured(&picture, KH_MARK_ANGLE, (const kh_point[]){{5, 1}, {1, 1}, {1, 9}}, 3).degrees, 90, "right");
    assert_near(measured(&picture, KH_MARK_ANGLE, (const kh_point[]){{5, 1}, {1, 1}, {5, 5}}, 3).degrees, 45, "half");
    assert_near(measured(&picture, KH_MARK_ANGLE, (const kh_point[]){{5, 5}, {1, 1}, {5, 1}}, 3).degrees, 45, "the other way");
    assert_near(measured(&picture, KH_MARK_ANGLE, (const kh_point[]){{9, 1}, {5, 1}, {1, 1}}, 3).degrees, 180, "straight");
    assert_true(isnan(measured(&picture, KH_MARK_ANGLE, (const kh_point[]){{5, 1}, {5, 1}, {1, 1}}, 3).degrees));
    picture.info.pixel_aspect = sqrt(3); /* told without millimetres */
    assert_near(measured(&picture, KH_MARK_ANGLE, (const kh_point[]){{5, 1}, {1, 1}, {5, 5}}, 3).degrees, 60, "not square");
    set_spacing(&picture, KH_SPACING_PATIENT, 1, sqrt(3));
    assert_near(measured(&picture, KH_MARK_ANGLE, (const kh_point[]){{5, 1}, {1, 1}, {5, 5}}, 3).degrees, 30, "not square, in mm");
    test_picture_release(&picture);
}

/* Two lines of length 4 through the given middles, tilted by so many degrees from the horizontal, each drawn either way. */
static const struct {
    const char *name;
    double x1, y1, tilt1, x2, y2, tilt2, degrees;
} cobbs[] = {
    {"parallel", 8, 3, 0, 8, 12, 0, 0},           {"a small curve", 8, 3, 5, 9, 12, -5, 10},
    {"a large one", 8, 3, 25, 8, 12, -30, 55},    {"over ninety", 8, 3, 50, 8, 12, -52, 102},
    {"both to one side", 8, 3, 40, 8, 12, 15, 25}, {"a spine across", 3, 8, 85, 12, 8, -85, 10},
    {"side by side", 3, 8, 15, 12, 8, -15, 30},   {"one line across the other", 8, 8, 10, 8, 8, -70, 80},
};

static void cobb_angles(void **state)
{
    test_picture picture;

    (void)state;
    init_ramp(&picture);
    picture.info.pixel_aspect = 1;
    for (size_t i = 0; i < sizeof cobbs / sizeof cobbs[0]; i++)
        for (unsigned way = 0; way < 4; way++) {
            double c1 = 2 * cos(cobbs[i].tilt1 * M_PI / 180) * (way & 1 ? -1 : 1),
                   s1 = 2 * sin(cobbs[i].tilt1 * M_PI / 180) * (way & 1 ? -1 : 1);
            double c2 = 2 * cos(cobbs[i].tilt2 * M_PI / 180) * (way & 2 ? -1 : 1),
                   s2 = 2 * sin(cobbs[i].tilt2 * M_PI / 180) * (way & 2 ? -1 : 1);
            const kh_point points[4] = {{cobbs[i].x1 - c1, cobbs[i].y1 - s1}, {cobbs[i].x1 + c1, cobbs[i].y1 + s1},
                                        {cobbs[i].x2 - c2, cobbs[i].y2 - s2}, {cobbs[i].x2 + c2, cobbs[i].y2 + s2}};

            if (fabs(measured(&picture, KH_MARK_COBB, points, 4).degrees - cobbs[i].degrees) > 1e-6)
                fail_msg("%s, drawn %u: %g degrees, expected %g", cobbs[i].name, way, measured(&picture, KH_MARK_COBB, points, 4).degrees,
                         cobbs[i].degrees);
        }
    test_picture_release(&picture);
}

/* --- refused --- */

static const struct {
    const char *name;
    kh_mark_kind kind;
    size_t count;
    kh_point points[4];
    const char *words; /* NULL: taken */
} asked[] = {
    {"two points of a length", KH_MARK_LENGTH, 2, {{0, 0}, {16, 16}}, NULL},
    {"one point of a length", KH_MARK_LENGTH, 1, {{0, 0}}, "points: 1, expected 2 of a length"},
    {"three points of a length", KH_MARK_LENGTH, 3, {{0, 0}}, "points: 3, expected 2"},
    {"two points of a freehand", KH_MARK_FREEHAND, 2, {{0, 0}}, "points: 2, expected 3 to 1000"},
    {"left of the frame", KH_MARK_PROBE, 1, {{-0.001, 0}}, "points: number 1 is"},
    {"above it", KH_MARK_PROBE, 1, {{0, -0.001}}, "points: number 1 is"},
    {"right of it", KH_MARK_LENGTH, 2, {{0, 0}, {16.001, 0}}, "points: number 2 is"},
    {"below it", KH_MARK_LENGTH, 2, {{0, 0}, {0, 16.001}}, "points: number 2 is"},
    {"no number", KH_MARK_PROBE, 1, {{NAN, 0}}, "points: number 1 is"},
    {"no end", KH_MARK_PROBE, 1, {{0, INFINITY}}, "points: number 1 is"},
    {"a key image", KH_MARK_KEY, 0, {{0, 0}}, NULL},
    {"a key image with a place", KH_MARK_KEY, 1, {{0, 0}}, "points: 1, expected 0"},
};

static void points_are_checked(void **state)
{
    test_picture picture;

    (void)state;
    init_ramp(&picture);
    for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++) {
        kh_error err = KH_ERROR_INIT;
        kh_measured m;
        kh_status status = kh_measure(&m, &picture.source, asked[i].kind, asked[i].points, asked[i].count, &err);

        if (status != (asked[i].words ? KH_E_ARG : KH_OK) || (asked[i].words && !strstr(err.message, asked[i].words)))
            fail_msg("%s: %s", asked[i].name, err.message);
    }
    test_picture_release(&picture);
}

static void kinds_have_words(void **state)
{
    kh_mark_kind kind;

    (void)state;
    for (int i = 0; i <= KH_MARK_KIND_LAST; i++) {
        assert_int_equal(kh_mark_kind_of(&kind, kh_mark_text((kh_mark_kind)i), NULL), KH_OK);
        assert_int_equal(kind, i);
    }
    assert_int_equal(kh_mark_kind_of(&kind, "circle", NULL), KH_E_ARG);
    assert_int_equal(kh_mark_kind_of(&kind, "Length", NULL), KH_E_ARG);
    assert_int_equal(kh_mark_kind_of(&kind, NULL, NULL), KH_E_ARG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(rectangle_holds),
                                       cmocka_unit_test(ellipse_holds),
                                       cmocka_unit_test(polygon_holds),
                                       cmocka_unit_test(star_is_whole),
                                       cmocka_unit_test(crossings_are_bounded),
                                       cmocka_unit_test(statistics_of_a_ramp),
                                       cmocka_unit_test(one_pixel_and_none),
                                       cmocka_unit_test(padding_is_left_out),
                                       cmocka_unit_test(values_are_those_of_windows),
                                       cmocka_unit_test(modality_lut),
                                       cmocka_unit_test(probes),
                                       cmocka_unit_test(float_values),
                                       cmocka_unit_test(millimetres),
                                       cmocka_unit_test(ultrasound_regions),
                                       cmocka_unit_test(angles),
                                       cmocka_unit_test(cobb_angles),
                                       cmocka_unit_test(points_are_checked),
                                       cmocka_unit_test(kinds_have_words)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
