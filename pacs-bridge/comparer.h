/* comparer.h - one thread that compares what is held with what the nodes that gave it have by now, a node after the other, so many studies
 * an hour. Threads: kick and stop by any. */
#ifndef KH_PACS_BRIDGE_COMPARER_H
#define KH_PACS_BRIDGE_COMPARER_H

#include "pacs-bridge/compare.h"
#include "pacs-bridge/service.h"

typedef struct kh_comparer kh_comparer;

typedef struct kh_comparer_options {
    kh_cache *cache;
    kh_stop *stop;
    const kh_service_scp *service; /* how nodes are called */
    kh_compare_limits limits;
    int64_t retry_first_ms, retry_longest_ms;
} kh_comparer_options;

KH_MUST_USE kh_status kh_comparer_start(kh_comparer **out, const kh_comparer_options *options, kh_error *err);
/* stop must have been raised. NULL is welcome. */
void kh_comparer_join(kh_comparer *comparer);
/* A round may have been asked for. */
void kh_comparer_kick(kh_comparer *comparer);

#endif
