/* Lists and searches over a small index. */
#include "support.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cache/browse.h"
#include "cache/pulls.h"

static struct {
    temp_dir dir;
    kh_cache *cache;
} run;

/* Study n of the table gets study UID 1.2.n, its order in the list is told by `place`. */
static const struct {
    const char *patient_id, *name, *date, *description, *modality;
} studies[] = {
    {"K-000123", "Yamada^Hanako=山田^花子=やまだ^はなこ", "20261103", "胸腹部CT", "CT"},
    {"K-000124", "Sato^Ichiro=佐藤^一郎=さとう^いちろう", "20261103", "頭部MRI", "MR"},
    {"K-000123", "Yamada^Hanako=山田^花子=やまだ^はなこ", "20240510", "CHEST", "CT"},
    {"X9", "Mueller^Eva", "", "abdomen 100%_done", "US"},
};

static int set_up_all(void **state)
{
    (void)state;
    temp_dir_make(&run.dir);
    run.cache = cache_open(&run.dir);
    for (size_t i = 0; i < KH_COUNT(studies); i++)
        for (int n = 0; n < 2; n++) {
            char study_uid[16], series_uid[16], sop_uid[24];
            sample s = {.patient_id = studies[i].patient_id, .patient_name = studies[i].name, .study_uid = study_uid,
                        .series_uid = series_uid, .sop_uid = sop_uid, .study_date = studies[i].date,
                        .description = studies[i].description, .modality = studies[i].modality, .instance = 2 - n};
            kh_ingest_result result;

            snprintf(study_uid, sizeof study_uid, "1.2.%zu", i);
            snprintf(series_uid, sizeof series_uid, "1.2.%zu.1", i);
            snprintf(sop_uid, sizeof sop_uid, "1.2.%zu.1.%d", i, n);
            assert_ok(ingest_sample(run.cache, &s, &result, err));
        }
    return 0;
}

static int tear_down_all(void **state)
{
    (void)state;
    kh_cache_close(run.cache);
    temp_dir_remove(&run.dir);
    return 0;
}

/* The last digits of the study UIDs visited. */
static kh_status add_digit(void *context, const kh_study *study)
{
    char *digits = context;

    strcat(digits, study->study_uid + 4);
    return KH_OK;
}

static void filters(void **state)
{
    static const struct {
        const char *name;
        kh_study_filter filter;
        const char *expected; /* digits in order */
        int64_t total;
    } cases[] = {
        {"all, newest first", {.limit = 10}, "1023", 4},
        {"first page", {.limit = 2}, "10", 4},
        {"second page", {.limit = 2, .offset = 2}, "23", 4},
        {"past the end", {.limit = 2, .offset = 4}, "", 4},
        {"family name", {.text = "yamada", .limit = 10}, "02", 2},
        {"upper case, full width", {.text = "ＹＡＭＡＤＡ", .limit = 10}, "02", 2},
        {"two kanji", {.text = "山田", .limit = 10}, "02", 2},
        {"katakana finds hiragana", {.text = "ヤマダ", .limit = 10}, "02", 2},
        {"half-width katakana", {.text = "ﾔﾏﾀﾞ", .limit = 10}, "02", 2},
        {"family and given name", {.text = "hanako  YAMADA", .limit = 10}, "02", 2},
        {"both words must be there", {.text = "hanako sato", .limit = 10}, "", 0},
        {"ID", {.text = "000124", .limit = 10}, "1", 1},
        {"description", {.text = "胸腹部", .limit = 10}, "0", 1},
        {"percent is itself", {.text = "100%", .limit = 10}, "3", 1},
        {"underscore is itself", {.text = "%_d", .limit = 10}, "3", 1},
        {"a quote is itself", {.text = "'", .limit = 10}, "", 0},
        {"only spaces is all", {.text = "  ", .limit = 10}, "1023", 4},
        {"modality", {.modality = "CT", .limit = 10}, "02", 2},
        {"half a modality", {.modality = "C", .limit = 10}, "", 0},
        {"from", {.date_from = "20261103", .limit = 10}, "10", 2},
        {"to: without a date is not before", {.date_to = "20261102", .limit = 10}, "2", 1},
        {"one day", {.date_from = "20240510", .date_to = "20240510", .limit = 10}, "2", 1},
        {"all together", {.text = "山田 ct", .modality = "CT", .date_from = "20260101", .limit = 10}, "0", 1},
    };

    (void)state;
    for (size_t i = 0; i < KH_COUNT(cases); i++) {
        char digits[32] = "";
        int64_t total = -1;

        assert_ok(kh_browse_studies(run.cache, &cases[i].filter, add_digit, digits, &total, err));
        if (strcmp(digits, cases[i].expected) != 0 || total != cases[i].total)
            fail_msg("%s: got %s of %lld, expected %s of %lld", cases[i].name, digits, (long long)total, cases[i].expected,
                     (long long)cases[i].total);
    }
}

static void filters_have_limits(void **state)
{
    char long_text[1026];
    const struct {
        const char *name;
        kh_study_filter filter;
        kh_status expected;
    } cases[] = {
        {"limit 0", {.limit = 0}, KH_E_ARG},
        {"limit 1000", {.limit = 1000}, KH_OK},
        {"limit 1001", {.limit = 1001}, KH_E_ARG},
        {"offset -1", {.limit = 1, .offset = -1}, KH_E_ARG},
        {"short date", {.limit = 1, .date_from = "2026110"}, KH_E_ARG},
        {"date with a letter", {.limit = 1, .date_to = "2026110x"}, KH_E_ARG},
        {"eight words", {.limit = 1, .text = "a b c d e f g h"}, KH_OK},
        {"nine words", {.limit = 1, .text = "a b c d e f g h i"}, KH_E_ARG},
        {"1,024 bytes", {.limit = 1, .text = long_text + 1}, KH_OK},
        {"1,025 bytes", {.limit = 1, .text = long_text}, KH_E_ARG},
        {"two modalities", {.limit = 1, .modality = "CT,MR"}, KH_E_ARG},
    };

    (void)state;
    memset(long_text, 'x', 1025);
    long_text[1025] = '\0';
    for (size_t i = 0; i < KH_COUNT(cases); i++) {
        char digits[32] = "";
        kh_status status = kh_browse_studies(run.cache, &cases[i].filter, add_digit, digits, NULL, NULL);

        if (status != cases[i].expected)
            fail_msg("%s: %s", cases[i].name, kh_status_text(status));
    }
}

static kh_status keep_study(void *context, const kh_study *study)
{
    *(kh_study *)context = *study;
    return KH_OK;
}

static kh_status keep_series(void *context, const kh_series *series)
{
    *(kh_series *)context = *series;
    return KH_OK;
}

static kh_status add_instance(void *context, const kh_object *object)
{
    int64_t *numbers = context;

    numbers[++numbers[0]] = object->instance_number;
    return KH_OK;
}

static kh_status count_uid(void *context, const char *uid)
{
    assert_memory_equal(uid, "1.2.1.1.", 8);
    ++*(int *)context;
    return KH_OK;
}

static void from_study_to_objects(void **state)
{
    kh_study study = {0}, again;
    kh_series series = {0};
    int64_t numbers[8] = {0};
    int count = 0;

    (void)state;
    assert_ok(kh_browse_study_uid(run.cache, "1.2.1", keep_study, &study, err));
    assert_string_equal(study.patient.name.ideographic, "佐藤^一郎");
    assert_string_equal(study.patient.name.phonetic, "さとう^いちろう");
    assert_ok(kh_browse_study(run.cache, study.id, &again, err));
    assert_memory_equal(&study, &again, sizeof study);
    assert_ok(kh_browse_series_of(run.cache, study.id, keep_series, &series, err));
    assert_int_equal(series.study_id, study.id);
    assert_int_equal(series.object_count, 2);
    assert_ok(kh_browse_objects_of(run.cache, series.id, add_instance, numbers, err));
    assert_int_equal(numbers[0], 2);
    assert_int_equal(numbers[1], 1); /* by instance number, though 2 came first */
    assert_ok(kh_browse_object_uids(run.cache, "north", "1.2.1", count_uid, &count, err));
    assert_int_equal(count, 2);
    assert_ok(kh_browse_object_uids(run.cache, "south", "1.2.1", count_uid, &count, err));
    assert_int_equal(count, 2);
}

static void what_is_not_there(void **state)
{
    kh_study study = {0};
    kh_series series;
    kh_object object;
    int fd;

    (void)state;
    assert_int_equal(kh_browse_study(run.cache, 999, &study, NULL), KH_E_NOT_FOUND);
    assert_int_equal(kh_browse_series(run.cache, 999, &series, NULL), KH_E_NOT_FOUND);
    assert_int_equal(kh_browse_object(run.cache, 999, &object, NULL), KH_E_NOT_FOUND);
    assert_int_equal(kh_object_open(run.cache, 999, &fd, NULL), KH_E_NOT_FOUND);
    assert_int_equal(fd, -1);
    assert_ok(kh_browse_study_uid(run.cache, "9.9", keep_study, &study, err));
    assert_int_equal(study.id, 0);
}

/* The newest pull of the study from its own hospital, whether or not its objects came that way. */
static void study_knows_its_newest_pull(void **state)
{
    kh_node north = {.name = "n", .ae_title = "N", .host = "h", .port = 1, .facility = "north"};
    kh_node south = {.name = "s", .ae_title = "S", .host = "h", .port = 1, .facility = "south"};
    kh_study study = {0};
    kh_pull pull;
    int64_t first, second, other;

    (void)state;
    assert_ok(kh_node_add(run.cache, &north, err));
    assert_ok(kh_node_add(run.cache, &south, err));
    assert_ok(kh_pull_file(run.cache, north.id, "1.2.0", 0, "t", &first, err));
    assert_ok(kh_pull_find(run.cache, first, &pull, err));
    pull.state = KH_PULL_COMPLETE;
    assert_ok(kh_pull_update(run.cache, &pull, err));
    assert_ok(kh_pull_file(run.cache, north.id, "1.2.0", 0, "t", &second, err));
    assert_ok(kh_pull_file(run.cache, south.id, "1.2.0", 0, "t", &other, err));
    assert_ok(kh_browse_study_uid(run.cache, "1.2.0", keep_study, &study, err));
    assert_int_equal(study.pull_id, second);
}

/* More threads than connections, each inside a list. */
static void *list_again_and_again(void *argument)
{
    for (int i = 0; i < 50; i++) {
        const kh_study_filter all = {.limit = 10};
        char digits[32] = "";
        int64_t total = 0;

        if (kh_browse_studies(run.cache, &all, add_digit, digits, &total, NULL) != KH_OK || total != 4)
            return argument;
    }
    return NULL;
}

static void more_readers_than_connections(void **state)
{
    pthread_t threads[16];
    void *failed;

    (void)state;
    for (size_t i = 0; i < KH_COUNT(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, list_again_and_again, threads), 0);
    for (size_t i = 0; i < KH_COUNT(threads); i++) {
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(filters),
        cmocka_unit_test(filters_have_limits),
        cmocka_unit_test(from_study_to_objects),
        cmocka_unit_test(what_is_not_there),
        cmocka_unit_test(study_knows_its_newest_pull),
        cmocka_unit_test(more_readers_than_connections),
    };

    return cmocka_run_group_tests(tests, set_up_all, tear_down_all);
}
