/* From what liaison staff enter to what is decided. */
#include "tests/access/world.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/wait.h>
#include "access/emergency.h"
#include "access/horizons.h"
#include "access/policies.h"
#include "access/prefetch.h"
#include "tests/access/clock_at.h"

#define GRANT KH_REASON_GRANT
#define NO_CONSENT KH_REASON_NO_CONSENT
#define NO_LINK KH_REASON_NO_LINK
#define WITHDRAWN KH_REASON_WITHDRAWN

static const kh_consent_place east[] = {{"east", ""}};
static const kh_consent_place east_west[] = {{"east", ""}, {"west", ""}};

/* [AZ-16, AZ-17] Consent and link, each alone opens nothing, and only what is named. */
static void test_consent_and_link(void **state)
{
    kh_consent_sheet sheet = world_sheet(east, 1);

    (void)state;
    assert_int_equal(world_view("north.doctor"), KH_REASON_OWN);
    assert_int_equal(world_view("east.doctor"), NO_CONSENT);
    world_consent(&sheet);
    assert_int_equal(world_view("east.doctor"), NO_LINK);
    world_link("east", "3001");
    world_link("west", "4001");
    assert_int_equal(world_view("east.doctor"), GRANT);
    assert_int_equal(world_view("east.radiologist"), GRANT);
    assert_int_equal(world_view("west.doctor"), NO_CONSENT);
    assert_int_equal(world_view("south.doctor"), NO_CONSENT);
    for (int role = KH_ROLE_NURSE; role <= KH_ROLE_LAST; role++) {
        char login[65];

        snprintf(login, sizeof login, "east.%s", kh_role_text((kh_person_role)role));
        if (role != KH_ROLE_RADIOLOGIST)
            assert_int_equal(world_view(login), KH_REASON_ROLE);
    }
    kh_rights_set_readers(world_rights, 1u << KH_ROLE_NURSE);
    clock_at(2000, 0);
    assert_int_equal(world_view("east.nurse"), GRANT);
    clock_at(0, 0);
    world_unlink("east", "3001");
    assert_int_equal(world_view("east.doctor"), NO_LINK);
}

/* [AZ-23, TB-10] Whatever was open is not, for anybody, when it is withdrawn; and another consent may open again. */
static void test_withdrawn(void **state)
{
    kh_consent_sheet sheet = world_sheet(east_west, 2), further = world_sheet(east, 1);
    kh_error why = KH_ERROR_INIT;
    int64_t id = world_consent(&sheet);

    (void)state;
    world_link("east", "3001");
    world_link("west", "4001");
    further.sheet_of = id;
    world_consent(&further);
    assert_int_equal(world_view("east.doctor"), GRANT);
    assert_int_equal(world_view("west.doctor"), GRANT);
    assert_ok(kh_consent_withdraw(access_db, id, "west", "", "test", err));
    assert_int_equal(world_view("east.doctor"), WITHDRAWN);
    assert_int_equal(world_view("west.doctor"), WITHDRAWN);
    assert_int_equal(kh_consent_withdraw(access_db, id, "", "", "test", &why), KH_E_CONFLICT);
    kh_error_clear(&why);
    assert_int_equal(kh_consent_withdraw(access_db, 999, "", "", "test", &why), KH_E_NOT_FOUND);
    sheet = world_sheet(east, 1);
    world_consent(&sheet);
    assert_int_equal(world_view("east.doctor"), GRANT);
    assert_int_equal(world_view("west.doctor"), WITHDRAWN);
}

/* [AZ-24] */
static void test_one_closed(void **state)
{
    kh_consent_sheet sheet = world_sheet(east_west, 2);
    kh_error why = KH_ERROR_INIT;
    int64_t id = world_consent(&sheet);

    (void)state;
    world_link("east", "3001");
    world_link("west", "4001");
    assert_ok(kh_consent_close(access_db, id, "east", "transfer cancelled", "test", err));
    assert_int_equal(world_view("east.doctor"), WITHDRAWN);
    assert_int_equal(world_view("west.doctor"), GRANT);
    assert_int_equal(kh_consent_close(access_db, id, "east", "again", "test", &why), KH_E_NOT_FOUND);
    kh_error_clear(&why);
    assert_int_equal(kh_consent_close(access_db, id, "north", "where it was taken", "test", &why), KH_E_NOT_FOUND);
    kh_error_clear(&why);
    assert_int_equal(kh_consent_close(access_db, id, "west", "", "test", &why), KH_E_ARG);
}

/* [AZ-13, AZ-18] A clinic takes a sheet that names two hospitals; each opens when its number is confirmed. */
static void test_pending(void **state)
{
    static const kh_consent_place hospitals[] = {{"north", "1001"}, {"south", ""}};
    kh_consent_sheet sheet = world_sheet(hospitals, 2);
    kh_matter at_south = world_study();
    kh_consent_row row;
    int64_t id;

    (void)state;
    sheet.facility = "east";
    sheet.number = "3001";
    sheet.direction = KH_CONSENT_VIEW;
    id = world_consent(&sheet);
    at_south.facility = "south";
    at_south.patient_id = "2001";
    at_south.key = 2;
    assert_ok(kh_consent_get(access_db, id, &row, err));
    assert_int_equal(row.waiting, 2);
    assert_int_equal(world_view("east.doctor"), NO_CONSENT);
    assert_ok(kh_consent_arrived(access_db, id, "north", "1001", "north.registrar", err));
    assert_int_equal(world_view("east.doctor"), GRANT);
    assert_int_equal(world_ask("east.doctor", KH_VERB_VIEW, &at_south).reason, NO_CONSENT);
    /* by the link, the other way */
    assert_ok(kh_link_make(access_db, &(kh_link_end){"south", "2001"}, &(kh_link_end){"east", "3001"}, "south.registrar", err));
    assert_int_equal(world_ask("east.doctor", KH_VERB_VIEW, &at_south).reason, GRANT);
    assert_int_equal(world_view("south.doctor"), NO_CONSENT); /* theirs to east, not to each other */
    assert_ok(kh_consent_get(access_db, id, &row, err));
    assert_int_equal(row.waiting, 0);
    /* the wrong number: undone, it waits again */
    assert_ok(kh_link_undo(access_db, &(kh_link_end){"south", "2001"}, &(kh_link_end){"east", "3001"}, "test", err));
    assert_false(world_ask("east.doctor", KH_VERB_VIEW, &at_south).allowed);
    assert_ok(kh_consent_get(access_db, id, &row, err));
    assert_int_equal(row.waiting, 1);
    assert_ok(kh_consent_arrived(access_db, id, "south", "2777", "south.registrar", err)); /* made as the sheet's patient */
    assert_false(world_ask("east.doctor", KH_VERB_VIEW, &at_south).allowed);
    at_south.patient_id = "2777";
    at_south.key = 3;
    assert_int_equal(world_ask("east.doctor", KH_VERB_VIEW, &at_south).reason, GRANT);
}

/* [AZ-21] */
static void test_both_ways(void **state)
{
    kh_consent_sheet sheet = world_sheet(east, 1);
    kh_matter at_east = world_study();

    (void)state;
    at_east.facility = "east";
    at_east.patient_id = "3001";
    at_east.key = 4;
    world_link("east", "3001");
    world_consent(&sheet);
    assert_false(world_ask("north.doctor", KH_VERB_VIEW, &at_east).allowed);
    sheet.direction = KH_CONSENT_BOTH;
    world_consent(&sheet);
    assert_int_equal(world_ask("north.doctor", KH_VERB_VIEW, &at_east).reason, GRANT);
    assert_int_equal(world_view("east.doctor"), GRANT);
}

/* [TB-8] A facility that joins later is in, one that is excluded is not. */
static void test_blanket(void **state)
{
    static const char *const excluded[] = {"west"};
    kh_consent_sheet sheet = world_sheet(NULL, 0);
    kh_registered patient = {.facility = "newcomer", .number = "5001"};

    (void)state;
    sheet.form = KH_CONSENT_ALL;
    sheet.excluded = excluded;
    sheet.excluded_count = 1;
    world_consent(&sheet);
    world_link("east", "3001");
    world_link("west", "4001");
    assert_int_equal(world_view("east.doctor"), GRANT);
    assert_int_equal(world_view("west.doctor"), NO_CONSENT);
    assert_int_equal(world_view("south.doctor"), NO_LINK);
    access_facility("newcomer");
    access_person("newcomer.doctor", "newcomer", KH_ROLE_DOCTOR);
    assert_int_equal(world_view("newcomer.doctor"), NO_LINK);
    assert_ok(kh_registered_add(access_db, &patient, "test", false, err));
    world_link("newcomer", "5001");
    assert_int_equal(world_view("newcomer.doctor"), GRANT);
}

/* [KN-7, TB-11, KI-3] People, not their sites. */
static void test_people(void **state)
{
    static const char *const team[] = {"east.radiologist", "west.doctor"};
    int64_t now_ms = kh_clock_wall_ms(), id;
    kh_consent_sheet sheet = world_sheet(NULL, 0);
    kh_matter study = world_study();
    kh_subject node;
    kh_verdict verdict;

    (void)state;
    world_link("east", "3001");
    world_link("west", "4001");
    sheet.form = KH_CONSENT_DOCTOR;
    sheet.person = "east.doctor";
    world_consent(&sheet);
    assert_int_equal(world_view("east.doctor"), GRANT);
    assert_int_equal(world_view("east.radiologist"), NO_CONSENT);
    assert_ok(kh_rights_node(world_rights, "east-pacs", "east", &node, err));
    assert_ok(kh_rights_decide(world_rights, &node, KH_VERB_TAKE, &study, &verdict, err));
    assert_int_equal(verdict.reason, NO_CONSENT);
    sheet.form = KH_CONSENT_TEAM;
    sheet.person = "";
    sheet.team = "home care";
    sheet.members = team;
    sheet.member_count = 2;
    id = world_consent(&sheet);
    assert_int_equal(world_view("east.radiologist"), GRANT);
    assert_int_equal(world_view("west.doctor"), GRANT);
    assert_int_equal(world_view("west.radiologist"), NO_CONSENT);
    assert_ok(kh_consent_close(access_db, id, "west.doctor", "left the team", "test", err));
    assert_int_equal(world_view("west.doctor"), NO_CONSENT);
    assert_int_equal(world_view("east.radiologist"), GRANT);
    /* on duty from an hour from now, for an hour */
    sheet = world_sheet(NULL, 0);
    sheet.form = KH_CONSENT_STAND_IN;
    sheet.person = "west.radiologist";
    sheet.from_ms = now_ms + 3600000;
    sheet.to_ms = now_ms + 7200000;
    id = world_consent(&sheet);
    assert_int_equal(world_view("west.radiologist"), KH_REASON_NOT_YET);
    clock_at(3600000, 3600000);
    assert_int_equal(world_view("west.radiologist"), GRANT);
    clock_at(7200000, 7200000);
    assert_int_equal(world_view("west.radiologist"), KH_REASON_EXPIRED);
    clock_at(4000000, 4000000);
    assert_ok(kh_consent_close(access_db, id, "west.radiologist", "handed back", "test", err));
    assert_int_equal(world_view("west.radiologist"), WITHDRAWN);
    clock_at(0, 0);
}

/* [KN-6] Each day limit from both sides, by calendar. */
static void test_floor(void **state)
{
    static const struct {
        const char *day;
        int years;
        const char *floor;
    } rows[] = {{"20260401", 1, "20250401"}, {"20260401", 0, "20260401"}, {"20240229", 1, "20230228"}, {"20240229", 4, "20200229"},
                {"20240228", 1, "20230228"}, {"20240301", 1, "20230301"}, {"21000301", 0, "21000301"}, {"20000229", 100, "19000228"},
                {"20260401", KH_LOOK_BACK_NONE, ""}, {"20260401", 150, "18760401"}, {"00010101", 2, ""}};
    kh_consent_sheet sheet = world_sheet(east, 1);
    kh_matter study = world_study();
    char floor[9];
    int64_t key = 100;

    (void)state;
    for (size_t i = 0; i < KH_COUNT(rows); i++) {
        kh_look_back_floor(floor, rows[i].day, rows[i].years);
        assert_string_equal(floor, rows[i].floor);
    }
    world_link("east", "3001");
    sheet.signed_date = "20240229";
    world_consent(&sheet);
    static const struct {
        const char *date;
        bool open;
    } dates[] = {{"20230228", true}, {"20230227", false},   {"20230301", true},  {"20230229", true},
                 {"", true},         {"2023.02.28", false}, {"202302281", false}};
    for (size_t i = 0; i < KH_COUNT(dates); i++) {
        study.study_date = dates[i].date;
        study.key = key++;
        print_message("\"%s\"\n", dates[i].date);
        assert_int_equal(world_ask("east.doctor", KH_VERB_FIND, &study).allowed, dates[i].open);
    }
    sheet.look_back_years = KH_LOOK_BACK_NONE;
    world_consent(&sheet);
    study.study_date = "19000101";
    study.key = key;
    assert_true(world_ask("east.doctor", KH_VERB_FIND, &study).allowed);
}

/* --- sheets that are refused --- */

static void scribe(kh_consent_sheet *s) { s->signer = KH_SIGNER_SCRIBE; s->proxy_name = "A"; s->proxy_relation = "son"; }
static void family_unnamed(kh_consent_sheet *s) { s->signer = KH_SIGNER_FAMILY; }
static void family_named(kh_consent_sheet *s) { s->signer = KH_SIGNER_FAMILY; s->proxy_name = "A"; s->proxy_relation = "son"; }
static void patient_and_proxy(kh_consent_sheet *s) { s->proxy_name = "A"; }
static void not_explained(kh_consent_sheet *s) { s->explained = false; }
static void no_explainer(kh_consent_sheet *s) { s->explainer = ""; }
static void tomorrow(kh_consent_sheet *s) { s->signed_date = "29991231"; }
static void no_day(kh_consent_sheet *s) { s->signed_date = "20260230"; }
static void no_place(kh_consent_sheet *s) { s->place_count = 0; }
static void itself(kh_consent_sheet *s) { static const kh_consent_place p[] = {{"north", ""}}; s->places = p; }
static void twice(kh_consent_sheet *s)
{
    static const kh_consent_place p[] = {{"east", ""}, {"east", ""}};
    s->places = p;
    s->place_count = 2;
}
static void five_to_view(kh_consent_sheet *s)
{
    static const kh_consent_place p[] = {{"a", ""}, {"b", ""}, {"c", ""}, {"d", ""}, {"e", ""}};
    s->direction = KH_CONSENT_VIEW; s->places = p; s->place_count = 5;
}
static void nowhere(kh_consent_sheet *s) { static const kh_consent_place p[] = {{"nowhere", ""}}; s->places = p; }
static void nobody(kh_consent_sheet *s) { s->number = "9999"; }
static void ended(kh_consent_sheet *s) { s->from_ms = 5; s->to_ms = 5; }
static void over(kh_consent_sheet *s) { s->from_ms = 5; s->to_ms = 6; }
static void no_items(kh_consent_sheet *s) { s->items = 0; }
static void other_items(kh_consent_sheet *s) { s->items = 8; }
static void codes(kh_consent_sheet *s) { s->modalities = "CT,"; }
static void small_codes(kh_consent_sheet *s) { s->modalities = "ct"; }
static void stand_in_without_end(kh_consent_sheet *s)
{
    s->form = KH_CONSENT_STAND_IN;
    s->person = "east.doctor";
    s->place_count = 0;
    s->from_ms = 1;
}
static void doctor_unnamed(kh_consent_sheet *s) { s->form = KH_CONSENT_DOCTOR; s->place_count = 0; }
static void look_back(kh_consent_sheet *s) { s->look_back_years = 151; }
static void excluded_from_sites(kh_consent_sheet *s) { static const char *const e[] = {"west"}; s->excluded = e; s->excluded_count = 1; }
static void no_sheet(kh_consent_sheet *s) { s->sheet_of = 77; }
static void team_of(kh_consent_sheet *s, size_t count)
{
    static const char *members[24];
    for (size_t i = 0; i < 24; i++)
        members[i] = "east.doctor";
    s->form = KH_CONSENT_TEAM; s->team = "t"; s->place_count = 0; s->members = members; s->member_count = count;
}
static void team_of_23(kh_consent_sheet *s) { team_of(s, 23); }
static void team_of_24(kh_consent_sheet *s) { team_of(s, 24); }

static void test_refused_sheets(void **state)
{
    static const struct {
        const char *name;
        void (*change)(kh_consent_sheet *sheet);
        kh_status status;
    } rows[] = {{"a scribe, where the network has none [AZ-20]", scribe, KH_E_ARG},
                {"family without a name", family_unnamed, KH_E_ARG},
                {"family", family_named, KH_OK},
                {"the patient and a proxy", patient_and_proxy, KH_E_ARG},
                {"not explained [AZ-12]", not_explained, KH_E_ARG},
                {"nobody explained", no_explainer, KH_E_ARG},
                {"signed tomorrow", tomorrow, KH_E_ARG},
                {"no day", no_day, KH_E_ARG},
                {"no place", no_place, KH_E_ARG},
                {"its own place", itself, KH_E_ARG},
                {"a place twice", twice, KH_E_ARG},
                {"five hospitals on a sheet [AZ-13]", five_to_view, KH_E_ARG},
                {"no such facility", nowhere, KH_E_NOT_FOUND},
                {"no such patient", nobody, KH_E_NOT_FOUND},
                {"an end that is the beginning", ended, KH_E_ARG},
                {"over already", over, KH_E_ARG},
                {"nothing in it", no_items, KH_E_ARG},
                {"items that are none", other_items, KH_E_ARG},
                {"a code too few", codes, KH_E_ARG},
                {"no code", small_codes, KH_E_ARG},
                {"a stand-in without an end [KI-3]", stand_in_without_end, KH_E_ARG},
                {"a doctor without a name", doctor_unnamed, KH_E_ARG},
                {"151 years", look_back, KH_E_ARG},
                {"excluded from sites", excluded_from_sites, KH_E_ARG},
                {"continues no sheet", no_sheet, KH_E_NOT_FOUND},
                {"a team of 23 [TB-11]", team_of_23, KH_OK},
                {"a team of 24", team_of_24, KH_E_ARG}};
    kh_consent_rules rules = kh_consent_rules_default;
    int64_t id;

    (void)state;
    for (size_t i = 0; i < KH_COUNT(rows); i++) {
        kh_consent_sheet sheet = world_sheet(east, 1);
        kh_error why = KH_ERROR_INIT;

        rows[i].change(&sheet);
        print_message("%s\n", rows[i].name);
        assert_int_equal(kh_consent_add(access_db, &rules, &sheet, "test", &id, &why), rows[i].status);
        assert_true((rows[i].status == KH_OK) == (id != 0));
        assert_true(rows[i].status == KH_OK || why.message[0]);
    }
    rules.scribe = true; /* [TB-3] */
    kh_consent_sheet sheet = world_sheet(east, 1);
    scribe(&sheet);
    assert_ok(kh_consent_add(access_db, &rules, &sheet, "test", &id, err));
}

/* --- who is asked for --- */

static void test_subjects(void **state)
{
    kh_consent_sheet sheet = world_sheet(east, 1);
    kh_subject doctor = world_person("east.doctor"), other = doctor, node;
    kh_matter study = world_study();
    kh_verdict verdict;

    (void)state;
    world_consent(&sheet);
    world_link("east", "3001");
    assert_int_equal(world_view("east.doctor"), GRANT);
    /* who is somebody else by now, or nobody */
    other.role = KH_ROLE_RADIOLOGIST;
    assert_ok(kh_rights_decide(world_rights, &other, KH_VERB_VIEW, &study, &verdict, err));
    assert_int_equal(verdict.reason, KH_REASON_NOBODY);
    other = doctor;
    other.person_id = 4711;
    assert_ok(kh_rights_decide(world_rights, &other, KH_VERB_VIEW, &study, &verdict, err));
    assert_int_equal(verdict.reason, KH_REASON_NOBODY);
    /* suspended: person, facility, network [TB-16] */
    assert_ok(kh_person_suspend(access_db, "east.doctor", "lost card", "test", 0, err));
    assert_int_equal(world_view("east.doctor"), KH_REASON_STOPPED);
    assert_ok(kh_person_resume(access_db, "east.doctor", err));
    assert_int_equal(world_view("east.doctor"), GRANT);
    assert_ok(kh_facility_suspend(access_db, "east", "leak", "test", 0, err));
    assert_int_equal(world_view("east.doctor"), KH_REASON_STOPPED);
    assert_ok(kh_facility_resume(access_db, "east", err));
    assert_ok(kh_facility_suspend(access_db, "north", "leak", "test", 0, err));
    assert_int_equal(world_view("east.doctor"), KH_REASON_STOPPED);
    assert_ok(kh_facility_resume(access_db, "north", err));
    assert_ok(kh_network_stop(access_db, "leak", "test", err));
    assert_int_equal(world_view("east.doctor"), KH_REASON_STOPPED);
    assert_int_equal(world_view("north.doctor"), KH_REASON_STOPPED);
    assert_ok(kh_network_resume(access_db, err));
    assert_int_equal(world_view("east.doctor"), GRANT);
    /* nodes of the site, of another, of none */
    assert_ok(kh_rights_node(world_rights, "east-pacs", "east", &node, err));
    assert_ok(kh_rights_decide(world_rights, &node, KH_VERB_TAKE, &study, &verdict, err));
    assert_int_equal(verdict.reason, GRANT);
    assert_ok(kh_rights_node(world_rights, "west-pacs", "west", &node, err));
    assert_ok(kh_rights_decide(world_rights, &node, KH_VERB_TAKE, &study, &verdict, err));
    assert_int_equal(verdict.reason, NO_CONSENT);
    assert_ok(kh_rights_node(world_rights, "stray", "nowhere", &node, err));
    assert_ok(kh_rights_decide(world_rights, &node, KH_VERB_FIND, &study, &verdict, err));
    assert_false(verdict.allowed);
    /* facilities nobody knows, matters without a patient */
    study.facility = "nowhere";
    study.key = 0;
    assert_ok(kh_rights_decide(world_rights, &doctor, KH_VERB_VIEW, &study, &verdict, err));
    assert_int_equal(verdict.reason, KH_REASON_UNKNOWN);
    study.facility = "north";
    study.patient_id = "";
    assert_ok(kh_rights_decide(world_rights, &doctor, KH_VERB_VIEW, &study, &verdict, err));
    assert_int_equal(verdict.reason, NO_CONSENT);
}

/* Known only what was decided, in this epoch, of this question. */
static void test_known(void **state)
{
    kh_consent_sheet sheet = world_sheet(east, 1);
    kh_subject doctor = world_person("east.doctor"), narrow = doctor;
    kh_matter study = world_study();
    kh_verdict verdict;
    int64_t id;

    (void)state;
    id = world_consent(&sheet);
    world_link("east", "3001");
    assert_false(kh_rights_known(world_rights, &doctor, KH_VERB_VIEW, KH_KIND_STUDY, 1, &verdict));
    assert_ok(kh_rights_decide(world_rights, &doctor, KH_VERB_VIEW, &study, &verdict, err));
    assert_true(kh_rights_known(world_rights, &doctor, KH_VERB_VIEW, KH_KIND_STUDY, 1, &verdict));
    assert_true(verdict.allowed && verdict.reason == GRANT && verdict.grant_id > 0);
    assert_false(kh_rights_known(world_rights, &doctor, KH_VERB_TAKE, KH_KIND_STUDY, 1, &verdict));
    assert_false(kh_rights_known(world_rights, &doctor, KH_VERB_VIEW, KH_KIND_SERIES, 1, &verdict));
    assert_false(kh_rights_known(world_rights, &doctor, KH_VERB_VIEW, KH_KIND_STUDY, -1, &verdict));
    narrow.scopes = KH_SCOPE_VIEW;
    assert_false(kh_rights_known(world_rights, &narrow, KH_VERB_VIEW, KH_KIND_STUDY, 1, &verdict));
    assert_ok(kh_consent_withdraw(access_db, id, "", "", "test", err));
    assert_false(kh_rights_known(world_rights, &doctor, KH_VERB_VIEW, KH_KIND_STUDY, 1, &verdict));
    assert_ok(kh_rights_decide(world_rights, &doctor, KH_VERB_VIEW, &study, &verdict, err));
    assert_true(kh_rights_known(world_rights, &doctor, KH_VERB_VIEW, KH_KIND_STUDY, 1, &verdict));
    assert_false(verdict.allowed);
    clock_at(1500, 0); /* the index may say something else by now */
    assert_false(kh_rights_known(world_rights, &doctor, KH_VERB_VIEW, KH_KIND_STUDY, 1, &verdict));
    clock_at(0, 0);
}

/* In a process of its own, made before this one has threads: withdraws what it is told to. */
static pid_t withdrawer(int *told)
{
    int ends[2];
    pid_t child;

    assert_int_equal(pipe(ends), 0);
    child = fork();
    if (child == 0) {
        kh_access *other = NULL;
        kh_error why = KH_ERROR_INIT;
        int64_t id;
        bool done = read(ends[0], &id, sizeof id) == (ssize_t)sizeof id &&
                    kh_access_open(&other, &(kh_access_options){.dir = access_dir}, &why) == KH_OK &&
                    kh_consent_withdraw(other, id, "", "", "elsewhere", &why) == KH_OK;

        _exit(done ? 0 : 1);
    }
    close(ends[0]);
    *told = ends[1];
    return child;
}

/* A change of another process: no verdict of before counts once the watcher has looked. */
static void test_other_process(void **state)
{
    kh_consent_sheet sheet = world_sheet(east, 1);
    int64_t id = world_consent(&sheet), begun_ms;
    int pipe_end, result = -1;
    pid_t child = withdrawer(&pipe_end);

    (void)state;
    world_link("east", "3001");
    assert_ok(kh_access_watch(access_db, err));
    assert_int_equal(world_view("east.doctor"), GRANT);
    assert_int_equal(write(pipe_end, &id, sizeof id), sizeof id);
    close(pipe_end);
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_int_equal(result, 0);
    begun_ms = kh_clock_monotonic_ms();
    while (world_view("east.doctor") == GRANT) {
        assert_true(kh_clock_monotonic_ms() - begun_ms < 60000); /* that it never ends would be a finding; how long it takes the bench measures */
        kh_clock_sleep_ms(5);
    }
    assert_int_equal(world_view("east.doctor"), WITHDRAWN);
}

/* --- lists --- */

static size_t seen(const kh_horizon *horizon, const char *facility, const char *number)
{
    size_t found = 0;

    for (size_t i = 0; i < horizon->count; i++)
        found += strcmp(horizon->patients[i].facility, facility) == 0 && strcmp(horizon->patients[i].patient_id, number) == 0;
    return found;
}

static kh_horizon look(const char *login)
{
    kh_subject subject = world_person(login);
    kh_horizon horizon;

    assert_ok(kh_rights_horizon(world_rights, &subject, &horizon, err));
    assert_false(horizon.everything);
    return horizon;
}

static void test_horizon(void **state)
{
    kh_consent_sheet sheet = world_sheet(east, 1);
    kh_horizon horizon;
    int64_t id = world_consent(&sheet);

    (void)state;
    world_consent(&sheet); /* twice: once in the list */
    world_link("east", "3001");
    world_link("west", "4001");
    horizon = look("east.doctor");
    assert_string_equal(horizon.own_facility, "east");
    assert_int_equal(horizon.count, 1);
    assert_int_equal(seen(&horizon, "north", "1001"), 1);
    kh_horizon_release(&horizon);
    horizon = look("west.doctor");
    assert_int_equal(horizon.count, 0);
    kh_horizon_release(&horizon);
    horizon = look("east.nurse");
    assert_string_equal(horizon.own_facility, "east");
    kh_horizon_release(&horizon);
    horizon = look("east.registrar");
    assert_string_equal(horizon.own_facility, "");
    assert_int_equal(horizon.count, 0);
    kh_horizon_release(&horizon);
    assert_ok(kh_consent_withdraw(access_db, id, "", "", "test", err));
    horizon = look("east.doctor");
    assert_int_equal(horizon.count, 1); /* the other consent */
    kh_horizon_release(&horizon);
    assert_ok(kh_consent_withdraw(access_db, id + 1, "", "", "test", err));
    horizon = look("east.doctor");
    assert_int_equal(horizon.count, 0);
    kh_horizon_release(&horizon);
    assert_ok(kh_person_suspend(access_db, "east.doctor", "x", "test", 0, err));
    horizon = look("east.doctor");
    assert_string_equal(horizon.own_facility, "");
    kh_horizon_release(&horizon);
}

/* The same patients, and other studies: the mark tells; what is nobody's business does not move it. */
static void test_horizon_mark(void **state)
{
    static const char *const unmoved = "the mark of east.doctor moved";
    kh_consent_sheet sheet = world_sheet(east, 1);
    const kh_consent_place to_west[] = {{"west", ""}};
    kh_consent_sheet others = world_sheet(to_west, 1);
    kh_policy policy = {.facility = "north", .items = KH_ITEM_ALL, .modalities = "CT", .look_back_years = KH_LOOK_BACK_SETTING};
    kh_horizon horizon;
    uint64_t marks[6];
    int64_t id = world_consent(&sheet);

    (void)state;
    world_link("east", "3001");
    world_link("west", "4001");
#define MARK(i) horizon = look("east.doctor"), marks[i] = horizon.mark, kh_horizon_release(&horizon)
    MARK(0);
    world_consent(&others);
    assert_ok(
        kh_policy_set(access_db, &(kh_policy){.facility = "south", .items = 0, .look_back_years = KH_LOOK_BACK_SETTING}, "test", err));
    assert_ok(kh_facility_suspend(access_db, "west", "x", "test", 0, err));
    MARK(1);
    if (marks[1] != marks[0])
        fail_msg("%s", unmoved);
    world_consent(&sheet);
    MARK(1);
    assert_ok(kh_consent_withdraw(access_db, id, "", "", "test", err));
    MARK(2);
    assert_ok(kh_policy_set(access_db, &policy, "test", err));
    MARK(3);
    assert_ok(kh_facility_suspend(access_db, "north", "x", "test", 0, err));
    MARK(4);
    assert_ok(kh_facility_resume(access_db, "north", err));
    MARK(5);
    for (size_t i = 1; i < 6; i++)
        assert_true(marks[i] != marks[i - 1]);
    assert_true(marks[5] == marks[3]);
    assert_true(marks[2] != marks[0]);
#undef MARK
}

/* R13: what was stopped stays so, and what was lent for a while is over, when the clock is set back behind their beginning. */
static void test_clock_set_back(void **state)
{
    kh_consent_sheet sheet = world_sheet(east, 1);
    kh_matter study = world_study();
    kh_subject node;
    kh_horizon horizon;
    kh_verdict verdict;
    int64_t id, until_ms;
    const kh_emergency_request request = {.person_id = world_person("west.doctor").person_id,
                                          .facility = "north",
                                          .number = "1001",
                                          .reason = "an accident",
                                          .duration_ms = 600000};
    bool open = true;

    (void)state;
    sheet.from_ms = 1;
    sheet.items = KH_ITEM_ALL;
    world_consent(&sheet);
    world_link("east", "3001");
    assert_ok(kh_rights_node(world_rights, "east-pacs", "east", &node, err));
    assert_ok(kh_rights_decide(world_rights, &node, KH_VERB_TAKE, &study, &verdict, err));
    assert_int_equal(verdict.reason, GRANT);
    assert_ok(kh_emergency_open(access_db, &request, &id, &until_ms, err));
    assert_int_equal(world_view("west.doctor"), KH_REASON_EMERGENCY);
    clock_at(0, -30000);
    assert_int_equal(world_view("west.doctor"), KH_REASON_EMERGENCY); /* a small step */
    clock_at(2000, -3600000); /* what is kept counts for a second */
    assert_int_equal(world_view("west.doctor"), NO_CONSENT);
    horizon = look("west.doctor");
    assert_int_equal(horizon.count, 0);
    kh_horizon_release(&horizon);
    clock_at(4000, 4000);
    assert_ok(kh_facility_suspend(access_db, "east", "a leak", "test", 0, err));
    clock_at(6000, -3600000);
    assert_ok(kh_rights_decide(world_rights, &node, KH_VERB_TAKE, &study, &verdict, err));
    assert_int_equal(verdict.reason, KH_REASON_STOPPED);
    assert_ok(kh_rights_open(world_rights, &node, &open, err));
    assert_false(open);
    assert_int_equal(world_view("east.doctor"), KH_REASON_STOPPED);
    clock_at(8000, 8000);
    assert_ok(kh_facility_resume(access_db, "east", err));
    assert_ok(kh_rights_open(world_rights, &node, &open, err));
    assert_true(open);
    assert_ok(kh_facility_suspend(access_db, "north", "a leak", "test", 0, err)); /* the discloser */
    clock_at(10000, -3600000);
    assert_int_equal(world_view("east.doctor"), KH_REASON_STOPPED);
    clock_at(0, 0);
}

/* The same number at two hospitals is two people: a consent for the one opens nothing of the other, whatever is linked. */
static void test_same_number(void **state)
{
    kh_consent_sheet sheet = world_sheet(east, 1);
    kh_matter study = world_study(), other = world_study();
    kh_registered twin = {.facility = "south",
                          .number = "1001",
                          .name_phonetic = "\xe3\x82\xb9\xe3\x82\xba\xe3\x82\xad",
                          .birth_date = "19610203",
                          .sex = "M"};
    kh_horizon horizon;

    (void)state;
    assert_ok(kh_registered_add(access_db, &twin, "test", true, err));
    other.facility = "south";
    other.key = study.key + 1000;
    world_consent(&sheet);
    world_link("east", "3001");
    assert_int_equal(world_view("east.doctor"), GRANT);
    assert_int_equal(world_ask("east.doctor", KH_VERB_VIEW, &other).reason, NO_CONSENT);
    horizon = look("east.doctor");
    assert_int_equal(seen(&horizon, "north", "1001"), 1);
    assert_int_equal(seen(&horizon, "south", "1001"), 0);
    kh_horizon_release(&horizon);
}

/* Who is somebody else than when he signed in is nobody; a doctor who goes to another house reads there once the patient has a number
 * there. */
static void test_moved(void **state)
{
    kh_consent_sheet sheet = world_sheet(NULL, 0);
    kh_matter study = world_study();
    kh_subject before = world_person("east.doctor"), now;
    kh_verdict verdict;
    kh_person person;

    (void)state;
    sheet.form = KH_CONSENT_DOCTOR;
    sheet.person = "east.doctor";
    world_consent(&sheet);
    world_link("east", "3001");
    assert_int_equal(world_view("east.doctor"), GRANT);
    assert_ok(kh_person_find(access_db, "east.doctor", &person, err));
    person.role = KH_ROLE_REGISTRAR;
    assert_ok(kh_person_set(access_db, &person, err));
    assert_ok(kh_rights_decide(world_rights, &before, KH_VERB_VIEW, &study, &verdict, err));
    assert_int_equal(verdict.reason, KH_REASON_NOBODY);
    assert_int_equal(world_view("east.doctor"), KH_REASON_ROLE);
    person.role = KH_ROLE_DOCTOR;
    snprintf(person.facility, sizeof person.facility, "west");
    assert_ok(kh_person_set(access_db, &person, err));
    assert_ok(kh_rights_decide(world_rights, &before, KH_VERB_VIEW, &study, &verdict, err));
    assert_int_equal(verdict.reason, KH_REASON_NOBODY);
    assert_ok(kh_person_find(access_db, "east.doctor", &person, err));
    now = (kh_subject){
        .person_id = person.id, .facility_id = person.facility_id, .role = person.role, .scopes = KH_SCOPE_ALL, .facility = "west"};
    assert_ok(kh_rights_decide(world_rights, &now, KH_VERB_VIEW, &study, &verdict, err));
    assert_int_equal(verdict.reason, NO_LINK);
    world_link("west", "4001");
    assert_ok(kh_rights_decide(world_rights, &now, KH_VERB_VIEW, &study, &verdict, err));
    assert_int_equal(verdict.reason, GRANT);
}

/* Read once for all who ask the same in one epoch; one that somebody uses outlives what moves it. */
static void test_horizon_kept(void **state)
{
    kh_consent_sheet sheet = world_sheet(east, 1);
    kh_horizon first, again, other, later;
    kh_subject narrow = world_person("east.doctor");
    int64_t id = world_consent(&sheet);

    (void)state;
    world_link("east", "3001");
    first = look("east.doctor");
    again = look("east.doctor");
    assert_int_equal(first.count, 1);
    assert_ptr_equal(again.patients, first.patients);
    other = look("east.radiologist");
    assert_int_equal(other.count, 1);
    assert_ptr_not_equal(other.patients, first.patients);
    kh_horizon_release(&other);
    narrow.scopes = 0;
    assert_ok(kh_rights_horizon(world_rights, &narrow, &other, err));
    assert_int_equal(other.count, 0);
    kh_horizon_release(&other);
    kh_horizon_release(&again);
    assert_true(first.no_parts);
    clock_at(59000, 59000);
    again = look("east.doctor");
    assert_ptr_equal(again.patients, first.patients);
    kh_horizon_release(&again);
    clock_at(61000, 61000);
    again = look("east.doctor");
    assert_ptr_not_equal(again.patients, first.patients);
    kh_horizon_release(&again);
    assert_ok(kh_consent_withdraw(access_db, id, "", "", "test", err));
    later = look("east.doctor");
    assert_int_equal(later.count, 0);
    kh_policy policy = {.facility = "north", .items = KH_ITEM_ALL, .departments = "Radiology", .look_back_years = KH_LOOK_BACK_SETTING};
    assert_ok(kh_policy_set(access_db, &policy, "test", err));
    again = look("east.doctor");
    assert_false(again.no_parts);
    kh_horizon_release(&again);
    assert_string_equal(first.patients[0].patient_id, "1001"); /* as long as it is used */
    kh_horizon_release(&later);
    kh_horizon_release(&first);
    for (int scopes = 1; scopes <= KH_HORIZONS_MAX + 8; scopes++) { /* more than are kept */
        narrow.person_id = 1000 + scopes;
        assert_ok(kh_rights_horizon(world_rights, &narrow, &other, err));
        kh_horizon_release(&other);
    }
    clock_at(0, 0);
}

static _Atomic bool looked_enough;

static void *look_on(void *argument)
{
    const kh_subject *subject = argument;

    while (!atomic_load(&looked_enough)) {
        kh_horizon horizon;
        kh_error why = KH_ERROR_INIT;

        if (kh_rights_horizon(world_rights, subject, &horizon, &why) != KH_OK || horizon.count > 1 ||
            (horizon.count == 1 && strcmp(horizon.patients[0].patient_id, "1001") != 0))
            return argument;
        kh_horizon_release(&horizon);
    }
    return NULL;
}

/* Lists of several at once while rights move: each holds what it was given until it is done. */
static void test_horizon_at_once(void **state)
{
    kh_subject subjects[2] = {world_person("east.doctor"), world_person("east.radiologist")};
    kh_consent_sheet sheet = world_sheet(east, 1);
    pthread_t threads[4];
    void *wrong;

    (void)state;
    world_link("east", "3001");
    atomic_store(&looked_enough, false);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, look_on, &subjects[i % 2]), 0);
    for (int i = 0; i < 20; i++) {
        int64_t id = world_consent(&sheet);

        assert_ok(kh_consent_withdraw(access_db, id, "", "", "test", err));
    }
    atomic_store(&looked_enough, true);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(threads[i], &wrong), 0);
        assert_null(wrong);
    }
}

/* --- prefetching [AZ-29] --- */

static void test_prefetch(void **state)
{
    kh_consent_sheet sheet = world_sheet(east_west, 2);
    kh_prefetch due;
    int64_t count, id;
    bool found;

    (void)state;
    sheet.signed_date = "20260401";
    sheet.modalities = "CT";
    id = world_consent(&sheet);
    assert_ok(kh_prefetch_next(access_db, &due, &found, err));
    assert_false(found); /* nobody has the number */
    world_link("east", "3001");
    assert_ok(kh_prefetch_next(access_db, &due, &found, err));
    assert_true(found);
    assert_string_equal(due.facility, "north");
    assert_string_equal(due.number, "1001");
    assert_string_equal(due.floor, "20250401");
    assert_string_equal(due.modalities, "CT");
    assert_ok(kh_prefetch_later(access_db, due.id, 60000, err));
    assert_ok(kh_prefetch_next(access_db, &due, &found, err));
    assert_false(found);
    clock_at(61000, 61000);
    assert_ok(kh_prefetch_next(access_db, &due, &found, err));
    assert_true(found);
    assert_int_equal(due.tries, 1);
    assert_ok(kh_prefetch_done(access_db, due.id, "3 pulls", err));
    assert_ok(kh_prefetch_next(access_db, &due, &found, err));
    assert_false(found);
    world_link("west", "4001"); /* the other grant; withdrawn before it is taken */
    assert_ok(kh_prefetch_count(access_db, &count, err));
    assert_int_equal(count, 1);
    assert_ok(kh_consent_withdraw(access_db, id, "", "", "test", err));
    assert_ok(kh_prefetch_next(access_db, &due, &found, err));
    assert_false(found);
    clock_at(0, 0);
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, world_set_up, world_tear_down)
    const struct CMUnitTest tests[] = {
        CASE(test_consent_and_link), CASE(test_withdrawn),    CASE(test_one_closed),      CASE(test_pending),
        CASE(test_both_ways),        CASE(test_blanket),      CASE(test_people),          CASE(test_floor),
        CASE(test_refused_sheets),   CASE(test_subjects),     CASE(test_known),           CASE(test_other_process),
        CASE(test_horizon),          CASE(test_horizon_kept), CASE(test_horizon_mark),    CASE(test_clock_set_back),
        CASE(test_same_number),      CASE(test_moved),        CASE(test_horizon_at_once), CASE(test_prefetch),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
