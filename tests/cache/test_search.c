/* What is left of a search is counted along indices of their own: they say what the tables say, whatever happens to studies and
 * patients. */
#include "support.h"

#include <stdio.h>
#include <string.h>
#include "cache/changes.h"
#include "cache/schema.h"
#include "cache/search.h"

static const kh_change_author author = {"for the test", "tester"};

static int64_t put(kh_cache *cache, const char *patient, const char *name, const char *date, const char *modality, int number)
{
    char study_uid[32], series_uid[32], sop_uid[32];
    const sample s = {.patient_id = patient, .patient_name = name, .study_uid = study_uid, .series_uid = series_uid, .sop_uid = sop_uid,
                      .study_date = date, .modality = modality, .seed = (unsigned)number};
    kh_ingest_result result;

    snprintf(study_uid, sizeof study_uid, "1.4.%d", number / 100);
    snprintf(series_uid, sizeof series_uid, "1.4.%d.%d", number / 100, number / 10 % 10);
    snprintf(sop_uid, sizeof sop_uid, "1.4.1.%d", number);
    assert_ok(ingest_sample(cache, &s, &result, err));
    return result.study_id;
}

static bool never(const void *context)
{
    return context != NULL;
}

/* --- the tables --- */

#define NAMES                                                                                                                            \
    "SELECT DISTINCT j.value, p.id, (SELECT count(*) FROM study s WHERE s.patient_ref = p.id AND s.object_count > 0) FROM patient p,"     \
    " json_each(kh_name_keys(p.name_alphabetic || '=' || p.name_ideographic || '=' || p.name_phonetic)) j"
#define MODALITIES "SELECT j.value, s.date, s.time, s.id FROM study s, json_each(kh_codes_json(s.modalities)) j"

static void expect_none(kh_sql *sql, const char *query)
{
    bool has_row = false;
    kh_sql_row *row;

    assert_ok(kh_sql_query(&row, sql, query, NULL, 0, err));
    assert_ok(kh_sql_next(row, &has_row, err));
    if (has_row)
        fail_msg("%s: %s", query, kh_sql_text(row, 0));
    kh_sql_end(row);
}

static void assert_tables(const temp_dir *dir)
{
    char path[600];
    kh_sql *sql;

    snprintf(path, sizeof path, "%s/index.db", dir->path);
    assert_ok(kh_sql_open(&sql, path, KH_SQL_READER, err));
    assert_ok(kh_schema_prepare(sql, err));
    expect_none(sql, NAMES " EXCEPT SELECT * FROM patient_name");
    expect_none(sql, "SELECT * FROM patient_name EXCEPT " NAMES);
    expect_none(sql, MODALITIES " EXCEPT SELECT * FROM study_modality");
    expect_none(sql, "SELECT * FROM study_modality EXCEPT " MODALITIES);
    kh_sql_close(sql);
}

static void tables_follow(void **state)
{
    const fixture *f = *state;
    int64_t hidden, named, moved, study;
    const kh_patient_values renamed = {.name_alphabetic = "SUZUKI^ICHIRO", .name_ideographic = ""};
    const kh_study_values others = {.patient_id = "P2"};

    put(f->cache, "P1", "YAMADA^TARO=山田^太郎=ヤマダ^タロウ", "20240101", "CT", 100);
    put(f->cache, "P1", "", "20240101", "MR", 110);
    study = put(f->cache, "P1", "", "20250101", "CT", 200);
    put(f->cache, "P2", "YAMADA^JIRO", "20230101", "US", 300);
    put(f->cache, "", "NOBODY", "", "OT", 400);
    assert_tables(&f->dir);
    put(f->cache, "P2", "YAMADA^JIRO=山田^次郎", "20230101", "OT", 310);
    assert_tables(&f->dir);
    assert_ok(kh_change_delete(f->cache, study, 0, 0, &author, &hidden, err));
    assert_tables(&f->dir);
    assert_ok(kh_change_patient(f->cache, "north", "P1", &renamed, &author, &named, err));
    assert_tables(&f->dir);
    assert_ok(kh_change_undo(f->cache, hidden, "tester", err));
    assert_tables(&f->dir);
    assert_ok(kh_change_study(f->cache, study, &others, &author, &moved, err));
    assert_tables(&f->dir);
    assert_ok(kh_change_undo(f->cache, moved, "tester", err));
    assert_ok(kh_change_undo(f->cache, named, "tester", err));
    assert_tables(&f->dir);
}

/* --- the counts --- */

static int64_t take_some(kh_search *search, int64_t wanted)
{
    const kh_search_row *rows;
    int64_t total = 0;
    size_t count;
    bool more = true;

    while (more && total < wanted) {
        assert_ok(kh_search_page(search, &rows, &count, &more, err));
        total += (int64_t)count;
    }
    return total;
}

static kh_status take_until(void *context, const kh_search_row *row, bool *enough, kh_error *err)
{
    int64_t *wanted = context;

    (void)row;
    (void)err;
    *enough = --*wanted == 0;
    return KH_OK;
}

/* After some matches, as many are left as a second search gives. */
static void expect_left(kh_cache *cache, const kh_search_key *keys, size_t key_count, int64_t wanted, int64_t compared_max, bool exact,
                        const char *name)
{
    const kh_search_counting how = {.most = 10001, .compared_max = compared_max, .stop = never};
    int64_t all, left = 0, rest = wanted;
    bool is_exact = true, more = true;
    kh_search *search;

    assert_ok(kh_search_open(&search, cache, KH_LEVEL_STUDY, keys, key_count, err));
    all = take_some(search, INT64_MAX);
    kh_search_free(search);
    assert_ok(kh_search_open(&search, cache, KH_LEVEL_STUDY, keys, key_count, err));
    if (wanted > 0)
        assert_ok(kh_search_some(search, take_until, &rest, &more, err));
    if (more)
        assert_ok(kh_search_count(search, &how, &left, &is_exact, err));
    kh_search_free(search);
    if (is_exact != exact || (exact ? left != all - wanted : left > all - wanted) || (!exact && left == 0))
        fail_msg("%s: %lld of %lld taken, %s%lld left", name, (long long)wanted, (long long)all, is_exact ? "" : "at least ",
                 (long long)left);
}

static const struct {
    const char *label, *name, *modality, *days;
    bool compared; /* row by row */
} searches[] = {
    {"everything", "", "", "", false},
    {"days", "", "", "20200101-20201231", false},
    {"from a day on", "", "", "20200201-", false},
    {"up to a day", "", "", "-20200201", false},
    {"modality", "", "CT", "", false},
    {"modality and days", "", "MR", "20200101-20201231", false},
    {"no such modality", "", "PT", "", false},
    {"modalities", "", "CT\\MR", "", true},
    {"whole name", "yamada^taro", "", "", false},
    {"beginning", "Yama*", "", "", false},
    {"kanji", "山*", "", "", false},
    {"kana", "やま*", "", "", false},
    {"one letter", "s*", "", "", false},
    {"nobody", "zz*", "", "", false},
    {"pattern", "Y?mada*", "", "", true},
    {"anywhere", "*mada*", "", "", true},
    {"name and modality", "yama*", "CT", "", false},
    {"name and days", "yama*", "", "20200101-20200630", false},
};

static void counts_are_true(void **state)
{
    kh_cache *cache = ((const fixture *)*state)->cache;
    static const char *const names[] = {"YAMADA^TARO=山田^太郎=ヤマダ^タロウ", "SUZUKI^JIRO=鈴木^次郎=スズキ^ジロウ", "YAMAMOTO^YAMA=山本^山=ヤマモト^ヤマ"};
    int64_t id;

    for (int i = 0; i < 90; i++) {
        char patient[8], date[12];
        int64_t study;

        snprintf(patient, sizeof patient, "P%d", i % 9);
        snprintf(date, sizeof date, "2020%02d%02d", 1 + i % 12, 1 + i % 28);
        study = put(cache, patient, names[i % 3], i % 10 ? date : "", i % 2 ? "CT" : "MR", 1000 + i * 100);
        if (i % 5 == 0)
            put(cache, patient, names[i % 3], i % 10 ? date : "", "SR", 1000 + i * 100 + 10);
        if (i % 7 == 0)
            assert_ok(kh_change_delete(cache, study, 0, 0, &author, &id, err));
    }
    for (size_t i = 0; i < KH_COUNT(searches); i++) {
        const kh_search_key keys[] = {{KH_TAG_PATIENT_NAME, searches[i].name}, {KH_TAG_MODALITIES_IN_STUDY, searches[i].modality},
                                      {KH_TAG_STUDY_DATE, searches[i].days}};

        for (int64_t wanted = 0; wanted <= 5; wanted += 5)
            if (wanted == 0 || (strcmp(searches[i].modality, "PT") != 0 && searches[i].name[0] != 'z'))
                expect_left(cache, keys, 3, wanted, 1000, true, searches[i].label);
        if (searches[i].compared)
            expect_left(cache, keys, 3, 2, 3, false, searches[i].label);
    }
}

/* The way along the names gives what the way along the pieces of text does. */
static void ways_agree(void **state)
{
    kh_cache *cache = ((const fixture *)*state)->cache;
    static const char *const keys[][2] = {{"yamada*", "yamada**"}, {"yamada^taro", "yamada^taro**"}, {"山田*", "山田**"}, {"ヤマ*", "ヤマ**"}};
    kh_search *searches_of[2];
    const kh_search_row *rows[2];
    size_t counts[2];
    bool more;

    put(cache, "P1", "YAMADA^TARO=山田^太郎=ヤマダ^タロウ", "20240101", "CT", 100);
    put(cache, "P2", "Yamada^Taro^^^", "20240102", "CT", 200);
    put(cache, "P3", "yamada^taro", "", "CT", 300);
    put(cache, "P1", "", "20230101", "MR", 400);
    put(cache, "P4", "SATO^YAMADA", "20230101", "MR", 500);
    for (size_t i = 0; i < KH_COUNT(keys); i++) {
        for (int k = 0; k < 2; k++) {
            const kh_search_key key = {KH_TAG_PATIENT_NAME, keys[i][k]};

            assert_ok(kh_search_open(&searches_of[k], cache, KH_LEVEL_STUDY, &key, 1, err));
            assert_ok(kh_search_page(searches_of[k], &rows[k], &counts[k], &more, err));
        }
        assert_int_equal(counts[0], counts[1]);
        assert_true(counts[0] > 0);
        for (size_t row = 0; row < counts[0]; row++)
            assert_string_equal(rows[0][row].study.study_uid, rows[1][row].study.study_uid);
        kh_search_free(searches_of[0]);
        kh_search_free(searches_of[1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(tables_follow, cache_set_up, cache_tear_down),
        cmocka_unit_test_setup_teardown(counts_are_true, cache_set_up, cache_tear_down),
        cmocka_unit_test_setup_teardown(ways_agree, cache_set_up, cache_tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
