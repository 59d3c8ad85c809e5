/* What cannot be read opens nothing, and what cannot be written is not half done: each table of access.db in turn is not there (as on a
 * damaged disk) while each thing is done that this room does. Either it says that it failed, and the database is what it was, or it does
 * the same as with all tables, since it does not need that one. Deny by default, also by accident [RELIABILITY S1, R5; AZ-17]. */
#include "tests/cmocka_all.h"
#include <stdio.h>
#include <string.h>
#include "access/emergency.h"
#include "access/facilities.h"
#include "access/leaving.h"
#include "access/people.h"
#include "access/policies.h"
#include "access/prefetch.h"
#include "base/clock.h"
#include "store/sql.h"
#include "tests/access/world.h"

#define BY "test"
#define TABLES_MAX 64

static kh_sql *beside; /* another connection: takes tables away and looks */
static char tables[TABLES_MAX][64];
static size_t table_count;
static int made; /* so that names are new each time */
static int64_t consent;

static kh_error why;
static kh_error *const error_of = &why;

/* --- decisions: what is allowed with all tables may be allowed, nothing else --- */

static kh_status ask(const kh_subject *subject, kh_rights_shared *shared, kh_verb verb, bool expected)
{
    kh_matter study = world_study();
    kh_verdict verdict = {.allowed = true};
    kh_status status;

    study.key = 0;
    status = kh_rights_decide_with(world_rights, shared, subject, verb, &study, &verdict, error_of);
    if (status != KH_OK ? verdict.allowed : verdict.allowed != expected)
        fail_msg("allowed: %d", verdict.allowed);
    return status;
}

/* As east.doctor was when all was there. */
static kh_subject doctor, stranger, node;

static kh_status doctor_views(void)
{
    return ask(&doctor, NULL, KH_VERB_VIEW, true);
}

static kh_status stranger_views(void)
{
    return ask(&stranger, NULL, KH_VERB_VIEW, false);
}

static kh_status node_takes(void)
{
    return ask(&node, NULL, KH_VERB_TAKE, true);
}

static kh_status rows_of_a_list(void)
{
    kh_rights_shared *shared = NULL;
    kh_horizon horizon;
    kh_status status = kh_rights_horizon(world_rights, &doctor, &horizon, error_of);

    if (status != KH_OK) {
        assert_int_equal(horizon.count, 0);
        assert_string_equal(horizon.own_facility, "");
        return status;
    }
    assert_ok(kh_rights_shared_create(&shared, err));
    kh_rights_shared_within(shared, &horizon);
    for (int i = 0; i < 3 && status == KH_OK; i++)
        status = ask(&doctor, shared, KH_VERB_FIND, true);
    kh_rights_shared_free(shared);
    kh_horizon_release(&horizon);
    return status;
}

static kh_status node_is_open(void)
{
    bool open = true;
    kh_status status = kh_rights_open(world_rights, &node, &open, error_of);

    assert_true(status == KH_OK || !open);
    return status;
}

/* --- changes: each of one transaction --- */

static kh_status add_facility(void)
{
    kh_facility facility = {.kind = KH_FACILITY_CLINIC, .part = KH_PART_VIEWER, .name = "new"};

    snprintf(facility.code, sizeof facility.code, "new%d", ++made);
    return kh_facility_add(access_db, &facility, error_of);
}

static kh_status change_facility(void)
{
    kh_facility facility;
    kh_status status = kh_facility_find(access_db, "west", &facility, error_of);

    snprintf(facility.phone, sizeof facility.phone, "%d", ++made);
    return status == KH_OK ? kh_facility_set(access_db, &facility, error_of) : status;
}

static kh_status suspend_facility(void)
{
    return kh_facility_suspend(access_db, "west", "a leak", BY, 0, error_of);
}

static kh_status resume_facility(void)
{
    return kh_facility_resume(access_db, "west", error_of);
}

static kh_status leave_facility(void)
{
    kh_leaving done;

    return kh_facility_leave(access_db, "south", BY, &done, error_of);
}

static kh_status add_person(void)
{
    kh_person person = {.name = "N", .kana = "ナマエ", .birth_date = "19700102", .facility = "west", .role = KH_ROLE_DOCTOR};

    snprintf(person.login, sizeof person.login, "new%d", ++made);
    return kh_person_add(access_db, &person, error_of);
}

static kh_status change_person(void)
{
    kh_person person;
    kh_status status = kh_person_find(access_db, "west.nurse", &person, error_of);

    snprintf(person.profession, sizeof person.profession, "%d", ++made);
    return status == KH_OK ? kh_person_set(access_db, &person, error_of) : status;
}

static kh_status train(void)
{
    return kh_person_train(access_db, "west.nurse", "20260501", error_of);
}

static kh_status activate(void)
{
    return kh_person_activate(access_db, "west.nurse", error_of);
}

static kh_status suspend_person(void)
{
    return kh_person_suspend(access_db, "west.nurse", "x", BY, 0, error_of);
}

static kh_status resume_person(void)
{
    return kh_person_resume(access_db, "west.nurse", error_of);
}

static kh_status person_leaves(void)
{
    return kh_person_leave(access_db, "west.radiographer", error_of);
}

static kh_status add_ban(void)
{
    kh_ban ban = {.kana = "ワルイ ヒト", .birth_date = "19600101", .reason = "misuse", .by = BY};

    return kh_ban_add(access_db, &ban, error_of);
}

static kh_status register_patient(void)
{
    kh_registered patient = {.facility = "west", .name_phonetic = "スズキ", .birth_date = "19610203", .sex = "M"};

    snprintf(patient.number, sizeof patient.number, "N%d", ++made);
    return kh_registered_add(access_db, &patient, BY, true, error_of);
}

static kh_status link_up(void)
{
    return kh_link_make(access_db, &(kh_link_end){"north", "1001"}, &(kh_link_end){"west", "4001"}, BY, error_of);
}

static kh_status unlink_it(void)
{
    return kh_link_undo(access_db, &(kh_link_end){"north", "1001"}, &(kh_link_end){"west", "4001"}, BY, error_of);
}

static kh_status take_consent(void)
{
    static const kh_consent_place places[] = {{"west", "4001"}};
    kh_consent_sheet sheet = world_sheet(places, 1);
    int64_t id = 0;

    return kh_consent_add(access_db, &kh_consent_rules_default, &sheet, BY, &id, error_of);
}

static kh_status take_blanket(void)
{
    static const char *const excluded[] = {"south"};
    kh_consent_sheet sheet = world_sheet(NULL, 0);
    int64_t id = 0;

    sheet.form = KH_CONSENT_ALL;
    sheet.excluded = excluded;
    sheet.excluded_count = 1;
    return kh_consent_add(access_db, &kh_consent_rules_default, &sheet, BY, &id, error_of);
}

static kh_status take_team(void)
{
    static const char *const members[] = {"west.doctor", "south.doctor"};
    kh_consent_sheet sheet = world_sheet(NULL, 0);
    int64_t id = 0;

    sheet.form = KH_CONSENT_TEAM;
    sheet.team = "the team";
    sheet.members = members;
    sheet.member_count = 2;
    return kh_consent_add(access_db, &kh_consent_rules_default, &sheet, BY, &id, error_of);
}

static kh_status number_arrives(void)
{
    return kh_consent_arrived(access_db, consent, "east", "3001", BY, error_of);
}

static kh_status withdraw(void)
{
    return kh_consent_withdraw(access_db, consent, "", "", BY, error_of);
}

static kh_status close_place(void)
{
    return kh_consent_close(access_db, consent, "east", "moved", BY, error_of);
}

static kh_status set_policy(void)
{
    kh_policy policy = {.facility = "south", .items = KH_ITEM_ALL, .look_back_years = KH_LOOK_BACK_SETTING};

    snprintf(policy.modalities, sizeof policy.modalities, "M%d", ++made);
    return kh_policy_set(access_db, &policy, BY, error_of);
}

static kh_status hide(void)
{
    char uid[32];

    snprintf(uid, sizeof uid, "1.2.9.%d", ++made);
    return kh_hide(access_db, "south", uid, "", "x", BY, error_of);
}

static kh_status break_glass(void)
{
    const kh_emergency_request request = {
        .person_id = stranger.person_id, .facility = "south", .number = "2001", .reason = "an accident", .duration_ms = 600000};
    int64_t id, until_ms;

    return kh_emergency_open(access_db, &request, &id, &until_ms, error_of);
}

static kh_status stop_network(void)
{
    return kh_network_stop(access_db, "a leak", BY, error_of);
}

static kh_status resume_network(void)
{
    return kh_network_resume(access_db, error_of);
}

/* --- looks --- */

static kh_status no_facility(void *context, const kh_facility *facility)
{
    (void)context, (void)facility;
    return KH_OK;
}

static kh_status list_facilities(void)
{
    return kh_facility_list(access_db, no_facility, NULL, error_of);
}

static kh_status no_person(void *context, const kh_person *person)
{
    (void)context, (void)person;
    return KH_OK;
}

static kh_status list_people(void)
{
    return kh_person_list(access_db, "east", no_person, NULL, error_of);
}

static kh_status no_consent(void *context, const kh_consent_row *row)
{
    (void)context, (void)row;
    return KH_OK;
}

static kh_status list_consents(void)
{
    return kh_consent_list(access_db, "north", "1001", no_consent, NULL, error_of);
}

static kh_status no_grant(void *context, const kh_grant_row *row)
{
    (void)context, (void)row;
    return KH_OK;
}

static kh_status list_grants(void)
{
    return kh_grant_list(access_db, &(kh_grant_query){.facility = "north", .site = "east", .open = true}, no_grant, NULL, error_of);
}

static kh_status no_patient(void *context, const kh_registered *patient)
{
    (void)context, (void)patient;
    return KH_OK;
}

static kh_status find_patient(void)
{
    return kh_registered_find(access_db, &(kh_registered_query){.kana = "ヤマダ ハナコ", .birth_date = "19500203"}, no_patient, NULL,
                              error_of);
}

static kh_status next_prefetch(void)
{
    kh_prefetch due;
    bool found;

    return kh_prefetch_next(access_db, &due, &found, error_of);
}

static const struct act {
    const char *name;
    kh_status (*run)(void);
} acts[] = {
    {"a doctor with a consent views", doctor_views},
    {"a doctor without one", stranger_views},
    {"a node takes", node_takes},
    {"rows of a list", rows_of_a_list},
    {"is a node open", node_is_open},
    {"facilities are listed", list_facilities},
    {"people are listed", list_people},
    {"consents are listed", list_consents},
    {"grants are listed", list_grants},
    {"a patient is found", find_patient},
    {"what is to be fetched", next_prefetch},
    {"a facility is added", add_facility},
    {"a facility is changed", change_facility},
    {"a facility is suspended", suspend_facility},
    {"a facility is resumed", resume_facility},
    {"a person is added", add_person},
    {"a person is changed", change_person},
    {"a person is trained", train},
    {"a person is activated", activate},
    {"a person is suspended", suspend_person},
    {"a person is resumed", resume_person},
    {"a person leaves", person_leaves},
    {"somebody is banned", add_ban},
    {"a patient is registered", register_patient},
    {"numbers are linked", link_up},
    {"numbers are unlinked", unlink_it},
    {"a consent is taken", take_consent},
    {"a blanket consent is taken", take_blanket},
    {"a team's consent is taken", take_team},
    {"a number arrives", number_arrives},
    {"a policy is set", set_policy},
    {"a study is hidden", hide},
    {"emergency access is taken", break_glass},
    {"the network is stopped", stop_network},
    {"the network is resumed", resume_network},
    {"a place is closed", close_place},
    {"a consent is withdrawn", withdraw},
    {"a facility leaves", leave_facility},
};

/* --- the sweep --- */

static void rename_table(const char *from, const char *from_more, const char *to, const char *to_more)
{
    char text[300];

    snprintf(text, sizeof text, "ALTER TABLE %s%s RENAME TO %s%s", from, from_more, to, to_more);
    assert_ok(kh_sql_run(beside, text, NULL, 0, NULL, err));
}

static int64_t one_number(const char *what, const char *table)
{
    char text[200];
    kh_sql_row *row = NULL;
    bool has_row = false;
    int64_t value;

    snprintf(text, sizeof text, "SELECT %s FROM %s", what, table);
    assert_ok(kh_sql_query(&row, beside, text, NULL, 0, err));
    assert_ok(kh_sql_next(row, &has_row, err));
    value = has_row ? kh_sql_int(row, 0) : -1;
    kh_sql_end(row);
    return value;
}

static void read_tables(void)
{
    kh_sql_row *row = NULL;
    bool has_row = false;

    table_count = 0;
    assert_ok(kh_sql_query(&row, beside, "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name",
                           NULL, 0, err));
    for (;;) {
        assert_ok(kh_sql_next(row, &has_row, err));
        if (!has_row)
            break;
        assert_true(table_count < TABLES_MAX);
        snprintf(tables[table_count++], sizeof tables[0], "%s", kh_sql_text(row, 0));
    }
    kh_sql_end(row);
    assert_true(table_count >= 20);
}

/* Rows of each table, and the epoch: what a change that was undone leaves as it was. */
static void count_all(int64_t counts[TABLES_MAX + 1])
{
    for (size_t i = 0; i < table_count; i++)
        counts[i] = one_number("count(*)", tables[i]);
    counts[table_count] = one_number("value", "epoch");
}

static int set_up(void **state)
{
    static const kh_consent_place east[] = {{"east", ""}};
    kh_consent_sheet sheet = world_sheet(east, 1);
    char path[600];

    if (world_set_up(state) != 0)
        return -1;
    consent = world_consent(&sheet);
    world_link("east", "3001");
    doctor = world_person("east.doctor");
    stranger = world_person("west.doctor");
    assert_ok(kh_rights_node(world_rights, "east-pacs", "east", &node, err));
    snprintf(path, sizeof path, "%s/access.db", access_dir);
    assert_ok(kh_sql_open(&beside, path, KH_SQL_WRITER, err));
    assert_ok(kh_sql_run(beside, "PRAGMA synchronous = OFF", NULL, 0, NULL, err)); /* what it does is undone at once */
    read_tables();
    return 0;
}

static int tear_down(void **state)
{
    kh_sql_close(beside);
    beside = NULL;
    return world_tear_down(state);
}

static void test_all_there(void **state)
{
    (void)state;
    for (size_t i = 0; i < KH_COUNT(acts); i++) {
        kh_error_clear(error_of);
        if (acts[i].run() != KH_OK)
            fail_msg("%s: %s", acts[i].name, why.message);
    }
}

static void test_each_gone(void **state)
{
    int64_t before[TABLES_MAX + 1], after[TABLES_MAX + 1];
    size_t failed = 0;

    (void)state;
    count_all(after);
    for (size_t i = 0; i < KH_COUNT(acts); i++)
        for (size_t t = 0; t < table_count; t++) {
            kh_status status;

            memcpy(before, after, sizeof before);
            rename_table(tables[t], "", "gone_", tables[t]);
            kh_error_clear(error_of);
            status = acts[i].run();
            rename_table("gone_", tables[t], tables[t], "");
            count_all(after);
            if (status == KH_OK)
                continue;
            failed++;
            if (!why.message[0])
                fail_msg("%s without %s: failed and does not say why", acts[i].name, tables[t]);
            if (memcmp(before, after, (table_count + 1) * sizeof before[0]) != 0)
                fail_msg("%s without %s: half done (%s)", acts[i].name, tables[t], why.message);
            if (i < 5) /* a decision: all there again, as before */
                assert_int_equal(acts[i].run(), KH_OK);
        }
    print_message("%zu of %zu failed\n", failed, KH_COUNT(acts) * table_count);
    assert_true(failed >= 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(test_all_there, set_up, tear_down),
                                       cmocka_unit_test_setup_teardown(test_each_gone, set_up, tear_down)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
