/* What is held against what its hospital has: when a difference becomes a finding, when nothing is believed, what following one does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "cache/arrivals.h"
#include "cache/compares.h"
#include "cache/evict.h"
#include "cache/ingest.h"
#include "pacs-bridge/compare.h"
#include "pacs-bridge/control.h"
#include "tests/bridge/hospital.h"
#include "tests/bridge/support.h"
#include "tests/bridge/world.h"

#define HOUR_MS 3600000LL
#define DAY_MS (24 * HOUR_MS)
#define UID "1.2.826.0.1.3680043.10.9."
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define WAIT_MS 30000

typedef struct fixture {
    world it;
    hospital pacs;
    kh_node node;
    kh_scu scu;
    kh_compare_limits limits;
    kh_compare_work work;
} fixture;

static const kh_change_author person = {"as they did", "tester"};

/* --- what is held --- */

static void study_uid(char out[65], int number)
{
    snprintf(out, 65, UID "%d", number);
}

static kh_status keep_study(void *context, const kh_study *study)
{
    *(kh_study *)context = *study;
    return KH_OK;
}

static kh_study find_study(fixture *f, int number)
{
    kh_study study = {.id = 0};
    char uid[65];

    study_uid(uid, number);
    assert_int_equal(kh_browse_study_uid(f->it.cache, uid, keep_study, &study, NULL), KH_OK);
    return study;
}

static void hold_object(fixture *f, int number, const char *patient_id, int object, const kh_origin *origin)
{
    char path[120], uid[100], series[110], sop[120], patient[90];
    const char *argv[] = {"dcmodify", "-nb", "-i", uid, "-i", series, "-i", sop, "-i", patient, path, NULL};
    kh_error err = KH_ERROR_INIT;
    kh_ingest_result result;

    snprintf(path, sizeof(path), "%s/made.dcm", f->it.dir);
    snprintf(uid, sizeof(uid), "(0020,000d)=" UID "%d", number);
    snprintf(series, sizeof(series), "(0020,000e)=" UID "%d.1", number);
    snprintf(sop, sizeof(sop), "(0008,0018)=" UID "%d.1.%d", number, object);
    snprintf(patient, sizeof(patient), "(0010,0020)=%s", patient_id);
    support_write_object(path, 1, 64, NULL, NULL);
    assert_int_equal(support_run(NULL, argv), 0);
    if (kh_ingest_file(f->it.cache, path, origin, &result, &err) != KH_OK)
        fail_msg("%s", err.message);
}

static void settle(fixture *f, int number)
{
    kh_study study = find_study(f, number);

    assert_int_equal(kh_arriving_settle(f->it.cache, study.id, study.revision, NULL), KH_OK);
}

/* A pull of the study that ended so; bytes: that came by it. */
static int64_t note_pull(fixture *f, int64_t node_id, int number, kh_pull_state state, int64_t bytes)
{
    kh_pull pull;
    int64_t pull_id;
    char uid[65];

    study_uid(uid, number);
    assert_int_equal(kh_pull_file(f->it.cache, node_id, uid, 1, "test", &pull_id, NULL), KH_OK);
    assert_int_equal(kh_pull_find(f->it.cache, pull_id, &pull, NULL), KH_OK);
    pull.state = state;
    pull.bytes = bytes;
    pull.received = 1;
    assert_int_equal(kh_pull_update(f->it.cache, &pull, NULL), KH_OK);
    return pull_id;
}

/* Pulled from the hospital, which has it as well. */
static void hold(fixture *f, int number, const char *patient_id, int objects)
{
    kh_origin origin = {.facility = "north", .source = "pacs", .pull_id = note_pull(f, f->node.id, number, KH_PULL_COMPLETE, 1000)};
    char uid[65];

    for (int i = 1; i <= objects; i++)
        hold_object(f, number, patient_id, i, &origin);
    settle(f, number);
    study_uid(uid, number);
    hospital_set_study(&f->pacs, uid, patient_id, (unsigned)objects);
}

static void there(fixture *f, int number, const char *patient_id, unsigned objects)
{
    char uid[65];

    study_uid(uid, number);
    hospital_set_study(&f->pacs, uid, patient_id, objects);
}

#define gone(f, number) there(f, number, "", 0)

static int setup(void **state)
{
    fixture *f = calloc(1, sizeof(*f));

    kh_log_set_level(KH_LOG_ERROR);
    world_make(&f->it);
    hospital_start(&f->pacs, 1, f->it.port);
    (void)world_add_node(&f->it, "pacs", "HOSPITAL", f->pacs.port, true);
    assert_int_equal(kh_node_find(f->it.cache, "pacs", &f->node, NULL), KH_OK);
    kh_scu_init(&f->scu, "KAKEHASHI");
    f->scu.limits.pdu_ms = f->scu.limits.idle_ms = 1000;
    f->limits = (kh_compare_limits){.every_ms = DAY_MS, .apart_ms = 12 * HOUR_MS, .studies_per_hour = 1000000, .differences_max = 3};
    f->work = (kh_compare_work){f->it.cache, &f->scu, "local", &f->limits, 10, 50};
    for (int i = 1; i <= 3; i++)
        hold(f, i, i == 3 ? "P-3" : "P-1", 1);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;

    hospital_stop(&f->pacs);
    world_free(&f->it);
    free(f);
    return 0;
}

/* --- rounds --- */

static kh_compare compare_of(fixture *f)
{
    kh_compare at;

    (void)!kh_compare_find(f->it.cache, f->node.id, &at, NULL);
    return at;
}

static size_t step(fixture *f)
{
    kh_error err = KH_ERROR_INIT;
    size_t asked;
    bool more;

    if (kh_compare_step(&f->work, &f->node, &asked, &more, &err) != KH_OK)
        fail_msg("%s", err.message);
    return asked;
}

/* The round that is due after so long, to its end. */
static kh_compare round_after(fixture *f, int64_t wall_ms)
{
    int64_t began_ms = compare_of(f).began_ms;

    kh_clock_shift_for_test(0, wall_ms);
    for (int i = 0; i < 100; i++) {
        kh_compare at;

        (void)step(f);
        at = compare_of(f);
        if (at.began_ms > began_ms && at.ended_ms > 0)
            return at;
    }
    fail_msg("the round does not end: %s", compare_of(f).reason);
    return compare_of(f);
}

#define next_round(f) round_after(f, DAY_MS)

typedef struct found {
    int count;
    kh_finding newest;
} found;

static kh_status keep_finding(void *context, const kh_finding *finding)
{
    found *all = context;

    if (all->count++ == 0)
        all->newest = *finding;
    return KH_OK;
}

static found findings(fixture *f, bool open_only)
{
    found all = {0};

    assert_int_equal(kh_finding_list(f->it.cache, open_only, INT64_MAX, 100, keep_finding, &all, NULL), KH_OK);
    return all;
}

#define open_findings(f) findings(f, true).count
#define all_findings(f) findings(f, false).count

static bool is_shown(fixture *f, int number)
{
    return find_study(f, number).object_count > 0;
}

static bool shows(fixture *f, int number, int object)
{
    char uid[65], sop[65];
    bool hidden = true;

    study_uid(uid, number);
    snprintf(sop, sizeof(sop), UID "%d.1.%d", number, object);
    assert_int_equal(kh_change_hides(f->it.cache, uid, "", sop, &hidden, NULL), KH_OK);
    return !hidden;
}

/* --- not there --- */

static void same_as_here(void **state)
{
    fixture *f = *state;
    kh_compare at = next_round(f);

    assert_int_equal(at.asked, 3);
    assert_int_equal(at.same, 3);
    assert_true(at.believed);
    assert_int_equal(all_findings(f), 0);
    assert_int_equal(step(f), 0); /* the next one is a day away */
    kh_clock_shift_for_test(0, 23 * HOUR_MS);
    assert_int_equal(step(f), 0);
    kh_clock_shift_for_test(0, 2 * HOUR_MS);
    assert_int_equal(step(f), 3);
}

static void gone_twice(void **state)
{
    fixture *f = *state;
    kh_finding finding;

    gone(f, 1);
    assert_int_equal(next_round(f).gone, 1);
    assert_int_equal(all_findings(f), 0); /* once is nothing */
    assert_int_equal(next_round(f).findings, 1);
    assert_int_equal(open_findings(f), 1);
    finding = findings(f, true).newest;
    assert_int_equal(finding.kind, KH_FINDING_GONE);
    assert_int_equal(finding.study_id, find_study(f, 1).id);
    assert_int_equal(finding.node_id, f->node.id);
    assert_true(finding.noticed_ms - finding.since_ms >= 12 * HOUR_MS);
    assert_true(is_shown(f, 1)); /* a notice changes nothing */
    assert_int_equal(next_round(f).known, 1);
    assert_int_equal(all_findings(f), 1); /* told once */
    there(f, 1, "P-1", 1);
    assert_int_equal(next_round(f).same, 3);
    assert_int_equal(findings(f, false).newest.state, KH_FINDING_OVER); /* there again */
    gone(f, 1);
    (void)next_round(f);
    assert_int_equal(open_findings(f), 0);
    (void)next_round(f);
    assert_int_equal(open_findings(f), 1); /* and gone anew */
    assert_int_equal(all_findings(f), 1);
}

/* Both rounds must be apart; one seen in between begins the count anew. */
static void gone_twice_apart(void **state)
{
    fixture *f = *state;

    f->limits.every_ms = HOUR_MS;
    gone(f, 1);
    (void)round_after(f, HOUR_MS);
    (void)round_after(f, HOUR_MS);
    (void)round_after(f, 10 * HOUR_MS);
    assert_int_equal(all_findings(f), 0); /* 11 hours */
    there(f, 1, "P-1", 1);
    (void)round_after(f, HOUR_MS / 2 + HOUR_MS);
    gone(f, 1);
    (void)round_after(f, HOUR_MS);
    assert_int_equal(all_findings(f), 0);
    (void)round_after(f, 12 * HOUR_MS + 1);
    assert_int_equal(open_findings(f), 1);
}

static void clock_set_back(void **state)
{
    fixture *f = *state;

    gone(f, 1);
    (void)next_round(f);
    kh_clock_shift_for_test(0, -30 * DAY_MS);
    assert_int_equal(step(f), 3); /* a round is due, and the absence of the future counts for nothing */
    assert_int_equal(all_findings(f), 0);
    (void)next_round(f);
    assert_int_equal(open_findings(f), 1);
    kh_clock_shift_for_test(0, 30 * DAY_MS);
}

static const struct {
    const char *name;
    hospital_fault fault;
} failures[] = {
    {"the association is rejected", FAULT_REJECTS},
    {"C-FIND is answered with a failure", FAULT_FIND_FAILS},
    {"C-FIND is not answered", FAULT_SILENT_FIND},
};

/* A node that fails tells nothing: neither an absence nor the end of a round. */
static void failing_is_no_absence(void **state)
{
    fixture *f = *state;

    for (size_t i = 0; i < COUNT(failures); i++) {
        kh_compare at;

        kh_clock_shift_for_test(0, DAY_MS);
        f->pacs.fault_moves = 1;
        f->pacs.fault = (int)failures[i].fault;
        (void)step(f);
        at = compare_of(f);
        if (at.ended_ms != 0 || at.asked != 0 || at.attempts != 1 || !at.reason[0])
            fail_msg("%s: ended %lld, asked %lld, attempts %d", failures[i].name, (long long)at.ended_ms, (long long)at.asked, at.attempts);
        f->pacs.fault_moves = 0;
        f->pacs.fault = FAULT_NONE;
        for (int wait = 0; wait < 100 && compare_of(f).ended_ms == 0; wait++) {
            kh_clock_shift_for_test(0, 100);
            (void)step(f);
        }
        at = compare_of(f);
        assert_int_equal(at.same, 3); /* goes on, when it answers */
        assert_string_equal(at.reason, "");
    }
    assert_int_equal(all_findings(f), 0);
}

/* As many associations as it may have: no failure, and nobody is kept waiting. */
static void node_is_full(void **state)
{
    fixture *f = *state;
    const kh_node_call call = {.urgent = true};
    kh_node_use *use;
    void *place;

    assert_int_equal(kh_node_use_create(&use, NULL), KH_OK);
    f->scu.use = use;
    f->node.associations = 1;
    assert_int_equal(kh_node_use_call(use, &f->node, &call, &place, NULL), KH_OK);
    kh_clock_shift_for_test(0, DAY_MS);
    assert_int_equal(step(f), 0);
    assert_int_equal(compare_of(f).ended_ms, 0);
    assert_int_equal(compare_of(f).attempts, 0);
    assert_string_not_equal(compare_of(f).reason, "");
    kh_node_use_hang_up(place);
    assert_int_equal(step(f), 3);
    assert_int_equal(compare_of(f).same, 3);
    f->scu.use = NULL;
    kh_node_use_free(use);
}

static void nobody_listens(void **state)
{
    fixture *f = *state;
    uint16_t port = f->node.port;

    f->node.port = 1;
    kh_clock_shift_for_test(0, DAY_MS);
    (void)step(f);
    assert_int_equal(compare_of(f).ended_ms, 0);
    assert_int_equal(compare_of(f).asked, 0);
    f->node.port = port;
}

/* A study about which the node only fails is passed over in the end, the others are compared. */
static void failing_about_one(void **state)
{
    fixture *f = *state;

    f->limits.studies_per_hour = 1; /* one a batch */
    kh_clock_shift_for_test(0, DAY_MS);
    f->pacs.fault_moves = 1;
    f->pacs.fault = FAULT_FIND_FAILS;
    for (int i = 0; i < 4; i++) {
        (void)step(f);
        kh_clock_shift_for_test(0, 100);
    }
    f->pacs.fault_moves = 0;
    for (int i = 0; i < 10 && compare_of(f).ended_ms == 0; i++) {
        (void)step(f);
        kh_clock_shift_for_test(0, 100);
    }
    assert_int_equal(compare_of(f).asked, 2);
    assert_true(compare_of(f).believed);
}

/* An archive that lost its database, or answers nothing: whatever else is set, nothing of it is believed. */
static void not_one_is_there(void **state)
{
    fixture *f = *state;

    f->limits.hide_gone = true;
    f->pacs.fault_moves = 1;
    f->pacs.fault = FAULT_NO_STUDY;
    for (int i = 0; i < 3; i++) {
        kh_compare at = next_round(f);
        assert_false(at.believed);
        assert_int_equal(at.gone, 3);
        assert_string_not_equal(at.reason, "");
    }
    assert_int_equal(all_findings(f), 0);
    for (int i = 1; i <= 3; i++)
        assert_true(is_shown(f, i));
}

/* differences_max is 3: so many are believed, one more is not. */
static void too_many_stop_it(void **state)
{
    fixture *f = *state;

    f->limits.hide_gone = true;
    for (int i = 4; i <= 7; i++)
        hold(f, i, "P-4", 1);
    (void)next_round(f);
    for (int i = 4; i <= 7; i++)
        gone(f, i);
    for (int i = 0; i < 3; i++)
        assert_false(next_round(f).believed);
    assert_int_equal(all_findings(f), 0);
    there(f, 7, "P-4", 1);
    assert_true(next_round(f).believed);
    assert_int_equal(next_round(f).findings, 3);
    assert_false(is_shown(f, 4));
    assert_true(is_shown(f, 7));
    gone(f, 7); /* what is known does not count again */
    (void)next_round(f);
    assert_true(next_round(f).believed);
    assert_int_equal(all_findings(f), 4);
}

/* --- another patient --- */

static void merged_into_a_known_patient(void **state)
{
    fixture *f = *state;
    kh_finding finding;
    int64_t change_id;

    there(f, 1, "P-3", 1);
    assert_int_equal(next_round(f).findings, 1); /* once is enough: somebody said it */
    finding = findings(f, true).newest;
    assert_int_equal(finding.kind, KH_FINDING_PATIENT);
    assert_string_equal(finding.here, "P-1");
    assert_string_equal(finding.there, "P-3");
    assert_string_equal(find_study(f, 1).patient.patient_id, "P-1");
    assert_int_equal(kh_finding_apply(f->it.cache, finding.id, &person, &change_id, NULL), KH_OK);
    assert_string_equal(find_study(f, 1).patient.patient_id, "P-3");
    assert_string_equal(find_study(f, 2).patient.patient_id, "P-1"); /* told of one study, done to one */
    assert_int_equal(findings(f, false).newest.state, KH_FINDING_APPLIED);
    assert_int_equal(kh_finding_apply(f->it.cache, finding.id, &person, &change_id, NULL), KH_E_CONFLICT);
    assert_int_equal(next_round(f).same, 3);
    assert_int_equal(findings(f, false).newest.state, KH_FINDING_APPLIED);
    there(f, 1, "P-1", 1); /* the hospital takes it back */
    assert_int_equal(next_round(f).findings, 1);
    assert_string_equal(findings(f, true).newest.there, "P-1");
}

static void merged_and_undone(void **state)
{
    fixture *f = *state;
    kh_finding finding;

    f->limits.follow_merged = true;
    there(f, 1, "P-3", 1);
    (void)next_round(f);
    assert_string_equal(find_study(f, 1).patient.patient_id, "P-3");
    finding = findings(f, false).newest;
    assert_string_equal(finding.ended_by, "compare");
    assert_int_equal(kh_change_undo(f->it.cache, finding.change_id, "tester", NULL), KH_OK);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(next_round(f).known, 1);
        assert_string_equal(find_study(f, 1).patient.patient_id, "P-1"); /* a person's word stands */
    }
    assert_int_equal(all_findings(f), 1);
    assert_true(findings(f, false).newest.undone);
    assert_int_equal(kh_finding_apply(f->it.cache, finding.id, &person, &finding.change_id, NULL), KH_OK); /* until a person says otherwise */
    assert_string_equal(find_study(f, 1).patient.patient_id, "P-3");
}

/* An ID that nobody here has: a new ID of the patient only when all of his studies are told so. */
static void merged_into_an_unknown_patient(void **state)
{
    fixture *f = *state;
    int64_t change_id;

    there(f, 1, "P-9", 1);
    (void)next_round(f);
    assert_int_equal(kh_finding_apply(f->it.cache, findings(f, true).newest.id, &person, &change_id, NULL), KH_E_CONFLICT);
    assert_string_equal(find_study(f, 1).patient.patient_id, "P-1");
    there(f, 2, "P-9", 1);
    (void)next_round(f);
    assert_int_equal(open_findings(f), 2);
    assert_int_equal(kh_finding_apply(f->it.cache, findings(f, true).newest.id, &person, &change_id, NULL), KH_OK);
    assert_string_equal(find_study(f, 1).patient.patient_id, "P-9");
    assert_string_equal(find_study(f, 2).patient.patient_id, "P-9");
    assert_int_equal(open_findings(f), 0); /* one change settled both */
    assert_int_equal(next_round(f).same, 3);
    assert_int_equal(kh_change_undo(f->it.cache, change_id, "tester", NULL), KH_OK);
    assert_string_equal(find_study(f, 1).patient.patient_id, "P-1");
}

static void what_was_corrected_here(void **state)
{
    fixture *f = *state;
    const kh_patient_values values = {.patient_id = "P-100"};
    int64_t change_id;

    assert_int_equal(kh_change_patient(f->it.cache, "north", "P-1", &values, &person, &change_id, NULL), KH_OK);
    there(f, 3, "", 1); /* an ID that is not told says nothing, either */
    assert_int_equal(next_round(f).same, 3);
    assert_int_equal(all_findings(f), 0);
    there(f, 1, "P-3", 1);
    assert_int_equal(next_round(f).patient, 1);
}

/* --- objects --- */

static void fewer_objects(void **state)
{
    fixture *f = *state;
    int64_t change_id;

    hold(f, 4, "P-4", 4);
    hold_object(f, 4, "P-4", 9, &(kh_origin){.facility = "north", .source = "workstation"}); /* theirs it never was */
    settle(f, 4);
    assert_int_equal(next_round(f).same, 4);
    there(f, 4, "P-4", 2);
    assert_int_equal(next_round(f).instances, 1);
    assert_int_equal(all_findings(f), 0);
    (void)next_round(f);
    assert_int_equal(findings(f, true).newest.kind, KH_FINDING_INSTANCES);
    assert_int_equal(findings(f, true).newest.missing, 2);
    f->limits.hide_gone = true; /* of a part a person decides */
    (void)next_round(f);
    assert_int_equal(find_study(f, 4).object_count, 5);
    assert_int_equal(kh_finding_apply(f->it.cache, findings(f, true).newest.id, &person, &change_id, NULL), KH_OK);
    assert_int_equal(find_study(f, 4).object_count, 3); /* two that are there, one of somebody else's */
    assert_true(shows(f, 4, 1) && shows(f, 4, 2) && !shows(f, 4, 3) && !shows(f, 4, 4) && shows(f, 4, 9));
    assert_int_equal(next_round(f).same, 4); /* what is shown is there */
    assert_int_equal(findings(f, false).newest.state, KH_FINDING_APPLIED);
    assert_int_equal(kh_change_undo(f->it.cache, change_id, "tester", NULL), KH_OK);
    assert_int_equal(find_study(f, 4).object_count, 5);
    assert_int_equal(next_round(f).known, 1); /* what was undone is not told again, and may be followed again */
    assert_int_equal(open_findings(f), 0);
    assert_int_equal(kh_finding_apply(f->it.cache, findings(f, false).newest.id, &person, &change_id, NULL), KH_OK);
    assert_int_equal(kh_change_undo(f->it.cache, change_id, "tester", NULL), KH_OK);
    there(f, 4, "P-4", 4);
    (void)next_round(f);
    assert_int_equal(findings(f, false).newest.state, KH_FINDING_OVER);
    assert_int_equal(kh_finding_apply(f->it.cache, findings(f, false).newest.id, &person, &change_id, NULL), KH_E_CONFLICT);
}

/* Held with four objects of which the last two were hidden as no longer there, by a person. */
static int64_t hide_two_of_four(fixture *f)
{
    int64_t change_id;

    hold(f, 4, "P-4", 4);
    there(f, 4, "P-4", 2);
    (void)next_round(f);
    (void)next_round(f);
    assert_int_equal(kh_finding_apply(f->it.cache, findings(f, true).newest.id, &person, &change_id, NULL), KH_OK);
    assert_true(shows(f, 4, 2) && !shows(f, 4, 3) && !shows(f, 4, 4));
    return change_id;
}

/* One is there again, then the other: each is told once, shown when somebody says so, and hidden as before when that is taken back. */
static void objects_there_again(void **state)
{
    fixture *f = *state;
    kh_finding finding;
    kh_change change;
    int64_t change_id;

    (void)hide_two_of_four(f);
    assert_int_equal(next_round(f).findings, 0); /* still as hidden */
    there(f, 4, "P-4", 3);
    f->limits.hide_gone = true; /* of a part a person decides */
    assert_int_equal(next_round(f).findings, 1);
    assert_int_equal(next_round(f).findings, 0); /* told once */
    finding = findings(f, true).newest;
    assert_int_equal(finding.kind, KH_FINDING_REAPPEARED);
    assert_string_equal(kh_finding_kind_text(finding.kind), "reappeared");
    assert_int_equal(finding.missing, 1);
    assert_false(shows(f, 4, 3));
    assert_int_equal(kh_finding_apply(f->it.cache, finding.id, &person, &change_id, NULL), KH_OK);
    assert_true(shows(f, 4, 3) && !shows(f, 4, 4));
    assert_int_equal(find_study(f, 4).object_count, 3);
    assert_int_equal(kh_change_find(f->it.cache, change_id, &change, NULL), KH_OK);
    assert_int_equal(change.kind, KH_CHANGE_RETURNED);
    assert_int_equal(change.objects, 1);
    assert_int_equal(kh_finding_apply(f->it.cache, finding.id, &person, &change_id, NULL), KH_E_CONFLICT);

    assert_int_equal(kh_change_undo(f->it.cache, change.id, "tester", NULL), KH_OK);
    assert_false(shows(f, 4, 3));
    assert_int_equal(kh_change_undo(f->it.cache, change.id, "tester", NULL), KH_E_CONFLICT);
    assert_int_equal(next_round(f).findings, 0); /* what was undone is not told again, and may be followed again */
    assert_int_equal(kh_finding_apply(f->it.cache, finding.id, &person, &change_id, NULL), KH_OK);
    assert_true(shows(f, 4, 3));

    there(f, 4, "P-4", 4);
    assert_int_equal(next_round(f).findings, 1);
    assert_int_equal(findings(f, true).newest.kind, KH_FINDING_REAPPEARED);
    assert_int_equal(kh_finding_apply(f->it.cache, findings(f, true).newest.id, &person, &change_id, NULL), KH_OK);
    assert_int_equal(find_study(f, 4).object_count, 4);
    assert_int_equal(next_round(f).same, 4);
    assert_int_equal(open_findings(f), 0);
    for (int64_t id = 1; id <= 2; id++) { /* nothing is hidden any more: both are over */
        assert_int_equal(kh_finding_find(f->it.cache, id, &finding, NULL), KH_OK);
        assert_int_equal(finding.state, KH_FINDING_OVER);
    }
    there(f, 4, "P-4", 3);
    (void)next_round(f);
    assert_int_equal(next_round(f).findings, 1); /* and gone anew */
    assert_int_equal(findings(f, true).newest.kind, KH_FINDING_INSTANCES);
}

/* While some are hidden, others go: that is told as well, and both lots come back. */
static void more_go_after_some(void **state)
{
    fixture *f = *state;
    int64_t change_id;

    (void)hide_two_of_four(f);
    there(f, 4, "P-4", 1);
    assert_int_equal(next_round(f).instances, 1);
    assert_int_equal(next_round(f).findings, 1);
    assert_int_equal(findings(f, true).newest.missing, 1);
    assert_int_equal(kh_finding_apply(f->it.cache, findings(f, true).newest.id, &person, &change_id, NULL), KH_OK);
    assert_true(shows(f, 4, 1) && !shows(f, 4, 2));
    there(f, 4, "P-4", 4);
    assert_int_equal(next_round(f).findings, 1);
    assert_int_equal(findings(f, true).newest.missing, 3);
    assert_int_equal(kh_finding_apply(f->it.cache, findings(f, true).newest.id, &person, &change_id, NULL), KH_OK);
    assert_int_equal(find_study(f, 4).object_count, 4);
    assert_int_equal(kh_change_undo(f->it.cache, change_id, "tester", NULL), KH_OK); /* by which change each was hidden is known */
    assert_int_equal(find_study(f, 4).object_count, 1);
}

/* What hid it was taken back meanwhile: taking back the other hides nothing. Nor is anything told that no longer is there. */
static void hidden_and_shown_both_undone(void **state)
{
    fixture *f = *state;
    int64_t hiding = hide_two_of_four(f), change_id;

    there(f, 4, "P-4", 3);
    (void)next_round(f);
    assert_int_equal(open_findings(f), 1);
    there(f, 4, "P-4", 2);
    (void)next_round(f);
    assert_int_equal(open_findings(f), 0); /* after all it is not */
    there(f, 4, "P-4", 3);
    assert_int_equal(kh_compare_study_now(&f->work, &f->node, find_study(f, 4).id, NULL), KH_OK);
    assert_int_equal(open_findings(f), 0); /* who asks once makes no finding, the round does */
    (void)next_round(f);
    assert_int_equal(kh_finding_apply(f->it.cache, findings(f, true).newest.id, &person, &change_id, NULL), KH_OK);
    assert_int_equal(kh_change_undo(f->it.cache, hiding, "tester", NULL), KH_OK);
    assert_int_equal(find_study(f, 4).object_count, 4);
    assert_int_equal(kh_change_undo(f->it.cache, change_id, "tester", NULL), KH_OK);
    assert_int_equal(find_study(f, 4).object_count, 4);
}

/* A study of which every object was hidden as missing is asked for all the same, but not one that a person deleted. */
static void nothing_left_shown(void **state)
{
    fixture *f = *state;
    int64_t study_id, change_id;
    kh_compare at;

    hold(f, 4, "P-4", 2);
    hold_object(f, 4, "P-4", 9, &(kh_origin){.facility = "north", .source = "workstation"});
    settle(f, 4);
    study_id = find_study(f, 4).id;
    there(f, 4, "P-4", 1);
    (void)next_round(f);
    (void)next_round(f);
    assert_int_equal(kh_finding_apply(f->it.cache, findings(f, true).newest.id, &person, &change_id, NULL), KH_OK);
    assert_int_equal(kh_change_delete(f->it.cache, study_id, 0, 0, &person, &change_id, NULL), KH_OK);
    there(f, 4, "P-4", 2);
    at = next_round(f);
    assert_int_equal(at.asked, 3);
    assert_int_equal(at.findings, 0);
    assert_int_equal(kh_change_undo(f->it.cache, change_id, "tester", NULL), KH_OK);
    assert_int_equal(next_round(f).findings, 1);
    assert_int_equal(kh_change_delete(f->it.cache, study_id, 0, 0, &person, &change_id, NULL), KH_OK);
    (void)next_round(f);
    assert_int_equal(open_findings(f), 0); /* nothing to decide about what somebody has hidden */
}

static void every_object_hidden(void **state)
{
    fixture *f = *state;
    char uid[65], missing[KH_UID_SIZE] = UID "1.1.1";
    kh_compared answer = {.study_id = find_study(f, 1).id, .told = KH_FINDING_INSTANCES, .missing = 1, .missing_uids = missing};
    int64_t change_id;

    study_uid(uid, 1);
    f->limits.apart_ms = 0;
    for (int i = 0; i < 2; i++) { /* as a node says that lists another object in its place */
        kh_compare at = compare_of(f);

        at.node_id = f->node.id;
        assert_int_equal(kh_compare_begin(f->it.cache, &at, NULL), KH_OK);
        assert_int_equal(kh_compare_note(f->it.cache, &at, &answer, 1, NULL), KH_OK);
        assert_int_equal(kh_compare_end(f->it.cache, &at, true, 0, NULL), KH_OK);
    }
    assert_int_equal(kh_finding_apply(f->it.cache, findings(f, true).newest.id, &person, &change_id, NULL), KH_OK);
    assert_false(is_shown(f, 1));
    gone(f, 1); /* the rest of it, too: nothing new */
    for (int i = 0; i < 2; i++) {
        assert_int_equal(next_round(f).asked, 3);
        assert_int_equal(compare_of(f).gone, 0);
        assert_int_equal(open_findings(f), 0);
    }
    there(f, 1, "P-1", 1);
    assert_int_equal(next_round(f).findings, 1);
    assert_int_equal(kh_finding_apply(f->it.cache, findings(f, true).newest.id, &person, &change_id, NULL), KH_OK);
    assert_true(is_shown(f, 1));
}

/* What is missing is what was missing when the node was asked last. */
static void asked_again(void **state)
{
    fixture *f = *state;
    int64_t change_id, study_id;

    hold(f, 4, "P-4", 4);
    study_id = find_study(f, 4).id;
    there(f, 4, "P-4", 2);
    (void)next_round(f);
    (void)next_round(f);
    assert_int_equal(open_findings(f), 1);
    there(f, 4, "P-4", 3);
    assert_int_equal(kh_compare_study_now(&f->work, &f->node, study_id, NULL), KH_OK);
    assert_int_equal(open_findings(f), 1);
    assert_int_equal(kh_finding_apply(f->it.cache, findings(f, true).newest.id, &person, &change_id, NULL), KH_OK);
    assert_true(shows(f, 4, 3) && !shows(f, 4, 4));

    gone(f, 1);
    (void)next_round(f);
    (void)next_round(f);
    assert_int_equal(open_findings(f), 1);
    f->pacs.fault_moves = 1;
    f->pacs.fault = FAULT_FIND_FAILS;
    assert_int_not_equal(kh_compare_study_now(&f->work, &f->node, find_study(f, 1).id, NULL), KH_OK);
    assert_int_equal(open_findings(f), 1); /* who fails says nothing */
    f->pacs.fault_moves = 0;
    f->pacs.fault = FAULT_NONE;
    there(f, 1, "P-1", 1);
    assert_int_equal(kh_compare_study_now(&f->work, &f->node, find_study(f, 1).id, NULL), KH_OK);
    assert_int_equal(open_findings(f), 0);
    gone(f, 2); /* asked twice at once is not two rounds */
    assert_int_equal(kh_compare_study_now(&f->work, &f->node, find_study(f, 2).id, NULL), KH_OK);
    assert_int_equal(kh_compare_study_now(&f->work, &f->node, find_study(f, 2).id, NULL), KH_OK);
    assert_int_equal(open_findings(f), 0);
    assert_int_equal(kh_compare_study_now(&f->work, &f->node, 1000000, NULL), KH_E_NOT_FOUND);
}

/* Nothing else is held from the hospital: a person is told, and nothing is hidden without one, however often it is not there. */
static void the_only_one(void **state)
{
    fixture *f = *state;
    kh_change_author author = {"theirs no more", "tester"};
    int64_t change_id;

    for (int i = 2; i <= 3; i++)
        assert_int_equal(kh_change_delete(f->it.cache, find_study(f, i).id, 0, 0, &author, &change_id, NULL), KH_OK);
    f->limits.hide_gone = true;
    gone(f, 1);
    assert_true(next_round(f).believed);
    assert_int_equal(all_findings(f), 0);
    assert_int_equal(next_round(f).findings, 1);
    assert_int_equal(findings(f, true).newest.kind, KH_FINDING_GONE);
    for (int i = 0; i < 2; i++)
        assert_int_equal(next_round(f).known, 1);
    assert_true(is_shown(f, 1));
    hold(f, 4, "P-4", 1); /* now something shows that the archive lives */
    (void)next_round(f);
    assert_false(is_shown(f, 1));
}

/* --- deciding --- */

static void dismissed_stays(void **state)
{
    fixture *f = *state;
    int64_t id;

    gone(f, 1);
    (void)next_round(f);
    (void)next_round(f);
    id = findings(f, true).newest.id;
    assert_int_equal(kh_finding_dismiss(f->it.cache, id, "", NULL), KH_E_ARG);
    assert_int_equal(kh_finding_dismiss(f->it.cache, id + 1, "tester", NULL), KH_E_NOT_FOUND);
    assert_int_equal(kh_finding_dismiss(f->it.cache, id, "tester", NULL), KH_OK);
    assert_int_equal(kh_finding_dismiss(f->it.cache, id, "tester", NULL), KH_E_CONFLICT);
    f->limits.hide_gone = true;
    (void)next_round(f);
    assert_int_equal(open_findings(f), 0);
    assert_true(is_shown(f, 1));
}

static void hidden_by_itself_and_undone(void **state)
{
    fixture *f = *state;
    kh_finding finding;

    f->limits.hide_gone = true;
    gone(f, 1);
    (void)next_round(f);
    assert_true(is_shown(f, 1));
    (void)next_round(f);
    assert_false(is_shown(f, 1));
    finding = findings(f, false).newest;
    assert_int_equal(finding.state, KH_FINDING_APPLIED);
    assert_string_equal(finding.ended_by, "compare");
    assert_int_equal(next_round(f).known, 1);
    assert_int_equal(kh_change_undo(f->it.cache, finding.change_id, "tester", NULL), KH_OK);
    assert_true(is_shown(f, 1));
    for (int i = 0; i < 3; i++)
        (void)next_round(f);
    assert_true(is_shown(f, 1)); /* undone by a person: not again */
    assert_int_equal(all_findings(f), 1);
}

static bool gives_back(fixture *f, int number)
{
    kh_evictable look;

    assert_int_equal(kh_evict_look(f->it.cache, find_study(f, number).id, 0, &look, NULL), KH_OK);
    return look.node_id != 0;
}

/* What the hospital did not have once is no longer let go, or it would be the last copy. */
static void not_evicted(void **state)
{
    fixture *f = *state;
    int64_t change_id;

    (void)next_round(f);
    assert_true(gives_back(f, 1));
    gone(f, 1);
    (void)next_round(f);
    assert_false(gives_back(f, 1));
    assert_true(gives_back(f, 2));
    there(f, 1, "P-1", 1);
    (void)next_round(f);
    assert_true(gives_back(f, 1));
    gone(f, 1);
    (void)next_round(f);
    (void)next_round(f);
    assert_int_equal(kh_finding_dismiss(f->it.cache, findings(f, true).newest.id, "tester", NULL), KH_OK);
    assert_false(gives_back(f, 1));
    assert_int_equal(kh_finding_apply(f->it.cache, findings(f, false).newest.id, &person, &change_id, NULL), KH_OK);
    assert_false(gives_back(f, 1)); /* nor while it is hidden: it can be undone */
}

static void hidden_by_a_person_meanwhile(void **state)
{
    fixture *f = *state;
    int64_t change_id;

    gone(f, 1);
    (void)next_round(f);
    (void)next_round(f);
    assert_int_equal(kh_change_delete(f->it.cache, find_study(f, 1).id, 0, 0, &person, &change_id, NULL), KH_OK);
    (void)next_round(f);
    assert_int_equal(open_findings(f), 0);
}

/* The archive was only away for some days. What nobody was asked about comes back by itself, what a person hid when a person says so. */
static void there_again(void **state)
{
    fixture *f = *state;
    int64_t change_id;

    f->limits.hide_gone = true;
    gone(f, 1);
    (void)next_round(f);
    (void)next_round(f);
    assert_false(is_shown(f, 1));
    there(f, 1, "P-1", 1);
    (void)next_round(f);
    assert_true(is_shown(f, 1));
    assert_int_equal(findings(f, false).newest.kind, KH_FINDING_RETURNED);
    assert_int_equal(findings(f, false).newest.state, KH_FINDING_APPLIED);
    assert_int_equal(next_round(f).same, 3);
    assert_int_equal(findings(f, false).newest.state, KH_FINDING_OVER);
    f->limits.hide_gone = false;
    gone(f, 1);
    (void)next_round(f);
    (void)next_round(f);
    assert_int_equal(kh_finding_apply(f->it.cache, findings(f, true).newest.id, &person, &change_id, NULL), KH_OK);
    f->limits.hide_gone = true;
    there(f, 1, "P-1", 1);
    assert_int_equal(next_round(f).findings, 1);
    assert_false(is_shown(f, 1));
    assert_int_equal(findings(f, true).newest.kind, KH_FINDING_RETURNED);
    gone(f, 1);
    (void)next_round(f);
    assert_int_equal(open_findings(f), 0); /* after all it is not */
    there(f, 1, "P-1", 1);
    (void)next_round(f);
    assert_int_equal(kh_finding_apply(f->it.cache, findings(f, true).newest.id, &person, &change_id, NULL), KH_OK);
    assert_true(is_shown(f, 1));
    assert_int_equal(next_round(f).same, 3);
    assert_int_equal(open_findings(f), 0);
}

/* What others gave as well, or a part of, is not hidden without a person. */
static void others_have_it(void **state)
{
    fixture *f = *state;
    int64_t other = world_add_node(&f->it, "other", "OTHER", 1, true), change_id;

    f->limits.hide_gone = true;
    hold(f, 4, "P-4", 1);
    hold_object(f, 4, "P-4", 2, &(kh_origin){.facility = "north", .source = "ct-1"});
    settle(f, 4);
    hold(f, 5, "P-5", 1);
    (void)note_pull(f, other, 5, KH_PULL_COMPLETE, 0);
    gone(f, 4);
    gone(f, 5);
    (void)next_round(f);
    (void)next_round(f);
    assert_int_equal(open_findings(f), 2);
    assert_true(is_shown(f, 4) && is_shown(f, 5));
    assert_int_equal(kh_finding_apply(f->it.cache, findings(f, true).newest.id, &person, &change_id, NULL), KH_OK);
    assert_int_equal(open_findings(f), 1);
}

/* Only what the node gave is asked for: not what was pushed, nor what it never had. */
static void what_is_not_its(void **state)
{
    fixture *f = *state;

    hold_object(f, 4, "P-4", 1, &(kh_origin){.facility = "north", .source = "pacs"});
    settle(f, 4);
    hold_object(f, 5, "P-5", 1, &(kh_origin){.facility = "north", .source = "ct-1"});
    settle(f, 5);
    (void)note_pull(f, f->node.id, 5, KH_PULL_PARTIAL, 0); /* "the hospital has no such study" */
    assert_int_equal(next_round(f).asked, 3);
    snprintf(f->node.facility, sizeof(f->node.facility), "south"); /* patients of another hospital are others */
    assert_int_equal(next_round(f).asked, 0);
}

static void node_removed(void **state)
{
    fixture *f = *state;
    int64_t change_id;

    gone(f, 1);
    (void)next_round(f);
    (void)next_round(f);
    assert_int_equal(open_findings(f), 1);
    assert_int_equal(kh_node_remove(f->it.cache, "pacs", NULL), KH_OK);
    assert_int_equal(open_findings(f), 0);
    assert_int_equal(kh_finding_apply(f->it.cache, findings(f, false).newest.id, &person, &change_id, NULL), KH_E_CONFLICT);
    assert_int_equal(kh_compare_request(f->it.cache, f->node.id, NULL), KH_E_NOT_FOUND);
    (void)step(f); /* by one who does not know yet: nothing is left behind */
    assert_int_equal(kh_compare_find(f->it.cache, f->node.id, &(kh_compare){0}, NULL), KH_E_NOT_FOUND);
}

/* --- across a restart --- */

static void reopen(fixture *f)
{
    kh_cache_options options = kh_cache_options_default;

    kh_cache_close(f->it.cache);
    options.dir = f->it.data_dir;
    options.owner = true;
    options.reserve_bytes = 1024 * 1024;
    assert_int_equal(kh_cache_open(&f->it.cache, &options, NULL), KH_OK);
    f->work.cache = f->it.cache;
}

static void goes_on_after_a_restart(void **state)
{
    fixture *f = *state;
    unsigned before;

    gone(f, 2);
    (void)next_round(f);
    reopen(f);
    f->limits.studies_per_hour = 360; /* one a batch */
    kh_clock_shift_for_test(0, DAY_MS);
    assert_int_equal(step(f), 1);
    assert_int_equal(step(f), 1);
    assert_int_equal(compare_of(f).asked, 2);
    reopen(f); /* in the middle, the second absence pending */
    before = f->pacs.finds;
    for (int i = 0; i < 5; i++)
        (void)step(f);
    assert_int_equal(f->pacs.finds - before, 1); /* each is asked for once */
    assert_int_equal(compare_of(f).asked, 3);
    assert_int_equal(open_findings(f), 1);
    reopen(f);
    assert_int_equal(open_findings(f), 1);
}

/* --- in the service --- */

static kh_json *call(fixture *f, const char *request)
{
    kh_json *answer = NULL;
    kh_buf text;

    kh_buf_init(&text, KH_CONTROL_LINE_MAX + 1);
    assert_int_equal(kh_control_call(f->it.data_dir, request, &text, 0, NULL), KH_OK);
    assert_int_equal(kh_json_parse_object(&answer, kh_buf_text(&text), text.size, KH_CONTROL_LINE_MAX, NULL), KH_OK);
    kh_buf_release(&text);
    return answer;
}

static bool call_ok(fixture *f, const char *request)
{
    kh_json *answer = call(f, request);
    bool ok = kh_json_get_bool(answer, "ok", false);

    kh_json_free(answer);
    return ok;
}

static kh_compare await_round(fixture *f, int64_t began_ms)
{
    for (int i = 0; i < WAIT_MS / 10; i++) {
        kh_compare at = compare_of(f);

        if (at.began_ms > began_ms && at.ended_ms > 0)
            return at;
        kh_clock_sleep_ms(10);
    }
    fail_msg("no round ends");
    return compare_of(f);
}

static void in_the_service(void **state)
{
    fixture *f = *state;
    kh_compare at;

    f->it.options.compare = f->limits;
    f->it.options.compare.every_ms = 0; /* only when asked */
    f->it.options.compare.apart_ms = 1;
    world_start_bridge(&f->it);
    gone(f, 1);
    assert_false(call_ok(f, "{\"op\":\"compare.now\",\"node\":\"nobody\"}"));
    assert_true(call_ok(f, "{\"op\":\"compare.now\",\"node\":\"pacs\"}"));
    at = await_round(f, 0);
    assert_int_equal(at.gone, 1);
    world_stop_bridge(&f->it);
    world_start_bridge(&f->it);
    kh_clock_sleep_ms(5);
    assert_true(call_ok(f, "{\"op\":\"compare.now\"}"));
    at = await_round(f, at.began_ms);
    assert_int_equal(at.findings, 1);
    assert_true(call_ok(f, "{\"op\":\"finding.list\"}"));
    assert_false(call_ok(f, "{\"op\":\"finding.list\",\"which\":\"some\"}"));
    assert_false(call_ok(f, "{\"op\":\"finding.list\",\"limit\":26}"));
    assert_false(call_ok(f, "{\"op\":\"finding.apply\",\"id\":1}")); /* by nobody */
    assert_true(call_ok(f, "{\"op\":\"finding.apply\",\"id\":1,\"asked_by\":\"tester\"}"));
    assert_false(call_ok(f, "{\"op\":\"finding.dismiss\",\"id\":1,\"asked_by\":\"tester\"}"));
    assert_false(is_shown(f, 1));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(same_as_here),
        TEST(gone_twice),
        TEST(gone_twice_apart),
        TEST(clock_set_back),
        TEST(failing_is_no_absence),
        TEST(node_is_full),
        TEST(nobody_listens),
        TEST(failing_about_one),
        TEST(not_one_is_there),
        TEST(too_many_stop_it),
        TEST(merged_into_a_known_patient),
        TEST(merged_and_undone),
        TEST(merged_into_an_unknown_patient),
        TEST(what_was_corrected_here),
        TEST(fewer_objects),
        TEST(objects_there_again),
        TEST(more_go_after_some),
        TEST(hidden_and_shown_both_undone),
        TEST(nothing_left_shown),
        TEST(every_object_hidden),
        TEST(asked_again),
        TEST(the_only_one),
        TEST(dismissed_stays),
        TEST(hidden_by_itself_and_undone),
        TEST(there_again),
        TEST(not_evicted),
        TEST(hidden_by_a_person_meanwhile),
        TEST(others_have_it),
        TEST(what_is_not_its),
        TEST(node_removed),
        TEST(goes_on_after_a_restart),
        TEST(in_the_service),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
