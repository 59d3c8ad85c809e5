#include "cache/readers.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define READERS_MOST 64
#define WAIT_S 5

struct kh_readers {
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t returned;
    char *path;
    unsigned most, opened, idle_count;
    kh_sql *idle[READERS_MOST]; /* the last given back is the next lent: its statements are warm */
};

kh_status kh_readers_create(kh_readers **out, const char *path, unsigned most, kh_error *err)
{
    kh_readers *readers = NULL;
    pthread_condattr_t attributes;
    kh_status status;

    *out = NULL;
    if (most < 1 || most > READERS_MOST)
        return kh_error_set(err, KH_E_ARG, "readers_max %u, expected 1 to %d", most, READERS_MOST);
    readers = calloc(1, sizeof *readers);
    if (readers)
        readers->path = strdup(path);
    if (!readers || !readers->path) {
        free(readers);
        return kh_error_set(err, KH_E_MEMORY, "no memory for reading connections");
    }
    readers->most = most;
    pthread_mutex_init(&readers->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&readers->returned, &attributes);
    pthread_condattr_destroy(&attributes);
    status = kh_sql_open(&readers->idle[0], path, KH_SQL_READER, err);
    if (status != KH_OK) {
        kh_readers_free(readers);
        return status;
    }
    readers->opened = readers->idle_count = 1;
    *out = readers;
    return KH_OK;
}

void kh_readers_free(kh_readers *readers)
{
    if (!readers)
        return;
    for (unsigned i = 0; i < readers->idle_count; i++)
        kh_sql_close(readers->idle[i]);
    pthread_cond_destroy(&readers->returned);
    pthread_mutex_destroy(&readers->lock);
    free(readers->path);
    free(readers);
}

/* An idle connection, or NULL with leave to open one more. */
static kh_status take(kh_sql **out, kh_readers *readers, kh_error *err)
{
    struct timespec deadline;
    kh_status status = KH_OK;

    *out = NULL;
    clock_gettime(CLOCK_MONOTONIC, &deadline);
    deadline.tv_sec += WAIT_S;
    pthread_mutex_lock(&readers->lock);
    while (readers->idle_count == 0 && readers->opened == readers->most && status == KH_OK)
        if (pthread_cond_timedwait(&readers->returned, &readers->lock, &deadline) == ETIMEDOUT)
            status = kh_error_set(err, KH_E_BUSY, "all %u reading connections are in use", readers->most);
    if (status == KH_OK && readers->idle_count > 0)
        *out = readers->idle[--readers->idle_count];
    else if (status == KH_OK)
        readers->opened++;
    pthread_mutex_unlock(&readers->lock);
    return status;
}

static void forget(kh_readers *readers)
{
    pthread_mutex_lock(&readers->lock);
    readers->opened--;
    pthread_cond_signal(&readers->returned);
    pthread_mutex_unlock(&readers->lock);
}

kh_status kh_reader_acquire(kh_sql **out, kh_readers *readers, kh_error *err)
{
    kh_sql *sql;
    kh_status status = take(&sql, readers, err);

    *out = NULL;
    if (status != KH_OK)
        return status;
    if (!sql)
        status = kh_sql_open(&sql, readers->path, KH_SQL_READER, err);
    if (status == KH_OK)
        status = kh_sql_begin(sql, err);
    if (status != KH_OK) {
        kh_sql_close(sql);
        forget(readers);
        return status;
    }
    *out = sql;
    return KH_OK;
}

void kh_reader_release(kh_readers *readers, kh_sql *sql)
{
    if (!sql)
        return;
    kh_sql_rollback(sql); /* ends the read transaction; there is nothing to lose */
    pthread_mutex_lock(&readers->lock);
    readers->idle[readers->idle_count++] = sql;
    pthread_cond_signal(&readers->returned);
    pthread_mutex_unlock(&readers->lock);
}
