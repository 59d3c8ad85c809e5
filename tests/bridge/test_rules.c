/* Rules at work: earlier studies and back-fill from dcmqrscp, sending on to storescp and to another of our own kind. */
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
#include "cache/ingest.h"
#include "cache/lookups.h"
#include "cache/rules.h"
#include "cache/sends.h"
#include "pacs-bridge/control.h"
#include "tests/bridge/support.h"
#include "tests/bridge/world.h"

#define QUIET_MS 200
#define WAIT_MS 30000
#define STUDY_UID "1.2.826.0.1.3680043.10.7."
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* --- files and programs that are not ours --- */

typedef struct made {
    const char *number; /* ends the Study Instance UID */
    const char *patient_id, *date, *modality, *body_part;
} made;

/* One object of a study of its own. */
static void write_study(const char *path, const made *study)
{
    char uid[80], series[90], sop[90], patient[80], date[40], modality[40], body_part[60];
    const char *argv[] = {"dcmodify", "-nb", "-i", uid, "-i", series, "-i", sop, "-i", patient,
                          "-i", date, "-i", modality, "-i", body_part, path, NULL};

    support_write_object(path, 1, 2048, NULL, NULL);
    snprintf(uid, sizeof(uid), "(0020,000d)=" STUDY_UID "%s", study->number);
    snprintf(series, sizeof(series), "(0020,000e)=" STUDY_UID "%s.1", study->number);
    snprintf(sop, sizeof(sop), "(0008,0018)=" STUDY_UID "%s.1.1", study->number);
    snprintf(patient, sizeof(patient), "(0010,0020)=%s", study->patient_id);
    snprintf(date, sizeof(date), "(0008,0020)=%s", study->date);
    snprintf(modality, sizeof(modality), "(0008,0060)=%s", study->modality);
    snprintf(body_part, sizeof(body_part), "(0018,0015)=%s", study->body_part);
    assert_int_equal(support_run(NULL, argv), 0);
}

typedef struct pacs {
    uint16_t port;
    char port_text[8];
    pid_t pid;
} pacs;

/* dcmqrscp with these studies; it sends to us, whom it knows. */
static void pacs_start(pacs *to, const world *it, const made *studies, size_t count)
{
    char config[120], store[120], dir[120], path[160];
    const char *argv[] = {"dcmqrscp", "-c", config, to->port_text, NULL};
    const char *echo[] = {"echoscu", "-aec", "PACS", "127.0.0.1", to->port_text, NULL};
    const char *send[] = {"storescu", "-aec", "PACS", "+sd", "127.0.0.1", to->port_text, dir, NULL};
    FILE *file;

    close(support_listen(&to->port));
    snprintf(to->port_text, sizeof(to->port_text), "%u", to->port);
    snprintf(config, sizeof(config), "%s/dcmqrscp.cfg", it->dir);
    snprintf(store, sizeof(store), "%s/pacs", it->dir);
    snprintf(dir, sizeof(dir), "%s/made", it->dir);
    assert_int_equal(support_run(NULL, (const char *[]){"mkdir", store, dir, NULL}), 0);
    file = fopen(config, "w");
    assert_non_null(file);
    fprintf(file, "MaxPDUSize = 16384\nMaxAssociations = 16\nHostTable BEGIN\nus = (KAKEHASHI, 127.0.0.1, %s)\nHostTable END\n"
                  "VendorTable BEGIN\nVendorTable END\nAETable BEGIN\nPACS %s RW (200, 1024mb) ANY\nAETable END\n",
            it->port_text, store);
    fclose(file);
    for (size_t i = 0; i < count; i++) {
        snprintf(path, sizeof(path), "%s/%zu.dcm", dir, i);
        write_study(path, &studies[i]);
    }
    to->pid = support_spawn(NULL, argv);
    for (unsigned i = 0; i < 100 && support_run(NULL, echo) != 0; i++)
        kh_clock_sleep_ms(50);
    assert_int_equal(support_run(NULL, send), 0);
}

static void pacs_stop(const pacs *it)
{
    kill(it->pid, SIGTERM);
    (void)support_wait(it->pid);
}

static pid_t start_storescp(const world *it, uint16_t port, char dir[120])
{
    char port_text[8];
    const char *argv[] = {"storescp", "-aet", "REGION", "-od", dir, "-uf", port_text, NULL};

    snprintf(dir, 120, "%s/received", it->dir);
    snprintf(port_text, sizeof(port_text), "%u", port);
    (void)support_run(NULL, (const char *[]){"mkdir", "-p", dir, NULL});
    return support_spawn(NULL, argv);
}

/* --- what is common --- */

static void add_node_of(world *it, const char *name, const char *title, uint16_t port, const char *facility)
{
    kh_node node = {.port = port, .may_store = true};

    snprintf(node.name, sizeof(node.name), "%s", name);
    snprintf(node.ae_title, sizeof(node.ae_title), "%s", title);
    snprintf(node.host, sizeof(node.host), "127.0.0.1");
    snprintf(node.facility, sizeof(node.facility), "%s", facility);
    assert_int_equal(kh_node_add(it->cache, &node, NULL), KH_OK);
}

static int64_t add_rule(world *it, kh_rule *rule, const char *name, const char *node)
{
    kh_error err = KH_ERROR_INIT;

    snprintf(rule->name, sizeof(rule->name), "%s", name);
    snprintf(rule->node, sizeof(rule->node), "%s", node);
    if (kh_rule_add(it->cache, rule, &err) != KH_OK)
        fail_msg("%s", err.message);
    return rule->id;
}

static void push(world *it, const char *source, const made *study)
{
    const kh_origin origin = {.facility = "north", .source = source};
    kh_error err = KH_ERROR_INIT;
    kh_ingest_result result;
    char path[160];

    snprintf(path, sizeof(path), "%s/push.dcm", it->dir);
    write_study(path, study);
    if (kh_ingest_file(it->cache, path, &origin, &result, &err) != KH_OK)
        fail_msg("%s", err.message);
}

typedef struct counted {
    int here;
    bool arriving;
} counted;

static kh_status count_study(void *context, const kh_study *study)
{
    counted *so_far = context;

    so_far->here += (int)study->object_count;
    so_far->arriving = so_far->arriving || study->arriving;
    return KH_OK;
}

static counted count_of(world *it, const char *number)
{
    counted so_far = {0};
    char uid[65];

    snprintf(uid, sizeof(uid), STUDY_UID "%s", number);
    assert_int_equal(kh_browse_study_uid(it->cache, uid, count_study, &so_far, NULL), KH_OK);
    return so_far;
}

static void await_quiet(world *it, const char *number)
{
    for (int i = 0; i < WAIT_MS / 10; i++) {
        counted now = count_of(it, number);
        if (now.here > 0 && !now.arriving)
            return;
        kh_clock_sleep_ms(10);
    }
    fail_msg("study %s did not come, or is still arriving", number);
}

typedef struct pull_counts {
    int all, by_rules;
} pull_counts;

static kh_status count_pull(void *context, const kh_pull *pull)
{
    pull_counts *counts = context;

    counts->all += !pull->compare;
    counts->by_rules += !pull->compare && pull->rule_id != 0;
    return KH_OK;
}

static pull_counts count_pulls(world *it)
{
    pull_counts counts = {0};

    assert_int_equal(kh_pull_list(it->cache, false, 1000, count_pull, &counts, NULL), KH_OK);
    return counts;
}

/* --- earlier studies --- */

static kh_status keep_lookup(void *context, const kh_lookup *lookup)
{
    *(kh_lookup *)context = *lookup;
    return KH_OK;
}

static kh_lookup await_lookup(world *it, kh_lookup_state state)
{
    kh_lookup lookup = {.id = 0};

    for (int i = 0; i < WAIT_MS / 10; i++) {
        assert_int_equal(kh_lookup_list(it->cache, 1, keep_lookup, &lookup, NULL), KH_OK);
        if (lookup.id != 0 && lookup.state == state)
            return lookup;
        kh_clock_sleep_ms(10);
    }
    fail_msg("nobody looked for earlier studies: %s", lookup.reason);
    return lookup;
}

static const made earlier[] = {
    {"1", "P-1", "20260601", "CT", "CHEST"}, {"2", "P-1", "20250601", "CT", "CHEST"}, {"3", "P-1", "20240601", "CT", "CHEST"},
    {"4", "P-1", "20260101", "MR", "CHEST"}, {"5", "P-1", "20100101", "CT", "CHEST"}, {"6", "P-12", "20260601", "CT", "CHEST"},
    {"7", "P-1", "20261201", "CT", "CHEST"},
};
static const made today = {"100", "P-1", "20261121", "CT", "CHEST"};

static void earlier_studies_are_fetched(void **state)
{
    kh_rule rule;
    pacs hospital;
    kh_lookup lookup;
    world it;

    (void)state;
    world_make(&it);
    it.options.quiet_ms = QUIET_MS;
    pacs_start(&hospital, &it, earlier, COUNT(earlier));
    add_node_of(&it, "pacs", "PACS", hospital.port, "north");
    add_node_of(&it, "other-hospital", "PACS", hospital.port, "south"); /* the same ID there is another person */
    kh_rule_init(&rule, KH_RULE_PREFETCH);
    rule.priors = 2;
    (void)add_rule(&it, &rule, "priors", "");
    world_start_bridge(&it);
    push(&it, "ct-1", &today);
    lookup = await_lookup(&it, KH_LOOKUP_DONE);
    assert_int_equal(lookup.found, 2);
    assert_int_equal(lookup.filed, 2);
    await_quiet(&it, "1");
    await_quiet(&it, "2");
    await_quiet(&it, "100");
    assert_int_equal(count_of(&it, "3").here, 0); /* two are enough */
    assert_int_equal(count_of(&it, "4").here, 0); /* another modality */
    assert_int_equal(count_of(&it, "5").here, 0); /* too old */
    assert_int_equal(count_of(&it, "6").here, 0); /* another patient */
    assert_int_equal(count_of(&it, "7").here, 0); /* later */
    push(&it, "ct-1", &(made){"101", "P-1", "20261122", "CT", "CHEST"}); /* again the same patient: nothing is fetched twice */
    await_quiet(&it, "101");
    lookup = await_lookup(&it, KH_LOOKUP_DONE);
    assert_int_equal(lookup.found, 2);
    assert_int_equal(count_pulls(&it).all, 2); /* and what a rule brought brings no more */
    assert_int_equal(count_pulls(&it).by_rules, 2);
    world_stop_bridge(&it);
    pacs_stop(&hospital);
    world_free(&it);
}

/* Nobody answers: tried again, across a restart, until somebody does. */
static void hospital_does_not_answer_yet(void **state)
{
    kh_rule rule;
    pacs hospital;
    world it;

    (void)state;
    world_make(&it);
    it.options.quiet_ms = QUIET_MS;
    it.options.pull_attempts_max = 100;
    pacs_start(&hospital, &it, earlier, 1);
    pacs_stop(&hospital);
    add_node_of(&it, "pacs", "PACS", hospital.port, "north");
    kh_rule_init(&rule, KH_RULE_PREFETCH);
    (void)add_rule(&it, &rule, "priors", "pacs");
    world_start_bridge(&it);
    push(&it, "ct-1", &today);
    for (int i = 0; i < WAIT_MS / 10 && await_lookup(&it, KH_LOOKUP_WAITING).attempts == 0; i++)
        kh_clock_sleep_ms(10);
    assert_string_not_equal(await_lookup(&it, KH_LOOKUP_WAITING).reason, "");
    world_stop_bridge(&it);
    {
        char config[120];
        const char *argv[] = {"dcmqrscp", "-c", config, hospital.port_text, NULL};
        snprintf(config, sizeof(config), "%s/dcmqrscp.cfg", it.dir);
        hospital.pid = support_spawn(NULL, argv);
    }
    world_start_bridge(&it);
    assert_int_equal(await_lookup(&it, KH_LOOKUP_DONE).filed, 1);
    await_quiet(&it, "1");
    world_stop_bridge(&it);
    pacs_stop(&hospital);
    world_free(&it);
}

/* --- sending on --- */

static kh_status keep_send(void *context, const kh_send *send)
{
    *(kh_send *)context = *send;
    return KH_OK;
}

static kh_send newest_send(world *it)
{
    const kh_queue_page page = {KH_QUEUE_ALL, INT64_MAX, 1};
    kh_send send = {.id = 0};

    assert_int_equal(kh_send_page(it->cache, &page, keep_send, &send, NULL), KH_OK);
    return send;
}

static kh_send await_send(world *it, kh_send_state state)
{
    kh_send send = {.id = 0};

    for (int i = 0; i < WAIT_MS / 10; i++) {
        send = newest_send(it);
        if (send.id != 0 && send.state == state)
            return send;
        kh_clock_sleep_ms(10);
    }
    fail_msg("the send is %s (%s), expected %s",
             send.id ? kh_send_state_text(send.state) : "not there", send.reason, kh_send_state_text(state));
    return send;
}

static void sent_on_when_it_has_arrived(void **state)
{
    kh_rule rule;
    uint16_t port;
    char dir[120];
    kh_send send;
    pid_t pid;
    world it;

    (void)state;
    world_make(&it);
    it.options.quiet_ms = QUIET_MS;
    it.options.send_attempts_max = 1000;
    close(support_listen(&port));
    add_node_of(&it, "region", "REGION", port, "region");
    kh_rule_init(&rule, KH_RULE_FORWARD);
    strcpy(rule.modality, "CT");
    strcpy(rule.source, "ct-*");
    (void)add_rule(&it, &rule, "to-region", "region");
    world_start_bridge(&it);
    push(&it, "mr-1", &(made){"1", "P-1", "20261121", "CT", "HEAD"});  /* another source */
    push(&it, "ct-1", &(made){"2", "P-1", "20261121", "MR", "HEAD"});  /* another modality */
    push(&it, "region", &(made){"3", "P-1", "20261121", "CT", "HEAD"}); /* from there */
    push(&it, "ct-1", &(made){"4", "P-1", "20261121", "CT", "HEAD"});
    for (int i = 0; i < WAIT_MS / 10 && newest_send(&it).attempts == 0; i++)
        kh_clock_sleep_ms(10);
    send = await_send(&it, KH_SEND_WAITING); /* nobody is there yet */
    assert_int_equal(send.total, 1);
    assert_string_equal(send.study_uid, STUDY_UID "4");
    assert_non_null(strstr(send.reason, "0 of 1"));
    world_stop_bridge(&it);
    pid = start_storescp(&it, port, dir);
    world_start_bridge(&it);
    send = await_send(&it, KH_SEND_COMPLETE);
    assert_int_equal(send.sent, 1);
    assert_string_equal(send.reason, "");
    assert_int_equal(support_count_files(dir), 1);
    push(&it, "ct-1", &(made){"4.9", "P-1", "20261121", "CT", "HEAD"}); /* another study */
    for (int i = 0; i < WAIT_MS / 10 && support_count_files(dir) < 2; i++)
        kh_clock_sleep_ms(10);
    (void)await_send(&it, KH_SEND_COMPLETE);
    for (const char *const *number = (const char *const[]){"1", "2", "3", "4", "4.9", NULL}; *number; number++)
        await_quiet(&it, *number);
    assert_int_equal(support_count_files(dir), 2);
    world_stop_bridge(&it);
    kill(pid, SIGTERM);
    (void)support_wait(pid);
    world_free(&it);
}

/* Without waiting for the rest of the study; an object that comes later follows. */
static void sent_on_at_once(void **state)
{
    kh_rule rule;
    uint16_t port;
    char dir[120];
    pid_t pid;
    world it;

    (void)state;
    world_make(&it);
    it.options.quiet_ms = 3600000;
    close(support_listen(&port));
    add_node_of(&it, "region", "REGION", port, "region");
    pid = start_storescp(&it, port, dir);
    kh_rule_init(&rule, KH_RULE_FORWARD);
    rule.at_once = true;
    (void)add_rule(&it, &rule, "to-region", "region");
    world_start_bridge(&it);
    for (unsigned number = 1; number <= 3; number++) {
        const kh_origin origin = {.facility = "north", .source = "ct-1"};
        kh_ingest_result result;
        char path[160];

        snprintf(path, sizeof(path), "%s/%u.dcm", it.dir, number);
        support_write_object(path, number, 2048, NULL, NULL);
        assert_int_equal(kh_ingest_file(it.cache, path, &origin, &result, NULL), KH_OK);
        for (int i = 0; i < WAIT_MS / 10 && support_count_files(dir) < number; i++)
            kh_clock_sleep_ms(10);
        assert_int_equal(support_count_files(dir), number);
    }
    assert_int_equal(await_send(&it, KH_SEND_COMPLETE).sent, 3); /* one job, not three */
    world_stop_bridge(&it);
    kill(pid, SIGTERM);
    (void)support_wait(pid);
    world_free(&it);
}

static void sends_end_truthfully(void **state)
{
    uint16_t port;
    kh_rule rule;
    kh_send send;
    world it;

    (void)state;
    world_make(&it);
    it.options.quiet_ms = QUIET_MS;
    it.options.send_attempts_max = 3;
    close(support_listen(&port));
    add_node_of(&it, "region", "REGION", port, "region"); /* nobody listens */
    kh_rule_init(&rule, KH_RULE_FORWARD);
    (void)add_rule(&it, &rule, "to-region", "region");
    world_start_bridge(&it);
    push(&it, "ct-1", &today);
    send = await_send(&it, KH_SEND_FAILED);
    assert_int_equal(send.attempts, 3);
    assert_int_equal(send.sent, 0);
    assert_non_null(strstr(send.reason, "0 of 1; 1 not taken: "));
    world_free(&it);
}

/* Each sends on to the other what arrives: it goes over once and stays. */
static void two_of_us_make_no_loop(void **state)
{
    kh_rule to_b, to_a;
    world a, b;

    (void)state;
    world_make(&a);
    world_make(&b);
    a.options.quiet_ms = b.options.quiet_ms = QUIET_MS;
    strcpy(a.options.ae_title, "A");
    strcpy(b.options.ae_title, "B");
    add_node_of(&a, "b", "B", b.port, "region-b");
    add_node_of(&b, "a", "A", a.port, "region-a");
    kh_rule_init(&to_b, KH_RULE_FORWARD);
    kh_rule_init(&to_a, KH_RULE_FORWARD);
    (void)add_rule(&a, &to_b, "on", "b");
    (void)add_rule(&b, &to_a, "on", "a");
    world_start_bridge(&a);
    world_start_bridge(&b);
    push(&a, "ct-1", &today);
    assert_int_equal(await_send(&a, KH_SEND_COMPLETE).sent, 1);
    await_quiet(&b, "100");
    assert_int_equal(newest_send(&b).id, 0);
    assert_int_equal(world_count_objects(&a), 1);
    assert_int_equal(world_count_objects(&b), 1);
    world_free(&b);
    world_free(&a);
}

/* --- requests --- */

static void asked_over_the_socket(void **state)
{
    static const struct {
        const char *request, *answer; /* how it begins */
    } cases[] = {
        {"{\"op\":\"rule.add\",\"kind\":\"forward\",\"name\":\"on\",\"node\":\"region\",\"modality\":\"CT\"}", "{\"ok\":true,\"id\":1"},
        {"{\"op\":\"rule.add\",\"kind\":\"forward\",\"name\":\"on\",\"node\":\"region\"}", "{\"ok\":false,\"status\":6"},
        {"{\"op\":\"rule.add\",\"kind\":\"copy\",\"name\":\"b\"}", "{\"ok\":false,\"status\":1,\"message\":\"kind"},
        {"{\"op\":\"rule.add\",\"kind\":\"prefetch\",\"name\":\"priors\",\"priors\":99999999999}",
         "{\"ok\":false,\"status\":1,\"message\":\"priors"},
        {"{\"op\":\"rule.add\",\"kind\":\"prefetch\",\"name\":\"priors\"}", "{\"ok\":true,\"id\":2"},
        {"{\"op\":\"rule.list\"}",
         "{\"ok\":true,\"rules\":[{\"id\":1,\"kind\":\"forward\",\"enabled\":true,\"name\":\"on\",\"node\":\"region\""},
        {"{\"op\":\"rule.list\",\"after\":1}", "{\"ok\":true,\"rules\":[{\"id\":2,\"kind\":\"prefetch\""},
        {"{\"op\":\"rule.enable\",\"name\":\"on\",\"enabled\":false}", "{\"ok\":true}"},
        {"{\"op\":\"rule.retry\",\"name\":\"on\"}", "{\"ok\":false,\"status\":1,\"message\":\"a forward rule"},
        {"{\"op\":\"rule.retry\",\"name\":\"priors\"}", "{\"ok\":true}"},
        {"{\"op\":\"backfill.cancel\",\"name\":\"on\"}", "{\"ok\":false,\"status\":5"},
        {"{\"op\":\"pull.file\",\"node\":\"region\",\"study_uid\":\"1.2.3\",\"priority\":2}", "{\"ok\":true,\"id\":1}"},
        {"{\"op\":\"pull.file\",\"node\":\"region\",\"study_uid\":\"1.2.4\",\"priority\":2}", "{\"ok\":true,\"id\":2}"},
        {"{\"op\":\"pull.priority\",\"id\":1,\"priority\":0}", "{\"ok\":true}"},
        {"{\"op\":\"pull.priority\",\"id\":1,\"priority\":3}", "{\"ok\":false,\"status\":1"},
        {"{\"op\":\"pull.list\",\"limit\":1}", "{\"ok\":true,\"pulls\":[{\"id\":2,"},
        {"{\"op\":\"pull.list\",\"before\":2,\"which\":\"open\"}", "{\"ok\":true,\"pulls\":[{\"id\":1,"},
        {"{\"op\":\"pull.list\",\"which\":\"failed\"}", "{\"ok\":true,\"pulls\":[],\"more\":false}"},
        {"{\"op\":\"pull.list\",\"limit\":26}", "{\"ok\":false,\"status\":1"},
        {"{\"op\":\"pull.list\",\"limit\":0}", "{\"ok\":false,\"status\":1"},
        {"{\"op\":\"pull.list\",\"which\":\"none\"}", "{\"ok\":false,\"status\":1"},
        {"{\"op\":\"pull.cancel\",\"id\":1}", "{\"ok\":true}"},
        {"{\"op\":\"pull.retry\",\"id\":1}", "{\"ok\":true}"},
        {"{\"op\":\"send.file\",\"node\":\"region\",\"study\":1}", "{\"ok\":true,\"id\":1,\"added\":1}"},
        {"{\"op\":\"send.file\",\"node\":\"region\",\"study\":9}", "{\"ok\":false,\"status\":5"},
        {"{\"op\":\"send.list\"}", "{\"ok\":true,\"sends\":[{\"id\":1,"},
        {"{\"op\":\"send.priority\",\"id\":1,\"priority\":0}", "{\"ok\":true}"},
        {"{\"op\":\"send.cancel\",\"id\":1}", "{\"ok\":true}"},
        {"{\"op\":\"send.cancel\",\"id\":1}", "{\"ok\":false,\"status\":6"},
        {"{\"op\":\"send.retry\",\"id\":1}", "{\"ok\":true}"},
        {"{\"op\":\"send.retry\",\"id\":7}", "{\"ok\":false,\"status\":5"},
        {"{\"op\":\"rule.remove\",\"name\":\"on\"}", "{\"ok\":true}"},
        {"{\"op\":\"rule.remove\"}", "{\"ok\":false,\"status\":1"},
    };
    uint16_t port;
    world it;

    (void)state;
    world_make(&it);
    it.options.pull_workers = 0; /* what is filed stays as it is */
    it.options.send_workers = 0;
    close(support_listen(&port));
    add_node_of(&it, "region", "REGION", port, "region");
    push(&it, "ct-1", &today);
    world_start_bridge(&it);
    for (size_t i = 0; i < COUNT(cases); i++) {
        kh_buf answer;

        kh_buf_init(&answer, KH_CONTROL_LINE_MAX + 1);
        assert_int_equal(kh_control_call(it.data_dir, cases[i].request, &answer, 0, NULL), KH_OK);
        if (strncmp(kh_buf_text(&answer), cases[i].answer, strlen(cases[i].answer)) != 0)
            fail_msg("%s: %s", cases[i].request, kh_buf_text(&answer));
        kh_buf_release(&answer);
    }
    world_free(&it);
}

/* --- back-fill --- */

static kh_backfill await_backfill(world *it, int64_t rule_id, kh_backfill_state state, const char *reason)
{
    kh_backfill at = {.rule_id = 0};

    for (int i = 0; i < WAIT_MS / 10; i++) {
        assert_int_equal(kh_backfill_find(it->cache, rule_id, &at, NULL), KH_OK);
        if (at.state == state && strstr(at.reason, reason))
            return at;
        kh_clock_sleep_ms(10);
    }
    fail_msg("the back-fill is %s at %s (%s)", kh_backfill_state_text(at.state), at.day, at.reason);
    return at;
}

static const made past[] = {
    {"1", "P-1", "20260103", "CT", "CHEST"}, {"2", "P-2", "20260103", "CT", "CHEST"}, {"3", "P-3", "20260102", "CT", "CHEST"},
    {"4", "P-4", "20260101", "CT", "CHEST"}, {"5", "P-5", "20251231", "CT", "CHEST"}, {"6", "P-6", "20260104", "CT", "CHEST"},
};

static void fetched_day_by_day(void **state)
{
    kh_backfill_pulls pulls;
    kh_backfill at;
    pacs hospital;
    kh_rule rule;
    world it;

    (void)state;
    world_make(&it);
    it.options.quiet_ms = QUIET_MS;
    pacs_start(&hospital, &it, past, COUNT(past));
    add_node_of(&it, "pacs", "PACS", hospital.port, "north");
    push(&it, "ct-1", &past[2]); /* is here already */
    kh_rule_init(&rule, KH_RULE_BACKFILL);
    strcpy(rule.date_from, "20260101");
    strcpy(rule.date_to, "20260103");
    rule.studies_per_hour = 1;
    (void)add_rule(&it, &rule, "past", "pacs");
    world_start_bridge(&it);
    at = await_backfill(&it, rule.id, KH_BACKFILL_WALKING, "1 studies an hour");
    assert_string_equal(at.day, "20260103");
    world_stop_bridge(&it); /* in the middle of a day */
    world_start_bridge(&it);
    at = await_backfill(&it, rule.id, KH_BACKFILL_WALKING, "1 studies an hour");
    assert_int_equal(kh_backfill_count(it.cache, rule.id, &pulls, NULL), KH_OK);
    assert_int_equal(pulls.open + pulls.fetched, 1); /* a restart begins no new hour */
    kh_clock_shift_for_test(0, 3600001);
    await_quiet(&it, "1");
    await_quiet(&it, "2");
    at = await_backfill(&it, rule.id, KH_BACKFILL_WALKING, "1 studies an hour");
    assert_string_equal(at.day, "20260102");
    assert_int_equal(at.days_done, 1);
    kh_clock_shift_for_test(0, 3600001);
    at = await_backfill(&it, rule.id, KH_BACKFILL_DONE, "");
    assert_int_equal(at.found, 4);
    assert_int_equal(at.held, 1);
    assert_int_equal(at.days_done, 3);
    assert_int_equal(kh_backfill_count(it.cache, rule.id, &pulls, NULL), KH_OK);
    assert_int_equal(pulls.fetched, 3);
    assert_int_equal(pulls.failed, 0);
    assert_int_equal(count_of(&it, "5").here + count_of(&it, "6").here, 0); /* outside the days */
    kh_clock_shift_for_test(0, -2 * 3600001);
    world_stop_bridge(&it);
    pacs_stop(&hospital);
    world_free(&it);
}

static void backfill_without_an_answer(void **state)
{
    kh_backfill at;
    uint16_t port;
    kh_rule rule;
    world it;

    (void)state;
    world_make(&it);
    close(support_listen(&port));
    add_node_of(&it, "pacs", "PACS", port, "north");
    kh_rule_init(&rule, KH_RULE_BACKFILL);
    strcpy(rule.date_from, "20260101");
    strcpy(rule.date_to, "20260103");
    (void)add_rule(&it, &rule, "past", "pacs");
    world_start_bridge(&it);
    do {
        at = await_backfill(&it, rule.id, KH_BACKFILL_WALKING, "");
    } while (at.attempts < 3);
    assert_string_equal(at.day, "20260103"); /* no day is passed over */
    assert_int_equal(at.days_done, 0);
    assert_string_not_equal(at.reason, "");
    assert_int_equal(kh_backfill_cancel(it.cache, rule.id, NULL), KH_OK);
    (void)await_backfill(&it, rule.id, KH_BACKFILL_CANCELLED, "");
    world_free(&it);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(earlier_studies_are_fetched), cmocka_unit_test(hospital_does_not_answer_yet),
        cmocka_unit_test(sent_on_when_it_has_arrived), cmocka_unit_test(sent_on_at_once),
        cmocka_unit_test(sends_end_truthfully),        cmocka_unit_test(two_of_us_make_no_loop),
        cmocka_unit_test(asked_over_the_socket),
        cmocka_unit_test(fetched_day_by_day),          cmocka_unit_test(backfill_without_an_answer)};

    signal(SIGPIPE, SIG_IGN);
    kh_log_set_level(getenv("KH_TEST_LOG") ? KH_LOG_INFO : KH_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
