/* compare.h - asks a node, study by study, whether it still has what it gave us: a C-FIND by Study Instance UID, and where it counts fewer
 * objects than we have of it, one by series and instance. Where a round stands is in the index (cache/compares.h): it goes on after a
 * restart.
 *
 * Nothing is ever concluded from a node that fails, refuses or is silent: the round waits. A round in which not one of several studies was
 * found, or in which more than differences_max are new, is not believed. Where the one study that is not there was the only one asked for,
 * a person is told, and nothing is hidden without one. Threads: one at a time. Limits: KH_COMPARE_BATCH_MAX studies of one association. */
#ifndef KH_PACS_BRIDGE_COMPARE_H
#define KH_PACS_BRIDGE_COMPARE_H

#include "cache/compares.h"
#include "pacs-bridge/scu.h"

#define KH_COMPARE_BATCH_MAX 50

typedef struct kh_compare_limits {
    int64_t every_ms;         /* between the beginnings of two rounds of a node; 0: only when asked */
    int64_t apart_ms;         /* two absences that are believed are at least so far apart */
    int64_t studies_per_hour; /* questions, to all nodes together; 1 or more */
    int64_t differences_max;  /* new ones in one round of one node */
    bool hide_gone;           /* without asking anybody */
    bool follow_merged;       /* likewise */
} kh_compare_limits;

typedef struct kh_compare_work {
    kh_cache *cache;
    const kh_scu *scu;
    const char *facility_default; /* of nodes without one */
    const kh_compare_limits *limits;
    int64_t retry_first_ms, retry_longest_ms;
} kh_compare_work;

/* One association's worth of a round that is due. *asked: questions; *more: there is more to do when that many have been paid for. */
KH_MUST_USE kh_status kh_compare_step(const kh_compare_work *work, const kh_node *node, size_t *asked, bool *more, kh_error *err);

/* One study, now, because somebody asks: what is told holds at once where it ends a finding, and waits for the end of a round where it
 * would make one.
 * KH_E_NOT_FOUND when the node is not asked for it. Threads: any. */
KH_MUST_USE kh_status kh_compare_study_now(const kh_compare_work *work, const kh_node *node, int64_t study_id, kh_error *err);

#endif
