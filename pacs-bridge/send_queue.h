/* send_queue.h - the workers that send what is queued in the index (cache/sends.h) to other nodes by C-STORE: retried with growing delay,
 * each object ticked off when the node has taken it. So many sends of one node at once, and one that cannot be reached rests: others do not
 * wait for it. One worker takes only what somebody waits for. Threads: any. Locks: `deciding` → `lock`, as in the pull queue; none is held
 * over an association. */
#ifndef KH_PACS_BRIDGE_SEND_QUEUE_H
#define KH_PACS_BRIDGE_SEND_QUEUE_H

#include "cache/sends.h"
#include "dicom/codec/codec.h"
#include "pacs-bridge/scu.h"
#include "pacs-bridge/service.h"

typedef struct kh_send_queue kh_send_queue;

typedef struct kh_send_queue_options {
    kh_cache *cache;
    const char *ae_title; /* borrowed */
    kh_net_limits limits;
    kh_stop *stop;
    const kh_service_scp *service; /* how nodes are called */
    kh_codec *codec;       /* as in kh_sender; may be NULL */
    unsigned workers;      /* 0 to 16; and one more that takes only what somebody waits for, unless 0 */
    unsigned per_node;     /* sends to one node at once, 1 or more; one more of what somebody waits for */
    unsigned attempts_max; /* without an object taken */
    int64_t retry_first_ms, retry_longest_ms;
} kh_send_queue_options;

KH_MUST_USE kh_status kh_send_queue_start(kh_send_queue **out, const kh_send_queue_options *options, kh_error *err);
/* stop must have been raised. NULL is welcome. */
void kh_send_queue_join(kh_send_queue *queue);
void kh_send_queue_kick(kh_send_queue *queue);
/* A running one ends after the object under way. KH_E_CONFLICT when it has ended already. */
KH_MUST_USE kh_status kh_send_queue_cancel(kh_send_queue *queue, int64_t send_id, kh_error *err);

#endif
