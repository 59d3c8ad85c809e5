/* The pull queue's order, places and delays, with hospitals that say nothing for a while and a clock that is moved (R7, R13). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "base/clock.h"
#include "base/log.h"
#include "pacs-bridge/pull_job.h"
#include "tests/bridge/hospital.h"
#include "tests/bridge/support.h"
#include "tests/bridge/world.h"

#define OBJECTS 4
#define WAIT_MS 20000

typedef struct scene {
    world it;
    hospital pacs[3];
    int64_t nodes[3];
} scene;

/* Hospitals 0 to 2, of which the first `silent` fall silent in the middle of their first move. */
static void scene_make(scene *s, unsigned silent)
{
    static const char *const names[] = {"first", "second", "third"};

    world_make(&s->it);
    s->it.options.idle_ms = 30000;
    s->it.options.pull_workers = 1;
    for (unsigned i = 0; i < 3; i++) {
        hospital_start(&s->pacs[i], OBJECTS, s->it.port);
        s->nodes[i] = world_add_node(&s->it, names[i], "HOSPITAL", s->pacs[i].port, true);
        s->pacs[i].fault = i < silent ? FAULT_SILENCE : FAULT_NONE;
        s->pacs[i].silence_ms = 30000;
        s->pacs[i].fault_moves = 1;
    }
}

static void scene_free(scene *s)
{
    world_stop_bridge(&s->it);
    for (unsigned i = 0; i < 3; i++)
        hospital_stop(&s->pacs[i]);
    world_free(&s->it);
}

static int64_t file(scene *s, unsigned node, const char *study_uid, int32_t priority)
{
    int64_t id;

    assert_int_equal(kh_pull_file(s->it.cache, s->nodes[node], study_uid, priority, "test", &id, NULL), KH_OK);
    world_kick(&s->it);
    return id;
}

static kh_pull_state state_of(scene *s, int64_t id)
{
    kh_pull pull;

    assert_int_equal(kh_pull_find(s->it.cache, id, &pull, NULL), KH_OK);
    return pull.state;
}

/* The only worker is held by a back-fill: what a doctor waits for has a worker of its own. */
static void urgent_has_its_own_worker(void **state)
{
    int64_t slow, soon, urgent;
    scene s;

    (void)state;
    scene_make(&s, 1);
    world_start_bridge(&s.it);
    slow = file(&s, 0, SUPPORT_STUDY_UID, 2);
    world_await_state(&s.it, slow, KH_PULL_RUNNING, WAIT_MS);
    urgent = file(&s, 1, SUPPORT_STUDY_UID, 0);
    world_await_state(&s.it, urgent, KH_PULL_COMPLETE, WAIT_MS);
    assert_int_equal(state_of(&s, slow), KH_PULL_RUNNING);
    soon = file(&s, 2, SUPPORT_STUDY_UID, 2); /* that worker is not for others */
    kh_clock_sleep_ms(50);
    assert_int_equal(state_of(&s, soon), KH_PULL_WAITING);
    scene_free(&s);
}

/* No worker is left: the least urgent makes way, at the next word of its move, and goes on later. */
static void least_urgent_makes_way(void **state)
{
    int64_t slow, first, second;
    kh_pull pull;
    scene s;

    (void)state;
    scene_make(&s, 2);
    world_start_bridge(&s.it);
    slow = file(&s, 0, SUPPORT_STUDY_UID, 2);
    world_await_state(&s.it, slow, KH_PULL_RUNNING, WAIT_MS);
    for (unsigned i = 0; i < 2000 && world_count_objects(&s.it) < OBJECTS / 2; i++)
        kh_clock_sleep_ms(5);
    first = file(&s, 1, SUPPORT_STUDY_UID, 0);
    world_await_state(&s.it, first, KH_PULL_RUNNING, WAIT_MS);
    second = file(&s, 2, SUPPORT_STUDY_UID, 0);
    world_await_state(&s.it, second, KH_PULL_COMPLETE, WAIT_MS);
    assert_int_equal(state_of(&s, first), KH_PULL_RUNNING);
    pull = world_await_state(&s.it, slow, KH_PULL_COMPLETE, WAIT_MS); /* the other half came with the second */
    assert_int_equal(pull.received, OBJECTS);
    assert_int_equal(s.pacs[0].moves, 1);
    scene_free(&s);
}

/* One place per node: a second job of it waits though there is a worker, an urgent one has a place more. */
static void places_of_a_node(void **state)
{
    int64_t running, waiting, elsewhere, urgent;
    scene s;

    (void)state;
    scene_make(&s, 1);
    s.it.options.pull_workers = 2;
    s.it.options.pull_per_node = 1;
    world_start_bridge(&s.it);
    running = file(&s, 0, SUPPORT_STUDY_UID, 1);
    world_await_state(&s.it, running, KH_PULL_RUNNING, WAIT_MS);
    waiting = file(&s, 0, "1.2.3", 1);
    elsewhere = file(&s, 1, SUPPORT_STUDY_UID, 2);
    world_await_state(&s.it, elsewhere, KH_PULL_COMPLETE, WAIT_MS); /* though less urgent and filed later */
    assert_int_equal(state_of(&s, waiting), KH_PULL_WAITING);
    urgent = file(&s, 0, "1.2.4", 0);
    world_await_state(&s.it, urgent, KH_PULL_FAILED, WAIT_MS); /* it was asked: no such study */
    assert_int_equal(state_of(&s, running), KH_PULL_RUNNING);
    assert_int_equal(state_of(&s, waiting), KH_PULL_WAITING);
    scene_free(&s);
}

/* A hospital that has a title for us is called by it, and sends to it. */
static void title_of_a_hospital(void **state)
{
    int64_t id;
    scene s;

    (void)state;
    scene_make(&s, 0);
    assert_int_equal(kh_title_add(s.it.cache, "KH_NORTH", "north", NULL), KH_OK);
    assert_int_equal(kh_title_add(s.it.cache, "KH_SOUTH", "south", NULL), KH_OK);
    world_start_bridge(&s.it);
    id = file(&s, 0, SUPPORT_STUDY_UID, 0);
    world_await_state(&s.it, id, KH_PULL_COMPLETE, WAIT_MS);
    assert_string_equal(s.pacs[0].caller, "KH_NORTH");
    assert_string_equal(s.pacs[0].destination, "KH_NORTH");
    scene_free(&s);
}

/* The node takes one association of ours: a job that somebody waits for gets it from a less urgent one, and there are never two. */
static void one_association_of_a_node(void **state)
{
    int64_t running, soon, urgent;
    kh_node node;
    scene s;

    (void)state;
    scene_make(&s, 1);
    s.it.options.pull_workers = 2;
    s.it.options.pull_per_node = 2;
    assert_int_equal(kh_node_find(s.it.cache, "first", &node, NULL), KH_OK);
    node.associations = 1;
    assert_int_equal(kh_node_set(s.it.cache, &node, NULL), KH_OK);
    world_start_bridge(&s.it);
    running = file(&s, 0, SUPPORT_STUDY_UID, 1);
    world_await_objects(&s.it, OBJECTS / 2);
    soon = file(&s, 0, "1.2.3", 1);
    urgent = file(&s, 0, "1.2.4", 0);
    world_await_state(&s.it, urgent, KH_PULL_FAILED, WAIT_MS); /* it was asked: no such study */
    world_await_state(&s.it, running, KH_PULL_COMPLETE, WAIT_MS);
    world_await_state(&s.it, soon, KH_PULL_FAILED, WAIT_MS);
    assert_int_equal(s.pacs[0].most_at_once, 1);
    scene_free(&s);
}

/* The places of a node are all taken, two of them by less urgent jobs than the one that waits. */
static void makes_way_at_its_node(void **state)
{
    int64_t running, urgent, second;
    scene s;

    (void)state;
    scene_make(&s, 1);
    s.it.options.pull_workers = 3;
    s.it.options.pull_per_node = 1;
    s.pacs[0].fault_moves = 2;
    world_start_bridge(&s.it);
    running = file(&s, 0, SUPPORT_STUDY_UID, 2);
    world_await_state(&s.it, running, KH_PULL_RUNNING, WAIT_MS);
    urgent = file(&s, 0, "1.2.4", 1);
    world_await_state(&s.it, urgent, KH_PULL_FAILED, WAIT_MS);
    second = file(&s, 0, "1.2.5", 0);
    world_await_state(&s.it, second, KH_PULL_FAILED, WAIT_MS);
    scene_free(&s);
}

/* Outside the hours of its node nothing is asked, whatever the priority; other nodes go on. */
static void hours_of_a_node(void **state)
{
    static const char *const days[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};
    time_t now = (time_t)(kh_clock_wall_ms() / 1000);
    int64_t closed, open;
    struct tm local;
    kh_node node;
    scene s;

    (void)state;
    scene_make(&s, 0);
    assert_int_equal(kh_node_find(s.it.cache, "first", &node, NULL), KH_OK);
    snprintf(node.hours, sizeof(node.hours), "%s", days[(localtime_r(&now, &local)->tm_wday + 3) % 7]); /* a day that is far */
    assert_int_equal(kh_node_set(s.it.cache, &node, NULL), KH_OK);
    world_start_bridge(&s.it);
    closed = file(&s, 0, SUPPORT_STUDY_UID, 0);
    open = file(&s, 1, SUPPORT_STUDY_UID, 2);
    world_await_state(&s.it, open, KH_PULL_COMPLETE, WAIT_MS);
    assert_int_equal(state_of(&s, closed), KH_PULL_WAITING);
    assert_int_equal(s.pacs[0].moves, 0);
    node.hours[0] = '\0';
    assert_int_equal(kh_node_set(s.it.cache, &node, NULL), KH_OK);
    world_await_state(&s.it, closed, KH_PULL_COMPLETE, WAIT_MS);
    scene_free(&s);
}

/* 1 s, 2 s, 4 s ... 5 min, each less up to a quarter: what stands in the index, with a clock that is moved instead of waited for. */
static void delays_grow_up_to_the_longest(void **state)
{
    int64_t id, delay_ms = 1000;
    kh_pull pull;
    scene s;

    (void)state;
    scene_make(&s, 0);
    s.it.options.pull_attempts_max = 12;
    s.it.options.pull_retry_first_ms = 1000;
    s.it.options.pull_retry_longest_ms = 300000;
    s.pacs[0].fault = FAULT_NOTHING;
    s.pacs[0].fault_moves = 1000;
    world_start_bridge(&s.it);
    id = file(&s, 0, SUPPORT_STUDY_UID, 1);
    for (int attempt = 1; attempt < 12; attempt++) {
        int64_t wait_ms;

        do {
            kh_clock_sleep_ms(5);
            assert_int_equal(kh_pull_find(s.it.cache, id, &pull, NULL), KH_OK);
        } while (pull.state == KH_PULL_RUNNING || pull.attempts < attempt);
        assert_int_equal(pull.state, KH_PULL_WAITING);
        assert_int_equal(pull.attempts, attempt);
        assert_string_not_equal(pull.reason, "");
        wait_ms = pull.not_before_ms - pull.updated_ms; /* decided just before it was written */
        if (wait_ms > delay_ms || wait_ms < delay_ms - delay_ms / 4 - 1000)
            fail_msg("attempt %d: %lld ms, expected %lld less up to a quarter", attempt, (long long)wait_ms, (long long)delay_ms);
        if (attempt == 5) { /* a restart in the middle of a delay changes nothing */
            world_stop_bridge(&s.it);
            world_start_bridge(&s.it);
            assert_int_equal(state_of(&s, id), KH_PULL_WAITING);
        }
        kh_clock_shift_for_test(0, delay_ms);
        world_kick(&s.it);
        delay_ms = delay_ms * 2 > 300000 ? 300000 : delay_ms * 2;
    }
    pull = world_await_state(&s.it, id, KH_PULL_FAILED, WAIT_MS);
    assert_int_equal(pull.attempts, 12);
    scene_free(&s);
}

static void backoff_of_an_attempt(void **state)
{
    static const struct {
        int32_t attempt;
        unsigned jitter;
        int64_t expected_ms;
    } cases[] = {{1, 0, 1000},    {1, 1023, 751},   {2, 0, 2000},      {4, 0, 8000},          {9, 0, 256000},
                 {10, 0, 300000}, {100, 0, 300000}, {2147483647, 0, 300000}, {10, 512, 262500}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(kh_pull_backoff_ms(1000, 300000, cases[i].attempt, cases[i].jitter), cases[i].expected_ms);
}

/* R13: the wall clock jumps while jobs run and wait; all end, none waits for the clock to come back. */
static void clock_jumps_in_the_middle(void **state)
{
    static const int64_t jumps_s[] = {1, -1, 3600, -3600, 315576000, -315576000};

    (void)state;
    for (size_t i = 0; i < sizeof(jumps_s) / sizeof(jumps_s[0]); i++) {
        int64_t id;
        kh_pull pull;
        scene s;

        scene_make(&s, 0);
        s.it.options.pull_retry_longest_ms = 500;
        s.it.options.pull_retry_first_ms = 500;
        s.pacs[0].fault = FAULT_OUT_OF_RESOURCES;
        s.pacs[0].fault_moves = 1;
        world_start_bridge(&s.it);
        id = file(&s, 0, SUPPORT_STUDY_UID, 1);
        for (unsigned n = 0; n < 2000 && (state_of(&s, id) != KH_PULL_WAITING || s.pacs[0].moves == 0); n++)
            kh_clock_sleep_ms(5);
        kh_clock_shift_for_test(0, jumps_s[i] * 1000);
        pull = world_await_state(&s.it, id, KH_PULL_COMPLETE, WAIT_MS);
        assert_int_equal(pull.received, OBJECTS);
        kh_clock_shift_for_test(0, -jumps_s[i] * 1000);
        scene_free(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(urgent_has_its_own_worker), cmocka_unit_test(least_urgent_makes_way),
        cmocka_unit_test(hours_of_a_node), cmocka_unit_test(places_of_a_node),          cmocka_unit_test(makes_way_at_its_node),
        cmocka_unit_test(one_association_of_a_node),                cmocka_unit_test(title_of_a_hospital),
        cmocka_unit_test(delays_grow_up_to_the_longest), cmocka_unit_test(backoff_of_an_attempt),
        cmocka_unit_test(clock_jumps_in_the_middle)};

    signal(SIGPIPE, SIG_IGN);
    kh_log_set_level(getenv("KH_TEST_LOG") ? KH_LOG_INFO : KH_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
