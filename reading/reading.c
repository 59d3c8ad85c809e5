#include "reading/reading.h"

#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/log.h"
#include "cache/readers.h"
#include "reading/internal.h"
#include "reading/schema.h"
#include "store/file.h"

#define READERS_MAX 4
#define AGAIN_MS 1000

struct kh_reading {
    char dir[PATH_MAX];
    unsigned marks_max;
    pthread_mutex_t writing; /* guards all below; held over one transaction, or over opening */
    kh_sql *writer;
    int lock;            /* says that the file is ours */
    int64_t tried_ms;    /* monotonic, when opening failed; INT64_MIN: not yet */
    kh_error why;        /* it failed */
    kh_readers *readers; /* stays once is_open: then it is used without the lock */
    atomic_bool is_open;
};

kh_status kh_reading_open(kh_reading **out, const kh_reading_options *options, kh_error *err)
{
    kh_reading *reading = calloc(1, sizeof *reading);

    *out = NULL;
    if (!reading)
        return kh_error_set(err, KH_E_MEMORY, "no memory for reading.db");
    if (strlen(options->dir) >= sizeof reading->dir) {
        free(reading);
        return kh_error_set(err, KH_E_ARG, "the data folder's path has %zu bytes, expected less than %d", strlen(options->dir), PATH_MAX);
    }
    memcpy(reading->dir, options->dir, strlen(options->dir) + 1);
    reading->marks_max = options->marks_max > 0 ? options->marks_max : KH_READING_MARKS_MAX;
    reading->lock = -1;
    reading->tried_ms = INT64_MIN;
    pthread_mutex_init(&reading->writing, NULL);
    *out = reading;
    return KH_OK;
}

void kh_reading_close(kh_reading *reading)
{
    if (!reading)
        return;
    kh_readers_free(reading->readers);
    kh_sql_close(reading->writer);
    kh_lock_release(reading->lock);
    pthread_mutex_destroy(&reading->writing);
    free(reading);
}

unsigned kh_reading_marks_max(const kh_reading *reading)
{
    return reading->marks_max;
}

static kh_status open_files_locked(kh_reading *reading, kh_error *err)
{
    char path[PATH_MAX + 16];
    kh_status status;

    snprintf(path, sizeof path, "%s/reading.lock", reading->dir);
    status = kh_lock_acquire(&reading->lock, path, err);
    snprintf(path, sizeof path, "%s/reading.db", reading->dir);
    if (status == KH_OK)
        status = kh_sql_open(&reading->writer, path, KH_SQL_WRITER, err);
    if (status == KH_OK)
        status = kh_dir_sync(reading->dir, err);
    if (status == KH_OK)
        status = kh_sql_migrate(reading->writer, kh_reading_scripts, kh_reading_script_count, err);
    if (status == KH_OK)
        status = kh_readers_create(&reading->readers, path, READERS_MAX, err);
    atomic_store(&reading->is_open, status == KH_OK);
    if (status == KH_OK)
        return KH_OK;
    kh_sql_close(reading->writer);
    reading->writer = NULL;
    kh_lock_release(reading->lock);
    reading->lock = -1;
    return kh_error_prefix(err, "reading.db");
}

/* Its failing is told once in the log, and to everybody who asks. */
static kh_status ensure_open_locked(kh_reading *reading, kh_error *err)
{
    int64_t now_ms = kh_clock_monotonic_ms();

    if (atomic_load(&reading->is_open))
        return KH_OK;
    if (reading->tried_ms == INT64_MIN || now_ms - reading->tried_ms >= AGAIN_MS) {
        kh_error why = KH_ERROR_INIT;

        reading->tried_ms = now_ms;
        if (open_files_locked(reading, &why) == KH_OK)
            return KH_OK;
        if (reading->why.status != why.status)
            kh_log(KH_LOG_ERROR, "reading", "marks and settings are not to be had: %s", why.message);
        reading->why = why;
    }
    return kh_error_set(err, reading->why.status, "%s", reading->why.message);
}

kh_status kh_reading_change(kh_reading *reading, kh_reading_function *function, void *context, kh_error *err)
{
    kh_status status;

    pthread_mutex_lock(&reading->writing);
    status = ensure_open_locked(reading, err);
    if (status == KH_OK)
        status = kh_sql_begin(reading->writer, err);
    if (status == KH_OK) {
        status = function(reading, reading->writer, context, err);
        if (status == KH_OK)
            status = kh_sql_commit(reading->writer, err);
        else
            kh_sql_rollback(reading->writer);
    }
    pthread_mutex_unlock(&reading->writing);
    return status;
}

kh_status kh_reading_read(kh_reading *reading, kh_reading_function *function, void *context, kh_error *err)
{
    kh_sql *sql = NULL;
    kh_status status = KH_OK;

    if (!atomic_load(&reading->is_open)) {
        pthread_mutex_lock(&reading->writing);
        status = ensure_open_locked(reading, err);
        pthread_mutex_unlock(&reading->writing);
    }
    if (status != KH_OK)
        return status;
    status = kh_reader_acquire(&sql, reading->readers, err);
    if (status == KH_OK)
        status = function(reading, sql, context, err);
    kh_reader_release(reading->readers, sql);
    return status;
}
