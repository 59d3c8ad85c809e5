/* PNG: read back by libpng, it is the rendered picture to the bit. */
#include <png.h>
#include <stdlib.h>
#include <string.h>

#include "tests/render/support.h"

static void check(const test_picture *picture, const kh_render_view *view, unsigned expected_channels)
{
    kh_error err = KH_ERROR_INIT;
    kh_renderer *renderer = NULL;
    png_image image = {.version = PNG_IMAGE_VERSION};
    unsigned channels;
    uint8_t *expected = test_render(picture, view, &channels, NULL), *got;
    size_t size = (size_t)view->out_width * view->out_height * channels;
    kh_rendered used;
    kh_buf out;

    assert_int_equal(channels, expected_channels);
    kh_buf_init(&out, 1u << 24);
    assert_int_equal(kh_renderer_create(&renderer, &err), KH_OK);
    if (kh_render_png(renderer, &picture->source, view, &out, &used, &err) != KH_OK)
        fail_msg("%s", err.message);
    assert_true(png_image_begin_read_from_memory(&image, out.data, out.size));
    assert_int_equal(image.width, view->out_width);
    assert_int_equal(image.height, view->out_height);
    assert_int_equal(image.format, channels == 3 ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY); /* 8 bits, no alpha */
    got = malloc(size);
    assert_true(png_image_finish_read(&image, NULL, got, 0, NULL));
    assert_memory_equal(got, expected, size);
    free(got);
    free(expected);
    kh_renderer_free(renderer);
    kh_buf_release(&out);
}

static void grey_and_colour_come_back(void **state)
{
    static const uint32_t sides[][2] = {{1, 1}, {64, 48}, {200, 7}};
    uint32_t seed = 3;

    (void)state;
    for (size_t n = 0; n < sizeof sides / sizeof sides[0]; n++) {
        test_picture grey, colour;
        kh_render_view view = {.out_width = sides[n][0], .out_height = sides[n][1]};

        test_picture_init(&grey, 64, 48, 16, 12, false);
        test_picture_init_colour(&colour, 64, 48, KH_PHOTOMETRIC_RGB, false);
        for (size_t i = 0; i < grey.size; i++)
            grey.pixels[i] = (uint8_t)test_random(&seed);
        for (size_t i = 0; i < colour.size; i++)
            colour.pixels[i] = (uint8_t)test_random(&seed);
        check(&grey, &view, 1);
        check(&colour, &view, 3);
        test_picture_release(&grey);
        test_picture_release(&colour);
    }
}

static void a_limit_leaves_the_buffer_as_it_was(void **state)
{
    kh_error err = KH_ERROR_INIT;
    kh_renderer *renderer = NULL;
    test_picture picture;
    kh_render_view view;
    kh_buf out;

    (void)state;
    test_picture_init(&picture, 64, 48, 16, 12, false);
    view = test_view(&picture);
    kh_buf_init(&out, 60);
    assert_int_equal(kh_buf_append_text(&out, "before", &err), KH_OK);
    assert_int_equal(kh_renderer_create(&renderer, &err), KH_OK);
    assert_int_equal(kh_render_png(renderer, &picture.source, &view, &out, NULL, &err), KH_E_LIMIT);
    assert_int_equal(out.size, 6);
    assert_string_equal(kh_buf_text(&out), "before");
    kh_renderer_free(renderer);
    kh_buf_release(&out);
    test_picture_release(&picture);
}

static void a_view_that_cannot_be_is_refused(void **state)
{
    kh_error err = KH_ERROR_INIT;
    kh_renderer *renderer = NULL;
    test_picture picture;
    kh_render_view view = {.out_width = 8193, .out_height = 1};
    kh_buf out;

    (void)state;
    test_picture_init(&picture, 64, 48, 16, 12, false);
    kh_buf_init(&out, 1000);
    assert_int_equal(kh_renderer_create(&renderer, &err), KH_OK);
    assert_int_equal(kh_render_png(renderer, &picture.source, &view, &out, NULL, &err), KH_E_ARG);
    kh_renderer_free(renderer);
    kh_buf_release(&out);
    test_picture_release(&picture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grey_and_colour_come_back),
        cmocka_unit_test(a_limit_leaves_the_buffer_as_it_was),
        cmocka_unit_test(a_view_that_cannot_be_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
