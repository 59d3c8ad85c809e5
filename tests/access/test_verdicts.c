/* The table of verdicts: what counts and what does not, and four threads on it while the epoch moves. */
#include "tests/cmocka_all.h"

#include <pthread.h>
#include <stdatomic.h>
#include "access/verdicts.h"
#include "tests/access/clock_at.h"

static kh_verdicts *table;

static int set_up(void **state)
{
    (void)state;
    return kh_verdicts_create(&table, NULL) == KH_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    kh_verdicts_free(table);
    return 0;
}

static kh_verdict_key key_of(int64_t who, int64_t what)
{
    return (kh_verdict_key){
        .who = who, .what = what, .role = KH_ROLE_DOCTOR, .scopes = KH_SCOPE_ALL, .verb = KH_VERB_VIEW, .kind = KH_KIND_STUDY};
}

static const kh_verdict yes = {true, KH_REASON_GRANT, 42, INT64_MAX};

static void test_what_counts(void **state)
{
    kh_verdict_key key = key_of(5, 7), other;
    kh_verdict out, soon = yes;

    (void)state;
    assert_false(kh_verdicts_get(table, &key, 1, &out));
    kh_verdicts_put(table, &key, 1, &yes);
    assert_true(kh_verdicts_get(table, &key, 1, &out));
    assert_true(out.allowed && out.reason == KH_REASON_GRANT && out.grant_id == 42 && out.until_ms == INT64_MAX);
    assert_false(kh_verdicts_get(table, &key, 2, &out)); /* another epoch */
    assert_false(kh_verdicts_get(table, &key, 0, &out));
    other = key, other.who = 6;
    assert_false(kh_verdicts_get(table, &other, 1, &out));
    other = key, other.what = -7;
    assert_false(kh_verdicts_get(table, &other, 1, &out));
    other = key, other.verb = KH_VERB_TAKE;
    assert_false(kh_verdicts_get(table, &other, 1, &out));
    other = key, other.kind = KH_KIND_FRAME;
    assert_false(kh_verdicts_get(table, &other, 1, &out));
    other = key, other.role = KH_ROLE_NURSE;
    assert_false(kh_verdicts_get(table, &other, 1, &out));
    other = key, other.scopes = KH_SCOPE_VIEW;
    assert_false(kh_verdicts_get(table, &other, 1, &out));
    /* its own time, both sides */
    soon.until_ms = kh_clock_wall_ms() + 100000;
    kh_verdicts_put(table, &key, 1, &soon);
    assert_true(kh_verdicts_get(table, &key, 1, &out));
    clock_at(0, 100001);
    assert_false(kh_verdicts_get(table, &key, 1, &out));
    clock_at(KH_VERDICT_KEPT_MS + 1, 0);
    assert_false(kh_verdicts_get(table, &key, 1, &out));
    clock_at(0, 0);
    /* what has no name is not kept */
    other = key_of(0, 7);
    kh_verdicts_put(table, &other, 1, &yes);
    assert_false(kh_verdicts_get(table, &other, 1, &out));
    other = key_of(5, 0);
    kh_verdicts_put(table, &other, 1, &yes);
    assert_false(kh_verdicts_get(table, &other, 1, &out));
}

/* More than it holds: what is there is right, and the newest is there. */
static void test_full(void **state)
{
    kh_verdict out, verdict = yes;

    (void)state;
    for (int64_t i = 1; i <= 4 * (int64_t)KH_VERDICT_SETS * 2; i++) {
        kh_verdict_key key = key_of(9, i);

        verdict.grant_id = i;
        kh_verdicts_put(table, &key, 3, &verdict);
        assert_true(kh_verdicts_get(table, &key, 3, &out));
    }
    for (int64_t i = 1; i <= 4 * (int64_t)KH_VERDICT_SETS * 2; i++) {
        kh_verdict_key key = key_of(9, i);

        if (kh_verdicts_get(table, &key, 3, &out))
            assert_true(out.grant_id == i);
    }
}

/* Of an even epoch every verdict is a yes, of an odd one a no, and the grant's id says of which: whatever is found has to fit. */
static _Atomic uint64_t epoch_now = 2;
static _Atomic bool stop;
static _Atomic uint64_t wrong, found;

static void *ask_and_decide(void *context)
{
    uint64_t random = (uint64_t)(uintptr_t)context;

    while (!atomic_load(&stop)) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        int64_t what = 1 + (int64_t)(random >> 33) % 64;
        kh_verdict_key key = key_of(1 + (int64_t)(random >> 60), what);
        uint64_t epoch = atomic_load(&epoch_now);
        kh_verdict out;

        if (!kh_verdicts_get(table, &key, epoch, &out)) {
            const kh_verdict verdict = {epoch % 2 == 0, KH_REASON_GRANT, (int64_t)(epoch * 1000) + key.what, INT64_MAX};

            kh_verdicts_put(table, &key, epoch, &verdict);
            continue;
        }
        atomic_fetch_add(&found, 1);
        if (out.allowed != (epoch % 2 == 0) || out.grant_id != (int64_t)(epoch * 1000) + key.what)
            atomic_fetch_add(&wrong, 1);
    }
    return NULL;
}

static void test_four_threads(void **state)
{
    pthread_t threads[4];

    (void)state;
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask_and_decide, (void *)(uintptr_t)(i + 1)), 0);
    for (int i = 0; i < 400; i++) {
        kh_clock_sleep_ms(1);
        atomic_fetch_add(&epoch_now, 1);
    }
    atomic_store(&stop, true);
    for (size_t i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_true(atomic_load(&found) > 0);
    assert_int_equal(atomic_load(&wrong), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_counts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_full, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_four_threads, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
