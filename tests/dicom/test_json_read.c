/* DICOM JSON as a data set: what comes back is read by our reader and told as JSON again; malformed documents by one mutation each. */
#include "tests/dicom/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "dicom/json_model.h"
#include "dicom/json_read.h"

static kh_status get_bulk(void *context, const kh_json_place *place, kh_json_bulk *out, kh_error *err)
{
    static const uint8_t four[4] = {1, 2, 3, 4};

    (void)context;
    if (strcmp(place->uri, "b/4") != 0)
        return kh_error_set(err, KH_E_NOT_FOUND, "no such bulk data");
    out->bytes = four;
    out->size = sizeof four;
    return KH_OK;
}

static kh_status read_text(kh_buf *out, const char *json, kh_error *err)
{
    kh_json_read_options options = kh_json_read_options_default;
    kh_json *parsed;
    kh_status status = kh_json_parse(&parsed, json, strlen(json), 1 << 20, err);

    options.bulk = get_bulk;
    options.elements = 40;
    if (status == KH_OK)
        status = kh_json_model_read(out, parsed, &options, err);
    if (parsed)
        kh_json_free(parsed);
    return status;
}

static void there_and_back(void **state)
{
    static const struct {
        const char *name, *json, *back; /* NULL: the same */
    } rows[] = {
        {"nothing", "{}", NULL},
        {"text", "{\"00080060\":{\"vr\":\"CS\",\"Value\":[\"CT\"]},\"00081030\":{\"vr\":\"LO\",\"Value\":[\"a\",null,\"b\"]}}", NULL},
        {"empty", "{\"00081030\":{\"vr\":\"LO\"},\"00081140\":{\"vr\":\"SQ\"}}", NULL},
        {"empty array", "{\"00081030\":{\"vr\":\"LO\",\"Value\":[]}}", "{\"00081030\":{\"vr\":\"LO\"}}"},
        {"one value with backslash", "{\"00104000\":{\"vr\":\"LT\",\"Value\":[\"a\\\\b\"]}}", NULL},
        {"character set", "{\"00080005\":{\"vr\":\"CS\",\"Value\":[\"ISO_IR 100\"]},\"00081030\":{\"vr\":\"LO\",\"Value\":[\"\xc3\xa9\"]}}",
         "{\"00080005\":{\"vr\":\"CS\",\"Value\":[\"ISO_IR 192\"]},\"00081030\":{\"vr\":\"LO\",\"Value\":[\"\xc3\xa9\"]}}"},
        {"character set that is missing", "{\"00081030\":{\"vr\":\"LO\",\"Value\":[\"\xc3\xa9\"]}}",
         "{\"00080005\":{\"vr\":\"CS\",\"Value\":[\"ISO_IR 192\"]},\"00081030\":{\"vr\":\"LO\",\"Value\":[\"\xc3\xa9\"]}}"},
        {"names", "{\"00100010\":{\"vr\":\"PN\",\"Value\":[{\"Alphabetic\":\"A^B\",\"Phonetic\":\"C\"},null,{\"Ideographic\":\"D\"}]}}",
         NULL},
        {"decimals",
         "{\"00280030\":{\"vr\":\"DS\",\"Value\":[0.5,-7,1e+30]},\"00280031\":{\"vr\":\"DS\",\"Value\":[\"1.234567890123456\"]}}", NULL},
        {"integers", "{\"00200013\":{\"vr\":\"IS\",\"Value\":[2147483647,-2147483648]}}", NULL},
        {"integer as text", "{\"00200013\":{\"vr\":\"IS\",\"Value\":[\"12\"]}}", "{\"00200013\":{\"vr\":\"IS\",\"Value\":[12]}}"},
        {"US and SS", "{\"00280106\":{\"vr\":\"US\",\"Value\":[0,65535]},\"00280107\":{\"vr\":\"SS\",\"Value\":[-32768,32767]}}", NULL},
        {"UL and SL", "{\"00111001\":{\"vr\":\"UL\",\"Value\":[4294967295]},\"00111002\":{\"vr\":\"SL\",\"Value\":[-2147483648]}}", NULL},
        {"UV and SV",
         "{\"00111001\":{\"vr\":\"UV\",\"Value\":[\"18446744073709551615\",1]},\"00111002\":{\"vr\":\"SV\",\"Value\":[\"-9223372036854775808\"]}}",
         NULL},
        {"FL and FD",
         "{\"00111001\":{\"vr\":\"FL\",\"Value\":[0.5,\"NaN\",\"-inf\"]},\"00111002\":{\"vr\":\"FD\",\"Value\":[0.1,\"inf\",2]}}", NULL},
        {"tag", "{\"00280009\":{\"vr\":\"AT\",\"Value\":[\"00181063\"]}}", NULL},
        {"bytes", "{\"00111001\":{\"vr\":\"OB\",\"InlineBinary\":\"AQIDBA==\"}}", NULL},
        {"bytes made even", "{\"00111001\":{\"vr\":\"OB\",\"InlineBinary\":\"AQID\"}}",
         "{\"00111001\":{\"vr\":\"OB\",\"InlineBinary\":\"AQIDAA==\"}}"},
        {"bulk", "{\"00111001\":{\"vr\":\"OW\",\"BulkDataURI\":\"b/4\"}}", "{\"00111001\":{\"vr\":\"OW\",\"InlineBinary\":\"AQIDBA==\"}}"},
        {"bulk numbers", "{\"00111001\":{\"vr\":\"US\",\"BulkDataURI\":\"b/4\"}}", "{\"00111001\":{\"vr\":\"US\",\"Value\":[513,1027]}}"},
        {"items", "{\"00081140\":{\"vr\":\"SQ\",\"Value\":[{},{\"00080060\":{\"vr\":\"CS\",\"Value\":[\"CT\"]}}]}}", NULL},
        {"order", "{\"00100020\":{\"vr\":\"LO\"},\"00080060\":{\"vr\":\"CS\"}}",
         "{\"00080060\":{\"vr\":\"CS\"},\"00100020\":{\"vr\":\"LO\"}}"},
        {"group length", "{\"00080000\":{\"vr\":\"UL\",\"Value\":[4]},\"00080060\":{\"vr\":\"CS\"}}", "{\"00080060\":{\"vr\":\"CS\"}}"},
    };

    (void)state;
    for (size_t i = 0; i < KH_COUNT(rows); i++) {
        kh_dataset *dataset = NULL;
        kh_error err = KH_ERROR_INIT;
        kh_source source;
        kh_buf bytes, back;

        kh_buf_init(&bytes, 1 << 16);
        kh_buf_init(&back, 1 << 16);
        if (read_text(&bytes, rows[i].json, &err) != KH_OK)
            fail_msg("%s: %s", rows[i].name, err.message);
        kh_source_init_memory(&source, bytes.data, bytes.size);
        if (bytes.size == 0) {
            assert_string_equal(rows[i].json, "{}");
        } else {
            assert_int_equal(kh_dataset_read(&dataset, &source, KH_TS_EXPLICIT_LE, &kh_dataset_limits_default, &err), KH_OK);
            assert_int_equal(kh_json_model_write(&back, dataset, &kh_json_model_options_default, &err), KH_OK);
            if (strcmp(kh_buf_text(&back), rows[i].back ? rows[i].back : rows[i].json) != 0)
                fail_msg("%s: got %s", rows[i].name, kh_buf_text(&back));
        }
        kh_dataset_free(dataset);
        kh_buf_release(&bytes);
        kh_buf_release(&back);
    }
}

static void refused(void **state)
{
    static const struct {
        const char *json, *words;
    } rows[] = {
        {"[]", "expected an object"},
        {"{\"00080060\":[]}", "00080060: expected an object"},
        {"{\"0008006\":{\"vr\":\"CS\"}}", "a key"},
        {"{\"0008103e\":{\"vr\":\"LO\"}}", "a key"},
        {"{\"PatientID\":{\"vr\":\"LO\"}}", "a key"},
        {"{\"00020010\":{\"vr\":\"UI\"}}", "00020010, expected no attribute of this group"},
        {"{\"FFFEE000\":{\"vr\":\"UI\"}}", "FFFEE000"},
        {"{\"00080060\":{}}", "00080060: vr"},
        {"{\"00080060\":{\"vr\":\"XX\"}}", "00080060: vr"},
        {"{\"00080060\":{\"vr\":1}}", "00080060: vr"},
        {"{\"00080060\":{\"vr\":\"CS\",\"Value\":\"CT\"}}", "Value, expected an array"},
        {"{\"00080060\":{\"vr\":\"CS\",\"value\":[]}}", "expected vr and one of"},
        {"{\"00111001\":{\"vr\":\"OB\",\"InlineBinary\":\"\",\"BulkDataURI\":\"b/4\"}}", "expected vr and one of"},
        {"{\"00111001\":{\"vr\":\"OB\",\"InlineBinary\":1}}", "expected vr and one of"},
        {"{\"00111001\":{\"vr\":\"OB\",\"Value\":[1]}}", "expected InlineBinary or BulkDataURI"},
        {"{\"00111001\":{\"vr\":\"OB\",\"InlineBinary\":\"AQI\"}}", "base64"},
        {"{\"00111001\":{\"vr\":\"OB\",\"InlineBinary\":\"A===\"}}", "base64"},
        {"{\"00111001\":{\"vr\":\"OB\",\"InlineBinary\":\"AQ==AQ==\"}}", "base64"},
        {"{\"00111001\":{\"vr\":\"OB\",\"InlineBinary\":\"AQ I\"}}", "base64"},
        {"{\"00111001\":{\"vr\":\"OW\",\"InlineBinary\":\"AQID\"}}", "whole units"},
        {"{\"00111001\":{\"vr\":\"FD\",\"BulkDataURI\":\"b/4\"}}", "whole units"},
        {"{\"00111001\":{\"vr\":\"OB\",\"BulkDataURI\":\"b/5\"}}", "00111001: no such bulk data"},
        {"{\"00080060\":{\"vr\":\"CS\",\"InlineBinary\":\"AQID\"}}", "expected Value"},
        {"{\"00080060\":{\"vr\":\"CS\",\"Value\":[1]}}", "expected text"},
        {"{\"00080060\":{\"vr\":\"CS\",\"Value\":[\"a\\\\b\"]}}", "no backslash"},
        {"{\"00080060\":{\"vr\":\"CS\",\"Value\":[\"a\\u0000\"]}}", "JSON"},
        {"{\"00104000\":{\"vr\":\"LT\",\"Value\":[\"a\",\"b\"]}}", "one only"},
        {"{\"00100010\":{\"vr\":\"PN\",\"Value\":[\"A\"]}}", "an object"},
        {"{\"00100010\":{\"vr\":\"PN\",\"Value\":[{\"Alphabetic\":\"A=B\"}]}}", "without ="},
        {"{\"00100010\":{\"vr\":\"PN\",\"Value\":[{\"Alphabetik\":\"A\"}]}}", "only"},
        {"{\"00200013\":{\"vr\":\"IS\",\"Value\":[2147483648]}}", "-2^31"},
        {"{\"00200013\":{\"vr\":\"IS\",\"Value\":[1.5]}}", "an integer"},
        {"{\"00280030\":{\"vr\":\"DS\",\"Value\":[true]}}", "a number"},
        {"{\"00280030\":{\"vr\":\"DS\",\"Value\":[\"1,5\"]}}", "a number"},
        {"{\"00111001\":{\"vr\":\"US\",\"Value\":[65536]}}", "in its range"},
        {"{\"00111001\":{\"vr\":\"US\",\"Value\":[-1]}}", "in its range"},
        {"{\"00111001\":{\"vr\":\"US\",\"Value\":[null]}}", "in its range"},
        {"{\"00111001\":{\"vr\":\"SS\",\"Value\":[32768]}}", "in its range"},
        {"{\"00111001\":{\"vr\":\"SL\",\"Value\":[2147483648]}}", "in its range"},
        {"{\"00111001\":{\"vr\":\"UV\",\"Value\":[-1]}}", "64 bits"},
        {"{\"00111001\":{\"vr\":\"UV\",\"Value\":[\"18446744073709551616\"]}}", "64 bits"},
        {"{\"00111001\":{\"vr\":\"SV\",\"Value\":[\"-\"]}}", "64 bits"},
        {"{\"00111001\":{\"vr\":\"FL\",\"Value\":[1e39]}}", "a number"},
        {"{\"00111001\":{\"vr\":\"FD\",\"Value\":[\"nan\"]}}", "a number"},
        {"{\"00280009\":{\"vr\":\"AT\",\"Value\":[\"0018\"]}}", "8 hexadecimal"},
        {"{\"00081140\":{\"vr\":\"SQ\",\"Value\":[1]}}", "00081140.1.: an item"},
        {"{\"00081140\":{\"vr\":\"SQ\",\"Value\":[{},{\"00081150\":{\"vr\":\"UI\",\"Value\":[1]}}]}}",
         "00081140.2.00081150: a value of VR UI"},
        {"{\"00081140\":{\"vr\":\"SQ\",\"BulkDataURI\":\"b/4\"}}", "expected Value"},
        {"{\"00080060\":{\"vr\":\"CS\"},\"00080060\":{\"vr\":\"CS\"}}", "JSON"},
    };

    (void)state;
    for (size_t i = 0; i < KH_COUNT(rows); i++) {
        kh_error err = KH_ERROR_INIT;
        kh_buf bytes;

        kh_buf_init(&bytes, 1 << 16);
        if (read_text(&bytes, rows[i].json, &err) == KH_OK)
            fail_msg("%s: taken", rows[i].json);
        test_words(rows[i].json, err.message, rows[i].words);
        kh_buf_release(&bytes);
    }
}

/* count empty sequences inside each other; wide: as items beside each other. */
static void nest(kh_buf *json, unsigned count, bool wide)
{
    kh_buf_init(json, 1 << 16);
    if (wide)
        assert_int_equal(kh_buf_append_text(json, "{\"00081140\":{\"vr\":\"SQ\",\"Value\":[{}", NULL), KH_OK);
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(kh_buf_append_text(json, wide ? ",{}" : "{\"00081140\":{\"vr\":\"SQ\",\"Value\":[", NULL), KH_OK);
    for (unsigned i = 0; i < (wide ? 1 : count); i++)
        assert_int_equal(kh_buf_append_text(json, i == 0 && !wide ? "{}]}}" : "]}}", NULL), KH_OK);
}

static void bounds(void **state)
{
    static const struct {
        unsigned count;
        bool wide;
        size_t out_max;
        kh_status status;
    } rows[] = {{16, false, 65536, KH_OK}, {17, false, 65536, KH_E_LIMIT}, {600, false, 65536, KH_E_LIMIT}, {36, true, 65536, KH_OK},
                {38, true, 65536, KH_E_LIMIT}, {16, false, 100, KH_E_LIMIT}};

    (void)state;
    for (size_t i = 0; i < KH_COUNT(rows); i++) {
        kh_error err = KH_ERROR_INIT;
        kh_buf json, bytes;

        nest(&json, rows[i].count, rows[i].wide);
        kh_buf_init(&bytes, rows[i].out_max);
        if (read_text(&bytes, kh_buf_text(&json), &err) != rows[i].status)
            fail_msg("row %zu: %s", i, err.message);
        kh_buf_release(&json);
        kh_buf_release(&bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(there_and_back), cmocka_unit_test(refused), cmocka_unit_test(bounds)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
