#include "cache/keeper.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include "base/clock.h"
#include "base/log.h"
#include "cache/changes.h"
#include "cache/internal.h"
#include "cache/room.h"
#include "cache/scrub.h"
#include "cache/use.h"

#define ROUND_MS 1000
#define USES_MS 5000
#define PURGE_AGAIN_MS 3600000
#define SCRUB_AGAIN_MS 3600000 /* between two passes, and after a failure */

struct kh_keeper {
    kh_cache *cache;
    pthread_t thread;
    pthread_mutex_t lock; /* guards stop */
    pthread_cond_t stopping;
    bool stop;
    int64_t scrub_again_ms, purge_again_ms; /* monotonic; the thread's */
    kh_clock_look purge_look;
};

static bool wait_or_stop(kh_keeper *keeper)
{
    struct timespec until;
    bool stop;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ROUND_MS / 1000;
    pthread_mutex_lock(&keeper->lock);
    if (!keeper->stop)
        pthread_cond_timedwait(&keeper->stopping, &keeper->lock, &until);
    stop = keeper->stop;
    pthread_mutex_unlock(&keeper->lock);
    return stop;
}

static void tell(kh_status *last, kh_status status, const char *what, const kh_error *err)
{
    if (status != KH_OK && status != *last)
        kh_log(KH_LOG_ERROR, "keeper", "%s: %s", what, err->message);
    *last = status;
}

/* Once a second. What one object takes over the rate is waited for after it. */
static void scrub(kh_keeper *keeper, int64_t *credit, kh_status *last)
{
    int64_t rate = (int64_t)keeper->cache->options.scrub_bytes_per_s, now_ms = kh_clock_monotonic_ms();
    kh_error err = KH_ERROR_INIT;
    kh_scrub_result result;

    if (rate == 0 || atomic_load(&keeper->cache->in_flight) > 0 || now_ms < keeper->scrub_again_ms)
        return;
    *credit = *credit + rate < rate ? *credit + rate : rate;
    if (*credit <= 0)
        return;
    tell(last, kh_scrub_some(keeper->cache, *credit, &result, &err), "objects cannot be read again", &err);
    *credit -= result.bytes;
    if (result.pass_ended || *last != KH_OK)
        keeper->scrub_again_ms = now_ms + SCRUB_AGAIN_MS;
}

static void purge(kh_keeper *keeper, kh_status *last)
{
    kh_error err = KH_ERROR_INIT;
    int64_t objects;

    if (kh_clock_monotonic_ms() < keeper->purge_again_ms)
        return;
    keeper->purge_again_ms = kh_clock_monotonic_ms() + PURGE_AGAIN_MS;
    tell(
        last,
        kh_change_purge(keeper->cache, kh_clock_confirmed_ms(&keeper->purge_look) - keeper->cache->options.deleted_kept_ms, &objects, &err),
        "what was deleted long ago stays", &err);
}

static void *keeper_thread(void *argument)
{
    kh_keeper *keeper = argument;
    kh_status uses_last = KH_OK, room_last = KH_OK, scrub_last = KH_OK, purge_last = KH_OK;
    int64_t credit = 0;
    int64_t uses_ms = kh_clock_monotonic_ms();

    while (!wait_or_stop(keeper)) {
        kh_error err = KH_ERROR_INIT, room_err = KH_ERROR_INIT;
        kh_evicted evicted;

        if (kh_clock_monotonic_ms() - uses_ms >= USES_MS) {
            tell(&uses_last, kh_use_write(keeper->cache, &err), "what was looked at cannot be noted", &err);
            uses_ms = kh_clock_monotonic_ms();
        }
        scrub(keeper, &credit, &scrub_last);
        purge(keeper, &purge_last);
        tell(&room_last, kh_room_keep(keeper->cache, &evicted, &room_err), "no room can be made", &room_err);
        if (evicted.studies > 0)
            kh_log(KH_LOG_INFO, "keeper", "%" PRId64 " studies evicted, %" PRId64 " objects, %" PRId64 " bytes", evicted.studies,
                   evicted.objects, evicted.bytes);
    }
    (void)!kh_use_write(keeper->cache, NULL);
    return NULL;
}

kh_status kh_keeper_start(kh_keeper **out, kh_cache *cache, kh_error *err)
{
    kh_keeper *keeper = calloc(1, sizeof *keeper);
    pthread_condattr_t attributes;
    int code;

    *out = NULL;
    if (!keeper)
        return kh_error_set(err, KH_E_MEMORY, "no memory for the keeper");
    keeper->cache = cache;
    pthread_mutex_init(&keeper->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&keeper->stopping, &attributes);
    pthread_condattr_destroy(&attributes);
    code = pthread_create(&keeper->thread, NULL, keeper_thread, keeper);
    if (code != 0) {
        free(keeper);
        return kh_error_errno(err, code, "keeper thread");
    }
    pthread_setname_np(keeper->thread, "kh-keeper");
    *out = keeper;
    return KH_OK;
}

void kh_keeper_stop(kh_keeper *keeper)
{
    if (!keeper)
        return;
    pthread_mutex_lock(&keeper->lock);
    keeper->stop = true;
    pthread_cond_signal(&keeper->stopping);
    pthread_mutex_unlock(&keeper->lock);
    pthread_join(keeper->thread, NULL);
    pthread_cond_destroy(&keeper->stopping);
    pthread_mutex_destroy(&keeper->lock);
    free(keeper);
}
