/* R10: a file that was changed, cut or lost under us is found by the slow reader, is never served again, and comes back. */
#include "support.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "cache/browse.h"
#include "cache/check.h"
#include "cache/internal.h"
#include "cache/nodes.h"
#include "cache/pulls.h"
#include "cache/quarantine.h"
#include "cache/scrub.h"

#define OBJECTS 6
#define BAD 3

static void store_all(kh_cache *cache, int64_t pull_id)
{
    const kh_origin origin = {.facility = "north", .source = "PACS", .pull_id = pull_id};
    kh_ingest_result result;

    for (int i = 1; i <= OBJECTS; i++) {
        char uid[32];
        sample s = {.study_uid = "1.2", .series_uid = "1.2.1", .sop_uid = uid, .instance = i};
        kh_buf bytes;

        snprintf(uid, sizeof uid, "1.2.1.%d", i);
        kh_buf_init(&bytes, 1 << 20);
        sample_write(&bytes, &s);
        assert_ok(ingest_bytes(cache, &bytes, &origin, &result, err));
        kh_buf_release(&bytes);
    }
}

static void file_of(const fixture *f, char path[PATH_MAX], int64_t file_id)
{
    kh_path_object(path, &f->cache->paths, file_id, 1);
}

static void flip(const char *path)
{
    uint8_t byte;
    int fd = open(path, O_RDWR);

    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &byte, 1, 900), 1);
    byte ^= 4;
    assert_int_equal(pwrite(fd, &byte, 1, 900), 1);
    close(fd);
}

static void cut(const char *path) { assert_int_equal(truncate(path, 500), 0); }
static void lose(const char *path) { assert_int_equal(unlink(path), 0); }

static void (*const harms[BAD])(const char *path) = {flip, cut, lose};

static void harm_all(const fixture *f)
{
    for (int i = 0; i < BAD; i++) {
        char path[PATH_MAX];

        file_of(f, path, 2 + i);
        harms[i](path);
    }
}

static kh_scrub_result scrub_pass(kh_cache *cache)
{
    kh_scrub_result one, sum = {0};

    do {
        assert_ok(kh_scrub_some(cache, 1, &one, err)); /* the smallest steps */
        sum.objects += one.objects;
        sum.bad += one.bad;
    } while (!one.pass_ended);
    return sum;
}

static void sound(void **state)
{
    fixture *f = *state;
    kh_scrub_state at;

    store_all(f->cache, 0);
    for (int i = 0; i < 2; i++) {
        kh_scrub_result result = scrub_pass(f->cache);

        assert_int_equal(result.objects, OBJECTS);
        assert_int_equal(result.bad, 0);
    }
    assert_ok(kh_scrub_get_state(f->cache, &at, err));
    assert_int_equal(at.began_ms, 0);
    assert_true(at.ended_ms > 0);
    assert_int_equal(at.objects, OBJECTS);
    assert_clean(f->cache, OBJECTS);
}

static bool in_memory(const char *path)
{
    unsigned char first = 0;
    int fd = open(path, O_RDONLY);
    void *page;

    assert_true(fd >= 0);
    page = mmap(NULL, 1, PROT_READ, MAP_SHARED, fd, 0);
    assert_ptr_not_equal(page, MAP_FAILED);
    assert_int_equal(mincore(page, 1, &first), 0);
    munmap(page, 1);
    close(fd);
    return (first & 1) != 0;
}

static bool is_left_as_it_was(const fixture *f, const char *seen, const char *unseen)
{
    char first;
    int fd = open(unseen, O_RDONLY);

    assert_true(fd >= 0);
    assert_int_equal(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
    close(fd);
    fd = open(seen, O_RDONLY);
    assert_true(fd >= 0);
    assert_int_equal(read(fd, &first, 1), 1);
    close(fd);
    if (!in_memory(seen) || in_memory(unseen))
        skip(); /* a file system that is all memory */
    assert_int_equal(scrub_pass(f->cache).bad, 0);
    return in_memory(seen) && !in_memory(unseen);
}

/* A slow reader of everything neither drives what people look at out of the system's memory nor fills that with the rest. What it asks
 * of the system is advice, and others ask too: once in a few times must be as it says. */
static void memory_is_left_as_it_was(void **state)
{
    fixture *f = *state;
    char seen[PATH_MAX], unseen[PATH_MAX];
    bool good = false;

    store_all(f->cache, 0);
    file_of(f, seen, 1);
    file_of(f, unseen, 2);
    for (int i = 0; i < 5 && !good; i++)
        good = is_left_as_it_was(f, seen, unseen);
    assert_true(good);
}

/* Nobody gives them back: their remains are kept, and what is sent again heals them. */
static void found_and_sent_again(void **state)
{
    fixture *f = *state;
    kh_check_report report;
    int fd;

    store_all(f->cache, 0);
    harm_all(f);
    assert_int_equal(scrub_pass(f->cache).bad, BAD);
    assert_int_equal(temp_dir_count(&f->dir, "quarantine"), BAD - 1); /* of the lost one nothing remains */
    for (int i = 0; i < BAD; i++)
        assert_int_equal(kh_object_open(f->cache, 2 + i, &fd, NULL), KH_E_BUSY);
    assert_ok(kh_cache_check(f->cache, &report, NULL, NULL, NULL, err));
    assert_true(kh_check_clean(&report));
    assert_int_equal(report.away, BAD);
    assert_int_equal(scrub_pass(f->cache).bad, 0);
    store_all(f->cache, 0);
    assert_clean(f->cache, OBJECTS);
    for (int i = 0; i < BAD; i++) {
        assert_ok(kh_object_open(f->cache, 2 + i, &fd, err));
        close(fd);
    }
    assert_int_equal(scrub_pass(f->cache).objects, OBJECTS);
}

/* A node gives them back: one pull is filed, for what is missing. */
static void found_and_asked_for(void **state)
{
    fixture *f = *state;
    kh_node node = {.name = "PACS", .ae_title = "PACS", .host = "127.0.0.1", .port = 104, .facility = "north"};
    int64_t first;
    kh_pull pull;
    kh_study study;

    assert_ok(kh_node_add(f->cache, &node, err));
    assert_ok(kh_pull_file(f->cache, node.id, "1.2", 1, "test", &first, err));
    assert_ok(kh_pull_find(f->cache, first, &pull, err));
    pull.state = KH_PULL_COMPLETE;
    assert_ok(kh_pull_update(f->cache, &pull, err));
    store_all(f->cache, first);
    harm_all(f);
    assert_int_equal(scrub_pass(f->cache).bad, BAD);
    assert_ok(kh_pull_find(f->cache, first + 1, &pull, err));
    assert_int_equal(pull.node_id, node.id);
    assert_int_equal(pull.state, KH_PULL_WAITING);
    assert_string_equal(pull.study_uid, "1.2");
    assert_int_equal(kh_pull_find(f->cache, first + 2, &pull, NULL), KH_E_NOT_FOUND);
    store_all(f->cache, first + 1);
    assert_ok(kh_browse_study(f->cache, 1, &study, err));
    assert_int_equal(study.away_count, 0);
    assert_clean(f->cache, OBJECTS);
}

/* The folder without its sign: another disk, or none. Nothing is marked. */
static void disk_is_gone(void **state)
{
    fixture *f = *state;
    char path[PATH_MAX];
    kh_scrub_result result;
    kh_study study;

    store_all(f->cache, 0);
    file_of(f, path, 1);
    lose(path);
    kh_path_of(path, &f->cache->paths, "kakehashi.id");
    lose(path);
    assert_int_equal(kh_scrub_some(f->cache, 1 << 30, &result, NULL), KH_E_CORRUPT);
    assert_ok(kh_browse_study(f->cache, 1, &study, err));
    assert_int_equal(study.away_count, 0);
}

typedef struct noted {
    uint8_t image[4096];
    size_t size;
    int64_t revision;
} noted;

static noted note_of(fixture *f, int64_t object_id)
{
    const kh_sql_value id = KH_SQL_I(object_id);
    kh_sql *sql = NULL;
    kh_sql_row *row;
    bool has_row = false;
    noted out = {.size = 0};
    const void *image;

    assert_ok(kh_reader_acquire(&sql, f->cache->readers, err));
    assert_ok(kh_sql_query(&row, sql, "SELECT o.image, r.revision FROM object o JOIN series r ON r.id = o.series_ref WHERE o.id = ?1", &id,
                           1, err));
    assert_ok(kh_sql_next(row, &has_row, err));
    assert_true(has_row);
    image = kh_sql_blob(row, 0, &out.size);
    assert_in_range(out.size, 0, sizeof out.image);
    if (out.size > 0)
        memcpy(out.image, image, out.size);
    out.revision = kh_sql_int(row, 1);
    kh_sql_end(row);
    kh_reader_release(f->cache->readers, sql);
    return out;
}

/* The first byte of a record is its version. */
static kh_status make_old(kh_write *write, void *context, kh_error *err)
{
    (void)context;
    return kh_sql_run(kh_write_sql(write), "UPDATE object SET image = x'02' || substr(image, 2) WHERE id IN (2, 4, 6)", NULL, 0, NULL, err);
}

/* Records of an earlier release are made anew, once; others stay, as do those of objects that are damaged. */
static void old_records_are_made_anew(void **state)
{
    fixture *f = *state;
    noted before[OBJECTS], after, again;
    char path[PATH_MAX];

    store_all(f->cache, 0);
    for (int i = 0; i < OBJECTS; i++)
        before[i] = note_of(f, 1 + i);
    assert_ok(kh_cache_write(f->cache, make_old, NULL, err));
    assert_int_equal(note_of(f, 2).image[0], 2);
    assert_int_equal(note_of(f, 3).image[0], before[2].image[0]);
    file_of(f, path, 4);
    flip(path);
    assert_int_equal(scrub_pass(f->cache).bad, 1);
    for (int i = 0; i < OBJECTS; i++) {
        after = note_of(f, 1 + i);
        if (i == 3) /* the damaged one, which is away now */
            continue;
        assert_int_equal(after.size, before[i].size);
        assert_true(after.size > 0);
        assert_memory_equal(after.image, before[i].image, after.size);
    }
    assert_true(after.revision >= before[0].revision + 2);
    assert_int_equal(scrub_pass(f->cache).bad, 0);
    again = note_of(f, 2);
    assert_int_equal(again.revision, after.revision);
}

typedef struct department {
    char name[200];
    bool noted;
    int64_t events;
} department;

static department department_of(const fixture *f)
{
    department out = {0};
    kh_sql *sql;
    kh_sql_row *row;
    bool has_row = false;

    assert_ok(kh_reader_acquire(&sql, f->cache->readers, err));
    assert_ok(kh_sql_query(&row, sql, "SELECT department, (SELECT count(*) FROM event) FROM series", NULL, 0, err));
    assert_ok(kh_sql_next(row, &has_row, err));
    assert_true(has_row);
    snprintf(out.name, sizeof out.name, "%s", kh_sql_text(row, 0));
    out.noted = !kh_sql_is_null(row, 0);
    out.events = kh_sql_int(row, 1);
    kh_sql_end(row);
    kh_reader_release(f->cache->readers, sql);
    return out;
}

static kh_status forget_department(kh_write *write, void *context, kh_error *err)
{
    (void)context;
    return kh_sql_run(kh_write_sql(write), "UPDATE series SET department = NULL", NULL, 0, NULL, err);
}

/* What a release that did not know it has stored is read from the objects, once, and told. */
static void departments_are_noted_later(void **state)
{
    fixture *f = *state;
    sample s = {.study_uid = "1.2", .series_uid = "1.2.1", .sop_uid = "1.2.1.1"};
    kh_ingest_result result;
    department before, after;

    assert_ok(ingest_sample(f->cache, &s, &result, err));
    assert_string_equal(department_of(f).name, ""); /* the first does not tell */
    s.sop_uid = "1.2.1.2";
    s.department = "放射線科";
    assert_ok(ingest_sample(f->cache, &s, &result, err));
    assert_string_equal(department_of(f).name, "放射線科");
    s.sop_uid = "1.2.1.3";
    s.department = "Surgery";
    assert_ok(ingest_sample(f->cache, &s, &result, err));
    assert_string_equal(department_of(f).name, "放射線科"); /* the first that tells */
    store_all(f->cache, 0);
    assert_ok(kh_cache_write(f->cache, forget_department, NULL, err));
    s.sop_uid = "1.2.1.9";
    s.series_uid = "1.2.1";
    assert_false(department_of(f).noted);
    before = department_of(f);
    assert_int_equal(scrub_pass(f->cache).bad, 0);
    after = department_of(f);
    assert_true(after.noted);
    assert_string_equal(after.name, ""); /* of the first object */
    assert_int_equal(after.events, before.events);
    assert_ok(ingest_sample(f->cache, &s, &result, err)); /* what comes later still tells */
    assert_string_equal(department_of(f).name, "Surgery");
}

static void department_of_the_first_object(void **state)
{
    fixture *f = *state;
    sample s = {.study_uid = "1.2", .series_uid = "1.2.1", .sop_uid = "1.2.1.1", .department = "Cardiology"};
    kh_ingest_result result;
    department before, after;

    assert_ok(ingest_sample(f->cache, &s, &result, err));
    assert_ok(kh_cache_write(f->cache, forget_department, NULL, err));
    before = department_of(f);
    assert_int_equal(scrub_pass(f->cache).bad, 0);
    after = department_of(f);
    assert_string_equal(after.name, "Cardiology");
    assert_int_equal(after.events, before.events + 1);
    assert_int_equal(scrub_pass(f->cache).bad, 0);
    assert_int_equal(department_of(f).events, after.events);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, cache_set_up, cache_tear_down)
    const struct CMUnitTest tests[] = {T(sound),
                                       T(old_records_are_made_anew),
                                       T(departments_are_noted_later),
                                       T(department_of_the_first_object),
                                       T(memory_is_left_as_it_was),
                                       T(found_and_sent_again),
                                       T(found_and_asked_for),
                                       T(disk_is_gone)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
