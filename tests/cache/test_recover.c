/* What a kill leaves behind, made by hand, and what check says of damage. test_kill.c makes it by killing. */
#include "support.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cache/browse.h"
#include "cache/check.h"
#include "cache/internal.h"
#include "store/file.h"

static void reopen(fixture *f)
{
    kh_cache_close(f->cache);
    f->cache = cache_open(&f->dir);
}

static sample sample_number(int number, char uid[32])
{
    snprintf(uid, 32, "1.2.3.4.%d", number);
    return (sample){.study_uid = "1.2.3", .series_uid = "1.2.3.4", .sop_uid = uid, .instance = number, .seed = (unsigned)number};
}

/* As ingest does up to the kill: a synced file at its place, no row. */
static void lay_file(const fixture *f, int64_t object_id, int64_t origin_id, const void *bytes, size_t size)
{
    char path[PATH_MAX], leaf[PATH_MAX];

    kh_path_leaf_dir(leaf, &f->cache->paths, kh_path_leaf(object_id));
    assert_ok(kh_dir_ensure(leaf, err));
    kh_path_object(path, &f->cache->paths, object_id, origin_id);
    assert_ok(kh_file_replace(path, bytes, size, err));
}

static void lay_sample(const fixture *f, int64_t object_id, int64_t origin_id, int number)
{
    char uid[32];
    sample s = sample_number(number, uid);
    kh_buf bytes;

    kh_buf_init(&bytes, 1 << 20);
    sample_write(&bytes, &s);
    lay_file(f, object_id, origin_id, bytes.data, bytes.size);
    kh_buf_release(&bytes);
}

static int64_t take(const fixture *f, int number)
{
    char uid[32];
    sample s = sample_number(number, uid);
    kh_ingest_result result;

    assert_ok(ingest_sample(f->cache, &s, &result, err));
    return result.object_id;
}

static void file_without_a_row_is_indexed(void **state)
{
    fixture *f = *state;
    int64_t id = take(f, 1);
    kh_object object;
    kh_study study;
    kh_series series;

    lay_sample(f, id + 1, 1, 2);
    lay_sample(f, id + 1000, 1, 3); /* in another directory of the same block */
    reopen(f);
    assert_clean(f->cache, 3);
    assert_ok(kh_browse_object(f->cache, id + 1000, &object, err));
    assert_string_equal(object.sop_instance_uid, "1.2.3.4.3");
    assert_ok(kh_browse_series(f->cache, object.series_id, &series, err));
    assert_int_equal(series.object_count, 3);
    assert_ok(kh_browse_study(f->cache, series.study_id, &study, err));
    assert_string_equal(study.patient.facility, "north"); /* known by the file's name alone */
    assert_int_equal(temp_dir_count(&f->dir, "quarantine"), 0);
}

static void ids_are_not_given_twice(void **state)
{
    fixture *f = *state;
    int64_t first = take(f, 1), second;

    reopen(f);
    second = take(f, 2);
    assert_true(second > first);
    reopen(f);
    reopen(f);
    assert_true(take(f, 3) > second);
    assert_clean(f->cache, 3);
}

static void path_of(const fixture *f, const char *name, char path[PATH_MAX])
{
    snprintf(path, PATH_MAX, "%s/%s", f->dir.path, name);
}

static void copy_file(const char *from, const char *to)
{
    uint8_t block[65536];
    int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ssize_t size;

    assert_true(in >= 0 && out >= 0);
    while ((size = read(in, block, sizeof block)) > 0)
        assert_int_equal(write(out, block, (size_t)size), size);
    close(in);
    close(out);
}

/* Closed, copied, opened again. */
static void back_up_index(fixture *f)
{
    char index[PATH_MAX], copy[PATH_MAX];

    kh_cache_close(f->cache);
    path_of(f, "index.db", index);
    path_of(f, "index.backup", copy);
    copy_file(index, copy);
    f->cache = cache_open(&f->dir);
}

static void put_index_back(fixture *f)
{
    static const char *const logs[] = {"index.db-wal", "index.db-shm"};
    char index[PATH_MAX], copy[PATH_MAX];

    kh_cache_close(f->cache);
    path_of(f, "index.db", index);
    path_of(f, "index.backup", copy);
    copy_file(copy, index);
    for (size_t i = 0; i < KH_COUNT(logs); i++) {
        path_of(f, logs[i], index);
        unlink(index);
    }
    f->cache = cache_open(&f->dir);
}

static void use_up_ids(const fixture *f, int count)
{
    for (int i = 0; i < count; i++) {
        int64_t id;

        assert_ok(kh_id_take(f->cache->ids, &id, err));
        kh_id_settle(f->cache->ids, id);
    }
}

/* What came after the copy of the index was made, in its block of ids and far beyond, is there again and stays. */
static void older_index_learns_of_newer_objects(void **state)
{
    fixture *f = *state;
    int64_t newest;

    take(f, 1);
    back_up_index(f);
    for (int i = 2; i <= 6; i++) {
        take(f, i);
        use_up_ids(f, 700);
    }
    newest = take(f, 7);
    put_index_back(f);
    assert_clean(f->cache, 7);
    assert_true(take(f, 8) > newest);
    assert_int_equal(take(f, 7), newest); /* the same object: known */
    assert_clean(f->cache, 8);
    put_index_back(f); /* a second time, after what that start had noted is gone too */
    assert_clean(f->cache, 8);
}

/* The mark was copied before the objects that came meanwhile: what lies behind it is found block by block. */
static void mark_may_be_older_too(void **state)
{
    fixture *f = *state;
    char path[PATH_MAX];

    take(f, 1);
    back_up_index(f);
    for (int i = 2; i <= 6; i++) {
        take(f, i);
        use_up_ids(f, 900);
    }
    path_of(f, "objects.reserved", path);
    assert_ok(kh_file_replace(path, "1025\n", 5, err));
    put_index_back(f);
    assert_clean(f->cache, 6);
    take(f, 7);
    assert_clean(f->cache, 7);
}

/* A kill between the two notes of a block, and a mark that is none: the index is asked. */
static void mark_of_ids_is_only_added_to_the_index(void **state)
{
    static const struct { const char *text; bool counts; } marks[] = {
        {"", false},       {"0\n", false},                   {"-5\n", false}, {"12x\n", false},
        {"999999", false}, {"4611686018427387904\n", false}, {"1\n", true},   {"100000\n", true},
    };
    fixture *f = *state;
    int64_t before = take(f, 1);
    char path[PATH_MAX];

    path_of(f, "objects.reserved", path);
    for (size_t i = 0; i < KH_COUNT(marks); i++) {
        int64_t id;

        assert_ok(kh_file_replace(path, marks[i].text, strlen(marks[i].text), err));
        reopen(f);
        id = take(f, 2 + (int)i);
        assert_true(id > before);
        if (marks[i].counts)
            assert_true(id >= atoll(marks[i].text));
        else
            assert_true(id <= before + 2048);
        before = id;
    }
    unlink(path);
    reopen(f);
    assert_true(take(f, 100) > before);
    assert_clean(f->cache, 1 + (int)KH_COUNT(marks) + 1);
}

static void second_copy_of_a_held_object_goes(void **state)
{
    fixture *f = *state;
    int64_t id = take(f, 1);

    lay_sample(f, id + 1, 1, 1);
    reopen(f);
    assert_clean(f->cache, 1);
    assert_int_equal(temp_dir_count(&f->dir, "quarantine"), 0);
}

static void what_cannot_be_indexed_is_set_aside(void **state)
{
    fixture *f = *state;
    int64_t id = take(f, 1);

    lay_file(f, id + 1, 1, "garbage", 7);
    lay_file(f, id + 2, 1, "", 0);
    lay_sample(f, id + 3, 999, 2); /* an origin that nobody noted */
    reopen(f);
    assert_clean(f->cache, 1);
    assert_int_equal(temp_dir_count(&f->dir, "quarantine"), 3);
}

static void incoming_is_emptied(void **state)
{
    fixture *f = *state;
    char path[700];

    take(f, 1);
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/incoming/%016x.part", f->dir.path, i);
        assert_ok(kh_file_replace(path, "half", 4, err));
    }
    reopen(f);
    assert_int_equal(temp_dir_count(&f->dir, "incoming"), 0);
    take(f, 2); /* the numbers begin again and clash with nothing */
    assert_clean(f->cache, 2);
}

/* Across the end of a block (1,024), with one id that stays open all the while. */
static void more_than_a_block_of_ids(void **state)
{
    fixture *f = *state;
    int64_t open_id, id = 0, settled, reserved, before;
    kh_sql *sql;

    before = take(f, 1);
    assert_ok(kh_id_take(f->cache->ids, &open_id, err));
    for (int i = 0; i < 3000; i++) {
        assert_ok(kh_id_take(f->cache->ids, &id, err));
        kh_id_settle(f->cache->ids, id);
    }
    assert_int_equal(id, before + 3001);
    assert_ok(kh_reader_acquire(&sql, f->cache->readers, err));
    assert_ok(kh_ids_read(sql, &settled, &reserved, err));
    kh_reader_release(f->cache->readers, sql);
    assert_int_equal(settled, open_id);
    assert_true(reserved > id && reserved <= id + 1024);
    lay_sample(f, open_id, 1, 2); /* the kill comes now */
    lay_sample(f, id, 1, 3);
    reopen(f);
    assert_clean(f->cache, 3);
    assert_true(take(f, 4) >= reserved);
}

static void ids_in_flight_are_bounded(void **state)
{
    fixture *f = *state;
    int64_t id = 0, extra;

    for (int i = 0; i < 1024; i++)
        assert_ok(kh_id_take(f->cache->ids, &id, err));
    assert_int_equal(kh_id_take(f->cache->ids, &extra, NULL), KH_E_BUSY);
    kh_id_settle(f->cache->ids, id);
    assert_ok(kh_id_take(f->cache->ids, &extra, err));
    assert_int_equal(extra, id + 1);
}

/* What check finds */

typedef struct finding {
    const char *name;
    const char *word; /* of the line */
    void (*damage)(const fixture *f, const char *path, int64_t id);
    int64_t missing, damaged, unindexed, incoming;
} finding;

static void remove_file(const fixture *f, const char *path, int64_t id)
{
    (void)f;
    (void)id;
    assert_int_equal(unlink(path), 0);
}

static void cut_file(const fixture *f, const char *path, int64_t id)
{
    (void)f;
    (void)id;
    assert_int_equal(truncate(path, 300), 0);
}

static void flip_last_bit(const fixture *f, const char *path, int64_t id)
{
    int fd = open(path, O_RDWR);
    struct stat st;
    uint8_t byte;

    (void)f;
    (void)id;
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(pread(fd, &byte, 1, st.st_size - 1), 1);
    byte ^= 1;
    assert_int_equal(pwrite(fd, &byte, 1, st.st_size - 1), 1);
    close(fd);
}

static void add_stray(const fixture *f, const char *path, int64_t id)
{
    (void)path;
    lay_sample(f, id + 5, 1, 9);
}

static void add_foreign(const fixture *f, const char *path, int64_t id)
{
    char other[700];

    (void)path;
    (void)id;
    snprintf(other, sizeof other, "%s/objects/00/00/notes.txt", f->dir.path);
    assert_ok(kh_file_replace(other, "x", 1, err));
}

static void add_incoming(const fixture *f, const char *path, int64_t id)
{
    char other[700];

    (void)path;
    (void)id;
    snprintf(other, sizeof other, "%s/incoming/left.part", f->dir.path);
    assert_ok(kh_file_replace(other, "x", 1, err));
}

static kh_status alter_row(kh_write *write, void *context, kh_error *err)
{
    return kh_sql_run(kh_write_sql(write), context, NULL, 0, NULL, err);
}

/* The record of another object: of the same shape, with other checksums. */
static void alter_frames(const fixture *f, const char *path, int64_t id)
{
    static char text[] = "UPDATE object SET image = (SELECT image FROM object ORDER BY id DESC LIMIT 1)";

    (void)path;
    (void)id;
    take(f, 2);
    assert_ok(kh_cache_write(f->cache, alter_row, text, err));
}

static void alter_record(const fixture *f, const char *path, int64_t id)
{
    static char text[] = "UPDATE object SET image = x'01ff'";

    (void)path;
    (void)id;
    assert_ok(kh_cache_write(f->cache, alter_row, text, err));
}

static void keep_line(void *context, const char *line)
{
    char *lines = context;
    size_t used = strlen(lines);

    snprintf(lines + used, 4096 - used, "%s\n", line);
}

static void count_progress(void *context, int64_t done, int64_t total)
{
    (void)context;
    assert_true(done <= total);
}

static void check_names_what_it_finds(void **state)
{
    static const finding findings[] = {
        {"nothing", "", NULL, 0, 0, 0, 0},
        {"file gone", "missing", remove_file, 1, 0, 0, 0},
        {"file cut", "300 bytes", cut_file, 0, 1, 0, 0},
        {"one bit", "SHA-256", flip_last_bit, 0, 1, 0, 0},
        {"file without row", "no row", add_stray, 0, 0, 1, 0},
        {"a file of somebody else", "none of ours", add_foreign, 0, 0, 1, 0},
        {"left in incoming", "", add_incoming, 0, 0, 0, 1},
        {"frame checksums", "frame checksums", alter_frames, 0, 1, 0, 0},
        {"image record", "image record", alter_record, 0, 1, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < KH_COUNT(findings); i++) {
        const finding *expected = &findings[i];
        fixture *f;
        kh_check_report report;
        char lines[4096] = "", path[PATH_MAX];
        int64_t id;

        cache_set_up((void **)&f);
        id = take(f, 1);
        kh_path_object(path, &f->cache->paths, id, 1);
        if (expected->damage)
            expected->damage(f, path, id);
        assert_ok(kh_cache_check(f->cache, &report, keep_line, count_progress, lines, err));
        if (report.missing != expected->missing || report.damaged != expected->damaged || report.unindexed != expected->unindexed ||
            report.incoming_left != expected->incoming || !report.index_sound || kh_check_clean(&report) != (i == 0) ||
            !strstr(lines, expected->word))
            fail_msg("%s: missing %lld, damaged %lld, unindexed %lld, incoming %lld: %s", expected->name, (long long)report.missing,
                     (long long)report.damaged, (long long)report.unindexed, (long long)report.incoming_left, lines);
        cache_tear_down((void **)&f);
    }
}

/* A reader checks beside a running owner: what is just being stored is no finding. */
static void check_beside_the_owner(void **state)
{
    fixture *f = *state;
    kh_cache *reader;
    kh_check_report report;
    kh_incoming *incoming;

    take(f, 1);
    reader = cache_open_reader(&f->dir, NULL);
    assert_ok(kh_ingest_begin(&incoming, f->cache, 0, err));
    assert_ok(kh_cache_check(reader, &report, NULL, NULL, NULL, err));
    assert_true(kh_check_clean(&report));
    kh_ingest_abort(incoming);
    kh_cache_close(reader);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, cache_set_up, cache_tear_down)
    const struct CMUnitTest tests[] = {
        T(file_without_a_row_is_indexed),
        T(ids_are_not_given_twice),
        T(older_index_learns_of_newer_objects),
        T(mark_may_be_older_too),
        T(mark_of_ids_is_only_added_to_the_index),
        T(second_copy_of_a_held_object_goes),
        T(what_cannot_be_indexed_is_set_aside),
        T(incoming_is_emptied),
        T(more_than_a_block_of_ids),
        T(ids_in_flight_are_bounded),
        cmocka_unit_test(check_names_what_it_finds),
        T(check_beside_the_owner),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
