/* Multi-frame objects: what is shared, and what each frame says for itself. */
#include "tests/dicom/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "dicom/display.h"

#define UNDEFINED 0xffffffffu

static void put_group(test_dicom *dicom, kh_tag sequence, kh_tag tag, const char *text)
{
    test_sequence(dicom, sequence);
    test_item(dicom, UNDEFINED);
    test_text(dicom, tag, "DS", text);
    test_item_end(dicom);
    test_sequence_end(dicom);
}

static void put_enhanced(test_dicom *dicom, unsigned group_count, const char *frames)
{
    test_image(dicom,
               &(test_image_options){.tag = KH_TAG_NUMBER_OF_FRAMES, .vr = "IS", .text = frames, .no_pixels = true});
    test_sequence(dicom, KH_TAG_SHARED_FUNCTIONAL_GROUPS_SEQUENCE);
    test_item(dicom, UNDEFINED);
    put_group(dicom, KH_TAG_PLANE_ORIENTATION_SEQUENCE, KH_TAG_IMAGE_ORIENTATION_PATIENT, "0\\1\\0\\0\\0\\-1");
    put_group(dicom, KH_TAG_PIXEL_MEASURES_SEQUENCE, KH_TAG_PIXEL_SPACING, "0.5\\0.75");
    test_sequence(dicom, KH_TAG_FRAME_VOI_LUT_SEQUENCE);
    test_item(dicom, UNDEFINED);
    test_text(dicom, KH_TAG_WINDOW_CENTER, "DS", "100");
    test_text(dicom, KH_TAG_WINDOW_WIDTH, "DS", "0.5");
    test_text(dicom, KH_TAG_VOI_LUT_FUNCTION, "CS", "LINEAR_EXACT");
    test_item_end(dicom);
    test_sequence_end(dicom);
    test_item_end(dicom);
    test_sequence_end(dicom);
    test_sequence(dicom, KH_TAG_PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE);
    for (unsigned i = 0; i < group_count; i++) {
        char position[32], slope[16];
        snprintf(position, sizeof(position), "%u\\0\\0", i * 3);
        snprintf(slope, sizeof(slope), "%u", i + 2);
        test_item(dicom, UNDEFINED);
        put_group(dicom, KH_TAG_PLANE_POSITION_SEQUENCE, KH_TAG_IMAGE_POSITION_PATIENT, position);
        put_group(dicom, KH_TAG_PIXEL_VALUE_TRANSFORMATION_SEQUENCE, KH_TAG_RESCALE_SLOPE, slope);
        test_item_end(dicom);
    }
    test_sequence_end(dicom);
    test_header(dicom, KH_TAG_PIXEL_DATA, "OW", 0);
}

static void test_enhanced(void **state)
{
    test_dicom dicom;
    kh_dataset *dataset;
    kh_image_info info;
    (void)state;

    test_begin(&dicom, KH_TS_EXPLICIT_LE);
    put_enhanced(&dicom, 3, "3");
    test_image_read(&info, &dataset, &dicom, KH_TS_EXPLICIT_LE);
    assert_int_equal(info.slice_count, 3);
    for (uint32_t i = 0; i < 3; i++) {
        const kh_slice_info *slice = kh_image_info_slice(&info, i);
        assert_true(slice->has_position && slice->position_mm[0] == i * 3);
        assert_true(slice->has_orientation && slice->orientation[1] == 1 && slice->orientation[5] == -1);
        assert_true(slice->spacing_source == KH_SPACING_PATIENT && slice->column_spacing_mm == 0.75);
        assert_true(slice->rescale_slope == i + 2);
        assert_int_equal(slice->voi_function, KH_VOI_LINEAR_EXACT);
        assert_true(slice->window_count == 1 && slice->windows[0].width == 0.5);
    }
    kh_image_info_release(&info);
    kh_dataset_free(dataset);
    test_end(&dicom);
}

/* Fewer groups than frames: no frame has a place. More: the rest is not looked at. */
static void test_enhanced_counts(void **state)
{
    test_dicom dicom;
    kh_dataset *dataset;
    kh_image_info info;
    (void)state;

    test_begin(&dicom, KH_TS_EXPLICIT_LE);
    put_enhanced(&dicom, 2, "3");
    test_image_read(&info, &dataset, &dicom, KH_TS_EXPLICIT_LE);
    assert_int_equal(info.slice_count, 1);
    assert_false(info.slices[0].has_position);
    assert_true(info.slices[0].has_orientation);
    kh_image_info_release(&info);
    kh_dataset_free(dataset);
    test_end(&dicom);

    test_begin(&dicom, KH_TS_EXPLICIT_LE);
    put_enhanced(&dicom, 4, "3");
    test_image_read(&info, &dataset, &dicom, KH_TS_EXPLICIT_LE);
    assert_int_equal(info.slice_count, 3);
    assert_true(info.slices[2].position_mm[0] == 6);
    kh_image_info_release(&info);
    kh_dataset_free(dataset);
    test_end(&dicom);
}

/* PS3.3 C.8.8.3.2: the planes of a dose grid stand along the normal. */
static void test_dose_grid(void **state)
{
    test_dicom dicom;
    kh_dataset *dataset;
    kh_image_info info;
    (void)state;

    test_begin(&dicom, KH_TS_EXPLICIT_LE);
    test_text(&dicom, KH_TAG_IMAGE_POSITION_PATIENT, "DS", "1\\2\\3");
    test_text(&dicom, KH_TAG_IMAGE_ORIENTATION_PATIENT, "DS", "1\\0\\0\\0\\1\\0");
    test_image(&dicom,
               &(test_image_options){.tag = KH_TAG_NUMBER_OF_FRAMES, .vr = "IS", .text = "3", .no_pixels = true});
    test_text(&dicom, KH_TAG(0x3004, 0x000c), "DS", "0\\2.5\\5");
    test_header(&dicom, KH_TAG_PIXEL_DATA, "OW", 0);
    test_image_read(&info, &dataset, &dicom, KH_TS_EXPLICIT_LE);
    assert_int_equal(info.slice_count, 3);
    assert_true(info.slices[0].position_mm[2] == 3 && info.slices[1].position_mm[2] == 5.5 &&
                info.slices[2].position_mm[2] == 8);
    kh_image_info_release(&info);
    kh_dataset_free(dataset);
    test_end(&dicom);
}

/* An item of a functional group: hex or text elements, put by `put` for a frame (UINT32_MAX: the shared one). */
static void put_groups(test_dicom *dicom, const char *frames, void (*put)(test_dicom *, uint32_t), uint32_t count)
{
    test_image(dicom, &(test_image_options){.tag = KH_TAG_NUMBER_OF_FRAMES, .vr = "IS", .text = frames, .no_pixels = true});
    test_sequence(dicom, KH_TAG_SHARED_FUNCTIONAL_GROUPS_SEQUENCE);
    test_item(dicom, UNDEFINED);
    put(dicom, UINT32_MAX);
    test_item_end(dicom);
    test_sequence_end(dicom);
    test_sequence(dicom, KH_TAG_PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE);
    for (uint32_t i = 0; i < count; i++) {
        test_item(dicom, UNDEFINED);
        put(dicom, i);
        test_item_end(dicom);
    }
    test_sequence_end(dicom);
    test_header(dicom, KH_TAG_PIXEL_DATA, "OW", 0);
}

static void put_lut(test_dicom *dicom, const char *descriptor, const char *explanation, const char *data)
{
    uint32_t digits = 0;

    for (const char *p = data; *p; p++)
        digits += *p != ' ';
    test_item(dicom, UNDEFINED);
    test_header(dicom, KH_TAG(0x0028, 0x3002), "US", 6);
    test_hex(dicom, descriptor);
    test_text(dicom, KH_TAG(0x0028, 0x3003), "LO", explanation);
    test_header(dicom, KH_TAG(0x0028, 0x3006), "OW", digits / 2);
    test_hex(dicom, data);
    test_item_end(dicom);
}

static void put_window(test_dicom *dicom, const char *center, const char *width, const char *explanation, const char *function)
{
    test_text(dicom, KH_TAG_WINDOW_CENTER, "DS", center);
    test_text(dicom, KH_TAG_WINDOW_WIDTH, "DS", width);
    test_text(dicom, KH_TAG_WINDOW_EXPLANATION, "LO", explanation);
    test_text(dicom, KH_TAG_VOI_LUT_FUNCTION, "CS", function);
}

/* Shared: a window and a table. Frame 0: nothing. 1: another window. 2: tables only, of which the second is too short. 3: both. 4: an
 * empty item. */
static void put_vois(test_dicom *dicom, uint32_t frame)
{
    if (frame == 0)
        return;
    test_sequence(dicom, KH_TAG_FRAME_VOI_LUT_SEQUENCE);
    test_item(dicom, UNDEFINED);
    if (frame == UINT32_MAX)
        put_window(dicom, "100", "200", "SHARED", "SIGMOID");
    if (frame == 1)
        put_window(dicom, "1\\-2", "10\\20", "ONE\\TWO", "LINEAR_EXACT");
    if (frame == 3)
        put_window(dicom, "3", "30", "THREE", "LINEAR");
    if (frame == 2 || frame == 3 || frame == UINT32_MAX) {
        test_sequence(dicom, KH_TAG_VOI_LUT_SEQUENCE);
        if (frame == UINT32_MAX)
            put_lut(dicom, "0400 0a00 0c00", "SHARED LUT", "0000 0000 ff0f ff0f");
        if (frame == 2) {
            put_lut(dicom, "0200 0000 1000", "FIRST", "0000 ffff");
            put_lut(dicom, "0300 0000 1000", "SHORT", "0000 ffff");
            put_lut(dicom, "0300 0500 0800", "THIRD", "00ff ff00");
        }
        if (frame == 3)
            put_lut(dicom, "0200 0700 1000", "OWN", "0000 ffff");
        test_sequence_end(dicom);
    }
    test_item_end(dicom);
    test_sequence_end(dicom);
}

/* PS3.3 C.7.6.16.2.10: what a frame says takes the place of what is shared, windows and tables together. */
static void test_voi_of_each_frame(void **state)
{
    static const struct {
        kh_voi_function function;
        uint32_t windows;
        double center, width;
        const char *explanation;
        uint32_t luts;
        const char *lut; /* explanation of the first */
    } rows[] = {
        {KH_VOI_SIGMOID, 1, 100, 200, "SHARED", 1, "SHARED LUT"}, {KH_VOI_LINEAR_EXACT, 2, 1, 10, "ONE", 0, ""},
        {KH_VOI_LINEAR, 0, 0, 0, "", 2, "FIRST"},                 {KH_VOI_LINEAR, 1, 3, 30, "THREE", 1, "OWN"},
        {KH_VOI_SIGMOID, 1, 100, 200, "SHARED", 1, "SHARED LUT"},
    };
    test_dicom dicom;
    kh_dataset *dataset;
    kh_image_info info;
    kh_display *display;
    size_t size;
    (void)state;

    test_begin(&dicom, KH_TS_EXPLICIT_LE);
    put_groups(&dicom, "5", put_vois, 5);
    test_image_read(&info, &dataset, &dicom, KH_TS_EXPLICIT_LE);
    assert_int_equal(info.slice_count, 5);
    assert_int_equal(info.voi_lut_count, 4);
    assert_int_equal(info.display, KH_DISPLAY_VOI_LUT);
    assert_int_equal(kh_display_read(&display, &size, dataset, &info, NULL), KH_OK);
    for (uint32_t i = 0; i < 5; i++) {
        const kh_slice_info *slice = kh_image_info_slice(&info, i);

        if (slice->voi_function != rows[i].function || slice->window_count != rows[i].windows || slice->voi_lut_count != rows[i].luts)
            fail_msg("frame %u: function %d, %u windows, %u tables", i, (int)slice->voi_function, slice->window_count,
                     (unsigned)slice->voi_lut_count);
        if (rows[i].windows)
            assert_true(slice->windows[0].center == rows[i].center && slice->windows[0].width == rows[i].width);
        assert_string_equal(slice->windows[0].explanation, rows[i].explanation);
        if (rows[i].luts)
            assert_string_equal(info.voi_luts[slice->voi_lut_first].explanation, rows[i].lut);
        assert_true((kh_display_voi_lut(display, slice, 0) != NULL) == (rows[i].luts > 0));
        assert_null(kh_display_voi_lut(display, slice, rows[i].luts));
    }
    /* it rises from input 11, entry 1, to input 12, entry 2 */
    assert_true(info.voi_luts[0].center == 12 && info.voi_luts[0].width == 2);
    assert_int_equal(kh_display_voi_lut(display, &info.slices[2], 0)->values[1], 0xffff);
    assert_int_equal(kh_display_voi_lut(display, &info.slices[2], 1)->first, 5);
    assert_int_equal(kh_display_voi_lut(display, &info.slices[2], 1)->values[1], 0xff);
    assert_int_equal(kh_display_voi_lut(display, &info.slices[3], 0)->first, 7);
    free(display);
    kh_image_info_release(&info);
    kh_dataset_free(dataset);
    test_end(&dicom);
}

static void put_shutter_edges(test_dicom *dicom, const char *left, const char *value_hex)
{
    test_text(dicom, KH_TAG(0x0018, 0x1600), "CS", "RECTANGULAR");
    test_text(dicom, KH_TAG(0x0018, 0x1602), "IS", left);
    test_text(dicom, KH_TAG(0x0018, 0x1604), "IS", "90");
    test_text(dicom, KH_TAG(0x0018, 0x1606), "IS", "3");
    test_text(dicom, KH_TAG(0x0018, 0x1608), "IS", "80");
    test_header(dicom, KH_TAG(0x0018, 0x1622), "US", 2);
    test_hex(dicom, value_hex);
}

/* Shared: left 1. Frame 1: left 5. Frame 2: a triangle. Others: nothing. */
static void put_shutters(test_dicom *dicom, uint32_t frame)
{
    if (frame == 0)
        return;
    test_sequence(dicom, KH_TAG(0x0018, 0x9472));
    test_item(dicom, UNDEFINED);
    if (frame == UINT32_MAX)
        put_shutter_edges(dicom, "1", "0080");
    if (frame == 1)
        put_shutter_edges(dicom, "5", "ffff");
    if (frame == 2) {
        test_text(dicom, KH_TAG(0x0018, 0x1600), "CS", "POLYGONAL");
        test_text(dicom, KH_TAG(0x0018, 0x1620), "IS", "1\\1\\1\\9\\9\\1");
    }
    test_item_end(dicom);
    test_sequence_end(dicom);
}

static void test_shutter_of_each_frame(void **state)
{
    static const struct {
        unsigned shapes;
        int32_t left;
        uint16_t value;
    } rows[] = {{KH_SHUTTER_RECTANGULAR, 1, 0x8000}, {KH_SHUTTER_RECTANGULAR, 5, 0xffff}, {KH_SHUTTER_POLYGONAL, 0, 0}};
    static const int32_t triangle[] = {1, 1, 1, 9, 9, 1};
    test_dicom dicom;
    kh_dataset *dataset;
    kh_image_info info;
    kh_display *display;
    size_t size;
    (void)state;

    test_begin(&dicom, KH_TS_EXPLICIT_LE);
    put_groups(&dicom, "3", put_shutters, 3);
    test_image_read(&info, &dataset, &dicom, KH_TS_EXPLICIT_LE);
    assert_int_equal(info.display, KH_DISPLAY_SHUTTER);
    assert_int_equal(kh_display_read(&display, &size, dataset, &info, NULL), KH_OK);
    assert_int_equal(display->shutter.left, 1);
    for (uint32_t i = 0; i < 3; i++) {
        const kh_shutter *shutter = kh_display_shutter(display, i);

        if (shutter->shapes != rows[i].shapes || shutter->left != rows[i].left || shutter->value != rows[i].value)
            fail_msg("frame %u: shapes %u, left %d, value %u", i, shutter->shapes, shutter->left, (unsigned)shutter->value);
    }
    assert_memory_equal(kh_display_shutter(display, 2)->vertices, triangle, sizeof triangle);
    free(display);
    kh_image_info_release(&info);
    kh_dataset_free(dataset);
    test_end(&dicom);
}

/* Pixel Presentation of the frame's type: MR, and CT in another. */
static void put_presentations(test_dicom *dicom, uint32_t frame)
{
    static const char *const values[] = {"MONOCHROME", "COLOR"};

    if (frame > 1)
        return;
    test_sequence(dicom, frame == 0 ? KH_TAG(0x0018, 0x9226) : KH_TAG(0x0018, 0x9329));
    test_item(dicom, UNDEFINED);
    test_text(dicom, KH_TAG(0x0008, 0x9205), "CS", values[frame]);
    test_item_end(dicom);
    test_sequence_end(dicom);
}

static void test_frames_without_colour(void **state)
{
    test_dicom dicom;
    kh_dataset *dataset;
    kh_image_info info;
    (void)state;

    test_begin(&dicom, KH_TS_EXPLICIT_LE);
    put_groups(&dicom, "3", put_presentations, 3);
    test_image_read(&info, &dataset, &dicom, KH_TS_EXPLICIT_LE);
    assert_true(info.slices[0].monochrome);
    assert_false(info.slices[1].monochrome || info.slices[2].monochrome);
    kh_image_info_release(&info);
    kh_dataset_free(dataset);
    test_end(&dicom);
}

static void put_orientation(test_dicom *dicom, const char *text)
{
    test_item(dicom, UNDEFINED);
    if (text) {
        test_sequence(dicom, KH_TAG(0x0020, 0x9450));
        test_item(dicom, UNDEFINED);
        test_text(dicom, KH_TAG(0x0020, 0x0020), "CS", text);
        test_item_end(dicom);
        test_sequence_end(dicom);
    }
    test_item_end(dicom);
}

/* PS3.3 C.7.6.16.2, Patient Orientation in Frame: told only where it holds for every frame. */
static void test_orientation_of_frames(void **state)
{
    static const struct {
        const char *name, *main, *shared, *frames[3], *expected;
    } cases[] = {
        {"nowhere", NULL, NULL, {NULL, NULL, NULL}, ""},
        {"shared", NULL, "L\\F", {NULL, NULL, NULL}, "L\\F"},
        {"each frame's, the same", NULL, NULL, {"P\\F", "P\\F", "P\\F"}, "P\\F"},
        {"each frame's, another in the last", NULL, NULL, {"P\\F", "P\\F", "A\\F"}, ""},
        {"the first frame's alone", NULL, NULL, {"P\\F", NULL, NULL}, ""},
        {"all but the first's", NULL, NULL, {NULL, "P\\F", "P\\F"}, ""},
        {"a frame's over the shared one", NULL, "L\\F", {NULL, "R\\F", NULL}, ""},
        {"every frame's over the shared one", NULL, "L\\F", {"R\\F", "R\\F", "R\\F"}, "R\\F"},
        {"the object's own over all", "L\\H", "L\\F", {"R\\F", "R\\F", "R\\F"}, "L\\H"},
    };

    (void)state;
    for (size_t n = 0; n < sizeof cases / sizeof cases[0]; n++) {
        test_dicom dicom;
        kh_dataset *dataset;
        kh_image_info info;

        test_begin(&dicom, KH_TS_EXPLICIT_LE);
        if (cases[n].main)
            test_text(&dicom, KH_TAG(0x0020, 0x0020), "CS", cases[n].main);
        test_image(&dicom, &(test_image_options){.tag = KH_TAG_NUMBER_OF_FRAMES, .vr = "IS", .text = "3", .no_pixels = true});
        test_sequence(&dicom, KH_TAG_SHARED_FUNCTIONAL_GROUPS_SEQUENCE);
        put_orientation(&dicom, cases[n].shared);
        test_sequence_end(&dicom);
        test_sequence(&dicom, KH_TAG_PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE);
        for (size_t i = 0; i < 3; i++)
            put_orientation(&dicom, cases[n].frames[i]);
        test_sequence_end(&dicom);
        test_header(&dicom, KH_TAG_PIXEL_DATA, "OW", 0);
        test_image_read(&info, &dataset, &dicom, KH_TS_EXPLICIT_LE);
        if (strcmp(info.patient_orientation, cases[n].expected) != 0)
            fail_msg("%s: \"%s\"", cases[n].name, info.patient_orientation);
        kh_image_info_release(&info);
        kh_dataset_free(dataset);
        test_end(&dicom);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_enhanced),
        cmocka_unit_test(test_enhanced_counts),
        cmocka_unit_test(test_dose_grid),
        cmocka_unit_test(test_voi_of_each_frame),
        cmocka_unit_test(test_shutter_of_each_frame),
        cmocka_unit_test(test_frames_without_colour),
        cmocka_unit_test(test_orientation_of_frames),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
