#include "base/clock.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

static _Atomic int64_t monotonic_shift_ms;
static _Atomic int64_t wall_shift_ms;

static int64_t read_us(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t kh_clock_monotonic_us(void)
{
    return read_us(CLOCK_MONOTONIC) + atomic_load_explicit(&monotonic_shift_ms, memory_order_relaxed) * 1000;
}

int64_t kh_clock_monotonic_ms(void)
{
    return kh_clock_monotonic_us() / 1000;
}

int64_t kh_clock_monotonic_tick_ms(void)
{
    return read_us(CLOCK_MONOTONIC_COARSE) / 1000 + atomic_load_explicit(&monotonic_shift_ms, memory_order_relaxed);
}

int64_t kh_clock_wall_ms(void)
{
    return read_us(CLOCK_REALTIME) / 1000 + atomic_load_explicit(&wall_shift_ms, memory_order_relaxed);
}

int64_t kh_clock_confirmed_ms(kh_clock_look *last)
{
    kh_clock_look now = {.known = true, .wall_ms = kh_clock_wall_ms(), .monotonic_ms = kh_clock_monotonic_ms()};
    int64_t expected_ms = last->known ? last->wall_ms + (now.monotonic_ms - last->monotonic_ms) : KH_CLOCK_LONG_AGO;

    *last = now;
    return now.wall_ms < expected_ms ? now.wall_ms : expected_ms;
}

void kh_clock_format(char out[KH_CLOCK_TEXT_SIZE], int64_t wall_ms)
{
    int64_t milliseconds = wall_ms % 1000;
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm utc;
    size_t used;

    if (milliseconds < 0) {
        milliseconds += 1000;
        seconds--;
    }
    used = gmtime_r(&seconds, &utc) ? strftime(out, KH_CLOCK_TEXT_SIZE - 5, "%Y-%m-%dT%H:%M:%S", &utc) : 0;
    if (used == 0) /* a year of five digits */
        used = (size_t)snprintf(out, KH_CLOCK_TEXT_SIZE, "0000-00-00T00:00:00");
    snprintf(out + used, 6, ".%03uZ", (unsigned)milliseconds % 1000);
}

void kh_clock_sleep_ms(int64_t duration_ms)
{
    struct timespec left;

    if (duration_ms <= 0)
        return;
    left = (struct timespec){.tv_sec = duration_ms / 1000, .tv_nsec = (duration_ms % 1000) * 1000000};
    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        continue;
}

void kh_clock_shift_for_test(int64_t monotonic_ms, int64_t wall_ms)
{
    atomic_fetch_add(&monotonic_shift_ms, monotonic_ms);
    atomic_fetch_add(&wall_shift_ms, wall_ms);
}
