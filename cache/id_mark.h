/* id_mark.h - the first object id never used, noted beside the objects themselves: objects.reserved, a decimal number and a line end.
 * An index.db that is put back from a backup, or that lost its newest changes, tells an earlier one. By this mark recovery knows the
 * files it has to look at, and no id is handed out a second time, where it would take the place of an object that is there. */
#ifndef KH_CACHE_ID_MARK_H
#define KH_CACHE_ID_MARK_H

#include "cache/paths.h"

#define KH_ID_BLOCK 1024 /* ids are handed out by so many */

/* The first id never used, of which the index says `reserved`: as the mark says, and on beyond it by blocks as long as there are files of
 * theirs (a mark that was copied before them). A mark that cannot be read is logged and counts for nothing. */
int64_t kh_id_mark_look(const kh_paths *paths, int64_t reserved);
/* Durable when it returns. */
KH_MUST_USE kh_status kh_id_mark_write(const kh_paths *paths, int64_t reserved, kh_error *err);

#endif
