/* pool.h - a fixed number of threads that run jobs from one bounded queue.
 * A job is a function and its argument; each thread has an index, for scratch memory that is reused.
 * Threads: submit from any. stop() runs what was accepted, then joins. */
#ifndef KH_BASE_POOL_H
#define KH_BASE_POOL_H

#include <stddef.h>
#include "base/error.h"

typedef struct kh_pool kh_pool;
typedef void kh_pool_job(void *argument, unsigned thread_index);

/* thread_count 1 to 256, queue_capacity in jobs. name is shown in thread lists, at most 11 bytes used. */
KH_MUST_USE kh_status kh_pool_create(kh_pool **out, const char *name, unsigned thread_count, size_t queue_capacity,
                                     kh_error *err);
/* KH_E_BUSY when the queue is full, KH_E_CANCELLED when stopping. */
KH_MUST_USE kh_status kh_pool_submit(kh_pool *pool, kh_pool_job *job, void *argument, kh_error *err);
size_t kh_pool_waiting(kh_pool *pool);
/* Finish the accepted jobs, join the threads, free. NULL is welcome. */
void kh_pool_stop(kh_pool *pool);

#endif
