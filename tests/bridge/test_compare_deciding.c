/* What following a finding does, or leaving it: dismissed, undone, meanwhile done by a person, what is not its. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include "cache/evict.h"
#include "tests/bridge/comparing.h"

static const kh_change_author person = {"as they did", "tester"};

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(dismissed_stays),
        TEST(hidden_by_itself_and_undone),
        TEST(there_again),
        TEST(not_evicted),
        TEST(hidden_by_a_person_meanwhile),
        TEST(others_have_it),
        TEST(what_is_not_its),
        TEST(node_removed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
