/* removal.h - how objects and their files go away, so that a kill at any moment leaves neither a row whose file is gone nor a file that
 * nobody knows.
 *
 *   1. In the transaction after which nothing refers to a file any more its number is noted (table `leaving`): kh_removal_note(), or
 *      one of the functions below, which do so. From its commit on no reader opens the file anew; who has it open reads on (POSIX).
 *   2. kh_removal_sweep() unlinks what is noted, syncs the directories, and only then forgets the notes. A kill before that: the owner
 *      sweeps when it opens. A file's number is never used again, so that sweeping cannot meet a file that came meanwhile.
 *
 * Rooms above: run a kh_write_function of your own through kh_removal_run() and call 1 in it.
 * Threads: any; the functions that take a kh_write run in the writer thread. */
#ifndef KH_CACHE_REMOVAL_H
#define KH_CACHE_REMOVAL_H

#include "cache/cache.h"
#include "cache/committer.h"

/* One transaction with what function does, then the sweep. Owner only (KH_E_DENIED otherwise). A failure to sweep is logged, not told:
 * what was asked for has happened, and the next sweep goes on. */
KH_MUST_USE kh_status kh_removal_run(kh_cache *cache, kh_write_function *function, void *context, kh_error *err);

/* Nothing refers to this file any more when the transaction is committed. */
KH_MUST_USE kh_status kh_removal_note(kh_write *write, int64_t file_id, int64_t origin_id, kh_error *err);
/* So many bytes more of objects are here, or less. For those who change rows themselves. */
KH_MUST_USE kh_status kh_removal_count_bytes(kh_write *write, int64_t bytes, kh_error *err);
/* The object's row goes for good, its file with it; counts and revisions of its series and study follow, and the event. Series and study
 * stay, be they empty. KH_E_NOT_FOUND. */
KH_MUST_USE kh_status kh_removal_object(kh_write *write, int64_t object_id, kh_error *err);
/* The object's file goes, its row stays: it is away. Nothing happens to one that is away already. KH_E_NOT_FOUND. */
KH_MUST_USE kh_status kh_removal_object_file(kh_write *write, int64_t object_id, kh_error *err);
/* The same for every object of a study. back_node: who gives them back, 0: nobody. What went is told in the last two. */
KH_MUST_USE kh_status kh_removal_study_files(kh_write *write, int64_t study_id, int64_t back_node, int64_t *objects, int64_t *bytes,
                                             kh_error *err);

/* Unlink what is noted. Owner only. */
KH_MUST_USE kh_status kh_removal_sweep(kh_cache *cache, kh_error *err);

#endif
