/* The JSON writer against RFC 8259, the reader's strictness. */
#include "tests/cmocka_all.h"

#include <math.h>
#include <string.h>
#include "base/json.h"

static void write_text(char *out, size_t size, const char *text)
{
    kh_buf buf;
    kh_json_writer writer;

    kh_buf_init(&buf, 4096);
    kh_json_writer_init(&writer, &buf);
    kh_json_text(&writer, text);
    assert_int_equal(kh_json_writer_status(&writer, NULL), KH_OK);
    assert_true(buf.size < size);
    memcpy(out, kh_buf_text(&buf), buf.size + 1);
    kh_buf_release(&buf);
}

static void text_is_escaped(void **state)
{
    static const struct {
        const char *name, *text, *expected;
    } cases[] = {
        {"plain", "CT", "\"CT\""},
        {"empty", "", "\"\""},
        {"quote and backslash", "a\"b\\c", "\"a\\\"b\\\\c\""},
        {"controls", "a\nb\x01\x7f", "\"a\\nb\\u0001\\u007f\""},
        {"kanji", "\xe5\xb1\xb1\xe7\x94\xb0", "\"\xe5\xb1\xb1\xe7\x94\xb0\""},
        {"four bytes", "\xf0\xa0\xae\xb7", "\"\xf0\xa0\xae\xb7\""},
        {"lone continuation", "a\x80z", "\"a\xef\xbf\xbdz\""},
        {"overlong slash", "\xc0\xaf", "\"\xef\xbf\xbd\xef\xbf\xbd\""},
        {"overlong three", "\xe0\x80\xaf", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
        {"surrogate", "\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
        {"past U+10FFFF", "\xf4\x90\x80\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
        {"cut at the end", "\xe5\xb1", "\"\xef\xbf\xbd\xef\xbf\xbd\""},
    };
    char out[256];

    (void)state;
    for (size_t i = 0; i < KH_COUNT(cases); i++) {
        write_text(out, sizeof out, cases[i].text);
        if (strcmp(out, cases[i].expected) != 0)
            fail_msg("%s: got %s, expected %s", cases[i].name, out, cases[i].expected);
    }
}

static void commas_fall_in_place(void **state)
{
    kh_buf buf;
    kh_json_writer w;

    (void)state;
    kh_buf_init(&buf, 4096);
    kh_json_writer_init(&w, &buf);
    kh_json_object_begin(&w);
    kh_json_put_int(&w, "a", INT64_MIN);
    kh_json_key(&w, "b");
    kh_json_array_begin(&w);
    kh_json_array_end(&w);
    kh_json_key(&w, "c");
    kh_json_array_begin(&w);
    kh_json_double(&w, 0.1);
    kh_json_double(&w, -1e300);
    kh_json_double(&w, 1.0 / 3.0);
    kh_json_double(&w, NAN);
    kh_json_double(&w, INFINITY);
    kh_json_object_begin(&w);
    kh_json_object_end(&w);
    kh_json_object_begin(&w);
    kh_json_put_bool(&w, "t", true);
    kh_json_put_text(&w, "n", NULL);
    kh_json_object_end(&w);
    kh_json_array_end(&w);
    kh_json_object_end(&w);
    assert_int_equal(kh_json_writer_status(&w, NULL), KH_OK);
    assert_string_equal(kh_buf_text(&buf), "{\"a\":-9223372036854775808,\"b\":[],\"c\":[0.1,-1e+300,0.33333333333333331,null,null,{},"
                                           "{\"t\":true,\"n\":null}]}");
    kh_buf_release(&buf);
}

static void depth_and_size_are_bounded(void **state)
{
    kh_buf buf;
    kh_json_writer w;
    kh_error err = KH_ERROR_INIT;

    (void)state;
    kh_buf_init(&buf, 4096);
    kh_json_writer_init(&w, &buf);
    for (int i = 0; i < 63; i++)
        kh_json_array_begin(&w);
    assert_int_equal(kh_json_writer_status(&w, NULL), KH_OK);
    kh_json_array_begin(&w);
    assert_int_equal(kh_json_writer_status(&w, NULL), KH_E_LIMIT);
    kh_buf_release(&buf);

    kh_buf_init(&buf, 4);
    kh_json_writer_init(&w, &buf);
    kh_json_text(&w, "12345");
    assert_int_equal(kh_json_writer_status(&w, &err), KH_E_LIMIT);
    kh_buf_release(&buf);
}

/* RFC 4648 10, and a number as it stands. */
static void writes_base64(void **state)
{
    static const struct {
        const char *bytes, *text;
    } rows[] = {{"", "\"\""},        {"f", "\"Zg==\""},          {"fo", "\"Zm8=\""},
                {"foo", "\"Zm9v\""}, {"foobar", "\"Zm9vYmFy\""}, {"\xff\xfe\xfd", "\"//79\""}};
    kh_json_writer w;
    kh_buf buf;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        kh_buf_init(&buf, 100);
        kh_json_writer_init(&w, &buf);
        kh_json_base64(&w, rows[i].bytes, strlen(rows[i].bytes));
        assert_string_equal(kh_buf_text(&buf), rows[i].text);
        kh_buf_release(&buf);
    }
    kh_buf_init(&buf, 100);
    kh_json_writer_init(&w, &buf);
    kh_json_array_begin(&w);
    kh_json_number(&w, "1.50");
    kh_json_number(&w, "-2e10");
    kh_json_array_end(&w);
    assert_string_equal(kh_buf_text(&buf), "[1.50,-2e10]");
    kh_buf_release(&buf);
}

static void reader_is_strict(void **state)
{
    static const struct {
        const char *text;
        kh_status expected;
    } cases[] = {
        {"{\"a\":1}", KH_OK},
        {"{\"a\":1,\"a\":2}", KH_E_FORMAT},
        {"{\"a\":1} x", KH_E_FORMAT},
        {"[1]", KH_E_FORMAT},
        {"{\"a\":\"\x80\"}", KH_E_FORMAT},
        {"{\"a\":", KH_E_FORMAT},
        {"", KH_E_FORMAT},
        {"{\"long\":\"0123456789012345678901234567890123456789\"}", KH_E_LIMIT},
    };

    (void)state;
    for (size_t i = 0; i < KH_COUNT(cases); i++) {
        kh_json *json = NULL;

        assert_int_equal(kh_json_parse_object(&json, cases[i].text, strlen(cases[i].text), 40, NULL), cases[i].expected);
        kh_json_free(json);
    }
}

static void members_are_typed(void **state)
{
    static const char text[] = "{\"t\":\"x\",\"i\":9007199254740993,\"d\":1.5,\"b\":true}";
    kh_json *json = NULL;

    (void)state;
    assert_int_equal(kh_json_parse_object(&json, text, sizeof text - 1, 4096, NULL), KH_OK);
    assert_string_equal(kh_json_get_text(json, "t"), "x");
    assert_null(kh_json_get_text(json, "i"));
    assert_true(kh_json_get_int(json, "i", 0) == 9007199254740993);
    assert_int_equal(kh_json_get_int(json, "d", -7), -7);
    assert_true(kh_json_get_double(json, "d", 0) == 1.5);
    assert_true(kh_json_get_bool(json, "b", false));
    assert_false(kh_json_get_bool(json, "absent", false));
    kh_json_free(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(writes_base64), 
        cmocka_unit_test(text_is_escaped),     cmocka_unit_test(commas_fall_in_place), cmocka_unit_test(depth_and_size_are_bounded),
        cmocka_unit_test(reader_is_strict),    cmocka_unit_test(members_are_typed),
    };
    return cmocka_run_group_tests_name("base json", tests, NULL, NULL);
}
