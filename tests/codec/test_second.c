/* Lossy streams against a second decoder, pixel by pixel: two levels may lie between two right ones. 8-bit DCT streams
 * by libjpeg-turbo, irreversible HTJ2K by OpenJPH's program where it is installed. Nothing in Debian but OpenJPEG
 * itself decodes irreversible JPEG 2000. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <turbojpeg.h>
#include <unistd.h>

#include "dicom/codec/gate.h"
#include "tests/codec/support.h"

#define LEVELS 2

typedef struct counts {
    unsigned compared, wrong;
} counts;

/* The second decoder's pixels, 8 bits a sample, by pixel. NULL: it cannot. */
typedef uint8_t *second_decoder(const test_frame *frame, unsigned samples);

/* R G B without a mark in the stream: libjpeg-turbo knows no header and takes it for luminance and chroma. */
static bool only_the_header_says_rgb(const test_frame *frame)
{
    kh_jpeg_gate gate;

    return frame->format.photometric == KH_PHOTOMETRIC_RGB &&
           kh_jpeg_gate_read(&gate, frame->bytes, frame->size, NULL) == KH_OK && !gate.has_jfif && !gate.has_adobe &&
           !gate.named_rgb;
}

static uint8_t *by_turbojpeg(const test_frame *frame, unsigned samples)
{
    int width = 0, height = 0, sampling, space;
    uint8_t *pixels = NULL;
    tjhandle turbo = tjInitDecompress();

    assert_non_null(turbo);
    if (tjDecompressHeader3(turbo, frame->bytes, frame->size, &width, &height, &sampling, &space) == 0 &&
        (unsigned)width == frame->format.columns && (unsigned)height == frame->format.rows) {
        pixels = malloc((size_t)width * (size_t)height * samples);
        assert_non_null(pixels);
        if (tjDecompress2(turbo, frame->bytes, frame->size, pixels, width, 0, height,
                          samples == 3 ? TJPF_RGB : TJPF_GRAY, TJFLAG_ACCURATEDCT) != 0) {
            free(pixels);
            pixels = NULL;
        }
    }
    tjDestroy(turbo);
    return pixels;
}

static uint8_t *by_openjph(const test_frame *frame, unsigned samples)
{
    char dir[] = "/tmp/kh-second-XXXXXX", in[64], out[64], command[256];
    size_t size = (size_t)frame->format.rows * frame->format.columns * samples;
    uint8_t *pixels = NULL;
    FILE *file;

    assert_non_null(mkdtemp(dir));
    snprintf(in, sizeof in, "%s/in.j2c", dir);
    snprintf(out, sizeof out, "%s/out.%s", dir, samples == 3 ? "ppm" : "pgm");
    file = fopen(in, "wbe");
    assert_non_null(file);
    assert_int_equal(fwrite(frame->bytes, 1, frame->size, file), frame->size);
    fclose(file);
    snprintf(command, sizeof command, "ojph_expand -i %s -o %s >/dev/null 2>&1", in, out);
    if (system(command) == 0 && (file = fopen(out, "rbe")) != NULL) {
        pixels = malloc(size);
        assert_non_null(pixels);
        assert_int_equal(fseek(file, -(long)size, SEEK_END), 0);
        assert_int_equal(fread(pixels, 1, size, file), size);
        fclose(file);
    }
    unlink(in);
    unlink(out);
    rmdir(dir);
    return pixels;
}

static second_decoder *decoder_of(const char *syntax)
{
    if (strcmp(syntax, KH_TS_JPEG_BASELINE) == 0 || strcmp(syntax, KH_TS_JPEG_EXTENDED) == 0 ||
        strcmp(syntax, "1.2.840.10008.1.2.4.53") == 0 || strcmp(syntax, "1.2.840.10008.1.2.4.55") == 0)
        return by_turbojpeg;
    return strcmp(syntax, "1.2.840.10008.1.2.4.203") == 0 ? by_openjph : NULL;
}

static void compare(counts *tally, const char *file, const uint8_t *ours, const uint8_t *theirs, size_t count)
{
    int worst = 0;

    for (size_t i = 0; i < count; i++)
        worst = abs(ours[i] - theirs[i]) > worst ? abs(ours[i] - theirs[i]) : worst;
    tally->compared++;
    if (worst > LEVELS) {
        tally->wrong++;
        print_error("%s: up to %d levels from the second decoder, expected at most %d\n", file, worst, LEVELS);
    }
}

static void check_row(const test_expected *expected, void *context)
{
    second_decoder *second = decoder_of(expected->syntax);
    kh_error err = KH_ERROR_INIT;
    uint8_t *ours, *theirs = NULL;
    bool unmarked;
    test_frame frame;
    size_t size;

    if (!second || expected->exact || strcmp(expected->status, "none") == 0)
        return;
    assert_int_equal(test_frame_read(&frame, expected->file, &err), KH_OK);
    unmarked = second == by_turbojpeg && only_the_header_says_rgb(&frame);
    size = (size_t)frame.format.rows * frame.format.columns * 6;
    ours = malloc(size);
    assert_non_null(ours);
    assert_int_equal(kh_codec_decode_here(ours, size, frame.syntax, &frame.format, frame.bytes, frame.size, &err),
                     KH_OK);
    if (!unmarked && frame.format.bits_allocated == 8)
        theirs = second(&frame, frame.format.samples);
    if (theirs)
        compare(context, expected->file, ours, theirs,
                (size_t)frame.format.rows * frame.format.columns * frame.format.samples);
    else
        print_message("%s (%u bits): no second decoder%s\n", expected->file, (unsigned)frame.format.bits_stored,
                      unmarked ? " that knows it is RGB" : "");
    free(theirs);
    free(ours);
    test_frame_release(&frame);
}

static void lossy_files(void **state)
{
    counts tally = {0};

    (void)state;
    if (!test_data_dir()) {
        print_message("no real files: KH_DATA is not set and ../shared/data is not there\n");
        skip();
    }
    test_each_expected(check_row, &tally);
    print_message("%u files compared, %u wrong\n", tally.compared, tally.wrong);
    assert_int_equal(tally.wrong, 0);
    assert_true(tally.compared > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(lossy_files)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
