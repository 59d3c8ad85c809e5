/* Each fact of a decision that stands in access.db, on both sides: what it is that opens, and that it shuts when it alone is otherwise
 * [RELIABILITY S1]. Asked of a study by itself and as a row of a list. */
#include "tests/cmocka_all.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "access/facilities.h"
#include "access/horizons.h"
#include "access/invitations.h"
#include "access/people.h"
#include "access/policies.h"
#include "base/clock.h"
#include "tests/access/clock_at.h"
#include "tests/access/world.h"

#define GRANT KH_REASON_GRANT
#define STOPPED KH_REASON_STOPPED
#define DAY_MS (24 * 3600 * INT64_C(1000))

static kh_subject doctor;

static int set_up(void **state)
{
    static const kh_consent_place east[] = {{"east", ""}};
    kh_consent_sheet sheet = world_sheet(east, 1);

    if (world_set_up(state) != 0)
        return -1;
    world_consent(&sheet);
    world_link("east", "3001");
    doctor = world_person("east.doctor");
    return 0;
}

static int tear_down(void **state)
{
    clock_at(0, 0);
    return world_tear_down(state);
}

/* By itself, and as the third row of a list. */
static kh_reason asked(const kh_subject *subject, kh_verb verb, const kh_matter *of)
{
    kh_rights_shared *shared = NULL;
    kh_verdict alone, row = {0};
    kh_matter matter = *of;
    kh_horizon horizon;

    matter.key = 0;
    assert_ok(kh_rights_decide(world_rights, subject, verb, &matter, &alone, err));
    assert_ok(kh_rights_horizon(world_rights, subject, &horizon, err));
    assert_ok(kh_rights_shared_create(&shared, err));
    kh_rights_shared_within(shared, &horizon);
    for (int i = 0; i < 3; i++)
        assert_ok(kh_rights_decide_with(world_rights, shared, subject, verb, &matter, &row, err));
    kh_rights_shared_free(shared);
    kh_horizon_release(&horizon);
    assert_int_equal(row.reason, alone.reason);
    assert_true(row.allowed == alone.allowed && row.grant_id == alone.grant_id);
    return alone.reason;
}

static kh_reason views(void)
{
    const kh_matter study = world_study();

    return asked(&doctor, KH_VERB_VIEW, &study);
}

/* --- who asks --- */

static void test_person(void **state)
{
    kh_subject nobody = doctor;
    const kh_matter study = world_study();

    (void)state;
    assert_int_equal(views(), GRANT);
    assert_ok(kh_person_suspend(access_db, "east.doctor", "x", "test", kh_clock_wall_ms() + 60000, err));
    assert_int_equal(views(), STOPPED);
    clock_at(0, 61000); /* it ends by itself */
    assert_int_equal(views(), GRANT);
    clock_at(0, 0);
    nobody.person_id = 99999;
    assert_int_equal(asked(&nobody, KH_VERB_VIEW, &study), KH_REASON_NOBODY);
    assert_ok(kh_person_leave(access_db, "east.doctor", err));
    assert_int_equal(views(), STOPPED);
}

/* KN-13: whose password has run out sees nothing, also by a token; who has none yet is not asked for it. */
static void test_password_runs_out(void **state)
{
    kh_password_fault fault = KH_PASSWORD_GOOD;
    kh_accounts *accounts = NULL;
    char secret[KH_SECRET_SIZE];

    (void)state;
    kh_rights_set_password_days(world_rights, 90);
    assert_int_equal(views(), GRANT);
    assert_ok(kh_accounts_create(&accounts, access_db, &kh_accounts_options_default, err));
    assert_ok(kh_invitation_make(access_db, doctor.person_id, secret, err));
    assert_ok(kh_invitation_accept(accounts, secret, "seven-rivers-one-bridge", &fault, err));
    assert_int_equal(fault, KH_PASSWORD_GOOD);
    assert_int_equal(views(), GRANT);
    clock_at(0, 90 * DAY_MS - 60000);
    assert_int_equal(views(), GRANT);
    clock_at(0, 90 * DAY_MS + 60000);
    assert_true(views() != GRANT);
    kh_rights_set_password_days(world_rights, 0);
    assert_int_equal(views(), GRANT);
    kh_accounts_free(accounts);
}

static void set_facility(const char *code, kh_facility_part part, const char *joined, const char *left)
{
    kh_facility facility;

    assert_ok(kh_facility_find(access_db, code, &facility, err));
    facility.part = part;
    snprintf(facility.joined, sizeof facility.joined, "%s", joined);
    snprintf(facility.left, sizeof facility.left, "%s", left);
    assert_ok(kh_facility_set(access_db, &facility, err));
}

/* Its own and the discloser's: parts, days, suspensions that end by themselves. */
static void test_facilities(void **state)
{
    static const struct {
        const char *name, *code;
        kh_facility_part part;
        const char *joined, *left;
        bool open;
    } rows[] = {
        {"both", "east", KH_PART_BOTH, "", "", true},
        {"a viewer site views", "east", KH_PART_VIEWER, "20200101", "", true},
        {"a discloser does not view", "east", KH_PART_DISCLOSER, "", "", false},
        {"the discloser views only", "north", KH_PART_VIEWER, "", "", false},
        {"the discloser discloses", "north", KH_PART_DISCLOSER, "", "", true},
        {"it joins in 2099", "east", KH_PART_BOTH, "20990101", "", false},
        {"the discloser joins in 2099", "north", KH_PART_BOTH, "20990101", "", false},
        {"it left in 2020", "east", KH_PART_BOTH, "", "20200101", false},
        {"the discloser left in 2020", "north", KH_PART_BOTH, "", "20200101", false},
        {"it leaves in 2099", "east", KH_PART_BOTH, "", "20990101", true},
        {"the discloser leaves in 2099", "north", KH_PART_BOTH, "", "20990101", true},
    };

    (void)state;
    for (size_t i = 0; i < KH_COUNT(rows); i++) {
        set_facility(rows[i].code, rows[i].part, rows[i].joined, rows[i].left);
        if ((views() == GRANT) != rows[i].open)
            fail_msg("%s: %s", rows[i].name, kh_reason_text(views()));
        set_facility(rows[i].code, KH_PART_BOTH, "", "");
    }
    for (size_t i = 0; i < 2; i++) {
        assert_ok(kh_facility_suspend(access_db, i ? "north" : "east", "x", "test", kh_clock_wall_ms() + 60000, err));
        assert_int_equal(views(), STOPPED);
        clock_at(0, 61000);
        assert_int_equal(views(), GRANT);
        clock_at(0, 0);
        assert_ok(kh_facility_resume(access_db, i ? "north" : "east", err));
    }
}

/* --- what is asked for --- */

static void test_matters(void **state)
{
    static const struct {
        const char *name, *facility, *patient, *study, *date;
        kh_kind kind;
        bool open;
    } rows[] = {
        {"the study", "north", "1001", "1.2.3", "", KH_KIND_STUDY, true},
        {"its date not told: the day it arrived", "north", "1001", "1.2.3", NULL, KH_KIND_STUDY, true},
        {"a date that is none is before every floor", "north", "1001", "1.2.3", "2026AB01", KH_KIND_STUDY, false},
        {"a date too short", "north", "1001", "1.2.3", "2026", KH_KIND_STUDY, false},
        {"a date too long", "north", "1001", "1.2.3", "202611010", KH_KIND_STUDY, false},
        {"nobody's facility", NULL, "1001", "1.2.3", "", KH_KIND_STUDY, false},
        {"a facility that nobody knows", "nowhere", "1001", "1.2.3", "", KH_KIND_STUDY, false},
        {"no patient", "north", NULL, "1.2.3", "", KH_KIND_STUDY, false},
        {"a patient without a number", "north", "", "1.2.3", "", KH_KIND_STUDY, false},
        {"another patient", "north", "1002", "1.2.3", "", KH_KIND_STUDY, false},
        {"the same number elsewhere", "south", "1001", "1.2.3", "", KH_KIND_STUDY, false},
        {"a study without a UID could be hidden", "north", "1001", NULL, "", KH_KIND_STUDY, false},
        {"the patient as an entry", "north", "1001", NULL, "", KH_KIND_PATIENT, true},
        {"operation is not a reader's", "north", "1001", "1.2.3", "", KH_KIND_OPERATION, false},
        {"nor is the record", "north", "1001", "1.2.3", "", KH_KIND_AUDIT, false},
    };

    (void)state;
    for (size_t i = 0; i < KH_COUNT(rows); i++) {
        kh_matter matter = world_study();
        kh_reason reason;

        matter.facility = rows[i].facility;
        matter.patient_id = rows[i].patient;
        matter.study_uid = rows[i].study;
        matter.study_date = rows[i].date;
        matter.kind = rows[i].kind;
        reason = asked(&doctor, KH_VERB_VIEW, &matter);
        if ((reason == GRANT) != rows[i].open)
            fail_msg("%s: %s", rows[i].name, kh_reason_text(reason));
    }
}

/* One's own is told by facility and number of it: a subject that access.db does not know has none, whatever it is called. */
static void test_own(void **state)
{
    kh_subject node, own = world_person("north.doctor");
    kh_matter study = world_study();
    char name[80];

    (void)state;
    assert_int_equal(asked(&own, KH_VERB_VIEW, &study), KH_REASON_OWN);
    assert_ok(kh_rights_node(world_rights, "pacs", "nowhere", &node, err));
    study.facility = "nowhere";
    assert_int_equal(node.facility_id, 0);
    assert_true(asked(&node, KH_VERB_FIND, &study) != KH_REASON_OWN);
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    assert_status(KH_E_ARG, kh_rights_node(world_rights, name, "north", &node, err));
    assert_status(KH_E_ARG, kh_rights_node(world_rights, "pacs", name, &node, err));
    name[64] = '\0';
    assert_ok(kh_rights_node(world_rights, name, "north", &node, err));
}

/* More disclosers than a list keeps: those beyond are read each time, and decided alike. */
static void test_many_disclosers(void **state)
{
    kh_rights_shared *shared = NULL;
    kh_matter study = world_study();
    kh_verdict verdict;
    char code[32];

    (void)state;
    assert_ok(kh_rights_shared_create(&shared, err));
    study.key = 0;
    for (int i = 0; i < KH_GATHER_DISCLOSERS_MAX + 4; i++) {
        snprintf(code, sizeof code, "hospital%d", i);
        access_facility(code);
        study.facility = code;
        assert_ok(kh_rights_decide_with(world_rights, shared, &doctor, KH_VERB_VIEW, &study, &verdict, err));
        assert_int_equal(verdict.reason, KH_REASON_NO_CONSENT);
    }
    for (int i = 0; i < KH_GATHER_DISCLOSERS_MAX + 4; i++) {
        snprintf(code, sizeof code, "hospital%d", i);
        assert_ok(kh_rights_decide_with(world_rights, shared, &doctor, KH_VERB_VIEW, &study, &verdict, err));
        assert_int_equal(verdict.reason, KH_REASON_NO_CONSENT);
    }
    study.facility = "north";
    assert_ok(kh_rights_decide_with(world_rights, shared, &doctor, KH_VERB_VIEW, &study, &verdict, err));
    assert_int_equal(verdict.reason, GRANT);
    kh_rights_shared_free(shared);
}

/* More grants than a decision takes: what stands and lasts longest is among them. */
static void test_many_grants(void **state)
{
    static const kh_consent_place east[] = {{"east", "3001"}};
    kh_consent_sheet sheet = world_sheet(east, 1);
    int64_t id;

    (void)state;
    for (int i = 0; i < KH_GATHER_GRANTS_MAX + 4; i++) {
        sheet.to_ms = kh_clock_wall_ms() + DAY_MS + i;
        id = world_consent(&sheet);
        if (i % 2)
            assert_ok(kh_consent_withdraw(access_db, id, "", "", "test", err));
    }
    assert_int_equal(views(), GRANT);
    assert_ok(kh_consent_withdraw(access_db, 1, "", "", "test", err)); /* the one without an end */
    assert_int_equal(views(), GRANT);
}

/* --- what is kept of horizons is bounded --- */

static struct kh_horizon_kept *made_up(int64_t person_id, size_t patients)
{
    struct kh_horizon_kept *kept = calloc(1, sizeof *kept);

    assert_non_null(kept);
    kept->uses = 1;
    kept->person_id = person_id;
    kept->epoch = 7;
    kept->read_ms = kh_clock_monotonic_ms();
    kept->count = patients; /* nobody looks at them */
    return kept;
}

static bool is_kept(kh_horizons *horizons, int64_t person_id)
{
    const kh_subject subject = {.person_id = person_id};
    struct kh_horizon_kept *kept = kh_horizons_get(horizons, &subject, 7);

    kh_horizon_unuse(kept);
    return kept != NULL;
}

static void test_horizons_make_room(void **state)
{
    kh_horizons *horizons = NULL;

    (void)state;
    assert_ok(kh_horizons_create(&horizons, err));
    for (int64_t person = 1; person <= 3; person++) {
        struct kh_horizon_kept *kept = made_up(person, KH_HORIZONS_ROWS_MAX / 2 - (person == 3));

        clock_at(person, person);
        kh_horizons_put(horizons, kept);
        kh_horizon_unuse(kept);
    }
    assert_false(is_kept(horizons, 1)); /* used the longest ago */
    assert_true(is_kept(horizons, 2) && is_kept(horizons, 3));
    struct kh_horizon_kept *large = made_up(4, KH_HORIZONS_ROWS_MAX / 2 + 1);

    kh_horizons_put(horizons, large);
    kh_horizon_unuse(large);
    assert_false(is_kept(horizons, 4)); /* more than half of all room */
    assert_true(is_kept(horizons, 2) && is_kept(horizons, 3));
    kh_horizons_free(horizons);
    kh_horizons_free(NULL);
    kh_horizon_unuse(NULL);
    clock_at(0, 0);
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(test_person), CASE(test_password_runs_out), CASE(test_facilities),  CASE(test_matters),
        CASE(test_own),    CASE(test_many_disclosers),   CASE(test_many_grants), cmocka_unit_test(test_horizons_make_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
