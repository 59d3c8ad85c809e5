/* held.h - an object comes in whose SOP Instance UID its facility has sent before. */
#ifndef KH_CACHE_HELD_H
#define KH_CACHE_HELD_H

#include "cache/cache.h"
#include "cache/rows.h"

/* Decide by the data sets' bytes, whatever the file meta information before them says, and set held->is_same. The same: the file at path
 * goes. Other bytes: as the rule says; with KEEP_FIRST it goes to quarantine/, and a warning is logged; with REFUSE KH_E_CONFLICT. Nothing
 * is done, only told, when held->is_missing (its own file is gone or cut, and this is the same) or held->is_replaced (KEEP_LAST): the
 * caller stores the new one in its place. fd is the file at path, origin_id whose it is. */
KH_MUST_USE kh_status kh_held_settle(kh_cache *cache, const char *path, int fd, const kh_facts *facts, int64_t origin_id,
                                     kh_conflict_rule rule, kh_held_object *held, kh_error *err);
/* What is to be replaced gets a second name in quarantine/, before its row goes. */
KH_MUST_USE kh_status kh_held_keep_first(kh_cache *cache, const kh_facts *facts, const kh_held_object *held, kh_error *err);

#endif
