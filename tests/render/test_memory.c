/* A warm renderer allocates nothing for a tile. Every allocation of this program is counted, the libraries' included: libjpeg gives its
 * pools back from picture to picture, so that a kept handle of its own, used bare on as many pixels, says how many are not ours. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <jpeglib.h>

#include "tests/render/support.h"

static atomic_uint allocations;

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);

void *malloc(size_t size)
{
    atomic_fetch_add(&allocations, 1);
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    atomic_fetch_add(&allocations, 1);
    return __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
    atomic_fetch_add(&allocations, 1);
    return __libc_realloc(old, size);
}

typedef struct tile_case {
    const char *name;
    bool colour;
    kh_render_view view;
} tile_case;

/* Of a picture of 1,000 x 700. */
static const tile_case tiles[] = {
    {"a tile at full size",
     false,
     {.out_width = 1000, .out_height = 700, .crop_x = 512, .crop_width = 488, .crop_height = 512, .quality = 80}},
    {"a tile at half the size", false, {.out_width = 500, .out_height = 350, .crop_width = 500, .crop_height = 350, .quality = 80}},
    {"a window given",
     false,
     {.out_width = 1000,
      .out_height = 700,
      .crop_width = 512,
      .crop_height = 512,
      .window_given = true,
      .window_center = 300,
      .window_width = 900,
      .quality = 80}},
    {"enlarged", false, {.x = 100, .y = 100, .width = 200, .height = 150, .out_width = 512, .out_height = 384, .quality = 80}},
    {"colour", true, {.out_width = 1000, .out_height = 700, .crop_width = 512, .crop_height = 512, .quality = 80}},
};

static unsigned allocations_of(kh_renderer *renderer, const test_picture *picture, const kh_render_view *view, kh_buf *out)
{
    unsigned before = atomic_load(&allocations);

    out->size = 0;
    assert_int_equal(kh_render_jpeg(renderer, &picture->source, view, out, NULL, NULL), KH_OK);
    return atomic_load(&allocations) - before;
}

static JOCTET bare_bytes[1 << 20];

static void bare_begin(j_compress_ptr jpeg)
{
    jpeg->dest->next_output_byte = bare_bytes;
    jpeg->dest->free_in_buffer = sizeof bare_bytes;
}

static boolean bare_full(j_compress_ptr jpeg)
{
    bare_begin(jpeg);
    return TRUE;
}

static void bare_end(j_compress_ptr jpeg)
{
    (void)jpeg;
}

/* Grey as blocks, colour at 4:2:0 from RGB. */
static unsigned allocations_of_libjpeg(j_compress_ptr jpeg)
{
    static JSAMPLE pixels[512 * 3];
    JSAMPROW rows[16];
    JSAMPARRAY planes[1] = {rows};
    unsigned before = atomic_load(&allocations);

    for (size_t i = 0; i < 16; i++)
        rows[i] = pixels;
    jpeg_start_compress(jpeg, TRUE);
    while (jpeg->next_scanline < jpeg->image_height)
        if (jpeg->raw_data_in)
            jpeg_write_raw_data(jpeg, planes, 8);
        else
            jpeg_write_scanlines(jpeg, rows, 8);
    jpeg_finish_compress(jpeg);
    return atomic_load(&allocations) - before;
}

static unsigned allocations_of_bare(const tile_case *tile)
{
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct jpeg_destination_mgr destination = {
        .init_destination = bare_begin, .empty_output_buffer = bare_full, .term_destination = bare_end};
    unsigned count;

    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg.dest = &destination;
    jpeg.image_width = tile->view.crop_width ? tile->view.crop_width : tile->view.out_width;
    jpeg.image_height = tile->view.crop_height ? tile->view.crop_height : tile->view.out_height;
    jpeg.input_components = tile->colour ? 3 : 1;
    jpeg.in_color_space = tile->colour ? JCS_RGB : JCS_GRAYSCALE;
    jpeg_set_defaults(&jpeg);
    jpeg_set_quality(&jpeg, tile->view.quality, TRUE);
    jpeg.raw_data_in = !tile->colour;
    allocations_of_libjpeg(&jpeg);
    count = allocations_of_libjpeg(&jpeg);
    jpeg_destroy_compress(&jpeg);
    return count;
}

static void a_warm_renderer_allocates_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof tiles / sizeof tiles[0]; i++) {
        kh_renderer *renderer;
        test_picture picture;
        kh_buf out;
        unsigned counted = 0, bare;

        if (tiles[i].colour)
            test_picture_init_colour(&picture, 1000, 700, KH_PHOTOMETRIC_RGB, false);
        else
            test_picture_init(&picture, 1000, 700, 16, 12, false);
        for (size_t at = 0; at < picture.size; at++)
            picture.pixels[at] = (uint8_t)(at * 7 >> 3);
        if (!tiles[i].colour)
            test_picture_set_window(&picture, 2000, 4000);
        kh_buf_init(&out, 1u << 24);
        assert_int_equal(kh_renderer_create(&renderer, NULL), KH_OK);
        for (int again = 0; again < 3; again++)
            counted = allocations_of(renderer, &picture, &tiles[i].view, &out);
        bare = allocations_of_bare(&tiles[i]);
        assert_true(bare > 0); /* they are counted */
        if (counted > bare)
            fail_msg("%s: %u allocations, libjpeg alone %u", tiles[i].name, counted, bare);
        kh_renderer_free(renderer);
        kh_buf_release(&out);
        test_picture_release(&picture);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_warm_renderer_allocates_nothing)};

    return cmocka_run_group_tests_name("render: memory", tests, NULL, NULL);
}
