/* pull_move.h - moving what is missing of a study: one C-MOVE or C-GET after the other, or several series at a time, each on an
 * association of its own. Threads: the worker's, which starts one for each association beside the first and joins them. */
#ifndef KH_PACS_BRIDGE_PULL_MOVE_H
#define KH_PACS_BRIDGE_PULL_MOVE_H

#include "pacs-bridge/pull_queue.h"
#include "pacs-bridge/query.h"
#include "pacs-bridge/uid_set.h"

/* How the newest request that an instance belonged to ended without it. */
typedef enum kh_pull_fate {
    KH_PULL_NOT_ASKED,
    KH_PULL_ANSWERED, /* the move ended with a status */
    KH_PULL_ABORTED,  /* the association ended in the middle of the move */
    KH_PULL_SILENT    /* nothing more was heard, and it was given up */
} kh_pull_fate;

typedef struct kh_pull_instance {
    char series_uid[KH_UID_SIZE], sop_instance_uid[KH_UID_SIZE];
    kh_pull_fate fate;
    uint16_t answer; /* of KH_PULL_ANSWERED */
} kh_pull_instance;

typedef struct kh_pull_move {
    kh_pull_queue *queue;
    kh_pull *pull;           /* `received` and its row follow what arrives */
    const kh_node *node;
    const char *facility;
    const kh_scu *scu;       /* for further associations */
    kh_query *query;         /* open; another association by the end, maybe */
    const kh_uid_set *here;  /* instances of the study that we hold */
    kh_pull_instance *there; /* what the hospital lists, by series; their fates are written */
    size_t there_count;      /* 0: it was not asked */
    const kh_found_series *series; /* what it lists */
    size_t series_count;     /* 0: it was not asked, or does not say */
    bool again;              /* whole series have been asked for just now, */
    bool in_vain;            /* or in an earlier attempt, and nothing has come since */
    /* Out: */
    uint16_t final_status;   /* of a move that did not end with success; 0 */
    int64_t refused_there;   /* failed sub-operations, less those that we refused ourselves */
} kh_pull_move;

/* KH_E_CANCELLED when somebody wants the job to end, we stop or another study goes first. */
KH_MUST_USE kh_status kh_pull_move_run(kh_pull_move *move, kh_error *err);

#endif
