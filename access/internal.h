/* internal.h - how the files of this room read and change access.db.
 * Threads: any; a change waits for the one before, and for other processes as long as the SQL layer waits for a lock. */
#ifndef KH_ACCESS_INTERNAL_H
#define KH_ACCESS_INTERNAL_H

#include "access/access.h"
#include "cache/internal.h"
#include "store/sql.h"

/* In a read or a change: with one connection, all of it before anything else is seen. */
typedef kh_status kh_access_function(kh_access *access, kh_sql *sql, void *context, kh_error *err);

/* One transaction (BEGIN IMMEDIATE); undone when the function fails. The page's epoch is raised before this returns when the function
 * called kh_access_moved(). */
KH_MUST_USE kh_status kh_access_change(kh_access *access, kh_access_function *function, void *context, kh_error *err);
/* One read transaction. */
KH_MUST_USE kh_status kh_access_read(kh_access *access, kh_access_function *function, void *context, kh_error *err);
/* Inside a change: somebody's rights are others now. */
KH_MUST_USE kh_status kh_access_moved(kh_access *access, kh_sql *sql, kh_error *err);
/* Inside a change: rights are going to be others at that time (wall clock) by themselves: the watcher raises the epoch then. */
KH_MUST_USE kh_status kh_access_moves_at(kh_sql *sql, int64_t wall_ms, kh_error *err);

const char *kh_access_dir(const kh_access *access);

/* A row of a query that gives one at most: KH_E_NOT_FOUND, with the words of `what`, when it gives none. take may be NULL. */
KH_MUST_USE kh_status kh_access_one(kh_sql *sql, const char *statement, const kh_sql_value *values, size_t count, kh_sql_take *take,
                                    void *context, const char *what, kh_error *err);
#define KH_ACCESS_VALUES(values) (values), sizeof(values) / sizeof((values)[0])
#define KH_ACCESS_TEXT(text) (const kh_sql_value[]){KH_SQL_T(text)}, 1

/* ---- what a field may be; KH_E_ARG with its name and never with its value ---- */
/* UTF-8 without control characters, at most size - 1 bytes; not empty when demanded. */
KH_MUST_USE kh_status kh_access_check_text(const char *field, const char *text, size_t size, bool demanded, kh_error *err);
/* YYYYMMDD that is a day; "" when it is not demanded. */
KH_MUST_USE kh_status kh_access_check_day(const char *field, const char *text, bool demanded, kh_error *err);
/* Of a suspension: reason and by are told, until_ms (0: open) is not past. */
KH_MUST_USE kh_status kh_access_check_stop(const char *reason, const char *by, int64_t until_ms, kh_error *err);
/* When that day (YYYYMMDD) begins in the service's local calendar; 0 for none. */
int64_t kh_access_day_begins(const char *day);
/* Today in the service's local calendar. */
void kh_access_today(char out[9]);

#endif
