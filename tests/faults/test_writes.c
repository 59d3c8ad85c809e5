/* R5 for what is written into the index besides objects: one call fails, or all from it on: the 1st, the 2nd, ... until the change goes
 * through without. A change that was told as done is there for the next owner, one that was told as failed is not, and says why; no crash,
 * no descriptor kept, and afterwards the same change is taken. Runs are also ended at once after the failure, as by a kill.
 *
 * KH_LONG=1: every N, which else are taken in steps. */
#include "tests/faults/workload.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/log.h"
#include "cache/changes.h"
#include "cache/commitments.h"
#include "cache/internal.h"
#include "cache/judging.h"
#include "cache/nodes.h"
#include "cache/pins.h"
#include "cache/pulls.h"
#include "cache/rules.h"
#include "cache/sends.h"
#include "tests/faults/interpose.h"

#define STUDY 1 /* the first study's id */
#define NODE 1  /* the first node's */
#define PLACES 5 /* of one fault in a change, in the short run */

static const kh_change_author author = {.reason = "sent by mistake", .asked_by = "tester"};

static kh_node node_named(const char *name, const char *title)
{
    kh_node node = {.host = "127.0.0.1", .port = 104, .facility = "north", .may_store = true};

    snprintf(node.name, sizeof node.name, "%s", name);
    snprintf(node.ae_title, sizeof node.ae_title, "%s", title);
    return node;
}

static kh_status add_node(kh_cache *cache, kh_error *err)
{
    kh_node node = node_named("late", "LATE");

    return kh_node_add(cache, &node, err);
}

static kh_status file_pull(kh_cache *cache, kh_error *err)
{
    int64_t id;

    return kh_pull_file(cache, NODE, "1.2.9", 1, "tester", &id, err);
}

static kh_status file_send(kh_cache *cache, kh_error *err)
{
    int64_t id, added;
    kh_node node;
    kh_status status = kh_node_find(cache, "first", &node, err);
    const kh_send_filing filing = {.study_id = STUDY, .node = &node, .source = "", .asked_by = "tester", .priority = 1};

    return status == KH_OK ? kh_send_file(cache, &filing, &id, &added, err) : status;
}

static kh_status file_commitment(kh_cache *cache, kh_error *err)
{
    kh_commitment commitment = {.side = KH_COMMITMENT_OURS, .node_id = NODE, .transaction_uid = "1.2.3.9"};
    const kh_commitment_ref ref = {"1.2.840.10008.5.1.4.1.1.2", "1.2.3.4.1", KH_COMMITMENT_UNKNOWN, 0};

    return kh_commitment_file(cache, &commitment, &ref, 1, 10, err);
}

static kh_status add_rule(kh_cache *cache, kh_error *err)
{
    kh_rule rule = {.kind = KH_RULE_FORWARD, .name = "on", .node = "first", .enabled = true};

    return kh_rule_add(cache, &rule, err);
}

static kh_status delete_study(kh_cache *cache, kh_error *err)
{
    int64_t id;

    return kh_change_delete(cache, STUDY, 0, 0, &author, &id, err);
}

static kh_status correct_study(kh_cache *cache, kh_error *err)
{
    const kh_study_values values = {.description = "corrected"};
    int64_t id;

    return kh_change_study(cache, STUDY, &values, &author, &id, err);
}

static kh_status pin_study(kh_cache *cache, kh_error *err)
{
    return kh_pin(cache, STUDY, "person", err);
}

static kh_status judge_again(kh_cache *cache, kh_error *err)
{
    kh_judging at = {.ended_ms = 0};
    kh_status status = kh_judging_begin(cache, "", err);

    while (status == KH_OK && at.ended_ms == 0) {
        status = kh_judging_step(cache, err);
        if (status == KH_OK)
            status = kh_judging_get(cache, &at, err);
    }
    return status;
}

static const struct scenario {
    const char *name;
    kh_status (*act)(kh_cache *cache, kh_error *err);
    const char *is_there; /* more than 0 rows */
} scenarios[] = {
    {"a node is added", add_node, "SELECT count(*) FROM node WHERE name = 'late'"},
    {"a pull is filed", file_pull, "SELECT count(*) FROM pull WHERE study_uid = '1.2.9'"},
    {"a send is filed", file_send, "SELECT count(*) FROM send"},
    {"a commitment is filed", file_commitment, "SELECT count(*) FROM commitment"},
    {"a rule is added", add_rule, "SELECT count(*) FROM rule"},
    {"a study is deleted", delete_study, "SELECT count(*) FROM object WHERE hidden > 0"},
    {"a study is corrected", correct_study, "SELECT count(*) FROM study WHERE description = 'corrected'"},
    {"a study is pinned", pin_study, "SELECT count(*) FROM pin"},
    {"what is stored is judged again", judge_again, "SELECT count(*) FROM judging, study WHERE ended_ms > 0 AND foreign_id = 0"},
};

static const struct fault_case {
    const char *name;
    fault_kind kind;
    int errno_value;
} faults[] = {
    {"open EMFILE", FAULT_OPEN, EMFILE},     {"write ENOSPC", FAULT_WRITE, ENOSPC}, {"all writes EIO from", FAULT_WRITE, -EIO},
    {"truncate EIO", FAULT_TRUNCATE, EIO},   {"sync EIO", FAULT_SYNC, EIO},         {"all syncs ENOSPC from", FAULT_SYNC, -ENOSPC},
    {"memory", FAULT_MEMORY, ENOMEM},        {"all memory from", FAULT_MEMORY, -ENOMEM},
};

/* What a run says to its parent; it outlives the process. */
typedef struct outcome {
    bool done, in_doubt, finished;
    int calls;
    char why[512];
} outcome;

static int open_descriptors(void)
{
    struct dirent *entry;
    int count = 0;
    DIR *dir = opendir("/proc/self/fd");

    while (dir && (entry = readdir(dir)) != NULL)
        count++;
    closedir(dir);
    return count;
}

/* The study as one whose patient ID another issuer gave by a rule that holds no more. */
static kh_status put_apart(kh_write *write, void *context, kh_error *err)
{
    static const char *const statements[] = {
        "INSERT INTO patient (facility_id, patient_id, apart, name_alphabetic, name_ideographic, name_phonetic, birth_date, sex)"
        " SELECT p.facility_id, '', s.study_uid, '', '', '', '', '' FROM study s JOIN patient p ON p.id = s.patient_ref",
        "UPDATE study SET foreign_id = 1, patient_ref = (SELECT id FROM patient WHERE apart <> '')",
    };
    kh_status status = KH_OK;

    (void)context;
    for (size_t i = 0; i < KH_COUNT(statements) && status == KH_OK; i++)
        status = kh_sql_run(kh_write_sql(write), statements[i], NULL, 0, NULL, err);
    return status;
}

static void prepare(const temp_dir *dir)
{
    kh_cache *cache = cache_open(dir);
    kh_node node = node_named("first", "FIRST");
    kh_ingest_result result;

    assert_ok(kh_node_add(cache, &node, err));
    assert_ok(object_store(cache, 1, false, &result, err));
    assert_ok(kh_cache_write(cache, put_apart, NULL, err));
    kh_cache_close(cache);
}

static void act(const temp_dir *dir, const struct scenario *what, const struct fault_case *fault, int nth, bool dies, outcome *out)
{
    kh_cache *cache = cache_open(dir);
    kh_error err = KH_ERROR_INIT, again = KH_ERROR_INIT;
    int descriptors = open_descriptors();
    kh_status status;

    faults_arm(fault->kind, "", nth, fault->errno_value);
    status = what->act(cache, &err);
    out->calls = faults_disarm();
    out->done = status == KH_OK;
    out->in_doubt = kh_committer_in_doubt(cache->committer);
    if (status != KH_OK && (!err.message[0] || err.status != status))
        snprintf(out->why, sizeof out->why, "failed without a reason");
    else if (open_descriptors() > descriptors + 2) /* a reader's connection that stays open is none that is kept */
        snprintf(out->why, sizeof out->why, "descriptors were kept");
    if (dies)
        _exit(0);
    if (status != KH_OK && !out->in_doubt && what->act(cache, &again) != KH_OK)
        snprintf(out->why, sizeof out->why, "not taken afterwards: %.400s", again.message);
    out->finished = true;
    kh_cache_close(cache);
    _exit(0);
}

/* As the next owner finds it. */
static int64_t count_rows(const temp_dir *dir, const char *query)
{
    kh_cache *cache = cache_open(dir);
    char path[PATH_MAX];
    kh_sql_row *row;
    bool has_row;
    kh_sql *sql;
    int64_t count;

    snprintf(path, sizeof path, "%s/index.db", dir->path);
    assert_ok(kh_sql_open(&sql, path, KH_SQL_READER, err));
    assert_ok(kh_sql_query(&row, sql, query, NULL, 0, err));
    assert_ok(kh_sql_next(row, &has_row, err));
    count = kh_sql_int(row, 0);
    kh_sql_end(row);
    kh_sql_close(sql);
    kh_cache_close(cache);
    return count;
}

static void run_one(const struct scenario *what, const struct fault_case *fault, int nth, bool dies, outcome *out)
{
    bool promised[OBJECTS_MOST] = {[1] = true};
    bool is_there, expected;
    char why[512];
    temp_dir dir;
    pid_t child;
    int how;

    memset(out, 0, sizeof *out);
    work_dir_make(&dir);
    faults_watch(dir.path);
    prepare(&dir);
    fflush(NULL);
    child = fork();
    if (child == 0) {
        alarm(30);
        act(&dir, what, fault, nth, dies, out);
    }
    waitpid(child, &how, 0);
    if (how != 0)
        fail_msg("%s, %s %d: signal %d", what->name, fault->name, nth, WTERMSIG(how));
    if (out->why[0])
        fail_msg("%s, %s %d: %s", what->name, fault->name, nth, out->why);
    is_there = count_rows(&dir, what->is_there) > 0;
    expected = out->done || (!dies && !out->in_doubt); /* a second try has gone through */
    if (is_there != expected && !(out->in_doubt && !out->done))
        fail_msg("%s, %s %d%s: told as %s, %s", what->name, fault->name, nth, dies ? ", then a kill" : "", out->done ? "done" : "failed",
                 is_there ? "is there" : "is not there");
    if (!promises_kept_apart(dir.path, promised, why))
        fail_msg("%s, %s %d: %s", what->name, fault->name, nth, why);
    temp_dir_remove(&dir);
}

static void every_change(void **state)
{
    outcome *out = mmap(NULL, sizeof *out, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    bool is_long = getenv("KH_LONG") && getenv("KH_LONG")[0];

    (void)state;
    assert_true(out != MAP_FAILED);
    for (size_t i = 0; i < KH_COUNT(scenarios); i++) {
        int places = 0, failures = 0;

        for (size_t k = 0; k < KH_COUNT(faults); k++)
            for (int nth = 1, step = 1;; nth += step) {
                run_one(&scenarios[i], &faults[k], nth, false, out);
                failures += !out->done;
                if (nth > out->calls)
                    break;
                places++;
                if (!is_long)
                    step = 1 + out->calls / PLACES;
                if (is_long || places % 2 == 1)
                    run_one(&scenarios[i], &faults[k], nth, true, out);
            }
        print_message("%s: %d places, failed at %d\n", scenarios[i].name, places, failures);
        assert_true(failures > 0);
    }
    munmap(out, sizeof *out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_change)};

    kh_log_set_level(KH_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
