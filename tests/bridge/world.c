#include "tests/bridge/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/json.h"
#include "pacs-bridge/control.h"
#include "store/page.h"
#include "tests/bridge/support.h"

void world_make(world *it)
{
    kh_cache_options options = kh_cache_options_default;
    kh_error err = KH_ERROR_INIT;

    memset(it, 0, sizeof(*it));
    support_make_dir(it->dir);
    snprintf(it->data_dir, sizeof(it->data_dir), "%s/data", it->dir);
    it->listen_fd = support_listen(&it->port);
    snprintf(it->port_text, sizeof(it->port_text), "%u", it->port);
    options.dir = it->data_dir;
    options.owner = true;
    options.reserve_bytes = 1024 * 1024;
    if (kh_cache_open(&it->cache, &options, &err) != KH_OK)
        fail_msg("%s", err.message);
    it->options = kh_bridge_options_default;
    it->options.listen_fd = it->listen_fd;
    it->options.idle_ms = 20000;
    it->options.pull_attempts_max = 4;
    it->options.pull_retry_first_ms = 10;
    it->options.pull_retry_longest_ms = 50;
}

void world_start_bridge(world *it)
{
    kh_error err = KH_ERROR_INIT;

    if (kh_bridge_start(&it->bridge, it->cache, &it->options, &err) != KH_OK)
        fail_msg("%s", err.message);
}

void world_stop_bridge(world *it)
{
    kh_bridge_stop(it->bridge, 2000);
    it->bridge = NULL;
}

void world_free(world *it)
{
    world_stop_bridge(it);
    kh_cache_close(it->cache);
    close(it->listen_fd);
    support_remove_dir(it->dir);
}

int64_t world_add_node(world *it, const char *name, const char *ae_title, uint16_t port, bool may_store)
{
    kh_node node = {.port = port, .may_store = may_store, .may_query = true, .may_retrieve = true};
    kh_error err = KH_ERROR_INIT;

    snprintf(node.name, sizeof(node.name), "%s", name);
    snprintf(node.ae_title, sizeof(node.ae_title), "%s", ae_title);
    snprintf(node.host, sizeof(node.host), "%s", port ? "127.0.0.1" : "");
    snprintf(node.facility, sizeof(node.facility), "north");
    if (kh_node_add(it->cache, &node, &err) != KH_OK)
        fail_msg("%s", err.message);
    return node.id;
}

int64_t world_count_objects(world *it)
{
    kh_cache_stats stats;

    assert_int_equal(kh_cache_get_stats(it->cache, &stats, NULL), KH_OK);
    return stats.objects;
}

#define EVENT_MS 20 /* at most, between two looks: not all that is waited for is an event */

static void await_event(const world *it, uint64_t *seq)
{
    *seq = kh_page_wait_event(kh_cache_page(it->cache), *seq, EVENT_MS);
}

void world_await_objects(world *it, int64_t count)
{
    int64_t deadline_ms = kh_clock_monotonic_ms() + 60000;
    uint64_t seq = 0;

    while (world_count_objects(it) < count && kh_clock_monotonic_ms() < deadline_ms)
        await_event(it, &seq);
}

void world_assert_nothing_incoming(const world *it)
{
    char path[100];

    snprintf(path, sizeof(path), "%s/incoming", it->data_dir);
    for (unsigned i = 0; i < 200 && support_count_files(path) > 0; i++)
        kh_clock_sleep_ms(10);
    assert_int_equal(support_count_files(path), 0);
}

static kh_pull find_pull(world *it, int64_t pull_id)
{
    kh_pull pull;

    assert_int_equal(kh_pull_find(it->cache, pull_id, &pull, NULL), KH_OK);
    return pull;
}

static bool is_open(const kh_pull *pull)
{
    return pull->state == KH_PULL_WAITING || pull->state == KH_PULL_RUNNING;
}

void world_kick(world *it)
{
    kh_buf answer;

    kh_buf_init(&answer, KH_CONTROL_LINE_MAX + 1);
    assert_int_equal(kh_control_call(it->data_dir, "{\"op\":\"queue.kick\"}", &answer, 0, NULL), KH_OK);
    kh_buf_release(&answer);
}

kh_pull world_await_pull(world *it, int64_t pull_id, int timeout_ms)
{
    int64_t deadline_ms = kh_clock_monotonic_ms() + timeout_ms;
    uint64_t seq = 0;
    kh_pull pull;

    do {
        await_event(it, &seq);
        pull = find_pull(it, pull_id);
    } while (is_open(&pull) && kh_clock_monotonic_ms() < deadline_ms);
    return pull;
}

kh_pull world_await_pull_injected(world *it, int64_t pull_id, int timeout_ms)
{
    int64_t deadline_ms = kh_clock_monotonic_ms() + timeout_ms;
    uint64_t seq = 0;
    kh_pull pull;

    do {
        int64_t delay_ms;

        await_event(it, &seq);
        pull = find_pull(it, pull_id);
        delay_ms = pull.not_before_ms - kh_clock_wall_ms();
        if (pull.state == KH_PULL_WAITING && delay_ms > 0) {
            kh_clock_shift_for_test(0, delay_ms);
            world_kick(it);
        }
    } while (is_open(&pull) && kh_clock_monotonic_ms() < deadline_ms);
    return pull;
}

kh_pull world_await_state(world *it, int64_t pull_id, kh_pull_state state, int timeout_ms)
{
    int64_t deadline_ms = kh_clock_monotonic_ms() + timeout_ms;
    uint64_t seq = 0;
    kh_pull pull;

    do {
        await_event(it, &seq);
        pull = find_pull(it, pull_id);
    } while (pull.state != state && kh_clock_monotonic_ms() < deadline_ms);
    if (pull.state != state)
        fail_msg("pull %lld is %s (%s), expected %s", (long long)pull_id, kh_pull_state_text(pull.state), pull.reason,
                 kh_pull_state_text(state));
    return pull;
}
