#include "viewer/watch/watch.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include "base/clock.h"

struct kh_watched {
    kh_watched *previous, *next; /* watch->lock */
    kh_watch *watch;
    kh_subject subject;
    kh_watch_decide *decide;
    void *context;
    void (*drop)(void *context);
    uint64_t epoch;    /* that it was decided in; the watch's thread */
    atomic_bool shut;
    bool busy, ended;  /* watch->lock; busy: the watch's thread decides about it and frees it when it has ended meanwhile */
};

struct kh_watch {
    kh_watch_options options;
    pthread_t thread;
    bool started;
    pthread_mutex_t lock; /* guards the rest */
    pthread_cond_t stopped;
    bool stop;
    kh_watched *first;
};

static void watched_free(kh_watched *watched)
{
    watched->drop(watched->context);
    free(watched);
}

static void unlink_locked(kh_watched *watched)
{
    *(watched->previous ? &watched->previous->next : &watched->watch->first) = watched->next;
    if (watched->next)
        watched->next->previous = watched->previous;
}

/* --- the thread --- */

bool kh_watch_session_goes_on(const kh_watch *watch, const kh_subject *subject)
{
    return !watch->options.session_goes_on || watch->options.session_goes_on(watch->options.context, subject);
}

static bool may_go_on(kh_watched *watched)
{
    const uint64_t epoch = atomic_load(&watched->watch->options.page->grant_epoch);

    if (!kh_watch_session_goes_on(watched->watch, &watched->subject))
        return false;
    if (watched->epoch == epoch)
        return true;
    watched->epoch = epoch; /* a change during the decision is seen at the next look */
    return watched->decide(watched->context, &watched->subject);
}

/* Called and left with the lock, which is not held meanwhile. Gives the next one. */
static kh_watched *look_at(kh_watched *watched)
{
    kh_watch *watch = watched->watch;
    kh_watched *next;
    bool ended;

    watched->busy = true;
    pthread_mutex_unlock(&watch->lock);
    if (!atomic_load(&watched->shut) && !may_go_on(watched))
        atomic_store(&watched->shut, true);
    pthread_mutex_lock(&watch->lock);
    watched->busy = false;
    next = watched->next;
    ended = watched->ended;
    if (ended) {
        unlink_locked(watched);
        pthread_mutex_unlock(&watch->lock);
        watched_free(watched);
        pthread_mutex_lock(&watch->lock);
        next = watch->first; /* what was behind may have gone: those looked at cost nothing again */
    }
    return next;
}

static void *run(void *argument)
{
    kh_watch *watch = argument;

    pthread_setname_np(pthread_self(), "watch");
    pthread_mutex_lock(&watch->lock);
    while (!watch->stop) {
        struct timespec until;

        for (kh_watched *one = watch->first; one && !watch->stop;)
            one = look_at(one);
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += KH_WATCH_LOOK_MS * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000L;
        until.tv_nsec %= 1000000000L;
        if (!watch->stop)
            pthread_cond_timedwait(&watch->stopped, &watch->lock, &until);
    }
    pthread_mutex_unlock(&watch->lock);
    return NULL;
}

kh_status kh_watch_create(kh_watch **out, const kh_watch_options *options, kh_error *err)
{
    kh_watch *watch = calloc(1, sizeof *watch);
    pthread_condattr_t attributes;

    *out = NULL;
    if (!watch)
        return kh_error_set(err, KH_E_MEMORY, "no memory for a watch");
    watch->options = *options;
    pthread_mutex_init(&watch->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&watch->stopped, &attributes);
    pthread_condattr_destroy(&attributes);
    watch->started = pthread_create(&watch->thread, NULL, run, watch) == 0;
    if (!watch->started) {
        kh_watch_free(watch);
        return kh_error_set(err, KH_E_MEMORY, "the watch's thread cannot start");
    }
    *out = watch;
    return KH_OK;
}

void kh_watch_free(kh_watch *watch)
{
    if (!watch)
        return;
    pthread_mutex_lock(&watch->lock);
    watch->stop = true;
    pthread_cond_signal(&watch->stopped);
    pthread_mutex_unlock(&watch->lock);
    if (watch->started)
        pthread_join(watch->thread, NULL);
    while (watch->first) {
        kh_watched *one = watch->first;

        unlink_locked(one);
        watched_free(one);
    }
    pthread_mutex_destroy(&watch->lock);
    pthread_cond_destroy(&watch->stopped);
    free(watch);
}

/* --- what is watched --- */

kh_watched *kh_watch_begin(kh_watch *watch, const kh_subject *subject, kh_watch_decide *decide, void *context, void (*drop)(void *context))
{
    kh_watched *watched = calloc(1, sizeof *watched);

    if (!watched) {
        drop(context);
        return NULL;
    }
    /* An epoch before every one there is: it is decided at the first look, so that nothing is missed between its first decision and
     * here. */
    *watched = (kh_watched){.watch = watch, .subject = *subject, .decide = decide, .context = context, .drop = drop, .epoch = UINT64_MAX};
    pthread_mutex_lock(&watch->lock);
    watched->next = watch->first;
    if (watched->next)
        watched->next->previous = watched;
    watch->first = watched;
    pthread_mutex_unlock(&watch->lock);
    return watched;
}

bool kh_watched_goes_on(const kh_watched *watched)
{
    return !atomic_load(&watched->shut);
}

void kh_watch_end(kh_watched *watched)
{
    kh_watch *watch = watched ? watched->watch : NULL;
    bool busy;

    if (!watched)
        return;
    pthread_mutex_lock(&watch->lock);
    busy = watched->busy;
    watched->ended = true;
    if (!busy)
        unlink_locked(watched);
    pthread_mutex_unlock(&watch->lock);
    if (!busy)
        watched_free(watched);
}

/* --- answers in pieces --- */

typedef struct guarded {
    kh_watched *watched;
    const kh_http_producer *producer;
    void *context;
} guarded;

static kh_status next(void *context, kh_http_piece *piece, const atomic_bool *cancelled, kh_error *err)
{
    guarded *g = context;

    if (!kh_watched_goes_on(g->watched))
        return kh_error_set(err, KH_E_CANCELLED, "it may not be read any more");
    return g->producer->next(g->context, piece, cancelled, err);
}

static void drop(void *context)
{
    guarded *g = context;

    g->producer->drop(g->context);
    kh_watch_end(g->watched);
    free(g);
}

static bool goes_on(const void *context)
{
    return kh_watched_goes_on(((const guarded *)context)->watched);
}

static const kh_http_producer guarded_producer = {.next = next, .drop = drop, .goes_on = goes_on};

void kh_watch_answer_pieces(kh_watched *watched, kh_http_request *request, unsigned code, const char *content_type, uint64_t size,
                            kh_pool *pool, const kh_http_producer *producer, void *context)
{
    kh_error err = KH_ERROR_INIT;
    guarded *g;

    if (!watched) {
        kh_http_answer_pieces(request, code, content_type, size, pool, producer, context);
        return;
    }
    g = malloc(sizeof *g);
    if (!g) {
        producer->drop(context);
        kh_watch_end(watched);
        kh_error_set(&err, KH_E_MEMORY, "no memory for an answer");
        kh_http_answer_error(request, &err);
        return;
    }
    *g = (guarded){.watched = watched, .producer = producer, .context = context};
    kh_http_answer_pieces(request, code, content_type, size, pool, &guarded_producer, g);
}
