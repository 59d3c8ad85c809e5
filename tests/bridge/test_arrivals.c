/* When a study has arrived: silence, and the hospital asked once more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/clock.h"
#include "base/log.h"
#include "cache/browse.h"
#include "cache/ingest.h"
#include "tests/bridge/hospital.h"
#include "tests/bridge/support.h"
#include "tests/bridge/world.h"

#define QUIET_MS 400
#define NEVER_MS 3600000
#define WAIT_MS 30000
#define ALWAYS 1000

static kh_status keep_study(void *context, const kh_study *study)
{
    *(kh_study *)context = *study;
    return KH_OK;
}

static kh_study find_study(world *it)
{
    kh_study study = {0};

    assert_int_equal(kh_browse_study_uid(it->cache, SUPPORT_STUDY_UID, keep_study, &study, NULL), KH_OK);
    return study;
}

static void await_arriving(world *it, bool arriving)
{
    for (int i = 0; i < WAIT_MS / 10; i++) {
        kh_study study = find_study(it);
        if (study.id != 0 && study.arriving == arriving)
            return;
        kh_clock_sleep_ms(10);
    }
    fail_msg("the study is%s arriving after %d ms", arriving ? " not" : " still", WAIT_MS);
}

static void push(world *it, unsigned number)
{
    const kh_origin origin = {.facility = "north", .source = "ct-1"};
    kh_ingest_result result;
    char path[100];

    snprintf(path, sizeof(path), "%s/%u.dcm", it->dir, number);
    support_write_object(path, number, 512, NULL, NULL);
    assert_int_equal(kh_ingest_file(it->cache, path, &origin, &result, NULL), KH_OK);
}

typedef struct pulls {
    unsigned count, compares;
    kh_pull newest;
} pulls;

static kh_status note_pull(void *context, const kh_pull *pull)
{
    pulls *so_far = context;

    if (so_far->count++ == 0)
        so_far->newest = *pull;
    so_far->compares += pull->compare;
    return KH_OK;
}

static pulls list_pulls(world *it)
{
    pulls all = {0};

    assert_int_equal(kh_pull_list(it->cache, false, 100, note_pull, &all, NULL), KH_OK);
    return all;
}

static void pushed_until_quiet(void **state)
{
    world it;

    (void)state;
    world_make(&it);
    it.options.quiet_ms = QUIET_MS;
    push(&it, 1); /* while no bridge runs */
    assert_true(find_study(&it).arriving);
    world_start_bridge(&it);
    await_arriving(&it, false);
    push(&it, 1); /* the same again is nothing new */
    assert_false(find_study(&it).arriving);
    push(&it, 2);
    assert_true(find_study(&it).arriving);
    await_arriving(&it, false);
    assert_int_equal(list_pulls(&it).count, 0);
    world_free(&it);
}

static void not_before_it_is_quiet(void **state)
{
    world it;

    (void)state;
    world_make(&it);
    it.options.quiet_ms = NEVER_MS;
    world_start_bridge(&it);
    push(&it, 1);
    kh_clock_shift_for_test(0, 10 * (int64_t)NEVER_MS); /* the wall clock says nothing about silence */
    kh_clock_sleep_ms(50);
    assert_true(find_study(&it).arriving);
    world_stop_bridge(&it);
    assert_true(find_study(&it).arriving); /* nor does a restart */
    kh_clock_shift_for_test(0, -10 * (int64_t)NEVER_MS);
    it.options.quiet_ms = QUIET_MS;
    world_start_bridge(&it);
    await_arriving(&it, false);
    world_free(&it);
}

static int64_t pull(world *it, const hospital *pacs)
{
    int64_t pull_id;

    assert_int_equal(kh_pull_file(it->cache, world_add_node(it, "hospital", "HOSPITAL", pacs->port, true), SUPPORT_STUDY_UID, 0, "test",
                                  &pull_id, NULL), KH_OK);
    return pull_id;
}

/* The scanner sends on while we pull: what the hospital has after the silence is fetched too. */
static void grows_at_the_hospital(void **state)
{
    hospital pacs;
    pulls all;
    world it;

    (void)state;
    world_make(&it);
    it.options.quiet_ms = QUIET_MS;
    hospital_start(&pacs, 4, it.port);
    world_start_bridge(&it);
    world_await_state(&it, pull(&it, &pacs), KH_PULL_COMPLETE, WAIT_MS);
    assert_true(find_study(&it).arriving);
    pacs.objects = 7;
    await_arriving(&it, false);
    assert_int_equal(world_count_objects(&it), 7);
    all = list_pulls(&it);
    assert_int_equal(all.count, 3); /* the pull, the comparison that found more, the one that did not */
    assert_int_equal(all.compares, 2);
    assert_int_equal(all.newest.state, KH_PULL_COMPLETE);
    assert_int_equal(all.newest.expected, 7);
    assert_int_equal(pacs.study_moves, 1);
    assert_int_equal(pacs.asked_instances, 3);
    world_stop_bridge(&it);
    hospital_stop(&pacs);
    world_free(&it);
}

/* It cannot be asked: nothing is fetched twice, and nothing is called complete. */
static void hospital_cannot_be_asked_again(void **state)
{
    hospital pacs;
    pulls all;
    world it;

    (void)state;
    world_make(&it);
    it.options.quiet_ms = QUIET_MS;
    hospital_start(&pacs, 4, it.port);
    pacs.fault = FAULT_FIND_FAILS;
    pacs.fault_moves = ALWAYS;
    world_start_bridge(&it);
    world_await_state(&it, pull(&it, &pacs), KH_PULL_UNVERIFIED, WAIT_MS);
    await_arriving(&it, false);
    all = list_pulls(&it);
    assert_int_equal(all.count, 2);
    assert_string_equal(kh_pull_state_text(all.newest.state), "unverified");
    assert_int_equal(pacs.moves, 1);
    world_stop_bridge(&it);
    hospital_stop(&pacs);
    world_free(&it);
}

/* Its node was removed meanwhile: nobody to ask. */
static void node_is_gone(void **state)
{
    hospital pacs;
    world it;

    (void)state;
    world_make(&it);
    it.options.quiet_ms = NEVER_MS;
    hospital_start(&pacs, 4, it.port);
    world_start_bridge(&it);
    world_await_state(&it, pull(&it, &pacs), KH_PULL_COMPLETE, WAIT_MS);
    assert_int_equal(kh_node_remove(it.cache, "hospital", NULL), KH_OK);
    world_stop_bridge(&it);
    it.options.quiet_ms = QUIET_MS;
    world_start_bridge(&it);
    await_arriving(&it, false);
    assert_int_equal(list_pulls(&it).count, 1);
    world_stop_bridge(&it);
    hospital_stop(&pacs);
    world_free(&it);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(pushed_until_quiet), cmocka_unit_test(not_before_it_is_quiet),
                                       cmocka_unit_test(grows_at_the_hospital), cmocka_unit_test(hospital_cannot_be_asked_again),
                                       cmocka_unit_test(node_is_gone)};

    signal(SIGPIPE, SIG_IGN);
    kh_log_set_level(getenv("KH_TEST_LOG") ? KH_LOG_INFO : KH_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
