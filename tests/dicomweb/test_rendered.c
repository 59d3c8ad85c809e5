/* What a query may ask of a picture, and which pixels it means: both sides of every limit. */
#include <math.h>
#include <string.h>
#include "tests/cmocka_all.h"
#include "viewer/dicomweb/rendered.h"

typedef struct text_case {
    const char *name, *text;
    kh_status expected;
} text_case;

static void viewports(void **state)
{
    static const struct {
        text_case c;
        bool only_size;
        uint32_t width, height;
        double region[4];
    } cases[] = {
        {{"a size", "100,50", KH_OK}, false, 100, 50, {0, 0, 0, 0}},
        {{"a region", "100,50,1,2,30,40", KH_OK}, false, 100, 50, {1, 2, 30, 40}},
        {{"mirrored", "100,50,1,2,-30,-40", KH_OK}, false, 100, 50, {1, 2, -30, -40}},
        {{"defaults of a region", "100,50,,,30,", KH_OK}, false, 100, 50, {0, 0, 30, 0}},
        {{"parts of pixels", "100,50,0.5,1.5,30.25,1e1", KH_OK}, false, 100, 50, {0.5, 1.5, 30.25, 10}},
        {{"the smallest", "1,1", KH_OK}, false, 1, 1, {0, 0, 0, 0}},
        {{"the largest", "4096,4096", KH_OK}, false, 4096, 4096, {0, 0, 0, 0}},
        {{"a thumbnail's", "64,64", KH_OK}, true, 64, 64, {0, 0, 0, 0}},
        {{"too wide", "4097,1", KH_E_ARG}, false, 0, 0, {0}},
        {{"too high", "1,4097", KH_E_ARG}, false, 0, 0, {0}},
        {{"a hundred thousand", "100000,100000", KH_E_ARG}, false, 0, 0, {0}},
        {{"nothing wide", "0,1", KH_E_ARG}, false, 0, 0, {0}},
        {{"nothing high", "1,0", KH_E_ARG}, false, 0, 0, {0}},
        {{"negative", "-1,1", KH_E_ARG}, false, 0, 0, {0}},
        {{"a fraction", "1.5,1", KH_E_ARG}, false, 0, 0, {0}},
        {{"one number", "1", KH_E_ARG}, false, 0, 0, {0}},
        {{"three numbers", "1,1,1", KH_E_ARG}, false, 0, 0, {0}},
        {{"five numbers", "1,1,1,1,1", KH_E_ARG}, false, 0, 0, {0}},
        {{"seven numbers", "1,1,1,1,1,1,1", KH_E_ARG}, false, 0, 0, {0}},
        {{"empty", "", KH_E_ARG}, false, 0, 0, {0}},
        {{"no number", "a,b", KH_E_ARG}, false, 0, 0, {0}},
        {{"hexadecimal", "0x10,1", KH_E_ARG}, false, 0, 0, {0}},
        {{"infinite", "inf,1", KH_E_ARG}, false, 0, 0, {0}},
        {{"not a number", "nan,1", KH_E_ARG}, false, 0, 0, {0}},
        {{"a region that begins before the picture", "1,1,-1,0,1,1", KH_E_ARG}, false, 0, 0, {0}},
        {{"or above it", "1,1,0,-1,1,1", KH_E_ARG}, false, 0, 0, {0}},
        {{"a region without width", "1,1,0,0,0,1", KH_E_ARG}, false, 0, 0, {0}},
        {{"a region without height", "1,1,0,0,1,0", KH_E_ARG}, false, 0, 0, {0}},
        {{"a thumbnail's region", "64,64,0,0,1,1", KH_E_ARG}, true, 0, 0, {0}},
        {{"thirty-two digits", "00000000000000000000000000000001,1", KH_E_ARG}, false, 0, 0, {0}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        kh_error err = KH_ERROR_INIT;
        kh_rendered_wish wish = {0};

        if (kh_rendered_parse_viewport(&wish, cases[i].c.text, 4096, cases[i].only_size, &err) != cases[i].c.expected)
            fail_msg("%s: %s", cases[i].c.name, err.message);
        if (cases[i].c.expected != KH_OK) {
            assert_non_null(strstr(err.message, "viewport"));
            continue;
        }
        assert_int_equal(wish.viewport_width, cases[i].width);
        assert_int_equal(wish.viewport_height, cases[i].height);
        if (wish.x != cases[i].region[0] || wish.y != cases[i].region[1] || wish.width != cases[i].region[2] ||
            wish.height != cases[i].region[3])
            fail_msg("%s: region %g,%g,%g,%g", cases[i].c.name, wish.x, wish.y, wish.width, wish.height);
    }
}

static void windows(void **state)
{
    static const text_case cases[] = {
        {"linear", "40,400,linear", KH_OK},
        {"exact", "40.5,0.001,linear-exact", KH_OK},
        {"sigmoid", "-1e3,1.5e2,sigmoid", KH_OK},
        {"the smallest linear", "0,1,linear", KH_OK},
        {"below it", "0,0.999,linear", KH_E_ARG},
        {"no exact width", "0,0,linear-exact", KH_E_ARG},
        {"a negative one", "0,-1,sigmoid", KH_E_ARG},
        {"no function", "40,400", KH_E_ARG},
        {"an empty function", "40,400,", KH_E_ARG},
        {"another function", "40,400,cubic", KH_E_ARG},
        {"another case", "40,400,LINEAR", KH_E_ARG},
        {"no center", ",400,linear", KH_E_ARG},
        {"no width", "40,,linear", KH_E_ARG},
        {"center alone", "40", KH_E_ARG},
        {"four values", "40,400,linear,1", KH_E_ARG},
        {"empty", "", KH_E_ARG},
        {"too far", "1e10,400,linear", KH_E_ARG},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        kh_error err = KH_ERROR_INIT;
        kh_rendered_wish wish = {0};

        if (kh_rendered_parse_window(&wish, cases[i].text, &err) != cases[i].expected)
            fail_msg("%s: %s", cases[i].name, err.message);
        if (cases[i].expected != KH_OK)
            assert_non_null(strstr(err.message, "window"));
    }
}

static void annotations(void **state)
{
    static const struct {
        text_case c;
        bool patient, technique;
        const char *warning;
    } cases[] = {
        {{"one", "patient", KH_OK}, true, false, ""},
        {{"both", "technique,patient", KH_OK}, true, true, ""},
        {{"another", "patient,weather", KH_OK}, true, false, "299 /dicomweb: The following annotation values are not supported: weather"},
        {{"two others", "a,b", KH_OK}, false, false, "299 /dicomweb: The following annotation values are not supported: a,b"},
        {{"what breaks a line", "a\r\nX: y", KH_OK},
         false,
         false,
         "299 /dicomweb: The following annotation values are not supported: a??X:?y"},
        {{"an empty one", "patient,,technique", KH_E_ARG}, false, false, NULL},
        {{"an empty one first", ",patient", KH_E_ARG}, false, false, NULL},
        {{"an empty one last", "patient,", KH_E_ARG}, false, false, NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        kh_error err = KH_ERROR_INIT;
        kh_rendered_wish wish = {0};

        assert_int_equal(kh_rendered_parse_annotation(&wish, "annotation", cases[i].c.text, &err), cases[i].c.expected);
        if (cases[i].c.expected != KH_OK)
            continue;
        assert_int_equal(wish.patient, cases[i].patient);
        assert_int_equal(wish.technique, cases[i].technique);
        assert_string_equal(wish.warnings[0], cases[i].warning);
    }
}

static void views(void **state)
{
    static const struct {
        const char *name;
        kh_rendered_wish wish;
        uint32_t rows, columns;
        double aspect;
        kh_status expected;
        uint32_t region[4], width, height; /* x, y, width, height */
        bool mirror_x, mirror_y;
    } cases[] = {
        {"as it is", {0}, 100, 200, 1, KH_OK, {0, 0, 200, 100}, 200, 100, false, false},
        {"flat pixels", {0}, 100, 200, 0.5, KH_OK, {0, 0, 200, 100}, 400, 100, false, false},
        {"high pixels", {0}, 100, 200, 2, KH_OK, {0, 0, 200, 100}, 200, 200, false, false},
        {"smaller", {.viewport_width = 50, .viewport_height = 50}, 100, 200, 1, KH_OK, {0, 0, 200, 100}, 50, 25, false, false},
        {"larger", {.viewport_width = 400, .viewport_height = 300}, 100, 200, 1, KH_OK, {0, 0, 200, 100}, 400, 200, false, false},
        {"bound in width", {.viewport_width = 100}, 100, 200, 1, KH_OK, {0, 0, 200, 100}, 100, 50, false, false},
        {"bound in height", {.viewport_height = 50}, 100, 200, 1, KH_OK, {0, 0, 200, 100}, 100, 50, false, false},
        {"a line stays one", {.viewport_width = 10, .viewport_height = 10}, 1, 10000, 1, KH_OK, {0, 0, 10000, 1}, 10, 1, false, false},
        {"a region",
         {.viewport_width = 60, .viewport_height = 80, .region_given = true, .x = 1, .y = 2, .width = 30, .height = 40},
         100,
         200,
         1,
         KH_OK,
         {1, 2, 30, 40},
         60,
         80,
         false,
         false},
        {"mirrored",
         {.viewport_width = 30, .viewport_height = 40, .region_given = true, .x = 1, .y = 2, .width = -30, .height = -40},
         100,
         200,
         1,
         KH_OK,
         {1, 2, 30, 40},
         30,
         40,
         true,
         true},
        {"to the edge",
         {.viewport_width = 199, .viewport_height = 98, .region_given = true, .x = 1, .y = 2},
         100,
         200,
         1,
         KH_OK,
         {1, 2, 199, 98},
         199,
         98,
         false,
         false},
        {"over the edge",
         {.viewport_width = 10, .viewport_height = 10, .region_given = true, .x = 190, .y = 90, .width = 1e9, .height = -1e9},
         100,
         200,
         1,
         KH_OK,
         {190, 90, 10, 10},
         10,
         10,
         false,
         true},
        {"the last pixel",
         {.viewport_width = 1, .viewport_height = 1, .region_given = true, .x = 199, .y = 99, .width = 1, .height = 1},
         100,
         200,
         1,
         KH_OK,
         {199, 99, 1, 1},
         1,
         1,
         false,
         false},
        {"one to the right of it",
         {.viewport_width = 1, .viewport_height = 1, .region_given = true, .x = 200, .y = 99, .width = 1, .height = 1},
         100,
         200,
         1,
         KH_E_ARG,
         {0},
         0,
         0,
         false,
         false},
        {"one below it",
         {.viewport_width = 1, .viewport_height = 1, .region_given = true, .x = 199, .y = 100, .width = 1, .height = 1},
         100,
         200,
         1,
         KH_E_ARG,
         {0},
         0,
         0,
         false,
         false},
        {"parts of the frame",
         {.region_given = true, .region_relative = true, .x = 0.25, .y = 0.5, .width = 0.5, .height = 0.5},
         100,
         200,
         1,
         KH_OK,
         {50, 50, 100, 50},
         100,
         50,
         false,
         false},
        {"a frame larger than may be", {0}, 60000, 30000, 1, KH_OK, {0, 0, 30000, 60000}, 4096, 8192, false, false},
        {"a picture of too many pixels", {.viewport_width = 8192, .viewport_height = 8192}, 100, 100, 1, KH_E_ARG, {0}, 0, 0, false, false},
        {"the most pixels",
         {.viewport_width = 5792, .viewport_height = 5792},
         100,
         100,
         1,
         KH_OK,
         {0, 0, 100, 100},
         5792,
         5792,
         false,
         false},
        {"a narrow strip grown without bound", {.viewport_width = 1000}, 10000, 1, 1, KH_E_ARG, {0}, 0, 0, false, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        kh_error err = KH_ERROR_INIT;
        kh_rendered_view view;

        if (kh_rendered_choose_view(&view, &cases[i].wish, cases[i].rows, cases[i].columns, cases[i].aspect, &err) != cases[i].expected)
            fail_msg("%s: %s", cases[i].name, err.message);
        if (cases[i].expected != KH_OK)
            continue;
        if (view.render.x != cases[i].region[0] || view.render.y != cases[i].region[1] || view.render.width != cases[i].region[2] ||
            view.render.height != cases[i].region[3] || view.render.out_width != cases[i].width ||
            view.render.out_height != cases[i].height || view.mirror_x != cases[i].mirror_x || view.mirror_y != cases[i].mirror_y)
            fail_msg("%s: %u,%u %ux%u to %ux%u", cases[i].name, view.render.x, view.render.y, view.render.width, view.render.height,
                     view.render.out_width, view.render.out_height);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(viewports), cmocka_unit_test(windows), cmocka_unit_test(annotations), cmocka_unit_test(views),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
