/* What a codestream says wins over the header, and every value comes out: tiny pictures made with the libraries' own encoders, in
 * each depth, sign and interleave, under headers that fit and headers that lie. */
#include <charls/charls.h>
#include <openjpeg.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "dicom/codec/codec.h"
#include "dicom/codec/decoder.h"
#include "tests/cmocka_all.h"

#define COLUMNS 9
#define ROWS 7
#define PIXELS (COLUMNS * ROWS)
#define JLS "1.2.840.10008.1.2.4.80"
#define J2K "1.2.840.10008.1.2.4.90"
#define DEFLATED "1.2.840.10008.1.2.8.1"

static uint8_t stream[65536];
static size_t stream_size;

/* Sample i of a picture: its range's ends first, then all over. */
static int32_t value_of(size_t i, unsigned precision, bool is_signed)
{
    int64_t range = INT64_C(1) << precision, low = is_signed ? -range / 2 : 0;

    if (i < 2)
        return (int32_t)(i == 0 ? low : low + range - 1);
    return (int32_t)(low + (int64_t)(i * 2654435761u % (uint64_t)range));
}

static OPJ_SIZE_T put(void *bytes, OPJ_SIZE_T size, void *context)
{
    (void)context;
    assert_true(stream_size + size <= sizeof stream);
    memcpy(stream + stream_size, bytes, size);
    stream_size += size;
    return size;
}

static void encode_j2k(unsigned precision, bool is_signed, unsigned components, bool transform)
{
    opj_image_cmptparm_t parts[3];
    opj_cparameters_t parameters;
    opj_codec_t *codec = opj_create_compress(OPJ_CODEC_J2K);
    opj_stream_t *out = opj_stream_create(4096, OPJ_FALSE);
    opj_image_t *image;

    memset(parts, 0, sizeof parts);
    for (unsigned c = 0; c < components; c++)
        parts[c] = (opj_image_cmptparm_t){.dx = 1, .dy = 1, .w = COLUMNS, .h = ROWS, .prec = precision, .sgnd = is_signed};
    image = opj_image_create(components, parts, components == 3 ? OPJ_CLRSPC_SRGB : OPJ_CLRSPC_GRAY);
    assert_non_null(image);
    image->x1 = COLUMNS;
    image->y1 = ROWS;
    for (unsigned c = 0; c < components; c++)
        for (size_t i = 0; i < PIXELS; i++)
            image->comps[c].data[i] = value_of(i * components + c, precision, is_signed);
    opj_set_default_encoder_parameters(&parameters);
    parameters.numresolution = 3;
    parameters.tcp_numlayers = 1;
    parameters.cp_disto_alloc = 1;
    parameters.tcp_mct = transform;
    stream_size = 0;
    opj_stream_set_write_function(out, put);
    assert_true(opj_setup_encoder(codec, &parameters, image) && opj_start_compress(codec, image, out)
                && opj_encode(codec, out) && opj_end_compress(codec, out));
    opj_stream_destroy(out);
    opj_destroy_codec(codec);
    opj_image_destroy(image);
}

static void encode_jls(unsigned precision, unsigned components, charls_interleave_mode mode)
{
    uint8_t source[PIXELS * 3 * 2];
    unsigned bytes = precision > 8 ? 2 : 1;
    charls_frame_info info = {COLUMNS, ROWS, (int32_t)precision, (int32_t)components};
    charls_jpegls_encoder *encoder = charls_jpegls_encoder_create();

    assert_non_null(encoder);
    for (size_t i = 0; i < PIXELS; i++)
        for (unsigned c = 0; c < components; c++) {
            int32_t value = value_of(i * components + c, precision, false);
            size_t at = mode == CHARLS_INTERLEAVE_MODE_NONE ? c * (size_t)PIXELS + i : i * components + c;

            memcpy(source + at * bytes, &value, bytes);
        }
    assert_int_equal(charls_jpegls_encoder_set_frame_info(encoder, &info), 0);
    assert_int_equal(charls_jpegls_encoder_set_interleave_mode(encoder, mode), 0);
    assert_int_equal(charls_jpegls_encoder_set_destination_buffer(encoder, stream, sizeof stream), 0);
    assert_int_equal(charls_jpegls_encoder_encode_from_buffer(encoder, source, (size_t)PIXELS * components * bytes, 0), 0);
    assert_int_equal(charls_jpegls_encoder_get_bytes_written(encoder, &stream_size), 0);
    charls_jpegls_encoder_destroy(encoder);
}

static kh_pixel_format header(unsigned samples, unsigned allocated, unsigned stored, unsigned high, bool is_signed)
{
    return (kh_pixel_format){.rows = ROWS, .columns = COLUMNS, .samples = (uint16_t)samples, .bits_allocated = (uint16_t)allocated,
                             .bits_stored = (uint16_t)stored, .high_bit = (uint16_t)high, .is_signed = is_signed,
                             .photometric = samples == 3 ? KH_PHOTOMETRIC_RGB : KH_PHOTOMETRIC_MONOCHROME2};
}

/* The value that a format makes of a word (image.h). */
static int64_t sample_at(const uint8_t *pixels, const kh_pixel_format *format, size_t i)
{
    uint32_t word = 0;

    memcpy(&word, pixels + i * (format->bits_allocated / 8u), format->bits_allocated / 8u);
    word = word >> (format->high_bit + 1u - format->bits_stored);
    if (format->bits_stored < 32)
        word &= (UINT32_C(1) << format->bits_stored) - 1;
    if (format->is_signed && word >> (format->bits_stored - 1u))
        return (int64_t)word - (INT64_C(1) << format->bits_stored);
    return word;
}

static void decode_and_compare(const char *name, const char *syntax, kh_pixel_format *format, unsigned precision, bool is_signed)
{
    uint8_t pixels[PIXELS * 3 * 4];
    kh_error err = KH_ERROR_INIT;

    if (kh_codec_decode_here(pixels, sizeof pixels, syntax, format, stream, stream_size, &err) != KH_OK)
        fail_msg("%s of %u bits: %s", name, precision, err.message);
    for (size_t i = 0; i < (size_t)PIXELS * format->samples; i++)
        if (sample_at(pixels, format, i) != value_of(i, precision, is_signed))
            fail_msg("%s of %u bits: sample %zu is %lld, expected %d", name, precision, i, (long long)sample_at(pixels, format, i),
                     value_of(i, precision, is_signed));
}

static void jpeg_2000_of_every_depth(void **state)
{
    (void)state;
    for (unsigned precision = 1; precision <= 24; precision++) {
        unsigned allocated = precision <= 8 ? 8 : precision <= 16 ? 16 : 32;

        for (unsigned is_signed = 0; is_signed < (precision > 1 ? 2 : 1); is_signed++) {
            kh_pixel_format format = header(1, allocated, precision, precision - 1, is_signed);

            encode_j2k(precision, is_signed, 1, false);
            decode_and_compare("JPEG 2000", J2K, &format, precision, is_signed);
            assert_true(format.bits_allocated == allocated && format.bits_stored == precision && format.is_signed == is_signed);
        }
    }
}

static void jpeg_2000_in_colour(void **state)
{
    static const struct {
        bool transform;
        kh_photometric header, planned;
    } rows[] = {
        {false, KH_PHOTOMETRIC_RGB, KH_PHOTOMETRIC_RGB},           {true, KH_PHOTOMETRIC_RGB, KH_PHOTOMETRIC_RGB},
        {true, KH_PHOTOMETRIC_YBR_RCT, KH_PHOTOMETRIC_RGB},        {true, KH_PHOTOMETRIC_YBR_ICT, KH_PHOTOMETRIC_RGB},
        {false, KH_PHOTOMETRIC_YBR_RCT, KH_PHOTOMETRIC_RGB},       {false, KH_PHOTOMETRIC_YBR_FULL, KH_PHOTOMETRIC_YBR_FULL},
        {false, KH_PHOTOMETRIC_YBR_FULL_422, KH_PHOTOMETRIC_YBR_FULL}, {true, KH_PHOTOMETRIC_YBR_FULL, KH_PHOTOMETRIC_RGB},
        {false, KH_PHOTOMETRIC_MONOCHROME2, KH_PHOTOMETRIC_RGB},
    };

    (void)state;
    for (size_t i = 0; i < KH_COUNT(rows); i++) {
        kh_pixel_format format = header(3, 8, 8, 7, false);

        format.photometric = rows[i].header;
        format.planar = i % 2;
        encode_j2k(8, false, 3, rows[i].transform);
        decode_and_compare("JPEG 2000 in colour", J2K, &format, 8, false);
        assert_int_equal(format.photometric, rows[i].planned);
        assert_false(format.planar);
    }
}

static void headers_that_do_not_fit_a_jpeg_2000(void **state)
{
    static const struct {
        const char *name;
        unsigned precision, is_signed;                                    /* of the stream */
        unsigned allocated, stored, high, header_signed;                  /* of the header */
        unsigned planned_allocated, planned_stored, planned_high, planned_signed;
    } rows[] = {
        {"narrower than Bits Stored", 11, 0, 16, 12, 11, 0, 16, 12, 11, 0},
        {"wider than Bits Stored", 16, 0, 16, 12, 11, 0, 16, 16, 15, 0},
        {"wider, in a High Bit of its own", 16, 0, 16, 12, 15, 0, 16, 12, 15, 0},
        {"two's complement in an unsigned stream", 13, 0, 16, 13, 12, 1, 16, 13, 12, 1},
        {"signed, header says unsigned", 12, 1, 16, 16, 15, 0, 16, 12, 11, 1},
        {"signed and wider", 16, 1, 16, 12, 11, 1, 16, 16, 15, 1},
        {"signed and narrower", 12, 1, 16, 16, 15, 1, 16, 16, 15, 1},
        {"1 bit allocated", 1, 0, 1, 1, 0, 0, 8, 1, 0, 0},
        {"8 bits allocated for 12", 12, 0, 8, 8, 7, 0, 16, 12, 11, 0},
        {"32 bits allocated for 16", 16, 0, 32, 32, 31, 0, 16, 16, 15, 0},
        {"64 bits allocated for 24", 24, 0, 64, 64, 63, 0, 32, 24, 23, 0},
        {"no Bits Stored", 10, 0, 16, 0, 0, 0, 16, 10, 9, 0},
        {"High Bit below Bits Stored", 12, 0, 16, 12, 3, 0, 16, 12, 11, 0},
    };

    (void)state;
    for (size_t i = 0; i < KH_COUNT(rows); i++) {
        kh_pixel_format format = header(1, rows[i].allocated, rows[i].stored, rows[i].high, rows[i].header_signed);
        uint8_t pixels[PIXELS * 4];
        kh_error err = KH_ERROR_INIT;

        encode_j2k(rows[i].precision, rows[i].is_signed, 1, false);
        assert_int_equal(kh_codec_decode_here(pixels, sizeof pixels, J2K, &format, stream, stream_size, &err), KH_OK);
        if (format.bits_allocated != rows[i].planned_allocated || format.bits_stored != rows[i].planned_stored
            || format.high_bit != rows[i].planned_high || format.is_signed != rows[i].planned_signed)
            fail_msg("%s: %u allocated, %u stored, high bit %u, signed %d", rows[i].name, (unsigned)format.bits_allocated,
                     (unsigned)format.bits_stored, (unsigned)format.high_bit, format.is_signed);
        if (rows[i].planned_stored >= rows[i].precision && rows[i].planned_signed == rows[i].is_signed)
            for (size_t k = 0; k < PIXELS; k++)
                assert_int_equal(sample_at(pixels, &format, k), value_of(k, rows[i].precision, rows[i].is_signed));
    }
}

static void jpeg_ls_of_every_depth(void **state)
{
    (void)state;
    for (unsigned precision = 2; precision <= 16; precision++) {
        kh_pixel_format format = header(1, precision <= 8 ? 8 : 16, precision, precision - 1, false);

        encode_jls(precision, 1, CHARLS_INTERLEAVE_MODE_NONE);
        decode_and_compare("JPEG-LS", JLS, &format, precision, false);
        for (int mode = CHARLS_INTERLEAVE_MODE_NONE; mode <= CHARLS_INTERLEAVE_MODE_SAMPLE; mode++) {
            format = header(3, 16, precision, precision - 1, false);
            format.planar = true;
            encode_jls(precision, 3, (charls_interleave_mode)mode);
            decode_and_compare("JPEG-LS in colour", JLS, &format, precision, false);
            assert_int_equal(format.photometric, KH_PHOTOMETRIC_RGB);
            assert_false(format.planar);
        }
    }
}

static void streams_without_an_end_and_cut_ones(void **state)
{
    static const char *const syntaxes[] = {JLS, J2K};

    (void)state;
    for (size_t s = 0; s < KH_COUNT(syntaxes); s++) {
        kh_pixel_format format = header(1, 16, 12, 11, false);
        uint8_t pixels[PIXELS * 2];
        size_t whole;

        if (s == 0)
            encode_jls(12, 1, CHARLS_INTERLEAVE_MODE_NONE);
        else
            encode_j2k(12, false, 1, false);
        whole = stream_size;
        stream_size -= 2;
        decode_and_compare("without an end", syntaxes[s], &format, 12, false);
        for (size_t size = 0; size < whole - 4; size++) {
            kh_error err = KH_ERROR_INIT;
            uint8_t *bytes = malloc(size ? size : 1);
            kh_status status;

            assert_non_null(bytes);
            memcpy(bytes, stream, size);
            format = header(1, 16, 12, 11, false);
            status = kh_codec_decode_here(pixels, sizeof pixels, syntaxes[s], &format, bytes, size, &err);
            free(bytes);
            if (status != KH_E_FORMAT || err.message[0] == '\0')
                fail_msg("%s cut at %zu of %zu: %s %s", syntaxes[s], size, whole, kh_status_text(status), err.message);
        }
    }
}

static void sizes_are_compared(void **state)
{
    static const struct {
        uint32_t rows, columns;
        size_t room;
        kh_status status;
        const char *words;
    } rows[] = {
        {ROWS, COLUMNS, PIXELS * 2, KH_OK, ""},
        {ROWS + 1, COLUMNS, PIXELS * 4, KH_E_FORMAT, "of 9 columns and 7 rows, expected Columns 9 and Rows 8"},
        {ROWS, COLUMNS - 1, PIXELS * 4, KH_E_FORMAT, "of 9 columns and 7 rows, expected Columns 8 and Rows 7"},
        {ROWS, COLUMNS, PIXELS * 2 - 1, KH_E_LIMIT, "expected at most 125 bytes"},
    };
    uint8_t pixels[PIXELS * 4];

    (void)state;
    for (unsigned s = 0; s < 2; s++) {
        if (s == 0)
            encode_jls(12, 1, CHARLS_INTERLEAVE_MODE_NONE);
        else
            encode_j2k(12, false, 1, false);
        for (size_t i = 0; i < KH_COUNT(rows); i++) {
            kh_pixel_format format = header(1, 16, 12, 11, false);
            kh_error err = KH_ERROR_INIT;

            format.rows = rows[i].rows, format.columns = rows[i].columns;
            assert_int_equal(kh_codec_decode_here(pixels, rows[i].room, s == 0 ? JLS : J2K, &format, stream, stream_size, &err),
                             rows[i].status);
            assert_non_null(strstr(err.message, rows[i].words));
        }
    }
}

static void deflate_bytes(const uint8_t *bytes, size_t size)
{
    z_stream zip = {0};

    assert_int_equal(deflateInit2(&zip, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), Z_OK);
    zip.next_in = (Bytef *)(uintptr_t)bytes;
    zip.avail_in = (uInt)size;
    zip.next_out = stream;
    zip.avail_out = sizeof stream;
    assert_int_equal(deflate(&zip, Z_FINISH), Z_STREAM_END);
    stream_size = zip.total_out;
    deflateEnd(&zip);
}

static void deflated_frames(void **state)
{
    static const struct {
        const char *name;
        size_t bytes;  /* deflated, of 126 that the frame takes */
        int cut, more; /* bytes taken from the stream's end, added to it */
        kh_status status;
        const char *words;
    } rows[] = {
        {"whole", 126, 0, 0, KH_OK, ""},
        {"padded", 126, 0, 1, KH_OK, ""},
        {"cut by its last byte", 126, 1, 0, KH_E_FORMAT, "damaged or cut"},
        {"one byte short", 125, 0, 0, KH_E_FORMAT, "holds 125 bytes, expected 126"},
        {"one byte long", 127, 0, 0, KH_E_FORMAT, "more than the expected 126"},
        {"a bomb", 8 << 20, 0, 0, KH_E_FORMAT, "more than the expected 126"},
        {"empty", 0, 0, 0, KH_E_FORMAT, "holds 0 bytes"},
        {"nothing", 0, 2, 0, KH_E_FORMAT, "of 0 bytes"},
    };
    uint8_t *bytes = calloc(1, 8 << 20), pixels[126];

    (void)state;
    assert_non_null(bytes);
    for (size_t i = 0; i < 126; i++)
        bytes[i] = (uint8_t)(i * 37);
    for (size_t i = 0; i < KH_COUNT(rows); i++) {
        kh_pixel_format format = header(1, 16, 12, 11, true);
        kh_error err = KH_ERROR_INIT;
        kh_status status;

        deflate_bytes(bytes, rows[i].bytes);
        stream_size = stream_size - (size_t)rows[i].cut + (size_t)rows[i].more;
        status = kh_codec_decode_here(pixels, sizeof pixels, DEFLATED, &format, stream, stream_size, &err);
        if (status != rows[i].status || !strstr(err.message, rows[i].words))
            fail_msg("%s: %s (%s)", rows[i].name, kh_status_text(status), err.message);
        if (status == KH_OK)
            assert_memory_equal(pixels, bytes, 126);
        assert_true(status != KH_OK || (format.bits_stored == 12 && format.is_signed));
    }
    free(bytes);
}

/* The byte behind a marker of the stream, counted from its length. */
static uint8_t *behind_marker(uint8_t marker, size_t offset)
{
    const uint8_t bytes[2] = {0xff, marker};
    uint8_t *at = memmem(stream, stream_size, bytes, sizeof bytes);

    assert_non_null(at);
    return at + 2 + offset;
}

/* Overlays lie in bits that the value does not use: they are there when the stream is exact and reaches up to them. */
static void what_a_stream_carries_beside_the_value(void **state)
{
    static const struct {
        const char *name;
        bool jpeg_ls, is_signed, lossy;
        unsigned precision, said, carried; /* bits, as masks */
    } rows[] = {
        {"JPEG-LS of whole words", true, false, false, 16, 0xf000, 0xf000},
        {"JPEG-LS of 13 bits", true, false, false, 13, 0xf000, 0x1000},
        {"JPEG-LS of the value", true, false, false, 12, 0xf000, 0},
        {"near-lossless JPEG-LS", true, false, true, 16, 0xf000, 0},
        {"JPEG 2000 of whole words", false, false, false, 16, 0x9000, 0x9000},
        {"JPEG 2000 of 13 bits", false, false, false, 13, 0xf000, 0x1000},
        {"JPEG 2000 of signed numbers", false, true, false, 16, 0xf000, 0},
        {"irreversible JPEG 2000", false, false, true, 16, 0xf000, 0},
    };

    (void)state;
    for (size_t i = 0; i < KH_COUNT(rows); i++) {
        kh_pixel_format format = header(1, 16, 12, 11, false);
        kh_codestream codestream = {stream, 0};
        kh_error err = KH_ERROR_INIT;
        size_t size;

        format.overlay_bits = (uint16_t)rows[i].said;
        if (rows[i].jpeg_ls)
            encode_jls(rows[i].precision, 1, CHARLS_INTERLEAVE_MODE_NONE);
        else
            encode_j2k(rows[i].precision, rows[i].is_signed, 1, false);
        if (rows[i].lossy && rows[i].jpeg_ls)
            *behind_marker(0xda, 5) = 3; /* NEAR of the scan */
        else if (rows[i].lossy)
            *behind_marker(0x52, 11) = 0; /* the transform of COD */
        codestream.size = stream_size;
        if (kh_codec_plan(&format, &size, 1u << 20, rows[i].jpeg_ls ? JLS : J2K, &codestream, 0, &err) != KH_OK)
            fail_msg("%s: %s", rows[i].name, err.message);
        if (format.overlay_bits != rows[i].carried || format.lossy != rows[i].lossy)
            fail_msg("%s: bits %04x, lossy %d", rows[i].name, (unsigned)format.overlay_bits, format.lossy);
        if (!rows[i].is_signed)
            assert_true(format.bits_stored == 12 && format.high_bit == 11); /* the value, not the words */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jpeg_2000_of_every_depth),
        cmocka_unit_test(jpeg_2000_in_colour),
        cmocka_unit_test(headers_that_do_not_fit_a_jpeg_2000),
        cmocka_unit_test(jpeg_ls_of_every_depth),
        cmocka_unit_test(streams_without_an_end_and_cut_ones),
        cmocka_unit_test(sizes_are_compared),
        cmocka_unit_test(deflated_frames),
        cmocka_unit_test(what_a_stream_carries_beside_the_value),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
