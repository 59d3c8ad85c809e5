#include "cache/committer.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/log.h"
#include "base/queue.h"
#include "cache/text_index.h"
#include "store/file.h"

#define WAITING_MAX 1024
#define GROUP_MAX 256
#define CATCH_UP_WAIT_MS 100
#define LOCK_WAIT_MS 5000 /* counted from the hand-over, whatever the groups before waited */
#define EVENTS_MAX 1024 /* of one transaction */
#define TEXTS_MAX 1000  /* studies whose text is brought up to date in one transaction */

typedef struct job {
    kh_write_function *function;
    void *context;
    uint32_t leaf;
    int64_t until_ms; /* monotonic; nobody waits longer for a lock on the index */
    kh_status status;
    kh_error error;
    sem_t done; /* its own: who waits for a later group sleeps on */
} job;

typedef struct noted_event {
    kh_event_kind kind;
    int64_t id;
} noted_event;

struct kh_write {
    kh_sql *sql;
    int64_t now_ms;
    size_t event_count;
    noted_event events[EVENTS_MAX];
};

struct kh_committer {
    pthread_mutex_t turn; /* held by who writes a group: the thread, or a caller who finds nobody at it. Guards what is the turn's */
    kh_sql *sql;          /* the turn's */
    const kh_paths *paths;
    kh_page *page;
    uint32_t events_kept;
    kh_queue *queue;
    pthread_t thread;
    _Atomic uint64_t groups, functions;
    _Atomic size_t last_count; /* jobs of the last group */
    _Atomic bool is_wanted;    /* the turn, by the thread: nobody goes before it */
    _Atomic bool in_doubt;
    _Atomic bool stopping;
    _Atomic bool texts_behind; /* more studies are due in the text index; set by the turn */
    bool texts_told;           /* the turn's: the log says that it is being made */
    kh_write write;            /* the turn's */
};

kh_sql *kh_write_sql(kh_write *write)
{
    return write->sql;
}

int64_t kh_write_now_ms(const kh_write *write)
{
    return write->now_ms;
}

kh_status kh_write_event(kh_write *write, kh_event_kind kind, int64_t id, kh_error *err)
{
    for (size_t i = 0; i < write->event_count; i++)
        if (write->events[i].kind == kind && write->events[i].id == id)
            return KH_OK;
    if (write->event_count == EVENTS_MAX)
        return kh_error_set(err, KH_E_LIMIT, "%d events in one transaction, expected fewer", EVENTS_MAX + 1);
    write->events[write->event_count++] = (noted_event){.kind = kind, .id = id};
    return KH_OK;
}

static void fail_job(job *j, const kh_error *why)
{
    j->error = *why;
    j->status = why->status;
}

/* Each directory of the group is synced once; a failure is told to every job with an object in it. */
static void sync_leaves(kh_committer *committer, job **jobs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        kh_error err = KH_ERROR_INIT;
        char path[PATH_MAX];
        bool seen = jobs[i]->leaf == KH_NO_LEAF;

        for (size_t k = 0; k < i && !seen; k++)
            seen = jobs[k]->leaf == jobs[i]->leaf;
        if (seen)
            continue;
        kh_path_leaf_dir(path, committer->paths, jobs[i]->leaf);
        if (kh_dir_sync(path, &err) == KH_OK)
            continue;
        for (size_t k = i; k < count; k++)
            if (jobs[k]->leaf == jobs[i]->leaf)
                fail_job(jobs[k], &err);
    }
}

static void run_one(kh_committer *committer, job *j)
{
    kh_write *write = &committer->write;
    size_t events_before = write->event_count;

    j->status = kh_sql_savepoint(committer->sql, &j->error);
    if (j->status != KH_OK)
        return;
    j->status = j->function(write, j->context, &j->error);
    if (j->status == KH_OK)
        j->status = kh_sql_savepoint_release(committer->sql, &j->error);
    if (j->status != KH_OK) {
        kh_sql_savepoint_rollback(committer->sql);
        write->event_count = events_before;
    }
}

/* *newest stays 0 when there was nothing to say. */
static kh_status store_events(kh_committer *committer, uint64_t *newest, kh_error *err)
{
    const kh_write *write = &committer->write;

    *newest = 0;
    for (size_t i = 0; i < write->event_count; i++) {
        const kh_sql_value values[] = {KH_SQL_I(write->events[i].kind), KH_SQL_I(write->events[i].id), KH_SQL_I(write->now_ms)};
        kh_status status =
            kh_sql_run(committer->sql, "INSERT INTO event (kind, ref, when_ms) VALUES (?1, ?2, ?3)", values, 3, NULL, err);

        if (status != KH_OK)
            return status;
        *newest = (uint64_t)kh_sql_last_id(committer->sql);
    }
    if (*newest > committer->events_kept) {
        const kh_sql_value oldest = KH_SQL_I(*newest - committer->events_kept);

        return kh_sql_run(committer->sql, "DELETE FROM event WHERE seq <= ?1", &oldest, 1, NULL, err);
    }
    return KH_OK;
}

static kh_status run_transaction(kh_committer *committer, job **jobs, size_t count, uint64_t *newest, kh_error *err)
{
    bool behind = atomic_load(&committer->texts_behind);
    kh_status status = kh_sql_begin(committer->sql, err);

    if (status != KH_OK)
        return status;
    committer->write.event_count = 0;
    committer->write.now_ms = kh_clock_wall_ms();
    for (size_t i = 0; i < count; i++) {
        if (jobs[i]->status == KH_OK)
            run_one(committer, jobs[i]);
        if (!kh_sql_in_transaction(committer->sql))
            return kh_error_set(err, jobs[i]->status, "%s", jobs[i]->error.message);
    }
    status = store_events(committer, newest, err);
    if (status == KH_OK)
        status = kh_text_index_update(committer->sql, TEXTS_MAX, &behind, err);
    atomic_store(&committer->texts_behind, behind);
    if (status == KH_OK)
        return kh_sql_commit(committer->sql, err);
    kh_sql_rollback(committer->sql);
    return status;
}

static kh_status run_group(kh_committer *committer, job **jobs, size_t count)
{
    kh_error err = KH_ERROR_INIT;
    uint64_t newest = 0;
    kh_status status;

    /* The oldest is the first. Without any the text index catches up, which can be done another time. */
    kh_sql_set_wait(committer->sql, count > 0 ? jobs[0]->until_ms - kh_clock_monotonic_ms() : CATCH_UP_WAIT_MS);
    atomic_store(&committer->last_count, count);
    sync_leaves(committer, jobs, count);
    status = run_transaction(committer, jobs, count, &newest, &err);
    atomic_store(&committer->in_doubt, kh_sql_in_doubt(committer->sql));
    if (status == KH_OK) {
        atomic_fetch_add(&committer->groups, 1);
        atomic_fetch_add(&committer->functions, count);
        if (newest > 0)
            kh_page_publish_event(committer->page, newest);
    } else {
        for (size_t i = 0; i < count; i++)
            if (jobs[i]->status == KH_OK)
                fail_job(jobs[i], &err);
    }
    for (size_t i = 0; i < count; i++)
        sem_post(&jobs[i]->done); /* the job is gone from here on */
    return status;
}

static void take_turn(kh_committer *committer)
{
    atomic_store(&committer->is_wanted, true);
    pthread_mutex_lock(&committer->turn);
    atomic_store(&committer->is_wanted, false);
}

/* An index of an earlier version: its text index is made a piece at a time, whenever nothing else is to be written. */
static void catch_up(kh_committer *committer)
{
    take_turn(committer);
    if (run_group(committer, NULL, 0) != KH_OK) {
        kh_log(KH_LOG_WARN, "cache", "the text index cannot be written; searches look through all studies until it can");
        committer->texts_behind = false; /* the next change tries again */
    } else if (!committer->texts_behind && committer->texts_told) {
        committer->texts_told = false;
        kh_log(KH_LOG_INFO, "cache", "the text index is complete");
    }
    pthread_mutex_unlock(&committer->turn);
}

static void *committer_thread(void *argument)
{
    kh_committer *committer = argument;
    job *jobs[GROUP_MAX];

    for (;;) {
        size_t count = 0;
        bool waits = !committer->texts_behind || atomic_load(&committer->stopping);

        jobs[0] = kh_queue_pop(committer->queue, waits ? -1 : 0);
        if (!jobs[0] && waits)
            return NULL;
        if (!jobs[0]) {
            catch_up(committer);
            continue;
        }
        take_turn(committer);
        do
            count++;
        while (count < GROUP_MAX && (jobs[count] = kh_queue_pop(committer->queue, 0)) != NULL);
        run_group(committer, jobs, count);
        pthread_mutex_unlock(&committer->turn);
    }
}

static kh_status look_at_texts(kh_committer *committer, kh_error *err)
{
    bool complete;
    kh_status status = kh_text_index_is_complete(committer->sql, &complete, err);

    committer->texts_behind = committer->texts_told = status == KH_OK && !complete;
    if (committer->texts_behind)
        kh_log(KH_LOG_INFO, "cache", "the text index is being made; searches look through all studies until it is complete");
    return status;
}

kh_status kh_committer_create(kh_committer **out, kh_sql *sql, const kh_paths *paths, kh_page *page, uint32_t events_kept,
                              kh_error *err)
{
    kh_committer *committer = calloc(1, sizeof *committer);
    kh_status status = KH_OK;

    *out = NULL;
    if (!committer) {
        kh_sql_close(sql);
        return kh_error_set(err, KH_E_MEMORY, "no memory for the index writer");
    }
    pthread_mutex_init(&committer->turn, NULL);
    committer->sql = committer->write.sql = sql;
    committer->paths = paths;
    committer->page = page;
    committer->events_kept = events_kept;
    status = look_at_texts(committer, err);
    if (status == KH_OK)
        status = kh_queue_create(&committer->queue, WAITING_MAX, err);
    if (status == KH_OK) {
        int code = pthread_create(&committer->thread, NULL, committer_thread, committer);

        if (code == 0) {
            pthread_setname_np(committer->thread, "kh-index");
            *out = committer;
            return KH_OK;
        }
        status = kh_error_errno(err, code, "index writer thread");
    }
    kh_queue_free(committer->queue);
    kh_sql_close(sql);
    pthread_mutex_destroy(&committer->turn);
    free(committer);
    return status;
}

void kh_committer_free(kh_committer *committer)
{
    if (!committer)
        return;
    atomic_store(&committer->stopping, true);
    kh_queue_close(committer->queue);
    pthread_join(committer->thread, NULL);
    kh_queue_free(committer->queue);
    kh_sql_close(committer->sql);
    pthread_mutex_destroy(&committer->turn);
    free(committer);
}

static kh_status change_nothing(kh_write *write, void *context, kh_error *err)
{
    (void)write;
    (void)context;
    (void)err;
    return KH_OK;
}

/* An object that comes alone, after another that did, is written by its own thread: waking the other and being woken takes long. Where
 * several come at once, those who wait make a larger group. */
static bool run_alone(kh_committer *committer, job *j)
{
    if (j->leaf == KH_NO_LEAF || atomic_load(&committer->texts_behind) || atomic_load(&committer->last_count) > 1 ||
        atomic_load(&committer->is_wanted) || kh_queue_count(committer->queue) > 0 || pthread_mutex_trylock(&committer->turn) != 0)
        return false;
    run_group(committer, &j, 1);
    pthread_mutex_unlock(&committer->turn);
    if (atomic_load(&committer->texts_behind)) /* the thread goes on with them once it has something to do */
        (void)!kh_committer_run(committer, change_nothing, NULL, KH_NO_LEAF, NULL);
    return true;
}

kh_status kh_committer_run(kh_committer *committer, kh_write_function *function, void *context, uint32_t leaf, kh_error *err)
{
    job j = {.function = function, .context = context, .leaf = leaf, .until_ms = kh_clock_monotonic_ms() + LOCK_WAIT_MS};
    kh_status status;

    sem_init(&j.done, 0, 0);
    status = run_alone(committer, &j) ? KH_OK : kh_queue_push(committer->queue, &j, err);
    if (status != KH_OK) {
        kh_error_prefix(err, "index");
        sem_destroy(&j.done);
        return status;
    }
    while (sem_wait(&j.done) != 0 && errno == EINTR)
        ;
    sem_destroy(&j.done);
    if (j.status != KH_OK)
        kh_error_set(err, j.status, "%s", j.error.message);
    return j.status;
}

bool kh_committer_in_doubt(kh_committer *committer)
{
    return atomic_load(&committer->in_doubt);
}

void kh_committer_get_counts(kh_committer *committer, uint64_t *groups, uint64_t *functions)
{
    *groups = atomic_load(&committer->groups);
    *functions = atomic_load(&committer->functions);
}
