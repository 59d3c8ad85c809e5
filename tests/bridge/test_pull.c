/* The pull queue against a hospital with faults to order (R7), and against dcmqrscp. KH_LONG=1: each fault 12 times. */
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
#include "cache/browse.h"
#include "pacs-bridge/control.h"
#include "pacs-bridge/pull_queue.h"
#include "pacs-bridge/scu.h"
#include "tests/bridge/hospital.h"
#include "tests/bridge/support.h"
#include "tests/bridge/world.h"

#define OBJECTS 12
#define ALWAYS 1000

typedef struct fault_case {
    const char *name;
    hospital_fault fault;
    unsigned fault_moves;
    kh_pull_state state;
    int received;
    int moves;            /* -1: not looked at */
    int asked_instances;  /* by UID; -1: not looked at */
    const char *reason;   /* part of it */
} fault_case;

static const fault_case faults[] = {
    {"no fault", FAULT_NONE, 0, KH_PULL_COMPLETE, 12, 1, 0, ""},
    {"reset half way", FAULT_RESET, 1, KH_PULL_COMPLETE, 12, -1, 6, ""},
    {"abort half way", FAULT_ABORT, 1, KH_PULL_COMPLETE, 12, -1, 6, ""},
    {"silence half way", FAULT_SILENCE, 1, KH_PULL_COMPLETE, 12, -1, 6, ""},
    {"half, told as success", FAULT_HALF_SUCCESS, 1, KH_PULL_COMPLETE, 12, -1, 6, ""},
    {"half, told as failed", FAULT_HALF_FAILED, 1, KH_PULL_COMPLETE, 12, -1, 6, ""},
    {"never all of them", FAULT_HALF_FAILED, ALWAYS, KH_PULL_PARTIAL, -1, -1, -1, "refused by the hospital (B000"},
    {"nothing, told as success", FAULT_NOTHING, ALWAYS, KH_PULL_FAILED, 0, -1, -1, "0 of 12; 12 not sent, though"},
    {"no counts", FAULT_NO_COUNTS, ALWAYS, KH_PULL_COMPLETE, 12, 1, 0, ""},
    {"no pending responses", FAULT_NO_PENDING, ALWAYS, KH_PULL_COMPLETE, 12, 1, 0, ""},
    {"every object twice", FAULT_TWICE, ALWAYS, KH_PULL_COMPLETE, 12, 1, 0, ""},
    {"we are not known there", FAULT_UNKNOWN_US, ALWAYS, KH_PULL_FAILED, 0, 1, 0, "A801, move destination unknown"},
    {"busy once", FAULT_OUT_OF_RESOURCES, 1, KH_PULL_COMPLETE, 12, 3, 12, ""},
    {"association rejected twice", FAULT_REJECTS, 2, KH_PULL_COMPLETE, 12, 1, 0, ""},
    {"association always rejected", FAULT_REJECTS, ALWAYS, KH_PULL_FAILED, 0, 0, 0, "calling AE title not recognised"},
    {"does not count", FAULT_NOT_COUNTING, ALWAYS, KH_PULL_COMPLETE, 12, 1, 0, ""},
    {"cannot be asked", FAULT_FIND_FAILS, ALWAYS, KH_PULL_UNVERIFIED, 12, 1, 0, "how many there are is not known"},
    {"no such study", FAULT_NO_STUDY, ALWAYS, KH_PULL_FAILED, 0, 0, 0, "no such study"},
    {"counts one too many", FAULT_COUNT_HIGH, ALWAYS, KH_PULL_COMPLETE, 12, 1, 0, ""},
    {"answers another message", FAULT_ANSWERS_OTHER_MESSAGE, 1, KH_PULL_COMPLETE, 12, 1, 0, ""},
    {"object cut in the middle", FAULT_CUT_OBJECT, 1, KH_PULL_COMPLETE, 12, -1, -1, ""},
    {"counts half of them", FAULT_COUNT_LOW, ALWAYS, KH_PULL_COMPLETE, 12, 3, 6, ""},
    {"counts a series too many", FAULT_SERIES_HIGH, ALWAYS, KH_PULL_COMPLETE, 12, 1, 0, ""},
    {"as many as it counts, but others", FAULT_OTHER_OBJECT, ALWAYS, KH_PULL_COMPLETE, 13, 2, 1, ""},
    {"counts more than it has, twice", FAULT_COUNTS_HIGH, ALWAYS, KH_PULL_UNVERIFIED, 12, 2, 0, "12 of 13; it counts more than it lists"},
    {"list of instances is cut", FAULT_CUT_LIST, ALWAYS, KH_PULL_COMPLETE, 12, 2, 0, ""},
    {"one that fails every move", FAULT_BROKEN_FAILS, ALWAYS, KH_PULL_PARTIAL, 11, -1, -1, "11 of 12; 1 refused by the hospital (C000"},
    {"one that ends every association", FAULT_BROKEN_ABORTS, ALWAYS, KH_PULL_PARTIAL, 11, -1, -1, "11 of 12; 1 the association ended"},
    {"first of a list only", FAULT_FIRST_OF_LIST, ALWAYS, KH_PULL_COMPLETE, 12, -1, -1, ""},
    {"takes no lists", FAULT_NO_LISTS, ALWAYS, KH_PULL_COMPLETE, 12, -1, -1, ""},
};

/* parallel: the series come two at a time, and in more moves. */
static void check_fault(const fault_case *row, bool parallel, const hospital *pacs, const kh_pull *pull)
{
    if (pull->state != row->state)
        fail_msg("%s: %s (%s), expected %s", row->name, kh_pull_state_text(pull->state), pull->reason, kh_pull_state_text(row->state));
    if (row->received >= 0 && pull->received != row->received)
        fail_msg("%s: %lld received, expected %d", row->name, (long long)pull->received, row->received);
    if (!parallel && row->moves >= 0 && (int)pacs->moves != row->moves)
        fail_msg("%s: %u moves, expected %d", row->name, pacs->moves, row->moves);
    if (!parallel && row->asked_instances >= 0 && (int)pacs->asked_instances != row->asked_instances)
        fail_msg("%s: %u instances asked for by UID, expected %d", row->name, pacs->asked_instances, row->asked_instances);
    if (!strstr(pull->reason, row->reason) || (row->state == KH_PULL_COMPLETE && pull->reason[0]))
        fail_msg("%s: reason \"%s\", expected \"%s\" in it", row->name, pull->reason, row->reason);
    if (row->state == KH_PULL_PARTIAL && (pull->received < 6 || pull->received >= OBJECTS ||
                                          pull->failed != (strstr(pull->reason, "refused") ? OBJECTS - pull->received : 0)))
        fail_msg("%s: %lld received, %lld failed", row->name, (long long)pull->received, (long long)pull->failed);
}

/* The study of this row is another hospital's. */
static void set_hospital(world *it, size_t row, uint16_t port)
{
    kh_node node;

    if (row == 0)
        (void)world_add_node(it, "hospital", "HOSPITAL", port, true);
    assert_int_equal(kh_node_find(it->cache, "hospital", &node, NULL), KH_OK);
    node.port = port;
    snprintf(node.facility, sizeof(node.facility), "hospital-%zu", row);
    assert_int_equal(kh_node_set(it->cache, &node, NULL), KH_OK);
}

/* Our patience ends once the hospital has fallen silent. What arrived just before counts as a sign of life when it is looked at: then
 * once more. */
static void lose_patience(world *it, hospital *pacs, int64_t pull_id)
{
    kh_pull pull;

    while (!atomic_load(&pacs->silent))
        kh_clock_sleep_ms(1);
    do {
        kh_clock_shift_for_test(it->options.idle_ms, 0);
        kh_clock_sleep_ms(50);
        assert_int_equal(kh_pull_find(it->cache, pull_id, &pull, NULL), KH_OK);
    } while (pull.state == KH_PULL_RUNNING && pull.attempts < 2);
}

static void run_fault(world *it, size_t row, bool parallel)
{
    int64_t before = world_count_objects(it), pull_id;
    hospital pacs;
    kh_node node;
    kh_pull pull;

    hospital_start(&pacs, OBJECTS, it->port);
    pacs.fault = faults[row].fault;
    pacs.fault_moves = faults[row].fault_moves;
    set_hospital(it, row, pacs.port);
    assert_int_equal(kh_node_find(it->cache, "hospital", &node, NULL), KH_OK);
    assert_int_equal(kh_pull_file(it->cache, node.id, SUPPORT_STUDY_UID, 0, "test", &pull_id, NULL), KH_OK);
    world_kick(it);
    if (faults[row].fault == FAULT_SILENCE)
        lose_patience(it, &pacs, pull_id);
    pull = world_await_pull_injected(it, pull_id, 60000);
    hospital_stop(&pacs);
    check_fault(&faults[row], parallel, &pacs, &pull);
    assert_int_equal(world_count_objects(it) - before, pull.received);
    world_assert_nothing_incoming(it);
}

static void run_faults(unsigned series_parallel)
{
    world it;

    world_make(&it);
    it.options.pull_retry_first_ms = 1000; /* as it is in life: the clock is moved over the delays */
    it.options.pull_retry_longest_ms = 300000;
    it.options.pull_series_parallel = series_parallel;
    world_start_bridge(&it);
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
        run_fault(&it, i, series_parallel > 1);
    world_free(&it);
}

static int rounds(void)
{
    return getenv("KH_LONG") && getenv("KH_LONG")[0] ? 12 : 1;
}

static void hospital_faults(void **state)
{
    (void)state;
    for (int i = 0; i < rounds(); i++)
        run_faults(1);
}

/* The same with a move for each series, both at once: the end is the same. */
static void hospital_faults_parallel(void **state)
{
    (void)state;
    for (int i = 0; i < rounds(); i++)
        run_faults(KH_PULL_LANES_MAX);
}

/* The one wait of this test that is real: short, since nothing has to come within it. */
static void query_never_answered(void **state)
{
    static const fault_case row = {"query never answered", FAULT_SILENT_FIND, ALWAYS, KH_PULL_FAILED, 0, 0, 0, "deadline passed"};
    hospital pacs;
    int64_t pull_id;
    kh_pull pull;
    world it;

    (void)state;
    world_make(&it);
    it.options.idle_ms = 200;
    it.options.pull_attempts_max = 2;
    hospital_start(&pacs, OBJECTS, it.port);
    pacs.fault = row.fault;
    pacs.fault_moves = row.fault_moves;
    assert_int_equal(kh_pull_file(it.cache, world_add_node(&it, "hospital", "HOSPITAL", pacs.port, true), SUPPORT_STUDY_UID, 0, "test",
                                  &pull_id, NULL), KH_OK);
    world_start_bridge(&it);
    pull = world_await_pull_injected(&it, pull_id, 60000);
    check_fault(&row, false, &pacs, &pull);
    world_stop_bridge(&it);
    hospital_stop(&pacs);
    world_free(&it);
}

/* A job that a stop interrupts goes on with the next owner, and asks only for what is missing. */
static void survives_a_restart(void **state)
{
    hospital pacs;
    int64_t pull_id;
    kh_pull pull;
    world it;

    (void)state;
    world_make(&it);
    it.options.idle_ms = 30000;
    hospital_start(&pacs, OBJECTS, it.port);
    pacs.fault = FAULT_SILENCE;
    pacs.fault_moves = 1;
    assert_int_equal(kh_pull_file(it.cache, world_add_node(&it, "hospital", "HOSPITAL", pacs.port, true), SUPPORT_STUDY_UID, 0, "test",
                                  &pull_id, NULL), KH_OK);
    world_start_bridge(&it);
    world_await_objects(&it, OBJECTS / 2);
    world_stop_bridge(&it);
    assert_int_equal(kh_pull_find(it.cache, pull_id, &pull, NULL), KH_OK);
    assert_int_equal(pull.state, KH_PULL_WAITING);
    assert_int_equal(pull.received, OBJECTS / 2);
    world_start_bridge(&it);
    pull = world_await_pull(&it, pull_id, 10000);
    assert_int_equal(pull.state, KH_PULL_COMPLETE);
    assert_int_equal(pacs.asked_instances, OBJECTS / 2);
    world_stop_bridge(&it);
    hospital_stop(&pacs);
    world_free(&it);
}

static void cancelled_on_request(void **state)
{
    int64_t pull_id, node_id;
    hospital pacs;
    kh_pull pull;
    world it;

    (void)state;
    world_make(&it);
    it.options.idle_ms = 30000;
    hospital_start(&pacs, OBJECTS, it.port);
    pacs.fault = FAULT_SILENCE;
    pacs.fault_moves = 1;
    node_id = world_add_node(&it, "hospital", "HOSPITAL", pacs.port, true);
    assert_int_equal(kh_pull_file(it.cache, node_id, SUPPORT_STUDY_UID, 0, "test", &pull_id, NULL), KH_OK);
    world_start_bridge(&it);
    world_await_objects(&it, OBJECTS / 2);
    assert_int_equal(kh_control_pull_cancel(it.data_dir, pull_id, NULL), KH_OK);
    pull = world_await_pull(&it, pull_id, 10000);
    assert_int_equal(pull.state, KH_PULL_CANCELLED);
    assert_int_equal(kh_control_pull_cancel(it.data_dir, pull_id, NULL), KH_E_CONFLICT);
    assert_int_equal(kh_control_pull_cancel(it.data_dir, 999, NULL), KH_E_NOT_FOUND);
    world_stop_bridge(&it);
    hospital_stop(&pacs);
    world_free(&it);
}

/* --- the real thing --- */

static pid_t start_dcmqrscp(const world *it, uint16_t port)
{
    char config[120], store[120], port_text[8];
    const char *argv[] = {"dcmqrscp", "-c", config, port_text, NULL};
    FILE *file;

    snprintf(config, sizeof(config), "%s/dcmqrscp.cfg", it->dir);
    snprintf(store, sizeof(store), "%s/pacs", it->dir);
    snprintf(port_text, sizeof(port_text), "%u", port);
    assert_int_equal(support_run(NULL, (const char *[]){"mkdir", store, NULL}), 0);
    file = fopen(config, "w");
    assert_non_null(file);
    fprintf(file, "MaxPDUSize = 16384\nMaxAssociations = 16\nHostTable BEGIN\nus = (KAKEHASHI, 127.0.0.1, %s)\nHostTable END\n"
                  "VendorTable BEGIN\nVendorTable END\nAETable BEGIN\nPACS %s RW (200, 1024mb) ANY\nAETable END\n",
            it->port_text, store);
    fclose(file);
    return support_spawn(NULL, argv);
}

typedef struct found {
    unsigned count;
    kh_found_study last;
} found;

static kh_status note_found(void *context, const kh_found_study *study)
{
    found *so_far = context;

    so_far->count++;
    so_far->last = *study;
    return KH_OK;
}

static void fill_pacs(const world *it, const char *port_text, unsigned objects)
{
    char dir[120];
    const char *store[] = {"storescu", "-aec", "PACS", "+sd", "127.0.0.1", port_text, dir, NULL};
    const char *echo[] = {"echoscu", "-aec", "PACS", "127.0.0.1", port_text, NULL};

    snprintf(dir, sizeof(dir), "%s/objects", it->dir);
    assert_int_equal(support_run(NULL, (const char *[]){"mkdir", dir, NULL}), 0);
    for (unsigned i = 1; i <= objects; i++) {
        char path[160];
        snprintf(path, sizeof(path), "%s/%u.dcm", dir, i);
        support_write_object(path, i, 128 * 1024, NULL, NULL);
    }
    for (unsigned i = 0; i < 100 && support_run(NULL, echo) != 0; i++)
        kh_clock_sleep_ms(50);
    assert_int_equal(support_run(NULL, store), 0);
}

static void pull_from_dcmqrscp(unsigned series_parallel)
{
    const kh_find_filter all = {0}, none = {.patient_id = "nobody"};
    found so_far = {0};
    char port_text[8];
    int64_t pull_id, took_us;
    uint16_t port;
    kh_node node;
    kh_pull pull;
    kh_scu scu;
    pid_t pid;
    world it;

    world_make(&it);
    it.options.pull_series_parallel = series_parallel;
    it.options.idle_ms = 10000;
    close(support_listen(&port));
    snprintf(port_text, sizeof(port_text), "%u", port);
    pid = start_dcmqrscp(&it, port);
    fill_pacs(&it, port_text, 30);
    world_start_bridge(&it);
    (void)world_add_node(&it, "pacs", "PACS", port, true);
    assert_int_equal(kh_node_find(it.cache, "pacs", &node, NULL), KH_OK);
    kh_scu_init(&scu, "KAKEHASHI");
    assert_int_equal(kh_scu_echo(&scu, &node, &took_us, NULL), KH_OK);
    assert_int_equal(kh_scu_find_studies(&scu, &node, &all, note_found, &so_far, NULL), KH_OK);
    assert_int_equal(so_far.count, 1);
    assert_string_equal(so_far.last.study_uid, SUPPORT_STUDY_UID);
    assert_string_equal(so_far.last.patient_name.alphabetic, "Test^Bridge");
    assert_int_equal(kh_scu_find_studies(&scu, &node, &none, note_found, &so_far, NULL), KH_OK);
    assert_int_equal(so_far.count, 1);
    assert_int_equal(kh_control_pull_file(it.data_dir, "pacs", SUPPORT_STUDY_UID, 0, "test", &pull_id, NULL), KH_OK);
    pull = world_await_pull(&it, pull_id, 30000);
    assert_string_equal(kh_pull_state_text(pull.state), "complete");
    assert_int_equal(pull.expected, 30);
    assert_int_equal(pull.received, 30);
    assert_int_equal(world_count_objects(&it), 30);
    world_stop_bridge(&it);
    kill(pid, SIGTERM);
    (void)support_wait(pid);
    world_free(&it);
}

static void pulled_from_dcmqrscp(void **state)
{
    (void)state;
    pull_from_dcmqrscp(1);
}

static void series_at_once_from_dcmqrscp(void **state)
{
    (void)state;
    pull_from_dcmqrscp(2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(hospital_faults), cmocka_unit_test(hospital_faults_parallel),
                                       cmocka_unit_test(query_never_answered), cmocka_unit_test(survives_a_restart),
                                       cmocka_unit_test(cancelled_on_request), cmocka_unit_test(pulled_from_dcmqrscp),
                                       cmocka_unit_test(series_at_once_from_dcmqrscp)};

    signal(SIGPIPE, SIG_IGN);
    kh_log_set_level(getenv("KH_TEST_LOG") ? KH_LOG_INFO : KH_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
