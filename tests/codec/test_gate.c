/* The gates: one broken thing per case, with its sound neighbour, and every byte of a good header mutated. */
#include <stdlib.h>
#include <string.h>

#include "dicom/codec/codec.h"
#include "dicom/codec/gate.h"
#include "tests/cmocka_all.h"

/* SOI, APP0, DQT (cut short, the gate does not read it), SOF0 of 20 x 10 with one component, SOS, some data, EOI. */
static const uint8_t good[] = {
    0xFF, 0xD8,                                                       /*  0 SOI */
    0xFF, 0xE0, 0x00, 0x07, 'J',  'F',  'I',  'F',  0x00,             /*  2 APP0 */
    0xFF, 0xDB, 0x00, 0x04, 0x00, 0x01,                               /* 11 DQT */
    0xFF, 0xC0, 0x00, 0x0B, 0x08, 0x00, 0x0A, 0x00, 0x14, 0x01, 0x01, 0x11, 0x00, /* 17 SOF0 */
    0xFF, 0xDA, 0x00, 0x08, 0x01, 0x01, 0x00, 0x00, 0x3F, 0x00,       /* 30 SOS */
    0x12, 0xFF, 0x00, 0x34, 0xFF, 0xD0, 0x56, 0x78,                   /* 40 data, with a stuffed FF and a restart */
    0xFF, 0xD9,                                                       /* 48 EOI */
};

typedef struct gate_case {
    const char *name;
    size_t at, length; /* what of `good` is replaced ... */
    const char *with;  /* ... by this */
    size_t with_length;
    kh_status status;
    const char *words;
} gate_case;

#define WITH(text) text, sizeof(text) - 1

static const gate_case cases[] = {
    {"as it is", 0, 0, WITH(""), KH_OK, ""},
    {"no SOI", 1, 1, WITH("\xD7"), KH_E_FORMAT, "begin with FFD8"},
    {"fill bytes before a marker", 2, 0, WITH("\xFF\xFF\xFF"), KH_OK, ""},
    {"TEM in the header", 11, 0, WITH("\xFF\x01"), KH_E_FORMAT, "FF01"},
    {"TEM in the scan", 42, 0, WITH("\xFF\x01"), KH_E_FORMAT, "FF01"},
    {"a reserved marker", 11, 0, WITH("\xFF\x02"), KH_E_FORMAT, "FF02"},
    {"a JPG marker", 11, 0, WITH("\xFF\xC8\x00\x02"), KH_E_FORMAT, "FFC8"},
    {"a restart in the header", 11, 0, WITH("\xFF\xD0"), KH_E_FORMAT, "FFD0"},
    {"a second SOI", 11, 0, WITH("\xFF\xD8"), KH_E_FORMAT, "FFD8"},
    {"EOI before the scan", 11, 0, WITH("\xFF\xD9"), KH_E_FORMAT, "before its first scan"},
    {"DNL", 46, 0, WITH("\xFF\xDC\x00\x04\x00\x0A"), KH_E_FORMAT, "FFDC"},
    {"garbage between segments", 11, 0, WITH("\x00"), KH_E_FORMAT, "no marker"},
    {"segment of length 1", 13, 2, WITH("\x00\x01"), KH_E_FORMAT, "of 1 bytes"},
    {"segment to the end", 13, 2, WITH("\x00\x25"), KH_E_FORMAT, ""},
    {"segment past the end", 13, 2, WITH("\x00\x26"), KH_E_FORMAT, "of 38 bytes, expected 2 to 37"},
    {"a comment", 11, 0, WITH("\xFF\xFE\x00\x05" "abc"), KH_OK, ""},
    {"two frame headers", 17, 0, WITH("\xFF\xC0\x00\x0B\x08\x00\x0A\x00\x14\x01\x01\x11\x00"), KH_E_FORMAT, "second frame header"},
    {"extended", 18, 1, WITH("\xC1"), KH_OK, ""},
    {"progressive", 18, 1, WITH("\xC2"), KH_OK, ""},
    {"lossless", 18, 1, WITH("\xC3"), KH_OK, ""},
    {"differential", 18, 1, WITH("\xC5"), KH_E_UNSUPPORTED, "SOF5"},
    {"arithmetic", 18, 1, WITH("\xC9"), KH_E_UNSUPPORTED, "SOF9"},
    {"frame header one short", 19, 2, WITH("\x00\x0A"), KH_E_FORMAT, "frame header of 8 bytes"},
    {"baseline of 12 bits", 21, 1, WITH("\x0C"), KH_E_FORMAT, "precision 12"},
    {"extended of 12 bits", 18, 4, WITH("\xC1\x00\x0B\x0C"), KH_OK, ""},
    {"lossless of 16 bits", 18, 4, WITH("\xC3\x00\x0B\x10"), KH_OK, ""},
    {"lossless of 17 bits", 18, 4, WITH("\xC3\x00\x0B\x11"), KH_E_FORMAT, "precision 17"},
    {"lossless of 1 bit", 18, 4, WITH("\xC3\x00\x0B\x01"), KH_E_FORMAT, "precision 1"},
    {"no rows", 22, 2, WITH("\x00\x00"), KH_E_FORMAT, "20 x 0"},
    {"no columns", 24, 2, WITH("\x00\x00"), KH_E_FORMAT, "0 x 10"},
    {"two components", 26, 1, WITH("\x02"), KH_E_FORMAT, "frame header"},
    {"four components", 19, 11, WITH("\x00\x14\x08\x00\x0A\x00\x14\x04\x01\x11\x00\x02\x11\x00\x03\x11\x00\x04\x11\x00"),
     KH_E_UNSUPPORTED, "4 components"},
    {"sampled 0 times", 28, 1, WITH("\x01"), KH_E_FORMAT, "0 x 1"},
    {"sampled 5 times", 28, 1, WITH("\x15"), KH_E_FORMAT, "1 x 5"},
    {"sampled 4 times", 28, 1, WITH("\x44"), KH_OK, ""},
    {"scan before the frame", 11, 0, WITH("\xFF\xDA\x00\x08\x01\x01\x00\x00\x3F\x00"), KH_E_FORMAT, "scan header"},
    {"scan of two of one component", 34, 1, WITH("\x02"), KH_E_FORMAT, "scan header"},
    {"scan of no component", 32, 5, WITH("\x00\x06\x00"), KH_E_FORMAT, "scan header"},
    {"a second scan", 46, 0, WITH("\xFF\xDA\x00\x08\x01\x01\x00\x00\x3F\x00\x01"), KH_OK, ""},
    {"trailing bytes", 50, 0, WITH("\x00\x01\xFF\x01"), KH_OK, ""},
};

static kh_status gate_of_case(const gate_case *row, kh_jpeg_gate *out, kh_error *err)
{
    size_t size = sizeof good - row->length + row->with_length;
    uint8_t *bytes = malloc(size); /* exactly so long: a read past the end is seen */
    kh_status status;

    assert_non_null(bytes);
    memcpy(bytes, good, row->at);
    memcpy(bytes + row->at, row->with, row->with_length);
    memcpy(bytes + row->at + row->with_length, good + row->at + row->length, sizeof good - row->at - row->length);
    status = kh_jpeg_gate_read(out, bytes, size, err);
    free(bytes);
    return status;
}

static void jpeg_streams_pass_or_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < KH_COUNT(cases); i++) {
        kh_error err = KH_ERROR_INIT;
        kh_jpeg_gate gate;
        kh_status status = gate_of_case(&cases[i], &gate, &err);

        if (status != cases[i].status || !strstr(err.message, cases[i].words))
            fail_msg("%s: %s (%s), expected %s (%s)", cases[i].name, kh_status_text(status), err.message,
                     kh_status_text(cases[i].status), cases[i].words);
    }
}

static void what_a_jpeg_says_is_read(void **state)
{
    static const gate_case colour = {"", 11, 19, WITH("\xFF\xEE\x00\x0E" "Adobe\x00\x64\x00\x00\x00\x00\x01"
                                                     "\xFF\xC1\x00\x11\x08\x01\x02\x03\x04\x03R\x11\x00G\x11\x00" "B\x11\x00"),
                                     KH_OK, ""};
    kh_error err = KH_ERROR_INIT;
    kh_jpeg_gate gate;

    (void)state;
    assert_int_equal(gate_of_case(&cases[0], &gate, &err), KH_OK);
    assert_true(gate.process == 0 && gate.rows == 10 && gate.columns == 20 && gate.components == 1 && gate.precision == 8);
    assert_true(gate.has_jfif && !gate.has_adobe && !gate.named_rgb && gate.ended && gate.odd_scans == 0);
    assert_int_equal(gate_of_case(&colour, &gate, &err), KH_OK);
    assert_true(gate.process == 1 && gate.rows == 0x102 && gate.columns == 0x304 && gate.components == 3);
    assert_true(gate.has_adobe && gate.adobe_transform == 1 && gate.named_rgb);
}

static void a_jpeg_cut_anywhere_is_bounded(void **state)
{
    (void)state;
    for (size_t size = 0; size < sizeof good; size++) {
        uint8_t *bytes = malloc(size ? size : 1);
        kh_error err = KH_ERROR_INIT;
        kh_jpeg_gate gate;
        kh_status status;

        assert_non_null(bytes);
        memcpy(bytes, good, size);
        status = kh_jpeg_gate_read(&gate, bytes, size, &err);
        assert_int_equal(status, size < 40 ? KH_E_FORMAT : KH_OK);
        assert_true(status != KH_OK || !gate.ended);
        free(bytes);
    }
}

static void every_byte_mutated_is_survived(void **state)
{
    uint8_t *bytes = malloc(sizeof good), *pixels = malloc(4096);

    (void)state;
    assert_non_null(bytes);
    assert_non_null(pixels);
    for (size_t at = 0; at < sizeof good; at++)
        for (unsigned value = 0; value < 256; value++) {
            kh_pixel_format format = {.rows = 10, .columns = 20, .samples = 1, .bits_allocated = 8, .bits_stored = 8,
                                      .high_bit = 7, .photometric = KH_PHOTOMETRIC_MONOCHROME2};
            kh_error err = KH_ERROR_INIT;

            memcpy(bytes, good, sizeof good);
            bytes[at] = (uint8_t)value;
            /* No Huffman tables: whatever passes the gate must come back as an error of the decoder. */
            assert_int_not_equal(kh_codec_decode_here(pixels, 4096, KH_TS_JPEG_BASELINE, &format, bytes, sizeof good, &err), KH_OK);
        }
    free(pixels);
    free(bytes);
}

static void header_and_stream_are_compared(void **state)
{
    static const struct {
        uint32_t rows, columns;
        const char *words;
    } rows[] = {{10, 20, "JPEG decoder"}, {11, 20, "20 columns and 10 rows, expected Columns 20 and Rows 11"},
                {10, 19, "expected Columns 19 and Rows 10"}, {0, 20, "Rows 0"}, {65536, 20, "Rows 65536"}};
    uint8_t pixels[200];

    (void)state;
    for (size_t i = 0; i < KH_COUNT(rows); i++) {
        kh_pixel_format format = {.rows = rows[i].rows, .columns = rows[i].columns, .samples = 1, .bits_allocated = 8,
                                  .bits_stored = 8, .high_bit = 7};
        kh_error err = KH_ERROR_INIT;

        assert_int_equal(kh_codec_decode_here(pixels, sizeof pixels, KH_TS_JPEG_BASELINE, &format, good, sizeof good, &err),
                         KH_E_FORMAT);
        assert_non_null(strstr(err.message, rows[i].words));
    }
}

static void the_room_for_pixels_is_kept_to(void **state)
{
    kh_pixel_format format = {.rows = 10, .columns = 20, .samples = 1, .bits_allocated = 8, .bits_stored = 8, .high_bit = 7};
    kh_error err = KH_ERROR_INIT;
    uint8_t pixels[199];

    (void)state;
    assert_int_equal(kh_codec_decode_here(pixels, sizeof pixels, KH_TS_JPEG_BASELINE, &format, good, sizeof good, &err), KH_E_LIMIT);
}

static void syntaxes_are_named(void **state)
{
    static const struct {
        const char *uid;
        bool supported;
        const char *words;
    } rows[] = {
        {"1.2.840.10008.1.2.4.50", true, ""},          {"1.2.840.10008.1.2.4.51", true, ""},
        {"1.2.840.10008.1.2.4.57", true, ""},          {"1.2.840.10008.1.2.4.70", true, ""},
        {"1.2.840.10008.1.2.5", true, ""},             {"1.2.840.10008.1.2.1", false, "Explicit VR Little Endian"},
        {"1.2.840.10008.1.2.4.80", true, ""},          {"1.2.840.10008.1.2.4.81", true, ""},
        {"1.2.840.10008.1.2.4.90", true, ""},          {"1.2.840.10008.1.2.4.91", true, ""},
        {"1.2.840.10008.1.2.4.201", true, ""},         {"1.2.840.10008.1.2.4.202", true, ""},
        {"1.2.840.10008.1.2.4.203", true, ""},         {"1.2.840.10008.1.2.8.1", true, ""},
        {"1.2.840.10008.1.2.4.110", false, "JPEG XL"}, {"1.2.840.10008.1.2.4.102", false, "MPEG-4"},
        {"1.2.840.10008.1.2.4.94", false, "JPIP"},     {"1.2.3", false, "1.2.3 is not known"},
        {"../etc", false, "no UID"},                   {"", false, "no UID"},
    };

    (void)state;
    for (size_t i = 0; i < KH_COUNT(rows); i++) {
        kh_pixel_format format = {.rows = 1, .columns = 1, .samples = 1, .bits_allocated = 8, .bits_stored = 8, .high_bit = 7};
        kh_error err = KH_ERROR_INIT;
        uint8_t pixel[1];

        assert_int_equal(kh_codec_supports(rows[i].uid), rows[i].supported);
        if (rows[i].supported)
            continue;
        assert_int_equal(kh_codec_decode_here(pixel, 1, rows[i].uid, &format, "x", 1, &err), KH_E_UNSUPPORTED);
        if (!strstr(err.message, rows[i].words))
            fail_msg("%s: %s", rows[i].uid, err.message);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jpeg_streams_pass_or_are_refused), cmocka_unit_test(what_a_jpeg_says_is_read),
        cmocka_unit_test(a_jpeg_cut_anywhere_is_bounded),   cmocka_unit_test(every_byte_mutated_is_survived),
        cmocka_unit_test(header_and_stream_are_compared),   cmocka_unit_test(the_room_for_pixels_is_kept_to),
        cmocka_unit_test(syntaxes_are_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
