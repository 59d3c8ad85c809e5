/* A CT slice of ours costs the network what a scanner's does: 30 to 34 KB as JPEG of quality 80 in the file's own
 * window. Counted through the renderer that makes the tiles. */
#include <stdlib.h>
#include "phantom/images.h"
#include "tests/cmocka_all.h"
#include "viewer/render/render.h"

#define SLICES 32

static void test_mean_size(void **state)
{
    const kh_pixel_format format = {.rows = PH_CT_SIZE,
                                    .columns = PH_CT_SIZE,
                                    .samples = 1,
                                    .bits_allocated = 16,
                                    .bits_stored = 12,
                                    .high_bit = 11,
                                    .photometric = KH_PHOTOMETRIC_MONOCHROME2};
    kh_slice_info slice = {.rescale_slope = 1,
                           .rescale_intercept = PH_CT_INTERCEPT,
                           .window_count = 1,
                           .windows = {{.center = 40, .width = 400}}};
    kh_image_info info = {.format = format, .frame_count = 1, .slice_count = 1, .slices = &slice};
    const kh_render_view view = {.out_width = PH_CT_SIZE, .out_height = PH_CT_SIZE, .quality = 80};
    kh_error err = KH_ERROR_INIT;
    kh_renderer *renderer = NULL;
    double total = 0;
    ph_worker worker;
    ph_body body;
    kh_buf jpeg;

    (void)state;
    kh_buf_init(&jpeg, 1 << 20);
    assert_int_equal(ph_body_build(&body, 1, 6, &err), KH_OK);
    assert_int_equal(ph_worker_init(&worker, &err), KH_OK);
    assert_int_equal(kh_renderer_create(&renderer, &err), KH_OK);
    for (int i = 0; i < SLICES; i++) {
        float z = PH_BODY_BOTTOM_MM + PH_BODY_HEIGHT_MM * ((float)i + 0.5f) / SLICES;
        kh_render_source source = {
            .size = sizeof(uint16_t) * PH_CT_SIZE * PH_CT_SIZE, .format = &format, .info = &info, .slice = &slice};

        ph_ct_pixels(&worker, &body, z, KH_PHANTOM_NOISE_SD_HU, (uint64_t)i, NULL);
        source.pixels = (const uint8_t *)worker.pixels;
        kh_buf_clear(&jpeg);
        if (kh_render_jpeg(renderer, &source, &view, &jpeg, NULL, &err) != KH_OK)
            fail_msg("%s", err.message);
        total += (double)jpeg.size;
    }
    print_message("mean slice: %.0f bytes\n", total / SLICES);
    assert_true(total / SLICES > 30000 && total / SLICES < 34000);
    kh_renderer_free(renderer);
    ph_worker_release(&worker);
    ph_body_release(&body);
    kh_buf_release(&jpeg);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_mean_size)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
