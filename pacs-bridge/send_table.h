/* send_table.h - the sends that a send queue runs, as its files share them. Not for others. */
#ifndef KH_PACS_BRIDGE_SEND_TABLE_H
#define KH_PACS_BRIDGE_SEND_TABLE_H

#include "pacs-bridge/queue_crew.h"
#include "pacs-bridge/send_queue.h"

#define KH_SEND_PLACES KH_GATE_PLACES /* one is kept for what somebody waits for */

typedef struct kh_running_send {
    int64_t send_id; /* 0: a free place */
    int64_t node_id;
    bool cancelled;
} kh_running_send;

struct kh_send_queue {
    kh_send_queue_options options;
    pthread_mutex_t deciding; /* a send goes from waiting to running, back, or is cancelled; taken before lock */
    pthread_mutex_t lock;     /* for the table; held for no I/O */
    kh_running_send running[KH_SEND_PLACES]; /* guarded by lock */
    kh_node_gate gate;        /* looked at after deciding is taken */
    kh_crew crew;
};

bool kh_send_is_cancelled(kh_send_queue *queue, int64_t send_id);
/* One attempt of a send that was taken: what of it the node does not have yet is sent, and how it stands then is stored. */
void kh_send_attempt(kh_send_queue *queue, kh_send *send);

#endif
