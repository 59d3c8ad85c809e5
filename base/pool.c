#include "base/pool.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/queue.h"

#define THREADS_MAX 256

typedef struct pool_job {
    kh_pool_job *function;
    void *argument;
} pool_job;

typedef struct pool_thread {
    kh_pool *pool;
    unsigned index;
    pthread_t id;
} pool_thread;

struct kh_pool {
    kh_queue *jobs; /* of pool_job, owned by whoever took it out */
    char name[12];
    unsigned started;
    pool_thread threads[];
};

static void *run(void *argument)
{
    pool_thread *self = argument;
    char name[16];
    pool_job *job;

    snprintf(name, sizeof name, "%s-%u", self->pool->name, self->index % 1000);
    pthread_setname_np(pthread_self(), name);
    while ((job = kh_queue_pop(self->pool->jobs, -1)) != NULL) {
        pool_job taken = *job;

        free(job);
        taken.function(taken.argument, self->index);
    }
    return NULL;
}

kh_status kh_pool_create(kh_pool **out, const char *name, unsigned thread_count, size_t queue_capacity, kh_error *err)
{
    kh_pool *pool;
    kh_status status;

    *out = NULL;
    if (thread_count < 1 || thread_count > THREADS_MAX)
        return kh_error_set(err, KH_E_ARG, "thread count %u, expected 1 to %d", thread_count, THREADS_MAX);
    pool = calloc(1, sizeof *pool + thread_count * sizeof pool->threads[0]);
    if (!pool)
        return kh_error_set(err, KH_E_MEMORY, "no memory for a pool of %u threads", thread_count);
    snprintf(pool->name, sizeof pool->name, "%s", name);
    status = kh_queue_create(&pool->jobs, queue_capacity, err);
    for (unsigned i = 0; status == KH_OK && i < thread_count; i++) {
        pool->threads[i] = (pool_thread){.pool = pool, .index = i};
        if (pthread_create(&pool->threads[i].id, NULL, run, &pool->threads[i]) != 0)
            status = kh_error_set(err, KH_E_MEMORY, "thread %u of pool %s cannot start", i, name);
        else
            pool->started++;
    }
    if (status != KH_OK) {
        kh_pool_stop(pool);
        return status;
    }
    *out = pool;
    return KH_OK;
}

kh_status kh_pool_submit(kh_pool *pool, kh_pool_job *function, void *argument, kh_error *err)
{
    pool_job *job = malloc(sizeof *job);
    kh_status status;

    if (!job)
        return kh_error_set(err, KH_E_MEMORY, "no memory for a job");
    *job = (pool_job){.function = function, .argument = argument};
    status = kh_queue_push(pool->jobs, job, err);
    if (status != KH_OK)
        free(job);
    return status;
}

size_t kh_pool_waiting(kh_pool *pool)
{
    return kh_queue_count(pool->jobs);
}

void kh_pool_stop(kh_pool *pool)
{
    if (!pool)
        return;
    if (pool->jobs)
        kh_queue_close(pool->jobs);
    for (unsigned i = 0; i < pool->started; i++)
        pthread_join(pool->threads[i].id, NULL);
    kh_queue_free(pool->jobs);
    free(pool);
}
