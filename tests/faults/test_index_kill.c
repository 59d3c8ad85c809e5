/* R3: killed inside a write or a sync of the index, its log or a checkpoint. The place is the nth such call; a write is left half
 * done. What was acknowledged is there, the index is sound, the next owner starts and goes on.
 *
 * KH_LONG=1: every place. */
#include "tests/faults/workload.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/log.h"
#include "tests/faults/interpose.h"

#define FIRST_SESSION 12
#define OBJECTS 190 /* enough for a checkpoint under way, and another at the end */

/* acknowledged: in memory that outlives the process. */
static void store_all(const temp_dir *dir, volatile bool *acknowledged)
{
    kh_cache *cache = cache_open(dir);
    kh_ingest_result result;

    for (int i = 1; i <= OBJECTS; i++) {
        if (i == FIRST_SESSION) { /* ended in good order: a checkpoint, the log removed */
            kh_cache_close(cache);
            cache = cache_open(dir);
        }
        if (object_store(cache, i, false, &result, NULL) != KH_OK)
            abort();
        acknowledged[i] = true;
    }
    kh_cache_close(cache);
}

/* The number of such calls when none is the last. */
static int run_until(const temp_dir *dir, fault_kind kind, int nth, bool *acknowledged, int *how)
{
    int *count = mmap(NULL, sizeof *count, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t child;
    int calls;

    assert_true(count != MAP_FAILED);
    child = fork();
    if (child == 0) {
        alarm(60);
        faults_watch(dir->path);
        faults_arm(kind, "index.db", nth, 0);
        store_all(dir, acknowledged);
        *count = faults_disarm();
        _exit(0);
    }
    waitpid(child, how, 0);
    calls = *count;
    munmap(count, sizeof *count);
    return calls;
}

static int count_calls(fault_kind kind, bool *acknowledged)
{
    temp_dir dir;
    int how, calls;

    work_dir_make(&dir);
    calls = run_until(&dir, kind, 0, acknowledged, &how);
    assert_int_equal(how, 0);
    temp_dir_remove(&dir);
    return calls;
}

static void kill_at(fault_kind kind, int nth, bool *acknowledged)
{
    char why[512];
    temp_dir dir;
    int how;

    memset(acknowledged, 0, OBJECTS_MOST * sizeof acknowledged[0]);
    work_dir_make(&dir);
    run_until(&dir, kind, nth, acknowledged, &how);
    if (!WIFSIGNALED(how) || WTERMSIG(how) != SIGKILL)
        fail_msg("call %d: not killed, exit %d, signal %d", nth, WEXITSTATUS(how), WTERMSIG(how));
    faults_watch(dir.path);
    if (!promises_kept_apart(dir.path, acknowledged, why))
        fail_msg("killed in call %d: %s", nth, why);
    temp_dir_remove(&dir);
}

static void kill_in_each(fault_kind kind, int places)
{
    bool *acknowledged =
        mmap(NULL, OBJECTS_MOST * sizeof *acknowledged, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    const char *is_long = getenv("KH_LONG");
    int calls;

    assert_true(acknowledged != MAP_FAILED);
    calls = count_calls(kind, acknowledged);
    assert_true(calls > places);
    if (is_long && is_long[0])
        places = calls;
    for (int i = 0; i < places; i++) /* the first few are the first start's, the last the final checkpoint's */
        kill_at(kind, i < places / 5 ? i + 1 : (int)((long)calls * (i + 1) / places), acknowledged);
    print_message("killed in %d of %d calls, nothing lost\n", places, calls);
    munmap(acknowledged, OBJECTS_MOST * sizeof *acknowledged);
}

static void in_a_write(void **state)
{
    (void)state;
    kill_in_each(FAULT_WRITE, 30);
}

static void in_a_sync(void **state)
{
    (void)state;
    kill_in_each(FAULT_SYNC, 25);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(in_a_write), cmocka_unit_test(in_a_sync)};

    kh_log_set_level(KH_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
