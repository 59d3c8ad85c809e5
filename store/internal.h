/* internal.h - what the files of the SQL layer share. */
#ifndef KH_STORE_INTERNAL_H
#define KH_STORE_INTERNAL_H

#include <sqlite3.h>
#include "store/sql.h"

#define KH_SQL_STATEMENTS_MAX 128
#define KH_SQL_WAIT_MS 5000 /* for a lock */

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
    kh_sql_row *rows[KH_SQL_STATEMENTS_MAX];
};

/* The error of code, SQLite's answer to what. Its message names tables and columns, never values. */
kh_status kh_sql_fail(const kh_sql *sql, int code, const char *what, kh_error *err);
/* Text of several statements without values or rows. */
kh_status kh_sql_execute(kh_sql *sql, const char *text, kh_error *err);
/* That of the file's schema; 0: none yet. */
kh_status kh_sql_schema_version(kh_sql *sql, int64_t *version, kh_error *err);
void kh_sql_row_free(kh_sql_row *row);
/* sqlite3_wal_hook()'s function, of a writer. */
int kh_sql_on_commit(void *sql, sqlite3 *db, const char *name, int pages);

#endif
