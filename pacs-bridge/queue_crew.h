/* queue_crew.h - the threads of a queue whose jobs are in the index: so many that take any job that is due, and one more that takes only
 * what somebody waits for. They look when they are kicked, and now and then. Threads: any. Lock: one, for the kicks; taken alone. */
#ifndef KH_PACS_BRIDGE_QUEUE_CREW_H
#define KH_PACS_BRIDGE_QUEUE_CREW_H

#include <pthread.h>
#include "dicom/shim/stop.h"
#include "pacs-bridge/node_gate.h"

#define KH_CREW_WORKERS_MAX 16
_Static_assert(KH_GATE_PLACES == KH_CREW_WORKERS_MAX + 1, "a place for each worker");

typedef struct kh_crew_work {
    /* Takes a job and runs it. KH_E_NOT_FOUND: none is due; whatever else fails is told in the log, once in a row. reserved: only what
     * somebody waits for. */
    kh_status (*run_next)(void *context, bool reserved, kh_error *err);
    void *context;
    const char *area, *jobs; /* in the log: "pull", "jobs" */
    kh_stop *stop;           /* ends them */
    unsigned workers;        /* 0 to KH_CREW_WORKERS_MAX; and the one more, unless 0 */
    int64_t look_ms;         /* at most between two looks, 1 or more */
} kh_crew_work;

typedef struct kh_crew {
    kh_crew_work work;
    pthread_mutex_t lock;
    pthread_cond_t kicked;
    uint64_t kicks; /* guarded by lock */
    pthread_t threads[KH_GATE_PLACES]; /* the first is the reserved one */
    unsigned thread_count;
} kh_crew;

void kh_crew_init(kh_crew *crew, const kh_crew_work *work);
/* When it fails, stop has been raised: the crew is to be joined all the same. */
KH_MUST_USE kh_status kh_crew_start(kh_crew *crew, kh_error *err);
/* stop must have been raised. Ends the threads, and what kh_crew_init() made. */
void kh_crew_join(kh_crew *crew);
/* A job may be due: look now. */
void kh_crew_kick(kh_crew *crew);
/* How often that was said. */
uint64_t kh_crew_kicks(kh_crew *crew);

#endif
