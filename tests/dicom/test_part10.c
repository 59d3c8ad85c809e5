/* Files that are not quite files, and what is none. */
#include "tests/dicom/support.h"

#include <string.h>

#define LE KH_TS_EXPLICIT_LE
#define IM KH_TS_IMPLICIT_LE

static void expect_text(const kh_item *item, kh_tag tag, uint32_t index, const char *expected)
{
    char value[80];

    assert_true(kh_item_string(item, tag, index, value, sizeof(value)));
    assert_string_equal(value, expected);
}

static void test_part10_tolerance(void **state)
{
    static const struct {
        const char *name;
        bool preamble, prefix, meta, syntax; /* which parts are there */
        const char *encoding, *declared, *expected, *words;
    } rows[] = {
        {"whole", true, true, true, true, LE, LE, LE, ""},
        {"no preamble", false, true, true, true, LE, LE, LE, "no preamble"},
        {"no preamble, no prefix", false, false, true, true, LE, LE, LE, "no preamble"},
        {"nothing, explicit", false, false, false, false, LE, LE, LE, "no meta information"},
        {"nothing, implicit", false, false, false, false, IM, IM, IM, "no meta information"},
        {"nothing, big endian", false, false, false, false, KH_TS_EXPLICIT_BE, LE, KH_TS_EXPLICIT_BE,
         "no meta information"},
        {"no transfer syntax", true, true, true, false, IM, LE, IM, "absent, read as 1.2.840.10008.1.2"},
        {"explicit declared, implicit written", true, true, true, true, IM, LE, IM,
         "1.2.840.10008.1.2.1, read as 1.2.840.10008.1.2"},
        {"implicit declared, explicit written", true, true, true, true, LE, IM, LE, "read as"},
        {"big declared, little written", true, true, true, true, LE, KH_TS_EXPLICIT_BE, LE, "read as"},
        {"JPEG declared, implicit written", true, true, true, true, IM, KH_TS_JPEG_BASELINE, KH_TS_JPEG_BASELINE,
         "read as"},
        {"unknown syntax", true, true, true, true, LE, "1.2.3.4", "1.2.3.4", "1.2.3.4, read as"},
    };
    (void)state;

    for (size_t i = 0; i < KH_COUNT(rows); i++) {
        test_dicom dicom;
        kh_dataset *dataset;
        size_t skip = rows[i].meta ? (rows[i].preamble ? 0 : rows[i].prefix ? 128 : 132) : 0;
        test_begin(&dicom, rows[i].encoding);
        if (rows[i].meta)
            test_part10(&dicom, rows[i].syntax ? rows[i].declared : NULL);
        if (skip > 0)
            memmove(dicom.bytes.data, dicom.bytes.data + skip, dicom.bytes.size - skip);
        dicom.bytes.size -= skip;
        test_text(&dicom, KH_TAG_MODALITY, "CS", "CT");
        dataset = test_read_file(&dicom);
        expect_text(kh_dataset_main(dataset), KH_TAG_MODALITY, 0, "CT");
        test_words(rows[i].name, kh_dataset_warnings(dataset), rows[i].words);
        assert_string_equal(kh_dataset_transfer_syntax(dataset), rows[i].expected);
        kh_dataset_free(dataset);
        test_end(&dicom);
    }
}

static void test_group_length(void **state)
{
    test_dicom dicom;
    kh_dataset *dataset;
    (void)state;

    test_begin(&dicom, KH_TS_EXPLICIT_LE);
    test_part10(&dicom, KH_TS_EXPLICIT_LE);
    test_text(&dicom, KH_TAG_MODALITY, "CS", "CT");
    dicom.bytes.data[140] = 0xff;
    dicom.bytes.data[141] = 0xff;
    dataset = test_read_file(&dicom);
    test_words("group length", kh_dataset_warnings(dataset), "group length 65535, expected 76");
    expect_text(kh_dataset_main(dataset), KH_TAG_MODALITY, 0, "CT");
    kh_dataset_free(dataset);
    test_end(&dicom);
}

static void test_no_dicom(void **state)
{
    static const struct {
        const char *name, *hex, *words;
    } rows[] = {
        {"one byte", "44", "not a DICOM file"},
        {"text", "54686973206973206e6f7420612066696c65", "not a DICOM file: no DICM at byte 128"},
        {"PNG", "89504e470d0a1a0a0000000d49484452", "not a DICOM file"},
        {"zeros", "00000000000000000000000000000000", "not a DICOM file"},
        {"group 0009 first", "0900 1000 4c4f 0200 4142", "not a DICOM file"},
        {"group 0012 first", "1200 1000 4c4f 0200 4142", "not a DICOM file"},
        {"a length that does not fit", "0800 1000 4c4f 0400 4142", "not a DICOM file"},
    };
    test_dicom dicom;
    (void)state;

    for (size_t i = 0; i < KH_COUNT(rows); i++) {
        test_begin(&dicom, KH_TS_EXPLICIT_LE);
        test_hex(&dicom, rows[i].hex);
        test_read_file_refused(&dicom, KH_E_FORMAT, rows[i].words);
        test_end(&dicom);
    }
    test_begin(&dicom, KH_TS_EXPLICIT_LE);
    test_raw(&dicom, "", 0);
    test_read_file_refused(&dicom, KH_E_FORMAT, "the file is empty");
    test_part10(&dicom, KH_TS_EXPLICIT_LE);
    test_read_file_refused(&dicom, KH_E_FORMAT, "expected a data set there");
    test_end(&dicom);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_part10_tolerance),
        cmocka_unit_test(test_group_length),
        cmocka_unit_test(test_no_dicom),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
