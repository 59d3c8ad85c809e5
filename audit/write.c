/* Putting a record and waiting for it. */
#include <pthread.h>
#include <stdlib.h>
#include "audit/audit.h"

struct kh_audit_wait {
    pthread_mutex_t lock;
    pthread_cond_t ends;
    bool ended;
    kh_error error;
};

static void end_waiting(void *context, const kh_error *error)
{
    kh_audit_wait *wait = context;

    pthread_mutex_lock(&wait->lock);
    wait->error = *error;
    wait->ended = true;
    pthread_cond_signal(&wait->ends);
    pthread_mutex_unlock(&wait->lock);
}

static void free_wait(kh_audit_wait *wait)
{
    pthread_cond_destroy(&wait->ends);
    pthread_mutex_destroy(&wait->lock);
    free(wait);
}

kh_status kh_audit_write_begin(kh_audit *audit, const kh_audit_event *event, kh_audit_wait **out, kh_error *err)
{
    kh_audit_wait *wait = calloc(1, sizeof *wait);
    kh_status status;

    *out = NULL;
    if (!wait)
        return kh_error_set(err, KH_E_MEMORY, "no memory for a record");
    pthread_mutex_init(&wait->lock, NULL);
    pthread_cond_init(&wait->ends, NULL);
    status = kh_audit_put(audit, event, end_waiting, wait, err);
    if (status == KH_OK)
        *out = wait;
    else
        free_wait(wait);
    return status;
}

kh_status kh_audit_write_end(kh_audit_wait *wait, kh_error *err)
{
    kh_status status;

    pthread_mutex_lock(&wait->lock);
    while (!wait->ended)
        pthread_cond_wait(&wait->ends, &wait->lock);
    pthread_mutex_unlock(&wait->lock);
    status = wait->error.status == KH_OK ? KH_OK : kh_error_set(err, wait->error.status, "%s", wait->error.message);
    free_wait(wait);
    return status;
}

kh_status kh_audit_write(kh_audit *audit, const kh_audit_event *event, kh_error *err)
{
    kh_audit_wait *wait;
    kh_status status = kh_audit_write_begin(audit, event, &wait, err);

    return status == KH_OK ? kh_audit_write_end(wait, err) : status;
}
