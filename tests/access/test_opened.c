/* Patients as they are found, disclosers' policies, emergencies. */
#include "tests/access/world.h"

#include <stdio.h>
#include <string.h>
#include "access/emergency.h"
#include "access/internal.h"
#include "access/leaving.h"
#include "access/links.h"
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
    study.body_parts = "CHEST";
    study.key = 52;
    assert_int_equal(world_ask("east.doctor", KH_VERB_VIEW, &study).reason, GRANT);
    snprintf(policy.departments, sizeof policy.departments, "放射線科,Cardiology");
    assert_ok(kh_policy_set(access_db, &policy, "test", err));
    assert_int_equal(world_ask("east.doctor", KH_VERB_VIEW, &study).reason, KH_REASON_ITEM); /* it tells none */
    study.departments = "Cardiology";
    study.key = 53;
    assert_int_equal(world_ask("east.doctor", KH_VERB_VIEW, &study).reason, GRANT);
    assert_ok(kh_policy_get(access_db, "north", &policy, err));
    assert_string_equal(policy.departments, "放射線科,Cardiology");
    static const char *const no_names[] = {",", "A,", ",A", "A,,B", "A, B", " A", "A ", "A\nB"};
    for (size_t i = 0; i < KH_COUNT(no_names); i++) {
        snprintf(policy.departments, sizeof policy.departments, "%s", no_names[i]);
        assert_int_equal(kh_policy_set(access_db, &policy, "test", &why), KH_E_ARG);
        kh_error_clear(&why);
    }
    policy.departments[0] = '\0';
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

static kh_status count_alert(void *context, const kh_alert_row *alert)
{
    (void)alert;
    (*(int *)context)++;
    return KH_OK;
}

/* What another house kept is taken as it ended there; nobody is told again. */
static void test_past(void **state)
{
    kh_consent_rules rules = kh_consent_rules_default;
    kh_consent_sheet over = world_sheet(east, 1), withdrawn = world_sheet(east, 1), further = world_sheet(east, 1),
                     closed = world_sheet(east, 1);
    kh_error why = KH_ERROR_INIT;
    int64_t id = 0, root = 0, now_ms = kh_clock_wall_ms();
    int alerts = 0;

    (void)state;
    world_link("east", "3001");
    over.from_ms = now_ms - 7200000;
    over.to_ms = now_ms - 3600000;
    assert_int_equal(kh_consent_add(access_db, &rules, &over, "test", &id, &why), KH_E_ARG);
    rules.past = true;
    assert_ok(kh_consent_add(access_db, &rules, &over, "test", &id, err));
    assert_int_equal(world_view("east.doctor"), KH_REASON_EXPIRED);
    closed.closed = "east";
    kh_error_clear(&why);
    assert_int_equal(kh_consent_add(access_db, &rules, &closed, "test", &id, &why), KH_E_ARG); /* without a reason */
    closed.closed_reason = "moved";
    assert_ok(kh_consent_add(access_db, &rules, &closed, "test", &id, err));
    assert_int_equal(world_view("east.doctor"), KH_REASON_EXPIRED); /* of several the furthest is told */
    withdrawn.withdrawn_at = "east";
    withdrawn.withdrawn_reason = "as the patient wishes";
    withdrawn.floors = "north=20200101";
    assert_ok(kh_consent_add(access_db, &rules, &withdrawn, "test", &root, err));
    further.sheet_of = root;
    kh_error_clear(&why);
    assert_int_equal(kh_consent_add(access_db, &rules, &further, "test", &id, &why), KH_E_NOT_FOUND); /* it stands, what it continues does not */
    further.withdrawn_at = "";
    assert_ok(kh_consent_add(access_db, &rules, &further, "test", &id, err));
    assert_int_equal(world_view("east.doctor"), KH_REASON_EXPIRED);
    assert_ok(kh_alert_list(access_db, "north", count_alert, &alerts, err));
    assert_int_equal(alerts, 0);
    static const char *const no_floors[] = {"north", "north=2020", "=20200101", "north=20200101,", "north=20201301", "north=202001011"};
    for (size_t i = 0; i < KH_COUNT(no_floors); i++) {
        kh_consent_sheet sheet = world_sheet(east, 1);

        print_message("%s\n", no_floors[i]);
        sheet.floors = no_floors[i];
        kh_error_clear(&why);
        assert_int_equal(kh_consent_add(access_db, &rules, &sheet, "test", &id, &why), i == 3 ? KH_OK : KH_E_ARG);
    }
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
        unsigned readers;
    } rows[] = {{"a nurse where nurses read", "east.nurse", "north", "stroke", 3600000, KH_OK, 1u << KH_ROLE_NURSE},
                {"a nurse where they do not", "east.nurse", "north", "stroke", 3600000, KH_E_DENIED, 1u << KH_ROLE_RADIOGRAPHER},
                {"a radiographer who reads", "east.radiographer", "north", "stroke", 3600000, KH_E_DENIED, 1u << KH_ROLE_RADIOGRAPHER},
                {"a radiographer", "east.radiographer", "north", "stroke", 3600000, KH_E_DENIED, 0},
                {"a registrar", "east.registrar", "north", "stroke", 3600000, KH_E_DENIED, 0},
                {"the own facility", "east.doctor", "east", "stroke", 3600000, KH_E_ARG, 0},
                {"nowhere", "east.doctor", "nowhere", "stroke", 3600000, KH_E_NOT_FOUND, 0},
                {"no reason", "east.doctor", "north", "", 3600000, KH_E_ARG, 0},
                {"three letters", "east.doctor", "north", "abc", 3600000, KH_E_ARG, 0},
                {"four letters", "east.doctor", "north", "abcd", 3600000, KH_OK, 0},
                {"a day", "east.doctor", "north", "stroke", KH_EMERGENCY_MAX_MS, KH_OK, 0},
                {"longer", "east.doctor", "north", "stroke", KH_EMERGENCY_MAX_MS + 1, KH_E_ARG, 0},
                {"a minute", "east.doctor", "north", "stroke", KH_EMERGENCY_MIN_MS, KH_OK, 0},
                {"shorter", "east.doctor", "north", "stroke", KH_EMERGENCY_MIN_MS - 1, KH_E_ARG, 0}};

    (void)state;
    for (size_t i = 0; i < KH_COUNT(rows); i++) {
        const kh_emergency_request request = {.person_id = world_person(rows[i].login).person_id,
                                              .reader_roles = rows[i].readers,
                                              .facility = rows[i].facility,
                                              .number = "1001",
                                              .reason = rows[i].reason,
                                              .duration_ms = rows[i].duration_ms};
        kh_error why = KH_ERROR_INIT;
        int64_t id, until_ms;

        print_message("%s\n", rows[i].name);
        assert_int_equal(kh_emergency_open(access_db, &request, &id, &until_ms, &why), rows[i].status);
    }
}

/* --- leaving [KN-3] --- */

static kh_status count_rows(kh_access *access, kh_sql *sql, void *context, kh_error *why)
{
    static const char *const queries[] = {"SELECT count(*) FROM access_grant WHERE ended_ms = 0",
                                          "SELECT count(*) FROM consent WHERE withdrawn_ms = 0",
                                          "SELECT count(*) FROM link WHERE ended_ms = 0",
                                          "SELECT count(*) FROM token WHERE revoked_ms = 0",
                                          "SELECT count(*) FROM session WHERE ended_ms = 0",
                                          "SELECT count(*) FROM grant_member WHERE ended_ms = 0",
                                          "SELECT count(*) FROM access_grant",
                                          "SELECT count(*) FROM terminal_certificate WHERE revoked_ms = 0"};
    int64_t *counts = context;
    kh_status status = KH_OK;

    (void)access;
    for (size_t i = 0; i < KH_COUNT(queries) && status == KH_OK; i++) {
        kh_sql_row *row;
        bool has_row = false;

        status = kh_sql_query(&row, sql, queries[i], NULL, 0, why);
        if (status == KH_OK)
            status = kh_sql_next(row, &has_row, why);
        counts[i] = has_row ? kh_sql_int(row, 0) : -1;
        kh_sql_end(row);
    }
    return status;
}

/* What a person and a terminal of `east` have open, as rows: how it came to be is other tests'. */
static kh_status open_rows(kh_access *access, kh_sql *sql, void *context, kh_error *why)
{
    static const char *const statements[] = {
        "INSERT INTO token (sha, person_ref, name, scopes, made_ms, expires_ms) SELECT x'01', id, 't', 1, 1, 9e15 FROM person WHERE login = 'east.doctor'",
        "INSERT INTO terminal (facility_ref, name) SELECT id, 'pc' FROM facility WHERE code = 'east'",
        "INSERT INTO terminal_certificate (terminal_ref, serial, fingerprint, issued_ms, not_after_ms) SELECT id, '1', 'f', 1, 9e15 FROM terminal",
        "INSERT INTO session (sha, person_ref, stage, terminal_ref, address, started_ms, seen_ms) SELECT x'02', id, 1, 0, '', 1, 1 FROM person WHERE login = 'east.doctor'",
        "INSERT INTO session (sha, person_ref, stage, terminal_ref, address, started_ms, seen_ms) SELECT x'03', p.id, 1, t.id, '', 1, 1 FROM person p, terminal t"
        " WHERE p.login = 'west.doctor'"};
    kh_status status = KH_OK;

    (void)access;
    (void)context;
    for (size_t i = 0; i < KH_COUNT(statements) && status == KH_OK; i++)
        status = kh_sql_run(sql, statements[i], NULL, 0, NULL, why);
    return status;
}

static void consent_to_all_kinds(void)
{
    static const char *const members[] = {"east.doctor", "west.doctor"};
    kh_consent_sheet sites = world_sheet(east, 1), doctor = world_sheet(NULL, 0), team = world_sheet(NULL, 0), theirs;
    static const kh_consent_place north[] = {{"north", "1001"}};

    world_consent(&sites);
    doctor.form = KH_CONSENT_DOCTOR;
    doctor.person = "east.doctor";
    world_consent(&doctor);
    team.form = KH_CONSENT_TEAM;
    team.team = "T";
    team.members = members;
    team.member_count = 2;
    world_consent(&team);
    theirs = world_sheet(north, 1);
    theirs.facility = "east";
    theirs.number = "3001";
    world_consent(&theirs);
}

static void test_person_leaves(void **state)
{
    kh_emergency_request request = {.facility = "south", .number = "2001", .reason = "stroke", .duration_ms = 3600000};
    int64_t before[8], after[8], id, until_ms;

    (void)state;
    world_link("east", "3001");
    consent_to_all_kinds();
    assert_ok(kh_access_change(access_db, open_rows, NULL, err));
    request.person_id = world_person("east.doctor").person_id;
    assert_ok(kh_emergency_open(access_db, &request, &id, &until_ms, err));
    assert_ok(kh_access_read(access_db, count_rows, before, err));
    assert_ok(kh_person_leave(access_db, "east.doctor", err));
    assert_ok(kh_access_read(access_db, count_rows, after, err));
    assert_int_equal(after[0], before[0] - 1); /* the one that names the person */
    assert_int_equal(after[1], before[1]);
    assert_int_equal(after[2], before[2]);
    assert_int_equal(after[3], before[3] - 1);
    assert_int_equal(after[4], before[4] - 1);
    assert_int_equal(after[5], before[5] - 1);
    assert_int_equal(after[6], before[6]); /* nothing is deleted */
    kh_error why = KH_ERROR_INIT;
    assert_int_equal(kh_emergency_end(access_db, id, &why), KH_E_NOT_FOUND);
    assert_int_equal(world_view("east.radiologist"), GRANT); /* the site's stands */
}

static void test_facility_leaves(void **state)
{
    int64_t before[8], after[8];
    kh_leaving done;
    kh_error why = KH_ERROR_INIT;

    (void)state;
    world_link("east", "3001");
    consent_to_all_kinds();
    assert_ok(kh_access_change(access_db, open_rows, NULL, err));
    assert_int_equal(world_view("east.doctor"), GRANT);
    assert_ok(kh_access_read(access_db, count_rows, before, err));
    assert_int_equal(kh_facility_leave(access_db, "nowhere", "test", &done, &why), KH_E_NOT_FOUND);
    kh_error_clear(&why);
    assert_ok(kh_facility_leave(access_db, "east", "test", &done, err));
    assert_ok(kh_access_read(access_db, count_rows, after, err));
    assert_int_equal(after[0], 1); /* the team's, of whom one is left */
    assert_int_equal(after[1], before[1] - 1); /* the one that was taken there */
    assert_int_equal(after[2], 0);
    assert_int_equal(after[3], 0);
    assert_int_equal(after[4], 0); /* of its people, and at its terminal */
    assert_int_equal(after[5], 1);
    assert_int_equal(after[6], before[6]);
    assert_int_equal(after[7], 0);
    assert_int_equal(done.people, KH_ROLE_LAST);
    assert_int_equal(done.certificates, 1);
    assert_int_equal(done.links, 1);
    assert_int_equal(done.sessions, 2);
    assert_int_equal(kh_facility_leave(access_db, "east", "test", &done, &why), KH_E_CONFLICT);
    kh_error_clear(&why);
    assert_ok(kh_facility_leave(access_db, "south", "test", &done, err));
    assert_ok(kh_facility_leave(access_db, "west", "test", &done, err));
    assert_int_equal(kh_facility_leave(access_db, "north", "test", &done, &why), KH_E_DENIED); /* the last of the office */
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, world_set_up, world_tear_down)
    const struct CMUnitTest tests[] = {
        CASE(test_find),          CASE(test_registered_twice), CASE(test_refused_patients),
        CASE(test_links),         CASE(test_policy),           CASE(test_past),
        CASE(test_hidden),        CASE(test_emergency),        CASE(test_refused_emergencies),
        CASE(test_person_leaves), CASE(test_facility_leaves),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
