/* Words on pictures: where they stand, that they never leave the canvas, and what is no text. Needs a font; without one it is skipped. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "tests/render/support.h"
#include "viewer/render/text.h"

#define FONT "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc"

static size_t lit(const kh_text_canvas *canvas)
{
    size_t count = 0;

    for (size_t i = 0; i < (size_t)canvas->width * canvas->height * canvas->channels; i++)
        count += canvas->pixels[i] > 200;
    return count;
}

static void words_stand_where_they_should(void **state)
{
    static const struct {
        const char *name, *words;
        int32_t x, baseline;
        unsigned channels;
        bool seen;
    } cases[] = {
        {"letters", "Yamada", 4, 40, 1, true},
        {"letters in colour", "Yamada", 4, 40, 3, true},
        {"kanji", "\xe5\xb1\xb1\xe7\x94\xb0", 4, 40, 1, true},
        {"nothing", "", 4, 40, 1, false},
        {"left of the picture", "Yamada", -40, 40, 1, true},
        {"over its right edge", "Yamada Yamada Yamada Yamada", 60, 40, 1, true},
        {"above it", "Yamada", 4, -40, 1, false},
        {"below it", "Yamada", 4, 1000, 1, false},
        {"far to the right", "Yamada", INT32_MAX, 40, 1, false},
        {"far to the left", "Yamada", INT32_MIN, 40, 1, false},
        {"bytes that are no UTF-8", "\xff\xc3\x28\xe5\xb1", 4, 40, 1, true},
        {"cut within a character", "\xf0\x9f\x98", 4, 40, 1, true},
    };
    kh_error err = KH_ERROR_INIT;
    kh_text *text = NULL;

    (void)state;
    assert_int_equal(kh_text_create(&text, FONT, &err), KH_OK);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        kh_text_canvas canvas = {.width = 100, .height = 60, .channels = cases[i].channels};

        canvas.pixels = calloc(1, (size_t)canvas.width * canvas.height * canvas.channels);
        kh_text_draw(text, &canvas, cases[i].x, cases[i].baseline, 24, cases[i].words);
        if ((lit(&canvas) > 10) != cases[i].seen)
            fail_msg("%s: %zu", cases[i].name, lit(&canvas));
        free(canvas.pixels);
    }
    kh_text_free(text);
}

static void words_can_be_read_on_white(void **state)
{
    uint8_t pixels[100 * 60];
    kh_text_canvas canvas = {pixels, 100, 60, 1};
    kh_error err = KH_ERROR_INIT;
    kh_text *text = NULL;
    size_t dark = 0;

    (void)state;
    memset(pixels, 255, sizeof pixels);
    assert_int_equal(kh_text_create(&text, FONT, &err), KH_OK);
    kh_text_draw(text, &canvas, 4, 40, 24, "A");
    for (size_t i = 0; i < sizeof pixels; i++)
        dark += pixels[i] < 50;
    assert_true(dark > 20);
    kh_text_free(text);
}

static void what_is_no_font_is_told(void **state)
{
    kh_error err = KH_ERROR_INIT;
    kh_text *text = NULL;

    (void)state;
    assert_int_equal(kh_text_create(&text, "/proc/self/exe", &err), KH_E_UNSUPPORTED);
    assert_null(text);
    assert_int_equal(kh_text_create(&text, "", &err), KH_E_UNSUPPORTED);
    assert_null(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_stand_where_they_should),
        cmocka_unit_test(words_can_be_read_on_white),
        cmocka_unit_test(what_is_no_font_is_told),
    };

    if (access(FONT, R_OK) != 0) {
        puts("skipped: " FONT " is not installed");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
