/* pull_queue.h - the workers of the pull queue, and the desk where arrivals are counted for the job they belong to.
 * Threads: any. Lock: one, for the table of running jobs; held for no I/O. */
#ifndef KH_PACS_BRIDGE_PULL_QUEUE_H
#define KH_PACS_BRIDGE_PULL_QUEUE_H

#include "cache/pulls.h"
#include "pacs-bridge/scu.h"

#define KH_PULL_LANES_MAX 8 /* associations of one job */

typedef struct kh_pull_queue kh_pull_queue;

struct kh_service_scp;

typedef struct kh_pull_queue_options {
    kh_cache *cache;
    struct kh_service_scp *service; /* takes what comes by C-GET; borrowed, its `pulls` is this queue once started */
    const char *ae_title;      /* ours, where the objects are to be sent; borrowed */
    kh_net_limits limits;
    kh_stop *stop;             /* ends the workers */
    unsigned workers;          /* 0 to 16; and one more that takes only what a doctor waits for, unless 0 */
    unsigned per_node;         /* jobs of one node at once, 1 or more; one more of what a doctor waits for */
    unsigned series_parallel;  /* series of one study fetched at once, each on its own association: 1 to KH_PULL_LANES_MAX */
    unsigned attempts_max;
    int64_t retry_first_ms, retry_longest_ms;
    const char *facility_default; /* borrowed */
} kh_pull_queue_options;

KH_MUST_USE kh_status kh_pull_queue_start(kh_pull_queue **out, const kh_pull_queue_options *options, kh_error *err);
/* stop must have been raised. Joins and frees. NULL is welcome. */
void kh_pull_queue_join(kh_pull_queue *queue);
/* A job may be due: look now. */
void kh_pull_queue_kick(kh_pull_queue *queue);
/* Try an ended or waiting job again now, see kh_pull_retry(). */
KH_MUST_USE kh_status kh_pull_queue_retry(kh_pull_queue *queue, int64_t pull_id, kh_error *err);
/* End a job: now when it waits, after the response to C-CANCEL when it runs. KH_E_CONFLICT when it has ended already. */
KH_MUST_USE kh_status kh_pull_queue_cancel(kh_pull_queue *queue, int64_t pull_id, kh_error *err);
unsigned kh_pull_queue_running(kh_pull_queue *queue);

/* --- what arrives --- */

/* The running job that an object of this node belongs to, by the message ID of the move it comes from (0: not told): its id, or 0. */
int64_t kh_pull_queue_attribute(kh_pull_queue *queue, int64_t node_id, uint16_t originator_message_id);
/* Bytes of an object are coming in: the job is alive. */
void kh_pull_queue_note_bytes(kh_pull_queue *queue, int64_t pull_id, size_t bytes);
/* An object has ended: kept (duplicate: it was here before), or refused by us with this status. */
void kh_pull_queue_note_object(kh_pull_queue *queue, int64_t pull_id, kh_status status, bool duplicate);

/* --- for the job itself (pull_job.c) --- */

typedef struct kh_arrivals {
    uint64_t bytes, kept, duplicates, refused;
    kh_status refused_status; /* of the newest refusal */
    bool cancelled;           /* somebody wants the job to end */
} kh_arrivals;
/* The moves of job pull_id on its association number `lane` (0 to KH_PULL_LANES_MAX - 1) carry this message ID from now on. */
void kh_pull_queue_expect(kh_pull_queue *queue, int64_t pull_id, unsigned lane, uint16_t message_id);
void kh_pull_queue_arrivals(kh_pull_queue *queue, int64_t pull_id, kh_arrivals *out);
/* Is a more urgent job kept waiting that this one should make way for: for its worker, its place at the node, or its association there? Of
 * several the least urgent, youngest one does. Looks into the index a few times a second at most, and after each kick. */
bool kh_pull_queue_must_yield(kh_pull_queue *queue, int64_t pull_id);
/* The node has as many associations of ours as it may: for a second only what a doctor waits for asks for one. */
void kh_pull_queue_note_busy(kh_pull_queue *queue, int64_t node_id);
const kh_pull_queue_options *kh_pull_queue_get_options(const kh_pull_queue *queue);

#endif
