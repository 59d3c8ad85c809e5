/* Transactions, and the log (WAL) that they are written to. */
#include "store/internal.h"

#define WAL_CHECKPOINT_PAGES 2000
#define PAGE_BYTES 4096 /* SQLite's default, which nothing here changes */

/* After each commit: the log is taken into the database as far as readers let it. When they do not, it is not tried again at once. */
int kh_sql_on_commit(void *context, sqlite3 *db, const char *name, int pages)
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
        return kh_sql_fail(sql, code, "log", err);
    sql->log_bytes = sql->log_folded = 0;
    return KH_OK;
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

    if (kh_sql_schema_version(sql, &version, &ignored) != KH_OK)
        return false;
    sqlite3_snprintf(sizeof text, text, "BEGIN IMMEDIATE; PRAGMA user_version = %d; COMMIT", (int)version);
    if (kh_sql_execute(sql, text, &ignored) == KH_OK)
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
