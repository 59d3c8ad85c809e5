/* ids.h - object ids, handed out in blocks of KH_ID_BLOCK that stand in the index before the first of them is used, together with the
 * id below which all is settled (its row is committed, or its file is gone), and before that beside the objects (id_mark.h). What
 * recovery has to look at is [settled, reserved), however many objects there are. Threads: any. */
#ifndef KH_CACHE_IDS_H
#define KH_CACHE_IDS_H

#include "cache/committer.h"

typedef struct kh_ids kh_ids;

/* The range as it stands in the index. */
KH_MUST_USE kh_status kh_ids_read(kh_sql *sql, int64_t *settled, int64_t *reserved, kh_error *err);
/* next: the first id never used. committer and paths are borrowed. */
KH_MUST_USE kh_status kh_ids_create(kh_ids **out, kh_committer *committer, const kh_paths *paths, int64_t next, kh_error *err);
void kh_ids_free(kh_ids *ids);
/* A new id; KH_E_BUSY when 1,024 are not settled yet. kh_id_settle() it, whatever becomes of it. */
KH_MUST_USE kh_status kh_id_take(kh_ids *ids, int64_t *id, kh_error *err);
void kh_id_settle(kh_ids *ids, int64_t id);

#endif
