/* clock_at.h - the clocks so far ahead of their time, whatever they were before. */
#ifndef KH_TESTS_ACCESS_CLOCK_AT_H
#define KH_TESTS_ACCESS_CLOCK_AT_H

#include "base/clock.h"

static inline void clock_at(int64_t monotonic_ms, int64_t wall_ms)
{
    static int64_t monotonic_before, wall_before;

    kh_clock_shift_for_test(monotonic_ms - monotonic_before, wall_ms - wall_before);
    monotonic_before = monotonic_ms;
    wall_before = wall_ms;
}

#endif
