/* One kh_sql_row is one prepared statement. Those in the cache are kept for the life of the connection, found by the address
 * of their text first and by the text itself after; one that is running already, or finds the cache full, is prepared for
 * this one use. */
#include "store/sql.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STATEMENTS_MAX 128
#define BUSY_TIMEOUT_MS 5000
#define TEXT_MAX 65536        /* of one statement */
#define VALUE_BYTES_MAX 67108864
#define FUNCTION_BYTES_MAX 65536
#define WAL_CHECKPOINT_PAGES 2000
#define PAGE_BYTES 4096 /* SQLite's default, which nothing here changes */
#define CHECK_LOOK_STEPS 200000
#define CHECK_LOG_BYTES 134217728

struct kh_sql_row {
    kh_sql *sql;
    sqlite3_stmt *statement;
    const char *address; /* of the text it was asked by; not followed */
    bool running, cached;
};

struct kh_sql {
    sqlite3 *db;
    kh_sql_mode mode;
    sqlite3_stmt *rollback; /* prepared ahead: undoing must not need memory */
    bool in_doubt;
    uint64_t log_bytes, log_bytes_max; /* of the WAL after the last commit, and its bound */
    uint64_t log_folded;               /* size at which taking it into the database was last tried */
    size_t row_count;
    kh_sql_row *rows[STATEMENTS_MAX];
};

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

/* sqlite3_errmsg() names tables and columns, never values. */
static kh_status fail(const kh_sql *sql, int code, const char *what, kh_error *err)
{
    return kh_error_set(err, status_of(sqlite3_extended_errcode(sql->db)), "%s: %s (%d)", what, sqlite3_errmsg(sql->db), code);
}

static kh_status execute(kh_sql *sql, const char *text, kh_error *err)
{
    int code = sqlite3_exec(sql->db, text, NULL, NULL, NULL);

    return code == SQLITE_OK ? KH_OK : fail(sql, code, "index", err);
}

static void harden(kh_sql *sql)
{
    sqlite3_extended_result_codes(sql->db, 1);
    sqlite3_busy_timeout(sql->db, BUSY_TIMEOUT_MS);
    sqlite3_db_config(sql->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(sql->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(sql->db, SQLITE_DBCONFIG_ENABLE_FKEY, 1, NULL);
    sqlite3_db_config(sql->db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, NULL);
    sqlite3_limit(sql->db, SQLITE_LIMIT_LENGTH, VALUE_BYTES_MAX);
    sqlite3_limit(sql->db, SQLITE_LIMIT_SQL_LENGTH, TEXT_MAX);
    sqlite3_limit(sql->db, SQLITE_LIMIT_ATTACHED, 0);
}

/* After each commit: the log is taken into the database as far as readers let it. When they do not, it is not tried again at once. */
static int on_commit(void *context, sqlite3 *db, const char *name, int pages)
{
    kh_sql *sql = context;
    uint64_t step = (uint64_t)WAL_CHECKPOINT_PAGES * PAGE_BYTES;

    sql->log_bytes = (uint64_t)pages * PAGE_BYTES;
    if (sql->log_bytes < sql->log_folded)
        sql->log_folded = 0;
    if (sql->log_bytes >= sql->log_folded + step) {
        sqlite3_wal_checkpoint_v2(db, name, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
        sql->log_folded = sql->log_bytes;
    }
    return SQLITE_OK;
}

/* The log has reached its bound: take all of it in, waiting for readers as for a lock. */
static kh_status bound_log(kh_sql *sql, kh_error *err)
{
    int code;

    if (sql->mode != KH_SQL_WRITER || sql->log_bytes < sql->log_bytes_max)
        return KH_OK;
    code = sqlite3_wal_checkpoint_v2(sql->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    if (code == SQLITE_BUSY || code == SQLITE_LOCKED)
        return kh_error_set(err, KH_E_BUSY, "index: its log has %llu bytes and a reader that does not end keeps it from getting shorter",
                            (unsigned long long)sql->log_bytes);
    if (code != SQLITE_OK)
        return fail(sql, code, "log", err);
    sql->log_bytes = sql->log_folded = 0;
    return KH_OK;
}

static kh_status set_up(kh_sql *sql, kh_error *err)
{
    int code = sqlite3_prepare_v3(sql->db, "ROLLBACK", -1, SQLITE_PREPARE_PERSISTENT, &sql->rollback, NULL);
    kh_status status = code == SQLITE_OK ? KH_OK : fail(sql, code, "prepare", err);

    if (status == KH_OK)
        status = execute(sql, "PRAGMA mmap_size = 0; PRAGMA temp_store = MEMORY; PRAGMA cell_size_check = ON;", err);
    if (status != KH_OK)
        return status;
    if (sql->mode == KH_SQL_READER) /* the read of the schema tells a file that is no database */
        return execute(sql, "PRAGMA query_only = ON; PRAGMA cache_size = -8192; SELECT count(*) FROM sqlite_master;", err);
    status = execute(sql, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 67108864; PRAGMA cache_size = -32768;",
                     err);
    sql->log_bytes_max = KH_SQL_LOG_BYTES;
    if (status == KH_OK)
        sqlite3_wal_hook(sql->db, on_commit, sql);
    return status;
}

kh_status kh_sql_open(kh_sql **out, const char *path, kh_sql_mode mode, kh_error *err)
{
    int flags = SQLITE_OPEN_NOMUTEX | (mode == KH_SQL_READER ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
    kh_sql *sql = NULL;
    kh_status status = KH_OK;
    int code;

    *out = NULL;
    if (mode == KH_SQL_READER && access(path, F_OK) != 0)
        return kh_error_set(err, KH_E_NOT_FOUND, "%s does not exist", path);
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
        status = fail(sql, code, path, err);
    } else {
        harden(sql);
        status = set_up(sql, err);
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
    code = sqlite3_create_function_v2(sql->db, name, 1, SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS, of, call_function, NULL, NULL, free);
    return code == SQLITE_OK ? KH_OK : fail(sql, code, name, err);
}

static void row_free(kh_sql_row *row)
{
    sqlite3_finalize(row->statement);
    free(row);
}

void kh_sql_close(kh_sql *sql)
{
    if (!sql)
        return;
    for (size_t i = 0; i < sql->row_count; i++)
        row_free(sql->rows[i]);
    sqlite3_finalize(sql->rollback);
    sqlite3_close_v2(sql->db);
    free(sql);
}

static kh_status schema_version(kh_sql *sql, int64_t *version, kh_error *err)
{
    kh_sql_row *row;
    bool has_row = false;
    kh_status status = kh_sql_query(&row, sql, "PRAGMA user_version", NULL, 0, err);

    *version = 0;
    if (status == KH_OK)
        status = kh_sql_next(row, &has_row, err);
    if (status == KH_OK && has_row)
        *version = kh_sql_int(row, 0);
    kh_sql_end(row);
    return status;
}

static kh_status migrate_one(kh_sql *sql, const char *script, size_t version, kh_error *err)
{
    char number[64];
    kh_status status = kh_sql_begin(sql, err);

    if (status != KH_OK)
        return status;
    status = execute(sql, script, err);
    if (status == KH_OK) {
        sqlite3_snprintf(sizeof number, number, "PRAGMA user_version = %d", (int)version);
        status = execute(sql, number, err);
    }
    if (status == KH_OK)
        return kh_sql_commit(sql, err);
    kh_sql_rollback(sql);
    kh_error_prefix(err, "schema %zu", version);
    return status;
}

kh_status kh_sql_migrate(kh_sql *sql, const char *const *scripts, size_t script_count, kh_error *err)
{
    int64_t version;
    kh_status status = schema_version(sql, &version, err);

    if (status != KH_OK)
        return status;
    if (version < 0 || (uint64_t)version > script_count)
        return kh_error_set(err, KH_E_UNSUPPORTED, "index has schema %lld, expected at most %zu: it was made by a newer version",
                            (long long)version, script_count);
    for (size_t i = (size_t)version; i < script_count && status == KH_OK; i++)
        status = migrate_one(sql, scripts[i], i + 1, err);
    return status;
}

void kh_sql_set_wait(kh_sql *sql, int64_t wait_ms)
{
    sqlite3_busy_timeout(sql->db, wait_ms < 1 ? 1 : wait_ms > BUSY_TIMEOUT_MS ? BUSY_TIMEOUT_MS : (int)wait_ms);
}

void kh_sql_set_log_bytes(kh_sql *sql, uint64_t bytes)
{
    sql->log_bytes_max = bytes;
}

kh_status kh_sql_begin(kh_sql *sql, kh_error *err)
{
    kh_status status;

    kh_sql_rollback(sql); /* one that could not be undone before */
    status = bound_log(sql, err);
    if (status != KH_OK)
        return status;
    return kh_sql_run(sql, sql->mode == KH_SQL_WRITER ? "BEGIN IMMEDIATE" : "BEGIN", NULL, 0, NULL, err);
}

/* The commit mark is the last that is written, then comes the sync: whoever failed before that wrote none. */
static bool may_be_whole(int code)
{
    return code != SQLITE_FULL && code != SQLITE_IOERR_WRITE && (code & 0xff) != SQLITE_BUSY && (code & 0xff) != SQLITE_CONSTRAINT;
}

/* Another transaction is written over the one that failed, which then can not come back. It changes nothing. */
static bool bury(kh_sql *sql)
{
    kh_error ignored = KH_ERROR_INIT;
    int64_t version;
    char text[96];

    if (schema_version(sql, &version, &ignored) != KH_OK)
        return false;
    sqlite3_snprintf(sizeof text, text, "BEGIN IMMEDIATE; PRAGMA user_version = %d; COMMIT", (int)version);
    if (execute(sql, text, &ignored) == KH_OK)
        return true;
    kh_sql_rollback(sql);
    return false;
}

kh_status kh_sql_commit(kh_sql *sql, kh_error *err)
{
    kh_status status = kh_sql_run(sql, "COMMIT", NULL, 0, NULL, err);
    int code = status == KH_OK ? SQLITE_OK : sqlite3_extended_errcode(sql->db);

    if (status == KH_OK) {
        if (sql->mode == KH_SQL_WRITER)
            sql->in_doubt = false;
        return KH_OK;
    }
    kh_sql_rollback(sql);
    if (sql->mode == KH_SQL_WRITER && may_be_whole(code))
        sql->in_doubt = !bury(sql);
    return status;
}

bool kh_sql_in_doubt(const kh_sql *sql)
{
    return sql->in_doubt;
}

void kh_sql_rollback(kh_sql *sql)
{
    if (!kh_sql_in_transaction(sql)) /* some failures have rolled back already */
        return;
    sqlite3_step(sql->rollback);
    sqlite3_reset(sql->rollback);
}

kh_status kh_sql_savepoint(kh_sql *sql, kh_error *err)
{
    return kh_sql_run(sql, "SAVEPOINT one", NULL, 0, NULL, err);
}

kh_status kh_sql_savepoint_release(kh_sql *sql, kh_error *err)
{
    return kh_sql_run(sql, "RELEASE one", NULL, 0, NULL, err);
}

void kh_sql_savepoint_rollback(kh_sql *sql)
{
    if (sqlite3_exec(sql->db, "ROLLBACK TO one; RELEASE one", NULL, NULL, NULL) != SQLITE_OK)
        kh_sql_rollback(sql);
}

bool kh_sql_in_transaction(kh_sql *sql)
{
    return !sqlite3_get_autocommit(sql->db);
}

kh_sql_value kh_sql_text_value(const char *text)
{
    return text ? (kh_sql_value){.type = KH_SQL_TEXT, .bytes = text} : KH_SQL_N;
}

static kh_sql_row *find_cached(kh_sql *sql, const char *text)
{
    for (size_t i = 0; i < sql->row_count; i++) /* the same address may hold another text now */
        if (sql->rows[i]->address == text && strcmp(sqlite3_sql(sql->rows[i]->statement), text) == 0)
            return sql->rows[i];
    for (size_t i = 0; i < sql->row_count; i++)
        if (strcmp(sqlite3_sql(sql->rows[i]->statement), text) == 0)
            return sql->rows[i];
    return NULL;
}

static kh_status prepare(kh_sql_row **out, kh_sql *sql, const char *text, kh_error *err)
{
    kh_sql_row *held = find_cached(sql, text);
    kh_sql_row *row;
    int code;

    *out = NULL;
    if (held && !held->running) {
        *out = held;
        return KH_OK;
    }
    row = calloc(1, sizeof *row);
    if (!row)
        return kh_error_set(err, KH_E_MEMORY, "no memory for a statement");
    code = sqlite3_prepare_v3(sql->db, text, -1, SQLITE_PREPARE_PERSISTENT, &row->statement, NULL);
    if (code != SQLITE_OK || !row->statement) {
        free(row);
        return code == SQLITE_OK ? kh_error_set(err, KH_E_INTERNAL, "empty statement") : fail(sql, code, "prepare", err);
    }
    row->sql = sql;
    row->address = text;
    if (!held && sql->row_count < STATEMENTS_MAX) {
        row->cached = true;
        sql->rows[sql->row_count++] = row;
    }
    *out = row;
    return KH_OK;
}

static int bind_one(sqlite3_stmt *statement, int index, const kh_sql_value *value)
{
    switch (value->type) {
    case KH_SQL_INT:
        return sqlite3_bind_int64(statement, index, value->integer);
    case KH_SQL_DOUBLE:
        return sqlite3_bind_double(statement, index, value->real);
    case KH_SQL_TEXT:
        return sqlite3_bind_text(statement, index, value->bytes, -1, SQLITE_STATIC);
    case KH_SQL_BLOB:
        if (value->size == 0)
            return sqlite3_bind_zeroblob(statement, index, 0);
        return sqlite3_bind_blob64(statement, index, value->bytes, value->size, SQLITE_STATIC);
    case KH_SQL_NULL:
        break;
    }
    return sqlite3_bind_null(statement, index);
}

static kh_status bind_all(kh_sql_row *row, const kh_sql_value *values, size_t count, kh_error *err)
{
    if ((size_t)sqlite3_bind_parameter_count(row->statement) != count)
        return kh_error_set(err, KH_E_INTERNAL, "statement takes %d values, got %zu", sqlite3_bind_parameter_count(row->statement),
                            count);
    for (size_t i = 0; i < count; i++) {
        int code = bind_one(row->statement, (int)i + 1, &values[i]);

        if (code != SQLITE_OK)
            return fail(row->sql, code, "bind", err);
    }
    return KH_OK;
}

kh_status kh_sql_query(kh_sql_row **out, kh_sql *sql, const char *statement, const kh_sql_value *values, size_t count,
                       kh_error *err)
{
    kh_sql_row *row;
    kh_status status = prepare(&row, sql, statement, err);

    *out = NULL;
    if (status != KH_OK)
        return status;
    row->running = true;
    status = bind_all(row, values, count, err);
    if (status == KH_OK)
        *out = row;
    else
        kh_sql_end(row);
    return status;
}

kh_status kh_sql_next(kh_sql_row *row, bool *has_row, kh_error *err)
{
    int code = sqlite3_step(row->statement);

    *has_row = code == SQLITE_ROW;
    return code == SQLITE_ROW || code == SQLITE_DONE ? KH_OK : fail(row->sql, code, "index", err);
}

void kh_sql_end(kh_sql_row *row)
{
    if (!row)
        return;
    sqlite3_reset(row->statement); /* its code is the last step's, told already */
    sqlite3_clear_bindings(row->statement);
    row->running = false;
    if (!row->cached)
        row_free(row);
}

kh_status kh_sql_run(kh_sql *sql, const char *statement, const kh_sql_value *values, size_t count, int64_t *changed,
                     kh_error *err)
{
    kh_sql_row *row;
    bool has_row;
    kh_status status = kh_sql_query(&row, sql, statement, values, count, err);

    if (status == KH_OK)
        status = kh_sql_next(row, &has_row, err);
    if (status == KH_OK && changed)
        *changed = sqlite3_changes64(sql->db);
    kh_sql_end(row);
    return status;
}

int64_t kh_sql_last_id(kh_sql *sql)
{
    return sqlite3_last_insert_rowid(sql->db);
}

int64_t kh_sql_int(kh_sql_row *row, int column)
{
    return sqlite3_column_int64(row->statement, column);
}

double kh_sql_double(kh_sql_row *row, int column)
{
    return sqlite3_column_double(row->statement, column);
}

const char *kh_sql_text(kh_sql_row *row, int column)
{
    const char *text = (const char *)sqlite3_column_text(row->statement, column);

    return text ? text : "";
}

bool kh_sql_is_null(kh_sql_row *row, int column)
{
    return sqlite3_column_type(row->statement, column) == SQLITE_NULL;
}

const void *kh_sql_blob(kh_sql_row *row, int column, size_t *size)
{
    const void *bytes = sqlite3_column_blob(row->statement, column);

    *size = (size_t)sqlite3_column_bytes(row->statement, column);
    return bytes;
}

/* One row per finding; none, or "ok" alone, when sound. */
static kh_status first_finding(kh_sql *sql, const char *pragma, kh_error *err)
{
    kh_sql_row *row;
    bool has_row = false;
    kh_status status = kh_sql_query(&row, sql, pragma, NULL, 0, err);

    if (status == KH_OK)
        status = kh_sql_next(row, &has_row, err);
    if (status == KH_OK && has_row && strcmp(kh_sql_text(row, 0), "ok") != 0)
        status = kh_error_set(err, KH_E_CORRUPT, "%s: %.200s", pragma, kh_sql_text(row, 0));
    kh_sql_end(row);
    return status;
}

/* Not 0 ends the statement. */
static int on_progress(void *context)
{
    const char *path = sqlite3_filename_wal(sqlite3_db_filename(((kh_sql *)context)->db, NULL));
    struct stat st;

    return path && stat(path, &st) == 0 && (uint64_t)st.st_size > CHECK_LOG_BYTES;
}

kh_status kh_sql_check(kh_sql *sql, kh_error *err)
{
    kh_error why = KH_ERROR_INIT;
    kh_status status;

    sqlite3_progress_handler(sql->db, CHECK_LOOK_STEPS, on_progress, sql);
    status = first_finding(sql, "PRAGMA integrity_check(1)", &why);
    if (status == KH_OK)
        status = first_finding(sql, "PRAGMA foreign_key_check", &why);
    sqlite3_progress_handler(sql->db, 0, NULL, NULL);
    if (status == KH_E_CANCELLED)
        return kh_error_set(err, KH_E_BUSY, "the index is written to too fast to be checked now: check it at a quieter time");
    return status == KH_OK ? KH_OK : kh_error_set(err, status, "%s", why.message);
}
