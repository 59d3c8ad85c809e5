/* Putting a record and waiting for it. */
#include <pthread.h>
#include "audit/audit.h"

typedef struct waiting {
    pthread_mutex_t lock;
    pthread_cond_t ends;
    bool ended;
    kh_error error;
} waiting;

static void end_waiting(void *context, const kh_error *error)
{
    waiting *w = context;

    pthread_mutex_lock(&w->lock);
    w->error = *error;
    w->ended = true;
    pthread_cond_signal(&w->ends);
    pthread_mutex_unlock(&w->lock);
}

kh_status kh_audit_write(kh_audit *audit, const kh_audit_event *event, kh_error *err)
{
    waiting w = {.lock = PTHREAD_MUTEX_INITIALIZER, .ends = PTHREAD_COND_INITIALIZER};
    kh_status status = kh_audit_put(audit, event, end_waiting, &w, err);

    if (status == KH_OK) {
        pthread_mutex_lock(&w.lock);
        while (!w.ended)
            pthread_cond_wait(&w.ends, &w.lock);
        pthread_mutex_unlock(&w.lock);
        status = w.error.status == KH_OK ? KH_OK : kh_error_set(err, w.error.status, "%s", w.error.message);
    }
    pthread_cond_destroy(&w.ends);
    pthread_mutex_destroy(&w.lock);
    return status;
}
