/* Palettes, LUTs, overlays and shutters, on data sets built by hand. */
#include "tests/dicom/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "dicom/display.h"

#define UNDEFINED 0xffffffffu

/* A small image with further elements: "tag VR hex" in any order. */
typedef struct extra {
    kh_tag tag;
    const char *vr, *hex;
} extra;

static void put_hex(test_dicom *dicom, const extra *e)
{
    uint32_t digits = 0;

    for (const char *p = e->hex; *p; p++)
        digits += *p != ' ';
    test_header(dicom, e->tag, e->vr, digits / 2);
    test_hex(dicom, e->hex);
}

static void build(test_dicom *dicom, const char *syntax, const char *photometric, bool is_signed, const extra *extras, size_t count)
{
    test_begin(dicom, syntax);
    test_number(dicom, KH_TAG_SAMPLES_PER_PIXEL, "US", 1);
    test_text(dicom, KH_TAG_PHOTOMETRIC_INTERPRETATION, "CS", photometric);
    test_number(dicom, KH_TAG_ROWS, "US", 2);
    test_number(dicom, KH_TAG_COLUMNS, "US", 2);
    test_number(dicom, KH_TAG_BITS_ALLOCATED, "US", 16);
    test_number(dicom, KH_TAG_BITS_STORED, "US", 12);
    test_number(dicom, KH_TAG_HIGH_BIT, "US", 11);
    test_number(dicom, KH_TAG_PIXEL_REPRESENTATION, "US", is_signed);
    for (size_t i = 0; i < count; i++)
        put_hex(dicom, &extras[i]);
    test_header(dicom, KH_TAG_PIXEL_DATA, "OW", 8);
    test_hex(dicom, "0000000000000000");
}

static kh_status read_display(kh_display **out, const test_dicom *dicom, const char *syntax, kh_error *err)
{
    kh_image_info info = {0};
    kh_dataset *dataset = NULL;
    size_t size;
    kh_status status;

    test_image_read(&info, &dataset, dicom, syntax);
    status = kh_display_read(out, &size, dataset, &info, err);
    kh_image_info_release(&info);
    kh_dataset_free(dataset);
    return status;
}

static kh_display *display_of(const char *photometric, bool is_signed, const extra *extras, size_t count)
{
    kh_error err = KH_ERROR_INIT;
    kh_display *display = NULL;
    test_dicom dicom;

    build(&dicom, KH_TS_EXPLICIT_LE, photometric, is_signed, extras, count);
    if (read_display(&display, &dicom, KH_TS_EXPLICIT_LE, &err) != KH_OK)
        fail_msg("%s", err.message);
    test_end(&dicom);
    return display;
}

#define RED KH_TAG(0x0028, 0x1101)
#define GREEN KH_TAG(0x0028, 0x1102)
#define BLUE KH_TAG(0x0028, 0x1103)
#define RED_DATA KH_TAG(0x0028, 0x1201)
#define GREEN_DATA KH_TAG(0x0028, 0x1202)
#define BLUE_DATA KH_TAG(0x0028, 0x1203)
#define RED_SEGMENTS KH_TAG(0x0028, 0x1221)
#define GREEN_SEGMENTS KH_TAG(0x0028, 0x1222)
#define BLUE_SEGMENTS KH_TAG(0x0028, 0x1223)

typedef struct palette_case {
    const char *name, *descriptor, *red, *green, *blue;
    bool segmented, is_signed;
    int32_t first;
    uint32_t count;
    const char *rgb; /* hex of the first entries; NULL: refused */
    const char *words;
} palette_case;

static const palette_case palettes[] = {
    {"16 bits keep the high byte", "0200 0000 1000", "0080 ffff", "ff7f 0001", "0000 ff00", false, false, 0, 2, "807f00 ff0100", ""},
    {"16 bits that hold bytes", "0200 0000 1000", "8000 ff00", "0100 0200", "0000 0000", false, false, 0, 2, "800100 ff0200", ""},
    {"8 bits, two to a word", "0300 0000 0800", "01020300", "04050600", "07080900", false, false, 0, 3, "010407 020508 030609", ""},
    {"8 bits, one to a word", "0200 0000 0800", "0100 0200", "0300 0400", "0500 0600", false, false, 0, 2, "010305 020406", ""},
    {"8 bits said, 16 meant", "0200 0000 0800", "0001 00ff", "0000 0080", "0000 0000", false, false, 0, 2, "010000 ff8000", ""},
    {"first value 65534", "0200 feff 0800", "0102", "0304", "0506", false, false, 65534, 2, "010305 020406", ""},
    {"first value -2", "0200 feff 0800", "0102", "0304", "0506", false, true, -2, 2, "010305 020406", ""},
    {"segments of words", "0900 0000 1000", "0000 0200 0010 0020 0100 0400 0060 0200 0100 0000 0000 0000 0100 00ff",
     "0000 0100 0000 0100 0800 0080", "0000 0100 00f0 0100 0800 0000", true, false, 0, 9,
     "1000f0 2010d2 3020b4 403096 504078", NULL},
    {"too few bytes", "0400 0000 1000", "0000 0000", "0000 0000", "0000 0000", false, false, 0, 0, NULL,
     "RedPaletteColorLookupTableData (0028,1201) 4 bytes, expected 8"},
    {"17 bits", "0200 0000 1100", "0000 0000", "0000 0000", "0000 0000", false, false, 0, 0, NULL,
     "RedPaletteColorLookupTableDescriptor (0028,1101) entries of 17 bits, expected 1 to 16"},
    {"short descriptor", "0200 0000", "0000 0000", "0000 0000", "0000 0000", false, false, 0, 0, NULL, "(0028,1101) absent or too short"},
    {"line before a value", "0200 0000 1000", "0100 0200 0060", "0100 0200 0060", "0100 0200 0060", true, false, 0, 0, NULL, "segment"},
    {"discrete past the end", "0400 0000 1000", "0000 0400 0060", "0000 0400 0060", "0000 0400 0060", true, false, 0, 0, NULL, "segment"},
    {"too many entries", "0200 0000 1000", "0000 0300 0060 0060 0060", "00", "00", true, false, 0, 0, NULL, "segment"},
    {"too few entries", "0400 0000 1000", "0000 0300 0060 0060 0060", "00", "00", true, false, 0, 0, NULL,
     "segments of 3 entries, expected 4"},
    {"unknown segment", "0200 0000 1000", "0300 0200 0060 0060", "00", "00", true, false, 0, 0, NULL, "segment"},
    {"indirect to itself", "0300 0000 1000", "0000 0100 0060 0200 0100 0600 0000", "00", "00", true, false, 0, 0, NULL, "segment"},
};

static void check_rgb(const palette_case *c, const kh_palette *palette)
{
    unsigned value;
    size_t i = 0;

    for (const char *p = c->rgb; *p; p += *p == ' ' ? 1 : 0) {
        for (int k = 0; k < 3; k++, p += 2, i++) {
            assert_int_equal(sscanf(p, "%2x", &value), 1);
            if (palette->rgb[i] != value)
                fail_msg("%s: byte %zu of the palette is %02x, expected %02x", c->name, i, palette->rgb[i], value);
        }
    }
}

static void palettes_of_every_form(void **state)
{
    (void)state;
    for (size_t n = 0; n < sizeof palettes / sizeof palettes[0]; n++) {
        const palette_case *c = &palettes[n];
        const extra extras[] = {{RED, "US", c->descriptor},
                                {GREEN, "US", c->descriptor},
                                {BLUE, "US", c->descriptor},
                                {c->segmented ? RED_SEGMENTS : RED_DATA, "OW", c->red},
                                {c->segmented ? GREEN_SEGMENTS : GREEN_DATA, "OW", c->green},
                                {c->segmented ? BLUE_SEGMENTS : BLUE_DATA, "OW", c->blue}};
        kh_error err = KH_ERROR_INIT;
        kh_display *display = NULL;
        test_dicom dicom;
        kh_status status;

        build(&dicom, KH_TS_EXPLICIT_LE, "PALETTE COLOR", c->is_signed, extras, 6);
        status = read_display(&display, &dicom, KH_TS_EXPLICIT_LE, &err);
        test_end(&dicom);
        if (status != (c->rgb ? KH_OK : KH_E_FORMAT))
            fail_msg("%s: %s", c->name, err.message);
        if (!c->rgb) {
            test_words(c->name, err.message, c->words);
            continue;
        }
        if (display->palette.first != c->first || display->palette.count != c->count)
            fail_msg("%s: %u entries from %d, expected %u from %d", c->name, display->palette.count, display->palette.first, c->count,
                     c->first);
        check_rgb(c, &display->palette);
        free(display);
    }
}

/* 0 entries are 65,536 (PS3.3 C.7.6.3.1.5), and a palette may stop at any of them. */
static void zero_entries_are_65536(void **state)
{
    const extra extras[] = {{RED, "US", "0000 0000 1000"},
                            {GREEN, "US", "0000 0000 1000"},
                            {BLUE, "US", "0000 0000 1000"},
                            {RED_SEGMENTS, "OW", "0000 0100 0000 0100 ffff ffff"},
                            {GREEN_SEGMENTS, "OW", "0000 0100 ffff 0100 ffff 0000"},
                            {BLUE_SEGMENTS, "OW", "0000 0100 0080 0100 ffff 0080"}};
    kh_display *display = display_of("PALETTE COLOR", false, extras, 6);

    (void)state;
    assert_int_equal(display->palette.count, 65536);
    for (uint32_t i = 0; i < 65536; i++) {
        assert_int_equal(display->palette.rgb[3 * i], i >> 8);
        assert_int_equal(display->palette.rgb[3 * i + 1], (65535 - i) >> 8);
        assert_int_equal(display->palette.rgb[3 * i + 2], 0x80);
    }
    free(display);
}

/* Words of the big endian syntax, and bytes two to such a word. */
static void palettes_in_big_endian(void **state)
{
    const extra extras[] = {{RED, "US", "0003 0000 0008"},   {GREEN, "US", "0003 0000 0008"}, {BLUE, "US", "0002 0000 0010"},
                            {RED_DATA, "OW", "0201 0403"},   {GREEN_DATA, "OB", "0102 0300"}, {BLUE_DATA, "OW", "8000 ff00"}};
    static const uint8_t expected[9] = {1, 1, 0x80, 2, 2, 0xff, 3, 3, 0xff};
    kh_error err = KH_ERROR_INIT;
    kh_display *display = NULL;
    test_dicom dicom;

    (void)state;
    build(&dicom, KH_TS_EXPLICIT_BE, "PALETTE COLOR", false, extras, 6);
    if (read_display(&display, &dicom, KH_TS_EXPLICIT_BE, &err) != KH_OK)
        fail_msg("%s", err.message);
    test_end(&dicom);
    assert_memory_equal(display->palette.rgb, expected, 9);
    free(display);
}

static void put_lut(test_dicom *dicom, kh_tag sequence, const char *descriptor, const char *data)
{
    test_sequence(dicom, sequence);
    test_item(dicom, UNDEFINED);
    put_hex(dicom, &(extra){KH_TAG(0x0028, 0x3002), "US", descriptor});
    put_hex(dicom, &(extra){KH_TAG(0x0028, 0x3006), "OW", data});
    test_item_end(dicom);
    test_sequence_end(dicom);
}

static kh_status read_luts(kh_display **out, const char *modality, const char *voi, bool is_signed, kh_error *err)
{
    test_dicom dicom;
    kh_status status;

    build(&dicom, KH_TS_EXPLICIT_LE, "MONOCHROME2", is_signed, NULL, 0);
    dicom.bytes.size -= 12 + 8; /* the sequences stand before the pixels */
    if (modality)
        put_lut(&dicom, KH_TAG_MODALITY_LUT_SEQUENCE, modality, "0000 0100 0200 0104");
    if (voi)
        put_lut(&dicom, KH_TAG_VOI_LUT_SEQUENCE, voi, "0000 0100 0200 0104");
    test_header(&dicom, KH_TAG_PIXEL_DATA, "OW", 8);
    test_hex(&dicom, "0000000000000000");
    status = read_display(out, &dicom, KH_TS_EXPLICIT_LE, err);
    test_end(&dicom);
    return status;
}

static void modality_and_voi_luts(void **state)
{
    static const uint16_t entries[] = {0, 1, 2, 0x0401};
    kh_error err = KH_ERROR_INIT;
    kh_display *display = NULL;

    (void)state;
    assert_int_equal(read_luts(&display, "0400 feff 0c00", "0400 feff 0a00", true, &err), KH_OK);
    assert_int_equal(display->modality.first, -2);
    assert_int_equal(display->modality.count, 4);
    assert_int_equal(display->modality.bits, 12);
    assert_memory_equal(display->modality.values, entries, sizeof entries);
    assert_int_equal(display->voi_count, 1);
    assert_int_equal(display->voi[0].first, -2);
    assert_int_equal(display->voi[0].bits, 11); /* 10 were said, 11 are used */
    assert_memory_equal(display->voi[0].values, entries, sizeof entries);
    free(display);
    assert_int_equal(read_luts(&display, NULL, "0400 feff 1000", false, &err), KH_OK);
    assert_int_equal(display->modality.count, 0);
    assert_int_equal(display->voi[0].first, 65534);
    free(display);
    assert_int_equal(read_luts(&display, NULL, "0500 0000 1000", false, &err), KH_OK); /* too short: left out */
    assert_int_equal(display->voi_count, 0);
    free(display);
    assert_int_equal(read_luts(&display, "0500 0000 1000", NULL, false, &err), KH_E_FORMAT); /* other values without it */
    test_words("modality LUT", err.message, "LUTData (0028,3006) 8 bytes, expected 10");
    assert_null(display);
}

#define O(group, element) KH_TAG(0x6000 + 2 * (group), element)

static void overlays_and_those_that_cannot_be(void **state)
{
    const extra extras[] = {
        {O(0, 0x0010), "US", "0300"}, {O(0, 0x0011), "US", "0300"}, {O(0, 0x0050), "SS", "0000 ffff"}, {O(0, 0x3000), "OW", "5501"},
        /* in the pixels: bit 15 is free, bit 11 is one of the value */
        {O(1, 0x0010), "US", "0200"}, {O(1, 0x0011), "US", "0200"}, {O(1, 0x0100), "US", "1000"}, {O(1, 0x0102), "US", "0f00"},
        {O(2, 0x0010), "US", "0200"}, {O(2, 0x0011), "US", "0200"}, {O(2, 0x0100), "US", "1000"}, {O(2, 0x0102), "US", "0b00"},
        /* 17 bits need 3 bytes */
        {O(3, 0x0010), "US", "0100"}, {O(3, 0x0011), "US", "1100"}, {O(3, 0x3000), "OW", "ffff"},
        {O(4, 0x0010), "US", "0000"}, {O(4, 0x0011), "US", "0100"}, {O(4, 0x3000), "OW", "ffff"},
        /* two frames, of the image's frames 3 and 4 */
        {O(15, 0x0010), "US", "0100"}, {O(15, 0x0011), "US", "0800"}, {O(15, 0x0015), "IS", "3220"}, {O(15, 0x0051), "US", "0300"},
        {O(15, 0x3000), "OW", "f00f"}};
    kh_display *display = display_of("MONOCHROME2", false, extras, sizeof extras / sizeof extras[0]);
    const kh_overlay *overlay = display->overlays;

    (void)state;
    assert_int_equal(display->overlay_count, 3);
    assert_int_equal(overlay[0].row, -1);
    assert_int_equal(overlay[0].column, -2);
    assert_int_equal(overlay[0].rows, 3);
    assert_int_equal(overlay[0].frame_count, 0);
    assert_int_equal(overlay[0].bit, -1);
    assert_memory_equal(overlay[0].bits, "\x55\x01", 2);
    assert_int_equal(overlay[1].bit, 15);
    assert_int_equal(overlay[2].frame_first, 2);
    assert_int_equal(overlay[2].frame_count, 2);
    assert_memory_equal(overlay[2].bits, "\xf0\x0f", 2);
    free(display);
}

static void shutters(void **state)
{
    /* RECTANGULAR\CIRCULAR\POLYGONAL, edges 2 and 9, 3 and 8, circle 5\6 radius 4, triangle, value 0x8000 */
    const extra all[] = {
        {KH_TAG(0x0018, 0x1600), "CS", "52454354414e47554c41525c43495243554c41525c504f4c59474f4e414c"},
        {KH_TAG(0x0018, 0x1602), "IS", "3220"}, {KH_TAG(0x0018, 0x1604), "IS", "3920"}, {KH_TAG(0x0018, 0x1606), "IS", "3320"},
        {KH_TAG(0x0018, 0x1608), "IS", "3820"}, {KH_TAG(0x0018, 0x1610), "IS", "355c3620"}, {KH_TAG(0x0018, 0x1612), "IS", "3420"},
        {KH_TAG(0x0018, 0x1620), "IS", "315c315c315c395c395c3120"}, {KH_TAG(0x0018, 0x1622), "US", "0080"}};
    const extra broken[] = {{KH_TAG(0x0018, 0x1600), "CS", "52454354414e47554c41525c43495243554c4152"},
                            {KH_TAG(0x0018, 0x1602), "IS", "3220"},
                            {KH_TAG(0x0018, 0x1610), "IS", "355c3620"},
                            {KH_TAG(0x0018, 0x1612), "IS", "2d31"}};
    static const int32_t triangle[] = {1, 1, 1, 9, 9, 1};
    kh_display *display = display_of("MONOCHROME2", false, all, sizeof all / sizeof all[0]);

    (void)state;
    assert_int_equal(display->shutter.shapes, KH_SHUTTER_RECTANGULAR | KH_SHUTTER_CIRCULAR | KH_SHUTTER_POLYGONAL);
    assert_int_equal(display->shutter.left, 2);
    assert_int_equal(display->shutter.right, 9);
    assert_int_equal(display->shutter.upper, 3);
    assert_int_equal(display->shutter.lower, 8);
    assert_int_equal(display->shutter.center_row, 5);
    assert_int_equal(display->shutter.center_column, 6);
    assert_int_equal(display->shutter.radius, 4);
    assert_int_equal(display->shutter.vertex_count, 3);
    assert_memory_equal(display->shutter.vertices, triangle, sizeof triangle);
    assert_int_equal(display->shutter.value, 0x8000);
    free(display);
    display = display_of("MONOCHROME2", false, broken, sizeof broken / sizeof broken[0]); /* an edge and a radius that cannot be */
    assert_int_equal(display->shutter.shapes, 0);
    free(display);
}

/* The image info says which parts there are, so that nobody looks in vain. */
static void parts_are_told(void **state)
{
    static const struct {
        extra element;
        unsigned parts;
    } cases[] = {{{KH_TAG(0x0018, 0x1600), "CS", "58"}, KH_DISPLAY_SHUTTER},
                 {{KH_TAG(0x601e, 0x0010), "US", "0100"}, KH_DISPLAY_OVERLAY},
                 {{KH_TAG(0x6020, 0x0010), "US", "0100"}, 0}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        kh_image_info info = {0};
        kh_dataset *dataset = NULL;
        test_dicom dicom;

        build(&dicom, KH_TS_EXPLICIT_LE, "MONOCHROME2", false, &cases[i].element, 1);
        test_image_read(&info, &dataset, &dicom, KH_TS_EXPLICIT_LE);
        assert_int_equal(info.display, cases[i].parts);
        kh_image_info_release(&info);
        kh_dataset_free(dataset);
        test_end(&dicom);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(palettes_of_every_form),
        cmocka_unit_test(zero_entries_are_65536),
        cmocka_unit_test(palettes_in_big_endian),
        cmocka_unit_test(modality_and_voi_luts),
        cmocka_unit_test(overlays_and_those_that_cannot_be),
        cmocka_unit_test(shutters),
        cmocka_unit_test(parts_are_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
