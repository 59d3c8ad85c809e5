/* The rows of a list: decided with what its horizon knows of the patients (horizon_grants.h) as if each were read by itself, and never with
 * what has changed meanwhile [AZ-16, AZ-17, AZ-23; RELIABILITY S1, S3]. Every cell of the oracle is asked this way by test_matrix.c. */
#include "tests/cmocka_all.h"
#include <stdio.h>
#include <string.h>
#include "access/emergency.h"
#include "access/facilities.h"
#include "access/horizons.h"
#include "access/people.h"
#include "access/policies.h"
#include "base/clock.h"
#include "tests/access/clock_at.h"
#include "tests/access/world.h"

#define GRANT KH_REASON_GRANT
static const kh_consent_place east[] = {{"east", ""}};

/* --- what is packed --- */

static kh_grant_fact grant_of(int64_t id)
{
    kh_grant_fact grant = {.id = id,
                           .to_site = id % 2 == 0,
                           .withdrawn = id % 3 == 0,
                           .from_ms = 1000 + id,
                           .to_ms = INT64_MAX - id,
                           .items = (unsigned)(id % 8)};

    snprintf(grant.floor, sizeof grant.floor, "2025%04u", (unsigned)(id % 10000) & 0x3ff);
    snprintf(grant.modalities, sizeof grant.modalities, "CT,M%d", (int)(id % 7));
    return grant;
}

static void assert_same_grant(const kh_grant_fact *a, const kh_grant_fact *b)
{
    assert_int_equal(a->id, b->id);
    assert_true(a->to_site == b->to_site && a->withdrawn == b->withdrawn);
    assert_true(a->from_ms == b->from_ms && a->to_ms == b->to_ms);
    assert_int_equal(a->items, b->items);
    assert_string_equal(a->floor, b->floor);
    assert_string_equal(a->modalities, b->modalities);
}

static void add(kh_horizon_grants *of, int64_t id)
{
    kh_grant_fact grant = grant_of(id);

    assert_ok(kh_horizon_grants_add(of, &grant, err));
}

static void test_packed(void **state)
{
    static kh_gathered out;
    kh_horizon_grants of = {0};
    int64_t id = 1;

    (void)state;
    assert_false(kh_horizon_grants_get(&of, 0, &out));
    for (size_t patient = 0; patient < 200; patient++) {
        for (size_t i = 0; i < patient % 5; i++) /* some have none: an emergency only */
            add(&of, id++);
        if (patient % 4 == 3) { /* nobody who is listed */
            add(&of, 9999);
            add(&of, 9998);
            kh_horizon_grants_drop(&of);
            id -= (int64_t)(patient % 5);
        } else {
            assert_ok(kh_horizon_grants_keep(&of, err));
        }
    }
    id = 1;
    for (size_t patient = 0, at = 0; patient < 200; patient++) {
        if (patient % 4 == 3)
            continue;
        memset(&out, 0, sizeof out);
        assert_true(kh_horizon_grants_get(&of, at++, &out) == (patient % 5 > 0));
        assert_true(out.facts.linked == (patient % 5 > 0));
        assert_int_equal(out.facts.grant_count, patient % 5);
        for (size_t i = 0; i < patient % 5; i++) {
            const kh_grant_fact expected = grant_of(id++);

            assert_same_grant(&out.facts.grants[i], &expected);
        }
    }
    assert_false(kh_horizon_grants_get(&of, of.patients, &out));
    kh_horizon_grants_release(&of);
    assert_false(kh_horizon_grants_get(&of, 0, &out));
}

/* Both sides of each limit: no patient is known by half. */
static void test_packed_limits(void **state)
{
    static kh_gathered out;
    kh_horizon_grants of = {0};
    kh_grant_fact grant = grant_of(1);

    (void)state;
    for (int64_t i = 0; i < KH_GATHER_GRANTS_MAX + 5; i++) /* as many as a decision takes, the first ones */
        add(&of, 1 + i);
    assert_ok(kh_horizon_grants_keep(&of, err));
    assert_true(kh_horizon_grants_get(&of, 0, &out));
    assert_int_equal(out.facts.grant_count, KH_GATHER_GRANTS_MAX);
    assert_int_equal(out.facts.grants[KH_GATHER_GRANTS_MAX - 1].id, KH_GATHER_GRANTS_MAX);
    for (size_t i = of.codes_count; i < KH_HORIZON_CODES_MAX; i++) {
        snprintf(grant.modalities, sizeof grant.modalities, "X%zu", i);
        assert_ok(kh_horizon_grants_add(&of, &grant, err));
        assert_ok(kh_horizon_grants_keep(&of, err));
        assert_true(kh_horizon_grants_get(&of, of.patients - 1, &out));
        assert_string_equal(out.facts.grants[0].modalities, grant.modalities);
    }
    add(&of, 2); /* modalities that are known */
    snprintf(grant.modalities, sizeof grant.modalities, "ONE MORE");
    assert_ok(kh_horizon_grants_add(&of, &grant, err));
    add(&of, 3);
    assert_ok(kh_horizon_grants_keep(&of, err));
    assert_false(kh_horizon_grants_get(&of, of.patients - 1, &out)); /* not with two of its three */
    add(&of, 4);
    assert_ok(kh_horizon_grants_keep(&of, err));
    assert_true(kh_horizon_grants_get(&of, of.patients - 1, &out));
    assert_int_equal(out.facts.grants[0].id, 4);
    kh_horizon_grants_release(&of);
}

static void test_packed_most(void **state)
{
    static kh_gathered out;
    kh_horizon_grants of = {0};
    size_t patients = KH_HORIZON_GRANTS_MAX / KH_GATHER_GRANTS_MAX;

    (void)state;
    for (size_t i = 0; i <= patients; i++) {
        for (int64_t g = 0; g < KH_GATHER_GRANTS_MAX; g++)
            add(&of, 1 + g % 7);
        assert_ok(kh_horizon_grants_keep(&of, err));
    }
    assert_true(of.count <= KH_HORIZON_GRANTS_MAX);
    assert_true(kh_horizon_grants_get(&of, patients - 1, &out));
    assert_false(kh_horizon_grants_get(&of, patients, &out));
    kh_horizon_grants_release(&of);
}

/* --- rows --- */

typedef struct list {
    kh_subject subject;
    kh_horizon horizon;
    kh_rights_shared *shared;
} list;

static list begin(const char *login)
{
    list of = {.subject = world_person(login)};

    assert_ok(kh_rights_horizon(world_rights, &of.subject, &of.horizon, err));
    assert_ok(kh_rights_shared_create(&of.shared, err));
    kh_rights_shared_within(of.shared, &of.horizon);
    return of;
}

static void end(list *of)
{
    kh_rights_shared_free(of->shared);
    kh_horizon_release(&of->horizon);
}

/* Each row is another study, so that nothing that was decided is kept. */
static kh_reason row(list *of)
{
    static int64_t key = 100000;
    kh_matter matter = world_study();
    kh_verdict verdict;

    matter.key = key++;
    assert_ok(kh_rights_decide_with(world_rights, of->shared, &of->subject, KH_VERB_FIND, &matter, &verdict, err));
    assert_true(verdict.allowed == (verdict.reason == GRANT || verdict.reason == KH_REASON_EMERGENCY));
    return verdict.reason;
}

/* Two are known by the horizon alone: the first reads who asks and the discloser. */
static list begin_known(const char *login)
{
    list of = begin(login);

    for (int i = 0; i < 3; i++)
        assert_int_equal(row(&of), GRANT);
    return of;
}

static void test_withdrawn_between_rows(void **state)
{
    kh_consent_sheet sheet = world_sheet(east, 1);
    int64_t id = world_consent(&sheet);
    list of;

    (void)state;
    world_link("east", "3001");
    of = begin_known("east.doctor");
    assert_ok(kh_consent_withdraw(access_db, id, "", "", "test", err));
    assert_int_equal(row(&of), KH_REASON_WITHDRAWN);
    assert_int_equal(row(&of), KH_REASON_WITHDRAWN);
    end(&of);
    world_consent(&sheet);
    of = begin_known("east.doctor");
    world_unlink("east", "3001");
    assert_int_equal(row(&of), KH_REASON_NO_LINK);
    world_link("east", "3001");
    assert_int_equal(row(&of), GRANT);
    end(&of);
}

static void test_stopped_between_rows(void **state)
{
    kh_consent_sheet sheet = world_sheet(east, 1);
    kh_policy policy = {.facility = "north", .items = KH_ITEM_ALL, .modalities = "MR", .look_back_years = KH_LOOK_BACK_SETTING};
    list of;

    (void)state;
    world_consent(&sheet);
    world_link("east", "3001");
    of = begin_known("east.doctor");
    assert_ok(kh_facility_suspend(access_db, "north", "x", "test", 0, err));
    assert_int_equal(row(&of), KH_REASON_STOPPED);
    assert_ok(kh_facility_resume(access_db, "north", err));
    assert_int_equal(row(&of), GRANT);
    assert_ok(kh_policy_set(access_db, &policy, "test", err));
    assert_int_equal(row(&of), KH_REASON_ITEM);
    policy.modalities[0] = '\0';
    assert_ok(kh_policy_set(access_db, &policy, "test", err));
    assert_int_equal(row(&of), GRANT);
    assert_ok(kh_person_suspend(access_db, "east.doctor", "x", "test", 0, err));
    assert_int_equal(row(&of), KH_REASON_STOPPED);
    end(&of);
}

/* A grant that ends by time ends for the rows behind it, without anybody who raises the epoch. */
static void test_over_between_rows(void **state)
{
    kh_consent_sheet sheet = world_sheet(east, 1);
    list of;

    (void)state;
    sheet.to_ms = kh_clock_wall_ms() + 60000;
    world_consent(&sheet);
    world_link("east", "3001");
    of = begin_known("east.doctor");
    clock_at(0, 61000);
    assert_int_equal(row(&of), KH_REASON_EXPIRED);
    clock_at(0, 0);
    assert_int_equal(row(&of), GRANT);
    end(&of);
}

/* What the horizon does not know is read: what is hidden, and who has taken emergency access. */
static void test_hidden_and_emergency(void **state)
{
    kh_consent_sheet sheet = world_sheet(east, 1);
    const kh_matter study = world_study();
    const kh_emergency_request request = {.person_id = world_person("west.doctor").person_id,
                                          .facility = "north",
                                          .number = "1001",
                                          .reason = "an accident",
                                          .duration_ms = 600000};
    int64_t id, until_ms;
    list of, other;

    (void)state;
    world_consent(&sheet);
    world_link("east", "3001");
    of = begin_known("east.doctor");
    other = begin("west.doctor");
    assert_int_equal(row(&other), KH_REASON_NO_CONSENT);
    assert_ok(kh_emergency_open(access_db, &request, &id, &until_ms, err));
    assert_int_equal(row(&other), KH_REASON_EMERGENCY);
    end(&other);
    other = begin("west.doctor"); /* in the list, and nothing is known of it */
    assert_int_equal(other.horizon.count, 1);
    for (int i = 0; i < 3; i++)
        assert_int_equal(row(&other), KH_REASON_EMERGENCY);
    assert_ok(kh_hide(access_db, "north", study.study_uid, "", "x", "test", err));
    assert_int_equal(row(&of), KH_REASON_HIDDEN);
    assert_int_equal(row(&of), KH_REASON_HIDDEN);
    assert_int_equal(row(&other), KH_REASON_HIDDEN);
    end(&of);
    end(&other);
}

/* A grant to a named doctor lists the patient for that doctor, not for a node of the house, nor for others there [KN-7]. */
static void test_named_doctor(void **state)
{
    kh_consent_sheet sheet = world_sheet(NULL, 0);
    kh_subject node;
    kh_horizon horizon;
    list of;

    (void)state;
    sheet.form = KH_CONSENT_DOCTOR;
    sheet.person = "east.doctor";
    world_consent(&sheet);
    world_link("east", "3001");
    of = begin_known("east.doctor");
    end(&of);
    of = begin("east.radiologist");
    assert_int_equal(of.horizon.count, 0);
    assert_int_equal(row(&of), KH_REASON_NO_CONSENT);
    end(&of);
    assert_ok(kh_rights_node(world_rights, "east-pacs", "east", &node, err));
    assert_ok(kh_rights_horizon(world_rights, &node, &horizon, err));
    assert_int_equal(horizon.count, 0);
    kh_horizon_release(&horizon);
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, world_set_up, world_tear_down)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_packed),      cmocka_unit_test(test_packed_limits),
        cmocka_unit_test(test_packed_most), CASE(test_withdrawn_between_rows),
        CASE(test_stopped_between_rows),    CASE(test_over_between_rows),
        CASE(test_hidden_and_emergency),    CASE(test_named_doctor),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
