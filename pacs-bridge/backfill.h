/* backfill.h - walks a node's studies day by day, the newest day first, and files them as pulls, so many an hour.
 * Where it stands is in the index (cache/lookups.h): the day under way is asked for again after a restart, and what was filed of it is
 * passed over. A day is never passed over because the hospital does not answer. Threads: one at a time.
 * Limits: KH_BACKFILL_DAY_MAX studies of a day; KH_BACKFILL_OPEN_MAX of its pulls at once. */
#ifndef KH_PACS_BRIDGE_BACKFILL_H
#define KH_PACS_BRIDGE_BACKFILL_H

#include "cache/lookups.h"
#include "pacs-bridge/scu.h"
#include "pacs-bridge/service.h"

#define KH_BACKFILL_DAY_MAX 20000
#define KH_BACKFILL_OPEN_MAX 8

/* One back-fill while it is worked upon; zero to begin with. */
typedef struct kh_backfill_walk {
    int64_t rule_id;
    char day[9]; /* whose studies are listed, "" for none */
    kh_buf studies;
    size_t at;    /* the next to be filed */
    int64_t held; /* of those before */
} kh_backfill_walk;
void kh_backfill_walk_release(kh_backfill_walk *walk);

typedef struct kh_backfill_work {
    kh_cache *cache;
    const kh_service_scp *service; /* whose record tells what is asked for */
    const kh_scu *scu;
    int64_t retry_first_ms, retry_longest_ms;
} kh_backfill_work;

/* As much as can be done now of one day. *filed: so many pulls; *more: there is more to do at once. */
KH_MUST_USE kh_status kh_backfill_step(const kh_backfill_work *work, kh_backfill_walk *walk, const kh_rule *rule, size_t *filed,
                                       bool *more, kh_error *err);

#endif
