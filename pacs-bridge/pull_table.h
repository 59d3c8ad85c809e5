/* pull_table.h - the jobs that a pull queue runs, as its files share them. Not for others. */
#ifndef KH_PACS_BRIDGE_PULL_TABLE_H
#define KH_PACS_BRIDGE_PULL_TABLE_H

#include "pacs-bridge/pull_queue.h"
#include "pacs-bridge/queue_crew.h"

#define KH_PULL_PLACES KH_GATE_PLACES /* one is kept for what a doctor waits for */

typedef struct kh_running_pull {
    int64_t pull_id; /* 0: a free place */
    int64_t node_id;
    int32_t priority;
    bool reserved;         /* by the worker that is kept for the urgent */
    uint16_t message_ids[KH_PULL_LANES_MAX];
    kh_arrivals arrivals;
    int64_t yield_look_ms; /* monotonic; the last look for somebody more urgent */
    uint64_t yield_kicks;
} kh_running_pull;

struct kh_pull_queue {
    kh_pull_queue_options options;
    pthread_mutex_t deciding; /* a job goes from waiting to running, back, or is cancelled; taken before lock */
    pthread_mutex_t lock;     /* for the table; held for no I/O */
    kh_node_gate gate;        /* looked at after deciding is taken */
    kh_running_pull running[KH_PULL_PLACES]; /* guarded by lock */
    kh_crew crew;
};

kh_running_pull *kh_pull_find_locked(kh_pull_queue *queue, int64_t pull_id);
/* Nodes that have as many of these jobs as one of this priority may find there. */
size_t kh_pull_full_nodes(const kh_pull_queue *queue, const kh_running_pull *running, int32_t priority, int64_t out[KH_PULL_NODES_MAX]);

#endif
