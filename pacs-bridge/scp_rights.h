/* scp_rights.h - what nodes may take of what is here (access/rights.h): who asks, and the node that objects are to go to, which are both
 * asked for each study and series; one that may not is told what it is told of a study that is not here. Decided again before each object,
 * so that a withdrawal ends what is under way.
 * Without rights in the service accounts are off, and everything is allowed. Threads: one at a time. */
#ifndef KH_PACS_BRIDGE_SCP_RIGHTS_H
#define KH_PACS_BRIDGE_SCP_RIGHTS_H

#include "access/reach.h"
#include "pacs-bridge/object_list.h"
#include "pacs-bridge/service.h"

#define KH_TAKERS_MAX 2

typedef struct kh_taking {
    const kh_service_scp *service;
    kh_verb verb;
    kh_subject takers[KH_TAKERS_MAX]; /* of different facilities */
    size_t taker_count;
    const kh_search_key *keys; /* borrowed: what is asked for */
    size_t key_count;
    uint64_t epoch;            /* of the list of what may go */
    int64_t *allowed;          /* object ids, ascending; owned */
    size_t allowed_count;
    kh_study study;            /* looked at last */
} kh_taking;

/* A node of the cache as who asks. Its facility is unknown to access.db: nothing is allowed to it. */
KH_MUST_USE kh_status kh_scp_subject(kh_subject *out, const kh_service_scp *service, const kh_node *node, kh_error *err);

/* caller and destination may be the same, or one NULL. kh_taking_end() in every case. */
KH_MUST_USE kh_status kh_taking_begin(kh_taking *out, const kh_service_scp *service, kh_verb verb, const kh_node *caller,
                                      const kh_node *destination, const kh_search_key *keys, size_t key_count, kh_error *err);
void kh_taking_end(kh_taking *taking);
/* What they all may take of what the keys find. kh_object_list_release() in every case. */
KH_MUST_USE kh_status kh_taking_list(kh_taking *taking, kh_object_list *out, kh_error *err);
/* May this object of the list go still? taking->study is its study then. */
KH_MUST_USE kh_status kh_taking_still(kh_taking *taking, const kh_listed_object *object, kh_verdict *verdict, kh_error *err);
/* A study as a whole; verdict is that of the first who may not. */
KH_MUST_USE kh_status kh_taking_study(kh_taking *taking, int64_t study_id, kh_verdict *verdict, kh_error *err);
/* Every study that the keys find and that may not go, with why: for the record. */
typedef void kh_taking_refused(void *context, const kh_study *study, const kh_verdict *verdict);
KH_MUST_USE kh_status kh_taking_each_refused(kh_taking *taking, kh_taking_refused *tell, void *context, kh_error *err);

#endif
