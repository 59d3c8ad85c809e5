/* RLE Lossless (PS3.5 annex G), from streams written byte by byte. */
#include <stdlib.h>
#include <string.h>

#include "dicom/codec/codec.h"
#include "dicom/codec/gate.h"
#include "tests/cmocka_all.h"

typedef struct writer {
    uint8_t bytes[512];
    size_t size;
    unsigned segments;
} writer;

static void put_u32(uint8_t *out, size_t value)
{
    for (int i = 0; i < 4; i++)
        out[i] = (uint8_t)(value >> (8 * i));
}

static void begin(writer *out)
{
    memset(out, 0, sizeof *out);
    out->size = 64;
}

static void add_segment(writer *out, const void *bytes, size_t size)
{
    out->segments++;
    put_u32(out->bytes, out->segments);
    put_u32(out->bytes + 4 * out->segments, out->size);
    memcpy(out->bytes + out->size, bytes, size);
    out->size += size;
}

static kh_pixel_format form(uint32_t columns, uint16_t samples, uint16_t allocated)
{
    return (kh_pixel_format){.rows = 1, .columns = columns, .samples = samples, .bits_allocated = allocated,
                             .bits_stored = allocated, .high_bit = (uint16_t)(allocated - 1),
                             .photometric = samples == 1 ? KH_PHOTOMETRIC_MONOCHROME2 : KH_PHOTOMETRIC_YBR_FULL_422, .planar = true};
}

/* From a copy that ends where the stream ends. */
static kh_status decode(uint8_t *pixels, size_t room, kh_pixel_format *format, const writer *in, kh_error *err)
{
    uint8_t *bytes = malloc(in->size);
    kh_status status;

    assert_non_null(bytes);
    memcpy(bytes, in->bytes, in->size);
    status = kh_codec_decode_here(pixels, room, KH_TS_RLE, format, bytes, in->size, err);
    free(bytes);
    return status;
}

typedef struct packed_case {
    const char *name;
    uint32_t columns;
    const char *packed;
    size_t packed_size;
    const char *expected; /* NULL: refused */
} packed_case;

#define PACKED(text) text, sizeof(text) - 1

static const packed_case packed_cases[] = {
    {"literal", 3, PACKED("\x02" "abc"), "abc"},
    {"run", 5, PACKED("\xFC" "x"), "xxxxx"},
    {"run and literal", 6, PACKED("\xFE" "y\x02" "abc"), "yyyabc"},
    {"a control byte that does nothing", 2, PACKED("\x80\x01" "ab"), "ab"},
    {"nothing but those", 2, PACKED("\x80\x80\x80\x80"), NULL},
    {"padded", 2, PACKED("\x01" "ab\x00"), "ab"},
    {"a run longer than the row", 2, PACKED("\xFC" "z"), "zz"},
    {"a literal longer than the row", 2, PACKED("\x03" "abcd"), "ab"},
    {"one byte short", 3, PACKED("\x01" "ab"), NULL},
    {"literal cut", 3, PACKED("\x02" "ab"), NULL},
    {"run without its byte", 3, PACKED("\xFE"), NULL},
    {"empty", 1, PACKED(""), NULL},
};

static void packed_bits_are_unpacked(void **state)
{
    (void)state;
    for (size_t i = 0; i < KH_COUNT(packed_cases); i++) {
        const packed_case *row = &packed_cases[i];
        kh_pixel_format format = form(row->columns, 1, 8);
        kh_error err = KH_ERROR_INIT;
        uint8_t pixels[16];
        writer in;
        kh_status status;

        begin(&in);
        add_segment(&in, row->packed, row->packed_size);
        status = decode(pixels, row->columns, &format, &in, &err);
        if (status != (row->expected ? KH_OK : KH_E_FORMAT) || (row->expected && memcmp(pixels, row->expected, row->columns) != 0))
            fail_msg("%s: %s %s", row->name, kh_status_text(status), err.message);
    }
}

static void sixteen_bits_come_most_significant_first(void **state)
{
    kh_pixel_format format = form(3, 1, 16);
    kh_error err = KH_ERROR_INIT;
    uint8_t pixels[6];
    writer in;

    (void)state;
    begin(&in);
    add_segment(&in, "\x02\x11\x22\x33", 4);
    add_segment(&in, "\x02\xAA\xBB\xCC", 4);
    assert_int_equal(decode(pixels, 6, &format, &in, &err), KH_OK);
    assert_memory_equal(pixels, "\xAA\x11\xBB\x22\xCC\x33", 6);
}

static void planes_become_pixels(void **state)
{
    static const char expected[] = "\x02\x01\x04\x03\x06\x05\x12\x11\x14\x13\x16\x15";
    kh_pixel_format format = form(2, 3, 16);
    kh_error err = KH_ERROR_INIT;
    uint8_t pixels[12];
    writer in;

    (void)state;
    begin(&in);
    for (unsigned i = 1; i <= 6; i++) {
        uint8_t segment[] = {1, (uint8_t)i, (uint8_t)(0x10 + i)};

        add_segment(&in, segment, 3);
    }
    assert_int_equal(decode(pixels, 12, &format, &in, &err), KH_OK);
    assert_memory_equal(pixels, expected, 12);
    assert_false(format.planar);
    assert_int_equal(format.photometric, KH_PHOTOMETRIC_YBR_FULL); /* whole planes cannot be 422 */
}

static void single_bits_stay_packed(void **state)
{
    kh_pixel_format format = form(12, 1, 1);
    kh_error err = KH_ERROR_INIT;
    uint8_t pixels[2];
    writer in;

    (void)state;
    begin(&in);
    add_segment(&in, "\x01\x5A\x0F", 3);
    assert_int_equal(decode(pixels, 2, &format, &in, &err), KH_OK);
    assert_memory_equal(pixels, "\x5A\x0F", 2);
}

static void segments_must_be_as_many_as_the_header_says(void **state)
{
    (void)state;
    for (unsigned count = 1; count <= 4; count++) {
        kh_pixel_format format = form(2, 1, 16);
        kh_error err = KH_ERROR_INIT;
        uint8_t pixels[4];
        writer in;
        kh_status status;

        begin(&in);
        for (unsigned i = 0; i < count; i++)
            add_segment(&in, "\x01" "ab", 3);
        status = decode(pixels, 4, &format, &in, &err);
        assert_int_equal(status, count == 2 ? KH_OK : KH_E_FORMAT);
        assert_true(count == 2 || strstr(err.message, "expected 2"));
    }
}

static void the_header_must_point_inside(void **state)
{
    static const struct {
        const char *name;
        size_t size, count, first, second;
        kh_status status;
    } rows[] = {
        {"sound", 100, 2, 64, 80, KH_OK},           {"no header", 63, 1, 64, 0, KH_E_FORMAT},
        {"header only", 64, 1, 64, 0, KH_OK},       {"no segments", 100, 0, 64, 80, KH_E_FORMAT},
        {"16 segments", 100, 16, 64, 80, KH_E_FORMAT}, {"inside the header", 100, 2, 63, 80, KH_E_FORMAT},
        {"backwards", 100, 2, 80, 79, KH_E_FORMAT}, {"equal", 100, 2, 80, 80, KH_OK},
        {"at the end", 100, 2, 64, 100, KH_OK},     {"past the end", 100, 2, 64, 101, KH_E_FORMAT},
        {"far past", 100, 2, 64, 0xFFFFFFFF, KH_E_FORMAT},
    };

    (void)state;
    for (size_t i = 0; i < KH_COUNT(rows); i++) {
        uint8_t *bytes = calloc(1, rows[i].size);
        uint8_t header[64] = {0};
        kh_error err = KH_ERROR_INIT;
        kh_rle_gate gate;

        assert_non_null(bytes);
        put_u32(header, rows[i].count);
        put_u32(header + 4, rows[i].first);
        put_u32(header + 8, rows[i].second);
        memcpy(bytes, header, rows[i].size < 64 ? rows[i].size : 64);
        if (kh_rle_gate_read(&gate, bytes, rows[i].size, &err) != rows[i].status)
            fail_msg("%s: %s", rows[i].name, err.message);
        free(bytes);
    }
}

static void every_byte_mutated_is_survived(void **state)
{
    writer in;

    (void)state;
    for (size_t at = 0; at < 64 + 12; at++)
        for (unsigned value = 0; value < 256; value++) {
            kh_pixel_format format = form(6, 1, 16);
            kh_error err = KH_ERROR_INIT;
            uint8_t pixels[12];

            begin(&in);
            add_segment(&in, "\x02" "abc\xFE" "d", 6);
            add_segment(&in, "\xFB" "e\x80\x80\x80\x80", 6);
            in.bytes[at] = (uint8_t)value;
            (void)!decode(pixels, sizeof pixels, &format, &in, &err);
        }
}

static void depths_that_are_no_bytes_are_refused(void **state)
{
    static const struct {
        uint16_t samples, allocated;
        const char *words;
    } rows[] = {{1, 12, "BitsAllocated 12"}, {3, 1, "BitsAllocated 1 and SamplesPerPixel 3"}, {2, 8, "SamplesPerPixel 2"}};

    (void)state;
    for (size_t i = 0; i < KH_COUNT(rows); i++) {
        kh_pixel_format format = form(2, rows[i].samples, rows[i].allocated);
        kh_error err = KH_ERROR_INIT;
        uint8_t pixels[8];
        writer in;

        begin(&in);
        add_segment(&in, "\x01" "ab", 3);
        assert_int_equal(decode(pixels, 8, &format, &in, &err), KH_E_UNSUPPORTED);
        assert_non_null(strstr(err.message, rows[i].words));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packed_bits_are_unpacked),       cmocka_unit_test(sixteen_bits_come_most_significant_first),
        cmocka_unit_test(planes_become_pixels),           cmocka_unit_test(single_bits_stay_packed),
        cmocka_unit_test(segments_must_be_as_many_as_the_header_says), cmocka_unit_test(the_header_must_point_inside),
        cmocka_unit_test(every_byte_mutated_is_survived), cmocka_unit_test(depths_that_are_no_bytes_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
