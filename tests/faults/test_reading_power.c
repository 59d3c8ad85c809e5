/* R2 of reading.db: the power goes at any moment. A process keeps marks and writes each change of its files into a journal, with what it
 * was told is kept; from the journal states are made that a disk may be left in (replay.h); in each of them the file is sound, every mark
 * that was told as kept is there in that version or a later one, and more can be kept. Then the same without the syncs of the file, which
 * must be seen.
 *
 * KH_LONG=1: 5,000 states. KH_SEED: other states. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/log.h"
#include "reading/check.h"
#include "reading/marks.h"
#include "tests/cmocka_all.h"
#include "tests/faults/interpose.h"
#include "tests/faults/replay.h"

#define SESSIONS 4
#define PER_SESSION 60
#define MARKS (SESSIONS * PER_SESSION)
#define VERSION_STEP 1000 /* a promise is number + VERSION_STEP * version */

static kh_stored_mark numbered(unsigned number, kh_point points[2])
{
    kh_stored_mark mark = {
        .facility = "city", .study_uid = "1.2", .sop_uid = "1.2.3", .kind = KH_MARK_LENGTH, .point_count = 2, .points = points};

    snprintf(mark.id, sizeof mark.id, "00000000-0000-4000-8000-%012x", number);
    points[0] = (kh_point){number, 1};
    points[1] = (kh_point){2, 2};
    return mark;
}

static kh_reading *open_in(const char *dir)
{
    const kh_reading_options options = {.dir = dir, .marks_max = 2 * MARKS};
    kh_reading *reading = NULL;

    if (kh_reading_open(&reading, &options, NULL) != KH_OK)
        abort();
    return reading;
}

static void keep(kh_reading *reading, unsigned number)
{
    kh_point points[2];
    kh_stored_mark mark = numbered(number, points), now;

    for (int64_t version = 1; version <= 1 + number % 3; version++) {
        mark.version = version - 1;
        points[1].x = 2.0 + (double)version;
        if (kh_mark_save(reading, &mark, &now, NULL) != KH_OK)
            abort();
        kh_stored_mark_release(&now);
        faults_journal_mark(number + VERSION_STEP * (uint64_t)version);
    }
}

/* Opened and closed several times, so that the log is written back, too. */
static journal *run_journaled(const char *work, journal_drop drop)
{
    char dir[600], path[600];
    int how;

    snprintf(dir, sizeof dir, "%s/data", work);
    snprintf(path, sizeof path, "%s/journal", work);
    assert_int_equal(mkdir(dir, 0700), 0);
    if (fork() == 0) {
        kh_log_set_level(KH_LOG_ERROR);
        faults_watch(dir);
        faults_journal(path, drop);
        for (unsigned session = 0; session < SESSIONS; session++) {
            kh_reading *reading = open_in(dir);

            for (unsigned i = 0; i < PER_SESSION; i++)
                keep(reading, session * PER_SESSION + i);
            kh_reading_close(reading);
        }
        _exit(0);
    }
    wait(&how);
    assert_int_equal(how, 0);
    return journal_load(path);
}

typedef struct promises {
    int64_t version[MARKS];
} promises;

static void note(void *context, uint64_t number)
{
    promises *p = context;

    p->version[number % VERSION_STEP] = (int64_t)(number / VERSION_STEP);
}

static kh_status newest(void *context, kh_stored_mark *mark)
{
    *(int64_t *)context = mark->version;
    return KH_OK;
}

static void tell(void *context, const char *line)
{
    snprintf(context, 200, "%s", line);
}

static bool promises_kept(const char *dir, const promises *p, char why[700])
{
    kh_reading_report report;
    kh_reading *reading;
    char line[200] = "";
    kh_point points[2];
    kh_stored_mark more = numbered(MARKS, points), now;
    bool good = kh_reading_check(dir, &report, tell, line, NULL) == KH_OK && report.sound && report.unsound == 0;

    if (!good)
        snprintf(why, 700, "it is not sound: %s", line);
    reading = open_in(dir);
    for (unsigned i = 0; good && i < MARKS; i++) {
        kh_point unused[2];
        kh_stored_mark mark = numbered(i, unused);
        int64_t version = 0;

        if (p->version[i] == 0)
            continue;
        good = kh_mark_versions(reading, "city", "1.2", mark.id, newest, &version, NULL) == KH_OK && version >= p->version[i];
        if (!good)
            snprintf(why, 700, "mark %u is at version %lld, %lld was told as kept", i, (long long)version, (long long)p->version[i]);
    }
    if (good && kh_mark_save(reading, &more, &now, NULL) != KH_OK) {
        snprintf(why, 700, "no more can be kept");
        good = false;
    } else if (good) {
        kh_stored_mark_release(&now);
    }
    kh_reading_close(reading);
    return good;
}

/* Every second cut is right behind a promise. */
static bool survives(const journal *j, const char *work, unsigned number, unsigned *seed, char why[800])
{
    promises p = {{0}};
    lost kind = (lost)(number % 8 < 3 ? number % 8 : LOST_SOME);
    size_t cut = 1 + (size_t)rand_r(seed) % journal_count(j);
    char dir[600], command[700], text[700] = "";
    bool good;

    if (rand_r(seed) % 2)
        assert_true(journal_after_mark(j, (size_t)rand_r(seed) % (2 * MARKS), &cut)); /* two versions a mark, as they are on average */
    snprintf(dir, sizeof dir, "%s/state-%u", work, number);
    assert_int_equal(mkdir(dir, 0700), 0);
    journal_materialise(j, cut, kind, (uint64_t)rand_r(seed), dir);
    journal_marks(j, cut, note, &p);
    faults_watch(dir);
    good = promises_kept(dir, &p, text);
    if (!good)
        snprintf(why, 800, "state %u (cut at %zu of %zu, loss %d): %.600s", number, cut, journal_count(j), (int)kind, text);
    snprintf(command, sizeof command, "rm -rf %s", dir);
    assert_int_equal(system(command), 0);
    return good;
}

static unsigned count_findings(journal_drop drop, unsigned states, unsigned most)
{
    const char *given = getenv("KH_SEED");
    unsigned seed = given && given[0] ? (unsigned)strtoul(given, NULL, 10) : 20261121, findings = 0;
    char work[] = "/tmp/kh-reading-power-XXXXXX", command[96], why[800];
    journal *j;

    assert_non_null(mkdtemp(work));
    j = run_journaled(work, drop);
    for (unsigned i = 0; i < states && findings < most; i++)
        if (!survives(j, work, i, &seed, why)) {
            print_message("%s\n", why);
            findings++;
        }
    journal_free(j);
    snprintf(command, sizeof command, "rm -rf %s", work);
    assert_int_equal(system(command), 0);
    return findings;
}

static void nothing_told_as_kept_is_lost(void **state)
{
    const char *is_long = getenv("KH_LONG");

    (void)state;
    assert_int_equal(count_findings(DROP_NOTHING, is_long && is_long[0] ? 5000 : 120, 5), 0);
}

static void a_file_that_is_not_synced_is_found_out(void **state)
{
    (void)state;
    assert_int_equal(count_findings(DROP_INDEX_SYNCS, 120, 1), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(nothing_told_as_kept_is_lost),
                                       cmocka_unit_test(a_file_that_is_not_synced_is_found_out)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
