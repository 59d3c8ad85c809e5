/* commit_work.h - one storage commitment transaction at a time: the conversations. Of commit_queue.c's own. */
#ifndef KH_PACS_BRIDGE_COMMIT_WORK_H
#define KH_PACS_BRIDGE_COMMIT_WORK_H

#include <pthread.h>
#include <stdatomic.h>
#include "pacs-bridge/commit_queue.h"

struct kh_commit_queue {
    kh_commit_queue_options options;
    pthread_t thread;
    _Atomic bool kicked;
    pthread_mutex_t filing; /* held while a transaction is filed and taken; before lock */
    pthread_mutex_t lock;   /* guards held */
    size_t held_count;
    int64_t held[KH_COMMIT_HELD_MAX];
    struct {
        int64_t node_id, from_ms; /* monotonic: not before then */
    } late[KH_COMMIT_LATE_MAX];   /* nodes that have not taken something, under lock */
    size_t late_count;
};

/* Report a promise on an association of its own. */
KH_MUST_USE kh_status kh_commit_work_report(kh_commit_queue *queue, kh_commitment *commitment, const kh_node *node, kh_error *err);
/* Ask a node; the report is waited for a little on the same association. */
KH_MUST_USE kh_status kh_commit_work_ask(kh_commit_queue *queue, kh_commitment *commitment, const kh_node *node, kh_error *err);

#endif
