/* clock.h - time, from one place so that tests can move it.
 * Time-outs and ages use the monotonic clock, which does not jump; the wall clock is for what people read.
 * Threads: any. */
#ifndef KH_BASE_CLOCK_H
#define KH_BASE_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int64_t kh_clock_monotonic_ms(void);
int64_t kh_clock_monotonic_us(void);
/* The same clock as it stood at the system's last tick, up to 10 ms ago: for time-outs of seconds that are set again with every request. */
int64_t kh_clock_monotonic_tick_ms(void);
/* Milliseconds since 1970-01-01 UTC. */
int64_t kh_clock_wall_ms(void);
/* "2026-11-20T21:04:05.123Z". */
#define KH_CLOCK_TEXT_SIZE 25
void kh_clock_format(char out[KH_CLOCK_TEXT_SIZE], int64_t wall_ms);
void kh_clock_sleep_ms(int64_t duration_ms);
/* The wall clock for what cannot be undone once its time has come: no later than what the look before makes of it by the monotonic clock,
 * so that a clock that was set forward counts only when it is so at two looks; KH_CLOCK_LONG_AGO at the first. Begin with zeroes. */
typedef struct kh_clock_look {
    bool known;
    int64_t wall_ms, monotonic_ms;
} kh_clock_look;
#define KH_CLOCK_LONG_AGO (INT64_MIN / 2)
int64_t kh_clock_confirmed_ms(kh_clock_look *last);
/* Tests only: added to what the clocks say from now on. */
void kh_clock_shift_for_test(int64_t monotonic_shift_ms, int64_t wall_shift_ms);

#endif
