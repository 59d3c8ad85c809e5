/* One media type and its parameters, as clients of the field write them and as nobody should. */
#include "tests/cmocka_all.h"

#include <stdio.h>
#include <string.h>
#include "viewer/dicomweb/media_type.h"

/* expected: "name|parameter=value|..."; NULL: refused */
static const struct {
    const char *name, *text, *expected;
} cases[] = {
    {"bare", "application/dicom", "application/dicom"},
    {"blanks around it", " \tapplication/dicom ", "application/dicom"},
    {"quoted type", "multipart/related; type=\"application/dicom\"; boundary=abc", "multipart/related|type=application/dicom|boundary=abc"},
    {"type without quotes", "multipart/related;type=application/dicom;boundary=abc",
     "multipart/related|type=application/dicom|boundary=abc"},
    {"quoted boundary with blanks in it", "multipart/related; boundary=\"a b\"", "multipart/related|boundary=a b"},
    {"escaped quote", "a/b; c=\"d\\\"e\"", "a/b|c=d\"e"},
    {"semicolon and comma in quotes", "a/b; c=\"d;e,f\"; g=h", "a/b|c=d;e,f|g=h"},
    {"blanks around semicolons", "a/b ; c=d  ;\te=f", "a/b|c=d|e=f"},
    {"semicolon at the end", "a/b; c=d;", "a/b|c=d"},
    {"an empty quoted value", "a/b; c=\"\"", "a/b|c="},
    {"wild cards", "*/*; q=0.5", "*/*|q=0.5"},
    {"a transfer syntax", "application/dicom; transfer-syntax=*", "application/dicom|transfer-syntax=*"},
    {"eight parameters", "a/b;a=1;b=2;c=3;d=4;e=5;f=6;g=7;h=8", "a/b|a=1|b=2|c=3|d=4|e=5|f=6|g=7|h=8"},
    {"nine parameters", "a/b;a=1;b=2;c=3;d=4;e=5;f=6;g=7;h=8;i=9", NULL},
    {"empty", "", NULL},
    {"no subtype", "application", NULL},
    {"an empty subtype", "application/", NULL},
    {"an empty type", "/dicom", NULL},
    {"two types", "a/b c/d", NULL},
    {"two types with a comma", "a/b, c/d", NULL},
    {"a parameter without value", "a/b; c", NULL},
    {"an empty value", "a/b; c=", NULL},
    {"an empty name", "a/b; =c", NULL},
    {"blanks around the equals sign", "a/b; c = d", NULL},
    {"a quote that does not end", "a/b; c=\"d", NULL},
    {"an escape at the end", "a/b; c=\"d\\", NULL},
    {"text behind a quoted value", "a/b; c=\"d\"e", NULL},
    {"a parameter twice", "a/b; c=d; C=e", NULL},
};

static void check(const char *name, const char *text, const char *expected)
{
    kh_media_type type;
    char got[KH_MEDIA_TYPE_SIZE + 64];
    size_t size;

    if (kh_media_type_parse(&type, text, NULL) != KH_OK) {
        if (expected)
            fail_msg("%s: refused", name);
        return;
    }
    size = (size_t)snprintf(got, sizeof got, "%s", type.name);
    for (size_t i = 0; i < type.parameter_count; i++)
        size += (size_t)snprintf(got + size, sizeof got - size, "|%s=%s", type.parameters[i].name, type.parameters[i].value);
    if (!expected || strcmp(got, expected) != 0)
        fail_msg("%s: got %s, expected %s", name, got, expected ? expected : "a refusal");
}

static void table(void **state)
{
    (void)state;
    for (size_t i = 0; i < KH_COUNT(cases); i++)
        check(cases[i].name, cases[i].text, cases[i].expected);
}

static void lengths(void **state)
{
    char text[KH_MEDIA_TYPE_SIZE + 1];

    (void)state;
    memset(text, 'a', sizeof text);
    memcpy(text, "a/", 2);
    text[KH_MEDIA_TYPE_SIZE - 1] = '\0';
    check("as long as may be", text, text);
    text[KH_MEDIA_TYPE_SIZE - 1] = 'a';
    text[KH_MEDIA_TYPE_SIZE] = '\0';
    check("one byte more", text, NULL);
}

static void case_does_not_matter(void **state)
{
    kh_media_type type;

    (void)state;
    assert_int_equal(kh_media_type_parse(&type, "Multipart/Related; TYPE=\"Application/DICOM\"", NULL), KH_OK);
    assert_true(kh_media_type_is(&type, "multipart/related"));
    assert_false(kh_media_type_is(&type, "multipart/relate"));
    assert_string_equal(kh_media_type_parameter(&type, "type"), "Application/DICOM");
    assert_null(kh_media_type_parameter(&type, "typ"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(table), cmocka_unit_test(lengths), cmocka_unit_test(case_does_not_matter)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
