/* object_list.h - the objects of a retrieval, in the order in which they are sent, and their kinds: which SOP classes in which transfer
 * syntaxes. Threads: one at a time. Limits: KH_OBJECT_LIST_MAX objects. */
#ifndef KH_PACS_BRIDGE_OBJECT_LIST_H
#define KH_PACS_BRIDGE_OBJECT_LIST_H

#include "base/buf.h"
#include "cache/search.h"

#define KH_OBJECT_LIST_MAX 200000
#define KH_OBJECT_KINDS_MAX 126 /* presentation contexts of one association, less two for the query itself */

typedef struct kh_object_kind {
    char sop_class_uid[KH_UID_SIZE], transfer_syntax_uid[KH_UID_SIZE];
} kh_object_kind;

typedef struct kh_listed_object {
    int64_t object_id, study_id, bytes, main_offset;
    bool away;   /* at its hospital, see cache/evict.h */
    size_t kind; /* KH_OBJECT_KINDS_MAX: one of too many kinds, cannot be sent */
    char sop_instance_uid[KH_UID_SIZE];
} kh_listed_object;

typedef struct kh_object_list {
    kh_buf objects; /* of kh_listed_object */
    size_t count, away_count;
    kh_object_kind kinds[KH_OBJECT_KINDS_MAX];
    size_t kind_count;
} kh_object_list;

/* Every object that matches the keys, see kh_search_open(). KH_E_LIMIT when there are too many. kh_object_list_release() in every case. */
KH_MUST_USE kh_status kh_object_list_fill(kh_object_list *out, kh_cache *cache, const kh_search_key *keys, size_t key_count, kh_error *err);
/* The same of what the scope shows (cache/scope.h); NULL: everything. */
KH_MUST_USE kh_status kh_object_list_fill_within(kh_object_list *out, kh_cache *cache, const kh_scope *scope, const kh_search_key *keys,
                                                 size_t key_count, kh_error *err);
/* Keeps those that stand in ids (ascending). */
void kh_object_list_keep(kh_object_list *list, const int64_t *ids, size_t id_count);
/* The same by hand: an empty list, to which rows with object and main_offset are added; context is the list. */
void kh_object_list_init(kh_object_list *out);
KH_MUST_USE kh_status kh_object_list_add(void *context, const kh_search_row *row, kh_error *err);
void kh_object_list_release(kh_object_list *list);
const kh_listed_object *kh_object_list_at(const kh_object_list *list, size_t index);

#endif
