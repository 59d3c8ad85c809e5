/* The send queue: a node that does not answer holds up no other, what somebody waits for goes first, limits of a node hold. The live node
 * is storescp; the dead one accepts connections and says nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/log.h"
#include "cache/ingest.h"
#include "cache/sends.h"
#include "pacs-bridge/send_queue.h"
#include "store/page.h"
#include "tests/bridge/hospital.h"
#include "tests/bridge/support.h"
#include "tests/bridge/world.h"

#define WAIT_MS 30000
#define FORWARD 1 /* id of a rule */
#define PERSON 0

typedef struct scene {
    world it;
    int dead_fd;
    uint16_t live_port;
    kh_node dead, live;
    char received[120];
    pid_t pid;
} scene;

static kh_node add_node(world *it, const char *name, uint16_t port, uint16_t associations)
{
    kh_node node = {.port = port, .associations = associations, .host = "127.0.0.1", .facility = "region"};

    snprintf(node.name, sizeof(node.name), "%s", name);
    snprintf(node.ae_title, sizeof(node.ae_title), "REGION");
    assert_int_equal(kh_node_add(it->cache, &node, NULL), KH_OK);
    return node;
}

static void start_storescp(scene *s)
{
    char port_text[8];
    const char *argv[] = {"storescp", "-aet", "REGION", "-od", s->received, "-uf", port_text, NULL};

    snprintf(s->received, sizeof(s->received), "%s/received", s->it.dir);
    snprintf(port_text, sizeof(port_text), "%u", s->live_port);
    (void)support_run(NULL, (const char *[]){"mkdir", "-p", s->received, NULL});
    s->pid = support_spawn(NULL, argv);
    for (unsigned i = 0; i < 200 && support_run(NULL, (const char *[]){"echoscu", "127.0.0.1", port_text, NULL}) != 0; i++)
        kh_clock_sleep_ms(20);
}

static void scene_make(scene *s, unsigned workers, uint16_t associations)
{
    uint16_t dead_port;

    world_make(&s->it);
    s->it.options.send_workers = workers;
    s->it.options.associate_ms = 60000; /* the dead node holds whoever calls it until the end of the test */
    s->it.options.pull_retry_first_ms = 1000;
    s->it.options.pull_retry_longest_ms = 60000;
    s->dead_fd = support_listen(&dead_port);
    close(support_listen(&s->live_port));
    s->dead = add_node(&s->it, "dead", dead_port, 0);
    s->live = add_node(&s->it, "live", s->live_port, associations);
    start_storescp(s);
}

static void scene_free(scene *s)
{
    world_stop_bridge(&s->it);
    kill(s->pid, SIGTERM);
    (void)support_wait(s->pid);
    close(s->dead_fd);
    world_free(&s->it);
}

/* A study of its own, of one object, is to be sent. */
static int64_t file_send(scene *s, unsigned number, const kh_node *to, int64_t rule_id, int32_t priority)
{
    kh_send_filing filing = {.rule_id = rule_id, .node = to, .source = "", .asked_by = "test", .priority = priority};
    kh_origin origin = {.source = "ct-1"};
    char path[160], facility[20];
    kh_ingest_result result;
    int64_t id, added;

    snprintf(facility, sizeof(facility), "hospital-%u", number);
    snprintf(path, sizeof(path), "%s/%u.dcm", s->it.dir, number);
    origin.facility = facility;
    support_write_object(path, number, 2048, NULL, NULL);
    assert_int_equal(kh_ingest_file(s->it.cache, path, &origin, &result, NULL), KH_OK);
    filing.study_id = result.study_id;
    assert_int_equal(kh_send_file(s->it.cache, &filing, &id, &added, NULL), KH_OK);
    assert_int_equal(added, 1);
    return id;
}

static kh_send find_send(scene *s, int64_t id)
{
    kh_send send;

    assert_int_equal(kh_send_find(s->it.cache, id, &send, NULL), KH_OK);
    return send;
}

static void await_send(scene *s, int64_t id, kh_send_state state)
{
    int64_t deadline_ms = kh_clock_monotonic_ms() + WAIT_MS;
    uint64_t seq = 0;

    while (find_send(s, id).state != state && kh_clock_monotonic_ms() < deadline_ms)
        seq = kh_page_wait_event(kh_cache_page(s->it.cache), seq, 50);
    if (find_send(s, id).state != state)
        fail_msg("send %lld is %s (%s), expected %s", (long long)id, kh_send_state_text(find_send(s, id).state), find_send(s, id).reason,
                 kh_send_state_text(state));
}

/* Five sends to the dead node are first in the queue, and there are two workers. */
static void a_dead_node_holds_up_no_other(void **state)
{
    int64_t dead[5], live[5];
    scene s;

    (void)state;
    scene_make(&s, 2, 0);
    for (unsigned i = 0; i < 5; i++)
        dead[i] = file_send(&s, 1 + i, &s.dead, FORWARD, 1);
    for (unsigned i = 0; i < 5; i++)
        live[i] = file_send(&s, 11 + i, &s.live, FORWARD, 2);
    world_start_bridge(&s.it);
    for (unsigned i = 0; i < 5; i++)
        await_send(&s, live[i], KH_SEND_COMPLETE);
    assert_int_equal(support_count_files(s.received), 5);
    await_send(&s, dead[0], KH_SEND_RUNNING);
    for (unsigned i = 1; i < 5; i++)
        assert_int_equal(find_send(&s, dead[i]).state, KH_SEND_WAITING);
    scene_free(&s);
}

/* The only worker is held by the dead node: forwards wait, what a person wants is sent by the worker that is kept for it. */
static void a_person_goes_first(void **state)
{
    int64_t dead, forward, person;
    scene s;

    (void)state;
    scene_make(&s, 1, 0);
    dead = file_send(&s, 1, &s.dead, FORWARD, 1);
    world_start_bridge(&s.it);
    await_send(&s, dead, KH_SEND_RUNNING);
    forward = file_send(&s, 2, &s.live, FORWARD, 1);
    person = file_send(&s, 3, &s.live, PERSON, 0);
    world_kick(&s.it);
    await_send(&s, person, KH_SEND_COMPLETE);
    assert_int_equal(find_send(&s, forward).state, KH_SEND_WAITING);
    assert_int_equal(find_send(&s, dead).state, KH_SEND_RUNNING);
    scene_free(&s);
}

/* A node that refuses connections rests: its sends are not tried one after the other, and a person's is tried all the same. */
static void one_in_vain_is_enough(void **state)
{
    int64_t first, others[4], person;
    scene s;

    (void)state;
    scene_make(&s, 2, 0);
    kill(s.pid, SIGTERM);
    (void)support_wait(s.pid);
    first = file_send(&s, 1, &s.live, FORWARD, 1);
    for (unsigned i = 0; i < 4; i++)
        others[i] = file_send(&s, 2 + i, &s.live, FORWARD, 2);
    s.it.options.pull_retry_first_ms = 60000;
    world_start_bridge(&s.it);
    while (find_send(&s, first).attempts == 0)
        kh_clock_sleep_ms(5);
    person = file_send(&s, 20, &s.live, PERSON, 0);
    world_kick(&s.it);
    while (find_send(&s, person).attempts == 0)
        kh_clock_sleep_ms(5);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(find_send(&s, others[i]).attempts, 0);
    start_storescp(&s);
    assert_int_equal(kh_send_retry(s.it.cache, person, NULL), KH_OK); /* it has taken something: the others go too */
    world_kick(&s.it);
    for (unsigned i = 0; i < 4; i++)
        await_send(&s, others[i], KH_SEND_COMPLETE);
    scene_free(&s);
}

/* A pull holds the one association that the node takes from us: the send of a rule waits for its end, and that is no attempt. */
static void no_more_associations_than_it_may(void **state)
{
    int64_t send_id, pull_id;
    hospital pacs;
    kh_node node;
    scene s;

    (void)state;
    scene_make(&s, 1, 0);
    hospital_start(&pacs, 4, s.it.port);
    pacs.fault = FAULT_SILENCE;
    pacs.fault_moves = 1;
    (void)world_add_node(&s.it, "hospital", "HOSPITAL", pacs.port, true);
    assert_int_equal(kh_node_find(s.it.cache, "hospital", &node, NULL), KH_OK);
    node.associations = 1;
    assert_int_equal(kh_node_set(s.it.cache, &node, NULL), KH_OK);
    world_start_bridge(&s.it);
    assert_int_equal(kh_pull_file(s.it.cache, node.id, SUPPORT_STUDY_UID, 1, "test", &pull_id, NULL), KH_OK);
    world_kick(&s.it);
    world_await_objects(&s.it, 2);
    send_id = file_send(&s, 40, &node, FORWARD, 1);
    world_kick(&s.it);
    while (!strstr(find_send(&s, send_id).reason, "has its 1 associations"))
        kh_clock_sleep_ms(5);
    assert_int_equal(find_send(&s, send_id).attempts, 0);
    assert_int_equal(atomic_load(&pacs.associations), 1);
    scene_free(&s);
    hospital_stop(&pacs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_dead_node_holds_up_no_other), cmocka_unit_test(a_person_goes_first),
                                       cmocka_unit_test(one_in_vain_is_enough), cmocka_unit_test(no_more_associations_than_it_may)};

    signal(SIGPIPE, SIG_IGN);
    kh_log_set_level(getenv("KH_TEST_LOG") ? KH_LOG_INFO : KH_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
