/* The JPEG that leaves the house, read back by a decoder. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <turbojpeg.h>

#include "tests/render/support.h"
#include "viewer/render/jpeg.h"

typedef struct decoded {
    int width, height, sampling, space;
    double mean[3], worst; /* of samples; worst is the largest difference to the picture before encoding */
} decoded;

static void render_both(const test_picture *picture, const kh_render_view *view, kh_buf *jpeg, kh_buf *plain, unsigned *channels)
{
    kh_error err = KH_ERROR_INIT;
    kh_renderer *renderer = NULL;

    kh_buf_init(jpeg, 1u << 28);
    kh_buf_init(plain, 1u << 28);
    assert_int_equal(kh_renderer_create(&renderer, &err), KH_OK);
    assert_int_equal(kh_render_jpeg(renderer, &picture->source, view, jpeg, NULL, &err), KH_OK);
    assert_int_equal(kh_render_pixels(renderer, &picture->source, view, plain, channels, NULL, &err), KH_OK);
    kh_renderer_free(renderer);
}

static void decode(decoded *out, const test_picture *picture, const kh_render_view *view)
{
    tjhandle handle = tjInitDecompress();
    unsigned channels;
    kh_buf jpeg, plain;
    uint8_t *bytes;

    memset(out, 0, sizeof *out);
    render_both(picture, view, &jpeg, &plain, &channels);
    assert_int_equal(tjDecompressHeader3(handle, jpeg.data, jpeg.size, &out->width, &out->height, &out->sampling, &out->space), 0);
    bytes = malloc(plain.size);
    assert_non_null(bytes);
    assert_int_equal((size_t)out->width * (size_t)out->height * channels, plain.size);
    assert_int_equal(tjDecompress2(handle, jpeg.data, jpeg.size, bytes, out->width, 0, out->height,
                                   channels == 1 ? TJPF_GRAY : TJPF_RGB, TJFLAG_ACCURATEDCT), 0);
    for (size_t i = 0; i < plain.size; i++) {
        out->mean[i % channels] += bytes[i] * (double)channels / (double)plain.size;
        out->worst = fmax(out->worst, abs(bytes[i] - plain.data[i]));
    }
    free(bytes);
    tjDestroy(handle);
    kh_buf_release(&jpeg);
    kh_buf_release(&plain);
}

static void make_ramp(test_picture *picture, uint32_t columns, uint32_t rows)
{
    test_picture_init(picture, columns, rows, 16, 12, false);
    for (uint32_t i = 0; i < columns * rows; i++)
        test_picture_set_16(picture, i, (uint16_t)((i % columns + i / columns) * 4000 / (columns + rows)));
    test_picture_set_window(picture, 2048, 4096);
}

static void grey_reads_back(void **state)
{
    static const struct {
        uint32_t width, height;
        int quality;
        double worst;
    } cases[] = {{64, 48, 80, 6}, {64, 48, 100, 2}, {33, 65, 95, 4}, {1, 1, 80, 6}, {512, 3, 50, 12}, {7, 300, 1, 255}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        test_picture picture;
        kh_render_view view = {.out_width = cases[i].width, .out_height = cases[i].height, .quality = cases[i].quality};
        decoded out;

        make_ramp(&picture, 64, 48);
        decode(&out, &picture, &view);
        assert_int_equal(out.width, cases[i].width);
        assert_int_equal(out.height, cases[i].height);
        assert_int_equal(out.space, TJCS_GRAY);
        assert_true(out.worst <= cases[i].worst);
        if (cases[i].width > 1 && cases[i].quality > 1)
            assert_true(fabs(out.mean[0] - 55 * 4000.0 / 112 * 255 / 4095) < 2);
        test_picture_release(&picture);
    }
}

static void colour_reads_back_with_the_sampling_of_its_quality(void **state)
{
    static const struct {
        int quality, sampling;
    } cases[] = {{80, TJSAMP_420}, {89, TJSAMP_420}, {90, TJSAMP_444}, {100, TJSAMP_444}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        test_picture picture;
        kh_render_view view;
        decoded out;

        test_picture_init_colour(&picture, 40, 30, KH_PHOTOMETRIC_RGB, false);
        for (size_t k = 0; k < picture.size; k += 3) {
            picture.pixels[k] = 200;
            picture.pixels[k + 1] = 100;
            picture.pixels[k + 2] = 40;
        }
        view = test_view(&picture);
        view.quality = cases[i].quality;
        decode(&out, &picture, &view);
        assert_int_equal(out.sampling, cases[i].sampling);
        assert_true(fabs(out.mean[0] - 200) < 3 && fabs(out.mean[1] - 100) < 3 && fabs(out.mean[2] - 40) < 3);
        test_picture_release(&picture);
    }
}

/* The same picture by TurboJPEG: sides on both sides of a block's and a stripe's. */
static void the_bytes_are_those_of_turbojpeg(void **state)
{
    static const struct {
        uint32_t width, height;
        unsigned channels;
        int quality;
    } cases[] = {{512, 512, 1, 80}, {8, 8, 1, 80},  {7, 8, 1, 80},   {9, 8, 1, 80},    {8, 7, 1, 80},   {8, 9, 1, 80},  {1, 1, 1, 1},
                 {65, 33, 1, 100},  {512, 3, 1, 5}, {40, 30, 3, 80}, {33, 17, 3, 89}, {33, 17, 3, 90}, {1, 1, 3, 100}, {512, 512, 1, 80}};
    tjhandle handle = tjInitCompress();
    kh_jpeg_encoder encoder;
    kh_error err = KH_ERROR_INIT;

    (void)state;
    assert_int_equal(kh_jpeg_encoder_init(&encoder, &err), KH_OK);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t size = (size_t)cases[i].width * cases[i].height * cases[i].channels;
        int sampling = cases[i].channels == 1 ? TJSAMP_GRAY : cases[i].quality < 90 ? TJSAMP_420 : TJSAMP_444;
        uint8_t *pixels = malloc(size), *expected = NULL;
        unsigned long expected_size = 0;
        kh_buf out;

        assert_non_null(pixels);
        for (size_t k = 0; k < size; k++)
            pixels[k] = (uint8_t)(k * 2654435761u >> 27) + (uint8_t)(k % 199);
        kh_buf_init(&out, 1u << 24);
        assert_int_equal(kh_jpeg_encode(&encoder, pixels, cases[i].width, cases[i].height, cases[i].channels, cases[i].quality, &out,
                                        &err), KH_OK);
        assert_int_equal(tjCompress2(handle, pixels, (int)cases[i].width, 0, (int)cases[i].height,
                                     cases[i].channels == 1 ? TJPF_GRAY : TJPF_RGB, &expected, &expected_size, sampling,
                                     cases[i].quality, TJFLAG_ACCURATEDCT), 0);
        assert_int_equal(out.size, expected_size);
        assert_memory_equal(out.data, expected, expected_size);
        tjFree(expected);
        kh_buf_release(&out);
        free(pixels);
    }
    kh_jpeg_encoder_release(&encoder);
    tjDestroy(handle);
}

/* What goes to the encoder stripe by stripe is what the whole picture is: parts of it, of every form, at their own size. */
static void stripes_are_the_picture(void **state)
{
    static const uint32_t crops[][4] = {{0, 0, 40, 30}, {0, 0, 8, 8}, {3, 5, 17, 9}, {39, 29, 1, 1}, {0, 16, 40, 14}};

    (void)state;
    for (size_t i = 0; i < 4 * sizeof crops / sizeof crops[0]; i++) {
        const uint32_t *crop = crops[i / 4];
        test_picture picture;
        kh_render_view view;
        kh_buf jpeg, plain, whole;
        kh_jpeg_encoder encoder;
        kh_error err = KH_ERROR_INIT;
        unsigned channels;

        if (i % 4 == 0)
            test_picture_init_colour(&picture, 40, 30, KH_PHOTOMETRIC_RGB, false);
        else
            test_picture_init(&picture, 40, 30, i % 4 == 1 ? 8 : 16, i % 4 == 1 ? 8 : 12, i % 4 == 2);
        for (size_t k = 0; k < picture.size; k++)
            picture.pixels[k] = (uint8_t)(k * 2654435761u >> 25);
        view = test_view(&picture);
        view.quality = 80;
        view.crop_x = crop[0];
        view.crop_y = crop[1];
        view.crop_width = crop[2];
        view.crop_height = crop[3];
        render_both(&picture, &view, &jpeg, &plain, &channels);
        kh_buf_init(&whole, 1u << 20);
        assert_int_equal(kh_jpeg_encoder_init(&encoder, &err), KH_OK);
        assert_int_equal(kh_jpeg_encode(&encoder, plain.data, crop[2], crop[3], channels, 80, &whole, &err), KH_OK);
        assert_int_equal(jpeg.size, whole.size);
        assert_memory_equal(jpeg.data, whole.data, whole.size);
        kh_jpeg_encoder_release(&encoder);
        kh_buf_release(&whole);
        kh_buf_release(&jpeg);
        kh_buf_release(&plain);
        test_picture_release(&picture);
    }
}

/* A buffer that is full ends the picture with its error, and the encoder serves the next one. */
static void a_full_buffer_is_an_error_and_nothing_more(void **state)
{
    static uint8_t pixels[256 * 256];
    kh_jpeg_encoder encoder;
    kh_error err = KH_ERROR_INIT;
    kh_buf small, large;

    (void)state;
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)(i * 2654435761u >> 24);
    kh_buf_init(&small, 20000);
    kh_buf_init(&large, 1u << 20);
    assert_int_equal(kh_jpeg_encoder_init(&encoder, &err), KH_OK);
    assert_int_equal(kh_jpeg_encode(&encoder, pixels, 256, 256, 1, 95, &small, &err), KH_E_LIMIT);
    err = (kh_error)KH_ERROR_INIT;
    assert_int_equal(kh_jpeg_encode(&encoder, pixels, 256, 256, 1, 95, &large, &err), KH_OK);
    assert_true(large.size > 20000);
    kh_jpeg_encoder_release(&encoder);
    kh_buf_release(&small);
    kh_buf_release(&large);
}

static void a_large_picture_leaves_no_memory_behind(void **state)
{
    kh_render_view view = {.out_width = 3000, .out_height = 2500, .quality = 30};
    test_picture picture;
    decoded out;

    (void)state;
    make_ramp(&picture, 64, 48);
    decode(&out, &picture, &view);
    assert_int_equal(out.width, 3000);
    assert_int_equal(out.height, 2500);
    test_picture_release(&picture);
}

static void noise_fits_the_buffer_at_every_quality(void **state)
{
    test_picture picture;
    uint32_t seed = 5;

    (void)state;
    test_picture_init(&picture, 123, 77, 8, 8, false);
    for (size_t i = 0; i < picture.size; i++)
        picture.pixels[i] = test_random(&seed) & 1 ? 255 : 0;
    for (int quality = 1; quality <= 100; quality++) {
        kh_render_view view = test_view(&picture);
        decoded out;

        view.quality = quality;
        decode(&out, &picture, &view);
        assert_int_equal(out.width, 123);
    }
    test_picture_release(&picture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grey_reads_back),
        cmocka_unit_test(colour_reads_back_with_the_sampling_of_its_quality),
        cmocka_unit_test(the_bytes_are_those_of_turbojpeg),
        cmocka_unit_test(stripes_are_the_picture),
        cmocka_unit_test(a_full_buffer_is_an_error_and_nothing_more),
        cmocka_unit_test(a_large_picture_leaves_no_memory_behind),
        cmocka_unit_test(noise_fits_the_buffer_at_every_quality),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
