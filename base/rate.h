/* rate.h - a limit in bytes per second that several threads share: a bucket that fills with time. Whoever has used bytes is told how
 * long to wait before the next ones; nothing here waits. Threads: any. */
#ifndef KH_BASE_RATE_H
#define KH_BASE_RATE_H

#include <stddef.h>
#include <stdint.h>
#include "base/error.h"

typedef struct kh_rate kh_rate;

/* bytes_per_s 0: no limit. A quarter of a second's worth may be used at once. */
KH_MUST_USE kh_status kh_rate_create(kh_rate **out, int64_t bytes_per_s, kh_error *err);
/* Nobody uses it any more. NULL is welcome. */
void kh_rate_free(kh_rate *rate);
/* From now on. */
void kh_rate_set(kh_rate *rate, int64_t bytes_per_s);
/* bytes were used at now_us (monotonic): microseconds to wait until the bucket is not in debt, 0 when it is not. */
int64_t kh_rate_use(kh_rate *rate, size_t bytes, int64_t now_us);
/* What to use at most before asking again, so that waits stay short: an eighth of a second's worth, 1 KiB at least; SIZE_MAX without a
 * limit. */
size_t kh_rate_part(kh_rate *rate);

#endif
