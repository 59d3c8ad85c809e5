/* Targets: RFC 3986 2.1 and 3.3, RFC 9112 3.2, RFC 3629 3. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tests/cmocka_all.h"
#include "viewer/http/target.h"

typedef struct target_case {
    const char *name, *raw;
    const char *path;  /* NULL: refused */
    const char *parameters; /* "name=value;" for each; NULL: not looked at */
} target_case;

static const target_case cases[] = {
    {"root", "/", "/", ""},
    {"two segments", "/a/b", "/a/b", ""},
    {"slash at the end", "/a/", "/a/", ""},
    {"empty segment", "/a//b", "/a//b", ""},
    {"percent lower case", "/%e5%b1%b1", "/\xe5\xb1\xb1", ""},
    {"percent upper case", "/%E5%B1%B1", "/\xe5\xb1\xb1", ""},
    {"percent of a plain letter", "/%41", "/A", ""},
    {"plus in a path is a plus", "/a+b", "/a+b", ""},
    {"plus in a query is a space", "/?q=a+b", "/", "q=a b;"},
    {"encoded plus in a query", "/?q=a%2Bb", "/", "q=a+b;"},
    {"three dots", "/...", "/...", ""},
    {"percent sign encoded", "/%25zz", "/%zz", ""},
    {"query without a value", "/?a", "/", "a=;"},
    {"query with an empty value", "/?a=", "/", "a=;"},
    {"value with equals", "/?a=b=c", "/", "a=b=c;"},
    {"empty parameters", "/?&&a=1&", "/", "a=1;"},
    {"question mark in a query", "/?a=b?c", "/", "a=b?c;"},
    {"backslash in a query", "/?a=\\", "/", "a=\\;"},
    {"slash encoded in a query", "/?a=%2F", "/", "a=/;"},
    {"dots in a query", "/?a=../..", "/", "a=../..;"},
    {"encoded name", "/?%61=1&b=2", "/", "a=1;b=2;"},
    {"absolute form", "http://localhost/a?b=1", "/a", "b=1;"},
    {"absolute form, scheme in capitals", "HTTP://localhost:80/a", "/a", ""},
    {"four-byte UTF-8", "/%F0%A0%AE%B7", "/\xf0\xa0\xae\xb7", ""},
    {"last code point", "/%F4%8F%BF%BF", "/\xf4\x8f\xbf\xbf", ""},

    {"empty", "", NULL, NULL},
    {"no slash", "a", NULL, NULL},
    {"asterisk", "*", NULL, NULL},
    {"query only", "?a=1", NULL, NULL},
    {"other scheme", "ftp://localhost/a", NULL, NULL},
    {"absolute form without a host", "http:///a", NULL, NULL},
    {"absolute form without a path", "http://localhost", NULL, NULL},
    {"authority form", "localhost:80", NULL, NULL},
    {"percent at the end", "/%", NULL, NULL},
    {"percent with one digit", "/%4", NULL, NULL},
    {"percent with a bad first digit", "/%g1", NULL, NULL},
    {"percent with a bad second digit", "/%1g", NULL, NULL},
    {"percent across segments", "/%4/1", NULL, NULL},
    {"percent across parameters", "/?a=%4&1", NULL, NULL},
    {"encoded NUL", "/a%00b", NULL, NULL},
    {"encoded NUL in a query", "/?a=%00", NULL, NULL},
    {"encoded newline", "/a%0Ab", NULL, NULL},
    {"encoded carriage return in a query", "/?a=%0d", NULL, NULL},
    {"encoded DEL", "/%7F", NULL, NULL},
    {"encoded slash in a segment", "/a%2Fb", NULL, NULL},
    {"encoded backslash in a segment", "/a%5Cb", NULL, NULL},
    {"backslash in a segment", "/a\\b", NULL, NULL},
    {"dot segment", "/a/./b", NULL, NULL},
    {"dot dot segment", "/a/../b", NULL, NULL},
    {"dot dot at the end", "/a/..", NULL, NULL},
    {"dot dot encoded", "/a/%2e%2e/b", NULL, NULL},
    {"dot dot half encoded", "/a/.%2E", NULL, NULL},
    {"space", "/a b", NULL, NULL},
    {"raw control byte", "/a\x01", NULL, NULL},
    {"raw high byte", "/\xe5\xb1\xb1", NULL, NULL},
    {"fragment", "/a#b", NULL, NULL},
    {"overlong slash, two bytes", "/%c0%af", NULL, NULL},
    {"overlong dot, three bytes", "/%e0%80%ae", NULL, NULL},
    {"overlong, four bytes", "/%f0%80%80%af", NULL, NULL},
    {"surrogate", "/%ed%a0%80", NULL, NULL},
    {"past the last code point", "/%f4%90%80%80", NULL, NULL},
    {"lone continuation", "/%80", NULL, NULL},
    {"sequence cut by the end", "/%e5%b1", NULL, NULL},
    {"sequence cut by a slash", "/%e5%b1/%b1", NULL, NULL},
    {"Shift JIS", "/%8e%52", NULL, NULL},
    {"parameter without a name", "/?=1", NULL, NULL},
};

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < KH_COUNT(cases); i++) {
        kh_error err = KH_ERROR_INIT;
        kh_target target;
        char *exact = malloc(strlen(cases[i].raw)); /* no NUL behind it: a read too far is seen by ASan */
        char parameters[256] = "";
        kh_status status;

        memcpy(exact, cases[i].raw, strlen(cases[i].raw));
        status = kh_target_parse(&target, exact, strlen(cases[i].raw), &err);
        free(exact);
        if (status != (cases[i].path ? KH_OK : KH_E_ARG))
            fail_msg("%s: %s", cases[i].name, err.message);
        if (cases[i].path && strcmp(target.path, cases[i].path) != 0)
            fail_msg("%s: path \"%s\"", cases[i].name, target.path);
        for (size_t p = 0; p < target.parameter_count; p++)
            snprintf(parameters + strlen(parameters), sizeof parameters - strlen(parameters), "%s=%s;",
                     target.parameters[p].name, target.parameters[p].value);
        if (cases[i].parameters && strcmp(parameters, cases[i].parameters) != 0)
            fail_msg("%s: parameters \"%s\"", cases[i].name, parameters);
        kh_target_release(&target);
    }
}

/* Who sent it hears which parameter it was. */
static void test_refusals_name_the_parameter(void **state)
{
    static const struct {
        const char *raw, *message;
    } rows[] = {
        {"/?a=1&b=%zz", "parameter \"b\": '%' without two hexadecimal digits"},
        {"/?%62=%00", "parameter \"b\": control byte 0x00"},
        {"/?long=1&b=%c0%af", "parameter \"b\": not UTF-8 after decoding"},
        {"/?%zz=1", "target: '%' without two hexadecimal digits"},
        {"/?%00", "target: control byte 0x00"},
        {"/%zz?b=1", "target: '%' without two hexadecimal digits"},
    };

    (void)state;
    for (size_t i = 0; i < KH_COUNT(rows); i++) {
        kh_error err = KH_ERROR_INIT;
        kh_target target;

        assert_int_equal(kh_target_parse(&target, rows[i].raw, strlen(rows[i].raw), &err), KH_E_ARG);
        assert_string_equal(err.message, rows[i].message);
    }
}

/* first, then count times unit, with a running number between its halves where it has a '#'. */
static kh_status parse_repeated(const char *first, const char *unit, size_t count)
{
    kh_target target;
    kh_status status;
    size_t before = strcspn(unit, "#");
    char *raw = calloc(1, strlen(first) + (strlen(unit) + 8) * count + 1);
    char *p = stpcpy(raw, first);

    for (size_t i = 0; i < count; i++) {
        p = mempcpy(p, unit, before);
        if (unit[before])
            p += sprintf(p, "%zu%s", i, unit + before + 1);
    }
    status = kh_target_parse(&target, raw, strlen(raw), NULL);
    kh_target_release(&target);
    free(raw);
    return status;
}

static void test_limits(void **state)
{
    (void)state;
    assert_int_equal(parse_repeated("", "/a", KH_TARGET_SEGMENTS_MAX), KH_OK);
    assert_int_equal(parse_repeated("", "/a", KH_TARGET_SEGMENTS_MAX + 1), KH_E_LIMIT);
    assert_int_equal(parse_repeated("/?", "p#=1&", KH_TARGET_PARAMETERS_MAX), KH_OK);
    assert_int_equal(parse_repeated("/?", "p#=1&", KH_TARGET_PARAMETERS_MAX + 1), KH_E_LIMIT);
    assert_int_equal(parse_repeated("/", "a", KH_TARGET_BYTES_MAX - 1), KH_OK);
    assert_int_equal(parse_repeated("/", "a", KH_TARGET_BYTES_MAX), KH_E_LIMIT);
}

static void test_segments_and_authority(void **state)
{
    kh_target target;
    static const char raw[] = "http://127.0.0.1:8080/tiles/12/a%20b?q=";

    (void)state;
    assert_int_equal(kh_target_parse(&target, raw, strlen(raw), NULL), KH_OK);
    assert_string_equal(target.authority, "127.0.0.1:8080");
    assert_int_equal(target.segment_count, 3);
    assert_string_equal(target.segments[0], "tiles");
    assert_string_equal(target.segments[2], "a b");
    assert_string_equal(target.path + target.segment_offsets[1], "12/a b");
    assert_string_equal(kh_target_parameter(&target, "q"), "");
    assert_null(kh_target_parameter(&target, "Q"));
    kh_target_release(&target);
    kh_target_release(&target);
}

/* A short one has room beside it, a long one has memory of its own; what is encoded is decoded in both, also after another was parsed. */
static void short_and_long_targets_read_alike(void **state)
{
    kh_target target;
    char raw[2 * KH_TARGET_ROOM + 1];

    (void)state;
    for (size_t size = KH_TARGET_ROOM - 4; size < 2 * KH_TARGET_ROOM; size++) {
        memset(raw, 'a', size);
        memcpy(raw, "/b%20c/", 7);
        memcpy(raw + size - 6, "?d=%2B", 6);
        raw[size] = '\0';
        assert_int_equal(kh_target_parse(&target, raw, size, NULL), KH_OK);
        assert_string_equal(target.segments[0], "b c");
        assert_int_equal(strlen(target.segments[1]), size - 13);
        assert_int_equal(strlen(target.path), size - 8);
        assert_string_equal(kh_target_parameter(&target, "d"), "+");
        kh_target_release(&target);
        memcpy(raw, "/b-20c/", 7);
        memcpy(raw + size - 6, "?d=/2B", 6);
        assert_int_equal(kh_target_parse(&target, raw, size, NULL), KH_OK);
        assert_string_equal(target.segments[0], "b-20c");
        assert_int_equal(strlen(target.segments[1]), size - 13);
        assert_string_equal(kh_target_parameter(&target, "d"), "/2B");
        kh_target_release(&target);
    }
}

static void a_repeated_parameter_is_kept_and_named(void **state)
{
    static const char *const targets[] = {"/?a=1&b=2&a=3", "/?a=1&b=2&%61=3"};
    kh_target target;
    kh_error err = KH_ERROR_INIT;

    (void)state;
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        assert_int_equal(kh_target_parse(&target, targets[i], strlen(targets[i]), &err), KH_OK);
        assert_string_equal(target.repeated, "a");
        assert_int_equal(target.parameter_count, 3);
        assert_string_equal(kh_target_parameter(&target, "a"), "1");
        assert_string_equal(target.parameters[2].value, "3");
        kh_target_release(&target);
    }
    assert_int_equal(kh_target_parse(&target, "/?a=1&A=2", 9, &err), KH_OK);
    assert_null(target.repeated);
    kh_target_release(&target);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_repeated_parameter_is_kept_and_named),
        cmocka_unit_test(short_and_long_targets_read_alike),
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_refusals_name_the_parameter),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_segments_and_authority),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
