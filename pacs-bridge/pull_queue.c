#include "pacs-bridge/pull_queue.h"

#include <stdlib.h>
#include "pacs-bridge/pull_job.h"
#include "pacs-bridge/pull_table.h"

#define LOOK_MS 1000 /* at most, between two looks for jobs that have become due */
#define BUSY_REST_MS 1000
#define PRIORITY_LAST 2

kh_running_pull *kh_pull_find_locked(kh_pull_queue *queue, int64_t pull_id)
{
    for (unsigned i = 0; i < KH_PULL_PLACES; i++)
        if (pull_id != 0 && queue->running[i].pull_id == pull_id)
            return &queue->running[i];
    return NULL;
}

/* --- the workers --- */

/* KH_E_CONFLICT when the pull has ended. A worker writes the end before it leaves its place in `running`. */
static kh_status find_open(kh_pull_queue *queue, int64_t pull_id, kh_pull *pull, kh_error *err)
{
    kh_status status = kh_pull_find(queue->options.cache, pull_id, pull, err);

    if (status == KH_OK && pull->state != KH_PULL_WAITING && pull->state != KH_PULL_RUNNING)
        return kh_error_set(err, KH_E_CONFLICT, "pull %lld is %s already", (long long)pull_id, kh_pull_state_text(pull->state));
    return status;
}

static kh_status cancel_waiting(kh_pull_queue *queue, kh_pull *pull, kh_error *err)
{
    pull->state = KH_PULL_CANCELLED;
    pull->reason[0] = '\0';
    return kh_pull_update(queue->options.cache, pull, err);
}

size_t kh_pull_full_nodes(const kh_pull_queue *queue, const kh_running_pull *running, int32_t priority, int64_t out[KH_PULL_NODES_MAX])
{
    int64_t node_ids[KH_PULL_PLACES];

    for (unsigned i = 0; i < KH_PULL_PLACES; i++)
        node_ids[i] = running[i].pull_id ? running[i].node_id : 0;
    return kh_node_gate_full(node_ids, queue->options.per_node + (priority == KH_PULL_URGENT), out);
}

void kh_pull_queue_note_busy(kh_pull_queue *queue, int64_t node_id)
{
    kh_node_gate_rest(&queue->gate, node_id, BUSY_REST_MS);
}

static kh_status take_between(kh_pull_queue *queue, int32_t priority_min, int32_t priority_max, kh_pull *pull, kh_error *err)
{
    int64_t full[KH_PULL_NODES_MAX];
    kh_pull_choice choice = {priority_min, priority_max, queue->options.retry_longest_ms, full, 0};

    pthread_mutex_lock(&queue->lock);
    choice.nodes_left_out_count = kh_pull_full_nodes(queue, queue->running, priority_max, full);
    pthread_mutex_unlock(&queue->lock);
    choice.nodes_left_out_count = kh_node_gate_add(&queue->gate, priority_max == KH_PULL_URGENT, full, choice.nodes_left_out_count);
    return kh_pull_take(queue->options.cache, &choice, pull, err);
}

static kh_status take(kh_pull_queue *queue, bool reserved, kh_pull *pull, kh_error *err)
{
    kh_status status;

    pthread_mutex_lock(&queue->deciding);
    status = take_between(queue, KH_PULL_URGENT, KH_PULL_URGENT, pull, err);
    if (status == KH_E_NOT_FOUND && !reserved) {
        kh_error_clear(err);
        status = take_between(queue, KH_PULL_URGENT + 1, PRIORITY_LAST, pull, err);
    }
    pthread_mutex_lock(&queue->lock);
    for (unsigned i = 0; status == KH_OK && i < KH_PULL_PLACES; i++)
        if (queue->running[i].pull_id == 0) {
            queue->running[i] = (kh_running_pull){
                .pull_id = pull->id, .node_id = pull->node_id, .priority = pull->priority, .reserved = reserved};
            break;
        }
    pthread_mutex_unlock(&queue->lock);
    pthread_mutex_unlock(&queue->deciding);
    return status;
}

static void leave(kh_pull_queue *queue, const kh_pull *pull)
{
    bool cancelled = false;
    kh_pull now = *pull;
    kh_running_pull *job;

    pthread_mutex_lock(&queue->deciding);
    pthread_mutex_lock(&queue->lock);
    job = kh_pull_find_locked(queue, pull->id);
    if (job) {
        cancelled = job->arrivals.cancelled;
        *job = (kh_running_pull){0};
    }
    pthread_mutex_unlock(&queue->lock);
    if (cancelled && pull->state == KH_PULL_WAITING) /* said too late for the attempt, in time for the next */
        (void)!cancel_waiting(queue, &now, NULL);
    pthread_mutex_unlock(&queue->deciding);
}

static kh_status run_next(void *context, bool reserved, kh_error *err)
{
    kh_pull_queue *queue = context;
    kh_pull pull;
    kh_status status = take(queue, reserved, &pull, err);

    if (status != KH_OK)
        return status;
    kh_pull_job_run(queue, &pull);
    leave(queue, &pull);
    return KH_OK;
}

/* --- start and stop --- */

static kh_status check_options(const kh_pull_queue_options *options, kh_error *err)
{
    if (options->retry_first_ms < 1 || options->retry_longest_ms < options->retry_first_ms || options->attempts_max < 1)
        return kh_error_set(err, KH_E_ARG, "pull retry after %lld to %lld ms, %u attempts: expected 1 or more, in order",
                            (long long)options->retry_first_ms, (long long)options->retry_longest_ms, options->attempts_max);
    if (options->series_parallel < 1 || options->series_parallel > KH_PULL_LANES_MAX)
        return kh_error_set(err, KH_E_ARG, "pull series_parallel %u, expected 1 to %d", options->series_parallel, KH_PULL_LANES_MAX);
    if (options->workers > KH_CREW_WORKERS_MAX)
        return kh_error_set(err, KH_E_ARG, "pull workers %u, expected 0 to %d", options->workers, KH_CREW_WORKERS_MAX);
    if (options->per_node < 1)
        return kh_error_set(err, KH_E_ARG, "pulls per node %u, expected 1 or more", options->per_node);
    return KH_OK;
}

kh_status kh_pull_queue_start(kh_pull_queue **out, const kh_pull_queue_options *options, kh_error *err)
{
    kh_crew_work work = {.run_next = run_next,
                         .area = "pull",
                         .jobs = "jobs",
                         .stop = options->stop,
                         .workers = options->workers,
                         .look_ms = options->retry_first_ms < LOOK_MS ? options->retry_first_ms : LOOK_MS};
    kh_pull_queue *queue;
    kh_status status = check_options(options, err);

    *out = NULL;
    if (status != KH_OK)
        return status;
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
        kh_pull_queue_join(queue);
    return status;
}

void kh_pull_queue_join(kh_pull_queue *queue)
{
    if (!queue)
        return;
    kh_crew_join(&queue->crew);
    kh_node_gate_release(&queue->gate);
    pthread_mutex_destroy(&queue->lock);
    pthread_mutex_destroy(&queue->deciding);
    free(queue);
}

void kh_pull_queue_kick(kh_pull_queue *queue)
{
    kh_crew_kick(&queue->crew);
}

kh_status kh_pull_queue_cancel(kh_pull_queue *queue, int64_t pull_id, kh_error *err)
{
    kh_status status;
    kh_running_pull *job = NULL;
    kh_pull pull;

    pthread_mutex_lock(&queue->deciding);
    status = find_open(queue, pull_id, &pull, err);
    if (status == KH_OK) {
        pthread_mutex_lock(&queue->lock);
        job = kh_pull_find_locked(queue, pull_id);
        if (job)
            job->arrivals.cancelled = true;
        pthread_mutex_unlock(&queue->lock);
    }
    if (status == KH_OK && !job)
        status = cancel_waiting(queue, &pull, err);
    pthread_mutex_unlock(&queue->deciding);
    return status;
}

kh_status kh_pull_queue_retry(kh_pull_queue *queue, int64_t pull_id, kh_error *err)
{
    kh_status status;

    pthread_mutex_lock(&queue->deciding);
    status = kh_pull_retry(queue->options.cache, pull_id, err);
    pthread_mutex_unlock(&queue->deciding);
    if (status == KH_OK)
        kh_pull_queue_kick(queue);
    return status;
}

unsigned kh_pull_queue_running(kh_pull_queue *queue)
{
    unsigned count = 0;

    pthread_mutex_lock(&queue->lock);
    for (unsigned i = 0; i < KH_PULL_PLACES; i++)
        count += queue->running[i].pull_id != 0;
    pthread_mutex_unlock(&queue->lock);
    return count;
}

const kh_pull_queue_options *kh_pull_queue_get_options(const kh_pull_queue *queue)
{
    return &queue->options;
}
