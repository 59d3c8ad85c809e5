/* R5: one call fails, or all from it on: the 1st, the 2nd, ... until a scenario runs through without. No success for what is not
 * there, no crash, no descriptor kept, nothing left in incoming/, and the next object is taken. Every run is also ended at once
 * after the failure, as by a kill, and looked at by the next owner.
 *
 * KH_LONG=1: every error, and every N of memory and at a start, which else are taken in steps. */
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
#include "tests/faults/interpose.h"

#define PLACES 16 /* of a scenario with very many calls, in the short run */

typedef struct fault_case {
    const char *name;
    fault_kind kind;
    int errno_value;
    bool only_long;
} fault_case;

static const fault_case cases[] = {
    {"open EMFILE", FAULT_OPEN, EMFILE, false},
    {"open EIO", FAULT_OPEN, EIO, true},
    {"write ENOSPC", FAULT_WRITE, ENOSPC, false},
    {"write EIO", FAULT_WRITE, EIO, true},
    {"all writes ENOSPC from", FAULT_WRITE, -ENOSPC, false},
    {"disk EIO", FAULT_DIRECT, EIO, false},
    {"disk ENOSPC", FAULT_DIRECT, ENOSPC, true},
    {"disk that takes none", FAULT_DIRECT, EINVAL, false},
    {"disk that takes half", FAULT_DIRECT, FAULT_HALF_TAKEN, false},
    {"truncate EIO", FAULT_TRUNCATE, EIO, false},
    {"sync EIO", FAULT_SYNC, EIO, false},
    {"sync ENOSPC", FAULT_SYNC, ENOSPC, true},
    {"all syncs EIO from", FAULT_SYNC, -EIO, false},
    {"rename EIO", FAULT_RENAME, EIO, false},
    {"rename ENOSPC", FAULT_RENAME, ENOSPC, true},
    {"mkdir ENOSPC", FAULT_MKDIR, ENOSPC, false},
    {"memory", FAULT_MEMORY, ENOMEM, false},
};

typedef enum scene { SCENE_FIRST, SCENE_NEXT, SCENE_DUPLICATE, SCENE_CONFLICT, SCENE_START, SCENE_RESTART, SCENES } scene;
static const char *const scene_names[SCENES] = {"the first object", "another object", "a duplicate", "other bytes",
                                                "the first start", "a start after a kill"};

/* What a run says to its parent; it outlives the process. */
typedef struct outcome {
    bool stored, finished; /* finished: the run came to its end */
    int calls;
    bool promised[OBJECTS_MOST];
    char why[512];
} outcome;

static int open_descriptors(void)
{
    struct dirent *entry;
    int count = 0;
    DIR *dir = opendir("/proc/self/fd");

    assert_non_null(dir);
    while ((entry = readdir(dir)) != NULL)
        count++;
    closedir(dir);
    return count;
}

static kh_status open_owner(kh_cache **cache, const temp_dir *dir, kh_error *err)
{
    kh_cache_options options = kh_cache_options_default;

    options.dir = dir->path;
    options.owner = true;
    options.reserve_bytes = 0;
    options.frames_bytes_max = 1 << 20;
    return kh_cache_open(cache, &options, err);
}

static bool say(outcome *out, const char *what, const kh_error *err)
{
    snprintf(out->why, sizeof out->why, "%s: %.400s", what, err->message);
    return false;
}

/* The number of the object that a scene sends: one that the disk gets in two parts, or, after it, in one. */
static int object_of(scene which)
{
    return which == SCENE_NEXT ? 10 : 33;
}

/* Nothing armed yet: what was before. */
static bool prepare(const temp_dir *dir, scene which, outcome *out)
{
    kh_error err = KH_ERROR_INIT;
    kh_ingest_result result;
    kh_cache *cache;

    if (which == SCENE_FIRST || which == SCENE_START)
        return true;
    if (open_owner(&cache, dir, &err) != KH_OK || object_store(cache, object_of(SCENE_FIRST), false, &result, &err) != KH_OK)
        return say(out, "before", &err);
    out->promised[object_of(SCENE_FIRST)] = true;
    if (which == SCENE_RESTART) { /* a file whose row did not make it, and one that was being received */
        kh_incoming *incoming;

        faults_arm(FAULT_WRITE, "index.db-wal", 1, 0);
        return kh_ingest_begin(&incoming, cache, 0, &err) == KH_OK && object_store(cache, 3, false, &result, &err) == KH_OK;
    }
    kh_cache_close(cache);
    return true;
}

/* A status that says no says why, and is none that blames the sender's object. */
static bool is_told(kh_status status, const kh_error *err, outcome *out)
{
    if (status == KH_OK || (err->message[0] && err->status == status && status != KH_E_FORMAT && status != KH_E_CONFLICT))
        return true;
    return say(out, "wrong status", err);
}

static bool store_one(kh_cache *cache, scene which, const kh_buf *bytes, const fault_case *fault, int nth, outcome *out)
{
    kh_error err = KH_ERROR_INIT;
    kh_ingest_result result;
    kh_status status;

    faults_arm(fault->kind, "", nth, fault->errno_value);
    status = ingest_bytes(cache, bytes, &origin_north, &result, &err);
    out->calls = faults_disarm();
    out->stored = status == KH_OK;
    if (status == KH_OK && result.conflict != (which == SCENE_CONFLICT))
        return say(out, "no conflict told", &err);
    if (status == KH_OK)
        out->promised[object_of(which)] = true;
    return is_told(status, &err, out);
}

static bool go_on(kh_cache *cache, const temp_dir *dir, outcome *out)
{
    kh_error err = KH_ERROR_INIT;
    kh_ingest_result result;

    if (temp_dir_count(dir, "incoming") != 0)
        return say(out, "a file is left in incoming/", &err);
    for (int number = 1; number <= 5; number++) {
        if (object_store(cache, number, false, &result, &err) != KH_OK)
            return say(out, "does not go on", &err);
        out->promised[number] = true;
    }
    return true;
}

static bool run_ingest(const temp_dir *dir, scene which, const fault_case *fault, int nth, bool dies, outcome *out)
{
    int descriptors = open_descriptors();
    kh_error err = KH_ERROR_INIT;
    kh_cache *cache;
    kh_buf bytes;
    bool good;

    kh_buf_init(&bytes, 1 << 20);
    object_bytes(&bytes, object_of(which), which == SCENE_CONFLICT);
    if (open_owner(&cache, dir, &err) != KH_OK)
        return say(out, "does not open", &err);
    good = store_one(cache, which, &bytes, fault, nth, out);
    if (dies && good) {
        out->finished = true;
        _exit(0);
    }
    good = good && go_on(cache, dir, out);
    kh_cache_close(cache);
    kh_buf_release(&bytes);
    if (good && open_descriptors() != descriptors)
        return say(out, "descriptors were kept", &err);
    return good;
}

static bool run_start(const temp_dir *dir, const fault_case *fault, int nth, bool dies, outcome *out)
{
    int descriptors = open_descriptors();
    kh_error err = KH_ERROR_INIT;
    kh_cache *cache = NULL;
    kh_status status;

    faults_arm(fault->kind, "", nth, fault->errno_value);
    status = open_owner(&cache, dir, &err);
    out->calls = faults_disarm();
    out->stored = status == KH_OK;
    if (!is_told(status, &err, out))
        return false;
    if (dies) {
        out->finished = true;
        _exit(0);
    }
    if (status != KH_OK) {
        kh_error again = KH_ERROR_INIT;

        if (open_descriptors() != descriptors)
            return say(out, "descriptors were kept", &err);
        if (open_owner(&cache, dir, &again) != KH_OK)
            return say(out, "does not start afterwards", &again);
    }
    if (!go_on(cache, dir, out))
        return false;
    kh_cache_close(cache);
    if (open_descriptors() != descriptors)
        return say(out, "descriptors were kept", &err);
    return true;
}

/* Each part in a process of its own: one of them is killed on purpose, and none may take the test along. */
static int apart(const temp_dir *dir, scene which, const fault_case *fault, int nth, bool dies, outcome *out)
{
    pid_t child = fork();
    int how = 0;

    if (child == 0) {
        alarm(30);
        if (!fault)
            out->finished = prepare(dir, which, out);
        else if (which == SCENE_START || which == SCENE_RESTART)
            out->finished = run_start(dir, fault, nth, dies, out);
        else
            out->finished = run_ingest(dir, which, fault, nth, dies, out);
        _exit(0);
    }
    waitpid(child, &how, 0);
    return how;
}

static void run_one(scene which, const fault_case *fault, int nth, bool dies, outcome *out)
{
    temp_dir dir;
    int how;

    memset(out, 0, sizeof *out);
    work_dir_make(&dir);
    faults_watch(dir.path);
    how = apart(&dir, which, NULL, 0, false, out);
    if (which != SCENE_RESTART && (how != 0 || !out->finished))
        fail_msg("%s: cannot be prepared: %s", scene_names[which], out->why);
    out->finished = false;
    how = apart(&dir, which, fault, nth, dies, out);
    if (how != 0)
        fail_msg("%s, %s %d: signal %d", scene_names[which], fault->name, nth, WTERMSIG(how));
    if (!out->finished)
        fail_msg("%s, %s %d: %s", scene_names[which], fault->name, nth, out->why);
    if (!promises_kept_apart(dir.path, out->promised, out->why))
        fail_msg("%s, %s %d%s: %s", scene_names[which], fault->name, nth, dies ? ", then a kill" : "", out->why);
    temp_dir_remove(&dir);
}

static bool is_long(void)
{
    const char *text = getenv("KH_LONG");

    return text && text[0];
}

static int run_case(scene which, const fault_case *fault, outcome *out, int *failures)
{
    bool is_start = which == SCENE_START || which == SCENE_RESTART, in_steps = !is_long() && (is_start || fault->kind == FAULT_MEMORY);
    int runs = 0, step = 1;

    for (int nth = 1;; nth += step) {
        run_one(which, fault, nth, false, out);
        runs++;
        *failures += !out->stored;
        if (nth > out->calls)
            return runs;
        if (fault->kind != FAULT_MEMORY || nth == 1)
            run_one(which, fault, nth, true, out);
        if (in_steps)
            step = 1 + out->calls / PLACES;
    }
}

static void every_call(scene which)
{
    outcome *out = mmap(NULL, sizeof *out, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int places = 0, failures = 0;

    assert_true(out != MAP_FAILED);
    for (size_t i = 0; i < KH_COUNT(cases); i++)
        if (is_long() || !cases[i].only_long)
            places += run_case(which, &cases[i], out, &failures) - 1;
    print_message("%s: %d places, refused at %d\n", scene_names[which], places, failures);
    munmap(out, sizeof *out);
}

static void first_object(void **state)
{
    (void)state;
    every_call(SCENE_FIRST);
}

static void next_object(void **state)
{
    (void)state;
    every_call(SCENE_NEXT);
}

static void duplicate(void **state)
{
    (void)state;
    every_call(SCENE_DUPLICATE);
}

static void conflict(void **state)
{
    (void)state;
    every_call(SCENE_CONFLICT);
}

static void first_start(void **state)
{
    (void)state;
    every_call(SCENE_START);
}

static void start_after_kill(void **state)
{
    (void)state;
    every_call(SCENE_RESTART);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_object), cmocka_unit_test(next_object), cmocka_unit_test(duplicate),
        cmocka_unit_test(conflict),     cmocka_unit_test(first_start), cmocka_unit_test(start_after_kill),
    };

    kh_log_set_level(KH_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
