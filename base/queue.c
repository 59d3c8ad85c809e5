#include "base/queue.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#define CAPACITY_MAX 1048576

struct kh_queue {
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t not_empty;
    size_t capacity, first, count;
    bool closed;
    void *items[];
};

kh_status kh_queue_create(kh_queue **out, size_t capacity, kh_error *err)
{
    kh_queue *queue;
    pthread_condattr_t attributes;

    *out = NULL;
    if (capacity < 1 || capacity > CAPACITY_MAX)
        return kh_error_set(err, KH_E_ARG, "queue capacity %zu, expected 1 to %d", capacity, CAPACITY_MAX);
    queue = calloc(1, sizeof *queue + capacity * sizeof queue->items[0]);
    if (!queue)
        return kh_error_set(err, KH_E_MEMORY, "no memory for a queue of %zu", capacity);
    queue->capacity = capacity;
    pthread_mutex_init(&queue->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&queue->not_empty, &attributes);
    pthread_condattr_destroy(&attributes);
    *out = queue;
    return KH_OK;
}

void kh_queue_free(kh_queue *queue)
{
    if (!queue)
        return;
    pthread_cond_destroy(&queue->not_empty);
    pthread_mutex_destroy(&queue->lock);
    free(queue);
}

kh_status kh_queue_push(kh_queue *queue, void *item, kh_error *err)
{
    kh_status status = KH_OK;

    pthread_mutex_lock(&queue->lock);
    if (queue->closed) {
        status = kh_error_set(err, KH_E_CANCELLED, "the queue is closed");
    } else if (queue->count == queue->capacity) {
        status = kh_error_set(err, KH_E_BUSY, "the queue of %zu is full", queue->capacity);
    } else {
        queue->items[(queue->first + queue->count) % queue->capacity] = item;
        queue->count++;
        pthread_cond_signal(&queue->not_empty);
    }
    pthread_mutex_unlock(&queue->lock);
    return status;
}

static struct timespec deadline_after(int64_t timeout_ms)
{
    struct timespec when;

    clock_gettime(CLOCK_MONOTONIC, &when);
    when.tv_sec += timeout_ms / 1000;
    when.tv_nsec += (timeout_ms % 1000) * 1000000;
    if (when.tv_nsec >= 1000000000) {
        when.tv_sec++;
        when.tv_nsec -= 1000000000;
    }
    return when;
}

void *kh_queue_pop(kh_queue *queue, int64_t timeout_ms)
{
    struct timespec deadline = deadline_after(timeout_ms < 0 ? 0 : timeout_ms);
    void *item = NULL;

    pthread_mutex_lock(&queue->lock);
    while (queue->count == 0 && !queue->closed && timeout_ms != 0) {
        if (timeout_ms < 0)
            pthread_cond_wait(&queue->not_empty, &queue->lock);
        else if (pthread_cond_timedwait(&queue->not_empty, &queue->lock, &deadline) == ETIMEDOUT)
            break;
    }
    if (queue->count > 0) {
        item = queue->items[queue->first];
        queue->first = (queue->first + 1) % queue->capacity;
        queue->count--;
    }
    pthread_mutex_unlock(&queue->lock);
    return item;
}

void kh_queue_close(kh_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    queue->closed = true;
    pthread_cond_broadcast(&queue->not_empty);
    pthread_mutex_unlock(&queue->lock);
}

size_t kh_queue_count(kh_queue *queue)
{
    size_t count;

    pthread_mutex_lock(&queue->lock);
    count = queue->count;
    pthread_mutex_unlock(&queue->lock);
    return count;
}
