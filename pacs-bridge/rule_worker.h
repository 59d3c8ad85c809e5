/* rule_worker.h - one thread that asks hospitals for what rules want: earlier studies, and back-fills day by day. What it finds becomes
 * pulls. Threads: kick and stop by any. */
#ifndef KH_PACS_BRIDGE_RULE_WORKER_H
#define KH_PACS_BRIDGE_RULE_WORKER_H

#include "pacs-bridge/scu.h"
#include "pacs-bridge/service.h"

typedef struct kh_rule_worker kh_rule_worker;

typedef struct kh_rule_worker_options {
    kh_cache *cache;
    const char *ae_title; /* borrowed */
    kh_net_limits limits;
    kh_stop *stop;
    const kh_service_scp *service; /* how nodes are called */
    unsigned attempts_max; /* of looking for earlier studies */
    int64_t retry_first_ms, retry_longest_ms;
    int64_t consent_studies_per_hour; /* consent_prefetch.h */
    void (*filed)(void *context); /* a pull was filed */
    void *context;
} kh_rule_worker_options;

KH_MUST_USE kh_status kh_rule_worker_start(kh_rule_worker **out, const kh_rule_worker_options *options, kh_error *err);
/* stop must have been raised. NULL is welcome. */
void kh_rule_worker_join(kh_rule_worker *worker);
/* There may be something to do. */
void kh_rule_worker_kick(kh_rule_worker *worker);

#endif
