#include "pacs-bridge/queue_crew.h"

#include <time.h>
#include "base/log.h"

void kh_crew_init(kh_crew *crew, const kh_crew_work *work)
{
    pthread_condattr_t attributes;

    *crew = (kh_crew){.work = *work};
    pthread_mutex_init(&crew->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&crew->kicked, &attributes);
    pthread_condattr_destroy(&attributes);
}

static void wait_for_kick(kh_crew *crew, uint64_t *seen)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += crew->work.look_ms / 1000;
    until.tv_nsec += crew->work.look_ms % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    pthread_mutex_lock(&crew->lock);
    if (crew->kicks == *seen)
        pthread_cond_timedwait(&crew->kicked, &crew->lock, &until);
    *seen = crew->kicks;
    pthread_mutex_unlock(&crew->lock);
}

static void work(kh_crew *crew, bool reserved)
{
    const kh_crew_work *of = &crew->work;
    kh_status last = KH_OK;
    uint64_t seen = 0;

    while (!kh_stop_raised(of->stop)) {
        kh_error err = KH_ERROR_INIT;
        kh_status status = of->run_next(of->context, reserved, &err);

        if (status == KH_OK) {
            kh_crew_kick(crew); /* its node may have been full */
        } else {
            if (status != KH_E_NOT_FOUND && status != last)
                kh_log(KH_LOG_ERROR, of->area, "%s cannot be read: %s", of->jobs, err.message);
            wait_for_kick(crew, &seen);
        }
        last = status;
    }
}

static void *worker_main(void *argument)
{
    work(argument, false);
    return NULL;
}

static void *reserved_main(void *argument)
{
    work(argument, true);
    return NULL;
}

kh_status kh_crew_start(kh_crew *crew, kh_error *err)
{
    int failed = 0;

    while (!failed && crew->work.workers > 0 && crew->thread_count < crew->work.workers + 1) {
        failed = pthread_create(&crew->threads[crew->thread_count], NULL, crew->thread_count ? worker_main : reserved_main, crew);
        crew->thread_count += !failed;
    }
    if (!failed)
        return KH_OK;
    kh_stop_hard(crew->work.stop);
    return kh_error_errno(err, failed, "starting the %s workers", crew->work.area);
}

void kh_crew_join(kh_crew *crew)
{
    kh_crew_kick(crew);
    for (unsigned i = 0; i < crew->thread_count; i++)
        pthread_join(crew->threads[i], NULL);
    pthread_cond_destroy(&crew->kicked);
    pthread_mutex_destroy(&crew->lock);
}

void kh_crew_kick(kh_crew *crew)
{
    pthread_mutex_lock(&crew->lock);
    crew->kicks++;
    pthread_cond_broadcast(&crew->kicked);
    pthread_mutex_unlock(&crew->lock);
}

uint64_t kh_crew_kicks(kh_crew *crew)
{
    uint64_t kicks;

    pthread_mutex_lock(&crew->lock);
    kicks = crew->kicks;
    pthread_mutex_unlock(&crew->lock);
    return kicks;
}
