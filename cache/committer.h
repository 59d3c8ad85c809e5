/* committer.h - the one connection that writes the index, with group commit.
 * Callers hand over a function and wait. The writer thread takes all that wait (at most 256), syncs each object directory of the
 * group once, runs each function under a savepoint of one transaction, commits, publishes the newest event, wakes all. A function with an
 * object's directory that finds nobody at it, nor several in the group before, is a group of its own in its caller's thread, which is the
 * writer thread for that time; a lock keeps the two apart.
 * A function that fails leaves nothing and does not disturb the others. When another process holds the index's lock, or a reader keeps its
 * log at its bound, a function is refused (KH_E_BUSY) 5 s after it was handed over at the latest. Threads: any may submit. */
#ifndef KH_CACHE_COMMITTER_H
#define KH_CACHE_COMMITTER_H

#include "cache/events.h"
#include "cache/paths.h"
#include "store/page.h"
#include "store/sql.h"

typedef struct kh_committer kh_committer;

/* What a function may use while it runs; it does no other I/O. */
typedef struct kh_write kh_write;
kh_sql *kh_write_sql(kh_write *write);
/* The wall clock of the transaction. */
int64_t kh_write_now_ms(const kh_write *write);
/* Note an event of this transaction; the same kind and id only once. */
KH_MUST_USE kh_status kh_write_event(kh_write *write, kh_event_kind kind, int64_t id, kh_error *err);

typedef kh_status kh_write_function(kh_write *write, void *context, kh_error *err);

/* sql is taken over, also on failure. paths and page are borrowed. */
KH_MUST_USE kh_status kh_committer_create(kh_committer **out, kh_sql *sql, const kh_paths *paths, kh_page *page,
                                          uint32_t events_kept, kh_error *err);
/* Finishes what was submitted. NULL is welcome. */
void kh_committer_free(kh_committer *committer);

#define KH_NO_LEAF UINT32_MAX
/* Run function; leaf: the object directory to be synced before (see kh_path_leaf()), or KH_NO_LEAF. Waits for the commit.
 * KH_E_BUSY when 1,024 wait already, KH_E_CANCELLED when stopping, otherwise what the function, the sync or the commit gave. */
KH_MUST_USE kh_status kh_committer_run(kh_committer *committer, kh_write_function *function, void *context, uint32_t leaf,
                                       kh_error *err);
/* After a failed run: what it wrote may yet be in the index at the next start, see kh_sql_in_doubt(). */
bool kh_committer_in_doubt(kh_committer *committer);
void kh_committer_get_counts(kh_committer *committer, uint64_t *groups, uint64_t *functions);

#endif
