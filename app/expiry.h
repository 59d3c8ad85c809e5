/* expiry.h - each day the log is told what runs out within a month: our own certificate, and those of terminals (AZ-5).
 * Threads: one at a time. */
#ifndef KH_APP_EXPIRY_H
#define KH_APP_EXPIRY_H

#include "app/installing.h"

#define KH_EXPIRY_WARN_DAYS 30

typedef struct kh_expiry {
    int64_t told_ms; /* monotonic; 0: not yet */
} kh_expiry;

/* Does nothing but once a day, and at first. */
void kh_expiry_look(kh_expiry *expiry, const kh_http_door *door, const kh_installing *installing);

#endif
