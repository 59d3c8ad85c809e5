/* What is not in the scope of who asks is neither listed nor counted [AZ-17]: RELIABILITY.md S2. */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cache/scope.h"
#include "cache/search.h"

static struct {
    temp_dir dir;
    kh_cache *cache;
} run;

/* Study n has the UID 1.9.n and a series of each modality, UID 1.9.n.k. */
static const struct {
    const char *facility, *patient_id, *name, *date, *modalities[2], *departments[2];
} studies[] = {
    {"north", "N1", "Yamada^Hanako=山田^花子", "20260105", {"CT"}, {NULL}},
    {"north", "N2", "Sato^Ichiro=佐藤^一郎", "20260104", {"MR"}, {NULL}},
    {"south", "S1", "Yamada^Hanako=山田^花子", "20260103", {"CT", "SR"}, {"Radiology", "放射線科"}},
    {"south", "S1", "Yamada^Hanako=山田^花子", "20200103", {"CT"}, {NULL}}, /* before the floor of allows() */
    {"south", "S2", "Yamada^Taro=山田^太郎", "20260102", {"CT"}, {NULL}},
    {"south", "N1", "Suzuki^Jiro=鈴木^次郎", "20260101", {"MR"}, {NULL}},  /* the ID of another one at another facility */
    {"south", "", "Nobody", "20260106", {"CT"}, {NULL}},
};

static int set_up_all(void **state)
{
    (void)state;
    temp_dir_make(&run.dir);
    run.cache = cache_open(&run.dir);
    for (size_t i = 0; i < KH_COUNT(studies); i++)
        for (int k = 0; k < 2 && studies[i].modalities[k]; k++) {
            const kh_origin origin = {.facility = studies[i].facility, .source = "TEST"};
            char study_uid[16], series_uid[16], sop_uid[24];
            const sample s = {.patient_id = studies[i].patient_id,
                              .patient_name = studies[i].name,
                              .study_uid = study_uid,
                              .series_uid = series_uid,
                              .sop_uid = sop_uid,
                              .study_date = studies[i].date,
                              .modality = studies[i].modalities[k],
                              .department = studies[i].departments[k]};
            kh_ingest_result result;
            kh_buf bytes;

            snprintf(study_uid, sizeof study_uid, "1.9.%zu", i);
            snprintf(series_uid, sizeof series_uid, "1.9.%zu.%d", i, k);
            snprintf(sop_uid, sizeof sop_uid, "1.9.%zu.%d.1", i, k);
            kh_buf_init(&bytes, 1 << 20);
            sample_write(&bytes, &s);
            assert_ok(ingest_bytes(run.cache, &bytes, &origin, &result, err));
            kh_buf_release(&bytes);
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

/* Nothing before 2025, no structured reports. */
static kh_status allows(void *context, const kh_study *study, const kh_series *series, bool *allowed, kh_error *err)
{
    int *asked = context;

    (void)err;
    ++*asked;
    assert_string_not_equal(study->patient.facility, "");
    assert_string_not_equal(study->patient.patient_id, "");
    assert_true(study->first_arrival_ms > 0);
    if (series)
        assert_string_equal(series->department, strcmp(series->series_uid, "1.9.2.0") == 0   ? "Radiology"
                                                : strcmp(series->series_uid, "1.9.2.1") == 0 ? "放射線科"
                                                                                             : "");
    else
        assert_string_equal(study->departments, strcmp(study->study_uid, "1.9.2") == 0 ? "Radiology,放射線科" : "");
    *allowed = strcmp(study->date, "20250101") >= 0 && (!series || strcmp(series->modality, "SR") != 0);
    return KH_OK;
}

static kh_status fails(void *context, const kh_study *study, const kh_series *series, bool *allowed, kh_error *err)
{
    (void)context;
    (void)study;
    (void)series;
    *allowed = true;
    return kh_error_set(err, KH_E_IO, "for the test");
}

static const kh_scope_patient s1[] = {{"south", "S1"}}, two[] = {{"east", "S2"}, {"south", "S1"}}, nobody[] = {{"south", ""}};
static const struct {
    const char *name;
    kh_scope scope;
    const char *all;        /* last digits of the studies there are, newest first */
    const char *ct, *hanako, *sr;
    int64_t series, images; /* that there are */
} scopes[] = {
    {"nothing", {.own_facility = ""}, "", "", "", "", 0, 0},
    {"own only", {.own_facility = "north"}, "01", "0", "0", "", 2, 2},
    {"own and one patient", {.own_facility = "north", .patients = s1, .patient_count = 1}, "012", "02", "02", "", 3, 3},
    {"one patient", {.own_facility = "", .patients = s1, .patient_count = 1}, "2", "2", "2", "", 1, 1},
    {"an ID of another facility", {.own_facility = "", .patients = two, .patient_count = 2}, "2", "2", "2", "", 1, 1},
    {"without an ID nobody is meant", {.own_facility = "", .patients = nobody, .patient_count = 1}, "", "", "", "", 0, 0},
    {"own of many", {.own_facility = "north", .patients = s1, .patient_count = 1, .few = 1}, "012", "02", "02", "", 3, 3},
    {"own of many, south", {.own_facility = "south", .few = 1}, "62453", "6243", "23", "2", 6, 6},
    {"an unknown own facility", {.own_facility = "west"}, "", "", "", "", 0, 0},
};

static kh_status add_digit(void *context, const kh_study *study)
{
    strcat(context, study->study_uid + 4);
    return KH_OK;
}

static void expect_list(size_t i, const char *what, kh_study_filter filter, const char *expected)
{
    char digits[32] = "", page[32] = "";
    int64_t total = -1;
    int asked = 0;
    kh_scope scope = scopes[i].scope;

    scope.allows = allows;
    scope.context = &asked;
    filter.scope = &scope;
    filter.limit = 10;
    assert_ok(kh_browse_studies(run.cache, &filter, add_digit, digits, &total, err));
    if (strcmp(digits, expected) != 0 || total != (int64_t)strlen(expected))
        fail_msg("%s, %s: got %s of %lld, expected %s", scopes[i].name, what, digits, (long long)total, expected);
    for (filter.offset = 0, filter.limit = 1; filter.offset < (int64_t)strlen(expected); filter.offset++)
        assert_ok(kh_browse_studies(run.cache, &filter, add_digit, page, NULL, err));
    assert_string_equal(page, expected); /* page by page the same */
}

static void lists(void **state)
{
    (void)state;
    for (size_t i = 0; i < KH_COUNT(scopes); i++) {
        expect_list(i, "all", (kh_study_filter){0}, scopes[i].all);
        expect_list(i, "CT", (kh_study_filter){.modality = "CT"}, scopes[i].ct);
        expect_list(i, "SR", (kh_study_filter){.modality = "SR"}, scopes[i].sr);
        expect_list(i, "a name", (kh_study_filter){.text = "山田 花子"}, scopes[i].hanako);
    }
}

static bool never(const void *context)
{
    return context != NULL;
}

/* How many are given, and how many are told to be left before any is. */
static void expect_matches(size_t i, kh_level level, const kh_search_key *keys, size_t key_count, int64_t expected)
{
    const kh_search_counting how = {.most = 1000, .compared_max = 1000, .stop = never};
    int64_t given = 0, left = -1;
    int asked = 0;
    bool more = true, exact = false;
    kh_scope scope = scopes[i].scope;
    const kh_search_row *rows;
    kh_search *search;
    size_t count;

    scope.allows = allows;
    scope.context = &asked;
    assert_ok(kh_search_open(&search, run.cache, level, keys, key_count, err));
    kh_search_within(search, &scope);
    assert_ok(kh_search_count(search, &how, &left, &exact, err));
    kh_search_free(search);
    assert_ok(kh_search_open(&search, run.cache, level, keys, key_count, err));
    kh_search_within(search, &scope);
    while (more) {
        assert_ok(kh_search_page(search, &rows, &count, &more, err));
        given += (int64_t)count;
        for (size_t k = 0; k < count; k++)
            if (strcmp(scope.own_facility, rows[k].study.patient.facility) != 0) {
                assert_string_equal(rows[k].study.patient.patient_id, "S1");
                assert_true(level == KH_LEVEL_PATIENT || strcmp(rows[k].study.modalities, "CT") == 0); /* not its report */
                assert_int_equal(level == KH_LEVEL_PATIENT ? rows[k].patient_objects : rows[k].study.object_count, 1);
                assert_int_equal(level == KH_LEVEL_PATIENT ? rows[k].patient_studies : rows[k].study.series_count, 1);
            }
    }
    kh_search_free(search);
    if (given != expected || left != expected || !exact)
        fail_msg("%s, level %d, %s: given %lld, told %lld, expected %lld", scopes[i].name, (int)level, key_count ? keys[0].value : "all",
                 (long long)given, (long long)left, (long long)expected);
}

static int64_t patients_in(const char *digits)
{
    char seen[8][140];
    int64_t count = 0;

    for (const char *d = digits; *d; d++) {
        bool known = false;
        char who[140];

        snprintf(who, sizeof who, "%s/%s", studies[*d - '0'].facility, studies[*d - '0'].patient_id);
        for (int64_t i = 0; i < count; i++)
            known = known || strcmp(seen[i], who) == 0;
        if (!known)
            memcpy(seen[count++], who, sizeof who);
    }
    return count;
}

static void searches(void **state)
{
    const kh_search_key ct = {KH_TAG_MODALITIES_IN_STUDY, "CT"}, sr = {KH_TAG_MODALITIES_IN_STUDY, "SR"},
                        name = {KH_TAG_PATIENT_NAME, "山田^花子"};

    (void)state;
    for (size_t i = 0; i < KH_COUNT(scopes); i++) {
        expect_matches(i, KH_LEVEL_PATIENT, NULL, 0, patients_in(scopes[i].all));
        expect_matches(i, KH_LEVEL_STUDY, NULL, 0, (int64_t)strlen(scopes[i].all));
        expect_matches(i, KH_LEVEL_SERIES, NULL, 0, scopes[i].series);
        expect_matches(i, KH_LEVEL_IMAGE, NULL, 0, scopes[i].images);
        expect_matches(i, KH_LEVEL_STUDY, &ct, 1, (int64_t)strlen(scopes[i].ct));
        expect_matches(i, KH_LEVEL_STUDY, &sr, 1, (int64_t)strlen(scopes[i].sr));
        expect_matches(i, KH_LEVEL_STUDY, &name, 1, (int64_t)strlen(scopes[i].hanako));
        expect_matches(i, KH_LEVEL_PATIENT, &name, 1, patients_in(scopes[i].hanako));
    }
}

/* Which way leads to a row does not matter: it is asked for by each unique key of its own. */
static void by_unique_keys(void **state)
{
    (void)state;
    for (size_t i = 0; i < KH_COUNT(scopes); i++)
        for (size_t n = 0; n < KH_COUNT(studies); n++) {
            const bool there = strchr(scopes[i].all, (int)('0' + n)) != NULL,
                       own = strcmp(scopes[i].scope.own_facility, studies[n].facility) == 0;
            char study[16], series[16], second[16], image[24];
            const kh_search_key by_study = {KH_TAG_STUDY_INSTANCE_UID, study}, by_series = {KH_TAG_SERIES_INSTANCE_UID, series},
                                by_second = {KH_TAG_SERIES_INSTANCE_UID, second}, by_image = {KH_TAG_SOP_INSTANCE_UID, image};

            snprintf(study, sizeof study, "1.9.%zu", n);
            snprintf(series, sizeof series, "1.9.%zu.0", n);
            snprintf(second, sizeof second, "1.9.%zu.1", n);
            snprintf(image, sizeof image, "1.9.%zu.0.1", n);
            expect_matches(i, KH_LEVEL_STUDY, &by_study, 1, there);
            expect_matches(i, KH_LEVEL_SERIES, &by_series, 1, there);
            expect_matches(i, KH_LEVEL_IMAGE, &by_image, 1, there);
            expect_matches(i, KH_LEVEL_SERIES, &by_second, 1, there && own && studies[n].modalities[1]);
        }
}

static kh_status keep_study(void *context, const kh_study *study)
{
    *(kh_study *)context = *study;
    return KH_OK;
}

static void one_study(void **state)
{
    int asked = 0;
    const kh_scope scope = {.own_facility = "north", .patients = s1, .patient_count = 1, .allows = allows, .context = &asked};
    kh_study study = {0}, whole;
    bool allowed = false;

    (void)state;
    assert_ok(kh_browse_study_uid(run.cache, "1.9.2", keep_study, &study, err));
    whole = study;
    assert_ok(kh_scope_study(run.cache, &scope, &study, &allowed, err));
    assert_true(allowed);
    assert_string_equal(study.modalities, "CT");
    assert_int_equal(study.series_count, 1);
    assert_int_equal(study.object_count, 1);
    assert_true(study.bytes > 0 && study.bytes < whole.bytes);
    study = whole;
    assert_ok(kh_scope_study(run.cache, NULL, &study, &allowed, err)); /* accounts are off */
    assert_true(allowed);
    assert_memory_equal(&study, &whole, sizeof study);
    assert_ok(kh_browse_study_uid(run.cache, "1.9.3", keep_study, &study, err));
    assert_ok(kh_scope_study(run.cache, &scope, &study, &allowed, err));
    assert_false(allowed);
    assert_ok(kh_browse_study_uid(run.cache, "1.9.0", keep_study, &study, err));
    asked = 0;
    assert_ok(kh_scope_study(run.cache, &scope, &study, &allowed, err));
    assert_true(allowed);
    assert_int_equal(asked, 0);
}

/* Nothing is shown when it cannot be decided. */
static void failing_shows_nothing(void **state)
{
    const kh_scope scope = {.own_facility = "", .patients = s1, .patient_count = 1, .allows = fails};
    const kh_study_filter filter = {.limit = 10, .scope = &scope};
    const kh_search_row *rows;
    kh_search *search;
    char digits[32] = "";
    int64_t total;
    size_t count;
    bool more;

    (void)state;
    assert_int_equal(kh_browse_studies(run.cache, &filter, add_digit, digits, &total, NULL), KH_E_IO);
    assert_string_equal(digits, "");
    assert_ok(kh_search_open(&search, run.cache, KH_LEVEL_STUDY, NULL, 0, err));
    kh_search_within(search, &scope);
    assert_int_equal(kh_search_page(search, &rows, &count, &more, NULL), KH_E_IO);
    assert_int_equal(count, 0);
    kh_search_free(search);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists),     cmocka_unit_test(searches),
        cmocka_unit_test(by_unique_keys), cmocka_unit_test(one_study),
        cmocka_unit_test(failing_shows_nothing),
    };

    return cmocka_run_group_tests(tests, set_up_all, tear_down_all);
}
