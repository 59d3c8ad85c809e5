/* The writer: what was acknowledged is there whatever kills it, what cannot be written is refused, readers are told once. */
#include "tests/cmocka_all.h"

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "audit/audit.h"
#include "audit/search.h"
#include "base/clock.h"
#include "tests/audit/support.h"

#define THREADS 4
#define PER_THREAD 100
#define KILLS 25

static kh_audit *open_audit(uint64_t roll_bytes, uint64_t checkpoint_records)
{
    kh_audit_options options = kh_audit_options_default;
    kh_audit *audit;

    options.dir = audit_dir;
    options.role = "web";
    options.roll_bytes = roll_bytes;
    options.checkpoint_records = checkpoint_records;
    assert_int_equal(kh_audit_open(&audit, &options, NULL), KH_OK);
    return audit;
}

static kh_audit_event an_event(const char *who, const char *text)
{
    kh_audit_event event = KH_AUDIT_EVENT_INIT;

    event.action = KH_AUDIT_VIEW;
    event.who = who;
    event.text = text;
    return event;
}

static kh_status count_it(void *context, const kh_audit_found *found)
{
    (void)found;
    ++*(uint64_t *)context;
    return KH_OK;
}

static uint64_t found(const char *who)
{
    const kh_audit_query query = {.dir = audit_dir, .who = who};
    uint64_t count = 0, unreadable;

    assert_int_equal(kh_audit_search(&query, count_it, &count, &unreadable, NULL), KH_OK);
    assert_int_equal(unreadable, 0);
    return count;
}

/* ---- many at once ---- */

static void *put_many(void *context)
{
    kh_audit_event event = an_event("somebody", "x");

    for (int i = 0; i < PER_THREAD; i++)
        if (kh_audit_write(context, &event, NULL) != KH_OK)
            return context;
    return NULL;
}

static void many_threads_share_commits(void **state)
{
    kh_audit *audit = open_audit(8192, 50);
    pthread_t threads[THREADS];
    kh_audit_stats stats;
    audit_report report;
    void *failed;

    (void)state;
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, put_many, audit), 0);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    kh_audit_get_stats(audit, &stats);
    assert_int_equal(stats.records, THREADS * PER_THREAD);
    assert_false(stats.failing);
    kh_audit_close(audit);
    audit_verify(&report, "web");
    assert_int_equal(report.verified.wrong, 0);
    assert_true(report.verified.checkpoints >= THREADS * PER_THREAD / 50);
    assert_int_equal(found("somebody"), THREADS * PER_THREAD);
}

/* ---- once ---- */

typedef struct tile {
    kh_audit *audit;
    atomic_int done;
} tile;

static void tile_recorded(void *context, const kh_error *error)
{
    tile *t = context;

    assert_int_equal(error->status, KH_OK);
    atomic_fetch_add(&t->done, 1);
}

static void *ask_tiles(void *context)
{
    tile *t = context;
    kh_audit_event event = an_event("reader", "tiles");

    for (int i = 0; i < PER_THREAD; i++) {
        uint64_t key = kh_audit_once_key(t->audit, "reader", 1, 1 + i / 50, NULL);

        if (kh_audit_lately(t->audit, key))
            atomic_fetch_add(&t->done, 1);
        else if (kh_audit_put_once(t->audit, key, 0, &event, tile_recorded, t, NULL) != KH_OK)
            return context;
    }
    return NULL;
}

static void readers_are_told_once_of_a_series(void **state)
{
    tile t = {.audit = open_audit(1 << 20, 1000)};
    pthread_t threads[THREADS];
    void *failed;

    (void)state;
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask_tiles, &t), 0);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    kh_audit_close(t.audit);
    assert_int_equal(atomic_load(&t.done), THREADS * PER_THREAD);
    assert_int_equal(found("reader"), 2);
}

static void after_the_time_it_is_told_again(void **state)
{
    kh_audit *audit = open_audit(1 << 20, 1000);
    kh_audit_event event = an_event("reader", "tiles");
    uint64_t key = kh_audit_once_key(audit, "reader", 1, 7, NULL);
    tile t = {.audit = audit};

    (void)state;
    assert_false(kh_audit_lately(audit, key));
    assert_int_equal(kh_audit_put_once(audit, key, 0, &event, tile_recorded, &t, NULL), KH_OK);
    while (atomic_load(&t.done) == 0)
        kh_clock_sleep_ms(1);
    assert_true(kh_audit_lately(audit, key));
    assert_false(kh_audit_lately(audit, kh_audit_once_key(audit, "reader", 2, 7, NULL)));
    assert_false(kh_audit_lately(audit, kh_audit_once_key(audit, "reader", 1, 8, NULL)));
    assert_false(kh_audit_lately(audit, kh_audit_once_key(audit, "reade", 1, 7, "r")));
    kh_clock_shift_for_test(kh_audit_options_default.group_ms - 1000, 0);
    assert_true(kh_audit_lately(audit, key));
    kh_clock_shift_for_test(kh_audit_options_default.group_ms + 1000, 0);
    assert_false(kh_audit_lately(audit, key));
    kh_clock_shift_for_test(0, 0);
    kh_audit_close(audit);
}

/* ---- limits ---- */

static void a_full_queue_refuses(void **state)
{
    kh_audit_options options = kh_audit_options_default;
    kh_audit_event event = an_event("reader", "x");
    kh_error err = KH_ERROR_INIT;
    kh_status status = KH_OK;
    kh_audit *audit;

    (void)state;
    options.dir = audit_dir;
    options.role = "web";
    options.queue_max = 4;
    assert_int_equal(kh_audit_open(&audit, &options, NULL), KH_OK);
    for (int i = 0; i < 1000000 && status == KH_OK; i++)
        status = kh_audit_put(audit, &event, NULL, NULL, &err);
    assert_int_equal(status, KH_E_BUSY);
    kh_audit_close(audit);
}

static void without_a_record_nothing_is_recorded(void **state)
{
    kh_audit_event event = an_event("reader", "x");
    tile t = {.audit = NULL};

    (void)state;
    assert_true(kh_audit_lately(NULL, 1));
    assert_int_equal(kh_audit_write(NULL, &event, NULL), KH_OK);
    assert_int_equal(kh_audit_put_once(NULL, 1, 0, &event, tile_recorded, &t, NULL), KH_OK);
    assert_int_equal(atomic_load(&t.done), 1);
    kh_audit_close(NULL);
}

static void checkpoints_come_by_time(void **state)
{
    kh_audit *audit = open_audit(1 << 20, 1000);
    kh_audit_event event = an_event("reader", "x");
    audit_report report = {.verified = {0}};

    (void)state;
    assert_int_equal(kh_audit_write(audit, &event, NULL), KH_OK);
    kh_clock_shift_for_test(kh_audit_options_default.checkpoint_ms + 1000, 0);
    for (int i = 0; i < 1000 && report.verified.checkpoints == 0; i++) {
        kh_clock_sleep_ms(10);
        audit_verify(&report, "web");
        assert_int_equal(report.verified.wrong, 0); /* beside the writer */
    }
    assert_int_equal(report.verified.checkpoints, 1);
    kh_clock_shift_for_test(0, 0);
    kh_audit_close(audit);
}

/* ---- kills ---- */

/* Tells each number on the pipe once its record is durable. */
static void write_until_killed(int pipe_fd, uint64_t from)
{
    kh_audit_options options = kh_audit_options_default;
    kh_audit *audit;
    char text[32];

    options.dir = audit_dir;
    options.role = "web";
    options.roll_bytes = 4096;
    options.checkpoint_records = 10;
    if (kh_audit_open(&audit, &options, NULL) != KH_OK)
        _exit(1);
    for (uint64_t n = from;; n++) {
        kh_audit_event event = an_event("killed", text);

        snprintf(text, sizeof text, "%" PRIu64, n);
        if (kh_audit_write(audit, &event, NULL) != KH_OK || write(pipe_fd, &n, sizeof n) != (ssize_t)sizeof n)
            _exit(1);
    }
}

typedef struct numbers {
    bool *seen;
    uint64_t count;
} numbers;

static kh_status tick_off(void *context, const kh_audit_found *one)
{
    numbers *n = context;
    const char *text = kh_json_get_text(one->json, "text");
    uint64_t number = strtoull(text, NULL, 10);

    if (number < n->count)
        n->seen[number] = true;
    return KH_OK;
}

static void what_was_acknowledged_survives_kills(void **state)
{
    const kh_audit_query query = {.dir = audit_dir, .who = "killed"};
    uint64_t next = 0, number, unreadable;
    audit_report report;
    numbers n;

    (void)state;
    for (int i = 0; i < KILLS; i++) {
        uint64_t enough = next + 1 + (uint64_t)i % 7;
        int ends[2], status;
        pid_t child;

        assert_int_equal(pipe(ends), 0);
        child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            close(ends[0]);
            write_until_killed(ends[1], next);
        }
        close(ends[1]);
        while (read(ends[0], &number, sizeof number) == (ssize_t)sizeof number) {
            next = number + 1;
            if (next == enough)
                kill(child, SIGKILL);
        }
        close(ends[0]);
        waitpid(child, &status, 0);
        assert_true(WIFSIGNALED(status));
        audit_verify(&report, "web");
        if (report.verified.wrong > 0)
            fail_msg("kill %d: %s line %" PRIu64 ": %s", i, report.first.file, report.first.line, report.first.why);
    }
    n = (numbers){.seen = calloc(next, sizeof *n.seen), .count = next};
    assert_non_null(n.seen);
    assert_int_equal(kh_audit_search(&query, tick_off, &n, &unreadable, NULL), KH_OK);
    for (uint64_t i = 0; i < next; i++)
        assert_true(n.seen[i]);
    free(n.seen);
    kh_audit_close(open_audit(4096, 10));
    audit_verify(&report, "web");
    assert_int_equal(report.verified.wrong, 0);
    assert_int_equal(report.verified.torn_bytes, 0);
}

/* ---- full disks ---- */

static void fill_disk(const char *path)
{
    static char bytes[4096];
    FILE *file = fopen(path, "wb");

    assert_non_null(file);
    setbuf(file, NULL);
    while (fwrite(bytes, 1, sizeof bytes, file) == sizeof bytes)
        continue;
    while (fwrite(bytes, 1, 1, file) == 1)
        continue;
    fclose(file);
}

/* R4 of the record: refused while there is no room, by itself again once there is, and whole all the while. */
static void a_full_disk_refuses_until_there_is_room(void **state)
{
    kh_audit_event event = an_event("full", "x");
    uint64_t accepted = 0;
    audit_report report;
    char filler[700];
    kh_audit *audit;

    (void)state;
    if (geteuid() != 0 || mount("tmpfs", audit_dir, "tmpfs", 0, "size=128k,mode=0700") != 0)
        skip();
    snprintf(filler, sizeof filler, "%s/filler", audit_dir);
    audit = open_audit(16384, 10);
    for (int round = 0; round < 3; round++) {
        kh_error err = KH_ERROR_INIT;
        kh_audit_stats stats;

        fill_disk(filler);
        for (int i = 0; i < 200 && err.status == KH_OK; i++)
            accepted += kh_audit_write(audit, &event, &err) == KH_OK ? 1 : 0; /* the last block has some room */
        assert_int_equal(err.status, KH_E_BUSY);
        kh_audit_get_stats(audit, &stats);
        assert_true(stats.failing);
        assert_int_equal(unlink(filler), 0);
        for (int i = 0; i < 30; i++) {
            assert_int_equal(kh_audit_write(audit, &event, NULL), KH_OK);
            accepted++;
        }
        kh_audit_get_stats(audit, &stats);
        assert_false(stats.failing);
    }
    kh_audit_close(audit);
    audit_verify(&report, "web");
    assert_int_equal(report.verified.wrong, 0);
    assert_int_equal(found("full"), accepted);
    assert_int_equal(umount(audit_dir), 0);
}

/* A service that starts on a full disk starts, and refuses. */
static void a_start_on_a_full_disk_waits_for_room(void **state)
{
    kh_audit_event event = an_event("full", "x");
    kh_audit *audit;
    char filler[700];
    audit_report report;

    (void)state;
    if (geteuid() != 0 || mount("tmpfs", audit_dir, "tmpfs", 0, "size=128k,mode=0700") != 0)
        skip();
    snprintf(filler, sizeof filler, "%s/filler", audit_dir);
    fill_disk(filler);
    audit = open_audit(16384, 10);
    assert_int_equal(kh_audit_write(audit, &event, NULL), KH_E_BUSY);
    assert_int_equal(unlink(filler), 0);
    assert_int_equal(kh_audit_write(audit, &event, NULL), KH_OK);
    kh_audit_close(audit);
    audit_verify(&report, "web");
    assert_int_equal(report.verified.wrong, 0);
    assert_int_equal(found("full"), 1);
    assert_int_equal(umount(audit_dir), 0);
}

static kh_audit *open_reserving(uint64_t reserve_bytes)
{
    kh_audit_options options = kh_audit_options_default;
    kh_audit *audit;

    options.dir = audit_dir;
    options.role = "web";
    options.roll_bytes = 8192;
    options.reserve_bytes = reserve_bytes;
    assert_int_equal(kh_audit_open(&audit, &options, NULL), KH_OK);
    return audit;
}

static uint64_t write_until_refused(kh_audit *audit, const kh_audit_event *event)
{
    uint64_t accepted = 0;
    kh_status status;

    while ((status = kh_audit_write(audit, event, NULL)) == KH_OK)
        assert_true(++accepted < 10000);
    assert_int_equal(status, KH_E_BUSY);
    return accepted;
}

/* R4: on a full disk records go on out of the reserve, also over a start; used up, they are refused; with room it is there again. */
static void the_reserve_goes_on_when_the_disk_is_full(void **state)
{
    enum { RESERVE = 64 << 10, LINE = 300 }; /* the records here are shorter than a line of that */
    kh_audit_event event = an_event("reserve", "x");
    uint64_t accepted = 0;
    audit_report report;
    kh_audit_stats stats;
    char filler[700];
    kh_audit *audit;

    (void)state;
    if (geteuid() != 0 || mount("tmpfs", audit_dir, "tmpfs", 0, "size=512k,mode=0700") != 0)
        skip();
    snprintf(filler, sizeof filler, "%s/filler", audit_dir);
    for (int round = 0; round < 3; round++) {
        uint64_t before = accepted;

        audit = open_reserving(RESERVE);
        for (int i = 0; i < 50; i++, accepted++) /* over the ends of files, too */
            assert_int_equal(kh_audit_write(audit, &event, NULL), KH_OK);
        kh_audit_get_stats(audit, &stats);
        assert_true(stats.reserved_bytes > RESERVE / 2);
        fill_disk(filler);
        for (uint64_t i = 0; i < RESERVE / 2 / LINE / 2; i++, accepted++)
            assert_int_equal(kh_audit_write(audit, &event, NULL), KH_OK);
        kh_audit_close(audit);
        audit = open_reserving(RESERVE);
        accepted += write_until_refused(audit, &event);
        assert_true(accepted - before >= RESERVE / 2 / LINE);
        assert_int_equal(unlink(filler), 0);
        assert_int_equal(kh_audit_write(audit, &event, NULL), KH_OK);
        accepted++;
        kh_audit_get_stats(audit, &stats);
        assert_true(stats.reserved_bytes > RESERVE / 2);
        kh_audit_close(audit);
        audit_verify(&report, "web");
        assert_int_equal(report.verified.wrong, 0);
    }
    assert_int_equal(found("reserve"), accepted);
    assert_int_equal(umount(audit_dir), 0);
}

/* ---- search ---- */

/* AZ-33, TB-15: by person's facility, terminal, purpose, reason and the facility the images are of; each alone, none of them by a part. */
static void people_are_found_by_what_is_told_of_them(void **state)
{
    static const struct {
        const char *name;
        kh_audit_query query;
        uint64_t found;
    } cases[] = {
        {"person", {.who = "sato"}, 2},
        {"person's facility", {.who_facility = "clinic-a"}, 2},
        {"terminal", {.terminal = "desk-1"}, 1},
        {"terminal by name and number", {.terminal = "desk (old) (12)"}, 1},
        {"terminal by its name", {.terminal = "desk (old)"}, 1},
        {"terminal by its number", {.terminal = "12"}, 1},
        {"a part of its name", {.terminal = "desk"}, 0},
        {"a part of its number", {.terminal = "1"}, 0},
        {"terminal of no name", {.terminal = ""}, 0},
        {"purpose", {.purpose = "emergency"}, 1},
        {"reason", {.reason = "no consent"}, 1},
        {"facility of the images", {.facility = "hospital-a"}, 3},
        {"action", {.action = "sign_in"}, 1},
        {"both", {.who = "sato", .terminal = "desk-1"}, 1},
        {"a part of a word", {.purpose = "emerg"}, 0},
        {"another's", {.who_facility = "clinic-a", .terminal = "desk-9"}, 0},
    };
    const kh_audit_event events[] = {
        {.action = KH_AUDIT_VIEW,
         .who = "sato",
         .by = "person",
         .who_facility = "clinic-a",
         .terminal = "desk-1",
         .purpose = "care",
         .facility = "hospital-a"},
        {.action = KH_AUDIT_ALERT,
         .who = "sato",
         .by = "person",
         .who_facility = "clinic-a",
         .purpose = "emergency",
         .facility = "hospital-a"},
        {.action = KH_AUDIT_VIEW,
         .result = KH_AUDIT_REFUSED,
         .who = "ito",
         .by = "person",
         .who_facility = "clinic-b",
         .reason = "no consent",
         .facility = "hospital-a"},
        {.action = KH_AUDIT_SIGN_IN, .who = "ito", .by = "person", .who_facility = "clinic-b", .terminal = "desk (old) (12)"},
    };
    kh_audit *audit = open_audit(1 << 20, 1000);

    (void)state;
    for (size_t i = 0; i < KH_COUNT(events); i++)
        assert_int_equal(kh_audit_write(audit, &events[i], NULL), KH_OK);
    kh_audit_close(audit);
    for (size_t i = 0; i < KH_COUNT(cases); i++) {
        kh_audit_query query = cases[i].query;
        uint64_t count = 0, unreadable;

        query.dir = audit_dir;
        assert_int_equal(kh_audit_search(&query, count_it, &count, &unreadable, NULL), KH_OK);
        if (count != cases[i].found)
            fail_msg("%s: %" PRIu64 " records, expected %" PRIu64, cases[i].name, count, cases[i].found);
    }
}

typedef struct order {
    char last[40];
    uint64_t count;
} order;

static kh_status in_order(void *context, const kh_audit_found *one)
{
    order *o = context;
    const char *time = kh_json_get_text(one->json, "time");

    assert_true(strcmp(o->last, time) <= 0);
    snprintf(o->last, sizeof o->last, "%s", time);
    o->count++;
    return KH_OK;
}

static void both_chains_are_merged_by_time(void **state)
{
    kh_audit_query query = {.dir = audit_dir, .action = "view"};
    uint64_t unreadable;
    order o = {.last = ""};

    (void)state;
    audit_fill("web", 60, 4000);
    audit_fill("bridge", 90, 4000);
    assert_int_equal(kh_audit_search(&query, in_order, &o, &unreadable, NULL), KH_OK);
    assert_int_equal(o.count, 60 - 2 + 90 - 2);
    query.study = "1.2.3.33";
    o = (order){.last = ""};
    assert_int_equal(kh_audit_search(&query, in_order, &o, &unreadable, NULL), KH_OK);
    assert_int_equal(o.count, 2);
    query.study = NULL;
    query.from = "2023-11-14T22:13:20.030Z";
    query.to = "2023-11-14T22:13:20.03";
    o = (order){.last = ""};
    assert_int_equal(kh_audit_search(&query, in_order, &o, &unreadable, NULL), KH_OK);
    assert_int_equal(o.count, 20);
    query.from = "yesterday";
    assert_int_equal(kh_audit_search(&query, in_order, &o, &unreadable, NULL), KH_E_ARG);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, audit_set_up, audit_tear_down)
    const struct CMUnitTest tests[] = {
        CASE(many_threads_share_commits),
        CASE(readers_are_told_once_of_a_series),
        CASE(after_the_time_it_is_told_again),
        CASE(a_full_queue_refuses),
        CASE(without_a_record_nothing_is_recorded),
        CASE(checkpoints_come_by_time),
        CASE(what_was_acknowledged_survives_kills),
        CASE(a_full_disk_refuses_until_there_is_room),
        CASE(a_start_on_a_full_disk_waits_for_room),
        CASE(the_reserve_goes_on_when_the_disk_is_full),
        CASE(people_are_found_by_what_is_told_of_them),
        CASE(both_chains_are_merged_by_time),
    };

    return cmocka_run_group_tests_name("audit writer", tests, NULL, NULL);
}
