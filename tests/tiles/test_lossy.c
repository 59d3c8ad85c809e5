#include <stdio.h>
#include <string.h>
#include "tests/cmocka_all.h"
#include "viewer/tiles/lossy.h"

static void what_is_said_of_loss(void **state)
{
    static const struct {
        const char *name;
        kh_lossy_facts facts;
        const char *text;
    } cases[] = {
        {"a lossless slice", {0, 0, false, 0, ""}, "no"},
        {"a tile", {80, 12.34, false, 0, ""}, "jpeg;q=80;ratio=12.3"},
        {"a tile, the source's facts do not count", {80, 12.34, false, 9, "ISO_10918_1"}, "jpeg;q=80;ratio=12.3"},
        {"a slice of a lossy source", {0, 0, true, 0, ""}, "source"},
        {"by how much", {0, 0, true, 10, ""}, "source;source-ratio=10"},
        {"and how", {0, 0, true, 4.5, "ISO_15444_1"}, "source;source-ratio=4.5;source-method=ISO_15444_1"},
        {"how, by nobody knows how much", {0, 0, true, 0, "ISO_10918_1"}, "source;source-method=ISO_10918_1"},
        {"twice", {75, 20, true, 10, "ISO_10918_1\\ISO_15444_1"},
         "jpeg;q=75;ratio=20.0;source;source-ratio=10;source-method=ISO_10918_1,ISO_15444_1"},
        {"a method that would break the header line", {0, 0, true, 0, "A\r\nX-Evil: 1;b"}, "source;source-method=AXE1"},
        {"a method of no letters", {0, 0, true, 0, "\xff\xfe "}, "source"},
    };

    (void)state;
    for (size_t i = 0; i < KH_COUNT(cases); i++) {
        char text[KH_TILE_LOSSY_SIZE];

        kh_lossy_text(text, &cases[i].facts);
        if (strcmp(text, cases[i].text) != 0)
            fail_msg("%s: %s, expected %s", cases[i].name, text, cases[i].text);
    }
}

/* The longest of everything stays whole. */
static void the_longest_fits(void **state)
{
    char method[66], text[KH_TILE_LOSSY_SIZE];
    kh_lossy_facts facts = {.quality = 100, .our_ratio = 123456789.1, .source = true, .source_ratio = 1.234e-100, .source_method = method};

    (void)state;
    memset(method, 'M', 64);
    method[64] = '\0';
    kh_lossy_text(text, &facts);
    assert_string_equal(text + strlen(text) - 64, method);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_said_of_loss),
        cmocka_unit_test(the_longest_fits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
