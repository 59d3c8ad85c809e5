/* Attributes as DICOM JSON, value by value; expected texts follow PS3.18 annex F. Real files beside pydicom: judge_json.py. */
#include "tests/dicom/support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "dicom/json_model.h"

static kh_status put_uri(void *context, kh_buf *out, const char *path, kh_error *err)
{
    (void)context;
    return kh_buf_appendf(out, err, "b/%s", path);
}

static void expect_json(const char *name, const kh_dataset *dataset, const char *expected)
{
    kh_json_model_options options = kh_json_model_options_default;
    kh_error err = KH_ERROR_INIT;
    kh_buf out;

    options.inline_bytes_max = 4;
    options.value_bytes_max = 8;
    options.uri = put_uri;
    kh_buf_init(&out, 1 << 20);
    if (kh_json_model_write(&out, dataset, &options, &err) != KH_OK)
        fail_msg("%s: %s", name, err.message);
    if (strcmp(kh_buf_text(&out), expected) != 0)
        fail_msg("%s: got %s, expected %s", name, kh_buf_text(&out), expected);
    kh_buf_release(&out);
}

static void texts(void **state)
{
    static const struct {
        const char *name, *vr, *text, *json;
    } rows[] = {
        {"one", "LO", "abc ", "\"Value\":[\"abc\"]"},
        {"empty", "LO", "", NULL},
        {"padding only", "LO", "  ", NULL},
        {"two", "LO", " a\\b ", "\"Value\":[\"a\",\"b\"]"},
        {"empty between", "LO", "a\\\\b ", "\"Value\":[\"a\",null,\"b\"]"},
        {"empty at the end", "LO", "a\\", "\"Value\":[\"a\",null]"},
        {"two empty", "LO", "\\ ", "\"Value\":[null,null]"},
        {"one value with backslash", "LT", " a\\b ", "\"Value\":[\" a\\\\b\"]"},
        {"leading space stays", "UC", " a\\ b", "\"Value\":[\" a\",\" b\"]"},
        {"name", "PN", "Yamada^Tarou^^=\xe5\xb1\xb1=", "\"Value\":[{\"Alphabetic\":\"Yamada^Tarou\",\"Ideographic\":\"\xe5\xb1\xb1\"}]"},
        {"name of the second group", "PN", "=\xe5\xb1\xb1", "\"Value\":[{\"Ideographic\":\"\xe5\xb1\xb1\"}]"},
        {"names", "PN", "A\\\\B", "\"Value\":[{\"Alphabetic\":\"A\"},null,{\"Alphabetic\":\"B\"}]"},
        {"name of nothing", "PN", "^^^^", NULL},
        {"integer", "IS", "+012\\-7 ", "\"Value\":[12,-7]"},
        {"largest integer", "IS", "2147483647", "\"Value\":[2147483647]"},
        {"over the largest integer", "IS", "2147483648", "\"Value\":[\"2147483648\"]"},
        {"no integer", "IS", "1.5 ", "\"Value\":[\"1.5\"]"},
        {"decimal keeps its digits", "DS", "1.50\\-0.10", "\"Value\":[1.50,-0.10]"},
        {"decimal made JSON's", "DS", "+.5\\5.\\-007.0\\1E+2", "\"Value\":[0.5,5,-7.0,1e+2]"},
        {"15 digits", "DS", "1.23456789012345", "\"Value\":[1.23456789012345]"},
        {"16 digits", "DS", "1.234567890123456", "\"Value\":[\"1.234567890123456\"]"},
        {"not finite", "DS", "1e999 ", "\"Value\":[\"1e999\"]"},
        {"no decimal", "DS", "1,5 ", "\"Value\":[\"1,5\"]"},
        {"a point alone", "DS", ". ", "\"Value\":[\".\"]"},
        {"control and quote", "ST", "a\"\tb", "\"Value\":[\"a\\\"\\u0009b\"]"},
    };
    char expected[400];
    test_dicom dicom;
    kh_dataset *dataset;

    (void)state;
    for (size_t i = 0; i < KH_COUNT(rows); i++) {
        test_begin(&dicom, KH_TS_EXPLICIT_LE);
        test_text(&dicom, KH_TAG_SPECIFIC_CHARACTER_SET, "CS", "ISO_IR 192");
        test_text(&dicom, KH_TAG(0x0011, 0x1001), rows[i].vr, rows[i].text);
        snprintf(expected, sizeof expected, "{\"00080005\":{\"vr\":\"CS\",\"Value\":[\"ISO_IR 192\"]},\"00111001\":{\"vr\":\"%s\"%s%s}}",
                 rows[i].vr, rows[i].json ? "," : "", rows[i].json ? rows[i].json : "");
        dataset = test_read(&dicom, KH_TS_EXPLICIT_LE);
        expect_json(rows[i].name, dataset, expected);
        kh_dataset_free(dataset);
        test_end(&dicom);
    }
}

static void numbers(void **state)
{
    static const struct {
        const char *name, *vr;
        double number;
        const char *json;
    } rows[] = {
        {"US", "US", 65535, "65535"},
        {"SS", "SS", -32768, "-32768"},
        {"UL", "UL", 4294967295.0, "4294967295"},
        {"SL", "SL", -2147483648.0, "-2147483648"},
        {"UV exact", "UV", 9007199254740992.0, "9007199254740992"},
        {"UV above", "UV", 9007199254740994.0, "\"9007199254740994\""},
        {"SV exact", "SV", -9007199254740992.0, "-9007199254740992"},
        {"SV below", "SV", -9007199254740994.0, "\"-9007199254740994\""},
        {"FL", "FL", 0.5, "0.5"},
        {"FD", "FD", 0.1, "0.1"},
        {"FL NaN", "FL", NAN, "\"NaN\""},
        {"FD infinite", "FD", INFINITY, "\"inf\""},
        {"FD less than all", "FD", -INFINITY, "\"-inf\""},
    };
    const char *const syntaxes[] = {KH_TS_EXPLICIT_LE, KH_TS_EXPLICIT_BE};
    char expected[200];
    test_dicom dicom;
    kh_dataset *dataset;

    (void)state;
    for (size_t i = 0; i < KH_COUNT(rows) * 2; i++) {
        const char *syntax = syntaxes[i % 2];

        test_begin(&dicom, syntax);
        test_number(&dicom, KH_TAG(0x0011, 0x1001), rows[i / 2].vr, rows[i / 2].number);
        snprintf(expected, sizeof expected, "{\"00111001\":{\"vr\":\"%s\",\"Value\":[%s]}}", rows[i / 2].vr, rows[i / 2].json);
        dataset = test_read(&dicom, syntax);
        expect_json(rows[i / 2].name, dataset, expected);
        kh_dataset_free(dataset);
        test_end(&dicom);
    }
}

/* Elements as bytes. */
static void corners(void **state)
{
    static const struct {
        const char *name, *syntax, *hex, *json;
    } rows[] = {
        {"tag", KH_TS_EXPLICIT_LE, "28 00 09 00 41 54 04 00 18 00 63 10", "{\"00280009\":{\"vr\":\"AT\",\"Value\":[\"00181063\"]}}"},
        {"bytes up to the limit", KH_TS_EXPLICIT_LE, "11 00 01 10 4f 42 00 00 04 00 00 00 01 02 03 04",
         "{\"00111001\":{\"vr\":\"OB\",\"InlineBinary\":\"AQIDBA==\"}}"},
        {"bytes over the limit", KH_TS_EXPLICIT_LE, "11 00 01 10 4f 42 00 00 06 00 00 00 01 02 03 04 05 06",
         "{\"00111001\":{\"vr\":\"OB\",\"BulkDataURI\":\"b/00111001\"}}"},
        {"empty bytes", KH_TS_EXPLICIT_LE, "11 00 01 10 4f 42 00 00 00 00 00 00", "{\"00111001\":{\"vr\":\"OB\"}}"},
        {"words of big endian", KH_TS_EXPLICIT_BE, "00 11 10 01 4f 57 00 00 00 00 00 04 01 02 03 04",
         "{\"00111001\":{\"vr\":\"OW\",\"InlineBinary\":\"AgEEAw==\"}}"},
        {"numbers up to the limit", KH_TS_EXPLICIT_LE, "11 00 01 10 55 53 08 00 01 00 02 00 03 00 04 00",
         "{\"00111001\":{\"vr\":\"US\",\"Value\":[1,2,3,4]}}"},
        {"numbers over the limit", KH_TS_EXPLICIT_LE, "11 00 01 10 55 53 0a 00 01 00 02 00 03 00 04 00 05 00",
         "{\"00111001\":{\"vr\":\"US\",\"BulkDataURI\":\"b/00111001\"}}"},
        {"pixel data", KH_TS_EXPLICIT_LE, "e0 7f 10 00 4f 57 00 00 02 00 00 00 01 02",
         "{\"7FE00010\":{\"vr\":\"OW\",\"BulkDataURI\":\"b/7FE00010\"}}"},
        {"float pixel data", KH_TS_EXPLICIT_LE, "e0 7f 08 00 4f 46 00 00 04 00 00 00 00 00 00 00",
         "{\"7FE00008\":{\"vr\":\"OF\",\"BulkDataURI\":\"b/7FE00008\"}}"},
        {"group length and trailing padding", KH_TS_EXPLICIT_LE,
         "08 00 00 00 55 4c 04 00 00 00 00 00 fc ff fc ff 4f 42 00 00 02 00 00 00 00 00", "{}"},
        {"no items", KH_TS_EXPLICIT_LE, "08 00 40 11 53 51 00 00 00 00 00 00", "{\"00081140\":{\"vr\":\"SQ\"}}"},
        {"empty items", KH_TS_EXPLICIT_LE, "08 00 40 11 53 51 00 00 10 00 00 00 fe ff 00 e0 00 00 00 00 fe ff 00 e0 00 00 00 00",
         "{\"00081140\":{\"vr\":\"SQ\",\"Value\":[{},{}]}}"},
        {"bulk in an item", KH_TS_EXPLICIT_LE,
         "88 00 00 02 53 51 00 00 16 00 00 00 fe ff 00 e0 0e 00 00 00 e0 7f 10 00 4f 57 00 00 02 00 00 00 01 02",
         "{\"00880200\":{\"vr\":\"SQ\",\"Value\":[{\"7FE00010\":{\"vr\":\"OW\",\"BulkDataURI\":\"b/00880200.1.7FE00010\"}}]}}"},
        {"UN that is known", KH_TS_EXPLICIT_LE, "10 00 20 00 55 4e 00 00 02 00 00 00 41 20",
         "{\"00100020\":{\"vr\":\"LO\",\"Value\":[\"A\"]}}"},
        {"UN that is not", KH_TS_EXPLICIT_LE, "11 00 01 10 55 4e 00 00 02 00 00 00 41 20",
         "{\"00111001\":{\"vr\":\"UN\",\"InlineBinary\":\"QSA=\"}}"},
        {"a sequence in UN", KH_TS_EXPLICIT_LE, "08 00 40 11 55 4e 00 00 12 00 00 00 fe ff 00 e0 0a 00 00 00 10 00 20 00 02 00 00 00 41 20",
         "{\"00081140\":{\"vr\":\"SQ\",\"Value\":[{\"00100020\":{\"vr\":\"LO\",\"Value\":[\"A\"]}}]}}"},
        {"a sequence in UN of undefined length", KH_TS_EXPLICIT_LE,
         "08 00 40 11 55 4e 00 00 ff ff ff ff fe ff 00 e0 0a 00 00 00 10 00 20 00 02 00 00 00 41 20 fe ff dd e0 00 00 00 00",
         "{\"00081140\":{\"vr\":\"SQ\",\"Value\":[{\"00100020\":{\"vr\":\"LO\",\"Value\":[\"A\"]}}]}}"},
        {"no sequence in UN", KH_TS_EXPLICIT_LE, "08 00 40 11 55 4e 00 00 02 00 00 00 01 02",
         "{\"00081140\":{\"vr\":\"UN\",\"InlineBinary\":\"AQI=\"}}"},
        {"signed by its pixels, implicit", KH_TS_IMPLICIT_LE, "28 00 03 01 02 00 00 00 01 00 28 00 06 01 02 00 00 00 ff ff",
         "{\"00280103\":{\"vr\":\"US\",\"Value\":[1]},\"00280106\":{\"vr\":\"SS\",\"Value\":[-1]}}"},
        {"tags that do not ascend", KH_TS_EXPLICIT_LE, "10 00 20 00 4c 4f 02 00 41 20 08 00 60 00 43 53 02 00 43 54",
         "{\"00080060\":{\"vr\":\"CS\",\"Value\":[\"CT\"]},\"00100020\":{\"vr\":\"LO\",\"Value\":[\"A\"]}}"},
        {"text of an item in its own set", KH_TS_EXPLICIT_LE,
         "08 00 40 11 53 51 00 00 24 00 00 00 fe ff 00 e0 1c 00 00 00 08 00 05 00 43 53 0a 00 49 53 4f 5f 49 52 20 31 30 30 "
         "11 00 01 10 4c 4f 02 00 e9 20",
         "{\"00081140\":{\"vr\":\"SQ\",\"Value\":[{\"00080005\":{\"vr\":\"CS\",\"Value\":[\"ISO_IR 192\"]},"
         "\"00111001\":{\"vr\":\"LO\",\"Value\":[\"\xc3\xa9\"]}}]}}"},
    };

    (void)state;
    for (size_t i = 0; i < KH_COUNT(rows); i++) {
        test_dicom dicom;
        kh_dataset *dataset;

        test_begin(&dicom, rows[i].syntax);
        test_hex(&dicom, rows[i].hex);
        dataset = test_read(&dicom, rows[i].syntax);
        expect_json(rows[i].name, dataset, rows[i].json);
        kh_dataset_free(dataset);
        test_end(&dicom);
    }
}

/* The deepest that the reader takes is written. */
static void deepest(void **state)
{
    const uint32_t depth = kh_dataset_limits_default.depth;
    kh_json_model_options options = kh_json_model_options_default;
    test_dicom dicom;
    kh_dataset *dataset;
    kh_buf out;

    (void)state;
    test_begin(&dicom, KH_TS_EXPLICIT_LE);
    for (uint32_t i = 0; i < depth; i++) {
        test_sequence(&dicom, KH_TAG(0x0008, 0x1140));
        test_item(&dicom, 0xffffffff);
    }
    test_text(&dicom, KH_TAG_PATIENT_NAME, "PN", "A=B");
    for (uint32_t i = 0; i < depth; i++) {
        test_item_end(&dicom);
        test_sequence_end(&dicom);
    }
    dataset = test_read(&dicom, KH_TS_EXPLICIT_LE);
    kh_buf_init(&out, 1 << 16);
    assert_int_equal(kh_json_model_write(&out, dataset, &options, NULL), KH_OK);
    assert_non_null(strstr(kh_buf_text(&out), "\"Ideographic\":\"B\""));
    kh_buf_release(&out);
    kh_buf_init(&out, 100);
    assert_int_equal(kh_json_model_write(&out, dataset, &options, NULL), KH_E_LIMIT);
    kh_buf_release(&out);
    kh_dataset_free(dataset);
    test_end(&dicom);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(texts), cmocka_unit_test(numbers), cmocka_unit_test(corners),
                                       cmocka_unit_test(deepest)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
