/* The SQL layer: statements, transactions, migrations, limits, what each failure is called. */
#include "tests/cmocka_all.h"

#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "store/sql.h"

typedef struct fixture {
    char dir[256], path[300];
    kh_sql *sql;
} fixture;

static const char *const two_scripts[] = {
    "CREATE TABLE a (id INTEGER PRIMARY KEY, name TEXT UNIQUE, value BLOB, real REAL, n INTEGER CHECK (n < 100));",
    "CREATE TABLE b (id INTEGER PRIMARY KEY, a_id INTEGER NOT NULL REFERENCES a); INSERT INTO a (name) VALUES ('first');",
};

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    const char *base = getenv("TMPDIR");
    kh_error err = KH_ERROR_INIT;

    snprintf(f->dir, sizeof f->dir, "%.200s/kh-sql-XXXXXX", base && base[0] ? base : ".");
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->path, sizeof f->path, "%s/test.db", f->dir);
    if (kh_sql_open(&f->sql, f->path, KH_SQL_WRITER, &err) != KH_OK || kh_sql_migrate(f->sql, two_scripts, 2, &err) != KH_OK)
        fail_msg("%s", err.message);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    static const char *const ends[] = {"", "-wal", "-shm"};
    fixture *f = *state;

    kh_sql_close(f->sql);
    for (size_t i = 0; i < KH_COUNT(ends); i++) {
        char path[320];

        snprintf(path, sizeof path, "%s%s", f->path, ends[i]);
        unlink(path);
    }
    rmdir(f->dir);
    free(f);
    return 0;
}

static void run(kh_sql *sql, const char *text)
{
    kh_error err = KH_ERROR_INIT;

    if (kh_sql_run(sql, text, NULL, 0, NULL, &err) != KH_OK)
        fail_msg("%s: %s", text, err.message);
}

static int64_t number(kh_sql *sql, const char *text)
{
    kh_error err = KH_ERROR_INIT;
    kh_sql_row *row;
    bool has_row = false;
    int64_t value;

    if (kh_sql_query(&row, sql, text, NULL, 0, &err) != KH_OK || kh_sql_next(row, &has_row, &err) != KH_OK)
        fail_msg("%s: %s", text, err.message);
    assert_true(has_row);
    value = kh_sql_int(row, 0);
    kh_sql_end(row);
    return value;
}

static void connection_is_as_promised(void **state)
{
    fixture *f = *state;
    kh_sql_row *row;
    bool has_row;

    assert_int_equal(kh_sql_query(&row, f->sql, "PRAGMA journal_mode", NULL, 0, NULL), KH_OK);
    assert_int_equal(kh_sql_next(row, &has_row, NULL), KH_OK);
    assert_string_equal(kh_sql_text(row, 0), "wal");
    kh_sql_end(row);
    assert_int_equal(number(f->sql, "PRAGMA synchronous"), 2); /* FULL */
    assert_int_equal(number(f->sql, "PRAGMA foreign_keys"), 1);
    assert_int_equal(number(f->sql, "PRAGMA trusted_schema"), 0);
    assert_int_equal(number(f->sql, "PRAGMA busy_timeout"), 5000);
    assert_int_equal(number(f->sql, "PRAGMA mmap_size"), 0);
}

static void values_come_back(void **state)
{
    fixture *f = *state;
    static const uint8_t blob[] = {0, 1, 255, 0};
    const kh_sql_value values[] = {KH_SQL_I(INT64_MIN), KH_SQL_T("山田^花子"), KH_SQL_B(blob, 4), KH_SQL_D(-0.125), KH_SQL_N};
    kh_sql_row *row;
    bool has_row;
    size_t size;
    int64_t changed = 0;

    assert_int_equal(kh_sql_run(f->sql, "INSERT INTO a (id, name, value, real, n) VALUES (?1, ?2, ?3, ?4, ?5)", values, 5,
                                &changed, NULL), KH_OK);
    assert_int_equal(changed, 1);
    assert_true(kh_sql_last_id(f->sql) == INT64_MIN);
    assert_int_equal(kh_sql_query(&row, f->sql, "SELECT id, name, value, real, n FROM a WHERE id = ?1", values, 1, NULL), KH_OK);
    assert_int_equal(kh_sql_next(row, &has_row, NULL), KH_OK);
    assert_true(has_row);
    assert_true(kh_sql_int(row, 0) == INT64_MIN);
    assert_string_equal(kh_sql_text(row, 1), "山田^花子");
    assert_memory_equal(kh_sql_blob(row, 2, &size), blob, 4);
    assert_int_equal(size, 4);
    assert_true(kh_sql_double(row, 3) == -0.125);
    assert_true(kh_sql_is_null(row, 4));
    assert_string_equal(kh_sql_text(row, 4), "");
    assert_int_equal(kh_sql_next(row, &has_row, NULL), KH_OK);
    assert_false(has_row);
    kh_sql_end(row);
}

static void null_text_and_empty_blob(void **state)
{
    fixture *f = *state;
    const kh_sql_value values[] = {KH_SQL_T(NULL), KH_SQL_B(NULL, 0)};

    assert_int_equal(kh_sql_run(f->sql, "INSERT INTO a (name, value) VALUES (?1, ?2)", values, 2, NULL, NULL), KH_OK);
    assert_int_equal(number(f->sql, "SELECT count(*) FROM a WHERE name IS NULL AND value IS NOT NULL AND length(value) = 0"), 1);
}

static void failures_have_names(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *name, *text;
        size_t values;
        kh_status expected;
    } cases[] = {
        {"unique", "INSERT INTO a (name) VALUES ('first')", 0, KH_E_CONFLICT},
        {"primary key", "INSERT INTO a (id) VALUES (1)", 0, KH_E_CONFLICT},
        {"foreign key", "INSERT INTO b (a_id) VALUES (99)", 0, KH_E_CONFLICT},
        {"not null is our mistake", "INSERT INTO b (a_id) VALUES (NULL)", 0, KH_E_INTERNAL},
        {"check is our mistake", "INSERT INTO a (n) VALUES (100)", 0, KH_E_INTERNAL},
        {"no such table", "INSERT INTO c VALUES (1)", 0, KH_E_INTERNAL},
        {"too few values", "INSERT INTO a (name) VALUES (?1)", 0, KH_E_INTERNAL},
        {"too many values", "INSERT INTO a (name) VALUES ('x')", 1, KH_E_INTERNAL},
        {"empty", "", 0, KH_E_INTERNAL},
        {"fine", "INSERT INTO a (n) VALUES (99)", 0, KH_OK},
    };
    const kh_sql_value one = KH_SQL_I(1);

    for (size_t i = 0; i < KH_COUNT(cases); i++) {
        kh_error err = KH_ERROR_INIT;

        if (kh_sql_run(f->sql, cases[i].text, &one, cases[i].values, NULL, &err) != cases[i].expected)
            fail_msg("%s: %s", cases[i].name, err.message);
    }
}

static void text_in_a_reused_buffer_is_another_statement(void **state)
{
    fixture *f = *state;
    char text[64];

    for (int i = 0; i < 300; i++) { /* more than are kept, so some are prepared for one use */
        snprintf(text, sizeof text, "SELECT %d", i);
        assert_int_equal(number(f->sql, text), i);
        assert_int_equal(number(f->sql, text), i);
    }
}

static void one_statement_runs_twice_at_once(void **state)
{
    static const char text[] = "SELECT 7 UNION ALL SELECT 8";
    fixture *f = *state;
    kh_sql_row *outer, *inner;
    bool has_row;

    assert_int_equal(kh_sql_query(&outer, f->sql, text, NULL, 0, NULL), KH_OK);
    assert_int_equal(kh_sql_next(outer, &has_row, NULL), KH_OK);
    assert_int_equal(kh_sql_query(&inner, f->sql, text, NULL, 0, NULL), KH_OK);
    assert_int_equal(kh_sql_next(inner, &has_row, NULL), KH_OK);
    assert_int_equal(kh_sql_int(inner, 0), 7);
    kh_sql_end(inner);
    assert_int_equal(kh_sql_next(outer, &has_row, NULL), KH_OK);
    assert_int_equal(kh_sql_int(outer, 0), 8);
    kh_sql_end(outer);
    kh_sql_end(NULL);
}

static void savepoint_leaves_the_others(void **state)
{
    fixture *f = *state;

    assert_int_equal(kh_sql_begin(f->sql, NULL), KH_OK);
    assert_true(kh_sql_in_transaction(f->sql));
    assert_int_equal(kh_sql_savepoint(f->sql, NULL), KH_OK);
    run(f->sql, "INSERT INTO a (name) VALUES ('kept')");
    assert_int_equal(kh_sql_savepoint_release(f->sql, NULL), KH_OK);
    assert_int_equal(kh_sql_savepoint(f->sql, NULL), KH_OK);
    run(f->sql, "INSERT INTO a (name) VALUES ('dropped')");
    kh_sql_savepoint_rollback(f->sql);
    assert_int_equal(kh_sql_commit(f->sql, NULL), KH_OK);
    assert_false(kh_sql_in_transaction(f->sql));
    assert_int_equal(number(f->sql, "SELECT count(*) FROM a WHERE name = 'kept'"), 1);
    assert_int_equal(number(f->sql, "SELECT count(*) FROM a WHERE name = 'dropped'"), 0);
    assert_int_equal(kh_sql_begin(f->sql, NULL), KH_OK);
    run(f->sql, "INSERT INTO a (name) VALUES ('undone')");
    kh_sql_rollback(f->sql);
    kh_sql_rollback(f->sql); /* nothing to undo is fine */
    assert_int_equal(number(f->sql, "SELECT count(*) FROM a WHERE name = 'undone'"), 0);
}

static void reader_reads_only(void **state)
{
    fixture *f = *state;
    kh_error err = KH_ERROR_INIT;
    kh_sql *reader;

    assert_int_equal(kh_sql_open(&reader, f->path, KH_SQL_READER, &err), KH_OK);
    assert_int_equal(kh_sql_begin(reader, &err), KH_OK);
    assert_int_equal(number(reader, "SELECT count(*) FROM a"), 1);
    run(f->sql, "INSERT INTO a (name) VALUES ('later')");
    assert_int_equal(number(reader, "SELECT count(*) FROM a"), 1); /* its snapshot */
    kh_sql_rollback(reader);
    assert_int_equal(number(reader, "SELECT count(*) FROM a"), 2);
    assert_int_equal(kh_sql_run(reader, "INSERT INTO a (name) VALUES ('no')", NULL, 0, NULL, &err), KH_E_DENIED);
    kh_sql_close(reader);
}

/* A process that makes a database and is killed before it has a log: a journal of changes to be taken back is left beside it. */
static void make_and_be_killed(const char *path)
{
    static const char half_made[] = "PRAGMA journal_mode = DELETE; PRAGMA cache_size = 2; CREATE TABLE a (v); INSERT INTO a VALUES ('kept');"
                                    "BEGIN; UPDATE a SET v = 'taken back';"
                                    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200) "
                                    "INSERT INTO a SELECT randomblob(2000) FROM n;";
    sqlite3 *db;

    if (sqlite3_open(path, &db) == SQLITE_OK && sqlite3_exec(db, half_made, NULL, NULL, NULL) == SQLITE_OK)
        (void)kill(getpid(), SIGKILL);
    _exit(1);
}

static void reader_of_what_was_left_unfinished(void **state)
{
    fixture *f = *state;
    char path[320], journal[340];
    kh_error err = KH_ERROR_INIT;
    kh_sql *reader = NULL;
    int how;
    pid_t child;

    snprintf(path, sizeof path, "%s/left.db", f->dir);
    snprintf(journal, sizeof journal, "%s-journal", path);
    child = fork();
    if (child == 0)
        make_and_be_killed(path);
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFSIGNALED(how));
    assert_int_equal(access(journal, F_OK), 0);
    if (kh_sql_open(&reader, path, KH_SQL_READER, &err) != KH_OK)
        fail_msg("%s", err.message);
    assert_int_equal(number(reader, "SELECT count(*) FROM a WHERE v = 'kept'"), 1);
    assert_int_equal(number(reader, "SELECT count(*) FROM a"), 1);
    kh_sql_close(reader);
    assert_int_equal(unlink(path), 0);
}

static void opening_what_is_no_index(void **state)
{
    fixture *f = *state;
    char path[320];
    kh_sql *sql;
    int fd;

    snprintf(path, sizeof path, "%s/none.db", f->dir);
    assert_int_equal(kh_sql_open(&sql, path, KH_SQL_READER, NULL), KH_E_NOT_FOUND);
    assert_null(sql);
    fd = open(path, O_WRONLY | O_CREAT, 0600);
    for (int i = 0; i < 64; i++)
        assert_int_equal(write(fd, "this is not a database, not a bit of it, no page of it at all..", 64), 64);
    close(fd);
    assert_int_equal(kh_sql_open(&sql, path, KH_SQL_READER, NULL), KH_E_CORRUPT);
    assert_int_equal(kh_sql_open(&sql, path, KH_SQL_WRITER, NULL), KH_E_CORRUPT);
    unlink(path);
    assert_int_equal(kh_sql_open(&sql, f->dir, KH_SQL_WRITER, NULL), KH_E_IO);
}

static void migrations_are_numbered(void **state)
{
    fixture *f = *state;
    const char *const broken[] = {two_scripts[0], two_scripts[1], "CREATE TABLE c (id); CREATE TABLE c (id);"};
    const char *const third[] = {two_scripts[0], two_scripts[1], "CREATE TABLE c (id);"};
    kh_error err = KH_ERROR_INIT;

    assert_int_equal(number(f->sql, "PRAGMA user_version"), 2);
    assert_int_equal(kh_sql_migrate(f->sql, two_scripts, 2, &err), KH_OK); /* nothing to do */
    assert_int_equal(kh_sql_migrate(f->sql, two_scripts, 1, &err), KH_E_UNSUPPORTED);
    kh_error_clear(&err);
    assert_int_equal(kh_sql_migrate(f->sql, broken, 3, &err), KH_E_INTERNAL);
    assert_non_null(strstr(err.message, "schema 3"));
    assert_int_equal(number(f->sql, "PRAGMA user_version"), 2);
    assert_int_equal(number(f->sql, "SELECT count(*) FROM sqlite_master WHERE name = 'c'"), 0); /* the first half is undone */
    assert_int_equal(kh_sql_migrate(f->sql, third, 3, NULL), KH_OK);
    assert_int_equal(number(f->sql, "PRAGMA user_version"), 3);
}

static void check_finds_damage(void **state)
{
    fixture *f = *state;
    uint8_t page[4096];
    kh_error err = KH_ERROR_INIT;
    kh_sql *reader;
    int fd;

    for (int i = 0; i < 200; i++)
        run(f->sql, "INSERT INTO a (name, value) VALUES (hex(randomblob(20)), randomblob(500))");
    assert_int_equal(kh_sql_check(f->sql, &err), KH_OK);
    kh_sql_close(f->sql);
    f->sql = NULL;
    fd = open(f->path, O_RDWR);
    memset(page, 0xa5, sizeof page);
    for (int i = 4; i < 8; i++)
        assert_int_equal(pwrite(fd, page, 2000, i * 4096 + 100), 2000);
    close(fd);
    assert_int_equal(kh_sql_open(&reader, f->path, KH_SQL_READER, &err), KH_OK);
    assert_int_equal(kh_sql_check(reader, &err), KH_E_CORRUPT);
    assert_true(err.message[0] != '\0');
    kh_sql_close(reader);
}

static long long log_size(const fixture *f)
{
    char path[320];
    struct stat st;

    snprintf(path, sizeof path, "%s-wal", f->path);
    return stat(path, &st) == 0 ? (long long)st.st_size : 0;
}

static kh_status write_one(kh_sql *sql, kh_error *err)
{
    kh_status status = kh_sql_begin(sql, err);

    if (status != KH_OK)
        return status;
    run(sql, "INSERT INTO a (name, value) VALUES (hex(randomblob(20)), randomblob(100000))");
    return kh_sql_commit(sql, err);
}

/* Roles of one service do that at the first start. */
static void many_make_it_at_once(void **state)
{
    enum { ROUNDS = 30, MAKERS = 4 };
    fixture *f = *state;

    for (int round = 0; round < ROUNDS; round++) {
        char path[320];
        pid_t children[MAKERS];

        snprintf(path, sizeof path, "%s/at-once-%d.db", f->dir, round);
        for (int i = 0; i < MAKERS; i++) {
            children[i] = fork();
            assert_true(children[i] >= 0);
            if (children[i] == 0) {
                kh_sql *sql = NULL;

                _exit(kh_sql_open(&sql, path, KH_SQL_WRITER, NULL) == KH_OK ? 0 : 1);
            }
        }
        for (int i = 0; i < MAKERS; i++) {
            int ended = -1;

            assert_int_equal(waitpid(children[i], &ended, 0), children[i]);
            assert_int_equal(ended, 0);
        }
        for (size_t i = 0; i < 3; i++) {
            static const char *const ends[] = {"", "-wal", "-shm"};
            char one[330];

            snprintf(one, sizeof one, "%s%s", path, ends[i]);
            (void)unlink(one);
        }
    }
}

/* R12: a reader that does not end cannot make the log grow without bound; when he ends, all works again by itself. */
static void log_is_bounded(void **state)
{
    enum { LIMIT = 2 << 20 };
    fixture *f = *state;
    kh_error err = KH_ERROR_INIT;
    kh_status status = KH_OK;
    kh_sql *reader;

    kh_sql_set_log_bytes(f->sql, LIMIT);
    kh_sql_set_wait(f->sql, 20);
    assert_int_equal(kh_sql_open(&reader, f->path, KH_SQL_READER, &err), KH_OK);
    assert_int_equal(kh_sql_begin(reader, &err), KH_OK);
    assert_int_equal(number(reader, "SELECT count(*) FROM a"), 1);
    for (int i = 0; i < 100 && status == KH_OK; i++)
        status = write_one(f->sql, &err);
    assert_int_equal(status, KH_E_BUSY);
    assert_non_null(strstr(err.message, "log"));
    assert_true(log_size(f) >= LIMIT && log_size(f) < LIMIT + (1 << 20));
    assert_int_equal(number(reader, "SELECT count(*) FROM a"), 1); /* what he reads is what he read */
    kh_sql_rollback(reader);
    kh_error_clear(&err);
    for (int i = 0; i < 100; i++)
        assert_int_equal(write_one(f->sql, &err), KH_OK);
    assert_true(log_size(f) < LIMIT + (1 << 20));
    kh_sql_close(reader);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(connection_is_as_promised),
        T(values_come_back),
        T(null_text_and_empty_blob),
        T(failures_have_names),
        T(text_in_a_reused_buffer_is_another_statement),
        T(one_statement_runs_twice_at_once),
        T(savepoint_leaves_the_others),
        T(reader_reads_only),
        T(reader_of_what_was_left_unfinished),
        T(opening_what_is_no_index),
        T(migrations_are_numbered),
        T(check_finds_damage),
        T(many_make_it_at_once), T(log_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
