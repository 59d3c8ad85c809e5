#include "pacs-bridge/send_queue.h"

#include <stdlib.h>
#include "pacs-bridge/send_table.h"

#define PRIORITY_LAST 2
#define LOOK_MS 1000

bool kh_send_is_cancelled(kh_send_queue *queue, int64_t send_id)
{
    bool cancelled = false;

    pthread_mutex_lock(&queue->lock);
    for (unsigned i = 0; i < KH_SEND_PLACES; i++)
        cancelled = cancelled || (queue->running[i].send_id == send_id && queue->running[i].cancelled);
    pthread_mutex_unlock(&queue->lock);
    return cancelled;
}

static kh_status take_between(kh_send_queue *queue, int32_t priority_min, int32_t priority_max, kh_send *send, kh_error *err)
{
    bool urgent = priority_max == KH_PULL_URGENT;
    int64_t node_ids[KH_SEND_PLACES], left_out[KH_PULL_NODES_MAX];
    kh_pull_choice choice = {priority_min, priority_max, queue->options.retry_longest_ms, left_out, 0};

    pthread_mutex_lock(&queue->lock);
    for (unsigned i = 0; i < KH_SEND_PLACES; i++)
        node_ids[i] = queue->running[i].send_id ? queue->running[i].node_id : 0;
    pthread_mutex_unlock(&queue->lock);
    choice.nodes_left_out_count = kh_node_gate_full(node_ids, queue->options.per_node + urgent, left_out);
    choice.nodes_left_out_count = kh_node_gate_add(&queue->gate, urgent, left_out, choice.nodes_left_out_count);
    return kh_send_take(queue->options.cache, &choice, send, err);
}

static kh_status take(kh_send_queue *queue, bool reserved, kh_send *send, kh_error *err)
{
    kh_status status;

    pthread_mutex_lock(&queue->deciding);
    status = take_between(queue, KH_PULL_URGENT, KH_PULL_URGENT, send, err);
    if (status == KH_E_NOT_FOUND && !reserved) {
        kh_error_clear(err);
        status = take_between(queue, KH_PULL_URGENT + 1, PRIORITY_LAST, send, err);
    }
    pthread_mutex_lock(&queue->lock);
    for (unsigned i = 0; status == KH_OK && i < KH_SEND_PLACES; i++)
        if (queue->running[i].send_id == 0) {
            queue->running[i] = (kh_running_send){.send_id = send->id, .node_id = send->node_id};
            break;
        }
    pthread_mutex_unlock(&queue->lock);
    pthread_mutex_unlock(&queue->deciding);
    return status;
}

static kh_status cancel_waiting(kh_send_queue *queue, kh_send *send, kh_error *err)
{
    send->state = KH_SEND_CANCELLED;
    return kh_send_update(queue->options.cache, send, err);
}

static void leave(kh_send_queue *queue, kh_send *send)
{
    bool cancelled = false;

    pthread_mutex_lock(&queue->deciding);
    pthread_mutex_lock(&queue->lock);
    for (unsigned i = 0; i < KH_SEND_PLACES; i++)
        if (queue->running[i].send_id == send->id) {
            cancelled = queue->running[i].cancelled;
            queue->running[i] = (kh_running_send){0};
        }
    pthread_mutex_unlock(&queue->lock);
    if (cancelled && send->state == KH_SEND_WAITING) /* said too late for the attempt, in time for the next */
        (void)!cancel_waiting(queue, send, NULL);
    pthread_mutex_unlock(&queue->deciding);
}

static kh_status run_next(void *context, bool reserved, kh_error *err)
{
    kh_send_queue *queue = context;
    kh_send send;
    kh_status status = take(queue, reserved, &send, err);

    if (status != KH_OK)
        return status;
    kh_send_attempt(queue, &send);
    leave(queue, &send);
    return KH_OK;
}

kh_status kh_send_queue_start(kh_send_queue **out, const kh_send_queue_options *options, kh_error *err)
{
    kh_crew_work work = {.run_next = run_next,
                         .area = "send",
                         .jobs = "sends",
                         .stop = options->stop,
                         .workers = options->workers,
                         .look_ms = LOOK_MS};
    kh_send_queue *queue;
    kh_status status;

    *out = NULL;
    if (options->workers > KH_CREW_WORKERS_MAX || options->attempts_max < 1 || options->per_node < 1)
        return kh_error_set(err, KH_E_ARG, "send workers %u, attempts %u, %u per node: expected 0 to %d, 1 or more, 1 or more",
                            options->workers, options->attempts_max, options->per_node, KH_CREW_WORKERS_MAX);
    queue = calloc(1, sizeof(*queue));
    if (!queue)
        return kh_error_set(err, KH_E_MEMORY, "out of memory");
    queue->options = *options;
    pthread_mutex_init(&queue->deciding, NULL);
    pthread_mutex_init(&queue->lock, NULL);
    kh_node_gate_init(&queue->gate, options->cache);
    work.context = queue;
    kh_crew_init(&queue->crew, &work);
    status = kh_crew_start(&queue->crew, err);
    if (status == KH_OK)
        *out = queue;
    else
        kh_send_queue_join(queue);
    return status;
}

void kh_send_queue_join(kh_send_queue *queue)
{
    if (!queue)
        return;
    kh_crew_join(&queue->crew);
    kh_node_gate_release(&queue->gate);
    pthread_mutex_destroy(&queue->lock);
    pthread_mutex_destroy(&queue->deciding);
    free(queue);
}

void kh_send_queue_kick(kh_send_queue *queue)
{
    kh_crew_kick(&queue->crew);
}

kh_status kh_send_queue_cancel(kh_send_queue *queue, int64_t send_id, kh_error *err)
{
    bool is_running = false;
    kh_status status;
    kh_send send;

    pthread_mutex_lock(&queue->deciding);
    status = kh_send_find(queue->options.cache, send_id, &send, err);
    if (status == KH_OK && send.state != KH_SEND_WAITING && send.state != KH_SEND_RUNNING)
        status = kh_error_set(err, KH_E_CONFLICT, "send %lld is %s already", (long long)send_id, kh_send_state_text(send.state));
    pthread_mutex_lock(&queue->lock);
    for (unsigned i = 0; status == KH_OK && i < KH_SEND_PLACES; i++)
        if (queue->running[i].send_id == send_id)
            is_running = queue->running[i].cancelled = true;
    pthread_mutex_unlock(&queue->lock);
    if (status == KH_OK && !is_running)
        status = cancel_waiting(queue, &send, err);
    pthread_mutex_unlock(&queue->deciding);
    return status;
}
