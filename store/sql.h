/* sql.h - the SQL layer; sqlite3.h stays behind it. One kh_sql is one connection, used by one thread at a time.
 * Writers: WAL, synchronous FULL, BEGIN IMMEDIATE. Readers: opened read-only, a read transaction only as long as one answer.
 * Statements are prepared once per connection and kept by their text (pass string literals). Busy waits are bounded (5 s), then
 * KH_E_BUSY. */
#ifndef KH_STORE_SQL_H
#define KH_STORE_SQL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/error.h"

typedef struct kh_sql kh_sql;
typedef struct kh_sql_row kh_sql_row; /* a running statement, standing on a row */

typedef enum kh_sql_mode { KH_SQL_WRITER, KH_SQL_READER } kh_sql_mode;

/* A writer makes the file when it is not there, of mode 0600, and takes the rights of others away from one that is (its log's, too).
 * KH_E_NOT_FOUND when a reader finds no file yet; KH_E_CORRUPT when it is no database. */
KH_MUST_USE kh_status kh_sql_open(kh_sql **out, const char *path, kh_sql_mode mode, kh_error *err);
void kh_sql_close(kh_sql *sql);

/* What statements of this connection may call: name(text) gives what make appends to out (of at most 64 KiB); of the same text always the
 * same. Null is "". make lives as long as the program. */
typedef kh_status kh_sql_text_function(kh_buf *out, const char *text, kh_error *err);
KH_MUST_USE kh_status kh_sql_add_function(kh_sql *sql, const char *name, kh_sql_text_function *make, kh_error *err);

/* Numbered migrations: scripts[0] makes schema 1 of an empty file, and so on; each runs in a transaction of its own with the
 * new number. KH_E_UNSUPPORTED when the file is newer than we are. Writers only. */
KH_MUST_USE kh_status kh_sql_migrate(kh_sql *sql, const char *const *scripts, size_t script_count, kh_error *err);

/* IMMEDIATE for writers, DEFERRED for readers. A writer's log (the WAL) is bounded: it is taken into the database again and again, and when
 * a reader that does not end keeps that from happening and the log reaches KH_SQL_LOG_BYTES, a transaction waits for him as for a lock,
 * then is refused: KH_E_BUSY. */
KH_MUST_USE kh_status kh_sql_begin(kh_sql *sql, kh_error *err);
#define KH_SQL_LOG_BYTES 201326592 /* 192 MiB: what one transaction may add keeps it below 256 MiB */
/* How long this connection waits for a lock from now on; 5 s at first. */
void kh_sql_set_wait(kh_sql *sql, int64_t wait_ms);
/* Another bound of the log than KH_SQL_LOG_BYTES. */
void kh_sql_set_log_bytes(kh_sql *sql, uint64_t bytes);
KH_MUST_USE kh_status kh_sql_commit(kh_sql *sql, kh_error *err);
/* After a failed commit: true when its transaction, though told as failed and undone here, may be whole in the log and come back if
 * the process ends now: a sync failed, and so did writing over it. Ends with the next commit that succeeds. */
bool kh_sql_in_doubt(const kh_sql *sql);
void kh_sql_rollback(kh_sql *sql);
KH_MUST_USE kh_status kh_sql_savepoint(kh_sql *sql, kh_error *err);  /* one level: a failed row of a group leaves the others */
KH_MUST_USE kh_status kh_sql_savepoint_release(kh_sql *sql, kh_error *err);
/* Undoes the whole transaction when it cannot undo this part. */
void kh_sql_savepoint_rollback(kh_sql *sql);
/* False after a failure that undid the whole transaction (a full disk, say): what follows would stand in another one. */
bool kh_sql_in_transaction(kh_sql *sql);

typedef struct kh_sql_value {
    enum { KH_SQL_NULL, KH_SQL_INT, KH_SQL_DOUBLE, KH_SQL_TEXT, KH_SQL_BLOB } type;
    int64_t integer;
    double real;
    const void *bytes; /* text (NUL-terminated) or blob; borrowed during the call */
    size_t size;       /* of a blob */
} kh_sql_value;

#define KH_SQL_I(v) ((kh_sql_value){.type = KH_SQL_INT, .integer = (int64_t)(v)})
#define KH_SQL_D(v) ((kh_sql_value){.type = KH_SQL_DOUBLE, .real = (v)})
/* text may be NULL: then it is SQL's null. */
#define KH_SQL_T(v) kh_sql_text_value(v)
#define KH_SQL_B(p, n) ((kh_sql_value){.type = KH_SQL_BLOB, .bytes = (p), .size = (n)})
#define KH_SQL_N ((kh_sql_value){.type = KH_SQL_NULL})
kh_sql_value kh_sql_text_value(const char *text);

/* Run a statement that gives no rows. changed may be NULL. KH_E_CONFLICT on a unique or foreign key. */
KH_MUST_USE kh_status kh_sql_run(kh_sql *sql, const char *statement, const kh_sql_value *values, size_t count,
                                 int64_t *changed, kh_error *err);
int64_t kh_sql_last_id(kh_sql *sql);

/* Query: start, then kh_sql_next() until *has_row is false; kh_sql_end() always. Columns are borrowed until the next step. */
KH_MUST_USE kh_status kh_sql_query(kh_sql_row **out, kh_sql *sql, const char *statement, const kh_sql_value *values,
                                   size_t count, kh_error *err);
KH_MUST_USE kh_status kh_sql_next(kh_sql_row *row, bool *has_row, kh_error *err);
void kh_sql_end(kh_sql_row *row);
int64_t kh_sql_int(kh_sql_row *row, int column);
double kh_sql_double(kh_sql_row *row, int column);
const char *kh_sql_text(kh_sql_row *row, int column); /* "" for null */
bool kh_sql_is_null(kh_sql_row *row, int column);
const void *kh_sql_blob(kh_sql_row *row, int column, size_t *size);

/* A query as a whole; rows are borrowed during the call. The first row: KH_E_NOT_FOUND, without a message, when there is none. */
typedef void kh_sql_take(kh_sql_row *row, void *context);
KH_MUST_USE kh_status kh_sql_first(kh_sql *sql, const char *statement, const kh_sql_value *values, size_t count, kh_sql_take *take,
                                   void *context, kh_error *err);
/* Each row in turn, until a visit does not give KH_OK, which is then what this gives. */
typedef kh_status kh_sql_visit(kh_sql_row *row, void *context, kh_error *err);
KH_MUST_USE kh_status kh_sql_each(kh_sql *sql, const char *statement, const kh_sql_value *values, size_t count, kh_sql_visit *visit,
                                  void *context, kh_error *err);

/* PRAGMA integrity_check and foreign_key_check: KH_E_CORRUPT with the first finding. It reads for long, so it gives up, KH_E_BUSY, when the
 * log of a busy writer has grown to 128 MiB meanwhile: a check must not keep others from storing. */
KH_MUST_USE kh_status kh_sql_check(kh_sql *sql, kh_error *err);

#endif
