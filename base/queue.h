/* queue.h - a bounded queue of pointers between threads. Full means busy now: the caller says so to whoever asked.
 * Threads: any number on both sides. The queue owns no item. */
#ifndef KH_BASE_QUEUE_H
#define KH_BASE_QUEUE_H

#include <stddef.h>
#include <stdint.h>
#include "base/error.h"

typedef struct kh_queue kh_queue;

/* capacity 1 to 1,048,576 items. */
KH_MUST_USE kh_status kh_queue_create(kh_queue **out, size_t capacity, kh_error *err);
/* No thread may be inside any more; items left are the caller's. */
void kh_queue_free(kh_queue *queue);
/* KH_E_BUSY when full, KH_E_CANCELLED when closed. Never waits. */
KH_MUST_USE kh_status kh_queue_push(kh_queue *queue, void *item, kh_error *err);
/* The oldest item; NULL after timeout_ms (-1: no limit), or when closed and empty. */
void *kh_queue_pop(kh_queue *queue, int64_t timeout_ms);
/* No more pushes; those who wait in pop get what is left, then NULL. */
void kh_queue_close(kh_queue *queue);
size_t kh_queue_count(kh_queue *queue);

#endif
