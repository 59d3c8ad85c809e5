/* held.h - an object comes in whose SOP Instance UID its facility has sent before. */
#ifndef KH_CACHE_HELD_H
#define KH_CACHE_HELD_H

#include "cache/rows.h"

/* Decide by the data sets' bytes, whatever the file meta information before them says, and set held->is_same. The same: the
 * file at path goes (or takes the place of the held one when that is missing or cut). Other bytes: it goes to quarantine/,
 * synced, and a warning is logged. fd is the file at path. */
KH_MUST_USE kh_status kh_held_settle(kh_cache *cache, const char *path, int fd, const kh_facts *facts, kh_held_object *held,
                                     kh_error *err);

#endif
