/* events.h - what happened, numbered, in the index: written in the transaction of the change itself, kept for a while, so that
 * whoever was away replays what was missed. The newest number stands in the shared page. */
#ifndef KH_CACHE_EVENTS_H
#define KH_CACHE_EVENTS_H

#include "cache/cache.h"

typedef enum kh_event_kind {
    KH_EVENT_STUDY = 1, /* a study is new, or objects arrived in it: at most one per study and transaction */
    KH_EVENT_PULL = 2,  /* a pull job moved */
    KH_EVENT_NODE = 3,  /* a node was added or removed */
    KH_EVENT_SEND = 4,  /* a send moved */
    KH_EVENT_RULE = 5,  /* a rule was added, changed or removed, or a back-fill moved */
    KH_EVENT_FINDING = 6 /* a comparison of a node ended (its id is 0), or a finding was settled */
} kh_event_kind;

typedef struct kh_event {
    uint64_t seq;
    kh_event_kind kind;
    int64_t id;        /* of the study, pull, node, send, rule or finding */
    int64_t when_ms;   /* wall clock */
} kh_event;

typedef kh_status kh_event_visit(void *context, const kh_event *event);

/* Events after seq, oldest first, at most limit. *gap is true when older ones are no longer kept: reload instead of replaying. */
KH_MUST_USE kh_status kh_events_after(kh_cache *cache, uint64_t seq, int64_t limit, kh_event_visit *visit, void *context,
                                      bool *gap, kh_error *err);

#endif
