/* check.h - is what we say we have there and readable? Every row has its file, its size, SHA-256 and frame checksums are right,
 * our reader accepts it; every file has its row; the database itself is sound. Reads only; safe beside a running service. */
#ifndef KH_CACHE_CHECK_H
#define KH_CACHE_CHECK_H

#include "cache/cache.h"

typedef struct kh_check_report {
    int64_t objects, bytes; /* rows; bytes of those that are here */
    int64_t away;           /* of these rows: at the hospital, there is no file to be checked */
    int64_t missing, damaged, unindexed, incoming_left, quarantined;
    bool index_sound;
} kh_check_report;

/* problem: one line per finding (object id and path, no patient data); progress: called every few hundred objects. Both may be NULL. */
typedef void kh_check_line(void *context, const char *line);
typedef void kh_check_progress(void *context, int64_t done, int64_t total);
KH_MUST_USE kh_status kh_cache_check(kh_cache *cache, kh_check_report *out, kh_check_line *problem, kh_check_progress *progress,
                                     void *context, kh_error *err);
/* No finding: everything above 0 but objects, bytes, away and quarantined is a finding. */
bool kh_check_clean(const kh_check_report *report);

#endif
