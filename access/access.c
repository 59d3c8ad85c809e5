#include "access/access.h"

#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "access/internal.h"
#include "access/schema.h"
#include "base/clock.h"
#include "base/log.h"
#include "cache/readers.h"
#include "store/file.h"

#define READERS_MAX 8
#define MIGRATE_WAIT_MS 5000
#define MIGRATE_LOOK_MS 20
#define SET_BACK_MS 1000 /* a clock that goes back by more was set */

struct kh_access {
    char dir[PATH_MAX];
    kh_page *page;
    bool page_owned;
    kh_readers *readers;
    pthread_mutex_t writing; /* guards writer and moved_to */
    kh_sql *writer;
    int64_t moved_to; /* epoch of the change under way; 0: it moves nothing */
    pthread_mutex_t lock; /* guards stop */
    pthread_cond_t stopping;
    bool watching, stop;
    pthread_t watcher;
};

/* The page says which epoch of the database is told already. Told twice is no harm; not told would be: first the one, then the other. */
static void tell_epoch(kh_page *page, uint64_t value)
{
    uint64_t told = atomic_load(&page->access_epoch), epoch;

    if (value <= told)
        return;
    epoch = atomic_load(&page->grant_epoch);
    while (!atomic_compare_exchange_weak(&page->grant_epoch, &epoch, epoch + 1 > value ? epoch + 1 : value))
        ;
    while (told < value && !atomic_compare_exchange_weak(&page->access_epoch, &told, value))
        ;
}

uint64_t kh_access_epoch(const kh_access *access)
{
    return atomic_load(&access->page->grant_epoch);
}

const char *kh_access_dir(const kh_access *access)
{
    return access->dir;
}

kh_status kh_access_moved(kh_access *access, kh_sql *sql, kh_error *err)
{
    kh_sql_row *row;
    bool has_row = false;
    kh_status status = kh_sql_query(&row, sql, "UPDATE epoch SET value = value + 1 RETURNING value", NULL, 0, err);

    if (status == KH_OK)
        status = kh_sql_next(row, &has_row, err);
    if (status == KH_OK && has_row)
        access->moved_to = kh_sql_int(row, 0);
    if (status == KH_OK) /* to the end: only then the row is written */
        status = kh_sql_next(row, &has_row, err);
    kh_sql_end(row);
    return status;
}

kh_status kh_access_moves_at(kh_sql *sql, int64_t wall_ms, kh_error *err)
{
    return kh_sql_run(sql, "INSERT OR IGNORE INTO moment VALUES (?1)", &KH_SQL_I(wall_ms), 1, NULL, err);
}

kh_status kh_access_change(kh_access *access, kh_access_function *function, void *context, kh_error *err)
{
    kh_status status;

    pthread_mutex_lock(&access->writing);
    access->moved_to = 0;
    status = kh_sql_begin(access->writer, err);
    if (status == KH_OK) {
        status = function(access, access->writer, context, err);
        if (status == KH_OK)
            status = kh_sql_commit(access->writer, err);
        else
            kh_sql_rollback(access->writer);
    }
    if (status == KH_OK && access->moved_to > 0)
        tell_epoch(access->page, (uint64_t)access->moved_to);
    pthread_mutex_unlock(&access->writing);
    return status;
}

kh_status kh_access_read(kh_access *access, kh_access_function *function, void *context, kh_error *err)
{
    kh_sql *sql;
    kh_status status = kh_reader_acquire(&sql, access->readers, err);

    if (status == KH_OK)
        status = function(access, sql, context, err);
    kh_reader_release(access->readers, sql);
    return status;
}

static void take_nothing(kh_sql_row *row, void *context)
{
    (void)row;
    (void)context;
}

kh_status kh_access_one(kh_sql *sql, const char *statement, const kh_sql_value *values, size_t count, kh_sql_take *take, void *context,
                        const char *what, kh_error *err)
{
    kh_status status = kh_sql_first(sql, statement, values, count, take ? take : take_nothing, context, err);

    return status == KH_E_NOT_FOUND ? kh_error_set(err, status, "no such %s", what) : status;
}

/* Two processes that start together must not both make the tables. */
static kh_status migrate(kh_access *access, kh_error *err)
{
    int64_t deadline_ms = kh_clock_monotonic_ms() + MIGRATE_WAIT_MS;
    kh_error ignored = KH_ERROR_INIT;
    char path[PATH_MAX + 16];
    kh_status status;
    int lock = -1;

    snprintf(path, sizeof path, "%s/access.lock", access->dir);
    for (;;) {
        kh_error_clear(&ignored);
        status = kh_lock_acquire(&lock, path, &ignored);
        if (status != KH_E_BUSY || kh_clock_monotonic_ms() >= deadline_ms)
            break;
        kh_clock_sleep_ms(MIGRATE_LOOK_MS);
    }
    if (status != KH_OK)
        return kh_error_set(err, status, "%s", ignored.message);
    status = kh_sql_migrate(access->writer, kh_access_scripts, kh_access_script_count, err);
    kh_lock_release(lock);
    return status;
}

static void take_state(kh_sql_row *row, void *context)
{
    int64_t *state = context;

    state[0] = kh_sql_int(row, 0);
    state[1] = kh_sql_is_null(row, 1) ? INT64_MAX : kh_sql_int(row, 1);
}

/* state: the epoch, and the next moment at which rights become others by themselves. */
static kh_status read_state(kh_access *access, kh_sql *sql, void *state, kh_error *err)
{
    (void)access;
    return kh_access_one(sql, "SELECT value, (SELECT min(at_ms) FROM moment) FROM epoch", NULL, 0, take_state, state, "epoch", err);
}

static kh_status open_all(kh_access *access, kh_error *err)
{
    char path[PATH_MAX + 16];
    int64_t state[2] = {0, 0};
    kh_status status = kh_dir_ensure(access->dir, err);

    snprintf(path, sizeof path, "%s/access.db", access->dir);
    if (status == KH_OK)
        status = kh_sql_open(&access->writer, path, KH_SQL_WRITER, err);
    if (status == KH_OK)
        status = kh_dir_sync(access->dir, err);
    if (status == KH_OK)
        status = migrate(access, err);
    if (status == KH_OK)
        status = kh_readers_create(&access->readers, path, READERS_MAX, err);
    if (status == KH_OK)
        status = kh_access_read(access, read_state, state, err);
    if (status == KH_OK)
        tell_epoch(access->page, (uint64_t)state[0]);
    return status == KH_OK ? KH_OK : kh_error_prefix(err, "access.db");
}

kh_status kh_access_open(kh_access **out, const kh_access_options *options, kh_error *err)
{
    kh_access *access = calloc(1, sizeof *access);
    pthread_condattr_t attributes;
    kh_status status = KH_OK;

    *out = NULL;
    if (!access)
        return kh_error_set(err, KH_E_MEMORY, "no memory for the accounts");
    pthread_mutex_init(&access->writing, NULL);
    pthread_mutex_init(&access->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&access->stopping, &attributes);
    pthread_condattr_destroy(&attributes);
    access->page = options->page;
    if (strlen(options->dir) >= sizeof access->dir)
        status = kh_error_set(err, KH_E_ARG, "the data folder's path has %zu bytes, expected less than %d", strlen(options->dir), PATH_MAX);
    else
        memcpy(access->dir, options->dir, strlen(options->dir) + 1);
    if (status == KH_OK && !access->page) {
        status = kh_page_create(&access->page, err);
        access->page_owned = status == KH_OK;
    }
    if (status == KH_OK)
        status = open_all(access, err);
    if (status != KH_OK)
        kh_access_close(access);
    else
        *out = access;
    return status;
}

/* ---- the watcher ---- */

static kh_status pass_moments(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    int64_t passed = 0;
    kh_status status = kh_sql_run(sql, "DELETE FROM moment WHERE at_ms <= ?1", &KH_SQL_I(*(int64_t *)context), 1, &passed, err);

    return status == KH_OK && passed > 0 ? kh_access_moved(access, sql, err) : status;
}

/* The clock was set back: moments that have passed by it are to come again. */
static kh_status restore_moments(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    kh_status status =
        kh_sql_run(sql,
                   "INSERT OR IGNORE INTO moment SELECT at_ms FROM (SELECT from_ms AS at_ms FROM access_grant WHERE ended_ms = 0"
                   " UNION SELECT to_ms FROM access_grant WHERE ended_ms = 0 UNION SELECT until_ms FROM emergency WHERE ended_ms = 0"
                   " UNION SELECT suspended_until_ms FROM facility UNION SELECT suspended_until_ms FROM person)"
                   " WHERE at_ms > ?1 AND at_ms < 9223372036854775807",
                   &KH_SQL_I(*(int64_t *)context), 1, NULL, err);

    return status == KH_OK ? kh_access_moved(access, sql, err) : status;
}

/* What cannot be looked at may have changed: then no verdict that is kept counts, and new ones fail where they are made. */
static void look(kh_access *access, int64_t *looked_ms, bool *failing)
{
    int64_t state[2] = {0, INT64_MAX}, now_ms = kh_clock_wall_ms();
    kh_error err = KH_ERROR_INIT;
    kh_status status = kh_access_read(access, read_state, state, &err);

    if (status == KH_OK)
        tell_epoch(access->page, (uint64_t)state[0]);
    if (status == KH_OK && now_ms < *looked_ms - SET_BACK_MS)
        status = kh_access_change(access, restore_moments, &now_ms, &err);
    if (status == KH_OK && state[1] <= now_ms)
        status = kh_access_change(access, pass_moments, &now_ms, &err);
    if (status == KH_OK)
        *looked_ms = now_ms;
    if (status != KH_OK) {
        atomic_fetch_add(&access->page->grant_epoch, 1);
        if (!*failing)
            kh_log(KH_LOG_ERROR, "access", "changes of rights cannot be seen, nothing is taken for allowed that is not asked anew: %s",
                   err.message);
    }
    *failing = status != KH_OK;
}

static bool wait_or_stop(kh_access *access)
{
    struct timespec until;
    bool stop;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += KH_ACCESS_LOOK_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&access->lock);
    if (!access->stop)
        pthread_cond_timedwait(&access->stopping, &access->lock, &until);
    stop = access->stop;
    pthread_mutex_unlock(&access->lock);
    return stop;
}

static void *watch(void *argument)
{
    kh_access *access = argument;
    int64_t looked_ms = 0;
    bool failing = false;

    do
        look(access, &looked_ms, &failing);
    while (!wait_or_stop(access));
    return NULL;
}

kh_status kh_access_watch(kh_access *access, kh_error *err)
{
    int code;

    if (access->watching)
        return KH_OK;
    code = pthread_create(&access->watcher, NULL, watch, access);
    if (code != 0)
        return kh_error_errno(err, code, "the watcher of access.db");
    access->watching = true;
    return KH_OK;
}

void kh_access_close(kh_access *access)
{
    if (!access)
        return;
    if (access->watching) {
        pthread_mutex_lock(&access->lock);
        access->stop = true;
        pthread_cond_signal(&access->stopping);
        pthread_mutex_unlock(&access->lock);
        pthread_join(access->watcher, NULL);
    }
    kh_readers_free(access->readers);
    kh_sql_close(access->writer);
    if (access->page_owned)
        kh_page_free(access->page);
    pthread_cond_destroy(&access->stopping);
    pthread_mutex_destroy(&access->lock);
    pthread_mutex_destroy(&access->writing);
    free(access);
}
