/* linking.h - what links.c and consents share: inside a change. Of this room only. */
#ifndef KH_ACCESS_LINKING_H
#define KH_ACCESS_LINKING_H

#include "access/access.h"
#include "store/sql.h"

typedef struct kh_linking {
    int64_t a, a_facility, b, b_facility; /* rows of patient and facility */
} kh_linking;

/* Both sides, and what opens with them. */
KH_MUST_USE kh_status kh_linking_make(kh_access *access, kh_sql *sql, const kh_linking *link, const char *by, kh_error *err);
/* Grants that have become open and are not noted yet: their look-back is due [prefetch.h]. */
KH_MUST_USE kh_status kh_prefetch_note(kh_sql *sql, int64_t now_ms, kh_error *err);

#endif
