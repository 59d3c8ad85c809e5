/* pull_desk.c - what arrives is counted for the job that it belongs to. */
#include <string.h>
#include "pacs-bridge/pull_table.h"

static bool carries(const kh_running_pull *job, uint16_t message_id)
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
    for (unsigned i = 0; i < KH_PULL_PLACES; i++) {
        const kh_running_pull *job = &queue->running[i];
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
    kh_running_pull *job;

    pthread_mutex_lock(&queue->lock);
    job = kh_pull_find_locked(queue, pull_id);
    if (job)
        job->arrivals.bytes += bytes;
    pthread_mutex_unlock(&queue->lock);
}

void kh_pull_queue_note_object(kh_pull_queue *queue, int64_t pull_id, kh_status status, bool duplicate)
{
    kh_running_pull *job;

    pthread_mutex_lock(&queue->lock);
    job = kh_pull_find_locked(queue, pull_id);
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
    kh_running_pull *job;

    pthread_mutex_lock(&queue->lock);
    job = kh_pull_find_locked(queue, pull_id);
    if (job)
        job->message_ids[lane] = message_id;
    pthread_mutex_unlock(&queue->lock);
}

void kh_pull_queue_arrivals(kh_pull_queue *queue, int64_t pull_id, kh_arrivals *out)
{
    const kh_running_pull *job;

    memset(out, 0, sizeof(*out));
    pthread_mutex_lock(&queue->lock);
    job = kh_pull_find_locked(queue, pull_id);
    if (job)
        *out = job->arrivals;
    pthread_mutex_unlock(&queue->lock);
}
