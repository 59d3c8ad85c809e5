/* ICC profiles: ours by the numbers of IEC 61966-2-1, and in JPEG and PNG as libjpeg and libpng read them back. */
#include <stdio.h> /* jpeglib.h wants it before */
#include <jpeglib.h>
#include <png.h>
#include <stdlib.h>
#include <string.h>

#include "tests/cmocka_all.h"
#include "viewer/dicomweb/rendered_profile.h"
#include "viewer/render/jpeg.h"
#include "viewer/render/png.h"

#define SIDE 16

static void fill(uint8_t pixels[SIDE * SIDE * 3])
{
    for (size_t i = 0; i < SIDE * SIDE * 3; i++)
        pixels[i] = (uint8_t)(i * 7);
}

/* A profile of so many bytes: ours, with something behind its tags. */
static void make_profile(kh_buf *out, size_t size)
{
    kh_buf_init(out, KH_PROFILE_BYTES_MAX + 1);
    assert_int_equal(kh_profile_write_srgb(out, NULL), KH_OK);
    assert_true(out->size <= size);
    while (out->size < size)
        assert_int_equal(kh_buf_append(out, "z", 1, NULL), KH_OK);
    for (int i = 0; i < 4; i++)
        out->data[i] = (uint8_t)(size >> (24 - 8 * i));
}

static void ours_is_what_it_says(void **state)
{
    kh_buf profile;

    (void)state;
    kh_buf_init(&profile, 4096);
    assert_int_equal(kh_profile_write_srgb(&profile, NULL), KH_OK);
    assert_true(profile.size > 400 && profile.size < 1024 && profile.size % 4 == 0);
    assert_true(kh_profile_is_rgb(profile.data, profile.size));
    assert_true(kh_profile_is_srgb(profile.data, profile.size));
    assert_memory_equal(profile.data + 12, "mntrRGB XYZ ", 12);
    kh_buf_release(&profile);
}

static void what_is_no_profile(void **state)
{
    kh_buf profile;

    (void)state;
    make_profile(&profile, 1000);
    assert_true(kh_profile_is_rgb(profile.data, 1000));
    assert_false(kh_profile_is_rgb(profile.data, 999));
    assert_false(kh_profile_is_rgb(profile.data, 128));
    assert_false(kh_profile_is_rgb(profile.data, 0));
    profile.data[16] = 'C';
    assert_false(kh_profile_is_rgb(profile.data, 1000));
    profile.data[16] = 'R';
    profile.data[36] = 'x';
    assert_false(kh_profile_is_rgb(profile.data, 1000));
    /* a table that points behind the end, or has more tags than there are bytes */
    memset(profile.data + 132, 0xff, 12 * 10);
    assert_false(kh_profile_is_srgb(profile.data, 1000));
    memset(profile.data + 128, 0xff, 4);
    assert_false(kh_profile_is_srgb(profile.data, 1000));
    assert_false(kh_profile_is_srgb(profile.data, 130));
    kh_buf_release(&profile);
}

static void check_jpeg(const kh_buf *picture, size_t from, const kh_buf *profile)
{
    struct jpeg_decompress_struct reader;
    struct jpeg_error_mgr errors;
    JOCTET *bytes = NULL;
    unsigned size = 0;

    reader.err = jpeg_std_error(&errors);
    jpeg_create_decompress(&reader);
    jpeg_save_markers(&reader, JPEG_APP0 + 2, 0xffff);
    jpeg_mem_src(&reader, picture->data + from, picture->size - from);
    assert_int_equal(jpeg_read_header(&reader, TRUE), JPEG_HEADER_OK);
    assert_true(jpeg_read_icc_profile(&reader, &bytes, &size));
    assert_int_equal(size, profile->size);
    assert_memory_equal(bytes, profile->data, size);
    free(bytes);
    jpeg_destroy_decompress(&reader);
}

static void check_png(const kh_buf *picture, size_t from, const kh_buf *profile, const uint8_t *expected)
{
    png_image image = {.version = PNG_IMAGE_VERSION};
    uint8_t got[SIDE * SIDE * 3];

    assert_true(png_image_begin_read_from_memory(&image, picture->data + from, picture->size - from));
    image.format = PNG_FORMAT_RGB;
    assert_true(png_image_finish_read(&image, NULL, got, 0, NULL));
    /* libpng looks at the profile, too; of all that are right it wants a length in fours */
    if (image.warning_or_error != 0 && profile->size % 4 == 0)
        fail_msg("%zu bytes: %s", profile->size, image.message);
    assert_memory_equal(got, expected, sizeof got);
    assert_true(memmem(picture->data + from, picture->size - from, "iCCPicc\0\0", 9) != NULL);
}

static void they_come_back_from_pictures(void **state)
{
    static const size_t sizes[] = {600, 65519, 65520, 200000}; /* one segment of a JPEG, just one, two, four */
    uint8_t pixels[SIDE * SIDE * 3];
    kh_jpeg_encoder encoder;

    (void)state;
    fill(pixels);
    assert_int_equal(kh_jpeg_encoder_init(&encoder, NULL), KH_OK);
    for (size_t i = 0; i < KH_COUNT(sizes); i++) {
        kh_buf profile, picture;

        make_profile(&profile, sizes[i]);
        kh_buf_init(&picture, 1u << 20);
        assert_int_equal(kh_buf_append(&picture, "before", 6, NULL), KH_OK);
        assert_int_equal(kh_jpeg_encode(&encoder, pixels, SIDE, SIDE, 3, 90, &picture, NULL), KH_OK);
        assert_int_equal(kh_profile_embed_jpeg(&picture, 6, profile.data, profile.size, NULL), KH_OK);
        check_jpeg(&picture, 6, &profile);
        kh_buf_clear(&picture);
        assert_int_equal(kh_buf_append(&picture, "before", 6, NULL), KH_OK);
        assert_int_equal(kh_png_encode(pixels, SIDE, SIDE, 3, &picture, NULL), KH_OK);
        assert_int_equal(kh_profile_embed_png(&picture, 6, profile.data, profile.size, NULL), KH_OK);
        check_png(&picture, 6, &profile, pixels);
        kh_buf_release(&picture);
        kh_buf_release(&profile);
    }
    kh_jpeg_encoder_release(&encoder);
}

static void what_is_no_picture_is_left_alone(void **state)
{
    kh_buf profile, picture;

    (void)state;
    make_profile(&profile, 600);
    kh_buf_init(&picture, 1u << 16);
    for (size_t size = 0; size < 40; size++) {
        kh_buf_clear(&picture);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(kh_buf_append(&picture, i == 0 ? "\xff" : i == 1 ? "\xd8" : "\xff", 1, NULL), KH_OK);
        if (size < 6)
            assert_int_equal(kh_profile_embed_jpeg(&picture, 0, profile.data, profile.size, NULL), KH_E_INTERNAL);
        assert_int_equal(kh_profile_embed_png(&picture, 0, profile.data, profile.size, NULL), KH_E_INTERNAL);
    }
    kh_buf_release(&picture);
    kh_buf_release(&profile);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ours_is_what_it_says),
        cmocka_unit_test(what_is_no_profile),
        cmocka_unit_test(they_come_back_from_pictures),
        cmocka_unit_test(what_is_no_picture_is_left_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
