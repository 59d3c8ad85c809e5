/* commit_queue.h - works off storage commitment transactions (cache/commitments.h): what we were asked to promise is checked and reported,
 * on an association of our own; what we ask others for is requested. Tried again with growing delay, also after a restart.
 * An association on which a promise was asked for may hold the transaction, to report it there itself: the queue leaves it alone
 * meanwhile. Threads: one of its own; the functions may be called by any. */
#ifndef KH_PACS_BRIDGE_COMMIT_QUEUE_H
#define KH_PACS_BRIDGE_COMMIT_QUEUE_H

#include "cache/commitments.h"
#include "cache/nodes.h"
#include "dicom/shim/user.h"
#include "pacs-bridge/scu.h"

#define KH_COMMIT_LATE_MAX 256 /* nodes whose next association is waited for; others are asked when their time has come */
#define KH_COMMIT_HELD_MAX 256 /* by all associations together; further transactions are reported by the queue alone */

typedef struct kh_commit_queue kh_commit_queue;

typedef struct kh_commit_limits {
    int64_t references_max;  /* of one transaction */
    int64_t open_max;        /* transactions of each side */
    int64_t attempts_max;    /* to report one, or to ask */
    int64_t retry_first_ms, retry_longest_ms;
    int64_t stay_ms;         /* quiet time after which a report goes on the association of the request */
    int64_t patience_ms;     /* for the report of a node */
    int64_t keep_ms;         /* what has ended is kept, and what was promised stays pinned, so long */
    bool sums;               /* compare checksums, not only sizes */
} kh_commit_limits;
/* 10,000, 1,000, 20, 5 s to 30 min, 1 s, 24 h, 720 h, no. */
extern const kh_commit_limits kh_commit_limits_default;

struct kh_service_scp;

typedef struct kh_commit_queue_options {
    kh_cache *cache;
    const char *ae_title;         /* borrowed */
    const char *facility_default; /* of objects of nodes without one; borrowed */
    kh_net_limits net;
    kh_stop *stop;
    const struct kh_service_scp *service; /* how nodes are called */
    kh_commit_limits limits;
} kh_commit_queue_options;

KH_MUST_USE kh_status kh_commit_queue_start(kh_commit_queue **out, const kh_commit_queue_options *options, kh_error *err);
/* stop must have been raised. NULL is welcome. */
void kh_commit_queue_join(kh_commit_queue *queue);
/* There is something new. */
void kh_commit_queue_kick(kh_commit_queue *queue);
const kh_commit_limits *kh_commit_queue_limits(const kh_commit_queue *queue);

/* A transaction that a node asks us for: made durable, and held for the association when hold is set and there is room (*held). */
KH_MUST_USE kh_status kh_commit_queue_promise(kh_commit_queue *queue, const kh_node *node, const char *transaction_uid,
                                              const kh_commitment_ref *refs, size_t count, bool *held, int64_t *id, kh_error *err);
/* The queue may have it. */
void kh_commit_queue_release(kh_commit_queue *queue, int64_t id);

/* A node has an association with us. What it did not take before is tried again at once, on an association of ours; or, with ids (room for
 * ids_max), held for its own one, where it may be reported: how many. Asks the index only when there was something, and not sooner after a
 * try than retry_first_ms. */
size_t kh_commit_queue_is_there(kh_commit_queue *queue, const kh_node *node, int64_t *ids, size_t ids_max);
/* See kh_commitment_retry(). */
KH_MUST_USE kh_status kh_commit_queue_retry(kh_commit_queue *queue, int64_t id, kh_error *err);

/* Check what is promised, send the report on this association, in this context. *answered is the response, when there is one: 0 ends the
 * transaction. await receives the response to message_id, or fails. */
typedef kh_status kh_commit_await(void *context, uint16_t message_id, uint16_t *answered, kh_error *err);
KH_MUST_USE kh_status kh_commit_queue_report(kh_commit_queue *queue, int64_t id, const kh_node *node, kh_assoc *assoc,
                                             const kh_context *with, kh_commit_await *await, void *context, kh_error *err);
/* The report of a node on what we asked it for. KH_E_NOT_FOUND for a transaction that it was not asked for. */
KH_MUST_USE kh_status kh_commit_queue_take_report(kh_commit_queue *queue, const kh_node *node, const uint8_t *bytes, size_t size,
                                                  const char *transfer_syntax_uid, kh_error *err);

/* Ask a node to promise these objects. */
KH_MUST_USE kh_status kh_commit_queue_ask(kh_commit_queue *queue, const kh_node *node, const kh_commitment_ref *refs, size_t count,
                                          int64_t *id, kh_error *err);

#endif
