/* node_use.h - what each node uses at the moment: the associations it has made, and the bandwidth that all with it share; and when it was
 * last heard of, since the bridge started.
 * Threads: any. */
#ifndef KH_PACS_BRIDGE_NODE_USE_H
#define KH_PACS_BRIDGE_NODE_USE_H

#include "base/rate.h"
#include "cache/nodes.h"

typedef struct kh_node_use kh_node_use;

KH_MUST_USE kh_status kh_node_use_create(kh_node_use **out, kh_error *err);
/* NULL is welcome. */
void kh_node_use_free(kh_node_use *use);
/* One more association made by the node. KH_E_LIMIT when it has as many as it may. */
KH_MUST_USE kh_status kh_node_use_enter(kh_node_use *use, const kh_node *node, kh_error *err);
void kh_node_use_leave(kh_node_use *use, int64_t node_id);
/* It took an association that we made. */
void kh_node_use_reached(kh_node_use *use, const kh_node *node);

typedef struct kh_node_contact {
    int64_t node_id;
    int64_t called_ms, reached_ms; /* wall clock: its newest association with us, ours with it; 0: none yet */
} kh_node_contact;
/* At most max of them; so many there are. */
size_t kh_node_use_contacts(kh_node_use *use, kh_node_contact *out, size_t max);
/* For kh_assoc_set_rate(): the node's, with what node says now. Lives as long as use. NULL when there is no memory for one. */
kh_rate *kh_node_use_rate(kh_node_use *use, const kh_node *node);

#endif
