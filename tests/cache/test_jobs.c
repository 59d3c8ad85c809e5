/* Opening, nodes, pull jobs and the event log: what the bridge and the portal share besides objects. */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/clock.h"
#include "cache/events.h"
#include "cache/nodes.h"
#include "cache/pulls.h"

static kh_node node_named(const char *name, const char *title, const char *host, uint16_t port)
{
    kh_node node = {.port = port, .facility = "north", .may_store = true};

    snprintf(node.name, sizeof node.name, "%s", name);
    snprintf(node.ae_title, sizeof node.ae_title, "%s", title);
    snprintf(node.host, sizeof node.host, "%s", host);
    return node;
}

/* Owner and readers */

static void second_owner_is_busy(void **state)
{
    fixture *f = *state;
    kh_cache_options options = kh_cache_options_default;
    kh_error err = KH_ERROR_INIT;
    kh_cache *second;
    pid_t child;
    int how;

    options.dir = f->dir.path;
    options.owner = true;
    child = fork();
    if (child == 0)
        _exit(kh_cache_open(&second, &options, &err) == KH_E_BUSY ? 0 : 1);
    waitpid(child, &how, 0);
    assert_int_equal(how, 0);
}

static void reader_needs_an_index(void **state)
{
    kh_cache_options options = kh_cache_options_default;
    kh_error err = KH_ERROR_INIT;
    kh_cache *reader;
    temp_dir dir;

    (void)state;
    temp_dir_make(&dir);
    options.dir = dir.path;
    assert_int_equal(kh_cache_open(&reader, &options, &err), KH_E_NOT_FOUND);
    assert_null(reader);
    temp_dir_remove(&dir);
}

static void reader_sees_and_does_not_write(void **state)
{
    fixture *f = *state;
    kh_cache *reader = cache_open_reader(&f->dir, NULL);
    kh_node node = node_named("a", "A", "", 0), found;
    kh_error denied = KH_ERROR_INIT;

    assert_int_equal(kh_node_add(reader, &node, &denied), KH_E_DENIED);
    assert_ok(kh_node_add(f->cache, &node, err));
    assert_ok(kh_node_find(reader, "a", &found, err));
    assert_int_equal(found.id, node.id);
    kh_cache_close(reader);
}

static void reader_opens_after_the_owner_left(void **state)
{
    fixture *f = *state;
    kh_node node = node_named("a", "A", "", 0), found;
    kh_cache *reader;

    assert_ok(kh_node_add(f->cache, &node, err));
    kh_cache_close(f->cache);
    reader = cache_open_reader(&f->dir, NULL);
    assert_ok(kh_node_find(reader, "a", &found, err));
    kh_cache_close(reader);
    f->cache = cache_open(&f->dir);
    assert_ok(kh_node_find(f->cache, "a", &found, err));
}

static void options_have_limits(void **state)
{
    static const struct {
        const char *name;
        unsigned readers;
        uint32_t events;
        kh_status expected;
    } cases[] = {{"no reader", 0, 1, KH_E_ARG},      {"one reader", 1, 1, KH_OK},        {"64 readers", 64, 1, KH_OK},
                 {"65 readers", 65, 1, KH_E_ARG},    {"no events kept", 8, 0, KH_E_ARG}, {"one event kept", 8, 1, KH_OK}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        kh_cache_options options = kh_cache_options_default;
        kh_cache *cache;
        temp_dir dir;

        temp_dir_make(&dir);
        options.dir = dir.path;
        options.owner = true;
        options.readers_max = cases[i].readers;
        options.events_kept = cases[i].events;
        if (kh_cache_open(&cache, &options, NULL) != cases[i].expected)
            fail_msg("%s", cases[i].name);
        kh_cache_close(cache);
        temp_dir_remove(&dir);
    }
}

/* Nodes */

static void node_fields_are_checked(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *case_name, *name, *title, *host;
        unsigned port;
        const char *facility, *charset;
        kh_status expected;
    } cases[] = {
        {"plain", "pacs-a", "PACS_A", "10.0.0.1", 104, "north", "", KH_OK},
        {"no name", "", "A", "h", 1, "north", "", KH_E_ARG},
        {"slash in name", "a/b", "A", "h", 1, "north", "", KH_E_ARG},
        {"no title", "n1", "", "h", 1, "north", "", KH_E_ARG},
        {"title of 16", "n2", "ABCDEFGHIJKLMNOP", "h", 1, "north", "", KH_OK},
        {"title with backslash", "n3", "A\\B", "h", 1, "north", "", KH_E_ARG},
        {"title with outer space", "n4", "A ", "h", 1, "north", "", KH_E_ARG},
        {"title with inner space", "n5", "A B", "h", 1, "north", "", KH_OK},
        {"host without port", "n6", "A", "h", 0, "north", "", KH_E_ARG},
        {"port without host", "n7", "A", "", 104, "north", "", KH_E_ARG},
        {"neither", "n8", "A", "", 0, "north", "", KH_OK},
        {"port 65535", "n9", "A", "::1", 65535, "north", "", KH_OK},
        {"space in host", "n10", "A", "a b", 1, "north", "", KH_E_ARG},
        {"no facility", "n11", "A", "h", 1, "", "", KH_E_ARG},
        {"Japanese keys", "n12", "A", "h", 1, "north", "\\ISO 2022 IR 87", KH_OK},
        {"odd charset", "n13", "A", "h", 1, "north", "utf-8", KH_E_ARG},
        {"name taken", "pacs-a", "B", "h", 1, "north", "", KH_E_CONFLICT},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        kh_node node = node_named(cases[i].name, cases[i].title, cases[i].host, (uint16_t)cases[i].port);
        kh_error err = KH_ERROR_INIT;

        snprintf(node.facility, sizeof node.facility, "%s", cases[i].facility);
        snprintf(node.charset, sizeof node.charset, "%s", cases[i].charset);
        if (kh_node_add(f->cache, &node, &err) != cases[i].expected)
            fail_msg("%s: %s", cases[i].case_name, err.message);
        if (cases[i].expected != KH_OK)
            assert_true(err.message[0] != '\0');
    }
}

static void caller_is_found_by_title_then_host(void **state)
{
    fixture *f = *state;
    kh_node first = node_named("first", "SHARED", "10.0.0.1", 104), second = node_named("second", "SHARED", "10.0.0.2", 104), found;
    bool any = true;

    assert_ok(kh_node_any(f->cache, &any, err));
    assert_false(any);
    assert_ok(kh_node_add(f->cache, &first, err));
    assert_ok(kh_node_add(f->cache, &second, err));
    assert_ok(kh_node_any(f->cache, &any, err));
    assert_true(any);
    assert_ok(kh_node_by_caller(f->cache, &(kh_caller){"SHARED", "", "10.0.0.2", false, ""}, &found, err));
    assert_string_equal(found.name, "second");
    assert_ok(kh_node_by_caller(f->cache, &(kh_caller){"SHARED", "", "10.0.0.9", false, ""}, &found, err));
    assert_string_equal(found.name, "first");
    assert_ok(kh_node_by_caller(f->cache, &(kh_caller){"SHARED", "", NULL, false, ""}, &found, err));
    assert_string_equal(found.name, "first");
    assert_int_equal(kh_node_by_caller(f->cache, &(kh_caller){"shared", "", "10.0.0.2", false, ""}, &found, NULL), KH_E_NOT_FOUND);
    assert_ok(kh_node_by_id(f->cache, second.id, &found, err));
    assert_int_equal(found.port, 104);
    assert_true(found.may_store);
    assert_false(found.may_query);
}

static kh_status count_node(void *context, const kh_node *node)
{
    (void)node;
    return ++*(int *)context == 2 ? KH_E_CANCELLED : KH_OK;
}

static void visitor_stops_the_list(void **state)
{
    fixture *f = *state;
    int count = 0;

    for (char name = 'a'; name <= 'd'; name++) {
        kh_node node = node_named((char[]){name, '\0'}, "T", "", 0);

        assert_ok(kh_node_add(f->cache, &node, err));
    }
    assert_int_equal(kh_node_list(f->cache, count_node, &count, NULL), KH_E_CANCELLED);
    assert_int_equal(count, 2);
}

static void removed_node_cancels_its_pulls(void **state)
{
    fixture *f = *state;
    kh_node node = node_named("a", "A", "h", 104), found;
    kh_pull pull;
    int64_t id;

    assert_ok(kh_node_add(f->cache, &node, err));
    assert_ok(kh_pull_file(f->cache, node.id, "1.2", 1, "test", &id, err));
    assert_ok(kh_node_remove(f->cache, "a", err));
    assert_int_equal(kh_node_find(f->cache, "a", &found, NULL), KH_E_NOT_FOUND);
    assert_int_equal(kh_node_remove(f->cache, "a", NULL), KH_E_NOT_FOUND);
    assert_ok(kh_pull_find(f->cache, id, &pull, err));
    assert_int_equal(pull.state, KH_PULL_CANCELLED);
    assert_true(pull.reason[0] != '\0');
}

static void removal_with_many_pulls(void **state)
{
    fixture *f = *state;
    kh_node node = node_named("a", "A", "h", 104);
    kh_cache_stats stats;
    int64_t id;

    assert_ok(kh_node_add(f->cache, &node, err));
    for (int i = 0; i < 300; i++) {
        char uid[32];

        snprintf(uid, sizeof uid, "1.2.%d", i);
        assert_ok(kh_pull_file(f->cache, node.id, uid, 2, "t", &id, err));
    }
    assert_ok(kh_node_remove(f->cache, "a", err));
    assert_ok(kh_cache_get_stats(f->cache, &stats, err));
    assert_int_equal(stats.pulls_open, 0);
}

/* Pulls */

static void pull_arguments_are_checked(void **state)
{
    fixture *f = *state;
    kh_node node = node_named("a", "A", "h", 104);
    char long_name[66];
    int64_t id;

    memset(long_name, 'x', 65);
    long_name[65] = '\0';
    assert_ok(kh_node_add(f->cache, &node, err));
    assert_int_equal(kh_pull_file(f->cache, node.id, "", 0, "t", &id, NULL), KH_E_ARG);
    assert_int_equal(kh_pull_file(f->cache, node.id, "1.2/..", 0, "t", &id, NULL), KH_E_ARG);
    assert_int_equal(kh_pull_file(f->cache, node.id, "1.2", -1, "t", &id, NULL), KH_E_ARG);
    assert_int_equal(kh_pull_file(f->cache, node.id, "1.2", 3, "t", &id, NULL), KH_E_ARG);
    assert_int_equal(kh_pull_file(f->cache, node.id, "1.2", 0, long_name, &id, NULL), KH_E_ARG);
    assert_int_equal(kh_pull_file(f->cache, node.id + 1, "1.2", 0, "t", &id, NULL), KH_E_NOT_FOUND);
    assert_ok(kh_pull_file(f->cache, node.id, "1.2", 2, long_name + 1, &id, err));
}

static void pull_is_filed_once_and_taken_by_urgency(void **state)
{
    fixture *f = *state;
    kh_node node = node_named("a", "A", "h", 104);
    int64_t slow, quick, again, later;
    kh_pull pull;

    assert_ok(kh_node_add(f->cache, &node, err));
    assert_int_equal(kh_pull_take(f->cache, &kh_pull_choice_any, &pull, NULL), KH_E_NOT_FOUND);
    assert_ok(kh_pull_file(f->cache, node.id, "1.2.1", 2, "t", &slow, err));
    assert_ok(kh_pull_file(f->cache, node.id, "1.2.2", 1, "t", &quick, err));
    assert_ok(kh_pull_file(f->cache, node.id, "1.2.3", 0, "t", &later, err));
    assert_ok(kh_pull_find(f->cache, later, &pull, err));
    assert_int_equal(pull.expected, -1);
    pull.not_before_ms = kh_clock_wall_ms() + 60000;
    assert_ok(kh_pull_update(f->cache, &pull, err));
    assert_ok(kh_pull_file(f->cache, node.id, "1.2.1", 0, "t", &again, err));
    assert_int_equal(again, slow); /* raised to 0, so it goes first now */
    assert_ok(kh_pull_take(f->cache, &kh_pull_choice_any, &pull, err));
    assert_int_equal(pull.id, slow);
    assert_int_equal(pull.state, KH_PULL_RUNNING);
    assert_ok(kh_pull_take(f->cache, &kh_pull_choice_any, &pull, err));
    assert_int_equal(pull.id, quick);
    assert_int_equal(kh_pull_take(f->cache, &kh_pull_choice_any, &pull, NULL), KH_E_NOT_FOUND);
    kh_clock_shift_for_test(0, 61000);
    assert_ok(kh_pull_take(f->cache, &kh_pull_choice_any, &pull, err));
    assert_int_equal(pull.id, later);
    kh_clock_shift_for_test(0, 0);
    pull.state = KH_PULL_COMPLETE;
    assert_ok(kh_pull_update(f->cache, &pull, err));
    assert_ok(kh_pull_file(f->cache, node.id, "1.2.3", 0, "t", &again, err));
    assert_true(again > later); /* the first has ended: a new job */
}

static int64_t file_job(fixture *f, int64_t node_id, const char *study_uid, int32_t priority)
{
    int64_t id;

    assert_ok(kh_pull_file(f->cache, node_id, study_uid, priority, "t", &id, err));
    return id;
}

static void pull_choice_leaves_out(void **state)
{
    fixture *f = *state;
    kh_node a = node_named("a", "A", "h", 104), b = node_named("b", "B", "h", 104);
    static const struct {
        const char *name;
        int32_t min, max;
        int leave_out_a, leave_out_b;
        int expected; /* 0: none */
    } cases[] = {
        {"any", 0, 2, 0, 0, 1},           {"not a", 0, 2, 1, 0, 3},        {"neither", 0, 2, 1, 1, 0},
        {"urgent only", 0, 0, 0, 0, 1},   {"urgent, not a", 0, 0, 1, 0, 0}, {"less than urgent", 1, 2, 0, 0, 3},
        {"back-fill", 2, 2, 0, 0, 2},     {"back-fill, not a", 2, 2, 1, 0, 0},
    };
    int64_t ids[4] = {0};

    assert_ok(kh_node_add(f->cache, &a, err));
    assert_ok(kh_node_add(f->cache, &b, err));
    ids[1] = file_job(f, a.id, "1.2.1", 0);
    ids[2] = file_job(f, a.id, "1.2.2", 2);
    ids[3] = file_job(f, b.id, "1.2.3", 1);
    for (size_t i = 0; i < KH_COUNT(cases); i++) {
        int64_t nodes[2];
        kh_pull_choice choice = {cases[i].min, cases[i].max, 1000, nodes, 0};
        kh_pull pull;
        kh_status status;

        if (cases[i].leave_out_a)
            nodes[choice.nodes_left_out_count++] = a.id;
        if (cases[i].leave_out_b)
            nodes[choice.nodes_left_out_count++] = b.id;
        status = kh_pull_peek(f->cache, &choice, &pull, NULL);
        if (status != (cases[i].expected ? KH_OK : KH_E_NOT_FOUND) || pull.id != ids[cases[i].expected])
            fail_msg("%s: job %lld", cases[i].name, (long long)pull.id);
    }
}

/* R13: whatever the wall clock does, no job waits longer than the longest delay. */
static void pull_waits_no_longer_when_the_clock_jumps(void **state)
{
    static const int64_t second = 1000;
    static const int64_t jumps[] = {0, 1, -1, 60, -60, 3600, -3600, 86400, -86400, 31557600, -31557600, 315576000, -315576000};
    const int64_t longest_ms = 300 * second;
    const kh_pull_choice choice = {0, 2, longest_ms, NULL, 0};
    fixture *f = *state;
    kh_node node = node_named("a", "A", "h", 104);
    kh_pull pull;

    assert_ok(kh_node_add(f->cache, &node, err));
    for (size_t i = 0; i < KH_COUNT(jumps); i++) {
        int64_t id = file_job(f, node.id, "1.2.1", 2);

        assert_ok(kh_pull_find(f->cache, id, &pull, err));
        pull.not_before_ms = kh_clock_wall_ms() + longest_ms - second;
        assert_ok(kh_pull_update(f->cache, &pull, err));
        assert_int_equal(kh_pull_peek(f->cache, &choice, &pull, NULL), KH_E_NOT_FOUND);
        kh_clock_shift_for_test(0, jumps[i] * second);
        if (kh_pull_peek(f->cache, &choice, &pull, NULL) != KH_OK) {
            kh_clock_shift_for_test(0, longest_ms);
            if (kh_pull_peek(f->cache, &choice, &pull, NULL) != KH_OK)
                fail_msg("jump of %lld s: not due after the longest delay", (long long)jumps[i]);
            kh_clock_shift_for_test(0, -longest_ms);
        }
        kh_clock_shift_for_test(0, -jumps[i] * second);
        assert_ok(kh_pull_find(f->cache, id, &pull, err));
        pull.state = KH_PULL_COMPLETE;
        assert_ok(kh_pull_update(f->cache, &pull, err));
    }
}

static void pull_tried_again_on_request(void **state)
{
    static const struct {
        kh_pull_state from;
        kh_status expected;
    } cases[] = {{KH_PULL_WAITING, KH_OK},    {KH_PULL_RUNNING, KH_E_CONFLICT}, {KH_PULL_COMPLETE, KH_E_CONFLICT}, {KH_PULL_PARTIAL, KH_OK},
                 {KH_PULL_UNVERIFIED, KH_OK}, {KH_PULL_FAILED, KH_OK},          {KH_PULL_CANCELLED, KH_OK}};
    fixture *f = *state;
    kh_node node = node_named("a", "A", "h", 104);
    int64_t id, other;
    kh_pull pull;

    assert_ok(kh_node_add(f->cache, &node, err));
    id = file_job(f, node.id, "1.2.1", 1);
    for (size_t i = 0; i < KH_COUNT(cases); i++) {
        assert_ok(kh_pull_find(f->cache, id, &pull, err));
        pull.state = cases[i].from;
        pull.attempts = 8;
        pull.not_before_ms = kh_clock_wall_ms() + 60000;
        assert_ok(kh_pull_update(f->cache, &pull, err));
        if (kh_pull_retry(f->cache, id, NULL) != cases[i].expected)
            fail_msg("from %s", kh_pull_state_text(cases[i].from));
        assert_ok(kh_pull_find(f->cache, id, &pull, err));
        assert_int_equal(pull.attempts, cases[i].expected == KH_OK ? 0 : 8);
        if (cases[i].expected == KH_OK)
            assert_int_equal(kh_pull_peek(f->cache, &kh_pull_choice_any, &pull, NULL), KH_OK);
    }
    pull.state = KH_PULL_FAILED;
    assert_ok(kh_pull_update(f->cache, &pull, err));
    other = file_job(f, node.id, "1.2.1", 1);
    assert_true(other > id);
    assert_int_equal(kh_pull_retry(f->cache, id, NULL), KH_E_CONFLICT); /* a new one is open */
    assert_int_equal(kh_pull_retry(f->cache, 999, NULL), KH_E_NOT_FOUND);
    assert_int_equal(kh_pull_set_priority(f->cache, id, 0, NULL), KH_E_CONFLICT);
    assert_int_equal(kh_pull_set_priority(f->cache, other, 3, NULL), KH_E_ARG);
    assert_ok(kh_pull_set_priority(f->cache, other, 2, err));
    assert_ok(kh_pull_find(f->cache, other, &pull, err));
    assert_int_equal(pull.priority, 2);
}

/* What a doctor waits for does not wait for its next attempt; a comparison becomes a pull when somebody asks. */
static void pull_filed_again_while_open(void **state)
{
    fixture *f = *state;
    kh_node node = node_named("a", "A", "h", 104);
    kh_pull_filing filing = {.study_uid = "1.2.1", .asked_by = "rule", .priority = 1, .rule_id = 7, .compare = true};
    int64_t id, again;
    kh_pull pull;

    assert_ok(kh_node_add(f->cache, &node, err));
    filing.node_id = node.id;
    assert_ok(kh_pull_file_as(f->cache, &filing, &id, err));
    assert_ok(kh_pull_find(f->cache, id, &pull, err));
    assert_true(pull.compare);
    assert_int_equal(pull.rule_id, 7);
    pull.not_before_ms = kh_clock_wall_ms() + 60000;
    pull.bytes = 5000000000;
    assert_ok(kh_pull_update(f->cache, &pull, err));
    again = file_job(f, node.id, "1.2.1", 1);
    assert_int_equal(again, id);
    assert_int_equal(kh_pull_peek(f->cache, &kh_pull_choice_any, &pull, NULL), KH_E_NOT_FOUND);
    again = file_job(f, node.id, "1.2.1", 0);
    assert_int_equal(again, id);
    assert_ok(kh_pull_peek(f->cache, &kh_pull_choice_any, &pull, err));
    assert_false(pull.compare);
    assert_int_equal(pull.priority, 0);
    assert_int_equal(pull.bytes, 5000000000);
}

static kh_status count_pull(void *context, const kh_pull *pull)
{
    (void)pull;
    ++*(int *)context;
    return KH_OK;
}

static void pull_survives_a_restart(void **state)
{
    fixture *f = *state;
    kh_node node = node_named("a", "A", "h", 104);
    int64_t id;
    kh_pull pull;
    int count = 0;

    assert_ok(kh_node_add(f->cache, &node, err));
    assert_ok(kh_pull_file(f->cache, node.id, "1.2.1", 0, "t", &id, err));
    assert_ok(kh_pull_take(f->cache, &kh_pull_choice_any, &pull, err));
    pull.attempts = 3;
    pull.received = 7;
    snprintf(pull.reason, sizeof pull.reason, "waiting for the node");
    assert_ok(kh_pull_update(f->cache, &pull, err));
    kh_cache_close(f->cache);
    f->cache = cache_open(&f->dir);
    assert_ok(kh_pull_recover(f->cache, err));
    assert_ok(kh_pull_take(f->cache, &kh_pull_choice_any, &pull, err));
    assert_int_equal(pull.id, id);
    assert_int_equal(pull.attempts, 3);
    assert_int_equal(pull.received, 7);
    assert_string_equal(pull.reason, "waiting for the node");
    assert_ok(kh_pull_list(f->cache, true, 10, count_pull, &count, err));
    assert_int_equal(count, 1);
    pull.state = KH_PULL_FAILED;
    assert_ok(kh_pull_update(f->cache, &pull, err));
    count = 0;
    assert_ok(kh_pull_list(f->cache, true, 10, count_pull, &count, err));
    assert_int_equal(count, 0);
    assert_ok(kh_pull_list(f->cache, false, 10, count_pull, &count, err));
    assert_int_equal(count, 1);
}

static void pull_states_have_words(void **state)
{
    static const char *const words[] = {"waiting", "running", "complete", "partial", "unverified", "failed", "cancelled", "unknown"};

    (void)state;
    for (int i = 0; i < 8; i++)
        assert_string_equal(kh_pull_state_text((kh_pull_state)i), words[i]);
}

/* Events */

static kh_status keep_last(void *context, const kh_event *event)
{
    kh_event *last = context;

    assert_true(event->seq > last->seq);
    *last = *event;
    return KH_OK;
}

static void add_nodes(kh_cache *cache, int count)
{
    for (int i = 0; i < count; i++) {
        char name[16];
        kh_node node;

        snprintf(name, sizeof name, "n%d", i);
        node = node_named(name, "T", "", 0);
        assert_ok(kh_node_add(cache, &node, err));
    }
}

static void events_are_numbered_and_replayed(void **state)
{
    fixture *f = *state;
    kh_event last = {0};
    bool gap = true;
    uint64_t newest;

    add_nodes(f->cache, 5);
    newest = kh_cache_page(f->cache)->event_seq;
    assert_ok(kh_events_after(f->cache, 0, 100, keep_last, &last, &gap, err));
    assert_false(gap);
    assert_int_equal(last.seq, newest);
    assert_int_equal(last.kind, KH_EVENT_NODE);
    last.seq = 0;
    assert_ok(kh_events_after(f->cache, newest - 1, 100, keep_last, &last, &gap, err));
    assert_int_equal(last.seq, newest);
    assert_ok(kh_events_after(f->cache, newest, 100, keep_last, &last, &gap, err));
    assert_false(gap);
    assert_ok(kh_events_after(f->cache, newest + 1, 100, keep_last, &last, &gap, err));
    assert_true(gap); /* a number we never gave: another life of the index */
    assert_int_equal(kh_events_after(f->cache, 0, 0, keep_last, &last, &gap, NULL), KH_E_ARG);
    kh_cache_close(f->cache);
    f->cache = cache_open(&f->dir);
    assert_int_equal(kh_cache_page(f->cache)->event_seq, newest);
}

static void old_events_are_dropped_and_told(void **state)
{
    kh_cache_options options = kh_cache_options_default;
    kh_event last = {0};
    kh_cache *cache;
    temp_dir dir;
    bool gap;

    (void)state;
    temp_dir_make(&dir);
    options.dir = dir.path;
    options.owner = true;
    options.events_kept = 3;
    assert_ok(kh_cache_open(&cache, &options, err));
    add_nodes(cache, 10);
    assert_ok(kh_events_after(cache, 6, 100, keep_last, &last, &gap, err));
    assert_true(gap); /* 7 is gone */
    last.seq = 0;
    assert_ok(kh_events_after(cache, 7, 100, keep_last, &last, &gap, err));
    assert_false(gap);
    assert_int_equal(last.seq, 10);
    kh_cache_close(cache);
    temp_dir_remove(&dir);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, cache_set_up, cache_tear_down)
    const struct CMUnitTest tests[] = {
        T(second_owner_is_busy),
        cmocka_unit_test(reader_needs_an_index),
        T(reader_sees_and_does_not_write),
        T(reader_opens_after_the_owner_left),
        cmocka_unit_test(options_have_limits),
        T(node_fields_are_checked),
        T(caller_is_found_by_title_then_host),
        T(visitor_stops_the_list),
        T(removed_node_cancels_its_pulls),
        T(removal_with_many_pulls),
        T(pull_arguments_are_checked),
        T(pull_is_filed_once_and_taken_by_urgency),
        T(pull_survives_a_restart),
        T(pull_choice_leaves_out),
        T(pull_waits_no_longer_when_the_clock_jumps),
        T(pull_tried_again_on_request),
        T(pull_filed_again_while_open),
        cmocka_unit_test(pull_states_have_words),
        T(events_are_numbered_and_replayed),
        cmocka_unit_test(old_events_are_dropped_and_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
