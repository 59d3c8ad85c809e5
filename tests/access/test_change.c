/* The epoch: moved by this process, by another one and by time. */
#include "tests/access/support.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "access/facilities.h"
#include "access/internal.h"
#include "base/clock.h"

#define WAIT_MS 20000

/* Until the epoch is another; how long that takes is no matter of this test. */
static void wait_for_epoch_after(uint64_t epoch)
{
    int64_t deadline_ms = kh_clock_monotonic_ms() + WAIT_MS;

    while (kh_access_epoch(access_db) == epoch && kh_clock_monotonic_ms() < deadline_ms)
        kh_clock_sleep_ms(5);
    assert_true(kh_access_epoch(access_db) > epoch);
}

static void own_change_at_once(void **state)
{
    uint64_t before = kh_access_epoch(access_db);

    (void)state;
    access_facility("north");
    assert_true(kh_access_epoch(access_db) > before);
}

static kh_status fails(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    (void)context;
    assert_int_equal(kh_access_moved(access, sql, err), KH_OK);
    return kh_error_set(err, KH_E_ARG, "no");
}

static void failed_change_is_none(void **state)
{
    uint64_t before = kh_access_epoch(access_db);

    (void)state;
    assert_status(KH_E_ARG, kh_access_change(access_db, fails, NULL, err));
    assert_int_equal(kh_access_epoch(access_db), before);
    access_again();
    assert_int_equal(kh_access_epoch(access_db), 1);
}

static void change_of_another_process(void **state)
{
    uint64_t before;
    pid_t child;
    int result;

    (void)state;
    access_facility("north");
    kh_access_close(access_db);
    access_db = NULL;
    child = fork(); /* before there is a thread or a connection */
    assert_true(child >= 0);
    if (child == 0) {
        kh_access *other;

        kh_clock_sleep_ms(300);
        _exit(kh_access_open(&other, &(kh_access_options){.dir = access_dir}, NULL) != KH_OK ||
              kh_facility_suspend(other, "north", "a leak", "office", 0, NULL) != KH_OK);
    }
    access_again();
    before = kh_access_epoch(access_db);
    assert_ok(kh_access_watch(access_db, err));
    wait_for_epoch_after(before);
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_int_equal(result, 0);
}

/* Two of one data folder share the page, as the roles do: told once is told. */
static void told_once(void **state)
{
    kh_page *page;
    kh_access *one, *two;
    uint64_t epoch;

    (void)state;
    assert_ok(kh_page_create(&page, err));
    assert_ok(kh_access_open(&one, &(kh_access_options){.dir = access_dir, .page = page}, err));
    assert_ok(kh_access_open(&two, &(kh_access_options){.dir = access_dir, .page = page}, err));
    assert_ok(kh_access_watch(two, err));
    epoch = kh_access_epoch(two);
    assert_ok(kh_network_stop(one, "a leak", "office", err));
    assert_int_equal(kh_access_epoch(two), epoch + 1);
    kh_access_close(two);
    assert_int_equal(kh_access_epoch(one), epoch + 1);
    kh_access_close(one);
    kh_page_free(page);
}

static void end_of_a_suspension(void **state)
{
    uint64_t before;

    (void)state;
    access_facility("north");
    assert_ok(kh_facility_suspend(access_db, "north", "a leak", "office", kh_clock_wall_ms() + 3600000, err));
    before = kh_access_epoch(access_db);
    assert_ok(kh_access_watch(access_db, err));
    kh_clock_sleep_ms(3 * KH_ACCESS_LOOK_MS);
    assert_int_equal(kh_access_epoch(access_db), before);
    kh_clock_shift_for_test(0, 3600001);
    wait_for_epoch_after(before);
    kh_clock_shift_for_test(0, -3600001);
}

/* A moment that passed while the clock was ahead comes again at its time. */
static void clock_that_was_ahead(void **state)
{
    uint64_t before;

    (void)state;
    access_facility("north");
    assert_ok(kh_facility_suspend(access_db, "north", "a leak", "office", kh_clock_wall_ms() + 3600000, err));
    before = kh_access_epoch(access_db);
    kh_clock_shift_for_test(0, 7200000);
    assert_ok(kh_access_watch(access_db, err));
    wait_for_epoch_after(before); /* it passed */
    kh_clock_sleep_ms(3 * KH_ACCESS_LOOK_MS);
    before = kh_access_epoch(access_db);
    kh_clock_shift_for_test(0, -7200000);
    wait_for_epoch_after(before); /* everything is asked anew */
    kh_clock_sleep_ms(3 * KH_ACCESS_LOOK_MS);
    before = kh_access_epoch(access_db);
    kh_clock_shift_for_test(0, 3600001);
    wait_for_epoch_after(before); /* and it passes again */
    kh_clock_shift_for_test(0, -3600001);
}

/* A facility leaves with the local midnight of its day. */
static void day_of_leaving(void **state)
{
    kh_facility facility;
    time_t tomorrow = (time_t)(kh_clock_wall_ms() / 1000) + 86400;
    struct tm local;
    int64_t left_ms;
    uint64_t before;

    (void)state;
    access_facility("north");
    assert_ok(kh_facility_find(access_db, "north", &facility, err));
    localtime_r(&tomorrow, &local);
    strftime(facility.left, sizeof facility.left, "%Y%m%d", &local);
    local.tm_hour = local.tm_min = local.tm_sec = 0;
    local.tm_isdst = -1;
    left_ms = (int64_t)mktime(&local) * 1000 - kh_clock_wall_ms();
    assert_ok(kh_facility_set(access_db, &facility, err));
    before = kh_access_epoch(access_db);
    assert_ok(kh_access_watch(access_db, err));
    kh_clock_sleep_ms(3 * KH_ACCESS_LOOK_MS);
    assert_int_equal(kh_access_epoch(access_db), before);
    kh_clock_shift_for_test(0, left_ms + 1);
    wait_for_epoch_after(before);
    kh_clock_shift_for_test(0, -left_ms - 1);
}

static void *add_people(void *argument)
{
    for (int i = 0; i < 10; i++) {
        kh_facility facility = {.kind = KH_FACILITY_CLINIC, .part = KH_PART_VIEWER, .name = "x"};

        snprintf(facility.code, sizeof facility.code, "%s-%d", (const char *)argument, i);
        if (kh_facility_add(access_db, &facility, NULL) != KH_OK)
            return argument;
    }
    return NULL;
}

static kh_status count_one(void *context, const kh_facility *facility)
{
    (void)facility;
    ++*(int *)context;
    return KH_OK;
}

static void many_at_once(void **state)
{
    static char names[4][2] = {"a", "b", "c", "d"};
    pthread_t threads[4];
    int count = 0;

    (void)state;
    assert_ok(kh_access_watch(access_db, err));
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, add_people, names[i]), 0);
    for (int i = 0; i < 4; i++) {
        void *failed;

        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    assert_ok(kh_facility_list(access_db, count_one, &count, err));
    assert_int_equal(count, 40);
}

/* Processes that start together make one database. */
static void made_at_once(void **state)
{
    pid_t children[4];

    (void)state;
    kh_access_close(access_db);
    access_db = NULL;
    assert_int_equal(access_tear_down(NULL), 0);
    assert_int_equal(mkdir(access_dir, 0700), 0);
    for (int i = 0; i < 4; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            kh_access *other;

            _exit(kh_access_open(&other, &(kh_access_options){.dir = access_dir}, NULL) != KH_OK);
        }
    }
    for (int i = 0; i < 4; i++) {
        int result;

        assert_int_equal(waitpid(children[i], &result, 0), children[i]);
        assert_int_equal(result, 0);
    }
    access_again();
}

static mode_t mode_of(const char *end)
{
    char path[600];
    struct stat st;

    snprintf(path, sizeof path, "%s/access.db%s", access_dir, end);
    assert_int_equal(stat(path, &st), 0);
    return st.st_mode & 07777;
}

/* Whatever the one who starts us lets others read. */
static void read_by_nobody_else(void **state)
{
    static const char *const ends[] = {"", "-wal", "-shm"};
    mode_t before = umask(0);
    char path[600];

    (void)state;
    access_tear_down(NULL);
    access_set_up(NULL);
    access_facility("north");
    for (size_t i = 0; i < KH_COUNT(ends); i++)
        assert_int_equal(mode_of(ends[i]), 0600);
    for (size_t i = 0; i < KH_COUNT(ends); i++) { /* as earlier releases made them */
        snprintf(path, sizeof path, "%s/access.db%s", access_dir, ends[i]);
        assert_int_equal(chmod(path, 0644), 0);
    }
    kh_access *other;
    assert_ok(kh_access_open(&other, &(kh_access_options){.dir = access_dir}, err)); /* beside one that is open */
    for (size_t i = 0; i < KH_COUNT(ends); i++)
        assert_int_equal(mode_of(ends[i]), 0600);
    kh_access_close(other);
    access_facility("south");
    umask(before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(own_change_at_once, access_set_up, access_tear_down),
        cmocka_unit_test_setup_teardown(failed_change_is_none, access_set_up, access_tear_down),
        cmocka_unit_test_setup_teardown(change_of_another_process, access_set_up, access_tear_down),
        cmocka_unit_test_setup_teardown(told_once, access_set_up, access_tear_down),
        cmocka_unit_test_setup_teardown(end_of_a_suspension, access_set_up, access_tear_down),
        cmocka_unit_test_setup_teardown(clock_that_was_ahead, access_set_up, access_tear_down),
        cmocka_unit_test_setup_teardown(day_of_leaving, access_set_up, access_tear_down),
        cmocka_unit_test_setup_teardown(many_at_once, access_set_up, access_tear_down),
        cmocka_unit_test_setup_teardown(made_at_once, access_set_up, access_tear_down),
        cmocka_unit_test_setup_teardown(read_by_nobody_else, access_set_up, access_tear_down),
    };

    return cmocka_run_group_tests_name("access: changes", tests, NULL, NULL);
}
