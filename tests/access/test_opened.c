/* Patients as they are found, disclosers' policies, emergencies. */
#include "tests/access/world.h"

#include <stdio.h>
#include <string.h>
#include "access/emergency.h"
#include "access/policies.h"
#include "tests/access/clock_at.h"

#define GRANT KH_REASON_GRANT

static const kh_consent_place east[] = {{"east", ""}};

/* --- found by two ways only [TB-6] --- */

static kh_status count_one(void *context, const kh_registered *patient)
{
    (void)patient;
    (*(int *)context)++;
    return KH_OK;
}

static void test_find(void **state)
{
    static const struct {
        const char *name;
        kh_registered_query query;
        kh_status status;
        int found;
    } rows[] = {
        {"number", {.facility = "north", .number = "1001"}, KH_OK, 1},
        {"another facility's number", {.facility = "south", .number = "1001"}, KH_OK, 0},
        {"a number of nowhere", {.number = "1001"}, KH_E_ARG, 0},
        {"kana alone", {.kana = "ヤマダハナコ"}, KH_E_ARG, 0},
        {"birth date alone", {.birth_date = "19500203"}, KH_E_ARG, 0},
        {"kana and birth date", {.kana = "ヤマダ^ハナコ", .birth_date = "19500203"}, KH_OK, 4},
        {"hiragana, a space", {.kana = "やまだ はなこ", .birth_date = "19500203"}, KH_OK, 4},
        {"half width", {.kana = "ﾔﾏﾀﾞ ﾊﾅｺ", .birth_date = "19500203"}, KH_OK, 4},
        {"at one facility", {.facility = "east", .kana = "ヤマダハナコ", .birth_date = "19500203"}, KH_OK, 1},
        {"another day", {.kana = "ヤマダハナコ", .birth_date = "19500204"}, KH_OK, 0},
        {"the beginning of a name", {.kana = "ヤマダ", .birth_date = "19500203"}, KH_OK, 0},
        {"kana of spaces", {.kana = "  ", .birth_date = "19500203"}, KH_E_ARG, 0},
        {"a card nobody has", {.card = "77"}, KH_OK, 0},
        {"an empty card", {.card = ""}, KH_E_ARG, 0},
        {"card and number", {.facility = "north", .card = "1", .number = "1001"}, KH_E_ARG, 0},
        {"nothing", {0}, KH_E_ARG, 0},
    };

    (void)state;
    for (size_t i = 0; i < KH_COUNT(rows); i++) {
        kh_error why = KH_ERROR_INIT;
        int found = 0;

        print_message("%s\n", rows[i].name);
        assert_int_equal(kh_registered_find(access_db, &rows[i].query, count_one, &found, &why), rows[i].status);
        assert_int_equal(found, rows[i].found);
    }
}

/* [TB-4] */
static void test_registered_twice(void **state)
{
    kh_registered same, other;
    kh_error why = KH_ERROR_INIT;
    int found = 0;

    (void)state;
    assert_ok(kh_registered_get(access_db, "north", "1001", &same, err));
    assert_int_equal(kh_registered_add(access_db, &same, "test", true, &why), KH_E_CONFLICT); /* the number */
    kh_error_clear(&why);
    other = same;
    snprintf(other.number, sizeof other.number, "1002");
    assert_int_equal(kh_registered_add(access_db, &other, "test", false, &why), KH_E_CONFLICT); /* the four items */
    kh_error_clear(&why);
    snprintf(other.address, sizeof other.address, "elsewhere");
    assert_ok(kh_registered_add(access_db, &other, "test", false, err));
    assert_ok(kh_registered_alike(access_db, &same, count_one, &found, err));
    assert_int_equal(found, 4);
    snprintf(other.number, sizeof other.number, "1003");
    snprintf(other.address, sizeof other.address, "1-2-3");
    assert_ok(kh_registered_add(access_db, &other, "test", true, err)); /* a person says so */
}

static void test_refused_patients(void **state)
{
    static const struct {
        const char *name;
        kh_registered patient;
        kh_status status;
    } rows[] = {
        {"no number", {.facility = "north"}, KH_E_ARG},
        {"no facility", {.facility = "nowhere", .number = "1"}, KH_E_NOT_FOUND},
        {"a backslash", {.facility = "north", .number = "1\\2"}, KH_E_ARG},
        {"a line end", {.facility = "north", .number = "1\n2"}, KH_E_ARG},
        {"no UTF-8", {.facility = "north", .number = "1", .name_phonetic = "\xff"}, KH_E_ARG},
        {"30 February", {.facility = "north", .number = "1", .birth_date = "19500230"}, KH_E_ARG},
        {"a sex that is none", {.facility = "north", .number = "1", .sex = "X"}, KH_E_ARG},
        {"the least", {.facility = "north", .number = "1"}, KH_OK},
    };

    (void)state;
    for (size_t i = 0; i < KH_COUNT(rows); i++) {
        kh_registered patient = rows[i].patient;
        kh_error why = KH_ERROR_INIT;

        print_message("%s\n", rows[i].name);
        assert_int_equal(kh_registered_add(access_db, &patient, "test", false, &why), rows[i].status);
    }
}

static void test_links(void **state)
{
    const kh_link_end north = {"north", "1001"}, north_2 = {"north", "1002"}, at_east = {"east", "3001"}, nobody = {"east", "9"};
    kh_registered second = {.facility = "north", .number = "1002"};
    kh_error why = KH_ERROR_INIT;

    (void)state;
    assert_ok(kh_registered_add(access_db, &second, "test", false, err));
    assert_ok(kh_link_make(access_db, &north, &at_east, "test", err));
    assert_ok(kh_link_make(access_db, &at_east, &north, "test", err)); /* it stands */
    assert_int_equal(kh_link_make(access_db, &north_2, &at_east, "test", &why), KH_E_CONFLICT);
    kh_error_clear(&why);
    assert_int_equal(kh_link_make(access_db, &north, &north_2, "test", &why), KH_E_ARG);
    kh_error_clear(&why);
    assert_int_equal(kh_link_make(access_db, &north, &nobody, "test", &why), KH_E_NOT_FOUND);
    kh_error_clear(&why);
    assert_int_equal(kh_link_undo(access_db, &north_2, &at_east, "test", &why), KH_E_NOT_FOUND);
    assert_ok(kh_link_undo(access_db, &north, &at_east, "test", err));
    assert_ok(kh_link_make(access_db, &north_2, &at_east, "test", err));
}

/* --- policies [AZ-26] --- */

static kh_status keep(void *context, const kh_grant_row *grant)
{
    memcpy(context, grant->floor, 9);
    return KH_OK;
}

static void test_policy(void **state)
{
    kh_consent_sheet sheet = world_sheet(east, 1);
    kh_policy policy;
    kh_matter study = world_study();
    kh_error why = KH_ERROR_INIT;

    (void)state;
    world_consent(&sheet);
    world_link("east", "3001");
    assert_ok(kh_policy_get(access_db, "north", &policy, err));
    assert_int_equal(policy.items, KH_ITEM_ALL);
    assert_int_equal(policy.made_ms, 0);
    assert_int_equal(world_view("east.doctor"), GRANT);
    snprintf(policy.modalities, sizeof policy.modalities, "MR");
    assert_ok(kh_policy_set(access_db, &policy, "test", err));
    assert_int_equal(world_view("east.doctor"), KH_REASON_ITEM);
    assert_int_equal(world_view("north.doctor"), KH_REASON_OWN);
    snprintf(policy.modalities, sizeof policy.modalities, "CT,MR");
    snprintf(policy.body_parts, sizeof policy.body_parts, "CHEST");
    policy.items = KH_ITEM_IMAGES;
    policy.delay_ms = 3600000;
    assert_ok(kh_policy_set(access_db, &policy, "test", err));
    assert_int_equal(world_view("east.doctor"), KH_REASON_DELAYED);
    study.arrived_ms = kh_clock_wall_ms() - 3600000;
    study.key = 50;
    assert_int_equal(world_ask("east.doctor", KH_VERB_VIEW, &study).reason, GRANT);
    assert_int_equal(world_ask("east.doctor", KH_VERB_TAKE, &study).reason, KH_REASON_ITEM);
    study.body_parts = "HEAD";
    study.key = 51;
    assert_int_equal(world_ask("east.doctor", KH_VERB_VIEW, &study).reason, KH_REASON_ITEM);
    policy.items = 8;
    assert_int_equal(kh_policy_set(access_db, &policy, "test", &why), KH_E_ARG);
    kh_error_clear(&why);
    policy.items = 0;
    policy.delay_ms = KH_POLICY_DELAY_MAX_MS + 1;
    assert_int_equal(kh_policy_set(access_db, &policy, "test", &why), KH_E_ARG);
    /* how far back, of consents from now on */
    assert_ok(kh_policy_get(access_db, "north", &policy, err));
    policy = (kh_policy){.facility = "north", .items = KH_ITEM_ALL, .look_back_years = 0};
    assert_ok(kh_policy_set(access_db, &policy, "test", err));
    sheet.signed_date = "20260401";
    int64_t id = world_consent(&sheet);
    kh_grant_query query = {.consent_id = id};
    char floor[9] = "";
    assert_ok(kh_grant_list(access_db, &query, keep, floor, err));
    assert_string_equal(floor, "20260401");
}

static void test_hidden(void **state)
{
    kh_consent_sheet sheet = world_sheet(east, 1);
    kh_matter study = world_study(), one = world_study(), other;
    kh_error why = KH_ERROR_INIT;

    (void)state;
    world_consent(&sheet);
    world_link("east", "3001");
    one.kind = KH_KIND_SERIES;
    one.series_uid = "1.2.3.4";
    one.key = -4;
    other = one;
    other.series_uid = "1.2.3.5";
    other.key = -5;
    assert_ok(kh_hide(access_db, "north", "1.2.3", "1.2.3.4", "asked for", "test", err));
    assert_ok(kh_hide(access_db, "north", "1.2.3", "1.2.3.4", "asked for", "test", err));
    assert_int_equal(world_ask("east.doctor", KH_VERB_VIEW, &study).reason, GRANT);
    assert_int_equal(world_ask("east.doctor", KH_VERB_VIEW, &one).reason, KH_REASON_HIDDEN);
    assert_int_equal(world_ask("east.doctor", KH_VERB_VIEW, &other).reason, GRANT);
    one.kind = KH_KIND_FRAME; /* of a series that is not told */
    one.series_uid = NULL;
    assert_int_equal(world_ask("east.doctor", KH_VERB_VIEW, &one).reason, KH_REASON_HIDDEN);
    one.study_uid = NULL; /* nor is the study */
    one.key = -6;
    assert_int_equal(world_ask("east.doctor", KH_VERB_VIEW, &one).reason, KH_REASON_HIDDEN);
    one.kind = KH_KIND_PATIENT;
    assert_int_equal(world_ask("east.doctor", KH_VERB_FIND, &one).reason, GRANT);
    assert_ok(kh_hide(access_db, "north", "1.2.3", "", "asked for", "test", err));
    assert_int_equal(world_ask("east.doctor", KH_VERB_VIEW, &study).reason, KH_REASON_HIDDEN);
    assert_int_equal(world_ask("east.doctor", KH_VERB_VIEW, &other).reason, KH_REASON_HIDDEN);
    assert_int_equal(world_view("north.doctor"), KH_REASON_OWN);
    assert_ok(kh_unhide(access_db, "north", "1.2.3", "", "test", err));
    assert_int_equal(world_ask("east.doctor", KH_VERB_VIEW, &study).reason, GRANT);
    assert_int_equal(kh_unhide(access_db, "north", "1.2.3", "", "test", &why), KH_E_NOT_FOUND);
    kh_error_clear(&why);
    assert_int_equal(kh_hide(access_db, "north", "1.2.x", "", "asked for", "test", &why), KH_E_ARG);
    kh_error_clear(&why);
    assert_int_equal(kh_hide(access_db, "north", "1.2.3", "", "", "test", &why), KH_E_ARG);
}

/* --- emergencies [R11] --- */

static kh_status count_emergency(void *context, const kh_emergency_row *emergency)
{
    (void)emergency;
    (*(int *)context)++;
    return KH_OK;
}

static kh_status count_alert(void *context, const kh_alert_row *alert)
{
    (void)alert;
    (*(int *)context)++;
    return KH_OK;
}

static void test_emergency(void **state)
{
    kh_emergency_request request = {.facility = "north", .number = "1001", .reason = "stroke", .duration_ms = 3600000};
    kh_matter study = world_study(), old = world_study();
    kh_error why = KH_ERROR_INIT;
    kh_horizon horizon;
    kh_subject doctor = world_person("east.doctor");
    int64_t id, until_ms;
    int count = 0;

    (void)state;
    request.person_id = doctor.person_id;
    assert_ok(kh_emergency_open(access_db, &request, &id, &until_ms, err));
    assert_int_equal(world_view("east.doctor"), KH_REASON_EMERGENCY); /* no consent, no link */
    assert_int_equal(world_view("east.radiologist"), KH_REASON_NO_CONSENT);
    assert_false(world_ask("east.doctor", KH_VERB_TAKE, &study).allowed);
    old.study_date = "19000101";
    old.key = 60;
    assert_int_equal(world_ask("east.doctor", KH_VERB_VIEW, &old).reason, KH_REASON_EMERGENCY);
    assert_ok(kh_rights_horizon(world_rights, &doctor, &horizon, err));
    assert_int_equal(horizon.count, 1);
    kh_horizon_release(&horizon);
    assert_ok(kh_alert_list(access_db, "north", count_alert, &count, err));
    assert_int_equal(count, 1);
    clock_at(3600001, 3600001);
    assert_int_equal(world_view("east.doctor"), KH_REASON_NO_CONSENT);
    assert_int_equal(kh_emergency_end(access_db, id, &why), KH_E_NOT_FOUND);
    kh_error_clear(&why);
    clock_at(3700000, 0);
    assert_int_equal(world_view("east.doctor"), KH_REASON_EMERGENCY);
    assert_ok(kh_emergency_end(access_db, id, err));
    assert_int_equal(world_view("east.doctor"), KH_REASON_NO_CONSENT);
    clock_at(0, 0);
    count = 0;
    assert_ok(kh_emergency_list(access_db, "north", true, count_emergency, &count, err));
    assert_int_equal(count, 1);
    assert_int_equal(kh_emergency_review(access_db, id, false, "", "test", &why), KH_E_ARG);
    kh_error_clear(&why);
    assert_ok(kh_emergency_review(access_db, id, true, "", "test", err));
    assert_int_equal(kh_emergency_review(access_db, id, true, "", "test", &why), KH_E_CONFLICT);
    kh_error_clear(&why);
    count = 0;
    assert_ok(kh_emergency_list(access_db, "north", true, count_emergency, &count, err));
    assert_ok(kh_alert_list(access_db, "north", count_alert, &count, err));
    assert_int_equal(count, 0);
}

static void test_refused_emergencies(void **state)
{
    static const struct {
        const char *name, *login, *facility, *reason;
        int64_t duration_ms;
        kh_status status;
    } rows[] = {{"a nurse", "east.nurse", "north", "stroke", 3600000, KH_OK},
                {"a radiographer", "east.radiographer", "north", "stroke", 3600000, KH_E_DENIED},
                {"a registrar", "east.registrar", "north", "stroke", 3600000, KH_E_DENIED},
                {"the own facility", "east.doctor", "east", "stroke", 3600000, KH_E_ARG},
                {"nowhere", "east.doctor", "nowhere", "stroke", 3600000, KH_E_NOT_FOUND},
                {"no reason", "east.doctor", "north", "", 3600000, KH_E_ARG},
                {"three letters", "east.doctor", "north", "abc", 3600000, KH_E_ARG},
                {"four letters", "east.doctor", "north", "abcd", 3600000, KH_OK},
                {"a day", "east.doctor", "north", "stroke", KH_EMERGENCY_MAX_MS, KH_OK},
                {"longer", "east.doctor", "north", "stroke", KH_EMERGENCY_MAX_MS + 1, KH_E_ARG},
                {"a minute", "east.doctor", "north", "stroke", KH_EMERGENCY_MIN_MS, KH_OK},
                {"shorter", "east.doctor", "north", "stroke", KH_EMERGENCY_MIN_MS - 1, KH_E_ARG}};

    (void)state;
    for (size_t i = 0; i < KH_COUNT(rows); i++) {
        const kh_emergency_request request = {.person_id = world_person(rows[i].login).person_id, .facility = rows[i].facility, .number = "1001",
                                              .reason = rows[i].reason, .duration_ms = rows[i].duration_ms};
        kh_error why = KH_ERROR_INIT;
        int64_t id, until_ms;

        print_message("%s\n", rows[i].name);
        assert_int_equal(kh_emergency_open(access_db, &request, &id, &until_ms, &why), rows[i].status);
    }
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, world_set_up, world_tear_down)
    const struct CMUnitTest tests[] = {
        CASE(test_find), CASE(test_registered_twice), CASE(test_refused_patients), CASE(test_links), CASE(test_policy), CASE(test_hidden),
        CASE(test_emergency), CASE(test_refused_emergencies),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
