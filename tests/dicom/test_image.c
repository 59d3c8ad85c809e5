/* Image attributes, on objects built by hand. */
#include "tests/dicom/support.h"

#include <stdio.h>
#include <string.h>
#include "dicom/frames.h"
#include "dicom/image.h"

#define UNDEFINED 0xffffffffu

static void test_format(void **state)
{
    static const struct {
        const char *name;
        test_image_options options;
        kh_status status;
        const char *words;
    } rows[] = {
        {"whole", {0}, KH_OK, ""},
        {"no pixel data", {.no_pixels = true}, KH_E_NOT_FOUND, "no PixelData (7FE0,0010)"},
        {"no rows", {.tag = KH_TAG_ROWS}, KH_E_FORMAT, "Rows (0028,0010) absent"},
        {"rows 0", {KH_TAG_ROWS, "US", 0, NULL, false}, KH_E_FORMAT, "Rows (0028,0010) 0, expected 1 to 65535"},
        {"rows 1", {KH_TAG_ROWS, "US", 1, NULL, false}, KH_OK, ""},
        {"rows 65535", {KH_TAG_ROWS, "US", 65535, NULL, false}, KH_OK, ""},
        {"rows 65536 as UL", {KH_TAG_ROWS, "UL", 65536, NULL, false}, KH_E_FORMAT, "Rows (0028,0010) 65536"},
        {"rows as text", {KH_TAG_ROWS, "CS", 0, "X", false}, KH_E_FORMAT, "Rows (0028,0010) absent or not a number"},
        {"columns 0", {KH_TAG_COLUMNS, "US", 0, NULL, false}, KH_E_FORMAT, "Columns (0028,0011) 0"},
        {"no samples", {.tag = KH_TAG_SAMPLES_PER_PIXEL}, KH_OK, ""},
        {"samples 0", {KH_TAG_SAMPLES_PER_PIXEL, "US", 0, NULL, false}, KH_E_FORMAT, "SamplesPerPixel (0028,0002) 0"},
        {"samples 2",
         {KH_TAG_SAMPLES_PER_PIXEL, "US", 2, NULL, false},
         KH_E_UNSUPPORTED,
         "SamplesPerPixel (0028,0002) 2"},
        {"samples 3", {KH_TAG_SAMPLES_PER_PIXEL, "US", 3, NULL, false}, KH_OK, ""},
        {"samples 4", {KH_TAG_SAMPLES_PER_PIXEL, "US", 4, NULL, false}, KH_E_UNSUPPORTED, "SamplesPerPixel"},
        {"bits allocated 0", {KH_TAG_BITS_ALLOCATED, "US", 0, NULL, false}, KH_E_FORMAT, "BitsAllocated (0028,0100) 0"},
        {"bits allocated 12",
         {KH_TAG_BITS_ALLOCATED, "US", 12, NULL, false},
         KH_E_UNSUPPORTED,
         "BitsAllocated (0028,0100) 12"},
        {"bits allocated 8 for 12",
         {KH_TAG_BITS_ALLOCATED, "US", 8, NULL, false},
         KH_E_FORMAT,
         "BitsStored (0028,0101) 12, expected 1 to 8"},
        {"bits allocated 64", {KH_TAG_BITS_ALLOCATED, "US", 64, NULL, false}, KH_OK, ""},
        {"bits stored 0", {KH_TAG_BITS_STORED, "US", 0, NULL, false}, KH_E_FORMAT, "BitsStored (0028,0101) 0"},
        {"bits stored 17", {KH_TAG_BITS_STORED, "US", 17, NULL, false}, KH_E_FORMAT, "BitsStored (0028,0101) 17"},
        {"high bit 10",
         {KH_TAG_HIGH_BIT, "US", 10, NULL, false},
         KH_E_FORMAT,
         "HighBit (0028,0102) 10, expected 11 to 15"},
        {"high bit 15", {KH_TAG_HIGH_BIT, "US", 15, NULL, false}, KH_OK, ""},
        {"high bit 16", {KH_TAG_HIGH_BIT, "US", 16, NULL, false}, KH_E_FORMAT, "HighBit (0028,0102) 16"},
        {"no high bit", {.tag = KH_TAG_HIGH_BIT}, KH_OK, ""},
        {"pixel representation 2",
         {KH_TAG_PIXEL_REPRESENTATION, "US", 2, NULL, false},
         KH_E_FORMAT,
         "PixelRepresentation (0028,0103) 2"},
        {"0 frames", {KH_TAG_NUMBER_OF_FRAMES, "IS", 0, "0", false}, KH_OK, ""},
        {"-1 frames", {KH_TAG_NUMBER_OF_FRAMES, "IS", 0, "-1", false}, KH_E_FORMAT, "NumberOfFrames (0028,0008) -1"},
        {"a million frames", {KH_TAG_NUMBER_OF_FRAMES, "IS", 0, "1000000", false}, KH_OK, ""},
        {"a million and one",
         {KH_TAG_NUMBER_OF_FRAMES, "IS", 0, "1000001", false},
         KH_E_LIMIT,
         "NumberOfFrames (0028,0008) 1000001"},
    };
    (void)state;

    for (size_t i = 0; i < KH_COUNT(rows); i++) {
        test_dicom dicom;
        kh_dataset *dataset;
        kh_image_info info;
        kh_error err = KH_ERROR_INIT;
        kh_status status;
        test_begin(&dicom, KH_TS_EXPLICIT_LE);
        test_image(&dicom, &rows[i].options);
        dataset = test_read(&dicom, KH_TS_EXPLICIT_LE);
        status = kh_image_info_read(&info, dataset, &err);
        if (status != rows[i].status)
            fail_msg("%s: %s: %s", rows[i].name, kh_status_text(status), err.message);
        test_words(rows[i].name, err.message, rows[i].words);
        kh_image_info_release(&info);
        kh_dataset_free(dataset);
        test_end(&dicom);
    }
}

/* What the attributes before the format say. extra: hex of elements below group 0028 rows; behind: above. */
static void test_defaults(void **state)
{
    test_dicom dicom;
    kh_dataset *dataset;
    kh_image_info info;
    const kh_slice_info *slice;
    size_t bytes;
    (void)state;

    test_begin(&dicom, KH_TS_EXPLICIT_LE);
    test_image(&dicom, &(test_image_options){0});
    test_image_read(&info, &dataset, &dicom, KH_TS_EXPLICIT_LE);
    slice = kh_image_info_slice(&info, 0);
    assert_int_equal(info.format.rows, 2);
    assert_int_equal(info.format.columns, 3);
    assert_int_equal(info.format.bits_stored, 12);
    assert_int_equal(info.format.photometric, KH_PHOTOMETRIC_MONOCHROME2);
    assert_true(kh_pixel_format_frame_bytes(&info.format, &bytes));
    assert_int_equal(bytes, 12);
    assert_int_equal(info.frame_count, 1);
    assert_int_equal(info.slice_count, 1);
    assert_false(slice->has_position || slice->has_orientation || info.has_padding || info.inverse ||
                 info.lossy_source);
    assert_int_equal(slice->spacing_source, KH_SPACING_NONE);
    assert_true(slice->rescale_slope == 1 && slice->rescale_intercept == 0 && info.pixel_aspect == 1);
    assert_int_equal(slice->window_count, 0);
    assert_int_equal(info.instance_number, INT32_MIN);
    assert_string_equal(info.rescale_type, "");
    kh_image_info_release(&info);
    kh_dataset_free(dataset);
    test_end(&dicom);
}

static void test_classic_ct(void **state)
{
    test_dicom dicom;
    kh_dataset *dataset;
    kh_image_info info;
    const kh_slice_info *slice;
    (void)state;

    test_begin(&dicom, KH_TS_EXPLICIT_LE);
    test_text(&dicom, KH_TAG_IMAGE_TYPE, "CS", "ORIGINAL\\PRIMARY\\AXIAL ");
    test_text(&dicom, KH_TAG_MODALITY, "CS", "CT");
    test_text(&dicom, KH_TAG_SLICE_THICKNESS, "DS", "1.25");
    test_text(&dicom, KH_TAG_ACQUISITION_NUMBER, "IS", "2");
    test_text(&dicom, KH_TAG_INSTANCE_NUMBER, "IS", "31");
    test_text(&dicom, KH_TAG_IMAGE_POSITION_PATIENT, "DS", "-10.5\\20\\-300.25");
    test_text(&dicom, KH_TAG_IMAGE_ORIENTATION_PATIENT, "DS", "1\\0\\0\\0\\0.866025\\-0.5");
    test_text(&dicom, KH_TAG_FRAME_OF_REFERENCE_UID, "UI", "1.2.3");
    test_text(&dicom, KH_TAG_PIXEL_SPACING, "DS", "0.5\\0.25");
    test_image(&dicom, &(test_image_options){.tag = KH_TAG_PIXEL_REPRESENTATION, .vr = "US", .number = 1});
    dicom.bytes.size -= 24;                                        /* the pixel data goes behind the window */
    test_number(&dicom, KH_TAG_PIXEL_PADDING_VALUE, "US", 0xf830); /* -2000, US though the pixels are signed */
    test_number(&dicom, KH_TAG_PIXEL_PADDING_RANGE_LIMIT, "SS", -2010);
    test_text(&dicom, KH_TAG_WINDOW_CENTER, "DS", "40\\-600\\40\\1\\2\\3");
    test_text(&dicom, KH_TAG_WINDOW_WIDTH, "DS", "400\\1500\\0\\1\\2\\3");
    test_text(&dicom, KH_TAG_RESCALE_INTERCEPT, "DS", "-1024");
    test_text(&dicom, KH_TAG_RESCALE_SLOPE, "DS", "1");
    test_text(&dicom, KH_TAG_WINDOW_EXPLANATION, "LO", "ABDOMEN\\LUNG");
    test_text(&dicom, KH_TAG_LOSSY_IMAGE_COMPRESSION, "CS", "01");
    test_text(&dicom, KH_TAG_LOSSY_IMAGE_COMPRESSION_RATIO, "DS", "12.5");
    test_header(&dicom, KH_TAG_PIXEL_DATA, "OW", 0);
    test_image_read(&info, &dataset, &dicom, KH_TS_EXPLICIT_LE);
    slice = kh_image_info_slice(&info, 0);
    assert_true(slice->has_position && slice->position_mm[0] == -10.5 && slice->position_mm[2] == -300.25);
    assert_true(slice->has_orientation && slice->orientation[4] == 0.866025 && slice->orientation[5] == -0.5);
    assert_int_equal(slice->spacing_source, KH_SPACING_PATIENT);
    assert_true(slice->row_spacing_mm == 0.5 && slice->column_spacing_mm == 0.25 && info.pixel_aspect == 2);
    assert_true(slice->thickness_mm == 1.25 && slice->rescale_intercept == -1024);
    assert_int_equal(slice->window_count, KH_WINDOWS_MAX); /* width 0 dropped, and the last for want of room */
    assert_true(slice->windows[1].center == -600 && slice->windows[1].width == 1500 && slice->windows[2].center == 1);
    assert_string_equal(slice->windows[0].explanation, "ABDOMEN");
    assert_string_equal(slice->windows[1].explanation, "LUNG");
    assert_string_equal(slice->windows[2].explanation, "");
    assert_true(info.has_padding && info.padding_low == -2010 && info.padding_high == -2000);
    assert_true(info.lossy_source && info.lossy_ratio == 12.5);
    assert_string_equal(info.rescale_type, "HU");
    assert_string_equal(info.image_type, "ORIGINAL\\PRIMARY\\AXIAL");
    assert_string_equal(info.frame_of_reference_uid, "1.2.3");
    assert_int_equal(info.instance_number, 31);
    assert_int_equal(info.acquisition_number, 2);
    kh_image_info_release(&info);
    kh_dataset_free(dataset);
    test_end(&dicom);
}

/* PS3.3 C.8.9.1: a PET image's unit is in Units; a Rescale Type that stands there all the same goes first, and other modalities have none
 * there. */
static void test_pet_units(void **state)
{
    static const struct {
        const char *modality, *type, *expected;
    } rows[] = {{"PT", NULL, "BQML"}, {"PT", "US", "US"}, {"NM", NULL, ""}};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        test_dicom dicom;
        kh_dataset *dataset;
        kh_image_info info;

        test_begin(&dicom, KH_TS_EXPLICIT_LE);
        test_text(&dicom, KH_TAG_MODALITY, "CS", rows[i].modality);
        test_image(&dicom, &(test_image_options){.tag = KH_TAG_PIXEL_REPRESENTATION, .vr = "US", .number = 1});
        dicom.bytes.size -= 24; /* the pixel data goes behind the unit */
        if (rows[i].type)
            test_text(&dicom, KH_TAG_RESCALE_TYPE, "LO", rows[i].type);
        test_text(&dicom, KH_TAG(0x0054, 0x1001), "CS", "BQML");
        test_header(&dicom, KH_TAG_PIXEL_DATA, "OW", 0);
        test_image_read(&info, &dataset, &dicom, KH_TS_EXPLICIT_LE);
        assert_string_equal(info.rescale_type, rows[i].expected);
        kh_image_info_release(&info);
        kh_dataset_free(dataset);
        test_end(&dicom);
    }
}

/* One attribute of the geometry, good and not. */
static void test_geometry(void **state)
{
    static const struct {
        const char *name;
        kh_tag tag;
        const char *text;
        bool position, orientation;
        kh_spacing_source spacing;
    } rows[] = {
        {"position", KH_TAG_IMAGE_POSITION_PATIENT, "1\\2\\3", true, false, KH_SPACING_NONE},
        {"position of two", KH_TAG_IMAGE_POSITION_PATIENT, "1\\2", false, false, KH_SPACING_NONE},
        {"position, one empty", KH_TAG_IMAGE_POSITION_PATIENT, "1\\\\3", false, false, KH_SPACING_NONE},
        {"orientation", KH_TAG_IMAGE_ORIENTATION_PATIENT, "1\\0\\0\\0\\1\\0", false, true, KH_SPACING_NONE},
        {"orientation not of unit length", KH_TAG_IMAGE_ORIENTATION_PATIENT, "2\\0\\0\\0\\1\\0", false, false,
         KH_SPACING_NONE},
        {"orientation of zeros", KH_TAG_IMAGE_ORIENTATION_PATIENT, "0\\0\\0\\0\\0\\0", false, false, KH_SPACING_NONE},
        {"orientation not at a right angle", KH_TAG_IMAGE_ORIENTATION_PATIENT, "1\\0\\0\\1\\0\\0", false, false,
         KH_SPACING_NONE},
        {"pixel spacing", KH_TAG_PIXEL_SPACING, "1\\1", false, false, KH_SPACING_PATIENT},
        {"pixel spacing 0", KH_TAG_PIXEL_SPACING, "0\\1", false, false, KH_SPACING_NONE},
        {"pixel spacing below 0", KH_TAG_PIXEL_SPACING, "1\\-1", false, false, KH_SPACING_NONE},
        {"imager spacing", KH_TAG_IMAGER_PIXEL_SPACING, "1\\1", false, false, KH_SPACING_DETECTOR},
        {"nominal scanned spacing", KH_TAG(0x0018, 0x2010), "1\\1", false, false, KH_SPACING_DETECTOR},
    };
    (void)state;

    for (size_t i = 0; i < KH_COUNT(rows); i++) {
        test_dicom dicom;
        kh_dataset *dataset;
        kh_image_info info;
        test_begin(&dicom, KH_TS_EXPLICIT_LE);
        test_text(&dicom, rows[i].tag, "DS", rows[i].text);
        test_image(&dicom, &(test_image_options){0});
        test_image_read(&info, &dataset, &dicom, KH_TS_EXPLICIT_LE);
        if (info.slices[0].has_position != rows[i].position || info.slices[0].has_orientation != rows[i].orientation ||
            info.slices[0].spacing_source != rows[i].spacing)
            fail_msg("%s", rows[i].name);
        kh_image_info_release(&info);
        kh_dataset_free(dataset);
        test_end(&dicom);
    }
}

/* View Position, else the View Code Sequence of a mammogram (PS3.16 CID 4014). */
static void test_view(void **state)
{
    static const struct {
        const char *name, *position, *code, *view;
    } rows[] = {{"nothing", NULL, NULL, ""},
                {"a position", "PA", NULL, "PA"},
                {"an empty position", "", NULL, ""},
                {"a code of SNOMED CT", NULL, "399368009", "MLO"},
                {"a code of the old form", NULL, "R-10242", "CC"},
                {"an empty position and a code", "", "399162004", "CC"},
                {"the position before the code", "ML", "399162004", "ML"},
                {"another code", NULL, "399368008", ""},
                {"a code with something behind", NULL, "R-10242X", ""},
                {"the longest position", "ABCDEFGHIJKLMNOP", NULL, "ABCDEFGHIJKLMNOP"}};

    (void)state;
    for (size_t i = 0; i < KH_COUNT(rows); i++) {
        test_dicom dicom;
        kh_dataset *dataset;
        kh_image_info info;

        test_begin(&dicom, KH_TS_EXPLICIT_LE);
        if (rows[i].position)
            test_text(&dicom, KH_TAG(0x0018, 0x5101), "CS", rows[i].position);
        test_image(&dicom, &(test_image_options){.no_pixels = true});
        if (rows[i].code) {
            test_sequence(&dicom, KH_TAG(0x0054, 0x0220));
            test_item(&dicom, UNDEFINED);
            test_text(&dicom, KH_TAG(0x0008, 0x0100), "SH", rows[i].code);
            test_item_end(&dicom);
            test_sequence_end(&dicom);
        }
        test_header(&dicom, KH_TAG_PIXEL_DATA, "OW", 12);
        test_raw(&dicom, "abcdefghijkl", 12);
        test_image_read(&info, &dataset, &dicom, KH_TS_EXPLICIT_LE);
        if (strcmp(info.view_position, rows[i].view) != 0)
            fail_msg("%s: \"%s\"", rows[i].name, info.view_position);
        kh_image_info_release(&info);
        kh_dataset_free(dataset);
        test_end(&dicom);
    }
}

/* PS3.3 10.7.1.3: Pixel Spacing beside Imager Pixel Spacing. */
static void test_calibration(void **state)
{
    static const struct {
        const char *name, *imager, *patient, *calibration;
        kh_spacing_source source;
        double mm;
    } rows[] = {
        {"equal", "0.2\\0.2", "0.2\\0.2", NULL, KH_SPACING_DETECTOR, 0.2},
        {"different", "0.2\\0.2", "0.15\\0.15", NULL, KH_SPACING_PATIENT, 0.15},
        {"equal and said to be calibrated", "0.2\\0.2", "0.2\\0.2", "FIDUCIAL", KH_SPACING_PATIENT, 0.2},
    };
    (void)state;

    for (size_t i = 0; i < KH_COUNT(rows); i++) {
        test_dicom dicom;
        kh_dataset *dataset;
        kh_image_info info;
        test_begin(&dicom, KH_TS_EXPLICIT_LE);
        test_text(&dicom, KH_TAG_IMAGER_PIXEL_SPACING, "DS", rows[i].imager);
        test_text(&dicom, KH_TAG_PIXEL_SPACING, "DS", rows[i].patient);
        if (rows[i].calibration)
            test_text(&dicom, KH_TAG_PIXEL_SPACING_CALIBRATION_TYPE, "CS", rows[i].calibration);
        test_image(&dicom, &(test_image_options){0});
        test_image_read(&info, &dataset, &dicom, KH_TS_EXPLICIT_LE);
        if (info.slices[0].spacing_source != rows[i].source || info.slices[0].row_spacing_mm != rows[i].mm)
            fail_msg("%s", rows[i].name);
        kh_image_info_release(&info);
        kh_dataset_free(dataset);
        test_end(&dicom);
    }
}

static void test_frame_bytes(void **state)
{
    static const struct {
        const char *name;
        kh_pixel_format format;
        size_t bytes;
    } rows[] = {
        {"8 bits", {.rows = 3, .columns = 5, .samples = 1, .bits_allocated = 8}, 15},
        {"16 bits", {.rows = 3, .columns = 5, .samples = 1, .bits_allocated = 16}, 30},
        {"colour", {.rows = 3, .columns = 5, .samples = 3, .bits_allocated = 8, .photometric = KH_PHOTOMETRIC_RGB}, 45},
        {"422",
         {.rows = 3, .columns = 4, .samples = 3, .bits_allocated = 8, .photometric = KH_PHOTOMETRIC_YBR_FULL_422},
         24},
        {"1 bit, 15 pixels", {.rows = 3, .columns = 5, .samples = 1, .bits_allocated = 1}, 2},
        {"1 bit, 16 pixels", {.rows = 4, .columns = 4, .samples = 1, .bits_allocated = 1}, 2},
        {"largest", {.rows = 65535, .columns = 65535, .samples = 3, .bits_allocated = 64}, (size_t)65535 * 65535 * 24},
    };
    size_t bytes;
    (void)state;

    for (size_t i = 0; i < KH_COUNT(rows); i++) {
        if (!kh_pixel_format_frame_bytes(&rows[i].format, &bytes) || bytes != rows[i].bytes)
            fail_msg("%s: %zu", rows[i].name, bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_format),   cmocka_unit_test(test_defaults),    cmocka_unit_test(test_classic_ct),
        cmocka_unit_test(test_geometry), cmocka_unit_test(test_pet_units),   cmocka_unit_test(test_calibration),
        cmocka_unit_test(test_view),     cmocka_unit_test(test_frame_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
