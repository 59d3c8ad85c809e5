/* scp.h - one association that we serve, and what its services share. Threads: the association's own. */
#ifndef KH_PACS_BRIDGE_SCP_H
#define KH_PACS_BRIDGE_SCP_H

#include "cache/nodes.h"
#include "pacs-bridge/service.h"

/* What came of one study, for the record; study_id 0: what was refused. */
#define KH_TOLD_STUDIES 16
typedef struct kh_told_study {
    int64_t study_id, stored, refused;
} kh_told_study;

typedef struct kh_scp {
    kh_service_scp *service;
    kh_assoc *assoc;
    const kh_assoc_request *request;
    kh_node node;         /* the caller */
    const char *facility; /* of what it sends */
    kh_subject subject;   /* the caller to access/rights.h */
    int64_t pull_id;      /* of the job that all it sends belongs to, 0: told by the message ID of a move, if at all */
    uint64_t stored, duplicates, conflicts, refused, echoes, queries, found, retrievals, moved, failed;
    int place;            /* in service->associations; -1: none */
    int64_t held[8];      /* storage commitments to be reported here */
    size_t held_count;
    bool asked_late;      /* whether there is an older one to be reported here */
    kh_status refused_status;   /* of the newest refusal, with its words */
    char refused_words[200];
    kh_told_study told[KH_TOLD_STUDIES]; /* told.h */
    size_t told_count;
    struct kh_incoming *next; /* begun ahead for an object that may come, see kh_scp_store(); NULL: none */
} kh_scp;

/* A response without a data set. comment may be ""; what does not fit is cut. */
KH_MUST_USE kh_status kh_scp_answer(const kh_scp *of, uint8_t context_id, const kh_dimse *request, uint16_t status, const char *comment);
/* Tell the table of associations how this one stands. Between messages, and between the objects of a retrieval. */
void kh_scp_tell(const kh_scp *of);
/* A kh_data_sink for what is not wanted. */
kh_status kh_scp_drop(void *context, const uint8_t *bytes, size_t size, kh_error *err);
/* Has the peer cancelled this request? Listens for it for wait_ms, which may be 0. Fails when the peer went, or sent what may not come
 * now. */
KH_MUST_USE kh_status kh_scp_poll_cancel(const kh_scp *of, const kh_dimse *request, int64_t wait_ms, bool *cancelled, kh_error *err);

/* The services. A failure ends the association; a refused request does not. */
KH_MUST_USE kh_status kh_scp_store(kh_scp *of, uint8_t context_id, const kh_dimse *request, kh_error *err);
/* No more objects come: what was made ahead for the next is taken back, and what came is told. */
void kh_scp_store_end(kh_scp *of);
KH_MUST_USE kh_status kh_scp_find(kh_scp *of, uint8_t context_id, const kh_dimse *request, kh_error *err);
/* C-MOVE and C-GET. */
KH_MUST_USE kh_status kh_scp_retrieve(kh_scp *of, uint8_t context_id, const kh_dimse *request, kh_error *err);
/* Storage commitment: N-ACTION, and the N-EVENT-REPORT of a node that we have asked. */
KH_MUST_USE kh_status kh_scp_action(kh_scp *of, uint8_t context_id, const kh_dimse *request, kh_error *err);
KH_MUST_USE kh_status kh_scp_event_report(kh_scp *of, uint8_t context_id, const kh_dimse *request, kh_error *err);
/* The answer to a report, by what came of it. */
uint16_t kh_commit_event_status(kh_status status);
/* Before the next request is waited for: what was promised here is reported here once the peer has been quiet for a moment. */
KH_MUST_USE kh_status kh_scp_linger(kh_scp *of, bool *released, kh_error *err);
/* The association ends: others report. */
void kh_scp_let_go(kh_scp *of);
/* One request of any kind. */
KH_MUST_USE kh_status kh_scp_serve(kh_scp *of, uint8_t context_id, const kh_dimse *request, kh_error *err);
/* Of which service a class is. */
bool kh_scp_is_find(const char *sop_class_uid);
bool kh_scp_is_move(const char *sop_class_uid);
bool kh_scp_is_get(const char *sop_class_uid);

#endif
