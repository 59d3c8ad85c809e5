/* seats.c - who has which worker: askers that somebody waits for, and those who work for later while nobody needs the workers. */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "dicom/codec/asker.h"

kh_status kh_codec_create(kh_codec **out, kh_codec_channels *channels, kh_codec_pid_of *pid_of, void *context, kh_error *err)
{
    kh_codec *codec = calloc(1, sizeof *codec);
    pthread_condattr_t attributes;

    *out = NULL;
    if (!codec)
        return kh_error_set(err, KH_E_MEMORY, "no memory for the decoders' asking side");
    codec->channels = channels;
    codec->pid_of = pid_of;
    codec->context = context;
    codec->sequence = (uint64_t)kh_clock_monotonic_us(); /* past every number of an asker before us */
    codec->warned_ms = INT64_MIN / 2;
    for (unsigned i = 0; i < KH_CODEC_WORKERS_MAX; i++)
        codec->slots[i].unsettled = true; /* an asker before us may have left work behind */
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&codec->lock, NULL);
    pthread_cond_init(&codec->free, &attributes);
    pthread_cond_init(&codec->idle, &attributes);
    pthread_condattr_destroy(&attributes);
    *out = codec;
    return KH_OK;
}

void kh_codec_free(kh_codec *codec)
{
    if (!codec)
        return;
    pthread_cond_destroy(&codec->free);
    pthread_cond_destroy(&codec->idle);
    pthread_mutex_destroy(&codec->lock);
    free(codec);
}

static int free_slot_locked(const kh_codec *codec)
{
    int found = -1;

    for (unsigned i = 0; i < codec->channels->options.worker_count; i++) {
        if (codec->slots[i].taken)
            continue;
        if (!codec->slots[i].unsettled)
            return (int)i;
        found = found < 0 ? (int)i : found;
    }
    return found;
}

static struct timespec moment_in(int64_t left_us)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += left_us / 1000000;
    until.tv_nsec += left_us % 1000000 * 1000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    return until;
}

kh_status kh_codec_slot_take(unsigned *out, kh_codec *codec, int64_t deadline_us, kh_error *err)
{
    const struct timespec until = moment_in(deadline_us - kh_clock_monotonic_us());
    int index, waited = 0;

    pthread_mutex_lock(&codec->lock);
    codec->waiting++;
    while ((index = free_slot_locked(codec)) < 0 && waited == 0)
        waited = pthread_cond_timedwait(&codec->free, &codec->lock, &until);
    codec->waiting--;
    if (index >= 0)
        codec->slots[index].taken = true;
    pthread_mutex_unlock(&codec->lock);
    if (index < 0)
        return kh_error_set(err, KH_E_BUSY, "all %u decode workers are busy", codec->channels->options.worker_count);
    *out = (unsigned)index;
    return KH_OK;
}

void kh_codec_slot_give(kh_codec *codec, unsigned index)
{
    pthread_mutex_lock(&codec->lock);
    codec->slots[index].taken = false;
    pthread_cond_signal(&codec->free);
    pthread_cond_signal(&codec->idle);
    pthread_mutex_unlock(&codec->lock);
}

/* Those who wait have been woken for a slot that still counts as free. */
static bool two_are_idle_locked(const kh_codec *codec)
{
    unsigned idle = 0;

    for (unsigned i = 0; i < codec->channels->options.worker_count; i++)
        idle += !codec->slots[i].taken;
    return idle >= codec->waiting + 2;
}

bool kh_codec_seat_take(unsigned *seat, kh_codec *codec, int64_t wait_ms)
{
    const struct timespec until = moment_in(wait_ms * 1000);
    int index = -1, waited = 0;

    if (codec->channels->options.worker_count < 2)
        return false;
    pthread_mutex_lock(&codec->lock);
    while (!two_are_idle_locked(codec) && waited == 0)
        waited = pthread_cond_timedwait(&codec->idle, &codec->lock, &until);
    if (two_are_idle_locked(codec))
        index = free_slot_locked(codec);
    if (index >= 0)
        codec->slots[index].taken = true;
    pthread_mutex_unlock(&codec->lock);
    *seat = index >= 0 ? (unsigned)index : 0;
    return index >= 0;
}

void kh_codec_seat_give(kh_codec *codec, unsigned seat)
{
    kh_codec_slot_give(codec, seat);
}
