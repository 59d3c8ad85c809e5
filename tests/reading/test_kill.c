/* A writer that is killed at any moment leaves reading.db clean, and of what it was told is kept nothing is missing (RELIABILITY.md R1,
 * R3). */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "reading/check.h"
#include "reading/marks.h"
#include "tests/cmocka_all.h"

#define ROUNDS 25

static kh_stored_mark numbered(unsigned round, unsigned number, kh_point points[2])
{
    kh_stored_mark mark = {
        .facility = "city", .study_uid = "1.2", .sop_uid = "1.2.3", .kind = KH_MARK_LENGTH, .point_count = 2, .points = points};

    snprintf(mark.id, sizeof mark.id, "%08x-0000-4000-8000-%012x", round, number);
    points[0] = (kh_point){number, round};
    points[1] = (kh_point){1, 1};
    return mark;
}

/* Each mark is made, changed, deleted; the number of each step that was told as kept goes into the pipe. */
static void write_for_ever(const char *dir, unsigned round, int told)
{
    const kh_reading_options options = {.dir = dir, .marks_max = 20000};
    kh_reading *reading = NULL;

    if (kh_reading_open(&reading, &options, NULL) != KH_OK)
        _exit(1);
    for (unsigned number = 0;; number++) {
        kh_point points[2];
        kh_stored_mark mark = numbered(round, number, points), now;

        if (kh_mark_save(reading, &mark, &now, NULL) != KH_OK || write(told, &number, sizeof number) != sizeof number)
            _exit(1);
        kh_stored_mark_release(&now);
        points[1].x = 2;
        mark.version = 1;
        if (kh_mark_save(reading, &mark, &now, NULL) != KH_OK)
            _exit(1);
        kh_stored_mark_release(&now);
        if (number % 3 == 0 && kh_mark_delete(reading, "city", "1.2", mark.id, 2, 0, &now, NULL) != KH_OK)
            _exit(1);
        kh_stored_mark_release(&now);
    }
}

static kh_status nothing(void *context, kh_stored_mark *mark)
{
    (void)context;
    (void)mark;
    return KH_OK;
}

static void tell(void *context, const char *line)
{
    (void)context;
    print_message("%s\n", line);
}

static void killed_at_any_moment(void **state)
{
    char dir[] = "/tmp/kh-reading-kill-XXXXXX", command[96];
    unsigned kept = 0;

    (void)state;
    assert_non_null(mkdtemp(dir));
    for (unsigned round = 0; round < ROUNDS; round++) {
        const kh_reading_options options = {.dir = dir, .marks_max = 20000};
        unsigned last = 0, number;
        bool any = false;
        kh_reading_report report;
        kh_error err = KH_ERROR_INIT;
        kh_reading *reading = NULL;
        int told[2], how;
        pid_t child;

        assert_int_equal(pipe(told), 0);
        child = fork();
        if (child == 0)
            write_for_ever(dir, round, told[1]);
        close(told[1]);
        usleep(5000 + round * 3100 % 40000);
        kill(child, SIGKILL);
        assert_int_equal(waitpid(child, &how, 0), child);
        assert_true(WIFSIGNALED(how));
        while (read(told[0], &number, sizeof number) == sizeof number) {
            last = number;
            any = true;
        }
        close(told[0]);
            if (kh_reading_check(dir, &report, tell, NULL, &err) != KH_OK)
            fail_msg("%s", err.message);
        assert_true(report.sound);
        assert_int_equal(report.unsound, 0);
        assert_int_equal(kh_reading_open(&reading, &options, NULL), KH_OK);
        for (unsigned i = 0; any && i <= last; i++, kept++) {
            kh_point points[2];
            kh_stored_mark mark = numbered(round, i, points);

            assert_int_equal(kh_mark_versions(reading, "city", "1.2", mark.id, nothing, NULL, NULL), KH_OK);
        }
        kh_reading_close(reading);
    }
    assert_true(kept > 0);
    snprintf(command, sizeof command, "rm -rf %s", dir);
    assert_int_equal(system(command), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(killed_at_any_moment)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
