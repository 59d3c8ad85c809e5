/* query.h - an association with a node for queries and moves, kept open for several of them. One thread at a time. */
#ifndef KH_PACS_BRIDGE_QUERY_H
#define KH_PACS_BRIDGE_QUERY_H

#include "dicom/dataset.h"
#include "dicom/shim/user.h"
#include "pacs-bridge/identifier.h"
#include "pacs-bridge/scu.h"

typedef struct kh_query {
    kh_assoc *assoc;
    const kh_node *node;     /* borrowed */
    const kh_context *find;  /* NULL when the node accepted none */
    const kh_context *move;  /* of a node that is asked by C-MOVE */
    const kh_context *get;   /* of one that is asked by C-GET */
    bool broken;             /* the association failed, as opposed to an answer we do not like: only close is left */
} kh_query;

/* Proposes Study Root FIND and MOVE, and Verification; or FIND, GET and the storage classes of get_contexts.h, which leave no room for it.
 * KH_E_ARG when the node has no host. */
KH_MUST_USE kh_status kh_query_open(kh_query *query, const kh_scu *scu, const kh_node *node, kh_error *err);
/* Until the node has answered a C-ECHO here: many accept an association before anything of theirs serves it. Where no
 * Verification was accepted this returns at once. */
KH_MUST_USE kh_status kh_query_await(kh_query *query, kh_error *err);
/* Release when all went well, abort otherwise. Also after a failed open. */
void kh_query_close(kh_query *query, kh_status status);

/* One match, parsed. */
typedef kh_status kh_query_match(void *context, const kh_item *match, kh_error *err);
/* KH_E_PEER with status and words when the node answers with a failure; KH_E_UNSUPPORTED when it does not do C-FIND. */
KH_MUST_USE kh_status kh_query_find(kh_query *query, const kh_key *keys, size_t key_count, kh_query_match *match, void *context,
                                    kh_error *err);
/* As kh_scu_find_studies() and kh_scu_find_instances(). */
KH_MUST_USE kh_status kh_query_studies(kh_query *query, const kh_find_filter *filter, kh_found_study_visit *visit, void *context,
                                       kh_error *err);
/* The series of a study, at most 10,000; how many instances each has, -1 when the node does not tell (0020,1209). */
typedef struct kh_found_series {
    char series_uid[KH_UID_SIZE];
    int64_t instances;
} kh_found_series;
typedef kh_status kh_found_series_visit(void *context, const kh_found_series *series);
KH_MUST_USE kh_status kh_query_series(kh_query *query, const char *study_uid, kh_found_series_visit *visit, void *context, kh_error *err);
KH_MUST_USE kh_status kh_query_instances(kh_query *query, const char *study_uid, int64_t count_max, kh_found_instance_visit *visit,
                                         void *context, kh_error *err);
/* Those of one series. *count, of all series so far, goes on. */
KH_MUST_USE kh_status kh_query_instances_of(kh_query *query, const char *study_uid, const char *series_uid, int64_t count_max,
                                            int64_t *count, kh_found_instance_visit *visit, void *context, kh_error *err);

#endif
