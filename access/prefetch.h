/* prefetch.h - when a grant becomes open, the studies it looks back on are pulled before anybody asks [AZ-29]. What is due is a row,
 * written in the transaction that opens the grant; the bridge takes one after the other and says when its pulls are filed. A grant that
 * begins later is due then; one that was shut meanwhile is passed over. Threads: any; one taker. */
#ifndef KH_ACCESS_PREFETCH_H
#define KH_ACCESS_PREFETCH_H

#include <stdbool.h>
#include "access/patients.h"

typedef struct kh_prefetch {
    int64_t id, grant_id;
    char facility[65], number[KH_PATIENT_NUMBER_SIZE]; /* of the discloser, and the patient ID there */
    char floor[9];       /* first study date that is open; "": all */
    char modalities[256]; /* "": any */
    int64_t tries;       /* that failed */
} kh_prefetch;

/* The next that is due now; *found false without one. The same again until it is done or put off. */
KH_MUST_USE kh_status kh_prefetch_next(kh_access *access, kh_prefetch *out, bool *found, kh_error *err);
/* The pulls are filed, or there is nothing to pull: result says which, 128 bytes at most. */
KH_MUST_USE kh_status kh_prefetch_done(kh_access *access, int64_t id, const char *result, kh_error *err);
/* It could not be asked now: due again after retry_ms. */
KH_MUST_USE kh_status kh_prefetch_later(kh_access *access, int64_t id, int64_t retry_ms, kh_error *err);
/* How many are due now or later. */
KH_MUST_USE kh_status kh_prefetch_count(kh_access *access, int64_t *out, kh_error *err);

#endif
