/* The order of slices, by tables; expected orders follow from the geometry, PS3.3 C.7.6.2.1.1. */
#include "support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cache/stack_order.h"

#define COUNT_MAX 64
#define AXIAL {1, 0, 0, 0, 1, 0}
#define SAGITTAL {0, 1, 0, 0, 0, -1}
#define CORONAL {1, 0, 0, 0, 0, -1}

/* Slice n gets object id n + 1; expected lists slice numbers. */
typedef struct row {
    bool has;
    double position[3], orientation[6];
    int acquisition, instance; /* 0: not told */
    double echo_ms;
} row;

typedef struct test_case {
    const char *name;
    size_t count;
    row rows[16];
    uint32_t expected[16];
    kh_stack_order order;
    double spacing_mm;
    bool even;
} test_case;

#define AX(z, i) {true, {0, 0, z}, AXIAL, 0, i, 0}
#define AX4(z, a, i, e) {true, {0, 0, z}, AXIAL, a, i, e}
#define NO(i) {false, {0}, {0}, 0, i, 0}

static const test_case cases[] = {
    {"nothing", 0, {{0}}, {0}, KH_ORDER_INSTANCE, 0, false},
    {"one with geometry", 1, {AX(5, 1)}, {0}, KH_ORDER_POSITION, 0, false},
    {"one without", 1, {NO(1)}, {0}, KH_ORDER_INSTANCE, 0, false},
    {"position beats instance number", 3, {AX(10, 1), AX(0, 2), AX(5, 3)}, {1, 2, 0}, KH_ORDER_POSITION, 5, true},
    {"feet to head ascends", 3, {AX(-10, 3), AX(-20, 1), AX(-15, 2)}, {1, 2, 0}, KH_ORDER_POSITION, 5, true},
    {"uneven", 3, {AX(0, 1), AX(1, 2), AX(3, 3)}, {0, 1, 2}, KH_ORDER_POSITION, 1.5, false},
    {"just under 1 % off is even", 4, {AX(0, 1), AX(5, 2), AX(10.049, 3), AX(15.049, 4)}, {0, 1, 2, 3}, KH_ORDER_POSITION, 5, true},
    {"just over is not", 4, {AX(0, 1), AX(5, 2), AX(10.051, 3), AX(15.051, 4)}, {0, 1, 2, 3}, KH_ORDER_POSITION, 5, false},
    {"instance numbers alone", 3, {NO(3), NO(1), NO(2)}, {1, 2, 0}, KH_ORDER_INSTANCE, 0, false},
    {"no number comes last", 3, {NO(0), NO(2), NO(1)}, {2, 1, 0}, KH_ORDER_INSTANCE, 0, false},
    {"one without geometry follows", 3, {NO(1), AX(5, 2), AX(0, 3)}, {1, 2, 0}, KH_ORDER_MIXED, 5, true},
    {"numbered from the head begins at the head", 4, {AX(0, 4), AX(5, 3), AX(10, 2), AX(15, 1)}, {3, 2, 1, 0}, KH_ORDER_POSITION, 5, true},
    {"one number out of line does not turn it", 4, {AX(0, 4), AX(5, 1), AX(10, 3), AX(15, 2)}, {3, 2, 1, 0}, KH_ORDER_POSITION, 5, true},
    {"numbers that do not tell: ascending", 3, {AX(10, 1), AX(0, 1), AX(5, 1)}, {1, 2, 0}, KH_ORDER_POSITION, 5, true},
    {"as many up as down: ascending", 3, {AX(10, 1), AX(0, 1), AX(5, 2)}, {1, 2, 0}, KH_ORDER_POSITION, 5, true},
    {"the larger orientation first",
     5,
     {{true, {0, 0, 0}, SAGITTAL, 0, 1, 0}, {true, {3, 0, 0}, SAGITTAL, 0, 2, 0}, AX(2, 3), AX(1, 4), AX(0, 5)},
     {2, 3, 4, 0, 1},
     KH_ORDER_MIXED,
     1,
     true},
    {"three views of three directions stay in order",
     3,
     {{true, {0, 0, 0}, CORONAL, 0, 2, 0}, {true, {3, 0, 0}, SAGITTAL, 0, 3, 0}, AX(2, 1)},
     {2, 0, 1},
     KH_ORDER_INSTANCE,
     0,
     false},
    /* Normal of SAGITTAL: (0,1,0) x (0,0,-1) = (-1,0,0): ascends from left to right. */
    {"sagittal along its normal",
     3,
     {{true, {0, 9, 9}, SAGITTAL, 0, 3, 0}, {true, {4, 9, 9}, SAGITTAL, 0, 2, 0}, {true, {8, 9, 9}, SAGITTAL, 0, 1, 0}},
     {2, 1, 0},
     KH_ORDER_POSITION,
     4,
     true},
    {"two phases by acquisition number, one after the other",
     6,
     {AX4(0, 1, 1, 0), AX4(0, 2, 2, 0), AX4(5, 1, 3, 0), AX4(5, 2, 4, 0), AX4(10, 1, 5, 0), AX4(10, 2, 6, 0)},
     {0, 2, 4, 1, 3, 5},
     KH_ORDER_POSITION,
     5,
     true},
    {"two echoes", 4, {AX4(0, 1, 1, 20), AX4(0, 1, 2, 80), AX4(5, 1, 3, 20), AX4(5, 1, 4, 80)}, {0, 2, 1, 3}, KH_ORDER_POSITION, 5, true},
    {"a phase that lacks a slice keeps its name",
     5,
     {AX4(0, 1, 1, 0), AX4(0, 2, 2, 0), AX4(5, 2, 3, 0), AX4(10, 1, 4, 0), AX4(10, 2, 5, 0)},
     {0, 3, 1, 2, 4},
     KH_ORDER_POSITION,
     5, /* gaps 10, 5, 5 */
     false},
    {"nothing but instance numbers tells them apart",
     4,
     {AX(0, 1), AX(5, 2), AX(0, 3), AX(5, 4)},
     {0, 1, 2, 3},
     KH_ORDER_POSITION,
     5,
     true},
    {"one slice twice does not break the pass",
     5,
     {AX(0, 1), AX(1, 2), AX(1, 9), AX(2, 3), AX(3, 4)},
     {0, 1, 3, 4, 2},
     KH_ORDER_POSITION,
     1,
     true},
    {"an acquisition number per slice is no phase",
     4,
     {AX4(0, 1, 1, 0), AX4(0, 2, 2, 0), AX4(5, 3, 3, 0), AX4(5, 4, 4, 0)},
     {0, 2, 1, 3},
     KH_ORDER_POSITION,
     5,
     true},
    {"a run at one place goes by time", 3, {AX4(0, 3, 3, 0), AX4(0, 1, 1, 0), AX4(0, 2, 2, 0)}, {1, 2, 0}, KH_ORDER_POSITION, 0, false},
    {"within 0.01 mm is one place", 4, {AX(0, 1), AX(0.009, 2), AX(5, 3), AX(5.009, 4)}, {0, 2, 1, 3}, KH_ORDER_POSITION, 5, true},
    {"0.011 mm is another", 2, {AX(0.011, 2), AX(0, 1)}, {1, 0}, KH_ORDER_POSITION, 0.011, true},
    {"same instance number: by object", 2, {NO(1), NO(1)}, {0, 1}, KH_ORDER_INSTANCE, 0, false},
    {"a vector that is not of length 1 is no geometry",
     3,
     {{true, {0, 0, 9}, {2, 0, 0, 0, 2, 0}, 0, 1, 0}, AX(1, 2), AX(0, 3)},
     {1, 2, 0},
     KH_ORDER_MIXED,
     1,
     true},
    {"rows along columns are no geometry", 1, {{true, {0, 0, 0}, {1, 0, 0, 1, 0, 0}, 0, 1, 0}}, {0}, KH_ORDER_INSTANCE, 0, false},
    {"NaN is no geometry",
     2,
     {{true, {0, 0, NAN}, AXIAL, 0, 2, 0}, {true, {0, 0, 0}, {NAN, 0, 0, 0, 1, 0}, 0, 1, 0}},
     {1, 0},
     KH_ORDER_INSTANCE,
     0,
     false},
};

static void fill(kh_order_slice *out, const row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        out[i] = (kh_order_slice){.object_index = (uint32_t)i,
                                  .object_id = (int64_t)i + 1,
                                  .has_geometry = rows[i].has,
                                  .acquisition_number = rows[i].acquisition ? rows[i].acquisition : INT32_MIN,
                                  .instance_number = rows[i].instance ? rows[i].instance : INT32_MIN,
                                  .echo_time_ms = rows[i].echo_ms};
        memcpy(out[i].position_mm, rows[i].position, sizeof out[i].position_mm);
        memcpy(out[i].orientation, rows[i].orientation, sizeof out[i].orientation);
    }
}

static void check_case(const test_case *c, kh_order_slice *slices)
{
    kh_order_result result;

    assert_ok(kh_stack_sort(slices, c->count, &result, err));
    for (size_t i = 0; i < c->count; i++)
        if (slices[i].object_index != c->expected[i])
            fail_msg("%s: place %zu has slice %u, expected %u", c->name, i, slices[i].object_index, c->expected[i]);
    if (result.order != c->order || result.even_spacing != c->even || fabs(result.spacing_mm - c->spacing_mm) > 1e-9)
        fail_msg("%s: order %d, spacing %g, even %d", c->name, (int)result.order, result.spacing_mm, result.even_spacing);
}

static void table(void **state)
{
    kh_order_slice slices[COUNT_MAX];

    (void)state;
    for (size_t i = 0; i < KH_COUNT(cases); i++) {
        fill(slices, cases[i].rows, cases[i].count);
        check_case(&cases[i], slices);
    }
}

/* Whatever order slices come in, the stack is the same. */
static void order_of_arrival_does_not_matter(void **state)
{
    unsigned seed = 1;

    (void)state;
    for (size_t i = 0; i < KH_COUNT(cases); i++)
        for (int round = 0; round < 20; round++) {
            kh_order_slice slices[COUNT_MAX];

            fill(slices, cases[i].rows, cases[i].count);
            for (size_t k = cases[i].count; k > 1; k--) {
                size_t other = (size_t)rand_r(&seed) % k;
                kh_order_slice held = slices[k - 1];

                slices[k - 1] = slices[other];
                slices[other] = held;
            }
            check_case(&cases[i], slices);
        }
}

/* Oblique: the normal decides, not one of the axes; text of a few digits leaves noise that must not split places. */
static void oblique_with_rounded_numbers(void **state)
{
    const double angle = 0.35, c = cos(angle), s = sin(angle);
    kh_order_slice slices[40];
    kh_order_result result;

    (void)state;
    for (int i = 0; i < 40; i++) {
        int n = i * 7 % 40; /* scrambled */
        double along = 1.25 * n;

        slices[i] = (kh_order_slice){.object_index = (uint32_t)n, .object_id = i + 1, .has_geometry = true,
                                     .acquisition_number = INT32_MIN, .instance_number = n + 1};
        /* row (1,0,0), column (0,c,s): normal (0,-s,c) */
        memcpy(slices[i].orientation, (double[]){1, 0, 0, 0, round(c * 1e6) / 1e6, round(s * 1e6) / 1e6}, sizeof slices[i].orientation);
        memcpy(slices[i].position_mm, (double[]){-100, round((-s * along) * 1e3) / 1e3, round((c * along) * 1e3) / 1e3},
               sizeof slices[i].position_mm);
    }
    assert_ok(kh_stack_sort(slices, 40, &result, err));
    for (uint32_t i = 0; i < 40; i++)
        assert_int_equal(slices[i].object_index, i);
    assert_true(result.even_spacing);
    assert_true(fabs(result.spacing_mm - 1.25) < 0.002);
    assert_true(fabs(slices[39].location_mm - slices[0].location_mm - 39 * 1.25) < 0.01);
}

static void frames_of_one_object(void **state)
{
    kh_order_slice slices[10];
    kh_order_result result;

    (void)state;
    for (uint32_t i = 0; i < 10; i++)
        slices[i] = (kh_order_slice){.frame = 9 - i, .object_id = 1, .acquisition_number = INT32_MIN, .instance_number = 1};
    assert_ok(kh_stack_sort(slices, 10, &result, err));
    for (uint32_t i = 0; i < 10; i++)
        assert_int_equal(slices[i].frame, i);
}

/* More orientations than are told apart: still every slice once, and quick. */
static void many_orientations(void **state)
{
    enum { COUNT = 20000 };
    kh_order_slice *slices = calloc(COUNT, sizeof *slices);
    uint8_t *seen = calloc(COUNT, 1);
    kh_order_result result;

    (void)state;
    for (int i = 0; i < COUNT; i++) {
        double a = i * 0.7;

        slices[i] = (kh_order_slice){.object_index = (uint32_t)i, .object_id = i + 1, .has_geometry = true,
                                     .acquisition_number = INT32_MIN, .instance_number = i};
        memcpy(slices[i].orientation, (double[]){cos(a), sin(a), 0, -sin(a), cos(a), 0}, sizeof slices[i].orientation);
    }
    assert_ok(kh_stack_sort(slices, COUNT, &result, err));
    for (int i = 0; i < COUNT; i++) {
        assert_false(seen[slices[i].object_index]);
        seen[slices[i].object_index] = 1;
    }
    free(slices);
    free(seen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table),
        cmocka_unit_test(order_of_arrival_does_not_matter),
        cmocka_unit_test(oblique_with_rounded_numbers),
        cmocka_unit_test(frames_of_one_object),
        cmocka_unit_test(many_orientations),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
