/* Presentation states, built by hand: what is read of them, what of a picture they take the place of, and what is not believed. */
#include "tests/dicom/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "dicom/presentation.h"

#define GREY "1.2.840.10008.5.1.4.1.1.11.1"
#define COLOR "1.2.840.10008.5.1.4.1.1.11.2"
#define UNDEFINED 0xffffffffu

static void begin_sequence(test_dicom *d, kh_tag tag)
{
    test_sequence(d, tag);
    test_item(d, UNDEFINED);
}

static void end_sequence(test_dicom *d)
{
    test_item_end(d);
    test_sequence_end(d);
}

static void put_image(test_dicom *d, const char *uid, const char *frames)
{
    test_item(d, UNDEFINED);
    test_text(d, KH_TAG(0x0008, 0x1155), "UI", uid);
    if (frames)
        test_text(d, KH_TAG(0x0008, 0x1160), "IS", frames);
    test_item_end(d);
}

static void put_images(test_dicom *d, const char *uid, const char *frames)
{
    test_sequence(d, KH_TAG(0x0008, 0x1140));
    put_image(d, uid, frames);
    test_sequence_end(d);
}

/* A state of 1.2.3, and of frames 2 and 3 of 1.2.4. */
static void begin_state(test_dicom *d, const char *sop_class)
{
    test_begin(d, KH_TS_EXPLICIT_LE);
    test_text(d, KH_TAG_SOP_CLASS_UID, "UI", sop_class);
    begin_sequence(d, KH_TAG(0x0008, 0x1115));
    test_sequence(d, KH_TAG(0x0008, 0x1140));
    put_image(d, "1.2.3", NULL);
    put_image(d, "1.2.4", "2\\3");
    test_sequence_end(d);
    end_sequence(d);
}

static kh_status read_state(kh_presentation **out, test_dicom *d, kh_error *err)
{
    kh_dataset *dataset = test_read(d, KH_TS_EXPLICIT_LE);
    size_t size = 0;
    kh_status status = kh_presentation_read(out, &size, dataset, err);

    kh_dataset_free(dataset);
    test_end(d);
    assert_int_equal(status == KH_OK, size > 0);
    return status;
}

static kh_presentation *state_of(test_dicom *d)
{
    kh_presentation *state = NULL;
    kh_error err = KH_ERROR_INIT;

    if (read_state(&state, d, &err) != KH_OK)
        fail_msg("%s", err.message);
    return state;
}

static kh_presented apply(const kh_presentation *state, kh_photometric photometric, bool is_signed, const kh_display *display,
                          kh_status expected)
{
    static kh_slice_info slice;
    kh_pixel_format format = {.rows = 4,
                              .columns = 4,
                              .samples = 1,
                              .bits_allocated = 16,
                              .bits_stored = 12,
                              .high_bit = 11,
                              .is_signed = is_signed,
                              .photometric = photometric};
    kh_image_info info = {.format = format, .frame_count = 1, .slice_count = 1, .slices = &slice, .modality = "MR"};
    kh_presented out;

    slice = (kh_slice_info){.rescale_slope = 3, .rescale_intercept = 7, .window_count = 2, .windows = {{1, 2, ""}, {3, 4, ""}}};
    assert_int_equal(kh_presentation_apply(&out, state, "1.2.3", 0, &info, &format, display, NULL), expected);
    return out;
}

static void test_images(void **context)
{
    static const struct {
        const char *uid;
        uint32_t frame;
        bool named;
    } cases[] = {
        {"1.2.3", 0, true}, {"1.2.3", 9, true},  {"1.2.4", 0, false}, {"1.2.4", 1, true},
        {"1.2.4", 2, true}, {"1.2.4", 3, false}, {"1.2", 0, false},   {"1.2.34", 0, false},
    };
    test_dicom d;
    kh_presentation *state;

    (void)context;
    begin_state(&d, GREY);
    test_text(&d, KH_TAG(0x0070, 0x0080), "CS", "LABEL");
    test_text(&d, KH_TAG(0x0070, 0x0084), "PN", "Suzuki^Hanako");
    state = state_of(&d);
    assert_int_equal(state->image_count, 3);
    assert_string_equal(state->label, "LABEL");
    assert_string_equal(state->creator, "Suzuki Hanako");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(kh_presentation_names(state, cases[i].uid, cases[i].frame), cases[i].named);
    free(state);
}

typedef struct grey_case {
    const char *name, *slope, *intercept, *center, *width, *function; /* NULL: not there */
    const char *problem;                                              /* words; NULL: it is applied */
    kh_voi_function voi;
    double out_center, out_width, out_slope, out_intercept;
} grey_case;

static const grey_case greys[] = {
    {"no transform, no window: all values", NULL, NULL, NULL, NULL, NULL, NULL, KH_VOI_LINEAR_EXACT, 2047.5, 4095, 1, 0},
    {"a rescale without a window: all it gives", "2", "-100", NULL, NULL, NULL, NULL, KH_VOI_LINEAR_EXACT, 3995, 8190, 2, -100},
    {"a falling rescale: the range is the right way round", "-1", "0", NULL, NULL, NULL, NULL, KH_VOI_LINEAR_EXACT, -2047.5, 4095, -1, 0},
    {"a window", "1", "-1024", "40", "400", NULL, NULL, KH_VOI_LINEAR, 40, 400, 1, -1024},
    {"the first of two windows", "1", "0", "40\\80", "400\\100", NULL, NULL, KH_VOI_LINEAR, 40, 400, 1, 0},
    {"a function", "1", "0", "40", "0.5", "SIGMOID", NULL, KH_VOI_SIGMOID, 40, 0.5, 1, 0},
    {"another", "1", "0", "40", "0.5", "LINEAR_EXACT", NULL, KH_VOI_LINEAR_EXACT, 40, 0.5, 1, 0},
    {"the least width", "1", "0", "40", "1", "LINEAR", NULL, KH_VOI_LINEAR, 40, 1, 1, 0},
    {"less", "1", "0", "40", "0.9", "LINEAR", "SoftcopyVOILUTSequence", KH_VOI_LINEAR, 0, 0, 0, 0},
    {"no width", "1", "0", "40", "0", "SIGMOID", "SoftcopyVOILUTSequence", KH_VOI_LINEAR, 0, 0, 0, 0},
    {"no number", "1", "0", "x", "100", NULL, "SoftcopyVOILUTSequence", KH_VOI_LINEAR, 0, 0, 0, 0},
    {"an item without a window", "1", "0", NULL, "100", NULL, "SoftcopyVOILUTSequence", KH_VOI_LINEAR, 0, 0, 0, 0},
    {"a slope of 0", "0", "0", "40", "400", NULL, "RescaleSlope", KH_VOI_LINEAR, 0, 0, 0, 0},
    {"a slope that is none", "nan", "0", "40", "400", NULL, "RescaleSlope", KH_VOI_LINEAR, 0, 0, 0, 0},
    {"a slope without an intercept", "2", NULL, "40", "400", NULL, "RescaleSlope", KH_VOI_LINEAR, 0, 0, 0, 0},
};

static kh_presentation *grey_state(const grey_case *c)
{
    test_dicom d;

    begin_state(&d, GREY);
    if (c->slope)
        test_text(&d, KH_TAG(0x0028, 0x1053), "DS", c->slope);
    if (c->intercept)
        test_text(&d, KH_TAG(0x0028, 0x1052), "DS", c->intercept);
    if (c->center || c->width) {
        begin_sequence(&d, KH_TAG(0x0028, 0x3110));
        if (c->center)
            test_text(&d, KH_TAG(0x0028, 0x1050), "DS", c->center);
        test_text(&d, KH_TAG(0x0028, 0x1051), "DS", c->width);
        if (c->function)
            test_text(&d, KH_TAG(0x0028, 0x1056), "CS", c->function);
        end_sequence(&d);
    }
    return state_of(&d);
}

static void test_grey(void **context)
{
    (void)context;
    for (size_t i = 0; i < sizeof greys / sizeof greys[0]; i++) {
        const grey_case *c = &greys[i];
        kh_presentation *state = grey_state(c);
        kh_presented out = apply(state, KH_PHOTOMETRIC_MONOCHROME1, false, NULL, c->problem ? KH_E_UNSUPPORTED : KH_OK);

        if (c->problem) {
            test_words(c->name, state->problem, c->problem);
        } else if (state->problem[0] || out.slice.window_count != 1 || out.slice.voi_function != c->voi ||
                   out.slice.windows[0].center != c->out_center || out.slice.windows[0].width != c->out_width ||
                   out.slice.rescale_slope != c->out_slope || out.slice.rescale_intercept != c->out_intercept ||
                   out.format.photometric != KH_PHOTOMETRIC_MONOCHROME2 || out.info.modality[0]) {
            fail_msg("%s: %s %g / %g, %g %g", c->name, state->problem, out.slice.windows[0].center, out.slice.windows[0].width,
                     out.slice.rescale_slope, out.slice.rescale_intercept);
        }
        free(state);
    }
}

/* The window of an item that names images is for these. */
static void test_scopes(void **context)
{
    test_dicom d;
    kh_presentation *state;

    (void)context;
    begin_state(&d, GREY);
    test_sequence(&d, KH_TAG(0x0028, 0x3110));
    for (int i = 0; i < 3; i++) {
        test_item(&d, UNDEFINED);
        if (i == 0)
            put_images(&d, "1.2.4", "2");
        if (i == 1)
            put_images(&d, "", NULL); /* none that can be read: not all */
        test_text(&d, KH_TAG(0x0028, 0x1050), "DS", i == 0 ? "10" : i == 1 ? "20" : "30");
        test_text(&d, KH_TAG(0x0028, 0x1051), "DS", "100");
        test_item_end(&d);
    }
    test_sequence_end(&d);
    state = state_of(&d);
    assert_int_equal(state->voi_count, 2);
    assert_true(kh_presentation_scope_has(state, &state->vois[0].scope, "1.2.4", 1));
    assert_false(kh_presentation_scope_has(state, &state->vois[0].scope, "1.2.4", 2));
    assert_float_equal(apply(state, KH_PHOTOMETRIC_MONOCHROME2, false, NULL, KH_OK).slice.windows[0].center, 30, 0);
    free(state);
}

static void put_table(test_dicom *d, kh_tag tag, const char *descriptor, const char *data)
{
    begin_sequence(d, tag);
    test_header(d, KH_TAG(0x0028, 0x3002), "US", (uint32_t)strlen(descriptor) / 2);
    test_hex(d, descriptor);
    test_header(d, KH_TAG(0x0028, 0x3006), "OW", (uint32_t)strlen(data) / 2);
    test_hex(d, data);
    end_sequence(d);
}

typedef struct table_case {
    const char *name;
    kh_tag tag;
    const char *descriptor, *data, *problem;
    bool is_signed;
    int32_t first;
} table_case;

#define MODALITY KH_TAG(0x0028, 0x3000)
#define VOI KH_TAG(0x0028, 0x3010)
#define OUTPUT KH_TAG(0x2050, 0x0010)

static const table_case tables[] = {
    {"modality, of stored values without a sign", MODALITY, "0200feff1000", "0100ffff", NULL, false, 65534},
    {"modality, of stored values with a sign", MODALITY, "0200feff1000", "0100ffff", NULL, true, -2},
    {"modality, no descriptor", MODALITY, "", "0100ffff", "LUTDescriptor", false, 0},
    {"modality, too few entries", MODALITY, "030000001000", "0100ffff", "LUTData", false, 0},
    {"modality, 17 bits", MODALITY, "020000001100", "0100ffff", "LUTDescriptor", false, 0},
    {"VOI", VOI, "0200feff1000", "0100ffff", NULL, true, -2},
    {"VOI, too few entries", VOI, "030000001000", "0100ffff", "LUTData", false, 0},
    {"presentation LUT", OUTPUT, "020000000800", "0100ff00", NULL, false, 0},
    {"presentation LUT, too few entries", OUTPUT, "030000000800", "01ff", "LUTData", false, 0},
};

static void test_tables(void **context)
{
    (void)context;
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        const table_case *c = &tables[i];
        kh_presentation *state;
        kh_presented out;
        const kh_lookup *table;
        test_dicom d;

        begin_state(&d, GREY);
        if (c->tag == VOI)
            begin_sequence(&d, KH_TAG(0x0028, 0x3110));
        put_table(&d, c->tag, c->descriptor, c->data);
        if (c->tag == VOI)
            end_sequence(&d);
        state = state_of(&d);
        out = apply(state, KH_PHOTOMETRIC_MONOCHROME2, c->is_signed, NULL, c->problem ? KH_E_UNSUPPORTED : KH_OK);
        if (c->problem) {
            test_words(c->name, state->problem, c->problem);
        } else {
            out.display.voi = &out.voi; /* it was copied */
            table = c->tag == MODALITY ? &out.display.modality
                    : c->tag == VOI    ? kh_display_voi_lut(&out.display, &out.slice, 0)
                                       : &out.display.output;
            if (!table || table->count != 2 || table->first != c->first || table->values[0] != 1 ||
                table->values[1] != (c->tag == OUTPUT ? 255 : 65535))
                fail_msg("%s", c->name);
        }
        free(state);
    }
}

static void test_numbers_of_tables(void **context)
{
    kh_presentation *one = grey_state(&greys[0]), *two = grey_state(&greys[3]);
    kh_presented a = apply(one, KH_PHOTOMETRIC_MONOCHROME2, false, NULL, KH_OK),
                 b = apply(two, KH_PHOTOMETRIC_MONOCHROME2, false, NULL, KH_OK);

    (void)context;
    assert_true(a.display.id == one->id && b.display.id == two->id + 1 && a.display.id != b.display.id &&
                kh_display_take_ids(1) > b.display.id);
    free(one);
    free(two);
}

/* What the image has of a kind, the state has not: it is not shown. */
static void test_instead(void **context)
{
    static const uint16_t entries[2] = {0, 1};
    static const uint8_t bits[2] = {0xff, 0xff};
    kh_display display = {
        .id = 5, .modality = {.count = 2, .bits = 16, .values = entries}, .shutter = {.shapes = KH_SHUTTER_CIRCULAR}, .overlay_count = 3};
    kh_presentation *state;
    kh_presented out;
    test_dicom d;

    (void)context;
    for (uint8_t i = 0; i < 3; i++)
        display.overlays[i] = (kh_overlay){.rows = 4, .columns = 4, .bit = -1, .group = i, .bits = bits};
    begin_state(&d, GREY);
    test_text(&d, KH_TAG(0x0018, 0x1600), "CS", "RECTANGULAR\\BITMAP");
    test_text(&d, KH_TAG(0x0018, 0x1602), "IS", "1");
    test_text(&d, KH_TAG(0x0018, 0x1604), "IS", "2");
    test_text(&d, KH_TAG(0x0018, 0x1606), "IS", "1");
    test_text(&d, KH_TAG(0x0018, 0x1608), "IS", "2");
    test_text(&d, KH_TAG(0x2050, 0x0020), "CS", "INVERSE");
    test_text(&d, KH_TAG(0x6002, 0x1001), "CS", "LAYER");
    test_text(&d, KH_TAG(0x6004, 0x1001), "CS", "LAYER");
    test_number(&d, KH_TAG(0x6004, 0x0010), "US", 2);
    test_number(&d, KH_TAG(0x6004, 0x0011), "US", 2);
    test_header(&d, KH_TAG(0x6004, 0x3000), "OW", 2);
    test_hex(&d, "0f00");
    state = state_of(&d);
    assert_int_equal(state->untold, KH_UNTOLD_BITMAP_SHUTTER);
    out = apply(state, KH_PHOTOMETRIC_MONOCHROME1, false, &display, KH_OK);
    assert_int_equal(out.display.modality.count, 0);
    assert_int_equal(out.display.shutter.shapes, KH_SHUTTER_RECTANGULAR);
    assert_true(out.info.inverse);
    assert_int_equal(out.display.overlay_count, 2);
    assert_int_equal(out.display.overlays[0].group, 1);
    assert_int_equal(out.display.overlays[1].rows, 2); /* its own plane for that of the image */
    out = apply(state, KH_PHOTOMETRIC_PALETTE, false, &display, KH_OK);
    assert_int_equal(out.format.photometric, KH_PHOTOMETRIC_PALETTE);
    assert_int_equal(kh_presentation_apply(&out, state, "1.9", 0, &out.info, &out.format, NULL, NULL), KH_E_NOT_FOUND);
    free(state);
}

typedef struct area_case {
    const char *name, *mode, *spacing;
    double ratio;
    bool kept, no_corner;
    int32_t corner;
    kh_presentation_size size;
} area_case;

static const area_case areas[] = {
    {"fit", "SCALE TO FIT", NULL, 0, true, false, 1, KH_SIZE_FIT},
    {"another word", "WIDE", NULL, 0, true, false, 1, KH_SIZE_FIT},
    {"true size", "TRUE SIZE", "0.5\\0.25", 0, true, false, 1, KH_SIZE_TRUE},
    {"true size without a spacing", "TRUE SIZE", NULL, 0, true, false, 1, KH_SIZE_FIT},
    {"true size with one of 0", "TRUE SIZE", "0.5\\0", 0, true, false, 1, KH_SIZE_FIT},
    {"enlarged", "MAGNIFY", NULL, 10000, true, false, 1, KH_SIZE_MAGNIFY},
    {"enlarged too far", "MAGNIFY", NULL, 10001, true, false, 1, KH_SIZE_FIT},
    {"enlarged by nothing", "MAGNIFY", NULL, 0, true, false, 1, KH_SIZE_FIT},
    {"as far as a corner goes", "SCALE TO FIT", NULL, 0, true, false, -10000000, KH_SIZE_FIT},
    {"farther", "SCALE TO FIT", NULL, 0, false, false, -10000001, KH_SIZE_FIT},
    {"one corner", "SCALE TO FIT", NULL, 0, false, true, 1, KH_SIZE_FIT},
};

static void test_areas(void **context)
{
    (void)context;
    for (size_t i = 0; i < sizeof areas / sizeof areas[0]; i++) {
        const area_case *c = &areas[i];
        const kh_presentation_area *area;
        kh_presentation *state;
        int32_t first[2] = {c->corner, 2}, last[2] = {30, 40};
        float ratio = (float)c->ratio;
        test_dicom d;

        begin_state(&d, GREY);
        begin_sequence(&d, KH_TAG(0x0070, 0x005a));
        test_header(&d, KH_TAG(0x0070, 0x0052), "SL", 8);
        test_raw(&d, first, sizeof first);
        if (!c->no_corner) {
            test_header(&d, KH_TAG(0x0070, 0x0053), "SL", 8);
            test_raw(&d, last, sizeof last);
        }
        test_text(&d, KH_TAG(0x0070, 0x0100), "CS", c->mode);
        if (c->spacing)
            test_text(&d, KH_TAG(0x0070, 0x0101), "DS", c->spacing);
        test_header(&d, KH_TAG(0x0070, 0x0103), "FL", 4);
        test_raw(&d, &ratio, sizeof ratio);
        end_sequence(&d);
        test_number(&d, KH_TAG(0x0070, 0x0042), "US", 270);
        test_text(&d, KH_TAG(0x0070, 0x0041), "CS", "Y");
        state = state_of(&d);
        area = kh_presentation_area_of(state, "1.2.3", 0);
        if ((area != NULL) != c->kept || (area && (area->size != c->size || area->first[0] != c->corner || area->last[1] != 40)))
            fail_msg("%s", c->name);
        assert_true(state->quarter_turns == 3 && state->flipped);
        free(state);
    }
}

/* sRGB of CIELab by the formulas of CIE 15 and IEC 61966-2-1: white, black, the red of sRGB (L 54.29, a 80.81, b 69.89 of D50). */
static void test_layers(void **context)
{
    static const struct {
        uint16_t words[3];
        uint8_t rgb[3];
    } colors[] = {
        {{65535, 32896, 32896}, {255, 255, 255}},
        {{0, 32896, 32896}, {0, 0, 0}},
        {{35579, 53664, 50858}, {255, 0, 0}},
    };
    kh_presentation *state;
    test_dicom d;

    (void)context;
    begin_state(&d, GREY);
    test_sequence(&d, KH_TAG(0x0070, 0x0060));
    for (size_t i = 0; i < 3; i++) {
        test_item(&d, UNDEFINED);
        test_text(&d, KH_TAG(0x0070, 0x0002), "CS", "LAYER");
        test_text(&d, KH_TAG(0x0070, 0x0062), "IS", "7");
        test_header(&d, KH_TAG(0x0070, 0x0401), "US", 6);
        test_raw(&d, colors[i].words, 6);
        test_item_end(&d);
    }
    test_item(&d, UNDEFINED);
    test_number(&d, KH_TAG(0x0070, 0x0066), "US", 32768);
    test_item_end(&d);
    test_item(&d, UNDEFINED);
    test_item_end(&d);
    test_sequence_end(&d);
    state = state_of(&d);
    assert_int_equal(state->layer_count, 5);
    assert_int_equal(state->layers[0].order, 7);
    for (size_t i = 0; i < 3; i++)
        for (size_t j = 0; j < 3; j++)
            assert_true(abs(state->layers[i].rgb[j] - colors[i].rgb[j]) <= 2);
    assert_int_equal(state->layers[3].rgb[0], 128);
    assert_true(state->layers[3].has_color && !state->layers[4].has_color);
    free(state);
}

static void test_refused(void **context)
{
    kh_presentation *state;
    kh_error err = KH_ERROR_INIT;
    test_dicom d;

    (void)context;
    begin_state(&d, "1.2.840.10008.5.1.4.1.1.11.4");
    assert_int_equal(read_state(&state, &d, &err), KH_E_UNSUPPORTED);
    assert_null(state);
    test_begin(&d, KH_TS_EXPLICIT_LE);
    test_text(&d, KH_TAG_SOP_CLASS_UID, "UI", COLOR);
    kh_error_clear(&err);
    assert_int_equal(read_state(&state, &d, &err), KH_E_FORMAT);
    test_words("no images", err.message, "ReferencedSeriesSequence");
    assert_true(kh_is_presentation(GREY) && kh_is_presentation(COLOR) && !kh_is_presentation("1.2.840.10008.5.1.4.1.1.2"));
}

static void test_limit(void **context)
{
    (void)context;
    for (int over = 0; over < 2; over++) {
        kh_presentation *state;
        kh_error err = KH_ERROR_INIT;
        test_dicom d;

        test_begin(&d, KH_TS_EXPLICIT_LE);
        test_text(&d, KH_TAG_SOP_CLASS_UID, "UI", COLOR);
        begin_sequence(&d, KH_TAG(0x0008, 0x1115));
        test_sequence(&d, KH_TAG(0x0008, 0x1140));
        for (int i = 0; i < KH_PRESENTATION_REFERENCES_MAX + over; i++)
            put_image(&d, "1.2.3", NULL);
        test_sequence_end(&d);
        end_sequence(&d);
        assert_int_equal(read_state(&state, &d, &err), over ? KH_E_LIMIT : KH_OK);
        free(state);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_images),
        cmocka_unit_test(test_grey),
        cmocka_unit_test(test_scopes),
        cmocka_unit_test(test_tables),
        cmocka_unit_test(test_numbers_of_tables),
        cmocka_unit_test(test_instead),
        cmocka_unit_test(test_areas),
        cmocka_unit_test(test_layers),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
