/* Frame tables, on objects built by hand. */
#include "tests/dicom/support.h"

#include <string.h>
#include "dicom/frames.h"

#define UNDEFINED 0xffffffffu

static kh_status read_frames(kh_frame_table *table, const test_dicom *dicom, const char *syntax, kh_error *err)
{
    kh_dataset *dataset;
    kh_image_info info;
    kh_source source;
    kh_status status;

    kh_source_init_memory(&source, dicom->bytes.data, dicom->bytes.size);
    test_image_read(&info, &dataset, dicom, syntax);
    status = kh_frame_table_read(table, dataset, &info, &source, err);
    kh_image_info_release(&info);
    kh_dataset_free(dataset);
    return status;
}

/* Frames of 12 bytes in native pixel data of some length; offsets count from the pixel data's first byte. */
static void test_native_frames(void **state)
{
    static const struct {
        const char *name, *frames;
        uint32_t length;
        uint32_t whole; /* frames that are there */
    } rows[] = {
        {"one frame", "1", 12, 1},
        {"one frame, padded", "1", 14, 1},
        {"one frame, cut", "1", 10, 0},
        {"three frames", "3", 36, 3},
        {"three frames, cut", "3", 34, 2},
        {"three frames, none", "3", 0, 0},
        {"a million frames", "1000000", 24, 2},
    };
    (void)state;

    for (size_t i = 0; i < KH_COUNT(rows); i++) {
        static const uint8_t pixels[64];
        test_dicom dicom;
        kh_frame_table table;
        size_t begin;
        test_begin(&dicom, KH_TS_EXPLICIT_LE);
        test_image(&dicom, &(test_image_options){
                               .tag = KH_TAG_NUMBER_OF_FRAMES, .vr = "IS", .text = rows[i].frames, .no_pixels = true});
        test_header(&dicom, KH_TAG_PIXEL_DATA, "OW", rows[i].length);
        begin = dicom.bytes.size;
        test_raw(&dicom, pixels, rows[i].length);
        assert_int_equal(read_frames(&table, &dicom, KH_TS_EXPLICIT_LE, NULL), KH_OK);
        for (uint32_t f = 0; f < table.frame_count; f++) {
            if (kh_frame_table_bytes(&table, f) != (f < rows[i].whole ? 12u : 0u))
                fail_msg("%s: frame %u of %llu bytes", rows[i].name, f,
                         (unsigned long long)kh_frame_table_bytes(&table, f));
            if (f < rows[i].whole)
                assert_int_equal(table.extents[table.first_extent[f]].offset, begin + f * 12);
        }
        kh_frame_table_release(&table);
        test_end(&dicom);
    }
}

/* 1-bit frames of 6 pixels: frame 1 is bits 6 to 11, so bytes 0 and 1; frame 2 bits 12 to 17, bytes 1 and 2. */
static void test_bit_frames(void **state)
{
    test_dicom dicom;
    kh_frame_table table;
    size_t begin;
    (void)state;

    test_begin(&dicom, KH_TS_EXPLICIT_LE);
    test_number(&dicom, KH_TAG_SAMPLES_PER_PIXEL, "US", 1);
    test_text(&dicom, KH_TAG_NUMBER_OF_FRAMES, "IS", "3");
    test_number(&dicom, KH_TAG_ROWS, "US", 2);
    test_number(&dicom, KH_TAG_COLUMNS, "US", 3);
    test_number(&dicom, KH_TAG_BITS_ALLOCATED, "US", 1);
    test_header(&dicom, KH_TAG_PIXEL_DATA, "OB", 4);
    begin = dicom.bytes.size;
    test_hex(&dicom, "ffffff00");
    assert_int_equal(read_frames(&table, &dicom, KH_TS_EXPLICIT_LE, NULL), KH_OK);
    assert_int_equal(table.extents[0].offset, begin);
    assert_int_equal(table.extents[0].length, 1);
    assert_int_equal(table.extents[1].offset, begin);
    assert_int_equal(table.extents[1].length, 2);
    assert_int_equal(table.extents[2].offset, begin + 1);
    assert_int_equal(table.extents[2].length, 2);
    kh_frame_table_release(&table);
    test_end(&dicom);
}

#define ITEM(length) "feff00e0" length "000000"
#define EMPTY_TABLE ITEM("00")
#define END "feffdde000000000"
#define SOI "ffd8ffe0"
#define MID "01020304"

/* Encapsulated: the expected bytes of each frame, 0 for one that is not there. */
static void test_encapsulated_frames(void **state)
{
    static const struct {
        const char *name, *frames, *extended, *hex;
        kh_status status;
        const char *words;
        uint64_t bytes[3];
        uint32_t extents[3];
    } rows[] = {
        {"one fragment", "1", NULL, EMPTY_TABLE ITEM("04") SOI END, KH_OK, "", {4}, {1}},
        {"three fragments of one frame",
         "1",
         NULL,
         EMPTY_TABLE ITEM("04") SOI ITEM("02") "0102" ITEM("04") MID END,
         KH_OK,
         "",
         {10},
         {3}},
        {"a fragment a frame", "2", NULL, EMPTY_TABLE ITEM("04") SOI ITEM("02") "0102" END, KH_OK, "", {4, 2}, {1, 1}},
        {"a fragment a frame, wrong table",
         "2",
         NULL,
         ITEM("08") "0000000063000000" ITEM("04") SOI ITEM("02") "0102" END,
         KH_OK,
         "",
         {4, 2},
         {1, 1}},
        {"basic table",
         "2",
         NULL,
         ITEM("08") "0000000018000000" ITEM("04") MID ITEM("04") MID ITEM("02") "0102" END,
         KH_OK,
         "",
         {8, 2},
         {2, 1}},
        {"basic table beside fragments, no start codes",
         "2",
         NULL,
         ITEM("08") "0000000017000000" ITEM("04") MID ITEM("04") MID ITEM("02") "0102" END,
         KH_E_FORMAT,
         "PixelData (7FE0,0010): 3 fragments for 2 frames",
         {0},
         {0}},
        {"basic table that does not begin at 0",
         "2",
         NULL,
         ITEM("08") "0c00000018000000" ITEM("04") MID ITEM("04") MID ITEM("02") "0102" END,
         KH_E_FORMAT,
         "no offset table that fits",
         {0},
         {0}},
        {"basic table too short",
         "2",
         NULL,
         ITEM("04") "00000000" ITEM("04") MID ITEM("04") MID ITEM("02") "0102" END,
         KH_E_FORMAT,
         "no offset table",
         {0},
         {0}},
        {"wrong table, start codes",
         "2",
         NULL,
         ITEM("08") "0000000017000000" ITEM("04") SOI ITEM("04") MID ITEM("04") SOI END,
         KH_OK,
         "",
         {8, 4},
         {2, 1}},
        {"start codes",
         "3",
         NULL,
         EMPTY_TABLE ITEM("04") SOI ITEM("04") SOI ITEM("04") MID ITEM("04") SOI END,
         KH_OK,
         "",
         {4, 8, 4},
         {1, 2, 1}},
        {"start codes, one too many",
         "2",
         NULL,
         EMPTY_TABLE ITEM("04") SOI ITEM("04") SOI ITEM("04") SOI END,
         KH_E_FORMAT,
         "3 fragments for 2 frames",
         {0},
         {0}},
        {"extended table",
         "2",
         "00000000000000001800000000000000",
         EMPTY_TABLE ITEM("04") MID ITEM("04") MID ITEM("02") "0102" END,
         KH_OK,
         "",
         {8, 2},
         {2, 1}},
        {"extended table beyond",
         "2",
         "0000000000000000ffffffffffffffff",
         EMPTY_TABLE ITEM("04") MID ITEM("04") MID ITEM("02") "0102" END,
         KH_E_FORMAT,
         "no offset table",
         {0},
         {0}},
        {"fewer fragments than frames",
         "3",
         NULL,
         EMPTY_TABLE ITEM("04") SOI ITEM("02") "0102" END,
         KH_E_FORMAT,
         "2 fragments, expected at least 3",
         {0},
         {0}},
        {"no fragments", "1", NULL, EMPTY_TABLE END, KH_E_FORMAT, "0 fragments, expected at least 1", {0}, {0}},
        {"cut between fragments",
         "3",
         NULL,
         EMPTY_TABLE ITEM("04") SOI ITEM("02") "0102",
         KH_OK,
         "",
         {4, 2, 0},
         {1, 1, 1}},
        {"cut in a fragment", "3", NULL, EMPTY_TABLE ITEM("04") SOI ITEM("04") "0102", KH_OK, "", {4, 0, 0}, {1, 1, 1}},
        {"cut in a fragment's header", "2", NULL, EMPTY_TABLE ITEM("04") SOI "feff00", KH_OK, "", {4, 0}, {1, 1}},
        {"no delimiter", "2", NULL, EMPTY_TABLE ITEM("04") SOI ITEM("02") "0102", KH_OK, "", {4, 2}, {1, 1}},
        {"one frame cut in its second fragment",
         "1",
         NULL,
         EMPTY_TABLE ITEM("04") SOI ITEM("04") "0102",
         KH_OK,
         "",
         {0},
         {2}},
        {"not an item",
         "1",
         NULL,
         EMPTY_TABLE "0800600002000000"
                     "0102" END,
         KH_E_FORMAT,
         "got (0008,0060)",
         {0},
         {0}},
        {"fragment of undefined length",
         "1",
         NULL,
         EMPTY_TABLE "feff00e0ffffffff"
                     "0102" END,
         KH_E_FORMAT,
         "expected a fragment",
         {0},
         {0}},
        {"nothing", "1", NULL, "", KH_E_FORMAT, "0 fragments, expected at least 1", {0}, {0}},
    };
    (void)state;

    for (size_t i = 0; i < KH_COUNT(rows); i++) {
        test_dicom dicom;
        kh_frame_table table;
        kh_error err = KH_ERROR_INIT;
        kh_status status;
        test_begin(&dicom, KH_TS_EXPLICIT_LE);
        test_image(&dicom, &(test_image_options){
                               .tag = KH_TAG_NUMBER_OF_FRAMES, .vr = "IS", .text = rows[i].frames, .no_pixels = true});
        if (rows[i].extended) {
            test_header(&dicom, KH_TAG_EXTENDED_OFFSET_TABLE, "OV", (uint32_t)strlen(rows[i].extended) / 2);
            test_hex(&dicom, rows[i].extended);
        }
        test_header(&dicom, KH_TAG_PIXEL_DATA, "OB", UNDEFINED);
        test_hex(&dicom, rows[i].hex);
        status = read_frames(&table, &dicom, KH_TS_JPEG_BASELINE, &err);
        if (status != rows[i].status)
            fail_msg("%s: %s: %s", rows[i].name, kh_status_text(status), err.message);
        test_words(rows[i].name, err.message, rows[i].words);
        for (uint32_t f = 0; f < table.frame_count; f++) {
            if (kh_frame_table_bytes(&table, f) != rows[i].bytes[f] ||
                table.first_extent[f + 1] - table.first_extent[f] != rows[i].extents[f])
                fail_msg("%s: frame %u has %llu bytes", rows[i].name, f,
                         (unsigned long long)kh_frame_table_bytes(&table, f));
        }
        kh_frame_table_release(&table);
        test_end(&dicom);
    }
}

static void test_unfit_syntaxes(void **state)
{
    static const struct {
        const char *name, *syntax;
        kh_status status;
        const char *words;
    } rows[] = {
        {"native pixels in JPEG", KH_TS_JPEG_BASELINE, KH_E_FORMAT,
         "PixelData (7FE0,0010): length 12, expected undefined"},
        {"video", "1.2.840.10008.1.2.4.102", KH_E_UNSUPPORTED, "no frames of its own"},
        {"native", KH_TS_EXPLICIT_LE, KH_OK, ""},
    };
    (void)state;

    for (size_t i = 0; i < KH_COUNT(rows); i++) {
        test_dicom dicom;
        kh_frame_table table;
        kh_error err = KH_ERROR_INIT;
        test_begin(&dicom, KH_TS_EXPLICIT_LE);
        test_image(&dicom, &(test_image_options){0});
        assert_int_equal(read_frames(&table, &dicom, rows[i].syntax, &err), rows[i].status);
        test_words(rows[i].name, err.message, rows[i].words);
        kh_frame_table_release(&table);
        test_end(&dicom);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_native_frames),
        cmocka_unit_test(test_bit_frames),
        cmocka_unit_test(test_encapsulated_frames),
        cmocka_unit_test(test_unfit_syntaxes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
