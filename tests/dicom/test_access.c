/* Values as text and numbers. */
#include "tests/dicom/support.h"

#include <string.h>

/* Text numbers, well-formed and not. */
static void test_text_numbers(void **state)
{
    static const struct {
        const char *name, *vr, *text;
        uint32_t index;
        bool is_number, is_int;
        double value;
    } rows[] = {
        {"integer", "IS", "42", 0, true, true, 42},
        {"negative", "IS", "-42 ", 0, true, true, -42},
        {"plus sign", "IS", "+7", 0, true, true, 7},
        {"decimal", "DS", "-1.5e2", 0, true, true, -150},
        {"fraction", "DS", "0.5", 0, true, false, 0.5},
        {"second value", "DS", "1\\2.5", 1, true, false, 2.5},
        {"second value missing", "DS", "1", 1, false, false, 0},
        {"empty second value", "DS", "1\\\\3", 1, false, false, 0},
        {"third after empty", "DS", "1\\\\3", 2, true, true, 3},
        {"blank", "DS", "  ", 0, false, false, 0},
        {"letters", "DS", "abc", 0, false, false, 0},
        {"letters behind", "DS", "1mm", 0, false, false, 0},
        {"infinity", "DS", "inf", 0, false, false, 0},
        {"not a number", "DS", "nan", 0, false, false, 0},
        {"hexadecimal", "DS", "0x10", 0, false, false, 0},
        {"too large for a double", "DS", "1e999", 0, false, false, 0},
        {"decimal comma", "DS", "1,5", 0, false, false, 0},
        {"two numbers", "DS", "1 2", 0, false, false, 0},
        {"number with the wrong VR", "LO", "12", 0, true, true, 12},
        {"integer past 2^53", "IS", "9007199254740994", 0, true, false, 9007199254740994.0},
    };
    (void)state;

    for (size_t i = 0; i < KH_COUNT(rows); i++) {
        test_dicom dicom;
        kh_dataset *dataset;
        double value = 0;
        int64_t whole;
        test_begin(&dicom, KH_TS_EXPLICIT_LE);
        test_text(&dicom, KH_TAG_SLICE_THICKNESS, rows[i].vr, rows[i].text);
        dataset = test_read(&dicom, KH_TS_EXPLICIT_LE);
        if (kh_item_double(kh_dataset_main(dataset), KH_TAG_SLICE_THICKNESS, rows[i].index, &value) !=
                rows[i].is_number ||
            (rows[i].is_number && value != rows[i].value))
            fail_msg("%s: %g", rows[i].name, value);
        if (kh_item_int(kh_dataset_main(dataset), KH_TAG_SLICE_THICKNESS, rows[i].index, &whole) != rows[i].is_int)
            fail_msg("%s: as integer", rows[i].name);
        kh_dataset_free(dataset);
        test_end(&dicom);
    }
}

static void test_access(void **state)
{
    char text[8];
    int64_t number;
    double real;
    test_dicom dicom;
    kh_dataset *dataset;
    const kh_item *item;
    (void)state;

    test_begin(&dicom, KH_TS_EXPLICIT_LE);
    test_text(&dicom, KH_TAG_MODALITY, "CS", "");
    test_text(&dicom, KH_TAG_STUDY_DESCRIPTION, "LO", "1234567");
    test_text(&dicom, KH_TAG_SERIES_DESCRIPTION, "LO", "12345678");
    test_text(&dicom, KH_TAG(0x0010, 0x4000), "LT", "a\\b");
    test_header(&dicom, KH_TAG_ROWS, "US", 6);
    test_hex(&dicom, "0100 0200 0300");
    test_header(&dicom, KH_TAG_COLUMNS, "US", 1);
    test_hex(&dicom, "01");
    test_header(&dicom, KH_TAG_BITS_ALLOCATED, "UN", 2);
    test_hex(&dicom, "1000");
    test_header(&dicom, KH_TAG(0x0028, 0x1201), "OW", 2);
    test_hex(&dicom, "0100");
    test_header(&dicom, KH_TAG(0x0070, 0x0253), "FL", 4);
    test_hex(&dicom, "0000c07f"); /* not a number */
    dataset = test_read(&dicom, KH_TS_EXPLICIT_LE);
    item = kh_dataset_main(dataset);
    assert_false(kh_item_string(item, KH_TAG_MODALITY, 0, text, sizeof(text)));
    assert_int_equal(kh_item_value_count(item, KH_TAG_MODALITY), 0);
    assert_int_equal(kh_item_value_count(item, KH_TAG_PATIENT_NAME), 0);
    assert_true(kh_item_string(item, KH_TAG_STUDY_DESCRIPTION, 0, text, sizeof(text)));
    assert_false(kh_item_string(item, KH_TAG_SERIES_DESCRIPTION, 0, text, sizeof(text)));
    assert_false(kh_item_string(item, KH_TAG_STUDY_DESCRIPTION, 1, text, sizeof(text)));
    assert_true(kh_item_string(item, KH_TAG(0x0010, 0x4000), 0, text, sizeof(text)));
    assert_string_equal(text, "a\\b");
    assert_int_equal(kh_item_value_count(item, KH_TAG(0x0010, 0x4000)), 1);
    assert_int_equal(kh_item_value_count(item, KH_TAG_ROWS), 3);
    assert_true(kh_item_int(item, KH_TAG_ROWS, 2, &number) && number == 3);
    assert_false(kh_item_int(item, KH_TAG_ROWS, 3, &number));
    assert_false(kh_item_int(item, KH_TAG_ROWS, UINT32_MAX, &number));
    assert_false(kh_item_int(item, KH_TAG_COLUMNS, 0, &number));
    assert_true(kh_item_int(item, KH_TAG_BITS_ALLOCATED, 0, &number) && number == 16); /* UN of a known attribute */
    assert_false(kh_item_int(item, KH_TAG(0x0028, 0x1201), 0, &number));
    assert_false(kh_item_double(item, KH_TAG(0x0070, 0x0253), 0, &real));
    assert_false(kh_item_string(item, KH_TAG_ROWS, 0, text, sizeof(text)));
    assert_int_equal(kh_item_element(item, 0)->tag, KH_TAG_MODALITY);
    kh_dataset_free(dataset);
    test_end(&dicom);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_numbers),
        cmocka_unit_test(test_access),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
