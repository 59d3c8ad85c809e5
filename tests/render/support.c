#include "tests/render/support.h"

#include <stdlib.h>
#include <string.h>

static void attach(test_picture *picture, size_t size)
{
    picture->size = size;
    picture->pixels = calloc(1, size);
    assert_non_null(picture->pixels);
    picture->info.format = picture->format;
    picture->slice.rescale_slope = 1.0;
    picture->source = (kh_render_source){picture->pixels, size, &picture->format, &picture->info, &picture->slice, NULL, 0};
}

void test_picture_init(test_picture *picture, uint32_t columns, uint32_t rows, uint16_t allocated, uint16_t stored,
                       bool is_signed)
{
    memset(picture, 0, sizeof *picture);
    picture->format = (kh_pixel_format){.rows = rows, .columns = columns, .samples = 1, .bits_allocated = allocated,
                                        .bits_stored = stored, .high_bit = (uint16_t)(stored - 1), .is_signed = is_signed,
                                        .photometric = KH_PHOTOMETRIC_MONOCHROME2};
    attach(picture, ((size_t)columns * rows * allocated + 7) / 8);
}

void test_picture_init_colour(test_picture *picture, uint32_t columns, uint32_t rows, kh_photometric photometric, bool planar)
{
    memset(picture, 0, sizeof *picture);
    picture->format = (kh_pixel_format){.rows = rows, .columns = columns, .samples = 3, .bits_allocated = 8, .bits_stored = 8,
                                        .high_bit = 7, .planar = planar, .photometric = photometric};
    attach(picture, (size_t)columns * rows * (photometric == KH_PHOTOMETRIC_YBR_FULL_422 ? 2 : 3));
}

void test_picture_release(test_picture *picture)
{
    free(picture->pixels);
    picture->pixels = NULL;
}

void test_picture_set_16(test_picture *picture, size_t index, uint16_t value)
{
    picture->pixels[2 * index] = (uint8_t)value;
    picture->pixels[2 * index + 1] = (uint8_t)(value >> 8);
}

void test_picture_set_window(test_picture *picture, double center, double width)
{
    picture->slice.window_count = 1;
    picture->slice.windows[0].center = center;
    picture->slice.windows[0].width = width;
}

kh_render_view test_view(const test_picture *picture)
{
    return (kh_render_view){.out_width = picture->format.columns, .out_height = picture->format.rows, .quality = 80};
}

uint8_t *test_render(const test_picture *picture, const kh_render_view *view, unsigned *channels, kh_rendered *used)
{
    kh_error err = KH_ERROR_INIT;
    kh_renderer *renderer = NULL;
    unsigned got = 0;
    kh_buf out;
    size_t size;
    uint8_t *bytes;

    kh_buf_init(&out, 1u << 30);
    assert_int_equal(kh_renderer_create(&renderer, &err), KH_OK);
    if (kh_render_pixels(renderer, &picture->source, view, &out, &got, used, &err) != KH_OK)
        fail_msg("render: %s", err.message);
    kh_renderer_free(renderer);
    if (channels)
        *channels = got;
    bytes = kh_buf_take(&out, &size);
    assert_int_equal(size, (size_t)got * (view->crop_width ? view->crop_width : view->out_width)
                               * (view->crop_width ? view->crop_height : view->out_height));
    return bytes;
}

void test_refused(const test_picture *picture, const kh_render_view *view, kh_status status, const char *words)
{
    kh_error err = KH_ERROR_INIT;
    kh_renderer *renderer = NULL;
    kh_buf out;

    kh_buf_init(&out, 1u << 30);
    assert_int_equal(kh_renderer_create(&renderer, &err), KH_OK);
    assert_int_equal(kh_render_jpeg(renderer, &picture->source, view, &out, NULL, &err), status);
    if (!strstr(err.message, words))
        fail_msg("message \"%s\", expected words \"%s\"", err.message, words);
    assert_int_equal(out.size, 0);
    kh_renderer_free(renderer);
    kh_buf_release(&out);
}

uint32_t test_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}
