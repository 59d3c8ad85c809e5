/* Objects that are made of marks: UIDs, what there has to be, where lines run. Whole objects are read by DCMTK in
 * tests/integration/marks_export.test.mjs. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "dicom/dataset.h"
#include "dicom/made.h"
#include "dicom/source.h"
#include "tests/cmocka_all.h"

static const kh_person_name patient = {.alphabetic = "Test^One", .ideographic = "", .phonetic = ""};
static const kh_made_head head = {.patient_name = &patient,
                                  .patient_id = "P-1",
                                  .birth_date = "19500101",
                                  .sex = "F",
                                  .study_uid = "1.2.3",
                                  .study_date = "20261121",
                                  .study_time = "093000",
                                  .study_id = "1",
                                  .accession = "A1",
                                  .referring_physician = "",
                                  .study_description = "",
                                  .series_uid = "1.2.3.4",
                                  .instance_uid = "1.2.3.4.5",
                                  .date = "20261121",
                                  .time = "100000",
                                  .author = "A=B^C\\D",
                                  .institution = "",
                                  .version = "0.1.0",
                                  .series_number = 990};
static const kh_made_reference image = {.series_uid = "1.2.9",
                                        .sop_class_uid = "1.2.840.10008.5.1.4.1.1.2",
                                        .sop_uid = "1.2.9.1",
                                        .modality = "CT",
                                        .rows = 64,
                                        .columns = 64,
                                        .slope = 1,
                                        .intercept = -1024,
                                        .rescale_type = "HU",
                                        .window_center = 40,
                                        .window_width = 400};

static kh_made_mark a_mark(kh_mark_kind kind, const kh_point *points, size_t count)
{
    return (kh_made_mark){.kind = kind,
                          .id = "0a1b2c3d-4e5f-4a6b-8c7d-0123456789ab",
                          .text = "",
                          .points = points,
                          .point_count = count,
                          .length_mm = NAN,
                          .length_px = NAN,
                          .short_mm = NAN,
                          .short_px = NAN,
                          .degrees = NAN,
                          .area_mm2 = NAN,
                          .mean = NAN,
                          .sd = NAN,
                          .min = NAN,
                          .max = NAN};
}

typedef kh_status make_object(kh_buf *out, const kh_made_head *h, const kh_made_content *content, kh_error *err);

/* The object, read again by our reader. */
static kh_dataset *made(make_object *make, const kh_made_mark *marks, size_t count)
{
    const kh_made_content content = {&image, 1, marks, count};
    kh_error err = KH_ERROR_INIT;
    kh_dataset *dataset = NULL;
    kh_source source;
    static kh_buf out;

    kh_buf_release(&out);
    kh_buf_init(&out, 1u << 22);
    if (make(&out, &head, &content, &err) != KH_OK)
        fail_msg("%s", err.message);
    kh_source_init_memory(&source, out.data, out.size);
    if (kh_dataset_read_file(&dataset, &source, &kh_dataset_limits_default, &err) != KH_OK)
        fail_msg("%s", err.message);
    return dataset;
}

static kh_status refused(make_object *make, const kh_made_mark *marks, size_t count)
{
    const kh_made_content content = {&image, 1, marks, count};
    kh_status status;
    kh_buf out;

    kh_buf_init(&out, 1u << 22);
    status = make(&out, &head, &content, NULL);
    kh_buf_release(&out);
    return status;
}

/* PS3.5 B.2: the UUID as a decimal number; the example of its table B.2-1 in this form. */
static void uids_of_uuids(void **state)
{
    char uid[KH_UID_SIZE], other[KH_UID_SIZE];

    (void)state;
    assert_int_equal(kh_uid_of_uuid(uid, "f81d4fae-7dec-11d0-a765-00a0c91e6bf6", NULL), KH_OK);
    assert_string_equal(uid, "2.25.329800735698586629295641978511506172918");
    assert_int_equal(kh_uid_of_uuid(uid, "00000000-0000-0000-0000-000000000000", NULL), KH_OK);
    assert_string_equal(uid, "2.25.0");
    assert_int_equal(kh_uid_of_uuid(uid, "f81d4fae-7dec-11d0-a765-00a0c91e6bf", NULL), KH_E_ARG);
    assert_int_equal(kh_uid_of_uuid(uid, "f81d4fae-7dec-11d0-a765-00a0c91e6bf60", NULL), KH_E_ARG);
    assert_int_equal(kh_uid_of_uuid(uid, "g81d4fae-7dec-11d0-a765-00a0c91e6bf6", NULL), KH_E_ARG);
    assert_int_equal(kh_uid_make(uid, NULL), KH_OK);
    assert_int_equal(kh_uid_make(other, NULL), KH_OK);
    assert_true(kh_uid_valid(uid) && kh_uid_valid(other) && strcmp(uid, other) != 0);
}

static void nothing_to_say(void **state)
{
    const kh_point points[2] = {{1, 1}, {4, 5}};
    const kh_made_mark key = a_mark(KH_MARK_KEY, NULL, 0), arrow = a_mark(KH_MARK_ARROW, points, 2);

    (void)state;
    assert_int_equal(refused(kh_made_key_objects, &arrow, 1), KH_E_ARG);
    assert_int_equal(refused(kh_made_report, &arrow, 1), KH_E_ARG);
    assert_int_equal(refused(kh_made_presentation, &key, 1), KH_E_ARG);
    assert_int_equal(refused(kh_made_report, NULL, 0), KH_E_ARG);
}

static void names_are_one_component(void **state)
{
    const kh_point points[1] = {{1, 1}};
    const kh_made_mark mark = a_mark(KH_MARK_TEXT, points, 1);
    kh_dataset *dataset = made(kh_made_presentation, &mark, 1);
    char name[64];

    (void)state;
    assert_true(kh_item_string(kh_dataset_main(dataset), KH_TAG(0x0070, 0x0084), 0, name, sizeof name));
    assert_string_equal(name, "ABCD");
    kh_dataset_free(dataset);
}

static void a_thousand_points(void **state)
{
    static kh_point points[KH_MARK_POINTS_MAX];
    kh_made_mark marks[2];

    (void)state;
    for (size_t i = 0; i < KH_MARK_POINTS_MAX; i++)
        points[i] = (kh_point){(double)(i % 64), (double)(i / 64)};
    marks[0] = a_mark(KH_MARK_FREEHAND, points, KH_MARK_POINTS_MAX);
    marks[0].mean = 12.25;
    marks[1] = a_mark(KH_MARK_KEY, NULL, 0);
    kh_dataset_free(made(kh_made_report, marks, 2));
    kh_dataset_free(made(kh_made_presentation, marks, 2));
    kh_dataset_free(made(kh_made_key_objects, marks, 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(uids_of_uuids), cmocka_unit_test(nothing_to_say),
                                       cmocka_unit_test(names_are_one_component), cmocka_unit_test(a_thousand_points)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
