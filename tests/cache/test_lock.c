/* R12: another process holds the index's lock. Who wants to write waits, then is refused as busy; reading goes on; nothing is left
 * behind; and all works again by itself when the lock is gone. With KH_LONG set the lock is held for up to a minute. */
#include "support.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/clock.h"
#include "cache/browse.h"
#include "store/sql.h"

#define SENDERS 6

typedef struct holder {
    pid_t pid;
    int told; /* closed by us: let go */
} holder;

/* Holds the lock for hold_ms, or until let go when that is 0. */
static holder hold(const temp_dir *dir, int64_t hold_ms)
{
    int ready[2], told[2];
    char byte, path[600];
    holder h;

    snprintf(path, sizeof path, "%s/index.db", dir->path);
    assert_int_equal(pipe(ready), 0);
    assert_int_equal(pipe(told), 0);
    h.pid = fork();
    if (h.pid == 0) {
        kh_sql *sql;

        close(told[1]);
        if (kh_sql_open(&sql, path, KH_SQL_WRITER, NULL) != KH_OK || kh_sql_run(sql, "BEGIN EXCLUSIVE", NULL, 0, NULL, NULL) != KH_OK)
            _exit(1);
        if (write(ready[1], "x", 1) != 1)
            _exit(2);
        if (hold_ms > 0)
            kh_clock_sleep_ms(hold_ms);
        else if (read(told[0], &byte, 1) != 0)
            _exit(3);
        _exit(0); /* as a process that is killed: the system lets go of its lock */
    }
    close(ready[1]);
    close(told[0]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    h.told = told[1];
    return h;
}

static void let_go(holder *h)
{
    int how;

    close(h->told);
    waitpid(h->pid, &how, 0);
    assert_true(WIFEXITED(how) && WEXITSTATUS(how) == 0);
}

static kh_status store(kh_cache *cache, int number, kh_error *err)
{
    char uid[32];
    sample s = {.study_uid = "1.2", .series_uid = "1.2.1", .sop_uid = uid, .instance = number};
    kh_ingest_result result;

    snprintf(uid, sizeof uid, "1.2.1.%d", number);
    return ingest_sample(cache, &s, &result, err);
}

typedef struct sender {
    kh_cache *cache;
    int number;
    kh_status status;
} sender;

static void *send_one(void *argument)
{
    sender *s = argument;

    s->status = store(s->cache, s->number, NULL);
    return NULL;
}

static void held_for_a_moment(void **state)
{
    fixture *f = *state;
    int64_t longest_ms = getenv("KH_LONG") ? 4500 : 400;

    assert_int_equal(store(f->cache, 1, NULL), KH_OK);
    for (int64_t ms = 100; ms <= longest_ms; ms = ms * 2 + 100) {
        holder h = hold(&f->dir, ms);

        assert_int_equal(store(f->cache, 2, NULL), KH_OK);
        let_go(&h);
    }
    assert_clean(f->cache, 2);
}

static void held_until_refused(void **state)
{
    fixture *f = *state;
    pthread_t threads[SENDERS];
    sender senders[SENDERS];
    holder h;
    int fd;

    assert_int_equal(store(f->cache, 1, NULL), KH_OK);
    h = hold(&f->dir, getenv("KH_LONG") ? 60000 : 0);
    for (int i = 0; i < SENDERS; i++) {
        senders[i] = (sender){.cache = f->cache, .number = 10 + i};
        assert_int_equal(pthread_create(&threads[i], NULL, send_one, &senders[i]), 0);
    }
    assert_ok(kh_object_open(f->cache, 1, &fd, err)); /* reading goes on */
    close(fd);
    for (int i = 0; i < SENDERS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(senders[i].status, KH_E_BUSY);
    }
    assert_int_equal(temp_dir_count(&f->dir, "incoming"), 0);
    assert_clean(f->cache, 1);
    let_go(&h);
    for (int i = 0; i < SENDERS; i++)
        assert_int_equal(store(f->cache, 10 + i, NULL), KH_OK);
    assert_clean(f->cache, 1 + SENDERS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(held_for_a_moment, cache_set_up, cache_tear_down),
        cmocka_unit_test_setup_teardown(held_until_refused, cache_set_up, cache_tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
