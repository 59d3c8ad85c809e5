/* rules.h - what rules do when a study arrives: earlier studies are looked for, objects are sent on. Called by the watch over arrivals
 * (watch.h); the work itself is queued in the index and done by rule_worker.h and send_queue.h.
 * Threads: the watch's; kh_rules_subject any. */
#ifndef KH_PACS_BRIDGE_RULES_H
#define KH_PACS_BRIDGE_RULES_H

#include "cache/arrivals.h"
#include "pacs-bridge/rule_match.h"

#define KH_RULES_SERIES_MAX 4096 /* of a study; those above are not looked at */

/* A study as rules see it. kh_rules_subject_release() in every case. */
typedef struct kh_rules_subject {
    kh_study study;
    kh_buf series;  /* of kh_series */
    kh_buf sources; /* text */
    kh_rule_subject subject;
} kh_rules_subject;
KH_MUST_USE kh_status kh_rules_subject_load(kh_rules_subject *out, kh_cache *cache, int64_t study_id, kh_error *err);
void kh_rules_subject_release(kh_rules_subject *subject);

typedef struct kh_rules {
    kh_cache *cache;
    void (*sends_filed)(void *context);
    void (*lookups_filed)(void *context);
    void *context;
} kh_rules;

/* Objects have come: earlier studies are looked for, what goes at once is sent on. */
KH_MUST_USE kh_status kh_rules_arrived(const kh_rules *rules, const kh_arriving *arriving, kh_error *err);
/* It is all there is: whole studies are sent on. */
KH_MUST_USE kh_status kh_rules_settled(const kh_rules *rules, const kh_arriving *arriving, kh_error *err);

#endif
