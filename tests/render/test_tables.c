/* Palettes, Modality LUTs, VOI LUTs and the rule which windows are for stored values, by the formulas. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/render/support.h"
#include "viewer/render/modality.h"

static uint64_t next_id = 1000000;

static void attach(test_picture *picture, kh_display *display)
{
    memset(display, 0, sizeof *display);
    display->id = next_id++;
    picture->source.display = display;
}

static void every_value_goes_through_the_palette(void **state)
{
    static uint8_t rgb[3 * 200];
    static const int firsts[] = {0, 30, -20};

    (void)state;
    for (size_t i = 0; i < sizeof rgb; i++)
        rgb[i] = (uint8_t)(i * 7);
    for (size_t n = 0; n < sizeof firsts / sizeof firsts[0]; n++)
        for (int allocated = 8; allocated <= 16; allocated += 8) {
            bool is_signed = firsts[n] < 0;
            test_picture picture;
            kh_display display;
            kh_render_view view;
            unsigned channels;
            uint8_t *got;

            test_picture_init(&picture, 16, 16, (uint16_t)allocated, 8, is_signed);
            picture.format.photometric = KH_PHOTOMETRIC_PALETTE;
            attach(&picture, &display);
            display.palette = (kh_palette){firsts[n], 200, rgb};
            for (size_t i = 0; i < 256; i++)
                picture.pixels[i * (size_t)allocated / 8] = (uint8_t)i;
            view = test_view(&picture);
            got = test_render(&picture, &view, &channels, NULL);
            assert_int_equal(channels, 3);
            for (int i = 0; i < 256; i++) {
                int value = is_signed && i > 127 ? i - 256 : i, entry = value - firsts[n];

                entry = entry < 0 ? 0 : entry > 199 ? 199 : entry;
                assert_memory_equal(got + 3 * i, rgb + 3 * entry, 3);
            }
            free(got);
            test_picture_release(&picture);
        }
}

/* Colours are averaged, not the numbers that stand for them. */
static void a_small_picture_averages_colours(void **state)
{
    static const uint8_t rgb[] = {200, 0, 0, 9, 9, 9, 0, 100, 0};
    test_picture picture;
    kh_display display;
    kh_render_view view = {.out_width = 1, .out_height = 1};
    uint8_t *got;

    (void)state;
    test_picture_init(&picture, 2, 1, 8, 8, false);
    picture.format.photometric = KH_PHOTOMETRIC_PALETTE;
    attach(&picture, &display);
    display.palette = (kh_palette){0, 3, rgb};
    picture.pixels[1] = 2;
    got = test_render(&picture, &view, NULL, NULL);
    assert_int_equal(got[0], 100);
    assert_int_equal(got[1], 50);
    assert_int_equal(got[2], 0);
    free(got);
    test_picture_release(&picture);
}

static void fill_12_bits(test_picture *picture, bool is_signed)
{
    test_picture_init(picture, 64, 64, 16, 12, is_signed);
    for (size_t i = 0; i < 4096; i++)
        test_picture_set_16(picture, i, (uint16_t)i);
}

static int signed_12(int i, bool is_signed)
{
    return is_signed && i > 2047 ? i - 4096 : i;
}

static int grey_of(double y)
{
    return (int)floor(255 * fmin(fmax(y, 0), 1) + 0.5);
}

/* C.11.1: the table, its ends held, then the window (C.11.2.1.2.1). */
static void every_value_goes_through_the_modality_lut(void **state)
{
    static uint16_t entries[3000];

    (void)state;
    for (size_t i = 0; i < 3000; i++)
        entries[i] = (uint16_t)(65535 - i * i / 200);
    for (int is_signed = 0; is_signed < 2; is_signed++) {
        int first = is_signed ? -1000 : 500;
        double center = 40000.0, width = 30000.0;
        test_picture picture;
        kh_display display;
        kh_render_view view;
        uint8_t *got;

        fill_12_bits(&picture, is_signed);
        attach(&picture, &display);
        display.modality = (kh_lookup){first, 3000, 16, entries};
        picture.slice.rescale_slope = 17; /* not used beside a table */
        test_picture_set_window(&picture, center, width);
        view = test_view(&picture);
        got = test_render(&picture, &view, NULL, NULL);
        for (int i = 0; i < 4096; i++) {
            int entry = signed_12(i, is_signed) - first;
            double x = entries[entry < 0 ? 0 : entry > 2999 ? 2999 : entry];

            assert_int_equal(got[i], grey_of((x - (center - 0.5)) / (width - 1) + 0.5));
        }
        free(got);
        test_picture_release(&picture);
    }
}

/* C.11.4: behind the window, its inputs stretched over what that gives; inversion comes after it, and background stays. */
static void every_value_goes_through_the_presentation_lut(void **state)
{
    static uint16_t entries[200];

    (void)state;
    for (size_t i = 0; i < 200; i++)
        entries[i] = (uint16_t)(i * i * 4095 / 39601);
    for (int turn = 0; turn < 4; turn++) {
        int is_signed = turn & 1, inverse = turn >> 1;
        test_picture picture;
        kh_display display;
        kh_render_view view;
        uint8_t *got;

        fill_12_bits(&picture, is_signed);
        attach(&picture, &display);
        display.output = (kh_lookup){0, 200, 12, entries};
        picture.info.inverse = inverse;
        picture.slice.voi_function = KH_VOI_LINEAR_EXACT;
        test_picture_set_window(&picture, 100, 3000);
        view = test_view(&picture);
        got = test_render(&picture, &view, NULL, NULL);
        for (int i = 0; i < 4096; i++) {
            double y = fmin(fmax((signed_12(i, is_signed) - 100) / 3000.0 + 0.5, 0), 1);
            int grey = grey_of(entries[(int)(y * 199 + 0.5)] / 4095.0);

            assert_int_equal(got[i], inverse ? 255 - grey : grey);
        }
        free(got);
        test_picture_release(&picture);
    }
}

/* Without a window it is made from the table's output, here falling. */
static void an_automatic_window_is_in_the_table_s_output(void **state)
{
    static uint16_t entries[4096];
    test_picture picture;
    kh_display display;
    kh_render_view view;
    kh_rendered used;
    uint8_t *got;

    (void)state;
    for (size_t i = 0; i < 4096; i++)
        entries[i] = (uint16_t)(60000 - 10 * i);
    fill_12_bits(&picture, false);
    attach(&picture, &display);
    display.modality = (kh_lookup){0, 4096, 16, entries};
    view = test_view(&picture);
    got = test_render(&picture, &view, NULL, &used);
    assert_true(used.window_from_pixels);
    assert_true(used.window_center > 39000 && used.window_center < 40100);
    assert_true(used.window_width > 40000 && used.window_width < 41000);
    assert_int_equal(got[0], 255);
    assert_int_equal(got[4095], 0);
    free(got);
    test_picture_release(&picture);
}

static void a_modality_lut_of_deeper_values_is_refused(void **state)
{
    static const uint16_t entries[] = {1, 2};
    test_picture picture;
    kh_display display;
    kh_render_view view;

    (void)state;
    test_picture_init(&picture, 4, 4, 32, 17, false);
    attach(&picture, &display);
    display.modality = (kh_lookup){0, 2, 16, entries};
    view = test_view(&picture);
    test_refused(&picture, &view, KH_E_UNSUPPORTED, "ModalityLUTSequence (0028,3000)");
    test_picture_release(&picture);
}

/* C.11.2.1.1: the entry over the largest there can be; a window of the file or of the reader comes before the table. */
static void every_value_goes_through_the_voi_lut(void **state)
{
    static uint16_t entries[1000];
    kh_lookup voi[2] = {{0}, {-300, 1000, 12, NULL}}; /* the first belongs to another frame */
    test_picture picture;
    kh_display display;
    kh_render_view view;
    kh_rendered used;
    uint8_t *got;

    (void)state;
    for (size_t i = 0; i < 1000; i++)
        entries[i] = (uint16_t)(i < 100 ? 0 : i >= 900 ? 4095 : (i - 99) * (i - 99) / 160);
    fill_12_bits(&picture, false);
    attach(&picture, &display);
    display.voi_count = 2;
    display.voi = voi;
    voi[1].values = entries;
    picture.slice.voi_lut_first = picture.slice.voi_lut_count = 1;
    picture.slice.rescale_intercept = -1024;
    picture.slice.rescale_slope = 0.5;
    view = test_view(&picture);
    got = test_render(&picture, &view, NULL, &used);
    assert_false(used.window_from_pixels);
    /* 13 * 13 / 160 is the first entry that is not 0: it rises from entry 111, input -189, to entry 900, input 600; LINEAR over these
     * is center - 0.5 = 205.5 and width - 1 = 789 */
    assert_true(used.window_center == 206.0 && used.window_width == 790.0);
    for (int i = 0; i < 4096; i++) {
        double entry = floor(i * 0.5 - 1024 + 0.5) + 300;

        entry = fmin(fmax(entry, 0), 999);
        assert_int_equal(got[i], grey_of(entries[(int)entry] / 4095.0));
    }
    free(got);
    test_picture_set_window(&picture, 40, 400);
    got = test_render(&picture, &view, NULL, &used);
    assert_true(used.window_center == 40 && used.window_width == 400);
    free(got);
    picture.slice.window_count = 0;
    view.window_given = true;
    view.window_center = 70;
    view.window_width = 300;
    got = test_render(&picture, &view, NULL, &used);
    assert_true(used.window_center == 70 && used.window_width == 300);
    free(got);
    test_picture_release(&picture);
}

/* One renderer, two objects whose tables are at one address in turn: the id tells them apart. */
static void a_table_is_known_by_its_id(void **state)
{
    static uint16_t entries[2];
    const kh_lookup voi = {0, 2, 16, entries};
    kh_error err = KH_ERROR_INIT;
    kh_renderer *renderer = NULL;
    test_picture picture;
    kh_display display;
    kh_render_view view;
    unsigned channels;
    kh_buf out;

    (void)state;
    test_picture_init(&picture, 1, 1, 16, 12, false);
    attach(&picture, &display);
    display.voi_count = 1;
    display.voi = &voi;
    picture.slice.voi_lut_count = 1;
    view = test_view(&picture);
    kh_buf_init(&out, 100);
    assert_int_equal(kh_renderer_create(&renderer, &err), KH_OK);
    assert_int_equal(kh_render_pixels(renderer, &picture.source, &view, &out, &channels, NULL, &err), KH_OK);
    entries[0] = 65535;
    display.id = next_id++;
    assert_int_equal(kh_render_pixels(renderer, &picture.source, &view, &out, &channels, NULL, &err), KH_OK);
    assert_int_equal(out.data[0], 0);
    assert_int_equal(out.data[1], 255);
    kh_renderer_free(renderer);
    kh_buf_release(&out);
    test_picture_release(&picture);
}

/* The second of two tables when it is asked for, also where the slice has a window; one that is not there is an error. */
static void a_voi_lut_is_asked_for_by_number(void **state)
{
    static const uint16_t falling[] = {255, 128, 0}, steep[] = {0, 255};
    const kh_lookup voi[] = {{100, 3, 8, falling}, {0}, {101, 2, 8, steep}};
    static const struct {
        uint32_t lut;
        int grey[4]; /* of 99, 100, 101, 102 */
    } cases[] = {{0, {255, 255, 128, 0}}, {2, {0, 0, 0, 255}}};
    test_picture picture;
    kh_display display;
    kh_render_view view;
    uint8_t *got;

    (void)state;
    test_picture_init(&picture, 4, 1, 16, 12, false);
    attach(&picture, &display);
    for (size_t i = 0; i < 4; i++)
        test_picture_set_16(&picture, i, (uint16_t)(99 + i));
    display.voi_count = 3;
    display.voi = voi;
    picture.slice.voi_lut_count = 3;
    test_picture_set_window(&picture, 2048, 4096);
    view = test_view(&picture);
    view.lut_given = true;
    for (size_t n = 0; n < sizeof cases / sizeof cases[0]; n++) {
        view.lut = cases[n].lut;
        got = test_render(&picture, &view, NULL, NULL);
        for (int i = 0; i < 4; i++)
            assert_int_equal(got[i], cases[n].grey[i]);
        free(got);
    }
    view.lut = 1; /* could not be read */
    test_refused(&picture, &view, KH_E_NOT_FOUND, "VOI LUT 1");
    view.lut = 3;
    test_refused(&picture, &view, KH_E_NOT_FOUND, "VOI LUT 3 of this frame, which has 3");
    test_picture_release(&picture);
}

/* Stored values from the palette's first input on are coloured, those below go through the window; beyond its end the last entry
 * stands (PS3.3 C.7.6.19, C.7.6.3.1.5). Every value of 12 bits. */
static void a_supplemental_palette_colours_the_upper_values(void **state)
{
    static uint8_t rgb[3 * 1000];
    test_picture picture;
    kh_display display;
    kh_render_view view;
    kh_rendered used;
    unsigned channels;
    uint8_t *got;

    (void)state;
    for (size_t i = 0; i < sizeof rgb; i++)
        rgb[i] = (uint8_t)(i * 7 + i / 256);
    for (int form = 0; form < 8; form++) {
        bool negative = form & 1, inverse = form & 2, monochrome = form & 4;

        fill_12_bits(&picture, false);
        attach(&picture, &display);
        display.palette = (kh_palette){3000, 1000, rgb};
        display.supplemental = true;
        picture.slice.monochrome = monochrome;
        picture.info.inverse = inverse;
        test_picture_set_window(&picture, 1500, 3000);
        view = test_view(&picture);
        view.invert = negative;
        got = test_render(&picture, &view, &channels, &used);
        assert_int_equal(channels, monochrome ? 1 : 3);
        assert_true(used.window_center == 1500 && used.window_width == 3000);
        for (int i = 0; i < 4096; i++) {
            int grey = grey_of(fmin(fmax((i - 1499.5) / 2999.0 + 0.5, 0), 1));

            if (inverse)
                grey = 255 - grey;
            for (unsigned k = 0; k < channels; k++) {
                int expected = i < 3000 || monochrome ? grey : rgb[3 * (i - 3000 < 1000 ? i - 3000 : 999) + (int)k];

                assert_int_equal(got[(unsigned)i * channels + k], negative ? 255 - expected : expected);
            }
        }
        free(got);
        test_picture_release(&picture);
    }
}

/* Coloured values say nothing of the grey ones' window. */
static void coloured_values_do_not_drive_the_window(void **state)
{
    static const uint8_t rgb[3] = {1, 2, 3};
    test_picture picture;
    kh_display display;
    kh_render_view view;
    kh_rendered used;

    (void)state;
    test_picture_init(&picture, 10, 10, 16, 12, false);
    attach(&picture, &display);
    display.palette = (kh_palette){3000, 1, rgb};
    display.supplemental = true;
    for (size_t i = 0; i < 100; i++)
        test_picture_set_16(&picture, i, (uint16_t)(i < 50 ? 4000 : i < 75 ? 100 : 200));
    view = test_view(&picture);
    free(test_render(&picture, &view, NULL, &used));
    assert_true(used.window_from_pixels);
    assert_true(used.window_center == 150.5 && used.window_width == 101); /* black at 100, white at 200 */
    test_picture_release(&picture);
}

typedef struct rule_case {
    const char *name, *modality, *rescale_type;
    bool on_stored;
} rule_case;

static const rule_case rules[] = {
    {"CT", "CT", "HU", false},
    {"CT localizer, no type", "CT", "", false},
    {"MR with bare slope and intercept", "MR", "", true},
    {"MR with a Modality LUT Module, unspecified", "MR", "US", false},
    {"MR in milliseconds", "MR", "ms", false},
    {"PET, whose module defines the rescale", "PT", "", false},
    {"PET", "PT", "BQML", false},
    {"XA", "XA", "", true},
    {"XA, unspecified", "XA", "US", true},
    {"XA reconstruction in HU", "XA", "HU", false},
    {"fluoroscopy", "RF", "", true},
    {"fluoroscopy in optical density", "RF", "OD", false},
    {"CR", "CR", "", false},
    {"none", "", "", false},
};

static void windows_are_for_stored_values_by_the_table(void **state)
{
    static uint16_t entries[] = {9, 8, 7};

    (void)state;
    for (size_t n = 0; n < sizeof rules / sizeof rules[0]; n++) {
        const rule_case *c = &rules[n];
        bool xray = strcmp(c->modality, "XA") == 0 || strcmp(c->modality, "RF") == 0;
        test_picture picture;
        kh_display display;
        kh_render_view view;
        uint8_t *got;

        fill_12_bits(&picture, false);
        snprintf(picture.info.modality, sizeof picture.info.modality, "%s", c->modality);
        snprintf(picture.info.rescale_type, sizeof picture.info.rescale_type, "%s", c->rescale_type);
        picture.slice.rescale_slope = 4;
        picture.slice.rescale_intercept = -200;
        test_picture_set_window(&picture, 1000, 500);
        view = test_view(&picture);
        got = test_render(&picture, &view, NULL, NULL);
        for (int i = 0; i < 4096; i++) {
            double x = c->on_stored ? i : 4 * i - 200;

            if (got[i] != grey_of((x - 999.5) / 499 + 0.5))
                fail_msg("%s: value %d is shown as %d", c->name, i, got[i]);
        }
        free(got);
        attach(&picture, &display);
        display.modality = (kh_lookup){0, 3, 16, entries};
        if ((kh_modality_of(&picture.info, &picture.slice, &display).lookup == NULL) != (xray && c->on_stored))
            fail_msg("%s: Modality LUT Sequence", c->name);
        test_picture_release(&picture);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_value_goes_through_the_palette),
        cmocka_unit_test(a_small_picture_averages_colours),
        cmocka_unit_test(every_value_goes_through_the_modality_lut),
        cmocka_unit_test(every_value_goes_through_the_presentation_lut),
        cmocka_unit_test(an_automatic_window_is_in_the_table_s_output),
        cmocka_unit_test(a_modality_lut_of_deeper_values_is_refused),
        cmocka_unit_test(every_value_goes_through_the_voi_lut),
        cmocka_unit_test(a_table_is_known_by_its_id),
        cmocka_unit_test(a_voi_lut_is_asked_for_by_number),
        cmocka_unit_test(a_supplemental_palette_colours_the_upper_values),
        cmocka_unit_test(coloured_values_do_not_drive_the_window),
        cmocka_unit_test(windows_are_for_stored_values_by_the_table),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
