/* arrivals.h - studies that are still arriving: a row since the first object of a burst until the study has been quiet for a while. The
 * rows hold no time: who watches them (pacs-bridge/watch.h) measures the silence with a clock that does not jump. Threads: any. Writes:
 * the owner only. */
#ifndef KH_CACHE_ARRIVALS_H
#define KH_CACHE_ARRIVALS_H

#include "cache/pulls.h"

typedef struct kh_arriving {
    int64_t study_id;
    int64_t revision; /* moves with every object */
    int64_t object_count;
    int64_t compared; /* objects that were here when the hospital was asked again after a silence; -1: not yet */
    char facility[65], study_uid[KH_UID_SIZE];
    char looked[200]; /* the kinds of series that rules have been asked about, see kh_arriving_note_looked() */
    int64_t pull_id;  /* the newest pull of the study, 0 when there is none */
    int64_t pull_node_id, pull_rule_id;
    kh_pull_state pull_state;
    int32_t pull_priority;
} kh_arriving;

typedef kh_status kh_arriving_visit(void *context, const kh_arriving *arriving);

/* By study id. */
KH_MUST_USE kh_status kh_arriving_list(kh_cache *cache, int64_t limit, kh_arriving_visit *visit, void *context, kh_error *err);
/* The hospital has been asked again when this many were here. */
KH_MUST_USE kh_status kh_arriving_note_compared(kh_cache *cache, int64_t study_id, int64_t object_count, kh_error *err);
/* Cut to what fits. */
KH_MUST_USE kh_status kh_arriving_note_looked(kh_cache *cache, int64_t study_id, const char *looked, kh_error *err);
/* It is quiet: no longer arriving, an event goes out. KH_E_CONFLICT when another object came since `revision`. */
KH_MUST_USE kh_status kh_arriving_settle(kh_cache *cache, int64_t study_id, int64_t revision, kh_error *err);

#endif
