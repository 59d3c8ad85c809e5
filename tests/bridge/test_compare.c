/* What is held against what its hospital has: when a difference becomes a finding, when nothing is believed, a restart, the service. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/clock.h"
#include "base/json.h"
#include "pacs-bridge/control.h"
#include "tests/bridge/comparing.h"

#define WAIT_MS 30000

static const kh_change_author person = {"as they did", "tester"};

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
        TEST(goes_on_after_a_restart),
        TEST(in_the_service),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
