/* The gates of JPEG 2000 and JPEG-LS: one broken thing per case with its sound neighbour, bombs, every cut and every byte mutated. */
#include <stdlib.h>
#include <string.h>

#include "dicom/codec/codec.h"
#include "dicom/codec/gate.h"
#include "tests/cmocka_all.h"

/* 20 x 10 pixels of one component of 8 bits, one tile, one decomposition. */
static const uint8_t j2k[] = {
    0xFF, 0x4F, 0xFF, 0x51, 0x00, 0x29, 0x00, 0x00,                         /*  0 SOC, SIZ */
    0x00, 0x00, 0x00, 0x14, 0x00, 0x00, 0x00, 0x0A, 0, 0, 0, 0, 0, 0, 0, 0, /*  8 Xsiz, Ysiz, XOsiz, YOsiz */
    0x00, 0x00, 0x00, 0x14, 0x00, 0x00, 0x00, 0x0A, 0, 0, 0, 0, 0, 0, 0, 0, /* 24 XTsiz, YTsiz, XTOsiz, YTOsiz */
    0x00, 0x01, 0x07, 0x01, 0x01,                                           /* 40 Csiz; Ssiz, XRsiz, YRsiz */
    0xFF, 0x52, 0x00, 0x0C, 0x00, 0x00, 0x00, 0x01, 0x00,                   /* 45 COD: Scod, progression, layers, transform */
    0x01, 0x04, 0x04, 0x00, 0x01,                                           /* 54 levels, block, style, wavelet */
    0xFF, 0x5C, 0x00, 0x07, 0x40, 0x40, 0x48, 0x48, 0x50,                   /* 59 QCD */
    0xFF, 0x90, 0x00, 0x0A, 0x00, 0x00, 0x00, 0x00, 0x00, 0x12, 0x00, 0x01, /* 68 SOT: Isot, Psot, TPsot, TNsot */
    0xFF, 0x93, 0x80, 0x80, 0x80, 0x80,                                     /* 80 SOD, empty packets */
    0xFF, 0xD9,                                                             /* 86 EOC */
};

/* 20 x 10 pixels of one component of 8 bits. */
static const uint8_t jls[] = {
    0xFF, 0xD8,                                                                   /*  0 SOI */
    0xFF, 0xF7, 0x00, 0x0B, 0x08, 0x00, 0x0A, 0x00, 0x14, 0x01, 0x01, 0x11, 0x00, /*  2 SOF55 */
    0xFF, 0xDA, 0x00, 0x08, 0x01, 0x01, 0x00, 0x00, 0x00, 0x00,                   /* 15 SOS */
    0x12, 0xFF, 0x00, 0x34, 0xFF, 0x7F, 0x56,                                     /* 25 data, with stuffed bits */
    0xFF, 0xD9,                                                                   /* 32 EOI */
};

typedef struct gate_case {
    const char *name;
    size_t at, length; /* what of the good stream is replaced ... */
    const char *with;  /* ... by this */
    size_t with_length;
    kh_status status;
    const char *words;
} gate_case;

#define WITH(text) text, sizeof(text) - 1

static const gate_case j2k_cases[] = {
    {"as it is", 0, 0, WITH(""), KH_OK, ""},
    {"no SOC", 1, 1, WITH("\x4E"), KH_E_FORMAT, "begin with FF4F FF51"},
    {"something before SIZ", 2, 0, WITH("\xFF\x64\x00\x02"), KH_E_FORMAT, "begin with FF4F FF51"},
    {"size one short", 4, 2, WITH("\x00\x28"), KH_E_FORMAT, "size of 38 bytes"},
    {"no column", 8, 4, WITH("\0\0\0\0"), KH_E_FORMAT, "holds no pixel"},
    {"an image offset", 16, 4, WITH("\0\0\0\x13"), KH_OK, ""},
    {"an image offset at the edge", 16, 4, WITH("\0\0\0\x14"), KH_E_FORMAT, "holds no pixel"},
    {"a grid past 2^31", 8, 4, WITH("\x80\0\0\0"), KH_E_FORMAT, "holds no pixel"},
    {"65536 columns", 8, 20, WITH("\0\1\0\0\0\0\0\x0A\0\0\0\0\0\0\0\0\0\1\0\0"), KH_E_LIMIT, "65536 x 10"},
    {"tiles of no column", 24, 4, WITH("\0\0\0\0"), KH_E_FORMAT, "do not cover"},
    {"a tile offset past the image's", 32, 4, WITH("\0\0\0\1"), KH_E_FORMAT, "do not cover"},
    {"two tiles, one there", 24, 4, WITH("\0\0\0\x0A"), KH_E_FORMAT, "without tile 1 of 2"},
    {"no component", 40, 5, WITH("\0\0"), KH_E_FORMAT, "size of 39 bytes"},
    {"two components", 4, 41, WITH("\0\x2C\0\0\0\0\0\x14\0\0\0\x0A\0\0\0\0\0\0\0\0\0\0\0\x14\0\0\0\x0A\0\0\0\0\0\0\0\0\0\2\7\1\1\7\1\1"),
     KH_E_UNSUPPORTED, "2 components"},
    {"three of another form", 4, 41,
     WITH("\0\x2F\0\0\0\0\0\x14\0\0\0\x0A\0\0\0\0\0\0\0\0\0\0\0\x14\0\0\0\x0A\0\0\0\0\0\0\0\0\0\3\7\1\1\7\1\1\x87\1\1"),
     KH_E_UNSUPPORTED, "component 3 of form 87"},
    {"subsampled", 43, 1, WITH("\2"), KH_E_UNSUPPORTED, "subsampled 2 x 1"},
    {"sampled 0 times", 44, 1, WITH("\0"), KH_E_UNSUPPORTED, "subsampled 1 x 0"},
    {"1 bit", 42, 1, WITH("\0"), KH_OK, ""},
    {"31 bits", 42, 1, WITH("\x1E"), KH_OK, ""},
    {"32 bits", 42, 1, WITH("\x1F"), KH_E_UNSUPPORTED, "32 bits"},
    {"16 bits signed", 42, 1, WITH("\x8F"), KH_OK, ""},
    {"no layer", 51, 2, WITH("\0\0"), KH_E_FORMAT, "0 layers"},
    {"progression 4", 50, 1, WITH("\4"), KH_OK, ""},
    {"progression 5", 50, 1, WITH("\5"), KH_E_FORMAT, "progression 5"},
    {"a colour transform of one component", 53, 1, WITH("\1"), KH_E_FORMAT, "component transform 1"},
    {"32 levels", 54, 1, WITH("\x20"), KH_OK, ""},
    {"33 levels", 54, 1, WITH("\x21"), KH_E_FORMAT, "33 levels"},
    {"blocks of 2^10 x 2^2", 55, 2, WITH("\x08\x00"), KH_OK, ""},
    {"blocks of 2^11 x 2^2", 55, 2, WITH("\x09\x00"), KH_E_FORMAT, "2^11 x 2^2"},
    {"blocks of 2^7 x 2^6", 55, 2, WITH("\x05\x04"), KH_E_FORMAT, "2^7 x 2^6"},
    {"HT blocks", 57, 1, WITH("\x40"), KH_OK, ""},
    {"HT blocks mixed", 57, 1, WITH("\xC0"), KH_E_UNSUPPORTED, "style C0"},
    {"HT blocks of one component only", 59, 0, WITH("\xFF\x53\0\x09\0\0\1\4\4\x40\1"), KH_E_UNSUPPORTED, "Part 1 and of Part 15"},
    {"a style for a component", 59, 0, WITH("\xFF\x53\0\x09\0\0\1\4\4\0\1"), KH_OK, ""},
    {"a style for a component that is not there", 59, 0, WITH("\xFF\x53\0\x09\1\0\1\4\4\0\1"), KH_E_FORMAT, "component 1 of 1"},
    {"wavelet 2", 58, 1, WITH("\2"), KH_E_UNSUPPORTED, "transform 2"},
    {"precincts that are not there", 49, 1, WITH("\1"), KH_E_FORMAT, "coding style"},
    {"precincts", 47, 12, WITH("\0\x0E\1\0\0\1\0\1\4\4\0\1\x11\x11"), KH_OK, ""},
    {"precincts of one pixel", 47, 12, WITH("\0\x0E\1\0\0\1\0\1\4\4\0\1\x11\x10"), KH_E_FORMAT, "precinct 2^0 x 2^1"},
    {"no coding style", 45, 14, WITH(""), KH_E_FORMAT, "lacks coding style"},
    {"no quantization", 59, 9, WITH(""), KH_E_FORMAT, "lacks coding style or quantization"},
    {"a comment", 59, 0, WITH("\xFF\x64\0\5\0\1x"), KH_OK, ""},
    {"a second size", 59, 0, WITH("\xFF\x51\0\2"), KH_E_FORMAT, "FF51"},
    {"a second SOC", 59, 0, WITH("\xFF\x4F"), KH_E_FORMAT, "FF4F"},
    {"an array transform of Part 2", 59, 0, WITH("\xFF\x74\0\2"), KH_E_UNSUPPORTED, "Part 2"},
    {"data before the tile", 68, 0, WITH("\xFF\x93"), KH_E_FORMAT, "FF93"},
    {"the end before the tile", 68, 0, WITH("\xFF\xD9"), KH_E_FORMAT, "FFD9"},
    {"a segment past the end", 61, 2, WITH("\0\x1C"), KH_E_FORMAT, "of 28 bytes, expected 2 to 27"},
    {"tile 1 of 1", 72, 2, WITH("\0\1"), KH_E_FORMAT, "tile 1, expected 0 to 0"},
    {"a tile-part header one short", 70, 2, WITH("\0\x09"), KH_E_FORMAT, "header of 7 bytes"},
    {"a tile-part to the end", 74, 4, WITH("\0\0\0\0"), KH_OK, ""},
    {"a tile-part of 13 bytes", 74, 4, WITH("\0\0\0\x0D"), KH_E_FORMAT, "of 13 bytes, expected 14"},
    {"a tile-part that ends in its header", 80, 2, WITH("\xFF\x64\0\4\0\1\xFF\x93"), KH_E_FORMAT, "inside its own header"},
    {"a tile-part with the end inside", 74, 4, WITH("\0\0\0\x14"), KH_OK, ""},
    {"a tile-part past the end", 74, 4, WITH("\0\0\0\x15"), KH_E_FORMAT, "of 21 bytes, expected 14 to 20"},
    {"no end", 86, 2, WITH(""), KH_OK, ""},
    {"a byte of padding for an end", 86, 2, WITH("\0"), KH_OK, ""},
    {"trailing bytes", 88, 0, WITH("\0\0"), KH_OK, ""},
    {"something else for an end", 86, 2, WITH("\xFF\x52"), KH_E_FORMAT, "FF52 between tile-parts"},
};

static const gate_case jls_cases[] = {
    {"as it is", 0, 0, WITH(""), KH_OK, ""},
    {"no SOI", 1, 1, WITH("\xD9"), KH_E_FORMAT, "begin with FFD8"},
    {"a DCT frame", 3, 1, WITH("\xC0"), KH_E_FORMAT, "FFC0"},
    {"TEM", 2, 0, WITH("\xFF\x01"), KH_E_FORMAT, "FF01"},
    {"TEM in the scan is data", 26, 2, WITH("\xFF\x01"), KH_OK, ""},
    {"a marker in the scan", 26, 2, WITH("\xFF\x80"), KH_E_FORMAT, "FF80"},
    {"a restart in the scan", 26, 2, WITH("\xFF\xD0"), KH_OK, ""},
    {"a comment", 2, 0, WITH("\xFF\xFE\0\3x"), KH_OK, ""},
    {"1 bit", 6, 1, WITH("\1"), KH_E_FORMAT, "precision 1"},
    {"2 bits", 6, 1, WITH("\2"), KH_OK, ""},
    {"16 bits", 6, 1, WITH("\x10"), KH_OK, ""},
    {"17 bits", 6, 1, WITH("\x11"), KH_E_FORMAT, "precision 17"},
    {"rows told elsewhere", 7, 2, WITH("\0\0"), KH_E_UNSUPPORTED, "20 x 0"},
    {"two components", 4, 11, WITH("\0\x0E\x08\0\x0A\0\x14\2\1\x11\0\2\x11\0"), KH_E_UNSUPPORTED, "2 components"},
    {"three components, one scan", 4, 11, WITH("\0\x11\x08\0\x0A\0\x14\3\1\x11\0\2\x11\0\3\x11\0"), KH_E_FORMAT, "before its last scan"},
    {"subsampled", 13, 1, WITH("\x21"), KH_E_UNSUPPORTED, "subsampled"},
    {"a second frame header", 15, 0, WITH("\xFF\xF7\0\x0B\x08\0\x0A\0\x14\1\1\x11\0"), KH_E_FORMAT, "second frame header"},
    {"a scan first", 2, 13, WITH(""), KH_E_FORMAT, "does not fit its frame"},
    {"a second scan of one component", 32, 0, WITH("\xFF\xDA\0\x08\1\1\0\0\0\0\x12"), KH_E_FORMAT, "scans of 2 components"},
    {"near 127", 22, 1, WITH("\x7F"), KH_OK, ""},
    {"near 128 of 8 bits", 22, 1, WITH("\x80"), KH_E_FORMAT, "NEAR 128"},
    {"one component interleaved", 23, 1, WITH("\1"), KH_E_FORMAT, "interleave mode 1"},
    {"a point transform", 24, 1, WITH("\1"), KH_E_UNSUPPORTED, "point transform 1"},
    {"a mapping table", 21, 1, WITH("\1"), KH_E_UNSUPPORTED, "mapping table"},
    {"presets", 15, 0, WITH("\xFF\xF8\0\x0D\1\0\xFF\0\3\0\7\0\x15\0\x40"), KH_OK, ""},
    {"presets one short", 15, 0, WITH("\xFF\xF8\0\x0C\1\0\xFF\0\3\0\7\0\x15\0"), KH_E_UNSUPPORTED, "kind 1 and 10 bytes"},
    {"an oversize frame", 15, 0, WITH("\xFF\xF8\0\x0C\4\3\0\0\0\0\0\0\0\0"), KH_E_UNSUPPORTED, "kind 4"},
    {"no end", 32, 2, WITH(""), KH_OK, ""},
    {"a segment past the end", 4, 2, WITH("\0\x1F"), KH_E_FORMAT, "of 31 bytes, expected 2 to 30"},
};

static kh_status read_j2k(const uint8_t *bytes, size_t size, kh_error *err)
{
    kh_j2k_gate gate;

    return kh_j2k_gate_read(&gate, bytes, size, err);
}

static kh_status read_jls(const uint8_t *bytes, size_t size, kh_error *err)
{
    kh_jls_gate gate;

    return kh_jls_gate_read(&gate, bytes, size, err);
}

typedef kh_status gate_read(const uint8_t *bytes, size_t size, kh_error *err);

static void run_case(const gate_case *row, const uint8_t *good, size_t good_size, gate_read *read)
{
    size_t size = good_size - row->length + row->with_length;
    uint8_t *bytes = malloc(size); /* exactly so long: a read past the end is seen */
    kh_error err = KH_ERROR_INIT;
    kh_status status;

    assert_non_null(bytes);
    memcpy(bytes, good, row->at);
    memcpy(bytes + row->at, row->with, row->with_length);
    memcpy(bytes + row->at + row->with_length, good + row->at + row->length, good_size - row->at - row->length);
    status = read(bytes, size, &err);
    free(bytes);
    if (status != row->status || !strstr(err.message, row->words))
        fail_msg("%s: %s (%s), expected %s (%s)", row->name, kh_status_text(status), err.message, kh_status_text(row->status),
                 row->words);
}

static void streams_pass_or_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < KH_COUNT(j2k_cases); i++)
        run_case(&j2k_cases[i], j2k, sizeof j2k, read_j2k);
    for (size_t i = 0; i < KH_COUNT(jls_cases); i++)
        run_case(&jls_cases[i], jls, sizeof jls, read_jls);
}

/* A few bytes that ask for much: refused before anything is allocated. */
static void bombs_are_refused(void **state)
{
    static const gate_case bombs[] = {
        {"65535 x 65535", 8, 24, WITH("\0\0\xFF\xFF\0\0\xFF\xFF\0\0\0\0\0\0\0\0\0\0\xFF\xFF\0\0\xFF\xFF"), KH_E_LIMIT, "bytes to decode"},
        {"16384 x 16384 of 4 x 4 blocks", 8, 49,
         WITH("\0\0\x40\0\0\0\x40\0\0\0\0\0\0\0\0\0\0\0\x40\0\0\0\x40\0\0\0\0\0\0\0\0\0\0\1\7\1\1\xFF\x52\0\x0C\0\0\0\1\0\1\0\0"),
         KH_E_LIMIT, "bytes to decode"},
        {"4096 x 4096 of 4 x 4 blocks", 8, 49,
         WITH("\0\0\x10\0\0\0\x10\0\0\0\0\0\0\0\0\0\0\0\x10\0\0\0\x10\0\0\0\0\0\0\0\0\0\0\1\7\1\1\xFF\x52\0\x0C\0\0\0\1\0\1\0\0"),
         KH_OK, ""},
        {"8192 x 8192 tiles of 1 x 1", 8, 24, WITH("\0\0\x20\0\0\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\1"), KH_E_LIMIT, "tiles"},
        {"4097 tiles", 8, 24, WITH("\0\0\x10\1\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\1"), KH_E_LIMIT, "4097 tiles"},
        {"4096 tiles, one there", 8, 24, WITH("\0\0\x10\0\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\1"), KH_E_FORMAT, "without tile 1 of 4096"},
        {"65535 layers", 51, 2, WITH("\xFF\xFF"), KH_OK, ""},
        {"65535 layers of 2 x 2 precincts", 47, 12, WITH("\0\x0E\1\0\xFF\xFF\0\1\4\4\0\1\x11\x11"), KH_E_LIMIT, "packets"},
    };

    (void)state;
    for (size_t i = 0; i < KH_COUNT(bombs); i++)
        run_case(&bombs[i], j2k, sizeof j2k, read_j2k);
}

static void what_a_stream_says_is_read(void **state)
{
    static const uint8_t box[] = "\0\0\0\x0CjP  \r\n\x87\n\0\0\0\x09" "ftypX\0\0\0\x60jp2c";
    uint8_t wrapped[sizeof box - 1 + sizeof j2k];
    kh_error err = KH_ERROR_INIT;
    kh_j2k_gate gate;
    kh_jls_gate ls;

    (void)state;
    assert_int_equal(kh_j2k_gate_read(&gate, j2k, sizeof j2k, &err), KH_OK);
    assert_true(gate.rows == 10 && gate.columns == 20 && gate.components == 1 && gate.precision == 8 && !gate.is_signed);
    assert_true(!gate.colour_transform && !gate.high_throughput && gate.levels == 1 && gate.begin == 0 && gate.end == sizeof j2k);
    assert_true(gate.memory_bytes >= 2 * 4 * 200 && gate.memory_bytes < 65536);
    memcpy(wrapped, box, sizeof box - 1);
    memcpy(wrapped + sizeof box - 1, j2k, sizeof j2k);
    assert_int_equal(kh_j2k_gate_read(&gate, wrapped, sizeof wrapped, &err), KH_OK);
    assert_true(gate.begin == sizeof box - 1 && gate.end == sizeof wrapped && gate.columns == 20);
    wrapped[24] = 0xFF; /* the length of the box */
    assert_int_equal(kh_j2k_gate_read(&gate, wrapped, sizeof wrapped, &err), KH_E_FORMAT);
    assert_int_equal(kh_j2k_gate_read(&gate, wrapped, 21, NULL), KH_E_FORMAT);
    assert_int_equal(kh_jls_gate_read(&ls, jls, sizeof jls, NULL), KH_OK);
    assert_true(ls.rows == 10 && ls.columns == 20 && ls.components == 1 && ls.precision == 8 && ls.interleave == 0 && ls.ended);
}

static void cut_anywhere_is_bounded(void **state)
{
    (void)state;
    for (size_t size = 0; size < sizeof j2k; size++) {
        uint8_t *bytes = malloc(size ? size : 1);

        assert_non_null(bytes);
        memcpy(bytes, j2k, size);
        assert_int_equal(read_j2k(bytes, size, NULL), size < 86 ? KH_E_FORMAT : KH_OK);
        free(bytes);
    }
    for (size_t size = 0; size < sizeof jls; size++) {
        uint8_t *bytes = malloc(size ? size : 1);

        assert_non_null(bytes);
        memcpy(bytes, jls, size);
        assert_int_equal(read_jls(bytes, size, NULL), size < 25 ? KH_E_FORMAT : KH_OK);
        free(bytes);
    }
}

/* A byte changed is refused or decoded, but nothing else happens: the decoders behind the gate get what passes. HTJ2K is left to the
 * fuzzer: its decoder may end its process. */
static void every_byte_mutated_is_survived(void **state)
{
    uint8_t bytes[sizeof j2k], pixels[4096];

    (void)state;
    for (size_t at = 0; at < sizeof j2k; at++)
        for (unsigned value = 0; value < 256; value++) {
            kh_pixel_format format = {.rows = 10, .columns = 20, .samples = 1, .bits_allocated = 8, .bits_stored = 8,
                                      .high_bit = 7, .photometric = KH_PHOTOMETRIC_MONOCHROME2};
            kh_j2k_gate gate;

            memcpy(bytes, j2k, sizeof j2k);
            bytes[at] = (uint8_t)value;
            if (kh_j2k_gate_read(&gate, bytes, sizeof bytes, NULL) == KH_OK && !gate.high_throughput)
                (void)!kh_codec_decode_here(pixels, sizeof pixels, "1.2.840.10008.1.2.4.90", &format, bytes, sizeof bytes, NULL);
            if (at < sizeof jls) {
                memcpy(bytes, jls, sizeof jls);
                bytes[at] = (uint8_t)value;
                format.rows = 10, format.columns = 20;
                (void)!kh_codec_decode_here(pixels, sizeof pixels, "1.2.840.10008.1.2.4.80", &format, bytes, sizeof jls, NULL);
            }
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(streams_pass_or_are_refused), cmocka_unit_test(bombs_are_refused),
        cmocka_unit_test(what_a_stream_says_is_read),  cmocka_unit_test(cut_anywhere_is_bounded),
        cmocka_unit_test(every_byte_mutated_is_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
