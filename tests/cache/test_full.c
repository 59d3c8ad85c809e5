/* The disk says no: a file size limit of the process stands in for a full disk (EFBIG is taken as ENOSPC is). Each limit runs in a
 * process of its own. Nothing that failed leaves a trace, what was acknowledged stays, and work goes on when there is room. */
#include "support.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include "cache/browse.h"

#define OBJECTS 12

static void limit_files(rlim_t bytes)
{
    struct rlimit limit;

    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = bytes;
    setrlimit(RLIMIT_FSIZE, &limit);
}

static kh_status store(kh_cache *cache, int number, int rows, kh_error *err)
{
    char uid[32];
    sample s = {.study_uid = "1.2", .series_uid = "1.2.1", .sop_uid = uid, .instance = number, .rows = rows, .columns = 512};
    kh_ingest_result result;

    snprintf(uid, sizeof uid, "1.2.1.%d", number);
    return ingest_sample(cache, &s, &result, err);
}

/* Exit status 0, or the number of the promise that was not kept. */
static int run_limited(const temp_dir *dir, rlim_t bytes)
{
    kh_cache *cache = cache_open(dir);
    kh_cache_stats stats;
    int stored = 0;

    signal(SIGXFSZ, SIG_IGN);
    limit_files(bytes);
    for (int i = 1; i <= OBJECTS; i++) {
        kh_error err = KH_ERROR_INIT;
        kh_status status = store(cache, i, i % 2 ? 64 : 16, &err); /* 64 KiB and 16 KiB */

        stored += status == KH_OK;
        if (status != KH_OK && status != KH_E_FULL && status != KH_E_IO)
            return 1;
        if (status != KH_OK && !err.message[0])
            return 2;
    }
    if (temp_dir_count(dir, "incoming") != 0)
        return 3;
    if (kh_cache_get_stats(cache, &stats, NULL) != KH_OK || stats.objects != stored)
        return 4;
    limit_files(RLIM_INFINITY);
    for (int i = 1; i <= OBJECTS; i++)
        if (store(cache, i, i % 2 ? 64 : 16, NULL) != KH_OK)
            return 5;
    assert_clean(cache, OBJECTS);
    kh_cache_close(cache);
    cache = cache_open(dir);
    assert_clean(cache, OBJECTS);
    kh_cache_close(cache);
    return 0;
}

static void every_limit(void **state)
{
    (void)state;
    for (rlim_t bytes = 0; bytes <= 400 << 10; bytes += 16 << 10) {
        temp_dir dir;
        pid_t child;
        int how;

        temp_dir_make(&dir);
        child = fork();
        if (child == 0)
            _exit(run_limited(&dir, bytes));
        waitpid(child, &how, 0);
        if (how != 0)
            fail_msg("limit of %llu bytes: exit %d, signal %d", (unsigned long long)bytes, WEXITSTATUS(how), WTERMSIG(how));
        temp_dir_remove(&dir);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_limit)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
