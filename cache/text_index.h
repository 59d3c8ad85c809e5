/* text_index.h - which studies hold which pieces (grams.h) of text, newest study first: the table study_text of the index, over what
 * stands in study.search. It answers "which may match"; whoever asks compares the rows themselves.
 *
 * Triggers note every study that is new, changed or gone in study_text_due; the index writer brings study_text up to that before it
 * commits, so that a reader that finds nothing due sees both as one. An index of an earlier version starts with every study due: the
 * writer works through them when it has nothing else to do, some at a time, each time in a transaction of its own.
 * Threads: one per connection. Limits: KH_TEXT_STUDY_ID_MAX. */
#ifndef KH_CACHE_TEXT_INDEX_H
#define KH_CACHE_TEXT_INDEX_H

#include "base/buf.h"
#include "store/sql.h"

#define KH_TEXT_STUDY_ID_MAX INT64_C(0x1fffffff)
/* The study of a row of study_text, in SQL. */
#define KH_TEXT_STUDY_ID "(g.rowid & 536870911)"

/* The rowid of a study in study_text: grows with date (YYYYMMDD), time (HHMMSS...) and id; what is not told or no date comes first. */
int64_t kh_text_key(const char *date, const char *time, int64_t study_id);

/* Bring at most limit due studies up to date, inside the caller's transaction. *more: others are due still. A damaged index is emptied
 * and every study due again. */
KH_MUST_USE kh_status kh_text_index_update(kh_sql *sql, size_t limit, bool *more, kh_error *err);
/* *complete: study_text may be asked. Ask in the same read transaction. */
KH_MUST_USE kh_status kh_text_index_is_complete(kh_sql *sql, bool *complete, kh_error *err);
/* How many studies have all of the pieces, counted up to limit. */
KH_MUST_USE kh_status kh_text_index_count(kh_sql *sql, const char *pieces, int64_t limit, int64_t *count, kh_error *err);

#endif
