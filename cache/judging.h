/* judging.h - who issued the patient IDs of what is stored already (cache/issuers.h), judged again by the rules that hold now: a pass over
 * all studies, in steps, of which each notes in the index how far it came. What an object tells is read from its file, one of each series.
 *
 * A study all of which names an issuer that is none of its hospital's leaves the patient of that number and stands apart, as it would when
 * it came now; one that stands apart and no longer has to becomes its hospital's own patient's. Left as it is what a person has moved
 * (cache/changes.h), what is of several issuers, and what is at its hospital only.
 * Writes: the owner only. Threads: any; steps one at a time. */
#ifndef KH_CACHE_JUDGING_H
#define KH_CACHE_JUDGING_H

#include "cache/cache.h"

#define KH_JUDGING_STUDIES_MAX 1000 /* looked at in one step */

typedef struct kh_judging {
    int64_t began_ms; /* wall clock; 0: there was no pass yet */
    int64_t ended_ms; /* 0: it is under way */
    int64_t position; /* our id of the study looked at last */
    int64_t studies;  /* looked at; of these: */
    int64_t apart;    /* were put apart */
    int64_t back;     /* became their hospital's patient's */
    int64_t left;     /* cannot be judged: several issuers, a patient that has the study already, or files that cannot be read */
    int64_t away;     /* at the hospital only: judged by a pass after they were fetched */
    bool other_rules; /* it was begun with other rules than the cache has now */
} kh_judging;

KH_MUST_USE kh_status kh_judging_get(kh_cache *cache, kh_judging *out, kh_error *err);
/* A new pass, unless one by the same rules is under way. rules: what who asks takes for the cache's; KH_E_CONFLICT when it has others. */
KH_MUST_USE kh_status kh_judging_begin(kh_cache *cache, const char *rules, kh_error *err);
/* The next studies of the pass; none when there is none. KH_E_CONFLICT when the rules have changed since it began. */
KH_MUST_USE kh_status kh_judging_step(kh_cache *cache, kh_error *err);

#endif
