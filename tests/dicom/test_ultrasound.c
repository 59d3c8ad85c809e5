/* Ultrasound regions: what is read of them, and which one a mark lies in. Expected places follow from the rectangles and the priority rule
 * of PS3.3 C.8.5.5.1.3. */
#include "tests/dicom/support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include "dicom/ultrasound.h"

#define COLUMNS 100
#define ROWS 80

static const kh_us_axis none = {.unit = 0, .reference = NAN, .value = NAN};

/* "low" and "high" of the same place, beside them one of another unit. */
static const kh_us_region section = {.x0 = 10, .y0 = 10, .x1 = 49, .y1 = 39, .x = {3, 0.01, NAN, NAN}, .y = {3, 0.01, NAN, NAN}};
static const kh_us_region neighbour = {.x0 = 50, .y0 = 10, .x1 = 89, .y1 = 39, .x = {3, 0.01, NAN, NAN}, .y = {3, 0.01, NAN, NAN}};
static const kh_us_region trace = {.x0 = 10, .y0 = 30, .x1 = 49, .y1 = 69, .x = {4, 0.005, NAN, NAN}, .y = {7, 1, NAN, NAN}};

static kh_us_region with(kh_us_region region, bool low, bool units)
{
    region.low_priority = low;
    if (!units)
        region.x = region.y = none;
    return region;
}

typedef struct place_row {
    const char *name;
    kh_mark_kind kind;
    kh_point points[4];
    size_t count;
    kh_us_place place;
    int region; /* its number; -1: none */
} place_row;

static void check_rows(const place_row *rows, size_t row_count, const kh_us_region *regions, uint32_t count)
{
    for (size_t i = 0; i < row_count; i++) {
        const kh_us_region *found;
        kh_us_place place = kh_us_find(&found, regions, count, COLUMNS, ROWS, rows[i].kind, rows[i].points, rows[i].count);
        int number = found ? (int)(found - regions) : -1;

        if (place != rows[i].place || number != rows[i].region)
            fail_msg("%s: place %d in %d, expected %d in %d", rows[i].name, (int)place, number, (int)rows[i].place, rows[i].region);
    }
}

static void one_region(void **state)
{
    static const place_row rows[] = {
        {"a length inside", KH_MARK_LENGTH, {{12, 12}, {40, 30}}, 2, KH_US_INSIDE, 0},
        {"from edge to edge", KH_MARK_LENGTH, {{10, 10}, {50, 40}}, 2, KH_US_INSIDE, 0},
        {"an end just outside", KH_MARK_LENGTH, {{9.99, 10}, {50, 40}}, 2, KH_US_ACROSS, -1},
        {"outside", KH_MARK_LENGTH, {{1, 1}, {9, 70}}, 2, KH_US_OUTSIDE, -1},
        {"along its edge, outside", KH_MARK_LENGTH, {{10, 50}, {10, 5}}, 2, KH_US_OUTSIDE, -1},
        {"through it from outside to outside", KH_MARK_LENGTH, {{5, 5}, {60, 50}}, 2, KH_US_ACROSS, -1},
        {"past its corner", KH_MARK_LENGTH, {{5, 12}, {12, 5}}, 2, KH_US_OUTSIDE, -1},
        {"just through its corner", KH_MARK_LENGTH, {{5, 15.1}, {15.1, 5}}, 2, KH_US_ACROSS, -1},
        {"a box around it", KH_MARK_RECTANGLE, {{0, 0}, {99, 79}}, 2, KH_US_ACROSS, -1},
        {"a box in it", KH_MARK_ELLIPSE, {{49, 39}, {20, 20}}, 2, KH_US_INSIDE, 0},
        {"a box beside it", KH_MARK_RECTANGLE, {{50, 10}, {60, 40}}, 2, KH_US_OUTSIDE, -1},
        {"an outline", KH_MARK_FREEHAND, {{11, 11}, {40, 11}, {11, 39}}, 3, KH_US_INSIDE, 0},
        {"an angle of which one arm leaves it", KH_MARK_ANGLE, {{11, 11}, {40, 11}, {60, 39}}, 3, KH_US_ACROSS, -1},
        {"two lines in it", KH_MARK_COBB, {{11, 11}, {40, 11}, {11, 30}, {40, 30}}, 4, KH_US_INSIDE, 0},
        {"its first pixel", KH_MARK_PROBE, {{10, 10}}, 1, KH_US_INSIDE, 0},
        {"the pixel before", KH_MARK_PROBE, {{9.99, 10}}, 1, KH_US_OUTSIDE, -1},
        {"its last pixel", KH_MARK_PROBE, {{49.99, 39.99}}, 1, KH_US_INSIDE, 0},
        {"the pixel behind", KH_MARK_PROBE, {{50, 39}}, 1, KH_US_OUTSIDE, -1},
    };

    (void)state;
    check_rows(rows, KH_COUNT(rows), &section, 1);
}

static void overlapping_regions(void **state)
{
    /* rows 30 to 39 are section and trace */
    static const place_row upper[] = {{"above", KH_MARK_LENGTH, {{12, 12}, {40, 29}}, 2, KH_US_INSIDE, 0}},
                           section_first[] = {{"in both", KH_MARK_LENGTH, {{12, 31}, {40, 39}}, 2, KH_US_INSIDE, 0},
                                              {"from one into the overlap", KH_MARK_LENGTH, {{12, 12}, {40, 39}}, 2, KH_US_INSIDE, 0},
                                              {"from the other into it", KH_MARK_LENGTH, {{12, 60}, {40, 35}}, 2, KH_US_ACROSS, -1},
                                              {"a pixel of both", KH_MARK_PROBE, {{12, 31}}, 1, KH_US_INSIDE, 0}},
                           trace_first[] = {{"in both", KH_MARK_LENGTH, {{12, 31}, {40, 39}}, 2, KH_US_INSIDE, 1},
                                            {"from one into the overlap", KH_MARK_LENGTH, {{12, 12}, {40, 39}}, 2, KH_US_ACROSS, -1},
                                            {"from the other into it", KH_MARK_LENGTH, {{12, 60}, {40, 35}}, 2, KH_US_INSIDE, 1},
                                            {"a pixel of both", KH_MARK_PROBE, {{12, 31}}, 1, KH_US_INSIDE, 1}},
                           equals[] = {{"in both", KH_MARK_LENGTH, {{12, 31}, {40, 39}}, 2, KH_US_ACROSS, -1},
                                       {"a pixel of both", KH_MARK_PROBE, {{12, 31}}, 1, KH_US_ACROSS, -1}},
                           agreeing[] = {{"in both", KH_MARK_LENGTH, {{12, 31}, {40, 39}}, 2, KH_US_INSIDE, 0}};
    const struct {
        kh_us_region regions[2];
        const place_row *rows;
        size_t count;
    } cases[] = {
        {{with(section, false, true), with(trace, true, true)}, section_first, KH_COUNT(section_first)},
        {{with(section, true, true), with(trace, false, true)}, trace_first, KH_COUNT(trace_first)},
        {{with(section, false, true), with(trace, false, true)}, equals, KH_COUNT(equals)},
        {{with(section, true, true), with(trace, true, true)}, equals, KH_COUNT(equals)},
        {{with(section, true, true), with(trace, true, false)}, section_first, 2},  /* what tells nothing takes nothing from an equal */
        {{with(section, true, true), with(trace, false, false)}, trace_first, 2},   /* but graphics over a section do */
        {{with(section, false, true), with(section, false, true)}, agreeing, 1},
    };

    (void)state;
    for (size_t i = 0; i < KH_COUNT(cases); i++) {
        check_rows(upper, i < 6 ? 1 : 0, cases[i].regions, 2);
        check_rows(cases[i].rows, cases[i].count, cases[i].regions, 2);
    }
}

static void neighbours(void **state)
{
    const kh_us_region regions[2] = {section, neighbour};
    static const place_row rows[] = {
        {"up to the common edge", KH_MARK_LENGTH, {{12, 12}, {50, 20}}, 2, KH_US_INSIDE, 0},
        {"from the common edge", KH_MARK_LENGTH, {{50, 12}, {60, 20}}, 2, KH_US_INSIDE, 1},
        {"over it, though they agree", KH_MARK_LENGTH, {{12, 12}, {60, 20}}, 2, KH_US_ACROSS, -1},
    };

    (void)state;
    check_rows(rows, KH_COUNT(rows), regions, 2);
}

/* A picture that was made smaller keeps the regions of the larger one. */
static void regions_beyond_the_frame(void **state)
{
    static const struct {
        uint32_t x1, y1;
        kh_us_place place;
    } cases[] = {
        {COLUMNS - 1, ROWS - 1, KH_US_INSIDE}, {COLUMNS, ROWS, KH_US_INSIDE}, {COLUMNS + 1, 50, KH_US_UNFIT}, {50, ROWS + 1, KH_US_UNFIT}};
    const kh_point line[2] = {{12, 12}, {20, 20}};

    (void)state;
    for (size_t i = 0; i < KH_COUNT(cases); i++) {
        kh_us_region regions[2] = {section, {.x0 = 60, .y0 = 45, .x1 = cases[i].x1, .y1 = cases[i].y1, .x = none, .y = none}};
        const kh_us_region *found;

        if (regions[1].x1 < 60)
            regions[1].x0 = 40;
        if (kh_us_find(&found, regions, 2, COLUMNS, ROWS, KH_MARK_LENGTH, line, 2) != cases[i].place)
            fail_msg("case %zu", i);
        assert_true((found != NULL) == (cases[i].place == KH_US_INSIDE));
    }
}

/* ---- reading ---- */

typedef struct item {
    double x0, y0, x1, y1; /* below 0: left out */
    int flags, x_unit, y_unit;
    double x_delta, y_delta;
    bool has_reference;
} item;

static void put_item(test_dicom *dicom, const item *i)
{
    const double edges[4] = {i->x0, i->y0, i->x1, i->y1};

    test_item(dicom, 0xffffffff);
    test_number(dicom, KH_TAG(0x0018, 0x6016), "UL", i->flags);
    for (uint16_t n = 0; n < 4; n++)
        if (edges[n] >= 0)
            test_number(dicom, KH_TAG(0x0018, (uint16_t)(0x6018 + 2 * n)), "UL", edges[n]);
    if (i->has_reference) {
        test_number(dicom, KH_TAG(0x0018, 0x6020), "SL", -5);
        test_number(dicom, KH_TAG(0x0018, 0x6022), "SL", 7);
    }
    test_number(dicom, KH_TAG(0x0018, 0x6024), "US", i->x_unit);
    test_number(dicom, KH_TAG(0x0018, 0x6026), "US", i->y_unit);
    if (i->has_reference) {
        test_number(dicom, KH_TAG(0x0018, 0x6028), "FD", -1.5);
        test_number(dicom, KH_TAG(0x0018, 0x602a), "FD", 2.5);
    }
    test_number(dicom, KH_TAG(0x0018, 0x602c), "FD", i->x_delta);
    test_number(dicom, KH_TAG(0x0018, 0x602e), "FD", i->y_delta);
    test_item_end(dicom);
}

static uint32_t read_items(kh_us_region **out, const item *items, size_t count)
{
    test_dicom dicom;
    kh_dataset *dataset;
    uint32_t told;

    test_begin(&dicom, KH_TS_EXPLICIT_LE);
    test_sequence(&dicom, KH_TAG(0x0018, 0x6011));
    for (size_t i = 0; i < count; i++)
        put_item(&dicom, &items[i]);
    test_sequence_end(&dicom);
    dataset = test_read(&dicom, KH_TS_EXPLICIT_LE);
    assert_int_equal(kh_us_regions_read(out, &told, kh_dataset_main(dataset), NULL), KH_OK);
    kh_dataset_free(dataset);
    test_end(&dicom);
    return told;
}

static void what_is_read(void **state)
{
    static const struct {
        const char *name;
        item item;
        uint32_t count;
        uint16_t x_unit, y_unit;
    } rows[] = {
        {"whole", {10, 20, 30, 40, 2, 3, 3, 0.1, 0.2, true}, 1, 3, 3},
        {"one pixel", {10, 20, 10, 20, 2, 3, 3, 0.1, 0.2, true}, 1, 3, 3},
        {"its end before its beginning", {10, 20, 9, 40, 2, 3, 3, 0.1, 0.2, true}, 0, 0, 0},
        {"no left edge", {-1, 20, 30, 40, 2, 3, 3, 0.1, 0.2, true}, 0, 0, 0},
        {"far away", {10, 20, 30, 1000001, 2, 3, 3, 0.1, 0.2, true}, 0, 0, 0},
        {"no units", {10, 20, 30, 40, 2, 0, 0, 1, 1, true}, 1, 0, 0},
        {"degrees, the last", {10, 20, 30, 40, 2, 12, 3, 1, 1, true}, 1, 12, 3},
        {"units behind the last", {10, 20, 30, 40, 2, 13, 3, 1, 1, true}, 1, 0, 3},
        {"a delta of 0", {10, 20, 30, 40, 2, 3, 3, 0, 1, true}, 1, 0, 3},
        {"no number", {10, 20, 30, 40, 2, 3, 3, 1, NAN, true}, 1, 3, 0},
        {"endless", {10, 20, 30, 40, 2, 3, 3, 1, INFINITY, true}, 1, 3, 0},
        {"upwards", {10, 20, 30, 40, 2, 4, 7, 0.01, -2, true}, 1, 4, 7},
    };

    (void)state;
    for (size_t i = 0; i < KH_COUNT(rows); i++) {
        kh_us_region *regions;
        uint32_t count = read_items(&regions, &rows[i].item, 1);

        if (count != rows[i].count || (count == 1 && (regions[0].x.unit != rows[i].x_unit || regions[0].y.unit != rows[i].y_unit)))
            fail_msg("%s: %u", rows[i].name, count);
        assert_true((regions != NULL) == (count > 0));
        free(regions);
    }
}

static void values_are_kept(void **state)
{
    const item items[2] = {{10, 20, 30, 40, 3, 4, 7, 0.01, -2, true}, {0, 0, 5, 5, 2, 3, 3, 0.1, 0.2, false}};
    kh_us_region *regions;

    (void)state;
    assert_int_equal(read_items(&regions, items, 2), 2);
    assert_true(regions[0].low_priority && !regions[1].low_priority);
    assert_true(regions[0].x.reference == 10 - 5 && regions[0].y.reference == 20 + 7); /* it counts from the region's corner */
    assert_true(regions[0].x.value == -1.5 && regions[0].y.value == 2.5 && regions[0].y.delta == -2);
    assert_true(isnan(regions[1].x.reference) && isnan(regions[1].x.value));
    assert_false(kh_us_is_spatial(&regions[0]));
    assert_true(kh_us_is_spatial(&regions[1]));
    assert_string_equal(kh_us_unit_text(regions[0].y.unit), "cm/s");
    free(regions);
}

/* Past the limit nothing is told of any place. */
static void too_many(void **state)
{
    item items[KH_US_REGIONS_MAX + 1];
    const kh_point line[2] = {{12, 12}, {20, 20}};
    const kh_us_region *found;
    kh_us_region *regions;

    (void)state;
    for (size_t i = 0; i < KH_COUNT(items); i++)
        items[i] = (item){10, 10, 40, 40, 2, 3, 3, 0.1, 0.1, false};
    assert_int_equal(read_items(&regions, items, KH_US_REGIONS_MAX), KH_US_REGIONS_MAX);
    assert_int_equal(kh_us_find(&found, regions, KH_US_REGIONS_MAX, COLUMNS, ROWS, KH_MARK_LENGTH, line, 2), KH_US_INSIDE);
    free(regions);
    assert_int_equal(read_items(&regions, items, KH_US_REGIONS_MAX + 1), 1);
    assert_int_equal(kh_us_find(&found, regions, 1, COLUMNS, ROWS, KH_MARK_LENGTH, line, 2), KH_US_UNFIT);
    free(regions);
    assert_int_equal(read_items(&regions, items, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_region),    cmocka_unit_test(overlapping_regions), cmocka_unit_test(neighbours),
        cmocka_unit_test(regions_beyond_the_frame), cmocka_unit_test(what_is_read),  cmocka_unit_test(values_are_kept),
        cmocka_unit_test(too_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
