#include "audit/audit_internal.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/log.h"

#define LOOK_MS 500 /* between two looks whether a checkpoint is due */
#define REASON "the record of access cannot be written now, and nothing is served without it"

typedef kh_audit_item item;
typedef kh_audit_waiter waiter;

const kh_audit_options kh_audit_options_default = {.roll_bytes = 64u << 20,
                                                   .group_ms = 600000,
                                                   .checkpoint_ms = 60000,
                                                   .checkpoint_records = 1000,
                                                   .queue_max = 8192};

/* ---- the thread ---- */

/* That the reserve is being used, once; and once that it is whole again. */
static void tell_reserve(kh_audit *audit, uint64_t reserved)
{
    bool low = audit->chain && kh_audit_chain_is_low(audit->chain);

    if (low && !audit->reserve_low)
        kh_log(KH_LOG_WARN, "audit", "%s: the disk has no room for the record of access; its reserve lasts for %" PRIu64 " bytes more",
               audit->options.role, reserved);
    if (!low && audit->reserve_low)
        kh_log(KH_LOG_INFO, "audit", "%s: the reserve of the record of access is whole again", audit->options.role);
    audit->reserve_low = low;
}

static void tell(kh_audit *audit, const kh_error *err, size_t failed)
{
    uint64_t reserved = audit->chain ? kh_audit_chain_reserved(audit->chain) : 0;
    bool was;

    tell_reserve(audit, reserved);
    pthread_mutex_lock(&audit->lock);
    was = audit->stats.failing;
    audit->stats.reserved_bytes = reserved;
    audit->stats.failing = err->status != KH_OK;
    audit->stats.refused += failed;
    audit->stats.commits++;
    pthread_mutex_unlock(&audit->lock);
    if (!was && err->status != KH_OK)
        kh_log(KH_LOG_ERROR, "audit", "%s: %s: access is refused until it can be recorded", audit->options.role, err->message);
    if (was && err->status == KH_OK)
        kh_log(KH_LOG_INFO, "audit", "%s: access is recorded again", audit->options.role);
    audit->refused_since = err->status == KH_OK ? 0 : audit->refused_since + failed;
}

static void remove_from_bucket_locked(kh_audit *audit, const item *one)
{
    item **at = &audit->buckets[one->key % KH_AUDIT_BUCKETS];

    while (*at != one)
        at = &(*at)->next_of_key;
    *at = one->next_of_key;
}

/* A key is seen before its item leaves its bucket, so that nobody finds neither. */
static void finish(kh_audit *audit, item *one, const kh_error *error)
{
    waiter *more, *next;
    size_t count = 1;

    if (one->key && error->status == KH_OK)
        kh_audit_seen_add(audit->seen, one->key, one->for_ms);
    pthread_mutex_lock(&audit->lock);
    if (one->key)
        remove_from_bucket_locked(audit, one);
    for (more = one->more; more; more = more->next)
        count++;
    audit->waiting -= count;
    audit->stats.records += error->status == KH_OK ? 1 : 0;
    pthread_mutex_unlock(&audit->lock);
    if (one->first.done)
        one->first.done(one->first.context, error);
    for (more = one->more; more; more = next) {
        next = more->next;
        more->done(more->context, error);
        free(more);
    }
    free(one);
}

/* Up to KH_AUDIT_COMMIT_RECORDS items from the front. */
static item *take_locked(kh_audit *audit)
{
    item *taken = audit->first, *end = taken;

    for (size_t i = 1; end && i < KH_AUDIT_COMMIT_RECORDS && end->next; i++)
        end = end->next;
    audit->first = end ? end->next : NULL;
    if (!audit->first)
        audit->last = NULL;
    if (end)
        end->next = NULL;
    return taken;
}

static void serve(kh_audit *audit, item *items, bool sign)
{
    kh_error err = KH_ERROR_INIT, told = KH_ERROR_INIT;
    size_t count = 0;
    kh_status status = kh_audit_commit(audit, items, sign, &err);

    for (const item *one = items; one; one = one->next)
        count++;
    tell(audit, &err, status == KH_OK ? 0 : count);
    if (status != KH_OK)
        kh_error_set(&told, KH_E_BUSY, REASON);
    while (items) {
        item *next = items->next;

        finish(audit, items, &told);
        items = next;
    }
}

static void wait_locked(kh_audit *audit)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += LOOK_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    pthread_cond_timedwait(&audit->wakes, &audit->lock, &until);
}

static void *run(void *context)
{
    kh_audit *audit = context;
    bool ends = false;

    while (!ends) {
        item *items;
        bool due;

        pthread_mutex_lock(&audit->lock);
        if (!audit->first && !audit->closing)
            wait_locked(audit);
        items = take_locked(audit);
        ends = audit->closing && !items;
        pthread_mutex_unlock(&audit->lock);
        due = audit->unsigned_count > 0 && kh_clock_monotonic_ms() - audit->signed_ms >= audit->options.checkpoint_ms;
        if (items || due)
            serve(audit, items, due);
    }
    if (kh_audit_add_stop(audit) == KH_OK)
        serve(audit, NULL, true);
    return NULL;
}

/* ---- opening and closing ---- */

static kh_status start(kh_audit *audit, kh_error *err)
{
    pthread_condattr_t attributes;
    kh_error why = KH_ERROR_INIT;
    kh_status status;

    pthread_mutex_init(&audit->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&audit->wakes, &attributes);
    pthread_condattr_destroy(&attributes);
    status = kh_audit_seen_create(&audit->seen, err);
    if (status != KH_OK)
        return status;
    if (kh_audit_open_chain(audit, &why) != KH_OK && why.status != KH_E_FULL)
        return kh_error_set(err, why.status, "the record of access: %s", why.message);
    if (why.status != KH_OK)
        tell(audit, &why, 0);
    audit->signed_ms = kh_clock_monotonic_ms();
    audit->thread_runs = pthread_create(&audit->thread, NULL, run, audit) == 0;
    return audit->thread_runs ? KH_OK : kh_error_set(err, KH_E_MEMORY, "no thread for the record of access");
}

kh_status kh_audit_open(kh_audit **out, const kh_audit_options *options, kh_error *err)
{
    kh_audit *audit = calloc(1, sizeof *audit);
    kh_status status;

    *out = NULL;
    if (!audit)
        return kh_error_set(err, KH_E_MEMORY, "no memory for the record of access");
    if (strlen(options->dir) >= sizeof audit->dir || strlen(options->role) >= sizeof audit->role) {
        free(audit);
        return kh_error_set(err, KH_E_ARG, "a folder of %zu bytes, expected less", strlen(options->dir));
    }
    audit->options = *options;
    snprintf(audit->dir, sizeof audit->dir, "%s", options->dir);
    snprintf(audit->role, sizeof audit->role, "%s", options->role);
    audit->options.dir = audit->dir;
    audit->options.role = audit->role;
    status = start(audit, err);
    if (status != KH_OK) {
        kh_audit_close(audit);
        return status;
    }
    *out = audit;
    return KH_OK;
}

void kh_audit_close(kh_audit *audit)
{
    if (!audit)
        return;
    pthread_mutex_lock(&audit->lock);
    audit->closing = true;
    pthread_cond_signal(&audit->wakes);
    pthread_mutex_unlock(&audit->lock);
    if (audit->thread_runs)
        pthread_join(audit->thread, NULL);
    kh_audit_chain_close(audit->chain);
    kh_audit_seen_free(audit->seen);
    pthread_cond_destroy(&audit->wakes);
    pthread_mutex_destroy(&audit->lock);
    free(audit);
}

/* ---- putting ---- */

static item *make_item(const kh_audit_event *event, uint64_t key, int64_t for_ms, kh_audit_done *done, void *context)
{
    char record[KH_AUDIT_RECORD_MAX];
    size_t size = kh_audit_event_write(record, event, kh_clock_wall_ms());
    item *one = size ? malloc(sizeof *one + size) : NULL;

    if (!one)
        return NULL;
    *one = (item){.key = key, .for_ms = for_ms, .first = {.done = done, .context = context}, .size = size};
    memcpy(one->record, record, size);
    return one;
}

static item *find_locked(const kh_audit *audit, uint64_t key)
{
    item *one = audit->buckets[key % KH_AUDIT_BUCKETS];

    while (one && one->key != key)
        one = one->next_of_key;
    return one;
}

static kh_status room_locked(kh_audit *audit, kh_error *err)
{
    if (audit->closing)
        return kh_error_set(err, KH_E_CANCELLED, "the service is ending");
    if (audit->waiting < audit->options.queue_max)
        return KH_OK;
    audit->stats.refused++;
    return kh_error_set(err, KH_E_BUSY, REASON);
}

/* Takes one over when it returns KH_OK. */
static kh_status push_locked(kh_audit *audit, item *one, kh_error *err)
{
    kh_status status = room_locked(audit, err);

    if (status != KH_OK)
        return status;
    if (one->key) {
        one->next_of_key = audit->buckets[one->key % KH_AUDIT_BUCKETS];
        audit->buckets[one->key % KH_AUDIT_BUCKETS] = one;
    }
    *(audit->last ? &audit->last->next : &audit->first) = one;
    audit->last = one;
    audit->waiting++;
    pthread_cond_signal(&audit->wakes);
    return KH_OK;
}

static kh_status follow_locked(kh_audit *audit, item *one, kh_audit_done *done, void *context, kh_error *err)
{
    kh_status status = room_locked(audit, err);
    waiter *more = status == KH_OK && done ? malloc(sizeof *more) : NULL;

    if (status != KH_OK || !done)
        return status;
    if (!more)
        return kh_error_set(err, KH_E_MEMORY, "no memory to wait for a record");
    *more = (waiter){.next = one->more, .done = done, .context = context};
    one->more = more;
    audit->waiting++;
    return KH_OK;
}

static kh_status put(kh_audit *audit, item *one, kh_audit_done *done, void *context, kh_error *err)
{
    kh_error fine = KH_ERROR_INIT;
    item *other;
    bool seen;
    kh_status status;

    if (!one)
        return kh_error_set(err, KH_E_MEMORY, "no memory for a record");
    pthread_mutex_lock(&audit->lock);
    other = one->key ? find_locked(audit, one->key) : NULL;
    seen = one->key && !other && kh_audit_seen_has(audit->seen, one->key);
    if (seen)
        status = KH_OK;
    else if (other)
        status = follow_locked(audit, other, done, context, err);
    else
        status = push_locked(audit, one, err);
    pthread_mutex_unlock(&audit->lock);
    if (status != KH_OK || other || seen)
        free(one);
    if (seen && done)
        done(context, &fine);
    return status;
}

static kh_status without(kh_audit_done *done, void *context)
{
    kh_error fine = KH_ERROR_INIT;

    if (done)
        done(context, &fine);
    return KH_OK;
}

kh_status kh_audit_put(kh_audit *audit, const kh_audit_event *event, kh_audit_done *done, void *context, kh_error *err)
{
    return audit ? put(audit, make_item(event, 0, 0, done, context), done, context, err) : without(done, context);
}

kh_status kh_audit_put_once(kh_audit *audit, uint64_t key, int64_t for_ms, const kh_audit_event *event, kh_audit_done *done, void *context,
                            kh_error *err)
{
    if (!audit)
        return without(done, context);
    return put(audit, make_item(event, key, for_ms > 0 ? for_ms : audit->options.group_ms, done, context), done, context, err);
}

uint64_t kh_audit_once_key(const kh_audit *audit, const char *who, unsigned kind, int64_t id, const char *text)
{
    return audit ? kh_audit_seen_key(audit->seen, who, kind, id, text) : 0;
}

bool kh_audit_lately(const kh_audit *audit, uint64_t key)
{
    return !audit || kh_audit_seen_has(audit->seen, key);
}

void kh_audit_get_stats(kh_audit *audit, kh_audit_stats *out)
{
    *out = (kh_audit_stats){0};
    if (!audit)
        return;
    pthread_mutex_lock(&audit->lock);
    *out = audit->stats;
    pthread_mutex_unlock(&audit->lock);
}
