/* Connections: how they are opened, what they may, what failures are called. */
#include "store/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/clock.h"

#define LOCKED_LOOK_MS 10
#define TEXT_MAX 65536        /* of one statement */
#define VALUE_BYTES_MAX 67108864
#define FUNCTION_BYTES_MAX 65536

static kh_status status_of(int code)
{
    switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return KH_E_BUSY;
    case SQLITE_FULL:
        return KH_E_FULL;
    case SQLITE_NOMEM:
        return KH_E_MEMORY;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return KH_E_CORRUPT;
    case SQLITE_TOOBIG:
        return KH_E_LIMIT;
    case SQLITE_INTERRUPT:
        return KH_E_CANCELLED;
    case SQLITE_READONLY:
    case SQLITE_AUTH:
        return KH_E_DENIED;
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
        return KH_E_IO;
    case SQLITE_CONSTRAINT:
        return code == SQLITE_CONSTRAINT_UNIQUE || code == SQLITE_CONSTRAINT_PRIMARYKEY ||
                       code == SQLITE_CONSTRAINT_FOREIGNKEY || code == SQLITE_CONSTRAINT_ROWID
                   ? KH_E_CONFLICT
                   : KH_E_INTERNAL;
    default:
        return KH_E_INTERNAL;
    }
}

kh_status kh_sql_fail(const kh_sql *sql, int code, const char *what, kh_error *err)
{
    return kh_error_set(err, status_of(sqlite3_extended_errcode(sql->db)), "%s: %s (%d)", what, sqlite3_errmsg(sql->db), code);
}

kh_status kh_sql_execute(kh_sql *sql, const char *text, kh_error *err)
{
    int code = sqlite3_exec(sql->db, text, NULL, NULL, NULL);

    return code == SQLITE_OK ? KH_OK : kh_sql_fail(sql, code, "index", err);
}

static void harden(kh_sql *sql)
{
    sqlite3_extended_result_codes(sql->db, 1);
    sqlite3_busy_timeout(sql->db, KH_SQL_WAIT_MS);
    sqlite3_db_config(sql->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(sql->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(sql->db, SQLITE_DBCONFIG_ENABLE_FKEY, 1, NULL);
    sqlite3_db_config(sql->db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, NULL);
    sqlite3_limit(sql->db, SQLITE_LIMIT_LENGTH, VALUE_BYTES_MAX);
    sqlite3_limit(sql->db, SQLITE_LIMIT_SQL_LENGTH, TEXT_MAX);
    sqlite3_limit(sql->db, SQLITE_LIMIT_ATTACHED, 0);
}

/* Of two processes that make a database at once SQLite tells one that it is locked, at once: it would wait for itself (its busy handler is
 * not asked when a lock is to be raised). */
static kh_status begin_log(kh_sql *sql, kh_error *err)
{
    int64_t end_ms = kh_clock_monotonic_ms() + KH_SQL_WAIT_MS;
    kh_error locked = KH_ERROR_INIT;
    kh_status status;

    while ((status = kh_sql_execute(sql, "PRAGMA journal_mode = WAL", &locked)) == KH_E_BUSY && kh_clock_monotonic_ms() < end_ms) {
        kh_error_clear(&locked);
        kh_clock_sleep_ms(LOCKED_LOOK_MS);
    }
    return status == KH_OK ? KH_OK : kh_error_set(err, status, "%s", locked.message);
}

static kh_status set_up(kh_sql *sql, kh_error *err)
{
    int code = sqlite3_prepare_v3(sql->db, "ROLLBACK", -1, SQLITE_PREPARE_PERSISTENT, &sql->rollback, NULL);
    kh_status status = code == SQLITE_OK ? KH_OK : kh_sql_fail(sql, code, "prepare", err);

    if (status == KH_OK)
        status = kh_sql_execute(sql, "PRAGMA mmap_size = 0; PRAGMA temp_store = MEMORY; PRAGMA cell_size_check = ON;", err);
    if (status != KH_OK)
        return status;
    if (sql->mode == KH_SQL_READER) /* the read of the schema tells a file that is no database */
        return kh_sql_execute(sql, "PRAGMA query_only = ON; PRAGMA cache_size = -8192; SELECT count(*) FROM sqlite_master;", err);
    status = begin_log(sql, err);
    if (status == KH_OK)
        status = kh_sql_execute(sql, "PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 67108864; PRAGMA cache_size = -32768;", err);
    sql->log_bytes_max = KH_SQL_LOG_BYTES;
    if (status == KH_OK)
        sqlite3_wal_hook(sql->db, kh_sql_on_commit, sql);
    return status;
}

/* No descriptor of a file that is there: closing one would end this process's locks on it. */
static kh_status close_to_others(const char *path, kh_error *err)
{
    struct stat st;

    if (stat(path, &st) != 0)
        return errno == ENOENT ? KH_OK : kh_error_errno(err, errno, "stat %s", path);
    if (!S_ISREG(st.st_mode) || (st.st_mode & 077) == 0 || chmod(path, st.st_mode & 0700) == 0)
        return KH_OK;
    return kh_error_errno(err, errno, "%s: others may read it; chmod", path);
}

/* The database and, beside one that a process left or uses, its log and the index of the log; new ones of these take the database's
 * mode. */
static kh_status make_private(const char *path, kh_error *err)
{
    static const char *const beside[] = {"", "-wal", "-shm"};
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    char one[PATH_MAX + 8];
    kh_status status = KH_OK;

    if (fd >= 0) {
        close(fd);
        return KH_OK;
    }
    if (errno != EEXIST)
        return kh_error_errno(err, errno, "%s", path);
    for (size_t i = 0; i < sizeof beside / sizeof beside[0] && status == KH_OK; i++) {
        snprintf(one, sizeof one, "%s%s", path, beside[i]);
        status = close_to_others(one, err);
    }
    return status;
}

/* A process that was killed while it made the database leaves changes that are to be taken back, which a connection that only reads
 * may not: one that may is opened for that alone. */
static void take_back_unfinished(const char *path)
{
    sqlite3 *db = NULL;

    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK) {
        sqlite3_busy_timeout(db, KH_SQL_WAIT_MS);
        (void)sqlite3_exec(db, "SELECT count(*) FROM sqlite_master", NULL, NULL, NULL);
    }
    sqlite3_close(db);
}

static kh_status set_up_reader(kh_sql *sql, const char *path, kh_error *err)
{
    kh_error why = KH_ERROR_INIT;
    kh_status status = set_up(sql, &why);

    if (status != KH_OK && sqlite3_extended_errcode(sql->db) == SQLITE_READONLY_ROLLBACK) {
        sqlite3_finalize(sql->rollback);
        sql->rollback = NULL;
        take_back_unfinished(path);
        return set_up(sql, err);
    }
    return status == KH_OK ? KH_OK : kh_error_set(err, status, "%s", why.message);
}

/* Once in a process: SQLite keeps no account of its memory, for which all connections would take one lock with each piece. */
static void configure(void)
{
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

kh_status kh_sql_open(kh_sql **out, const char *path, kh_sql_mode mode, kh_error *err)
{
    int flags = SQLITE_OPEN_NOMUTEX | (mode == KH_SQL_READER ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    kh_sql *sql = NULL;
    kh_status status = KH_OK;
    int code;

    *out = NULL;
    (void)pthread_once(&once, configure);
    if (mode == KH_SQL_READER && access(path, F_OK) != 0)
        return kh_error_set(err, KH_E_NOT_FOUND, "%s does not exist", path);
    if (mode == KH_SQL_WRITER && (status = make_private(path, err)) != KH_OK)
        return status;
    sql = calloc(1, sizeof *sql);
    if (!sql)
        return kh_error_set(err, KH_E_MEMORY, "no memory for a database connection");
    sql->mode = mode;
    code = sqlite3_open_v2(path, &sql->db, flags, NULL);
    if (!sql->db) {
        free(sql);
        return kh_error_set(err, KH_E_MEMORY, "no memory for a database connection");
    }
    if (code != SQLITE_OK) {
        status = kh_sql_fail(sql, code, path, err);
    } else {
        harden(sql);
        status = mode == KH_SQL_READER ? set_up_reader(sql, path, err) : set_up(sql, err);
        if (status != KH_OK)
            kh_error_prefix(err, "%s", path);
    }
    if (status != KH_OK)
        kh_sql_close(sql);
    else
        *out = sql;
    return status;
}

/* ISO C knows no conversion between pointers to functions and to data, so what is handed through SQLite is a place that holds one. */
typedef struct function {
    kh_sql_text_function *make;
} function;

static void call_function(sqlite3_context *context, int count, sqlite3_value **values)
{
    const function *of = sqlite3_user_data(context);
    const char *text = count == 1 ? (const char *)sqlite3_value_text(values[0]) : NULL;
    kh_error err = KH_ERROR_INIT;
    kh_buf out;

    kh_buf_init(&out, FUNCTION_BYTES_MAX);
    if (of->make(&out, text ? text : "", &err) == KH_OK)
        sqlite3_result_text(context, kh_buf_text(&out), (int)out.size, SQLITE_TRANSIENT);
    else if (err.status == KH_E_MEMORY)
        sqlite3_result_error_nomem(context);
    else
        sqlite3_result_error_toobig(context);
    kh_buf_release(&out);
}

kh_status kh_sql_add_function(kh_sql *sql, const char *name, kh_sql_text_function *make, kh_error *err)
{
    function *of = malloc(sizeof *of);
    int code;

    if (!of)
        return kh_error_set(err, KH_E_MEMORY, "no memory for a function");
    of->make = make;
    code = sqlite3_create_function_v2(sql->db, name, 1, SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS, of, call_function, NULL,
                                      NULL, free);
    return code == SQLITE_OK ? KH_OK : kh_sql_fail(sql, code, name, err);
}

void kh_sql_close(kh_sql *sql)
{
    if (!sql)
        return;
    for (size_t i = 0; i < sql->row_count; i++)
        kh_sql_row_free(sql->rows[i]);
    sqlite3_finalize(sql->rollback);
    sqlite3_close_v2(sql->db);
    free(sql);
}

void kh_sql_set_wait(kh_sql *sql, int64_t wait_ms)
{
    sqlite3_busy_timeout(sql->db, wait_ms < 1 ? 1 : wait_ms > KH_SQL_WAIT_MS ? KH_SQL_WAIT_MS : (int)wait_ms);
}
