/* commitments.h - storage commitment transactions (PS3.4 J), durable in the index: what others have asked us to promise and are to be told,
 * and what we have asked others to promise. The objects of one that we promised are pinned (cache/pins.h) under the owner
 * "commitment:ID" as long as the transaction is kept. Writes: the owner only. Threads: any. */
#ifndef KH_CACHE_COMMITMENTS_H
#define KH_CACHE_COMMITMENTS_H

#include "cache/cache.h"
#include "cache/pulls.h"
#include "dicom/syntax.h"

typedef enum kh_commitment_side {
    KH_COMMITMENT_OURS,  /* we promise and report */
    KH_COMMITMENT_THEIRS /* we have asked a node to promise */
} kh_commitment_side;

typedef enum kh_commitment_state {
    KH_COMMITMENT_WAITING, /* ours: to be checked and reported; theirs: to be asked for */
    KH_COMMITMENT_ASKED,   /* theirs: accepted, the report is still to come */
    KH_COMMITMENT_DONE,    /* reported */
    KH_COMMITMENT_FAILED   /* given up: reason says why */
} kh_commitment_state;

typedef struct kh_commitment {
    int64_t id, node_id;
    kh_commitment_side side;
    kh_commitment_state state;
    char transaction_uid[KH_UID_SIZE];
    int64_t count, committed;               /* objects; committed is known once checked or reported */
    bool checked;                           /* ours: every result is there */
    int64_t attempts;
    int64_t not_before_ms, created_ms, updated_ms; /* wall clock */
    char reason[200];
} kh_commitment;

#define KH_COMMITMENT_UNKNOWN 0xffff /* result: nothing was said yet */

typedef struct kh_commitment_ref {
    char sop_class_uid[KH_UID_SIZE], sop_instance_uid[KH_UID_SIZE];
    uint16_t result; /* 0: committed; else Failure Reason (0008,1197), or KH_COMMITMENT_UNKNOWN */
    int64_t study_id; /* of ours; set by kh_commitment_check(), 0: not here. Not kept */
} kh_commitment_ref;

/* One more; side, node_id, transaction_uid and not_before_ms are read, id is set. A transaction that this node has named before is made
 * anew. KH_E_BUSY when open_max of this side are open already. */
KH_MUST_USE kh_status kh_commitment_file(kh_cache *cache, kh_commitment *commitment, const kh_commitment_ref *refs, size_t count,
                                         int64_t open_max, kh_error *err);
/* State, attempts, not_before_ms, reason, committed and checked; refs (NULL: as they are) with their results. What is DONE or FAILED stays
 * so: KH_E_CONFLICT; but what was given up on is done when the node's report comes late. */
KH_MUST_USE kh_status kh_commitment_update(kh_cache *cache, const kh_commitment *commitment, const kh_commitment_ref *refs, size_t count,
                                           kh_error *err);
/* Open ones of a node are not looked at before then. */
KH_MUST_USE kh_status kh_commitment_postpone(kh_cache *cache, int64_t node_id, int64_t not_before_ms, kh_error *err);
/* The node has shown that it is there: what it did not take is due at once, at most `ids_max` of ours named in ids (oldest first, NULL:
 * none; *count). Of ours, those that were given up get one more try each time, unless they are older than created_after_ms. */
typedef struct kh_commitment_hurry {
    int64_t node_id, attempts_max, created_after_ms;
    int64_t *ids;
    size_t ids_max;
} kh_commitment_hurry;
KH_MUST_USE kh_status kh_commitment_make_due(kh_cache *cache, const kh_commitment_hurry *what, size_t *count, kh_error *err);
/* One that waits or was given up is tried at once, from the first attempt on. KH_E_CONFLICT when it is reported, or its report is waited
 * for. */
KH_MUST_USE kh_status kh_commitment_retry(kh_cache *cache, int64_t id, kh_error *err);
/* Forget those that ended before then, with their pins. */
KH_MUST_USE kh_status kh_commitment_expire(kh_cache *cache, int64_t before_ms, kh_error *err);

/* KH_E_NOT_FOUND. */
KH_MUST_USE kh_status kh_commitment_find(kh_cache *cache, int64_t id, kh_commitment *out, kh_error *err);
KH_MUST_USE kh_status kh_commitment_by_uid(kh_cache *cache, kh_commitment_side side, int64_t node_id, const char *transaction_uid,
                                           kh_commitment *out, kh_error *err);
/* Newest first; failed: given up. */
typedef kh_status kh_commitment_visit(void *context, const kh_commitment *commitment);
KH_MUST_USE kh_status kh_commitment_page(kh_cache *cache, const kh_queue_page *page, kh_commitment_visit *visit, void *context,
                                         kh_error *err);
/* Nodes that have not taken something so far: up to *count, and how many. Reads every transaction: for a start. */
KH_MUST_USE kh_status kh_commitment_late_nodes(kh_cache *cache, int64_t *node_ids, size_t *count, kh_error *err);
/* "waiting", "asked", "done", "failed". */
const char *kh_commitment_state_text(kh_commitment_state state);
/* *refs is malloc'ed, the caller's. */
KH_MUST_USE kh_status kh_commitment_refs(kh_cache *cache, int64_t id, kh_commitment_ref **refs, size_t *count, kh_error *err);
/* Up to count open ones that are due by now_ms, the oldest first, and those of a later time than the longest delay (asked_max_ms of those
 * that were asked for) allows: the clock was set back. *next_ms: when the next one of the others is, INT64_MAX when none. */
KH_MUST_USE kh_status kh_commitment_due(kh_cache *cache, int64_t now_ms, int64_t delay_max_ms, int64_t asked_max_ms, kh_commitment *out,
                                        size_t *count, int64_t *next_ms, kh_error *err);

/* What is not here, of another facility or taken back, does not exist (0112H): whoever sent it. */
#define KH_COMMITMENT_NO_SUCH 0x0112
/* May we promise this object of the facility? *result as in kh_commitment_ref: committed when it is in the index, of this class, its file
 * here with all its bytes, and, with sums, with its checksum. Pins its study first, for commitment_id. */
KH_MUST_USE kh_status kh_commitment_check(kh_cache *cache, int64_t commitment_id, const char *facility, bool sums, kh_commitment_ref *ref,
                                          kh_error *err);

#endif
