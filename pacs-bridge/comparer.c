#include "pacs-bridge/comparer.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include "base/clock.h"
#include "base/log.h"

#define LOOK_MS 1000    /* between two looks for what is due */
#define NODES_MAX 10000 /* looked at in one go */
#define HOUR_MS 3600000

struct kh_comparer {
    kh_comparer_options options;
    kh_scu scu;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t kicked;
    uint64_t kicks; /* guarded by lock */
    kh_buf nodes;   /* of kh_node; the thread's */
    bool failed;    /* told in the log */
};

static kh_status keep_node(void *context, const kh_node *node)
{
    kh_comparer *comparer = context;

    return node->host[0] ? kh_buf_append(&comparer->nodes, node, sizeof(*node), NULL) : KH_OK;
}

static void wait_for_kick(kh_comparer *comparer, uint64_t *seen, int64_t wait_ms)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += wait_ms / 1000;
    until.tv_nsec += wait_ms % 1000 * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&comparer->lock);
    if (comparer->kicks == *seen)
        pthread_cond_timedwait(&comparer->kicked, &comparer->lock, &until);
    *seen = comparer->kicks;
    pthread_mutex_unlock(&comparer->lock);
}

/* So many questions were asked: the next may be when they have been paid for. */
static void pay(kh_comparer *comparer, size_t asked, uint64_t *seen)
{
    int64_t until_ms = kh_clock_monotonic_ms() + (int64_t)asked * HOUR_MS / comparer->options.limits.studies_per_hour;
    int64_t left_ms;

    while ((left_ms = until_ms - kh_clock_monotonic_ms()) > 0 && !kh_stop_raised(comparer->options.stop))
        wait_for_kick(comparer, seen, left_ms < LOOK_MS ? left_ms : LOOK_MS);
}

/* One step of each node. True when there is more to do at once. */
static bool step_all(kh_comparer *comparer, uint64_t *seen, kh_error *err)
{
    const kh_comparer_options *options = &comparer->options;
    const kh_compare_work work = {options->cache,   &comparer->scu,          options->service->facility_default,
                                  &options->limits, options->retry_first_ms, options->retry_longest_ms};
    bool any_more = false;

    kh_buf_clear(&comparer->nodes);
    if (kh_node_list(options->cache, keep_node, comparer, err) != KH_OK)
        return false;
    for (size_t i = 0; i < comparer->nodes.size / sizeof(kh_node) && !kh_stop_raised(options->stop); i++) {
        const kh_node *node = (const kh_node *)(const void *)comparer->nodes.data + i; /* malloc'ed: aligned */
        bool more = false;
        size_t asked = 0;

        if (kh_compare_step(&work, node, &asked, &more, err) != KH_OK)
            more = false;
        any_more = any_more || more;
        pay(comparer, asked, seen);
    }
    return any_more;
}

static void *comparer_main(void *argument)
{
    kh_comparer *comparer = argument;
    uint64_t seen = 0;

    while (!kh_stop_raised(comparer->options.stop)) {
        kh_error err = KH_ERROR_INIT;
        bool more = step_all(comparer, &seen, &err);

        if (err.message[0] && !comparer->failed && !kh_stop_raised(comparer->options.stop))
            kh_log(KH_LOG_ERROR, "compare", "%s", err.message);
        comparer->failed = err.message[0] != '\0';
        if (!more)
            wait_for_kick(comparer, &seen, LOOK_MS);
    }
    return NULL;
}

kh_status kh_comparer_start(kh_comparer **out, const kh_comparer_options *options, kh_error *err)
{
    kh_comparer *comparer = calloc(1, sizeof(*comparer));
    pthread_condattr_t attributes;
    int failed;

    *out = NULL;
    if (!comparer)
        return kh_error_set(err, KH_E_MEMORY, "out of memory");
    comparer->options = *options;
    kh_service_scu(options->service, &comparer->scu);
    comparer->scu.wait_ms = 0; /* there are other nodes to ask */
    kh_buf_init(&comparer->nodes, NODES_MAX * sizeof(kh_node));
    pthread_mutex_init(&comparer->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&comparer->kicked, &attributes);
    pthread_condattr_destroy(&attributes);
    failed = pthread_create(&comparer->thread, NULL, comparer_main, comparer);
    if (failed) {
        pthread_cond_destroy(&comparer->kicked);
        pthread_mutex_destroy(&comparer->lock);
        free(comparer);
        return kh_error_errno(err, failed, "starting the comparer");
    }
    *out = comparer;
    return KH_OK;
}

void kh_comparer_join(kh_comparer *comparer)
{
    if (!comparer)
        return;
    kh_comparer_kick(comparer);
    pthread_join(comparer->thread, NULL);
    kh_buf_release(&comparer->nodes);
    pthread_cond_destroy(&comparer->kicked);
    pthread_mutex_destroy(&comparer->lock);
    free(comparer);
}

void kh_comparer_kick(kh_comparer *comparer)
{
    pthread_mutex_lock(&comparer->lock);
    comparer->kicks++;
    pthread_cond_broadcast(&comparer->kicked);
    pthread_mutex_unlock(&comparer->lock);
}
