/* R11: the folder is not what it was: a disk is not mounted, a copy is not whole. The owner refuses to open, says what to do, and
 * has made nothing; when the folder is whole again it opens. */
#include "tests/faults/workload.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/log.h"
#include "store/file.h"
#include "store/sql.h"
#include "tests/faults/interpose.h"

static const char *const index_files[] = {"index.db", "index.db-wal", "index.db-shm"};

static void path_in(char out[PATH_MAX], const temp_dir *dir, const char *name)
{
    snprintf(out, PATH_MAX, "%s/%s", dir->path, name);
}

static bool is_there(const temp_dir *dir, const char *name)
{
    char path[PATH_MAX];

    path_in(path, dir, name);
    return access(path, F_OK) == 0;
}

static void take_away(const temp_dir *dir, const char *name)
{
    char path[PATH_MAX];

    path_in(path, dir, name);
    assert_true(unlink(path) == 0 || strstr(name, "index.db-"));
}

static void put(const temp_dir *dir, const char *name, const char *text)
{
    char path[PATH_MAX];

    path_in(path, dir, name);
    assert_ok(kh_file_replace(path, text, strlen(text), err));
}

static void read_id(const temp_dir *dir, char id[34])
{
    char path[PATH_MAX];
    int fd;

    path_in(path, dir, "kakehashi.id");
    fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(read(fd, id, 33), 33);
    id[33] = '\0';
    close(fd);
}

static void run_sql(const temp_dir *dir, const char *statement)
{
    char path[PATH_MAX];
    kh_sql *sql;

    path_in(path, dir, "index.db");
    assert_ok(kh_sql_open(&sql, path, KH_SQL_WRITER, err));
    assert_ok(kh_sql_run(sql, statement, NULL, 0, NULL, err));
    kh_sql_close(sql);
}

static void store_and_close(const temp_dir *dir, int number)
{
    kh_cache *cache = cache_open(dir);
    kh_ingest_result result;

    assert_ok(object_store(cache, number, false, &result, err));
    kh_cache_close(cache);
}

static void archive_make(temp_dir *dir)
{
    work_dir_make(dir);
    faults_watch(dir->path);
    store_and_close(dir, 1);
}

static void assert_refused_expecting(const temp_dir *dir, const char *archive_id, const char *says)
{
    kh_cache_options options = kh_cache_options_default;
    kh_error err = KH_ERROR_INIT;
    kh_cache *cache;

    options.dir = dir->path;
    options.archive_id = archive_id;
    options.owner = true;
    options.reserve_bytes = 0;
    assert_int_equal(kh_cache_open(&cache, &options, &err), KH_E_CONFLICT);
    assert_null(cache);
    if (!strstr(err.message, says))
        fail_msg("\"%s\" does not say \"%s\"", err.message, says);
}

static void assert_refused(const temp_dir *dir, const char *says)
{
    assert_refused_expecting(dir, NULL, says);
}

static void assert_holds(const temp_dir *dir, int64_t objects)
{
    kh_cache *cache = cache_open(dir);

    assert_clean(cache, objects);
    kh_cache_close(cache);
}

static void whole_folder(void **state)
{
    char first[34], second[34];
    temp_dir dir, other;

    (void)state;
    archive_make(&dir);
    read_id(&dir, first);
    store_and_close(&dir, 2);
    read_id(&dir, second);
    assert_string_equal(first, second);
    assert_false(is_there(&dir, "index.db-wal")); /* ended in good order: all is in index.db */
    archive_make(&other);
    read_id(&other, second);
    assert_string_not_equal(first, second);
    assert_holds(&dir, 2);
    temp_dir_remove(&dir);
    temp_dir_remove(&other);
}

static void id_file_is_missing(void **state)
{
    char id[34];
    temp_dir dir;

    (void)state;
    archive_make(&dir);
    read_id(&dir, id);
    take_away(&dir, "kakehashi.id");
    id[32] = '\0';
    assert_refused(&dir, id); /* what to write into the file */
    assert_false(is_there(&dir, "kakehashi.id"));
    put(&dir, "kakehashi.id", id);
    assert_holds(&dir, 1);
    temp_dir_remove(&dir);
}

static void index_is_missing(void **state)
{
    temp_dir dir;

    (void)state;
    archive_make(&dir);
    for (size_t i = 0; i < KH_COUNT(index_files); i++)
        take_away(&dir, index_files[i]);
    assert_refused(&dir, "no index.db");
    take_away(&dir, "kakehashi.id");
    assert_refused(&dir, "objects"); /* a new index would give their numbers again */
    assert_false(is_there(&dir, "index.db"));
    put(&dir, "index.db", ""); /* made by hand, or by a tool that looked */
    assert_refused(&dir, "objects");
    assert_int_equal(temp_dir_count(&dir, "objects/00/00"), 1);
    temp_dir_remove(&dir);
}

static void index_of_another(void **state)
{
    char from[PATH_MAX], to[PATH_MAX];
    temp_dir dir, other;

    (void)state;
    archive_make(&dir);
    archive_make(&other);
    path_in(from, &other, "index.db");
    path_in(to, &dir, "index.db");
    assert_int_equal(rename(from, to), 0);
    assert_refused(&dir, "two archives");
    temp_dir_remove(&dir);
    temp_dir_remove(&other);
}

static void id_file_is_damaged(void **state)
{
    static const struct {
        const char *name, *text;
    } cases[] = {
        {"empty", ""},
        {"31 digits", "0123456789abcdef0123456789abcde\n"},
        {"33 digits", "0123456789abcdef0123456789abcdef0\n"},
        {"capitals", "0123456789ABCDEF0123456789abcdef\n"},
        {"two lines", "0123456789abcdef0123456789abcdef\n\n"},
    };
    temp_dir dir;

    (void)state;
    archive_make(&dir);
    for (size_t i = 0; i < KH_COUNT(cases); i++) {
        put(&dir, "kakehashi.id", cases[i].text);
        assert_refused(&dir, "holds no id");
    }
    put(&dir, "kakehashi.id", "0123456789abcdef0123456789abcdef\n");
    assert_refused(&dir, "two archives");
    temp_dir_remove(&dir);
}

/* Which archive is to be here is known: an empty folder, or another's, is not taken for the first start. */
static void another_is_expected(void **state)
{
    static const char other[] = "0123456789abcdef0123456789abcdef";
    temp_dir dir, empty;
    char id[34];

    (void)state;
    archive_make(&dir);
    read_id(&dir, id);
    id[32] = '\0';
    assert_refused_expecting(&dir, other, "is another disk mounted?");
    assert_holds(&dir, 1);
    work_dir_make(&empty);
    assert_refused_expecting(&empty, id, "is the disk mounted?");
    assert_int_equal(temp_dir_count(&empty, "."), 0);
    for (int i = 0; i < 2; i++) {
        kh_cache_options options = kh_cache_options_default;
        kh_cache *cache;

        options.dir = dir.path;
        options.archive_id = i == 0 ? id : "";
        options.owner = true;
        assert_ok(kh_cache_open(&cache, &options, err));
        kh_cache_close(cache);
    }
    temp_dir_remove(&dir);
    temp_dir_remove(&empty);
}

static void first_start_that_broke_off(void **state)
{
    char before[34], after[34];
    temp_dir dir;

    (void)state;
    archive_make(&dir);
    read_id(&dir, before);
    run_sql(&dir, "DELETE FROM identity"); /* the file was made, its row not */
    assert_holds(&dir, 1);
    read_id(&dir, after);
    assert_string_equal(before, after);
    take_away(&dir, "kakehashi.id");
    assert_refused(&dir, "kakehashi.id");
    run_sql(&dir, "DELETE FROM identity"); /* neither: as an older version left it */
    assert_holds(&dir, 1);
    read_id(&dir, after);
    assert_string_not_equal(before, after);
    temp_dir_remove(&dir);
}

static void vanishes_while_open(void **state)
{
    char away[PATH_MAX];
    kh_ingest_result result;
    kh_cache *cache;
    temp_dir dir;

    (void)state;
    archive_make(&dir);
    snprintf(away, sizeof away, "%s-away", dir.path);
    cache = cache_open(&dir);
    assert_int_equal(rename(dir.path, away), 0);
    assert_int_equal(mkdir(dir.path, 0700), 0);
    assert_int_not_equal(object_store(cache, 2, false, &result, NULL), KH_OK);
    assert_int_equal(temp_dir_count(&dir, "."), 0);
    assert_int_equal(rmdir(dir.path), 0);
    assert_int_equal(rename(away, dir.path), 0);
    assert_ok(object_store(cache, 2, false, &result, err));
    assert_clean(cache, 2);
    kh_cache_close(cache);
    temp_dir_remove(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_folder),     cmocka_unit_test(id_file_is_missing), cmocka_unit_test(index_is_missing),
        cmocka_unit_test(index_of_another), cmocka_unit_test(id_file_is_damaged), cmocka_unit_test(first_start_that_broke_off),
        cmocka_unit_test(vanishes_while_open), cmocka_unit_test(another_is_expected),
    };

    kh_log_set_level(KH_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
