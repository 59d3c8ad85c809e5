/* node_gate.h - which nodes a queue leaves alone: those outside their hours, those that rest after a try in vain, and those that
 * have as many jobs as they may. Threads: any. Lock: one, held over a look into the index once a second. */
#ifndef KH_PACS_BRIDGE_NODE_GATE_H
#define KH_PACS_BRIDGE_NODE_GATE_H

#include <pthread.h>
#include "cache/pulls.h"

#define KH_GATE_PLACES 17 /* jobs of a queue at once, at most: 16 workers and one for what somebody waits for */
#define KH_GATE_RESTING_MAX 64
#define KH_GATE_CLOSED_MAX (KH_PULL_NODES_MAX - KH_GATE_PLACES - KH_GATE_RESTING_MAX)

typedef struct kh_node_gate {
    kh_cache *cache; /* borrowed */
    pthread_mutex_t lock;
    int64_t look_ms; /* monotonic; the last at the nodes' hours; 0: none */
    int64_t closed[KH_GATE_CLOSED_MAX];
    size_t closed_count;
    struct {
        int64_t node_id, until_ms; /* monotonic */
    } resting[KH_GATE_RESTING_MAX];
    size_t resting_count;
} kh_node_gate;

void kh_node_gate_init(kh_node_gate *gate, kh_cache *cache);
void kh_node_gate_release(kh_node_gate *gate);
/* Nodes that have per_node of these jobs (0: a free place) or more, at most places of them; how many. */
size_t kh_node_gate_full(const int64_t node_ids[KH_GATE_PLACES], unsigned per_node, int64_t out[KH_PULL_NODES_MAX]);
/* Those that are closed are added, and unless somebody waits (urgent) those that rest; how many there are then. */
size_t kh_node_gate_add(kh_node_gate *gate, bool urgent, int64_t out[KH_PULL_NODES_MAX], size_t count);
/* It could not be reached, or had no place for us: nobody else tries for so long, unless somebody waits. 0: it may be tried again. */
void kh_node_gate_rest(kh_node_gate *gate, int64_t node_id, int64_t for_ms);

#endif
