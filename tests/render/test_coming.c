/* Pictures drawn while their frame comes: to the byte those of the frame that is there. */
#include <stdlib.h>
#include <string.h>

#include "tests/render/support.h"

#define PLACE 0xEE /* what stands where no pixel has come */

typedef enum kind { UNSIGNED_12, SIGNED_16, PADDED, BYTES, RGB, DEEP, INVERSE } kind;

static void make(test_picture *p, kind which, uint32_t columns, uint32_t rows)
{
    uint32_t seed = 11 + (uint32_t)which;

    if (which == RGB)
        test_picture_init_colour(p, columns, rows, KH_PHOTOMETRIC_RGB, false);
    else if (which == DEEP)
        test_picture_init(p, columns, rows, 32, 20, false);
    else
        test_picture_init(p, columns, rows, which == BYTES ? 8 : 16, which == BYTES ? 8 : which == SIGNED_16 ? 16 : 12, which == SIGNED_16);
    for (size_t i = 0; i < p->size; i++)
        p->pixels[i] = (uint8_t)(test_random(&seed) >> 9);
    if (which == PADDED) {
        p->info.has_padding = true;
        p->info.padding_low = 100;
        p->info.padding_high = 900;
    }
    p->info.inverse = which == INVERSE;
    if (which != RGB)
        test_picture_set_window(p, which == BYTES ? 100 : which == DEEP ? 500000 : 2000,
                                which == BYTES ? 180 : which == DEEP ? 900000 : 3000);
}

static void jpeg_of(kh_buf *out, const test_picture *p, const kh_render_view *view, kh_rendered *used)
{
    kh_error err = KH_ERROR_INIT;
    kh_renderer *renderer;

    kh_buf_init(out, 1u << 24);
    assert_int_equal(kh_renderer_create(&renderer, &err), KH_OK);
    assert_int_equal(kh_render_jpeg(renderer, &p->source, view, out, used, &err), KH_OK);
    kh_renderer_free(renderer);
}

/* Bytes of the frame that had come when the picture was whole. */
static size_t draw_coming(kh_renderer *renderer, const test_picture *p, const kh_render_view *view, size_t step, kh_buf *out,
                          kh_rendered *used)
{
    uint8_t *place = malloc(p->size);
    kh_render_source source = p->source;
    kh_error err = KH_ERROR_INIT;
    size_t come = 0;
    bool whole = false;

    assert_non_null(place);
    memset(place, PLACE, p->size);
    source.pixels = place;
    assert_true(kh_render_coming_begin(renderer, &source, view));
    while (!whole) {
        size_t more = p->size - come < step ? p->size - come : step;

        assert_true(more > 0);
        memcpy(place + come, p->pixels + come, more);
        come += more;
        whole = kh_render_coming_rows(renderer, come);
    }
    assert_int_equal(kh_render_coming_encode(renderer, out, used, &err), KH_OK);
    free(place);
    return come;
}

static void compare(kh_renderer *renderer, const test_picture *p, const kh_render_view *view, const char *name)
{
    static const size_t steps[] = {1u << 30, 997, 4001};
    kh_rendered expected_used, used;
    kh_buf expected;

    jpeg_of(&expected, p, view, &expected_used);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        kh_buf got;

        kh_buf_init(&got, 1u << 24);
        draw_coming(renderer, p, view, steps[i], &got, &used);
        if (got.size != expected.size || memcmp(got.data, expected.data, got.size) != 0)
            fail_msg("%s, in pieces of %zu: another picture", name, steps[i]);
        assert_true(used.window_center == expected_used.window_center && used.window_width == expected_used.window_width);
        assert_true(used.width == expected_used.width && used.height == expected_used.height && used.channels == expected_used.channels);
        assert_false(used.window_from_pixels);
        kh_buf_release(&got);
    }
    kh_buf_release(&expected);
}

static void test_same_pictures(void **state)
{
    static const struct {
        const char *name;
        kind which;
        uint32_t columns, rows, out_width, out_height;
    } cases[] = {
        {"a quarter", UNSIGNED_12, 203, 157, 51, 40}, {"half", SIGNED_16, 128, 96, 64, 48},    {"padding", PADDED, 150, 99, 38, 25},
        {"bytes", BYTES, 91, 140, 40, 61},            {"colour", RGB, 77, 60, 20, 15},         {"deep", DEEP, 64, 50, 16, 13},
        {"inverse", INVERSE, 80, 80, 33, 20},         {"larger", UNSIGNED_12, 31, 29, 60, 57}, {"wider only", BYTES, 40, 33, 71, 33},
    };
    kh_error err = KH_ERROR_INIT;
    kh_renderer *renderer; /* one after the other: nothing is left of the one before */

    (void)state;
    assert_int_equal(kh_renderer_create(&renderer, &err), KH_OK);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        kh_render_view view;
        test_picture p;

        make(&p, cases[i].which, cases[i].columns, cases[i].rows);
        view = test_view(&p);
        view.out_width = cases[i].out_width;
        view.out_height = cases[i].out_height;
        view.quality = 90;
        compare(renderer, &p, &view, cases[i].name);
        view.crop_x = view.out_width / 3;
        view.crop_y = view.out_height / 4;
        view.crop_width = view.crop_height = 7;
        view.invert = true;
        compare(renderer, &p, &view, cases[i].name);
        view = (kh_render_view){.x = 5, .y = 9, .width = 20, .height = 18, .out_width = 9, .out_height = 8, .quality = 75};
        compare(renderer, &p, &view, cases[i].name);
        test_picture_release(&p);
    }
    kh_renderer_free(renderer);
}

/* The upper part needs the upper rows: 25 of 100. */
static void test_no_more_is_waited_for(void **state)
{
    kh_error err = KH_ERROR_INIT;
    kh_renderer *renderer;
    kh_rendered used;
    test_picture p;
    kh_render_view view;
    kh_buf got;

    (void)state;
    kh_buf_init(&got, 1u << 24);
    make(&p, UNSIGNED_12, 60, 100);
    view = test_view(&p);
    view.out_width = 30;
    view.out_height = 50;
    view.crop_width = 30;
    view.crop_height = 12;
    view.quality = 80;
    assert_int_equal(kh_renderer_create(&renderer, &err), KH_OK);
    assert_int_equal(draw_coming(renderer, &p, &view, 120, &got, &used), 24 * 120);
    kh_buf_release(&got);
    kh_renderer_free(renderer);
    test_picture_release(&p);
}

static void test_what_waits_for_the_frame(void **state)
{
    kh_error err = KH_ERROR_INIT;
    kh_renderer *renderer;
    kh_render_view view;
    test_picture p;

    (void)state;
    assert_int_equal(kh_renderer_create(&renderer, &err), KH_OK);
    make(&p, UNSIGNED_12, 60, 40);
    view = test_view(&p);
    view.quality = 80;
    assert_false(kh_render_coming_begin(renderer, &p.source, &view)); /* at its own size */
    view.out_width = 30;
    assert_true(kh_render_coming_begin(renderer, &p.source, &view));
    view.quality = 0;
    assert_false(kh_render_coming_begin(renderer, &p.source, &view));
    view.quality = 80;
    p.slice.window_count = 0; /* its window comes from the pixels */
    assert_false(kh_render_coming_begin(renderer, &p.source, &view));
    view.window_given = true;
    view.window_center = view.window_width = 900;
    assert_true(kh_render_coming_begin(renderer, &p.source, &view));
    test_picture_release(&p);
    test_picture_init_colour(&p, 60, 40, KH_PHOTOMETRIC_RGB, true); /* plane after plane */
    assert_false(kh_render_coming_begin(renderer, &p.source, &view));
    test_picture_release(&p);
    kh_renderer_free(renderer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_pictures),
        cmocka_unit_test(test_no_more_is_waited_for),
        cmocka_unit_test(test_what_waits_for_the_frame),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
