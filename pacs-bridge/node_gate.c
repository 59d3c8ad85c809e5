#include "pacs-bridge/node_gate.h"

#include <string.h>
#include "base/clock.h"
#include "cache/node_hours.h"

#define LOOK_MS 1000

void kh_node_gate_init(kh_node_gate *gate, kh_cache *cache)
{
    *gate = (kh_node_gate){.cache = cache};
    pthread_mutex_init(&gate->lock, NULL);
}

void kh_node_gate_release(kh_node_gate *gate)
{
    pthread_mutex_destroy(&gate->lock);
}

size_t kh_node_gate_full(const int64_t node_ids[KH_GATE_PLACES], unsigned per_node, int64_t out[KH_PULL_NODES_MAX])
{
    size_t count = 0;

    for (unsigned i = 0; i < KH_GATE_PLACES; i++) {
        unsigned same = 0;
        bool first = true;
        for (unsigned j = 0; j < KH_GATE_PLACES; j++) {
            bool is_same = node_ids[i] != 0 && node_ids[j] == node_ids[i];
            same += is_same;
            first = first && !(is_same && j < i);
        }
        if (first && same >= per_node)
            out[count++] = node_ids[i];
    }
    return count;
}

static kh_status note_closed(void *context, const kh_node *node)
{
    kh_node_gate *gate = context;

    if (gate->closed_count < KH_GATE_CLOSED_MAX && !kh_node_open_now(node, kh_clock_wall_ms()))
        gate->closed[gate->closed_count++] = node->id;
    return KH_OK;
}

size_t kh_node_gate_add(kh_node_gate *gate, bool urgent, int64_t out[KH_PULL_NODES_MAX], size_t count)
{
    int64_t now_ms = kh_clock_monotonic_ms();

    pthread_mutex_lock(&gate->lock);
    if (gate->look_ms == 0 || now_ms - gate->look_ms >= LOOK_MS) {
        gate->closed_count = 0;
        if (kh_node_list(gate->cache, note_closed, gate, NULL) == KH_OK)
            gate->look_ms = now_ms;
    }
    memcpy(out + count, gate->closed, gate->closed_count * sizeof(out[0]));
    count += gate->closed_count;
    for (size_t i = 0; i < gate->resting_count && !urgent; i++)
        if (gate->resting[i].until_ms > now_ms)
            out[count++] = gate->resting[i].node_id;
    pthread_mutex_unlock(&gate->lock);
    return count;
}

void kh_node_gate_rest(kh_node_gate *gate, int64_t node_id, int64_t for_ms)
{
    int64_t now_ms = kh_clock_monotonic_ms();
    size_t at = 0;

    pthread_mutex_lock(&gate->lock);
    for (size_t i = 0; i < gate->resting_count; i++) /* those that have rested make room */
        if (gate->resting[i].until_ms > now_ms && gate->resting[i].node_id != node_id)
            gate->resting[at++] = gate->resting[i];
    gate->resting_count = at;
    if (for_ms > 0 && at < KH_GATE_RESTING_MAX) {
        gate->resting[at].node_id = node_id;
        gate->resting[at].until_ms = now_ms + for_ms;
        gate->resting_count++;
    }
    pthread_mutex_unlock(&gate->lock);
}
