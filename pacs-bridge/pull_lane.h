/* pull_lane.h - one association of a pull: moves of a study, of a series, and of single instances by lists of their UIDs that get
 * shorter where something does not come: one instance that the hospital cannot send, or that breaks the association, costs only itself.
 * Threads: each lane is used by one. */
#ifndef KH_PACS_BRIDGE_PULL_LANE_H
#define KH_PACS_BRIDGE_PULL_LANE_H

#include <stdatomic.h>
#include "pacs-bridge/pull_move.h"
#include "pacs-bridge/scp.h"

/* What the associations of one job share. */
typedef struct kh_pull_lanes {
    kh_pull_move *move;
    const kh_pull_queue_options *options;
    _Atomic bool ended;        /* one association failed or was told to end: the others end too */
    int64_t here_before, shown_ms;
} kh_pull_lanes;

typedef struct kh_pull_lane {
    kh_pull_lanes *of;
    unsigned index;            /* 0: the worker's */
    bool shows;                /* it notes the progress itself */
    kh_query *query;
    kh_query own;              /* of a lane but the first */
    kh_assoc_request calling;  /* for what comes by C-GET */
    kh_scp incoming;
    uint64_t seen;             /* bytes and objects at the last tick */
    uint16_t final_status;     /* of a move that did not end with success; 0 */
    int64_t failed;            /* sub-operations, as told */
    kh_pull_fate fate;         /* of the newest move */
    uint16_t answer;
    unsigned breaks;           /* associations that a list has ended */
    unsigned fruitless;        /* requests by UID in a row that brought nothing */
} kh_pull_lane;

/* Notes what has arrived in the index, a few times a second at most. */
KH_MUST_USE kh_status kh_pull_lanes_show(kh_pull_lanes *of, const kh_arrivals *arrivals, kh_error *err);

/* An answer that we do not like is no failure of these; instances that do not come have their fate written. */
KH_MUST_USE kh_status kh_pull_lane_study(kh_pull_lane *lane, kh_error *err);
/* [begin, end): its instances in move->there. */
KH_MUST_USE kh_status kh_pull_lane_series(kh_pull_lane *lane, const char *series_uid, size_t begin, size_t end, kh_error *err);
/* The missing ones among there[begin, end), of one series. */
KH_MUST_USE kh_status kh_pull_lane_missing(kh_pull_lane *lane, size_t begin, size_t end, kh_error *err);

#endif
