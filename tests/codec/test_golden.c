/* Frame 0 of every real file in a syntax that is decoded, against what several other tools agree on (expected.tsv): lossless ones
 * to the bit, DCT ones within one level in minimum, maximum and mean. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/codec/service.h"
#include "tests/codec/support.h"

typedef struct counts {
    unsigned right, wrong;
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

    return format->rows == expected->rows && format->columns == expected->columns && format->samples == expected->samples
        && format->bits_stored == expected->stored && format->is_signed == expected->is_signed && !format->planar
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

static void check_row(const test_expected *expected, void *context)
{
    counts *tally = context;
    test_expected row = corrected(expected);
    char why[400] = "";

    if (!kh_codec_supports(expected->syntax) || strcmp(expected->status, "none") == 0)
        return;
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
    print_message("%u files right, %u wrong\n", tally.right, tally.wrong);
    assert_int_equal(tally.wrong, 0);
    assert_true(tally.right > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_row_of_the_table)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
