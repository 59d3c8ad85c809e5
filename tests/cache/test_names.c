/* The text index finds what a look at every study finds, whatever the names and patterns. */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cache/browse.h"
#include "cache/fold.h"
#include "cache/grams.h"
#include "cache/match.h"
#include "cache/schema.h"
#include "cache/schema.h"
#include "cache/search.h"
#include "cache/text_index.h"

static void pieces_of_fields(void **state)
{
    static const struct {
        const char *name, *fields, *expected;
    } table[] = {
        {"nothing", "", ""},
        {"empty fields", "\n\n\n", ""},
        {"one character", "\xe5\xb1\xb1\n", "5c71 x5c71 5c71x "},
        {"two characters", "ab\n", "61 62 x61 61x62 62x "},
        {"a space is in pieces of two only", "a b\n", "61 62 x61 20x62 61x20 62x "},
        {"fields do not touch", "a\nb\n", "61 62 x61 x62 61x 62x "},
        {"each once", "aaa\naa\n", "61 x61 61x 61x61 "},
        {"outside the first plane", "\xf0\xa0\xae\xb7\n", "20bb7 x20bb7 20bb7x "},
        {"without its line feed", "a", "61 x61 61x "},
    };

    (void)state;
    for (size_t i = 0; i < KH_COUNT(table); i++) {
        kh_buf out;

        kh_buf_init(&out, 1000);
        assert_ok(kh_grams_of_fields(&out, table[i].fields, err));
        if (strcmp(kh_buf_text(&out), table[i].expected) != 0)
            fail_msg("%s: %s", table[i].name, kh_buf_text(&out));
        kh_buf_release(&out);
    }
}

static void pieces_of_patterns(void **state)
{
    static const struct {
        const char *name, *pattern;
        bool wild;
        const char *expected;
    } table[] = {
        {"nothing", "", false, ""},
        {"all", "*", true, ""},
        {"any two", "??*", true, ""},
        {"one anywhere", "*a*", true, "\"61\" "},
        {"two anywhere", "*ab*", true, "\"61x62\" "},
        {"at the front", "a*", true, "\"x61\" "},
        {"at the end", "*a", true, "\"61x\" "},
        {"whole", "a", false, "\"x61\" \"61x\" "},
        {"apart", "a*b", true, "\"x61\" \"62x\" "},
        {"behind one of any", "?a*", true, "\"61\" "},
        {"before one of any", "*ab?c", true, "\"61x62\" \"63x\" "},
        {"components", "a^b", false, "\"x61\" \"20x62\" \"61x20\" \"62x\" "},
        {"an empty component leaves one space", "a^^b", false, "\"x61\" \"20x62\" \"61x20\" \"62x\" "},
        {"an empty component in front leaves none", "^b", false, "\"62x\" "},
        {"what is before the separator may be empty", "*^b", true, "\"62x\" "},
        {"what is behind the separator is not", "a^*", true, "\"x61\" \"61x20\" "},
        {"separator between wild cards", "*^*", true, ""},
        {"star as a letter", "*", false, "\"x2a\" \"2ax\" "},
    };

    (void)state;
    for (size_t i = 0; i < KH_COUNT(table); i++) {
        kh_buf out;

        kh_buf_init(&out, 1000);
        assert_ok(kh_grams_of_name(&out, table[i].pattern, table[i].wild, err));
        if (strcmp(kh_buf_text(&out), table[i].expected) != 0)
            fail_msg("%s: %s", table[i].name, kh_buf_text(&out));
        kh_buf_release(&out);
    }
}

static void keys_in_order(void **state)
{
    static const struct {
        const char *date, *time;
        int64_t id;
    } ascending[] = {
        {"", "", 1},          {"", "", KH_TEXT_STUDY_ID_MAX}, {"", "101112", 1},   {"17991231", "", 1},   {"18000101", "", 1},
        {"18000102", "", 1},  {"19991231", "", 2},            {"19991231", "00", 1}, {"19991231", "0001", 1}, {"19991231", "000101", 1},
        {"19991231", "235959.99", 1}, {"20000101", "", 1},    {"20000101", "10", 5}, {"20000101", "10", 6},  {"20991231", "10", 6},
    };

    (void)state;
    for (size_t i = 1; i < KH_COUNT(ascending); i++)
        if (kh_text_key(ascending[i - 1].date, ascending[i - 1].time, ascending[i - 1].id) >=
            kh_text_key(ascending[i].date, ascending[i].time, ascending[i].id))
            fail_msg("row %zu", i);
    assert_int_equal(kh_text_key("2000010", "", 7), 7);
    assert_int_equal(kh_text_key("2000010x", "", 7), 7);
    assert_true(kh_text_key("99991231", "999999", KH_TEXT_STUDY_ID_MAX) > 0);
}

/* --- answers --- */

#define STUDIES 240
#define PATTERNS 1500

static uint32_t seed = 20261121;

static uint32_t dice(uint32_t sides)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % sides;
}

static void add_random(char *out, size_t size, const char *const *letters, uint32_t count, uint32_t most)
{
    for (uint32_t i = dice(most + 1); i > 0; i--)
        if (strlen(out) + 5 < size)
            strcat(out, letters[dice(count)]);
}

static const char *const letters[3][8] = {
    {"Y", "m", "A", "t", "\xef\xbc\xb9", " ", "^", "^"},          /* full-width Y */
    {"山", "田", "中", "一", "𠮷", "^", "　", "^"},
    {"や", "マ", "ﾏ", "ｶ", "ﾞ", "^", "ガ", "た"},
};

/* Groups of few letters, so that patterns meet them. */
static void random_name(char out[200])
{
    uint32_t groups = 1 + dice(3);

    out[0] = '\0';
    for (uint32_t i = 0; i < groups; i++) {
        if (i > 0)
            strcat(out, "=");
        add_random(out, 190, letters[i], 8, 7);
    }
}

static void random_pattern(char out[200])
{
    const char *const *from = letters[dice(3)];
    const char *const wild[] = {"*", "?", "*", from[0], from[1], from[2], from[3], from[5]};

    out[0] = '\0';
    if (dice(8) == 0)
        strcat(out, dice(2) ? "=" : "==");
    add_random(out, 190, wild, 8, 3);
    add_random(out, 190, from, 8, 3);
    add_random(out, 190, wild, 8, 3);
    if (dice(12) == 0)
        strcat(out, "=*");
    if (dice(3) == 0)
        strcat(out, "*");
}

static void fill(kh_cache *cache)
{
    for (int i = 0; i < STUDIES; i++) {
        char name[200], study_uid[32], series_uid[32], sop_uid[32], id[16], date[9];
        sample s = {.patient_id = id, .patient_name = name, .study_uid = study_uid, .series_uid = series_uid, .sop_uid = sop_uid,
                    .study_date = dice(9) ? date : "", .instance = 1};
        kh_ingest_result result;

        random_name(name);
        snprintf(id, sizeof id, "P%u", dice(STUDIES / 2));
        snprintf(study_uid, sizeof study_uid, "1.2.%d", i);
        snprintf(series_uid, sizeof series_uid, "1.2.%d.1", i);
        snprintf(sop_uid, sizeof sop_uid, "1.2.%d.1.1", i);
        snprintf(date, sizeof date, "%04u%02u%02u", 2020 + dice(3), 1 + dice(12), 1 + dice(28));
        assert_ok(ingest_sample(cache, &s, &result, err));
    }
}

/* The ids of what matches at this level, in the order they come. */
static size_t ids_of(kh_cache *cache, kh_level level, const kh_search_key *keys, size_t key_count, int64_t ids[STUDIES])
{
    const kh_search_row *rows;
    kh_search *search;
    size_t count, total = 0;
    bool more = true;

    assert_ok(kh_search_open(&search, cache, level, keys, key_count, err));
    while (more) {
        assert_ok(kh_search_page(search, &rows, &count, &more, err));
        for (size_t i = 0; i < count; i++) {
            assert_true(total < STUDIES);
            ids[total++] = level == KH_LEVEL_PATIENT ? rows[i].patient_row : rows[i].study.id;
        }
    }
    kh_search_free(search);
    return total;
}

typedef struct named {
    int64_t id;
    kh_person_name name;
} named;

/* Every row without a word of names: no index of them has a part in it. */
static size_t all_names(kh_cache *cache, kh_level level, named out[STUDIES])
{
    const kh_search_row *rows;
    kh_search *search;
    size_t count, total = 0;
    bool more = true;

    assert_ok(kh_search_open(&search, cache, level, NULL, 0, err));
    while (more) {
        assert_ok(kh_search_page(search, &rows, &count, &more, err));
        for (size_t i = 0; i < count; i++)
            out[total++] = (named){level == KH_LEVEL_PATIENT ? rows[i].patient_row : rows[i].study.id, rows[i].study.patient.name};
    }
    kh_search_free(search);
    return total;
}

static int compare_ids(const void *a, const void *b)
{
    int64_t one = *(const int64_t *)a, other = *(const int64_t *)b;

    return one < other ? -1 : one > other;
}

static void assert_same_as_scan(kh_cache *cache, kh_level level, const char *pattern, const named *all, size_t all_count)
{
    const kh_search_key key = {KH_TAG_PATIENT_NAME, pattern};
    int64_t expected[STUDIES], found[STUDIES];
    size_t expected_count = 0, found_count = ids_of(cache, level, &key, 1, found);
    kh_match *match;

    assert_ok(kh_match_create(&match, KH_TAG_PATIENT_NAME, KH_VR('P', 'N'), pattern, err));
    for (size_t i = 0; i < all_count; i++)
        if (kh_match_name(match, &all[i].name))
            expected[expected_count++] = all[i].id;
    kh_match_free(match);
    if (found_count != expected_count)
        fail_msg("\"%s\": %zu found, expected %zu", pattern, found_count, expected_count);
    if (level == KH_LEVEL_PATIENT) { /* both in the order of the scan, newest first to the second */
        assert_memory_equal(found, expected, found_count * sizeof *found);
        return;
    }
    qsort(found, found_count, sizeof *found, compare_ids);
    qsort(expected, expected_count, sizeof *expected, compare_ids);
    if (memcmp(found, expected, found_count * sizeof *found) != 0)
        fail_msg("\"%s\": other studies", pattern);
}

/* A word of the portal's search stands in the patient's ID or one of the names; the studies here have no other texts. */
static bool holds_word(const kh_study *study, const char *word)
{
    const kh_patient *patient = &study->patient;
    const char *texts[] = {patient->patient_id, patient->name.alphabetic, patient->name.ideographic, patient->name.phonetic};
    bool holds = false;
    kh_buf sought, text;

    kh_buf_init(&sought, 1000);
    kh_buf_init(&text, 1000);
    assert_ok(kh_fold_append(&sought, word, err));
    for (size_t i = 0; i < KH_COUNT(texts) && !holds; i++) {
        kh_buf_clear(&text);
        assert_ok(kh_fold_append(&text, texts[i], err));
        holds = strstr(kh_buf_text(&text), kh_buf_text(&sought)) != NULL;
    }
    kh_buf_release(&sought);
    kh_buf_release(&text);
    return holds;
}

typedef struct counting {
    const char *word; /* NULL: all */
    int64_t count;
} counting;

static kh_status count_holding(void *context, const kh_study *study)
{
    counting *to = context;

    to->count += !to->word || holds_word(study, to->word);
    return KH_OK;
}

static void words_same_as_scan(kh_cache *cache)
{
    static const char *const of[] = {"y", "M", "山", "田", "𠮷", "マ", "ﾏ", "P1", "7"};

    for (int i = 0; i < PATTERNS / 10; i++) {
        char word[200] = "";
        kh_study_filter all = {.limit = 1000}, filter = {.limit = 1000, .text = word};
        counting expected = {.word = word}, listed = {0};
        int64_t total;

        add_random(word, sizeof word, of, KH_COUNT(of), 3);
        assert_ok(kh_browse_studies(cache, &all, count_holding, &expected, NULL, err));
        assert_ok(kh_browse_studies(cache, &filter, count_holding, &listed, &total, err));
        if (listed.count != expected.count || total != expected.count)
            fail_msg("\"%s\": %lld listed, %lld counted, expected %lld", word, (long long)listed.count, (long long)total,
                     (long long)expected.count);
    }
}

static void same_as_scan(void **state)
{
    const fixture *f = *state;
    static named all[STUDIES];

    fill(f->cache);
    for (int level = KH_LEVEL_PATIENT; level <= KH_LEVEL_STUDY; level++) {
        size_t count = all_names(f->cache, (kh_level)level, all);

        for (int i = 0; i < PATTERNS; i++) {
            char pattern[200];

            random_pattern(pattern);
            assert_same_as_scan(f->cache, (kh_level)level, pattern, all, count);
        }
    }
    words_same_as_scan(f->cache);
}

static void put(kh_cache *cache, const char *id, const char *name, const char *date, int number)
{
    char study_uid[32], sop_uid[32];
    sample s = {.patient_id = id, .patient_name = name, .study_uid = study_uid, .series_uid = "1.3.1", .sop_uid = sop_uid,
                .study_date = date, .instance = 1};
    kh_ingest_result result;

    snprintf(study_uid, sizeof study_uid, "1.3.%d", number / 10);
    snprintf(sop_uid, sizeof sop_uid, "1.3.1.%d", number);
    assert_ok(ingest_sample(cache, &s, &result, err));
}

/* The last digits of the study UIDs that match, in their order. */
static const char *found(kh_cache *cache, const char *pattern, const char *days)
{
    const kh_search_key keys[] = {{KH_TAG_STUDY_DATE, days}, {KH_TAG_PATIENT_NAME, pattern}};
    static char text[1024];
    const kh_search_row *rows;
    kh_search *search;
    size_t count;
    bool more;

    text[0] = '\0';
    assert_ok(kh_search_open(&search, cache, KH_LEVEL_STUDY, keys, 2, err));
    assert_ok(kh_search_page(search, &rows, &count, &more, err));
    for (size_t i = 0; i < count; i++)
        strcat(text, rows[i].study.study_uid + 4);
    kh_search_free(search);
    return text;
}

static void newest_first(void **state)
{
    kh_cache *cache = ((const fixture *)*state)->cache;

    put(cache, "P1", "YAMADA^TARO=山田^太郎", "20240102", 10);
    put(cache, "P2", "YAMADA^HANAKO=山田^花子", "20260102", 20);
    put(cache, "P3", "TANAKA^TARO=田中^太郎", "20250102", 30);
    put(cache, "P1", "YAMADA^TARO=山田^太郎", "", 40);
    put(cache, "P4", "HONDA^JIRO=本田^次郎", "20230102", 50);
    assert_string_equal(found(cache, "*山田*", ""), "214");
    assert_string_equal(found(cache, "*田*", ""), "23154");
    assert_string_equal(found(cache, "?田*", ""), "2154");
    assert_string_equal(found(cache, "*田*", "20240102-20250102"), "31");
    assert_string_equal(found(cache, "*田*", "20250103-"), "2");
    assert_string_equal(found(cache, "*田*", "-20240101"), "5");
    assert_string_equal(found(cache, "*田", ""), "");
    assert_string_equal(found(cache, "Y*A^T*", ""), "14");
    assert_string_equal(found(cache, "*^太郎", ""), "314");
}

/* What a later object adds to the patient is found, in every study of the patient; the study's date moves it. */
static void filled_later(void **state)
{
    kh_cache *cache = ((const fixture *)*state)->cache;

    put(cache, "P1", "YAMADA^TARO", "", 10);
    put(cache, "P2", "YAMADA^JIRO", "20250102", 20);
    put(cache, "P1", "YAMADA^TARO", "20240102", 30);
    assert_string_equal(found(cache, "山*", ""), "");
    assert_string_equal(found(cache, "yamada*", ""), "231");
    put(cache, "P1", "YAMADA^TARO=山田^太郎", "20260102", 11);
    assert_string_equal(found(cache, "山*", ""), "13");
    assert_string_equal(found(cache, "yamada*", ""), "123");
}

/* --- making it for an index that has none --- */

static void run_on_index(const temp_dir *dir, const char *const *statements, size_t count)
{
    char path[600];
    kh_sql *sql;

    snprintf(path, sizeof path, "%s/index.db", dir->path);
    assert_ok(kh_sql_open(&sql, path, KH_SQL_WRITER, err));
    assert_ok(kh_schema_prepare(sql, err));
    for (size_t i = 0; i < count; i++)
        assert_ok(kh_sql_run(sql, statements[i], NULL, 0, NULL, err));
    kh_sql_close(sql);
}

static bool is_complete(const temp_dir *dir)
{
    bool complete;
    char path[600];
    kh_sql *sql;

    snprintf(path, sizeof path, "%s/index.db", dir->path);
    assert_ok(kh_sql_open(&sql, path, KH_SQL_READER, err));
    assert_ok(kh_text_index_is_complete(sql, &complete, err));
    kh_sql_close(sql);
    return complete;
}

static void wait_until_complete(const temp_dir *dir)
{
    for (int i = 0; i < 1000 && !is_complete(dir); i++)
        usleep(10000);
    assert_true(is_complete(dir));
}

/* 2,500 more studies of the first patient. */
static const char *const many[] = {
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500)"
    " INSERT INTO study (patient_ref, study_uid, date, time, description, accession, referring_physician, institution, study_id,"
    " first_arrival_ms, last_arrival_ms, object_count, search) SELECT 1, '1.9.' || i, '2020' || (1000 + i), '', '', '', '', '', '', 0, 0, 1,"
    " (SELECT search FROM study WHERE patient_ref = 1 LIMIT 1) FROM n",
};

/* 2,500 studies due, as after a migration: answered by looking through all until the writer has caught up; nothing is lost when it is
 * stopped between. */
static void made_in_pieces(void **state)
{
    fixture *f = *state;

    put(f->cache, "P1", "YAMADA^TARO=山田^太郎", "20240102", 10);
    kh_cache_close(f->cache);
    run_on_index(&f->dir, many, 1);
    assert_false(is_complete(&f->dir));
    for (int round = 0; round < 3; round++) {
        f->cache = cache_open(&f->dir);
        assert_string_equal(found(f->cache, "*山*", "20240101-"), "1");
        assert_int_equal(strlen(found(f->cache, "*山*", "")), 1 + 63 * 4); /* a page of 64 */
        if (round < 2)
            kh_cache_close(f->cache);
    }
    wait_until_complete(&f->dir);
    assert_int_equal(strlen(found(f->cache, "*山*", "")), 1 + 63 * 4);
}

/* More is due than one object's change brings up to date, and nothing comes after it: as when catching up had failed. */
static void one_object_sets_it_going(void **state)
{
    fixture *f = *state;

    put(f->cache, "P1", "YAMADA^TARO=山田^太郎", "20240102", 10);
    run_on_index(&f->dir, many, 1);
    assert_false(is_complete(&f->dir));
    put(f->cache, "P1", "YAMADA^TARO=山田^太郎", "20240102", 11);
    wait_until_complete(&f->dir);
    assert_int_equal(strlen(found(f->cache, "*山*", "")), 1 + 63 * 4);
}

static void follows_what_is_deleted(void **state)
{
    static const char *const gone[] = {"DELETE FROM study WHERE study_uid LIKE '1.9.%'"};
    fixture *f = *state;

    put(f->cache, "P1", "YAMADA^TARO=山田^太郎", "20240102", 10);
    kh_cache_close(f->cache);
    run_on_index(&f->dir, many, 1);
    for (int round = 0; round < 2; round++) {
        f->cache = cache_open(&f->dir);
        wait_until_complete(&f->dir);
        assert_int_equal(strlen(found(f->cache, "*山*", "")), round == 0 ? 1 + 63 * 4 : 1);
        if (round == 0) {
            kh_cache_close(f->cache);
            run_on_index(&f->dir, gone, 1);
        }
    }
}

/* The due list names what was never in the index: fts5 finds itself damaged, images are taken all the same. */
static void made_anew_when_damaged(void **state)
{
    static const char *const damage[] = {
        "INSERT INTO study_text_due VALUES (1, '20240102', '', 'b')",
        "INSERT INTO study_text (study_text) VALUES ('delete-all')",
    };
    fixture *f = *state;

    put(f->cache, "P1", "YAMADA^TARO=山田^太郎", "20240102", 10);
    kh_cache_close(f->cache);
    run_on_index(&f->dir, damage, KH_COUNT(damage));
    f->cache = cache_open(&f->dir);
    put(f->cache, "P2", "YAMADA^JIRO=山田^次郎", "20250102", 20);
    wait_until_complete(&f->dir);
    assert_string_equal(found(f->cache, "*山*", ""), "21");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_of_fields),
        cmocka_unit_test(pieces_of_patterns),
        cmocka_unit_test(keys_in_order),
        cmocka_unit_test_setup_teardown(same_as_scan, cache_set_up, cache_tear_down),
        cmocka_unit_test_setup_teardown(newest_first, cache_set_up, cache_tear_down),
        cmocka_unit_test_setup_teardown(filled_later, cache_set_up, cache_tear_down),
        cmocka_unit_test_setup_teardown(made_in_pieces, cache_set_up, cache_tear_down),
        cmocka_unit_test_setup_teardown(one_object_sets_it_going, cache_set_up, cache_tear_down),
        cmocka_unit_test_setup_teardown(follows_what_is_deleted, cache_set_up, cache_tear_down),
        cmocka_unit_test_setup_teardown(made_anew_when_damaged, cache_set_up, cache_tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
