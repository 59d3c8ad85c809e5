/* pull_yield.c - a running job makes way for a more urgent one. */
#include <string.h>
#include "base/clock.h"
#include "pacs-bridge/pull_table.h"
#include "pacs-bridge/service.h"

#define YIELD_LOOK_MS 200

static bool less_urgent(const kh_running_pull *a, const kh_running_pull *b)
{
    return a->priority != b->priority ? a->priority > b->priority : a->pull_id > b->pull_id;
}

/* The one that makes way: the least urgent of all, or of one node. */
static bool is_last(const kh_running_pull *running, const kh_running_pull *me, bool same_node_only)
{
    for (unsigned i = 0; i < KH_PULL_PLACES; i++)
        if (running[i].pull_id != 0 && running[i].pull_id != me->pull_id && less_urgent(&running[i], me) &&
            (!same_node_only || running[i].node_id == me->node_id))
            return false;
    return true;
}

static bool has_worker(const kh_pull_queue *queue, const kh_running_pull *running, int32_t priority)
{
    unsigned busy = 0;
    bool reserved_busy = false;

    for (unsigned i = 0; i < KH_PULL_PLACES; i++) {
        busy += running[i].pull_id != 0 && !running[i].reserved;
        reserved_busy = reserved_busy || (running[i].pull_id != 0 && running[i].reserved);
    }
    return busy < queue->options.workers || (priority == KH_PULL_URGENT && !reserved_busy);
}

/* Of the jobs with this priority, is there one that could run if this one did not? */
static bool holds_up(kh_pull_queue *queue, const kh_running_pull *running, const kh_running_pull *me, int32_t priority)
{
    int64_t full[KH_PULL_NODES_MAX];
    kh_pull_choice choice = {priority, priority, queue->options.retry_longest_ms, full, 0};
    size_t count = kh_pull_full_nodes(queue, running, priority, full);
    bool full_by_me = false;
    kh_pull held;

    for (size_t i = 0; i < count; i++) {
        if (full[i] == me->node_id && is_last(running, me, true))
            full_by_me = true;
        else
            full[choice.nodes_left_out_count++] = full[i];
    }
    choice.nodes_left_out_count = kh_node_gate_add(&queue->gate, priority == KH_PULL_URGENT, full, choice.nodes_left_out_count);
    if (kh_pull_peek(queue->options.cache, &choice, &held, NULL) != KH_OK)
        return false;
    if (full_by_me && held.node_id == me->node_id)
        return true;
    return !has_worker(queue, running, priority) && is_last(running, me, false);
}

bool kh_pull_queue_must_yield(kh_pull_queue *queue, int64_t pull_id)
{
    int64_t now_ms = kh_clock_monotonic_ms();
    uint64_t kicks = kh_crew_kicks(&queue->crew);
    kh_running_pull running[KH_PULL_PLACES], me = {0};
    kh_running_pull *job;
    kh_pull pull;

    pthread_mutex_lock(&queue->lock);
    job = kh_pull_find_locked(queue, pull_id);
    if (job && (job->yield_kicks != kicks || now_ms - job->yield_look_ms >= YIELD_LOOK_MS)) {
        job->yield_kicks = kicks;
        job->yield_look_ms = now_ms;
        me = *job;
    }
    memcpy(running, queue->running, sizeof(running));
    pthread_mutex_unlock(&queue->lock);
    if (me.pull_id == 0 || me.priority == KH_PULL_URGENT)
        return false;
    if (queue->options.service->use && kh_node_use_make_way(queue->options.service->use, me.node_id))
        return true;
    for (int32_t priority = KH_PULL_URGENT; priority < me.priority; priority++)
        if (holds_up(queue, running, &me, priority))
            /* Somebody may have raised it since it was taken. */
            return kh_pull_find(queue->options.cache, pull_id, &pull, NULL) == KH_OK && pull.priority > priority;
    return false;
}
