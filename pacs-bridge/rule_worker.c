#include "pacs-bridge/rule_worker.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "base/clock.h"
#include "base/log.h"
#include "cache/lookups.h"
#include "cache/node_hours.h"
#include "pacs-bridge/backfill.h"
#include "pacs-bridge/consent_prefetch.h"
#include "pacs-bridge/prior_finder.h"
#include "pacs-bridge/pull_job.h"
#include "pacs-bridge/told_work.h"

#define LOOK_MS 500

struct kh_rule_worker {
    kh_rule_worker_options options;
    kh_scu scu;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t kicked;
    uint64_t kicks; /* guarded by lock */
    kh_backfill_walk walks[KH_RULES_MAX];
    kh_rule backfills[KH_RULES_MAX];
    size_t backfill_count;
    bool failed; /* told in the log */
};

/* --- earlier studies --- */

static kh_status search(kh_rule_worker *worker, kh_lookup *lookup, kh_error *err)
{
    kh_rules_subject subject;
    kh_prior_search of = {.cache = worker->options.cache, .scu = &worker->scu, .file = true};
    kh_rule rule;
    kh_node node;
    kh_status status = kh_rule_by_id(worker->options.cache, lookup->rule_id, &rule, err);

    if (status == KH_OK)
        status = kh_node_by_id(worker->options.cache, lookup->node_id, &node, err);
    if (status == KH_OK && !kh_node_open_now(&node, kh_clock_wall_ms()))
        status = kh_error_set(err, KH_E_DENIED, "outside the hours of the node");
    if (status != KH_OK)
        return status;
    status = kh_rules_subject_load(&subject, worker->options.cache, lookup->study_id, err);
    of.node = &node;
    of.rule = &rule;
    of.subject = &subject.subject;
    if (status == KH_OK)
        status = kh_told_looking(worker->options.service, &rule, &node, subject.study.patient.patient_id, NULL, err);
    if (status == KH_OK)
        status = kh_prior_search_run(&of, err);
    kh_rules_subject_release(&subject);
    lookup->found = of.found;
    lookup->filed += of.filed;
    if (of.filed > 0 && worker->options.filed)
        worker->options.filed(worker->options.context);
    return status;
}

static void conclude(const kh_rule_worker *worker, kh_lookup *lookup, kh_status status, const kh_error *why)
{
    const kh_rule_worker_options *options = &worker->options;
    bool is_final = status == KH_E_NOT_FOUND || status == KH_E_ARG || status == KH_E_UNSUPPORTED;

    snprintf(lookup->reason, sizeof(lookup->reason), "%s", status == KH_OK ? "" : why->message);
    if (status == KH_OK) {
        lookup->state = KH_LOOKUP_DONE;
    } else if (status == KH_E_DENIED || status == KH_E_BUSY) { /* its hours, or its associations are all taken: no attempt */
        lookup->not_before_ms = kh_clock_wall_ms() + (status == KH_E_BUSY ? options->retry_first_ms : options->retry_longest_ms);
    } else if (is_final || ++lookup->attempts >= (int32_t)options->attempts_max) {
        lookup->state = KH_LOOKUP_FAILED;
        kh_log(KH_LOG_WARN, "rule", "earlier studies are not known: %s", why->message);
    } else {
        lookup->not_before_ms = kh_clock_wall_ms() + kh_pull_backoff_ms(options->retry_first_ms, options->retry_longest_ms,
                                                                        lookup->attempts, (unsigned)kh_clock_monotonic_us());
    }
}

/* True when there was one. */
static bool look_up(kh_rule_worker *worker, kh_error *err)
{
    kh_error why = KH_ERROR_INIT;
    kh_lookup lookup;
    kh_status found, status = kh_lookup_next(worker->options.cache, worker->options.retry_longest_ms, &lookup, err);

    if (status != KH_OK)
        return false;
    found = search(worker, &lookup, &why);
    if (found == KH_E_CANCELLED)
        return false; /* we stop: it waits in the index */
    conclude(worker, &lookup, found, &why);
    return kh_lookup_update(worker->options.cache, &lookup, err) == KH_OK;
}

/* --- back-fills --- */

static kh_status keep_backfill(void *context, const kh_rule *rule)
{
    kh_rule_worker *worker = context;

    if (rule->kind == KH_RULE_BACKFILL && worker->backfill_count < KH_RULES_MAX)
        worker->backfills[worker->backfill_count++] = *rule;
    return KH_OK;
}

/* What is remembered of a rule; that of rules that are gone is given back. */
static kh_backfill_walk *walk_of(kh_rule_worker *worker, int64_t rule_id)
{
    kh_backfill_walk *free_one = NULL;

    for (size_t i = 0; i < KH_RULES_MAX; i++) {
        kh_backfill_walk *walk = &worker->walks[i];
        bool is_used = false;

        if (walk->rule_id == rule_id)
            return walk;
        for (size_t r = 0; r < worker->backfill_count; r++)
            is_used = is_used || worker->backfills[r].id == walk->rule_id;
        if (!is_used && !free_one)
            free_one = walk;
    }
    if (free_one) {
        kh_backfill_walk_release(free_one);
        free_one->rule_id = rule_id;
    }
    return free_one;
}

static bool walk_backfills(kh_rule_worker *worker, kh_error *err)
{
    const kh_backfill_work work = {worker->options.cache, worker->options.service, &worker->scu, worker->options.retry_first_ms,
                                   worker->options.retry_longest_ms};
    bool any_more = false;

    worker->backfill_count = 0;
    if (kh_rule_list(worker->options.cache, keep_backfill, worker, err) != KH_OK)
        return false;
    for (size_t i = 0; i < worker->backfill_count && !kh_stop_raised(worker->options.stop); i++) {
        kh_backfill_walk *walk = walk_of(worker, worker->backfills[i].id);
        bool more = false;
        size_t filed = 0;

        if (walk && kh_backfill_step(&work, walk, &worker->backfills[i], &filed, &more, err) != KH_OK)
            more = false;
        if (filed > 0 && worker->options.filed)
            worker->options.filed(worker->options.context);
        any_more = any_more || more;
    }
    return any_more;
}

/* --- what consents open --- */

static bool fetch_what_consents_open(kh_rule_worker *worker, kh_error *err)
{
    const kh_rule_worker_options *options = &worker->options;
    const kh_consent_prefetch of = {options->cache, options->service->access, options->service, &worker->scu, options->retry_first_ms,
                                    options->retry_longest_ms, options->consent_studies_per_hour};
    size_t filed = 0;
    bool more = false;

    if (!of.access || kh_consent_prefetch_step(&of, &filed, &more, err) != KH_OK)
        return false;
    if (filed > 0 && options->filed)
        options->filed(options->context);
    return more;
}

/* --- the thread --- */

static void wait_for_kick(kh_rule_worker *worker, uint64_t *seen)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += LOOK_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&worker->lock);
    if (worker->kicks == *seen)
        pthread_cond_timedwait(&worker->kicked, &worker->lock, &until);
    *seen = worker->kicks;
    pthread_mutex_unlock(&worker->lock);
}

static void *worker_main(void *argument)
{
    kh_rule_worker *worker = argument;
    uint64_t seen = 0;

    while (!kh_stop_raised(worker->options.stop)) {
        kh_error err = KH_ERROR_INIT;
        bool more = fetch_what_consents_open(worker, &err);

        if (!more)
            more = look_up(worker, &err);
        if (!more)
            more = walk_backfills(worker, &err);
        if (err.message[0] && !worker->failed && !kh_stop_raised(worker->options.stop))
            kh_log(KH_LOG_ERROR, "rule", "%s", err.message);
        worker->failed = err.message[0] != '\0';
        if (!more)
            wait_for_kick(worker, &seen);
    }
    return NULL;
}

kh_status kh_rule_worker_start(kh_rule_worker **out, const kh_rule_worker_options *options, kh_error *err)
{
    kh_rule_worker *worker = calloc(1, sizeof(*worker));
    pthread_condattr_t attributes;
    int failed;

    *out = NULL;
    if (!worker)
        return kh_error_set(err, KH_E_MEMORY, "out of memory");
    worker->options = *options;
    kh_service_scu(options->service, &worker->scu);
    worker->scu.wait_ms = 0; /* there are other nodes to ask */
    pthread_mutex_init(&worker->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&worker->kicked, &attributes);
    pthread_condattr_destroy(&attributes);
    failed = pthread_create(&worker->thread, NULL, worker_main, worker);
    if (failed) {
        pthread_cond_destroy(&worker->kicked);
        pthread_mutex_destroy(&worker->lock);
        free(worker);
        return kh_error_errno(err, failed, "starting the rules' worker");
    }
    *out = worker;
    return KH_OK;
}

void kh_rule_worker_join(kh_rule_worker *worker)
{
    if (!worker)
        return;
    kh_rule_worker_kick(worker);
    pthread_join(worker->thread, NULL);
    for (size_t i = 0; i < KH_RULES_MAX; i++)
        kh_backfill_walk_release(&worker->walks[i]);
    pthread_cond_destroy(&worker->kicked);
    pthread_mutex_destroy(&worker->lock);
    free(worker);
}

void kh_rule_worker_kick(kh_rule_worker *worker)
{
    pthread_mutex_lock(&worker->lock);
    worker->kicks++;
    pthread_cond_broadcast(&worker->kicked);
    pthread_mutex_unlock(&worker->lock);
}
