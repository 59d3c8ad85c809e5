/* R1: killed at any moment, what was acknowledged is there, and whole. */
#include "support.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "cache/browse.h"

static sample sample_number(int number, char uid[32])
{
    snprintf(uid, 32, "1.2.3.4.%d", number);
    return (sample){.study_uid = "1.2.3", .series_uid = "1.2.3.4", .sop_uid = uid, .instance = number, .seed = (unsigned)number};
}

/* A child stores objects and writes the number of each that was acknowledged into a pipe. */

#define ROUNDS 20
#define PER_ROUND 4000

static void store_until_killed(const temp_dir *dir, int first, int ack)
{
    kh_cache_options options = kh_cache_options_default;
    kh_error err = KH_ERROR_INIT;
    kh_cache *cache;

    options.dir = dir->path;
    options.owner = true;
    options.reserve_bytes = 0;
    if (kh_cache_open(&cache, &options, &err) != KH_OK)
        _exit(2);
    for (int i = 0; i < PER_ROUND; i++) {
        char uid[32];
        sample s = sample_number(first + i, uid);
        kh_ingest_result result;
        int number = first + i;

        if (ingest_sample(cache, &s, &result, &err) != KH_OK)
            _exit(3);
        if (write(ack, &number, sizeof number) != sizeof number)
            _exit(4);
    }
    _exit(0);
}

/* Killed so long after its start, or, working, after its first object was acknowledged: on a machine that is busy it would not come to one
 * else. */
static int kill_one(const temp_dir *dir, int first, bool working, unsigned delay_us, int *acked)
{
    int pipe_fds[2], number, count = 0, how;
    pid_t child;

    assert_int_equal(pipe(pipe_fds), 0);
    child = fork();
    if (child == 0) {
        close(pipe_fds[0]);
        store_until_killed(dir, first, pipe_fds[1]);
    }
    close(pipe_fds[1]);
    if (working && read(pipe_fds[0], &number, sizeof number) == sizeof number)
        acked[count++] = number;
    usleep(delay_us);
    kill(child, SIGKILL);
    waitpid(child, &how, 0);
    assert_true(WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL);
    while (read(pipe_fds[0], &number, sizeof number) == sizeof number)
        acked[count++] = number;
    close(pipe_fds[0]);
    return count;
}

static kh_status mark_uid(void *context, const char *uid)
{
    bool *here = context;

    here[atoi(uid + strlen("1.2.3.4."))] = true;
    return KH_OK;
}

static void killed_at_any_moment(void **state)
{
    static int acked[PER_ROUND];
    static bool promised[ROUNDS * PER_ROUND + 1], here[ROUNDS * PER_ROUND + 1];
    unsigned seed = 20261120;
    int total = 0, rounds = 0;
    temp_dir dir;

    (void)state;
    temp_dir_make(&dir);
    for (int round = 0; round < ROUNDS; round++) {
        int count = kill_one(&dir, round * PER_ROUND + 1, round % 2 == 1, (unsigned)rand_r(&seed) % 120000, acked);
        kh_cache_stats stats;
        kh_cache *cache;

        for (int i = 0; i < count; i++)
            promised[acked[i]] = true;
        total += count;
        rounds += count > 0;
        memset(here, 0, sizeof here);
        if (count > 0) { /* a reader that comes before the next owner sees no less */
            cache = cache_open_reader(&dir, NULL);
            assert_ok(kh_cache_get_stats(cache, &stats, err));
            assert_true(stats.objects >= total);
            kh_cache_close(cache);
        }
        cache = cache_open(&dir);
        assert_ok(kh_browse_object_uids(cache, "north", "1.2.3", mark_uid, here, err));
        for (int i = 1; i <= ROUNDS * PER_ROUND; i++)
            if (promised[i] && !here[i])
                fail_msg("round %d: object %d was acknowledged and is gone", round, i);
        assert_ok(kh_cache_get_stats(cache, &stats, err));
        assert_true(stats.objects >= total);
        assert_clean(cache, stats.objects);
        assert_int_equal(temp_dir_count(&dir, "quarantine"), 0);
        kh_cache_close(cache);
    }
    print_message("%d acknowledged objects over %d kills in mid-work, none lost\n", total, rounds);
    assert_true(rounds >= ROUNDS / 2);
    temp_dir_remove(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(killed_at_any_moment)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
