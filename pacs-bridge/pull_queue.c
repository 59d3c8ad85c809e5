#include "pacs-bridge/pull_queue.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "base/clock.h"
#include "base/log.h"
#include "pacs-bridge/node_gate.h"
#include "pacs-bridge/pull_job.h"
#include "pacs-bridge/service.h"

#define LOOK_MS 1000 /* at most, between two looks for jobs that have become due */
#define WORKERS_MAX 16
#define PLACES KH_GATE_PLACES /* one is kept for what a doctor waits for */
_Static_assert(PLACES == WORKERS_MAX + 1, "a place for each worker");
#define YIELD_LOOK_MS 200
#define BUSY_REST_MS 1000
#define PRIORITY_LAST 2

typedef struct running_job {
    int64_t pull_id; /* 0: a free place */
    int64_t node_id;
    int32_t priority;
    bool reserved;         /* by the worker that is kept for the urgent */
    uint16_t message_ids[KH_PULL_LANES_MAX];
    kh_arrivals arrivals;
    int64_t yield_look_ms; /* monotonic; the last look for somebody more urgent */
    uint64_t yield_kicks;
} running_job;

struct kh_pull_queue {
    kh_pull_queue_options options;
    pthread_mutex_t deciding;         /* a job goes from waiting to running, back, or is cancelled; taken before lock */
    pthread_mutex_t lock;             /* for the table; held for no I/O */
    pthread_cond_t kicked;
    uint64_t kicks;                   /* guarded by lock */
    kh_node_gate gate;                /* looked at after deciding is taken */
    running_job running[PLACES]; /* guarded by lock */
    pthread_t threads[PLACES];    /* the first is the reserved one */
    unsigned thread_count;
};

static running_job *find_locked(kh_pull_queue *queue, int64_t pull_id)
{
    for (unsigned i = 0; i < PLACES; i++)
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

/* Nodes that have as many jobs as they may. */
static size_t full_nodes(const running_job *running, unsigned per_node, int64_t out[KH_PULL_NODES_MAX])
{
    int64_t node_ids[PLACES];

    for (unsigned i = 0; i < PLACES; i++)
        node_ids[i] = running[i].pull_id ? running[i].node_id : 0;
    return kh_node_gate_full(node_ids, per_node, out);
}

void kh_pull_queue_note_busy(kh_pull_queue *queue, int64_t node_id)
{
    kh_node_gate_rest(&queue->gate, node_id, BUSY_REST_MS);
}

static unsigned per_node_limit(const kh_pull_queue *queue, int32_t priority)
{
    return queue->options.per_node + (priority == KH_PULL_URGENT);
}

static kh_status take_between(kh_pull_queue *queue, int32_t priority_min, int32_t priority_max, kh_pull *pull, kh_error *err)
{
    int64_t full[KH_PULL_NODES_MAX];
    kh_pull_choice choice = {priority_min, priority_max, queue->options.retry_longest_ms, full, 0};

    pthread_mutex_lock(&queue->lock);
    choice.nodes_left_out_count = full_nodes(queue->running, per_node_limit(queue, priority_max), full);
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
    for (unsigned i = 0; status == KH_OK && i < PLACES; i++)
        if (queue->running[i].pull_id == 0) {
            queue->running[i] = (running_job){
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
    running_job *job;

    pthread_mutex_lock(&queue->deciding);
    pthread_mutex_lock(&queue->lock);
    job = find_locked(queue, pull->id);
    if (job) {
        cancelled = job->arrivals.cancelled;
        *job = (running_job){0};
    }
    pthread_mutex_unlock(&queue->lock);
    if (cancelled && pull->state == KH_PULL_WAITING) /* said too late for the attempt, in time for the next */
        (void)!cancel_waiting(queue, &now, NULL);
    pthread_mutex_unlock(&queue->deciding);
}

static void wait_for_kick(kh_pull_queue *queue, uint64_t *seen)
{
    int64_t first_ms = queue->options.retry_first_ms, look_ms = first_ms < LOOK_MS ? first_ms : LOOK_MS;
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += look_ms / 1000;
    until.tv_nsec += look_ms % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    pthread_mutex_lock(&queue->lock);
    if (queue->kicks == *seen)
        pthread_cond_timedwait(&queue->kicked, &queue->lock, &until);
    *seen = queue->kicks;
    pthread_mutex_unlock(&queue->lock);
}

static void work(kh_pull_queue *queue, bool reserved)
{
    kh_status last = KH_OK;
    uint64_t seen = 0;

    while (!kh_stop_raised(queue->options.stop)) {
        kh_error err = KH_ERROR_INIT;
        kh_pull pull;
        kh_status status = take(queue, reserved, &pull, &err);
        if (status == KH_OK) {
            kh_pull_job_run(queue, &pull);
            leave(queue, &pull);
            kh_pull_queue_kick(queue); /* its node may have been full */
        } else {
            if (status != KH_E_NOT_FOUND && status != last)
                kh_log(KH_LOG_ERROR, "pull", "jobs cannot be read: %s", err.message);
            wait_for_kick(queue, &seen);
        }
        last = status;
    }
}

static void *worker_main(void *argument)
{
    work(argument, false);
    return NULL;
}

static void *reserved_main(void *argument)
{
    work(argument, true);
    return NULL;
}

/* --- start and stop --- */

kh_status kh_pull_queue_start(kh_pull_queue **out, const kh_pull_queue_options *options, kh_error *err)
{
    pthread_condattr_t attributes;
    kh_pull_queue *queue;
    int failed = 0;

    *out = NULL;
    if (options->retry_first_ms < 1 || options->retry_longest_ms < options->retry_first_ms || options->attempts_max < 1)
        return kh_error_set(err, KH_E_ARG, "pull retry after %lld to %lld ms, %u attempts: expected 1 or more, in order",
                            (long long)options->retry_first_ms, (long long)options->retry_longest_ms, options->attempts_max);
    if (options->series_parallel < 1 || options->series_parallel > KH_PULL_LANES_MAX)
        return kh_error_set(err, KH_E_ARG, "pull series_parallel %u, expected 1 to %d", options->series_parallel, KH_PULL_LANES_MAX);
    if (options->workers > WORKERS_MAX)
        return kh_error_set(err, KH_E_ARG, "pull workers %u, expected 0 to %d", options->workers, WORKERS_MAX);
    if (options->per_node < 1)
        return kh_error_set(err, KH_E_ARG, "pulls per node %u, expected 1 or more", options->per_node);
    queue = calloc(1, sizeof(*queue));
    if (!queue)
        return kh_error_set(err, KH_E_MEMORY, "out of memory");
    queue->options = *options;
    pthread_mutex_init(&queue->deciding, NULL);
    pthread_mutex_init(&queue->lock, NULL);
    kh_node_gate_init(&queue->gate, options->cache);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&queue->kicked, &attributes);
    pthread_condattr_destroy(&attributes);
    while (!failed && options->workers > 0 && queue->thread_count < options->workers + 1) {
        failed = pthread_create(&queue->threads[queue->thread_count], NULL, queue->thread_count ? worker_main : reserved_main, queue);
        if (!failed)
            queue->thread_count++;
    }
    if (failed) {
        kh_stop_hard(options->stop);
        kh_pull_queue_join(queue);
        return kh_error_errno(err, failed, "starting the pull workers");
    }
    *out = queue;
    return KH_OK;
}

void kh_pull_queue_join(kh_pull_queue *queue)
{
    if (!queue)
        return;
    kh_pull_queue_kick(queue);
    for (unsigned i = 0; i < queue->thread_count; i++)
        pthread_join(queue->threads[i], NULL);
    pthread_cond_destroy(&queue->kicked);
    kh_node_gate_release(&queue->gate);
    pthread_mutex_destroy(&queue->lock);
    pthread_mutex_destroy(&queue->deciding);
    free(queue);
}

void kh_pull_queue_kick(kh_pull_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    queue->kicks++;
    pthread_cond_broadcast(&queue->kicked);
    pthread_mutex_unlock(&queue->lock);
}

kh_status kh_pull_queue_cancel(kh_pull_queue *queue, int64_t pull_id, kh_error *err)
{
    kh_status status;
    running_job *job = NULL;
    kh_pull pull;

    pthread_mutex_lock(&queue->deciding);
    status = find_open(queue, pull_id, &pull, err);
    if (status == KH_OK) {
        pthread_mutex_lock(&queue->lock);
        job = find_locked(queue, pull_id);
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
    for (unsigned i = 0; i < PLACES; i++)
        count += queue->running[i].pull_id != 0;
    pthread_mutex_unlock(&queue->lock);
    return count;
}

/* --- what arrives --- */

static bool carries(const running_job *job, uint16_t message_id)
{
    for (unsigned i = 0; i < KH_PULL_LANES_MAX; i++)
        if (job->message_ids[i] == message_id)
            return true;
    return false;
}

int64_t kh_pull_queue_attribute(kh_pull_queue *queue, int64_t node_id, uint16_t originator_message_id)
{
    int64_t found = 0;

    pthread_mutex_lock(&queue->lock);
    for (unsigned i = 0; i < PLACES; i++) {
        const running_job *job = &queue->running[i];
        if (job->pull_id == 0 || job->node_id != node_id)
            continue;
        found = job->pull_id;
        if (originator_message_id != 0 && carries(job, originator_message_id))
            break; /* else the last one of that node: many peers do not tell */
    }
    pthread_mutex_unlock(&queue->lock);
    return found;
}

void kh_pull_queue_note_bytes(kh_pull_queue *queue, int64_t pull_id, size_t bytes)
{
    running_job *job;

    pthread_mutex_lock(&queue->lock);
    job = find_locked(queue, pull_id);
    if (job)
        job->arrivals.bytes += bytes;
    pthread_mutex_unlock(&queue->lock);
}

void kh_pull_queue_note_object(kh_pull_queue *queue, int64_t pull_id, kh_status status, bool duplicate)
{
    running_job *job;

    pthread_mutex_lock(&queue->lock);
    job = find_locked(queue, pull_id);
    if (job && status == KH_OK) {
        job->arrivals.kept += !duplicate;
        job->arrivals.duplicates += duplicate;
    } else if (job) {
        job->arrivals.refused++;
        job->arrivals.refused_status = status;
    }
    pthread_mutex_unlock(&queue->lock);
}

void kh_pull_queue_expect(kh_pull_queue *queue, int64_t pull_id, unsigned lane, uint16_t message_id)
{
    running_job *job;

    pthread_mutex_lock(&queue->lock);
    job = find_locked(queue, pull_id);
    if (job)
        job->message_ids[lane] = message_id;
    pthread_mutex_unlock(&queue->lock);
}

void kh_pull_queue_arrivals(kh_pull_queue *queue, int64_t pull_id, kh_arrivals *out)
{
    const running_job *job;

    memset(out, 0, sizeof(*out));
    pthread_mutex_lock(&queue->lock);
    job = find_locked(queue, pull_id);
    if (job)
        *out = job->arrivals;
    pthread_mutex_unlock(&queue->lock);
}

/* --- making way --- */

static bool less_urgent(const running_job *a, const running_job *b)
{
    return a->priority != b->priority ? a->priority > b->priority : a->pull_id > b->pull_id;
}

/* The one that makes way: the least urgent of all, or of one node. */
static bool is_last(const running_job *running, const running_job *me, bool same_node_only)
{
    for (unsigned i = 0; i < PLACES; i++)
        if (running[i].pull_id != 0 && running[i].pull_id != me->pull_id && less_urgent(&running[i], me) &&
            (!same_node_only || running[i].node_id == me->node_id))
            return false;
    return true;
}

static bool has_worker(const kh_pull_queue *queue, const running_job *running, int32_t priority)
{
    unsigned busy = 0;
    bool reserved_busy = false;

    for (unsigned i = 0; i < PLACES; i++) {
        busy += running[i].pull_id != 0 && !running[i].reserved;
        reserved_busy = reserved_busy || (running[i].pull_id != 0 && running[i].reserved);
    }
    return busy < queue->options.workers || (priority == KH_PULL_URGENT && !reserved_busy);
}

/* Of the jobs with this priority, is there one that could run if this one did not? */
static bool holds_up(kh_pull_queue *queue, const running_job *running, const running_job *me, int32_t priority)
{
    int64_t full[KH_PULL_NODES_MAX];
    kh_pull_choice choice = {priority, priority, queue->options.retry_longest_ms, full, 0};
    size_t count = full_nodes(running, per_node_limit(queue, priority), full);
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
    running_job running[PLACES], me = {0};
    running_job *job;
    kh_pull pull;

    pthread_mutex_lock(&queue->lock);
    job = find_locked(queue, pull_id);
    if (job && (job->yield_kicks != queue->kicks || now_ms - job->yield_look_ms >= YIELD_LOOK_MS)) {
        job->yield_kicks = queue->kicks;
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

const kh_pull_queue_options *kh_pull_queue_get_options(const kh_pull_queue *queue)
{
    return &queue->options;
}
