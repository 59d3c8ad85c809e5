/* The supervisor with roles that do nothing but live and die as told. It runs in a child of its own, as it takes over signals. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "app/supervisor.h"
#include "base/clock.h"
#include "base/log.h"

#define PATIENCE_MS 10000
/* The promise is 100 ms; two busy cores may need longer to run three processes. */
#define RESTART_MS 1500

typedef struct board {
    _Atomic uint32_t ready, draining, ended, reopened, ups;
    _Atomic uint32_t order[4]; /* 1-based: when role n saw SIGTERM */
    _Atomic uint32_t order_count;
    _Atomic uint32_t fail_at_start, crash_at_start, stubborn;
} board;

typedef struct fixture {
    kh_page *page;
    board *board;
    pid_t supervisor;
    int64_t drain_ms;
} fixture;

static board *shared_board;

static int wait_for_term(void)
{
    sigset_t mask;
    int number;

    sigemptyset(&mask);
    sigaddset(&mask, SIGTERM);
    sigwait(&mask, &number);
    return number;
}

static int run_dummy(void *context, unsigned index, const kh_role_life *life)
{
    (void)context;
    (void)index;
    if (atomic_load(&shared_board->fail_at_start))
        return 3;
    if (atomic_load(&shared_board->crash_at_start))
        abort();
    kh_role_ready(life);
    atomic_fetch_add(&shared_board->ups, 1);
    wait_for_term();
    atomic_store(&shared_board->order[life->slot], atomic_fetch_add(&shared_board->order_count, 1) + 1);
    if (atomic_load(&shared_board->reopened) == 99)
        return KH_ROLE_EXIT_REOPEN;
    while (atomic_load(&shared_board->stubborn))
        pause();
    return 0;
}

static void on_ended(void *context, unsigned index)
{
    (void)context;
    (void)index;
    atomic_fetch_add(&shared_board->ended, 1);
}

static void on_reopen(void *context)
{
    (void)context;
    atomic_store(&shared_board->reopened, 1);
}

static void on_ready(void *context)
{
    (void)context;
    atomic_fetch_add(&shared_board->ready, 1);
}

static void on_draining(void *context)
{
    (void)context;
    atomic_fetch_add(&shared_board->draining, 1);
}

static const kh_role roles[] = {
    {.name = "bridge", .stage = 0, .run = run_dummy, .reopen = on_reopen},
    {.name = "web", .stage = 0, .run = run_dummy},
    {.name = "decode", .index = 0, .stage = 1, .run = run_dummy, .ended = on_ended},
};
#define ROLE_COUNT 3

static int setup(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    const int rw = PROT_READ | PROT_WRITE, flags = MAP_SHARED | MAP_ANONYMOUS;

    if (!f)
        return -1;
    f->page = mmap(NULL, sizeof *f->page, rw, flags, -1, 0);
    f->board = mmap(NULL, sizeof *f->board, rw, flags, -1, 0);
    f->drain_ms = 5000;
    shared_board = f->board;
    *state = f;
    return f->page == MAP_FAILED || f->board == MAP_FAILED ? -1 : 0;
}

static int teardown(void **state)
{
    fixture *f = *state;

    if (f->supervisor > 0)
        kill(f->supervisor, SIGKILL);
    munmap(f->page, sizeof *f->page);
    munmap(f->board, sizeof *f->board);
    free(f);
    return 0;
}

/* The supervisor's process leaves with the status as its exit status. */
static void begin(fixture *f)
{
    f->supervisor = fork();
    if (f->supervisor == 0) {
        kh_supervisor_options options = {.roles = roles, .role_count = ROLE_COUNT, .page = f->page, .drain_ms = f->drain_ms,
                                         .ready = on_ready, .draining = on_draining};

        kh_log_set_level(KH_LOG_ERROR);
        _exit((int)kh_supervisor_run(&options, NULL));
    }
    assert_true(f->supervisor > 0);
}

static int end_status(fixture *f)
{
    int64_t deadline = kh_clock_monotonic_ms() + PATIENCE_MS;
    int wait_status = 0;

    while (waitpid(f->supervisor, &wait_status, WNOHANG) == 0) {
        if (kh_clock_monotonic_ms() > deadline)
            fail_msg("the supervisor does not end");
        kh_clock_sleep_ms(5);
    }
    f->supervisor = 0;
    assert_true(WIFEXITED(wait_status));
    return WEXITSTATUS(wait_status);
}

#define WAIT_UNTIL(condition, limit_ms) \
    do { \
        int64_t wait_until_ms = kh_clock_monotonic_ms() + (limit_ms); \
        while (!(condition)) { \
            if (kh_clock_monotonic_ms() > wait_until_ms) \
                fail_msg("not within %d ms: %s", (int)(limit_ms), #condition); \
            kh_clock_sleep_ms(1); \
        } \
    } while (0)

static void test_each_killed_role_comes_back(void **state)
{
    fixture *f = *state;

    begin(f);
    WAIT_UNTIL(atomic_load(&f->board->ready) == 1, PATIENCE_MS);
    for (unsigned slot = 0; slot < ROLE_COUNT; slot++) {
        pid_t pids[ROLE_COUNT];

        for (unsigned i = 0; i < ROLE_COUNT; i++)
            pids[i] = atomic_load(&f->page->roles[i].pid);
        assert_int_equal(kill(pids[slot], SIGKILL), 0);
        WAIT_UNTIL(atomic_load(&f->page->roles[slot].starts) == 2 && atomic_load(&f->page->roles[slot].pid) > 0, RESTART_MS);
        assert_int_not_equal(atomic_load(&f->page->roles[slot].pid), pids[slot]);
        for (unsigned i = 0; i < ROLE_COUNT; i++)
            if (i != slot)
                assert_int_equal(atomic_load(&f->page->roles[i].starts), i < slot ? 2 : 1);
    }
    assert_int_equal(atomic_load(&f->board->ended), 1); /* only the worker has somebody to tell */
    assert_int_equal(atomic_load(&f->board->ready), 1);
    kill(f->supervisor, SIGTERM);
    assert_int_equal(end_status(f), KH_OK);
}

/* A hostile peer may kill a decoder with every picture. */
static void test_a_role_that_was_up_comes_back_however_often(void **state)
{
    fixture *f = *state;

    begin(f);
    WAIT_UNTIL(atomic_load(&f->board->ready) == 1, PATIENCE_MS);
    for (uint32_t round = 1; round <= 12; round++) {
        uint32_t ups = atomic_load(&f->board->ups);

        assert_int_equal(kill(atomic_load(&f->page->roles[2].pid), SIGKILL), 0);
        WAIT_UNTIL(atomic_load(&f->board->ups) > ups && atomic_load(&f->page->roles[2].pid) > 0, RESTART_MS);
    }
    kill(f->supervisor, SIGTERM);
    assert_int_equal(end_status(f), KH_OK);
}

static void test_drain_ends_stage_after_stage(void **state)
{
    fixture *f = *state;

    begin(f);
    WAIT_UNTIL(atomic_load(&f->board->ready) == 1, PATIENCE_MS);
    kill(f->supervisor, SIGTERM);
    assert_int_equal(end_status(f), KH_OK);
    assert_int_equal(atomic_load(&f->board->draining), 1);
    assert_int_equal(atomic_load(&f->page->draining), 1);
    assert_int_equal(atomic_load(&f->board->order[2]), 3); /* the decoder goes last: others may still ask it */
    for (unsigned i = 0; i < ROLE_COUNT; i++)
        assert_int_equal(atomic_load(&f->page->roles[i].pid), 0);
}

static void test_drain_deadline_kills(void **state)
{
    fixture *f = *state;

    f->drain_ms = 200;
    atomic_store(&f->board->stubborn, 1);
    begin(f);
    WAIT_UNTIL(atomic_load(&f->board->ready) == 1, PATIENCE_MS);
    kill(f->supervisor, SIGTERM);
    assert_int_equal(end_status(f), KH_E_TIMEOUT);
}

static void test_second_interrupt_kills(void **state)
{
    fixture *f = *state;

    f->drain_ms = 60000;
    atomic_store(&f->board->stubborn, 1);
    begin(f);
    WAIT_UNTIL(atomic_load(&f->board->ready) == 1, PATIENCE_MS);
    kill(f->supervisor, SIGINT);
    WAIT_UNTIL(atomic_load(&f->page->draining) == 1, PATIENCE_MS);
    kill(f->supervisor, SIGINT);
    assert_int_equal(end_status(f), KH_E_TIMEOUT);
}

static void test_a_role_that_cannot_start_ends_the_service(void **state)
{
    fixture *f = *state;

    atomic_store(&f->board->fail_at_start, 1);
    begin(f);
    assert_int_equal(end_status(f), KH_E_PEER);
    assert_int_equal(atomic_load(&f->board->ready), 0);
}

static void test_death_at_every_start_waits_longer(void **state)
{
    fixture *f = *state;
    uint32_t starts;

    atomic_store(&f->board->crash_at_start, 1);
    begin(f);
    WAIT_UNTIL(atomic_load(&f->page->roles[0].starts) >= 5, PATIENCE_MS);
    starts = atomic_load(&f->page->roles[0].starts);
    kh_clock_sleep_ms(500);
    assert_true(atomic_load(&f->page->roles[0].starts) <= starts + 3);
    atomic_store(&f->board->crash_at_start, 0);
    WAIT_UNTIL(atomic_load(&f->board->ready) == 1, PATIENCE_MS);
    kill(f->supervisor, SIGTERM);
    assert_int_equal(end_status(f), KH_OK);
}

static void test_reopen_is_asked_for_by_status(void **state)
{
    fixture *f = *state;

    atomic_store(&f->board->reopened, 99);
    begin(f);
    WAIT_UNTIL(atomic_load(&f->board->ready) == 1, PATIENCE_MS);
    kill(atomic_load(&f->page->roles[0].pid), SIGTERM);
    WAIT_UNTIL(atomic_load(&f->board->reopened) == 1, PATIENCE_MS);
    WAIT_UNTIL(atomic_load(&f->page->roles[0].starts) == 2, RESTART_MS);
    kill(f->supervisor, SIGTERM);
    assert_int_equal(end_status(f), KH_OK);
}

static void test_roles_die_with_a_killed_supervisor(void **state)
{
    fixture *f = *state;
    pid_t pids[ROLE_COUNT];

    begin(f);
    WAIT_UNTIL(atomic_load(&f->board->ready) == 1, PATIENCE_MS);
    for (unsigned i = 0; i < ROLE_COUNT; i++)
        pids[i] = atomic_load(&f->page->roles[i].pid);
    kill(f->supervisor, SIGKILL);
    waitpid(f->supervisor, NULL, 0);
    f->supervisor = 0;
    for (unsigned i = 0; i < ROLE_COUNT; i++) {
        char path[64], text[256] = "";
        int64_t deadline = kh_clock_monotonic_ms() + PATIENCE_MS;

        /* Gone, or a zombie that waits for init. */
        snprintf(path, sizeof path, "/proc/%d/stat", (int)pids[i]);
        for (;;) {
            FILE *file = fopen(path, "re");

            if (!file)
                break;
            if (!fgets(text, sizeof text, file))
                text[0] = '\0';
            fclose(file);
            if (text[0] == '\0' || strstr(text, ") Z "))
                break;
            if (kh_clock_monotonic_ms() > deadline)
                fail_msg("process %d outlives its supervisor: %s", (int)pids[i], text);
            kh_clock_sleep_ms(5);
        }
    }
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_each_killed_role_comes_back),
        CASE(test_a_role_that_was_up_comes_back_however_often),
        CASE(test_drain_ends_stage_after_stage),
        CASE(test_drain_deadline_kills),
        CASE(test_second_interrupt_kills),
        CASE(test_a_role_that_cannot_start_ends_the_service),
        CASE(test_death_at_every_start_waits_longer),
        CASE(test_reopen_is_asked_for_by_status),
        CASE(test_roles_die_with_a_killed_supervisor),
    };

    return cmocka_run_group_tests_name("supervisor", tests, NULL, NULL);
}
