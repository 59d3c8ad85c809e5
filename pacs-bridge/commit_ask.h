/* commit_ask.h - a node is asked to promise to keep what is here of a study, a series or an object. Threads: any. */
#ifndef KH_PACS_BRIDGE_COMMIT_ASK_H
#define KH_PACS_BRIDGE_COMMIT_ASK_H

#include "cache/search.h"
#include "pacs-bridge/commit_queue.h"

/* *id: of the transaction. KH_E_NOT_FOUND when nothing that the keys name is here, KH_E_LIMIT when it is of more than KH_OBJECT_KINDS_MAX
 * kinds. */
KH_MUST_USE kh_status kh_commit_ask(kh_commit_queue *queue, kh_cache *cache, const kh_node *node, const kh_search_key *keys,
                                    size_t key_count, int64_t *id, kh_error *err);

#endif
