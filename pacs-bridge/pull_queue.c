#include "pacs-bridge/pull_queue.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "base/clock.h"
#include "base/log.h"
#include "pacs-bridge/pull_job.h"

#define LOOK_MS 1000 /* at most, between two looks for jobs that have become due */
#define WORKERS_MAX 16

typedef struct running_job {
    int64_t pull_id; /* 0: a free place */
    int64_t node_id;
    uint16_t message_id;
    kh_arrivals arrivals;
} running_job;

struct kh_pull_queue {
    kh_pull_queue_options options;
    pthread_mutex_t deciding;         /* a job goes from waiting to running, back, or is cancelled; taken before lock */
    pthread_mutex_t lock;             /* for the table; held for no I/O */
    pthread_cond_t kicked;
    uint64_t kicks;                   /* guarded by lock */
    running_job running[WORKERS_MAX]; /* guarded by lock */
    pthread_t threads[WORKERS_MAX];
    unsigned thread_count;
};

static running_job *find_locked(kh_pull_queue *queue, int64_t pull_id)
{
    for (unsigned i = 0; i < WORKERS_MAX; i++)
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

static kh_status take(kh_pull_queue *queue, kh_pull *pull, kh_error *err)
{
    kh_status status;

    pthread_mutex_lock(&queue->deciding);
    status = kh_pull_take(queue->options.cache, pull, err);
    pthread_mutex_lock(&queue->lock);
    for (unsigned i = 0; status == KH_OK && i < WORKERS_MAX; i++)
        if (queue->running[i].pull_id == 0) {
            queue->running[i] = (running_job){.pull_id = pull->id, .node_id = pull->node_id};
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

static void *worker_main(void *argument)
{
    kh_pull_queue *queue = argument;
    kh_status last = KH_OK;
    uint64_t seen = 0;

    while (!kh_stop_raised(queue->options.stop)) {
        kh_error err = KH_ERROR_INIT;
        kh_pull pull;
        kh_status status = take(queue, &pull, &err);
        if (status == KH_OK) {
            kh_pull_job_run(queue, &pull);
            leave(queue, &pull);
        } else {
            if (status != KH_E_NOT_FOUND && status != last)
                kh_log(KH_LOG_ERROR, "pull", "jobs cannot be read: %s", err.message);
            wait_for_kick(queue, &seen);
        }
        last = status;
    }
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
    if (options->workers > WORKERS_MAX)
        return kh_error_set(err, KH_E_ARG, "pull workers %u, expected 0 to %d", options->workers, WORKERS_MAX);
    queue = calloc(1, sizeof(*queue));
    if (!queue)
        return kh_error_set(err, KH_E_MEMORY, "out of memory");
    queue->options = *options;
    pthread_mutex_init(&queue->deciding, NULL);
    pthread_mutex_init(&queue->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&queue->kicked, &attributes);
    pthread_condattr_destroy(&attributes);
    while (!failed && queue->thread_count < options->workers) {
        failed = pthread_create(&queue->threads[queue->thread_count], NULL, worker_main, queue);
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

unsigned kh_pull_queue_running(kh_pull_queue *queue)
{
    unsigned count = 0;

    pthread_mutex_lock(&queue->lock);
    for (unsigned i = 0; i < WORKERS_MAX; i++)
        count += queue->running[i].pull_id != 0;
    pthread_mutex_unlock(&queue->lock);
    return count;
}

/* --- what arrives --- */

int64_t kh_pull_queue_attribute(kh_pull_queue *queue, int64_t node_id, uint16_t originator_message_id)
{
    int64_t found = 0;

    pthread_mutex_lock(&queue->lock);
    for (unsigned i = 0; i < WORKERS_MAX; i++) {
        const running_job *job = &queue->running[i];
        if (job->pull_id == 0 || job->node_id != node_id)
            continue;
        found = job->pull_id;
        if (originator_message_id != 0 && job->message_id == originator_message_id)
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

void kh_pull_queue_expect(kh_pull_queue *queue, int64_t pull_id, uint16_t message_id)
{
    running_job *job;

    pthread_mutex_lock(&queue->lock);
    job = find_locked(queue, pull_id);
    if (job)
        job->message_id = message_id;
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

const kh_pull_queue_options *kh_pull_queue_get_options(const kh_pull_queue *queue)
{
    return &queue->options;
}
