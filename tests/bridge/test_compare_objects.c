/* Objects that a hospital no longer has of a study, has again, or of which more go: what is found, hidden and shown. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "tests/bridge/comparing.h"

static const kh_change_author person = {"as they did", "tester"};

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(fewer_objects),
        TEST(objects_there_again),
        TEST(more_go_after_some),
        TEST(hidden_and_shown_both_undone),
        TEST(nothing_left_shown),
        TEST(every_object_hidden),
        TEST(asked_again),
        TEST(the_only_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
