/* Pictures at 1/2 to 1/16 of their size, by way of frames decoded smaller, beside the area average of the whole frame: real files of
 * every codec that can. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/codec/support.h"

#define WANTED_MAX 4
#define SIDE_MIN 32      /* of the pictures compared: smaller ones are nobody's thumbnails */
#define MEAN_LEVELS 1.5  /* of 256 over the frame's own range, between the means of the two pictures */
#define BLOCK_LEVELS 2.5 /* between a pixel of a JPEG at 1/8 and the mean of its block, of which the whole picture cuts over- and undershoot */

typedef struct counts {
    unsigned compared, wrong, cannot;
} counts;

static int64_t value_at(const uint8_t *pixels, const kh_pixel_format *format, size_t i)
{
    uint32_t value = 0;
    unsigned unused = 32u - format->bits_stored;

    memcpy(&value, pixels + i * (format->bits_allocated / 8u), format->bits_allocated / 8u);
    value <<= unused; /* high bit is bits stored - 1 in all that is halved */
    return format->is_signed ? (int64_t)((int32_t)value >> unused) : (int64_t)(value >> unused);
}

/* One channel as numbers. */
static double *plane_of(const uint8_t *pixels, const kh_pixel_format *format, unsigned channel)
{
    size_t count = (size_t)format->rows * format->columns;
    double *plane = malloc(count * sizeof *plane);

    assert_non_null(plane);
    for (size_t i = 0; i < count; i++)
        plane[i] = (double)value_at(pixels, format, i * format->samples + channel);
    return plane;
}

/* Each pixel of the smaller picture: the mean of the pixels it stands for. */
static double *averaged(const double *plane, const kh_pixel_format *whole, const kh_pixel_format *small, unsigned halvings)
{
    uint32_t side = 1u << halvings;
    double *out = malloc((size_t)small->rows * small->columns * sizeof *out);

    assert_non_null(out);
    for (uint32_t y = 0; y < small->rows; y++)
        for (uint32_t x = 0; x < small->columns; x++) {
            double sum = 0;
            unsigned count = 0;

            for (uint32_t v = y * side; v < (y + 1) * side && v < whole->rows; v++)
                for (uint32_t u = x * side; u < (x + 1) * side && u < whole->columns; u++, count++)
                    sum += plane[(size_t)v * whole->columns + u];
            out[(size_t)y * small->columns + x] = sum / count;
        }
    return out;
}

typedef struct difference {
    double mean;                 /* of one picture less that of the other */
    double at_place;             /* mean absolute difference, pixel by pixel */
    double shifted;              /* the least of it with one of them moved by a pixel */
    double worst_inside;         /* largest absolute difference away from the right and lower edge */
} difference;

static double apart(const double *a, const double *b, const kh_pixel_format *size, int dx, int dy)
{
    double sum = 0;
    unsigned count = 0;

    for (uint32_t y = 1; y + 1 < size->rows; y++)
        for (uint32_t x = 1; x + 1 < size->columns; x++, count++)
            sum += fabs(a[(size_t)y * size->columns + x] -
                        b[(size_t)((int64_t)y + dy) * size->columns + (size_t)((int64_t)x + dx)]);
    return count ? sum / count : 0;
}

static difference compare(const double *a, const double *b, const kh_pixel_format *size)
{
    static const int moves[8][2] = {{-1, 0}, {1, 0}, {0, -1}, {0, 1}, {-1, -1}, {1, 1}, {-1, 1}, {1, -1}};
    difference out = {.at_place = apart(a, b, size, 0, 0), .shifted = INFINITY};
    size_t count = (size_t)size->rows * size->columns;

    for (size_t i = 0; i < count; i++)
        out.mean += (a[i] - b[i]) / (double)count;
    for (unsigned i = 0; i < 8; i++)
        out.shifted = fmin(out.shifted, apart(a, b, size, moves[i][0], moves[i][1]));
    for (uint32_t y = 0; y + 1 < size->rows; y++)
        for (uint32_t x = 0; x + 1 < size->columns; x++)
            out.worst_inside = fmax(out.worst_inside, fabs(a[(size_t)y * size->columns + x] - b[(size_t)y * size->columns + x]));
    return out;
}

/* The range of 256 levels: what a picture of this frame shows. */
static double level_of(const double *plane, const kh_pixel_format *format)
{
    size_t count = (size_t)format->rows * format->columns;
    double low = plane[0], high = plane[0];

    if (format->bits_stored <= 8)
        return (double)(1u << format->bits_stored) / 256;
    for (size_t i = 1; i < count; i++) {
        low = fmin(low, plane[i]);
        high = fmax(high, plane[i]);
    }
    return high > low ? (high - low) / 256 : 1;
}

typedef struct tested {
    const char *name;
    const test_frame *frame;
    const uint8_t *whole, *small;
    kh_pixel_format format, small_format;
    unsigned wanted, halvings;
} tested;

static void check_channel(counts *tally, const tested *t, unsigned channel)
{
    kh_pixel_format end = t->format;
    double *plane = plane_of(t->whole, &t->format, channel), *small = plane_of(t->small, &t->small_format, channel);
    double *expected, *got, level = level_of(plane, &t->format);
    bool block_means = strcmp(t->frame->syntax, KH_TS_JPEG_BASELINE) == 0 && t->halvings == 3 && t->format.samples == 1;
    difference d;

    end.rows = (end.rows + (1u << t->wanted) - 1) >> t->wanted;
    end.columns = (end.columns + (1u << t->wanted) - 1) >> t->wanted;
    expected = averaged(plane, &t->format, &end, t->wanted);
    got = averaged(small, &t->small_format, &end, t->wanted - t->halvings);
    d = compare(got, expected, &end);
    tally->compared++;
    if (fabs(d.mean) > MEAN_LEVELS * level || d.at_place > d.shifted || (block_means && d.worst_inside > BLOCK_LEVELS)) {
        tally->wrong++;
        print_error("%s 1/%u channel %u: mean %.2f levels off, %.2f apart, %.2f when shifted, worst %.2f\n", t->name, 1u << t->wanted,
                    channel, d.mean / level, d.at_place / level, d.shifted / level, d.worst_inside / level);
    }
    free(plane);
    free(small);
    free(got);
    free(expected);
}

static void check_small(counts *tally, tested *t, uint8_t *small, size_t room)
{
    unsigned side = 1u << t->halvings;
    kh_error err = KH_ERROR_INIT;

    t->small = small;
    t->small_format = t->frame->format;
    if (kh_codec_decode_reduced_here(small, room, t->frame->syntax, &t->small_format, t->frame->bytes, t->frame->size, t->halvings,
                                     &err) != KH_OK)
        fail_msg("%s 1/%u: %s", t->name, side, err.message);
    assert_int_equal(t->small_format.rows, (t->format.rows + side - 1) / side);
    assert_int_equal(t->small_format.columns, (t->format.columns + side - 1) / side);
    assert_int_equal(t->small_format.samples, t->format.samples);
    assert_int_equal(t->small_format.bits_stored, t->format.bits_stored);
    assert_int_equal(t->small_format.photometric, t->format.photometric);
    for (unsigned channel = 0; channel < t->format.samples; channel++)
        check_channel(tally, t, channel);
}

static void check_row(const test_expected *expected, void *context)
{
    counts *tally = context;
    kh_error err = KH_ERROR_INIT;
    test_frame frame;
    tested t = {.name = expected->file, .frame = &frame};
    uint8_t *whole, *small;
    size_t room;

    if (strcmp(expected->status, "none") == 0 || strcmp(expected->space, "PALETTE COLOR") == 0 || !kh_codec_supports(expected->syntax))
        return;
    assert_int_equal(test_frame_read(&frame, expected->file, &err), KH_OK);
    t.format = frame.format;
    room = (size_t)frame.format.rows * frame.format.columns * 12;
    whole = malloc(room);
    small = malloc(room);
    t.whole = whole;
    if (kh_codec_decode_here(whole, room, frame.syntax, &t.format, frame.bytes, frame.size, &err) != KH_OK)
        print_message("%s: %s\n", expected->file, err.message);
    else
        for (t.wanted = 1; t.wanted <= WANTED_MAX && t.format.rows >> t.wanted >= SIDE_MIN && t.format.columns >> t.wanted >= SIDE_MIN;
             t.wanted++) {
            t.halvings = kh_codec_halvings(frame.syntax, &frame.format, frame.bytes, frame.size, t.wanted);
            if (t.halvings > 0)
                check_small(tally, &t, small, room);
            tally->cannot += t.halvings == 0;
        }
    free(whole);
    free(small);
    test_frame_release(&frame);
}

static void real_files(void **state)
{
    counts tally = {0};

    (void)state;
    if (!test_data_dir()) {
        print_message("no real files: KH_DATA is not set and ../shared/data is not there\n");
        skip();
    }
    test_each_expected(check_row, &tally);
    print_message("%u pictures compared, %u wrong; %u are made of the whole\n", tally.compared, tally.wrong, tally.cannot);
    assert_int_equal(tally.wrong, 0);
    assert_true(tally.compared > 0);
}

/* What a frame's codec cannot halve, or what has no averages, is refused. */
static void what_cannot_be_halved(void **state)
{
    static const struct {
        const char *name, *file;
        unsigned wanted, most;
    } cases[] = {
        {"none wanted", "pydicom-data/MR2_J2KI.dcm", 0, 0},
        {"JPEG 2000", "pydicom-data/MR2_J2KI.dcm", 2, 1},
        {"JPEG 2000 as far as it goes", "pydicom-data/MR2_J2KI.dcm", 32, 5},
        {"JPEG to an eighth", "pydicom/SC_rgb_jpeg_dcmtk.dcm", 16, 3},
        {"two's complement in a stream without a sign", "pydicom/J2K_pixelrep_mismatch.dcm", 3, 0},
        {"JPEG 2000 of one bit", "pydicom-data/liver_j2k.dcm", 3, 0},
        {"JPEG of 12 bits", "pydicom/JPGExtended.dcm", 3, 0},
        {"JPEG-LS", "pydicom/MR_small_jpeg_ls_lossless.dcm", 3, 0},
        {"RLE", "pydicom/MR_small_RLE.dcm", 3, 0},
    };

    (void)state;
    if (!test_data_dir())
        skip();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        kh_error err = KH_ERROR_INIT;
        test_frame frame;
        uint8_t *pixels;
        unsigned most;
        size_t room;

        assert_int_equal(test_frame_read(&frame, cases[i].file, &err), KH_OK);
        most = kh_codec_halvings(frame.syntax, &frame.format, frame.bytes, frame.size, cases[i].wanted);
        if (most != cases[i].most)
            fail_msg("%s: %u halvings, expected %u", cases[i].name, most, cases[i].most);
        room = (size_t)frame.format.rows * frame.format.columns * 12;
        pixels = malloc(room);
        if (cases[i].wanted > most + 1 && kh_codec_decode_reduced_here(pixels, room, frame.syntax, &frame.format, frame.bytes, frame.size,
                                                                   most + 1, &err) != KH_E_UNSUPPORTED)
            fail_msg("%s: once more than it can", cases[i].name);
        assert_int_equal(kh_codec_halvings(frame.syntax, &frame.format, frame.bytes, 10, 3), 0); /* no stream at all */
        free(pixels);
        test_frame_release(&frame);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(real_files), cmocka_unit_test(what_cannot_be_halved)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
