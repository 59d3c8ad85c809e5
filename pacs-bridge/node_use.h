/* node_use.h - what each node uses at the moment: the associations it has made, those that we have made with it, and the bandwidth that all
 * with it share; and when it was last heard of, since the bridge started.
 * Threads: any. Lock: one, held for no I/O; who waits for a place waits on its condition. */
#ifndef KH_PACS_BRIDGE_NODE_USE_H
#define KH_PACS_BRIDGE_NODE_USE_H

#include "base/rate.h"
#include "cache/nodes.h"
#include "dicom/shim/stop.h"

typedef struct kh_node_use kh_node_use;

KH_MUST_USE kh_status kh_node_use_create(kh_node_use **out, kh_error *err);
/* NULL is welcome. */
void kh_node_use_free(kh_node_use *use);
/* One more association made by the node. KH_E_LIMIT when it has as many as it may. */
KH_MUST_USE kh_status kh_node_use_enter(kh_node_use *use, const kh_node *node, kh_error *err);
void kh_node_use_leave(kh_node_use *use, int64_t node_id);

/* A place for an association of ours with the node: it has as many as the node may make itself, counted apart (a move needs one in each
 * direction). Waits up to wait_ms; who is urgent goes first, and others make way for it. KH_E_BUSY when there is none by then,
 * KH_E_CANCELLED when stop (may be NULL) is raised. *place is for kh_node_use_hang_up(), once the association has ended. */
typedef struct kh_node_call {
    bool urgent;
    int64_t wait_ms;
    const kh_stop *stop;
} kh_node_call;
KH_MUST_USE kh_status kh_node_use_call(kh_node_use *use, const kh_node *node, const kh_node_call *call, void **place, kh_error *err);
void kh_node_use_hang_up(void *place);
/* Should an association of ours with the node end, since somebody urgent waits for its place? True once for each that waits: who is told
 * so ends. */
bool kh_node_use_make_way(kh_node_use *use, int64_t node_id);

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
