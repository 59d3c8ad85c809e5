/* Addresses of bulk data. */
#include <string.h>
#include "tests/cmocka_all.h"
#include "viewer/dicomweb/bulk_path.h"

typedef struct path_case {
    const char *name, *text, *expected; /* as we write it; NULL: refused */
} path_case;

static const path_case cases[] = {
    {"a tag", "00420011", "00420011"},
    {"small letters", "7fe00010", "7FE00010"},
    {"one deep", "52009230.3.00281408", "52009230.3.00281408"},
    {"slashes", "52009230/3/00281408", "52009230.3.00281408"},
    {"two deep", "52009230.1.00289145.1.00281408", "52009230.1.00289145.1.00281408"},
    {"largest item", "52009230.999999999.00281408", "52009230.999999999.00281408"},
    {"ten digits of item", "52009230.1000000000.00281408", NULL},
    {"item 0", "52009230.0.00281408", NULL},
    {"no item", "52009230..00281408", NULL},
    {"item at the end", "52009230.1", NULL},
    {"separator at the end", "00420011.", NULL},
    {"separator first", ".00420011", NULL},
    {"seven digits", "0042001", NULL},
    {"nine digits", "004200111", NULL},
    {"a letter too far", "0042001G", NULL},
    {"a keyword", "PixelData", NULL},
    {"empty", "", NULL},
    {"negative item", "52009230.-1.00281408", NULL},
    {"dots as in a path", "../../etc", NULL},
};

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < KH_COUNT(cases); i++) {
        char text[KH_BULK_TEXT_SIZE] = "";
        kh_bulk_path path;
        kh_error err = KH_ERROR_INIT;
        kh_status status = kh_bulk_path_parse(&path, cases[i].text, &err);

        if (status == KH_OK)
            kh_bulk_path_text(&path, text);
        if ((status == KH_OK) != (cases[i].expected != NULL) || (cases[i].expected && strcmp(text, cases[i].expected) != 0))
            fail_msg("%s: %s %s", cases[i].name, text, err.message);
        assert_true(status == KH_OK || status == KH_E_ARG);
    }
}

static void test_depth(void **state)
{
    char text[KH_BULK_TEXT_SIZE + 32] = "", written[KH_BULK_TEXT_SIZE];
    kh_bulk_path path;

    (void)state;
    for (int i = 0; i < KH_BULK_DEPTH_MAX; i++)
        strcat(text, "FFFFFFFF.999999999.");
    strcat(text, "FFFFFFFF");
    assert_int_equal(kh_bulk_path_parse(&path, text, NULL), KH_OK);
    kh_bulk_path_text(&path, written);
    assert_string_equal(written, text);
    strcat(text, ".1.FFFFFFFF");
    assert_int_equal(kh_bulk_path_parse(&path, text, NULL), KH_E_ARG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cases), cmocka_unit_test(test_depth)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
