/* R13: the wall clock jumps while look-ups and storage commitments wait. None waits longer than the longest delay; one that was asked for
 * is given up neither early nor never, and a report that comes late counts. Pulls and sends: test_jobs.c, test_rules.c. */
#include "support.h"

#include "base/clock.h"
#include "cache/commitments.h"
#include "cache/nodes.h"
#include "cache/lookups.h"

#define LONGEST_MS 300000
#define PATIENCE_MS 86400000

static const int64_t jumps_s[] = {0, 1, -1, 60, -60, 3600, -3600, 86400, -86400, 315576000, -315576000};

static bool look_up_is_due(fixture *f)
{
    kh_lookup lookup;

    return kh_lookup_next(f->cache, LONGEST_MS, &lookup, NULL) == KH_OK;
}

static void a_look_up(void **state)
{
    fixture *f = *state;
    kh_lookup lookup;

    assert_ok(kh_lookup_file(f->cache, 1, 2, 3, false, err));
    for (size_t i = 0; i < sizeof jumps_s / sizeof jumps_s[0]; i++) {
        bool due;

        assert_ok(kh_lookup_next(f->cache, LONGEST_MS, &lookup, err));
        lookup.not_before_ms = kh_clock_wall_ms() + LONGEST_MS - 1000;
        assert_ok(kh_lookup_update(f->cache, &lookup, err));
        assert_false(look_up_is_due(f));
        kh_clock_shift_for_test(0, jumps_s[i] * 1000);
        due = look_up_is_due(f);
        kh_clock_shift_for_test(0, LONGEST_MS);
        if (!due && !look_up_is_due(f))
            fail_msg("jump of %lld s: not due after the longest delay", (long long)jumps_s[i]);
        kh_clock_shift_for_test(0, -LONGEST_MS - jumps_s[i] * 1000);
        lookup.not_before_ms = 0;
        assert_ok(kh_lookup_update(f->cache, &lookup, err));
    }
}

static size_t due_count(fixture *f)
{
    kh_commitment due[4];
    size_t count = 4;
    int64_t next_ms;

    assert_ok(kh_commitment_due(f->cache, kh_clock_wall_ms(), LONGEST_MS, PATIENCE_MS, due, &count, &next_ms, err));
    return count;
}

static kh_commitment file(fixture *f, kh_commitment_side side)
{
    kh_node node = {.name = "a", .ae_title = "A", .host = "h", .port = 104, .facility = "north"};
    kh_commitment commitment = {.side = side, .transaction_uid = "1.2.3"};
    const kh_commitment_ref ref = {"1.2.840.10008.5.1.4.1.1.2", "1.2.3.4", KH_COMMITMENT_UNKNOWN, 0};

    assert_ok(kh_node_add(f->cache, &node, err));
    commitment.node_id = node.id;
    assert_ok(kh_commitment_file(f->cache, &commitment, &ref, 1, 10, err));
    return commitment;
}

static void a_commitment(void **state)
{
    static const struct {
        kh_commitment_state state;
        int64_t delay_ms;
    } rows[] = {{KH_COMMITMENT_WAITING, LONGEST_MS}, {KH_COMMITMENT_ASKED, PATIENCE_MS}};
    fixture *f = *state;
    kh_commitment commitment = file(f, KH_COMMITMENT_THEIRS);

    for (size_t k = 0; k < sizeof rows / sizeof rows[0]; k++)
        for (size_t i = 0; i < sizeof jumps_s / sizeof jumps_s[0]; i++) {
            size_t due;

            commitment.state = rows[k].state;
            commitment.not_before_ms = kh_clock_wall_ms() + rows[k].delay_ms - 1000;
            assert_ok(kh_commitment_update(f->cache, &commitment, NULL, 0, err));
            assert_int_equal(due_count(f), 0);
            kh_clock_shift_for_test(0, jumps_s[i] * 1000);
            due = due_count(f);
            kh_clock_shift_for_test(0, rows[k].delay_ms);
            if (due == 0 && due_count(f) == 0)
                fail_msg("state %d, jump of %lld s: not due after the longest delay", (int)rows[k].state, (long long)jumps_s[i]);
            kh_clock_shift_for_test(0, -rows[k].delay_ms - jumps_s[i] * 1000);
        }
}

static void a_late_report(void **state)
{
    fixture *f = *state;
    kh_commitment commitment = file(f, KH_COMMITMENT_THEIRS), found;

    commitment.state = KH_COMMITMENT_FAILED;
    assert_ok(kh_commitment_update(f->cache, &commitment, NULL, 0, err));
    commitment.state = KH_COMMITMENT_ASKED;
    assert_int_equal(kh_commitment_update(f->cache, &commitment, NULL, 0, NULL), KH_E_CONFLICT);
    commitment.state = KH_COMMITMENT_DONE;
    commitment.committed = 1;
    assert_ok(kh_commitment_update(f->cache, &commitment, NULL, 0, err));
    assert_ok(kh_commitment_find(f->cache, commitment.id, &found, err));
    assert_int_equal(found.state, KH_COMMITMENT_DONE);
    assert_int_equal(found.committed, 1);
}

static void ours_stays_failed(void **state)
{
    fixture *f = *state;
    kh_commitment commitment = file(f, KH_COMMITMENT_OURS);

    commitment.state = KH_COMMITMENT_FAILED;
    assert_ok(kh_commitment_update(f->cache, &commitment, NULL, 0, err));
    commitment.state = KH_COMMITMENT_DONE;
    assert_int_equal(kh_commitment_update(f->cache, &commitment, NULL, 0, NULL), KH_E_CONFLICT);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, cache_set_up, cache_tear_down)
    const struct CMUnitTest tests[] = {T(a_look_up), T(a_commitment), T(a_late_report), T(ours_stays_failed)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
