/* Who issued a patient ID: the numbers of two issuers are never one patient's. */
#include "tests/cache/support.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "cache/browse.h"
#include "cache/changes.h"
#include "cache/compares.h"
#include "cache/internal.h"
#include "cache/issuers.h"
#include "cache/judging.h"

#define ISSUERS "north: NORTH HOSPITAL, 1.2.392.1 ;south:S;"

static const struct {
    const char *name, *text;
    bool good;
} settings[] = {
    {"none", "", true},
    {"one", "north: N", true},
    {"several, spaces, an end", " north : N , 1.2.3 ; south: S ;", true},
    {"a colon in an issuer", "north: urn:oid:1.2.3", true},
    {"no issuer", "north:", false},
    {"an empty issuer", "north: N,,M", false},
    {"no hospital", ": N", false},
    {"no colon", "north", false},
    {"64 bytes", "n:0123456789012345678901234567890123456789012345678901234567890123", true},
    {"65 bytes", "n:01234567890123456789012345678901234567890123456789012345678901234", false},
};

static void checked(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++)
        if ((kh_issuers_check(settings[i].text, NULL) == KH_OK) != settings[i].good)
            fail_msg("%s", settings[i].name);
}

static const struct {
    const char *name, *facility, *issuer, *universal;
    bool foreign;
} told[] = {
    {"its own", "north", "NORTH HOSPITAL", "", false},
    {"its own universal ID", "north", "", "1.2.392.1", false},
    {"one of both is its own", "north", "Radiology", "1.2.392.1", false},
    {"none told", "north", "", "", false},
    {"another", "north", "CLINIC", "", true},
    {"another universal ID", "north", "", "1.2.392.10", true},
    {"a part of its own", "north", "NORTH", "", true},
    {"another hospital's", "north", "S", "", true},
    {"the last entry", "south", "S", "", false},
    {"a hospital that is not named", "west", "CLINIC", "", false},
    {"a part of a hospital's name", "nort", "CLINIC", "", false},
};

static void judged(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof told / sizeof told[0]; i++) {
        kh_facts facts = {.patient_id = "7"};

        strcpy(facts.issuer, told[i].issuer);
        strcpy(facts.issuer_universal, told[i].universal);
        kh_issuers_judge(ISSUERS, told[i].facility, &facts);
        if (facts.foreign != told[i].foreign || (facts.patient_id[0] == '\0') != told[i].foreign)
            fail_msg("%s", told[i].name);
        kh_issuers_judge("", told[i].facility, &facts);
        assert_false(facts.foreign);
    }
}

static kh_study study_of(kh_cache *cache, int64_t id)
{
    kh_study study;

    assert_ok(kh_browse_study(cache, id, &study, err));
    return study;
}

/* Number 7 of the hospital, of a clinic whose pictures it keeps, and without an issuer: the clinic's is apart until somebody says whose it
 * is. */
static void same_number_of_two(void **state)
{
    const sample own = {
        .patient_id = "7", .issuer = "NORTH HOSPITAL", .study_uid = "1.2.1", .series_uid = "1.2.1.1", .sop_uid = "1.2.1.1.1"};
    const sample silent = {.patient_id = "7", .study_uid = "1.2.2", .series_uid = "1.2.2.1", .sop_uid = "1.2.2.1.1"};
    sample theirs = {.patient_id = "7", .issuer = "CLINIC", .study_uid = "1.2.3", .series_uid = "1.2.3.1", .sop_uid = "1.2.3.1.1"};
    const kh_study_values whose = {.patient_id = "7"};
    const kh_change_author author = {"he is the same", "tester"};
    kh_cache_options options = kh_cache_options_default;
    kh_ingest_result first, second, third;
    kh_cache_stats stats;
    int64_t change_id;
    temp_dir dir;
    kh_cache *cache;
    bool same;

    (void)state;
    temp_dir_make(&dir);
    options.dir = dir.path;
    options.owner = true;
    options.reserve_bytes = 0;
    strcpy(options.issuers, ISSUERS);
    assert_ok(kh_cache_open(&cache, &options, err));
    assert_ok(ingest_sample(cache, &own, &first, err));
    assert_ok(ingest_sample(cache, &silent, &second, err));
    assert_ok(ingest_sample(cache, &theirs, &third, err));
    assert_ok(kh_cache_get_stats(cache, &stats, err));
    assert_int_equal(stats.patients, 2);
    assert_string_equal(study_of(cache, first.study_id).patient.patient_id, "7");
    assert_string_equal(study_of(cache, second.study_id).patient.patient_id, "7");
    assert_string_equal(study_of(cache, third.study_id).patient.patient_id, "");
    assert_ok(kh_compare_same_patient(cache, third.study_id, "7", &same, err)); /* that the hospital lists it so moves it nowhere */
    assert_true(same);
    assert_ok(kh_change_study(cache, third.study_id, &whose, &author, &change_id, err));
    assert_string_equal(study_of(cache, third.study_id).patient.patient_id, "7");
    theirs.sop_uid = "1.2.3.1.2";
    assert_ok(ingest_sample(cache, &theirs, &third, err)); /* the rest of the study follows */
    assert_string_equal(study_of(cache, third.study_id).patient.patient_id, "7");
    assert_int_equal(study_of(cache, third.study_id).object_count, 2);
    assert_clean(cache, 4);
    kh_cache_close(cache);
    temp_dir_remove(&dir);
}

/* ---- what is stored, judged again ---- */

static kh_cache *open_with(const temp_dir *dir, const char *issuers)
{
    kh_cache_options options = kh_cache_options_default;
    kh_cache *cache;

    options.dir = dir->path;
    options.owner = true;
    options.reserve_bytes = 0;
    snprintf(options.issuers, sizeof options.issuers, "%s", issuers);
    assert_ok(kh_cache_open(&cache, &options, err));
    return cache;
}

static kh_judging judge_all(kh_cache *cache, const char *issuers)
{
    kh_judging at;

    assert_ok(kh_judging_begin(cache, issuers, err));
    do {
        assert_ok(kh_judging_step(cache, err));
        assert_ok(kh_judging_get(cache, &at, err));
    } while (at.ended_ms == 0);
    return at;
}

static kh_ingest_result store(kh_cache *cache, const char *patient_id, int study, int series, const char *issuer)
{
    char uids[3][40];
    const sample s = {.patient_id = patient_id, .issuer = issuer, .patient_name = "YAMADA^TARO", .study_uid = uids[0],
                      .series_uid = uids[1], .sop_uid = uids[2]};
    kh_ingest_result result;

    snprintf(uids[0], sizeof uids[0], "1.2.%d", study);
    snprintf(uids[1], sizeof uids[1], "1.2.%d.%d", study, series);
    snprintf(uids[2], sizeof uids[2], "1.2.%d.%d.1", study, series);
    assert_ok(ingest_sample(cache, &s, &result, err));
    return result;
}

static void assert_counts(kh_judging at, int studies, int apart, int back, int left, int away)
{
    assert_int_equal(at.studies, studies);
    assert_int_equal(at.apart, apart);
    assert_int_equal(at.back, back);
    assert_int_equal(at.left, left);
    assert_int_equal(at.away, away);
}

#define assert_patient(cache, id, number) assert_string_equal(study_of(cache, id).patient.patient_id, number)

/* A setting that is made later, and one that is taken back: what is stored is whose it would be had it come now. */
static void judged_again(void **state)
{
    int64_t own, theirs, silent;
    kh_cache_stats stats;
    kh_judging at;
    temp_dir dir;
    kh_cache *cache;
    bool same;

    (void)state;
    temp_dir_make(&dir);
    cache = open_with(&dir, "");
    own = store(cache, "7", 1, 1, "NORTH HOSPITAL").study_id;
    theirs = store(cache, "7", 2, 1, "CLINIC").study_id;
    (void)store(cache, "7", 2, 2, "CLINIC");
    silent = store(cache, "7", 3, 1, NULL).study_id;
    assert_patient(cache, theirs, "7");
    kh_cache_close(cache);

    cache = open_with(&dir, ISSUERS);
    assert_ok(kh_judging_get(cache, &at, err));
    assert_true(at.began_ms == 0 && at.other_rules);
    assert_ok(kh_judging_step(cache, err)); /* nobody asked for one */
    assert_patient(cache, theirs, "7");
    assert_int_equal(kh_judging_begin(cache, "", NULL), KH_E_CONFLICT);
    assert_counts(judge_all(cache, ISSUERS), 3, 1, 0, 0, 0);
    assert_patient(cache, own, "7");
    assert_patient(cache, silent, "7");
    assert_patient(cache, theirs, "");
    assert_string_equal(study_of(cache, theirs).patient.name.alphabetic, "YAMADA^TARO");
    assert_ok(kh_compare_same_patient(cache, theirs, "7", &same, err));
    assert_true(same);
    assert_int_equal(store(cache, "7", 2, 3, "CLINIC").study_id, theirs); /* what comes later is of the same study */
    assert_int_equal(study_of(cache, theirs).object_count, 3);
    assert_counts(judge_all(cache, ISSUERS), 3, 0, 0, 0, 0);
    assert_clean(cache, 5);
    kh_cache_close(cache);

    cache = open_with(&dir, "north: NORTH HOSPITAL, CLINIC");
    assert_counts(judge_all(cache, "north: NORTH HOSPITAL, CLINIC"), 3, 0, 1, 0, 0);
    assert_patient(cache, theirs, "7");
    kh_cache_close(cache);
    cache = open_with(&dir, ISSUERS);
    assert_counts(judge_all(cache, ISSUERS), 3, 1, 0, 0, 0);
    kh_cache_close(cache);
    cache = open_with(&dir, "");
    assert_counts(judge_all(cache, ""), 3, 0, 1, 0, 0);
    assert_patient(cache, theirs, "7");
    assert_int_equal(store(cache, "7", 2, 4, "CLINIC").study_id, theirs);
    assert_ok(kh_cache_get_stats(cache, &stats, err));
    assert_int_equal(stats.studies, 3);
    assert_clean(cache, 6);
    kh_cache_close(cache);
    temp_dir_remove(&dir);
}

/* What a person has moved, what is of several issuers, what cannot be read, and what its patient has already. */
static void not_judged_again(void **state)
{
    const kh_change_author author = {"he is the same", "tester"};
    const kh_study_values eight = {.patient_id = "8"}, nine = {.patient_id = "9"};
    int64_t both, given, apart, named, twice, change_id;
    kh_ingest_result unread;
    char path[PATH_MAX];
    temp_dir dir;
    kh_cache *cache;

    (void)state;
    temp_dir_make(&dir);
    cache = open_with(&dir, ISSUERS);
    (void)store(cache, "8", 1, 1, NULL);
    apart = store(cache, "7", 2, 1, "CLINIC").study_id;
    named = store(cache, "7", 3, 1, "CLINIC").study_id;
    twice = store(cache, "7", 4, 1, "CLINIC").study_id;
    (void)store(cache, "7", 4, 2, NULL); /* that patient has a study of the same UID */
    assert_ok(kh_change_study(cache, apart, &eight, &author, &change_id, err));
    assert_ok(kh_change_study(cache, named, &nine, &author, &change_id, err)); /* nobody had that number: the study's own patient gets it */
    kh_cache_close(cache);

    cache = open_with(&dir, "");
    both = store(cache, "7", 5, 1, "CLINIC").study_id;
    (void)store(cache, "7", 5, 2, NULL);
    given = store(cache, "7", 6, 1, "CLINIC").study_id;
    assert_ok(kh_change_study(cache, given, &eight, &author, &change_id, err));
    unread = store(cache, "7", 7, 1, "CLINIC");
    kh_path_object(path, &cache->paths, unread.object_id, 1);
    assert_int_equal(truncate(path, 200), 0);
    assert_counts(judge_all(cache, ""), 8, 0, 0, 1, 0);
    assert_patient(cache, apart, "8");
    assert_patient(cache, named, "9");
    assert_patient(cache, twice, "");
    kh_cache_close(cache);

    cache = open_with(&dir, ISSUERS);
    assert_counts(judge_all(cache, ISSUERS), 8, 0, 0, 2, 0);
    assert_patient(cache, both, "7");
    assert_patient(cache, given, "8");
    assert_patient(cache, unread.study_id, "7");
    assert_ok(kh_change_undo(cache, change_id, "tester", err)); /* taken back: nobody has said whose it is */
    assert_counts(judge_all(cache, ISSUERS), 8, 1, 0, 2, 0);
    assert_patient(cache, given, "");
    kh_cache_close(cache);
    temp_dir_remove(&dir);
}

/* Where a pass stands outlives the process; a pass by other rules begins anew. */
static void goes_on(void **state)
{
    kh_judging before, at;
    int64_t theirs;
    temp_dir dir;
    kh_cache *cache;

    (void)state;
    temp_dir_make(&dir);
    cache = open_with(&dir, ISSUERS);
    theirs = store(cache, "7", 1, 1, "CLINIC").study_id;
    (void)store(cache, "7", 2, 1, "S");
    assert_ok(kh_judging_begin(cache, ISSUERS, err));
    assert_ok(kh_judging_step(cache, err));
    assert_ok(kh_judging_get(cache, &before, err));
    assert_true(before.began_ms > 0 && before.ended_ms == 0);
    assert_int_equal(before.studies, 2);
    kh_cache_close(cache);

    cache = open_with(&dir, ISSUERS);
    assert_counts(judge_all(cache, ISSUERS), 2, 0, 0, 0, 0); /* not from the start */
    assert_ok(kh_judging_get(cache, &at, err));
    assert_int_equal(at.began_ms, before.began_ms);
    assert_ok(kh_judging_begin(cache, ISSUERS, err)); /* one that has ended begins anew */
    assert_ok(kh_judging_get(cache, &at, err));
    assert_int_equal(at.studies, 0);
    kh_cache_close(cache);

    cache = open_with(&dir, "");
    assert_int_equal(kh_judging_step(cache, NULL), KH_E_CONFLICT);
    assert_ok(kh_judging_get(cache, &at, err));
    assert_true(at.other_rules);
    assert_counts(judge_all(cache, ""), 2, 0, 2, 0, 0);
    assert_patient(cache, theirs, "7");
    assert_ok(kh_judging_get(cache, &at, err));
    assert_false(at.other_rules);
    kh_cache_close(cache);
    temp_dir_remove(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(checked), cmocka_unit_test(judged), cmocka_unit_test(same_number_of_two),
                                       cmocka_unit_test(judged_again), cmocka_unit_test(not_judged_again), cmocka_unit_test(goes_on)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
