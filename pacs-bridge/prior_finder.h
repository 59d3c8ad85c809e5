/* prior_finder.h - the earlier studies of a patient at a node that a prefetch rule wants: asked for by C-FIND, filed as pulls, none
 * twice. Threads: one at a time. Limits: KH_PRIORS_ASKED_MAX studies of one patient. */
#ifndef KH_PACS_BRIDGE_PRIOR_FINDER_H
#define KH_PACS_BRIDGE_PRIOR_FINDER_H

#include "cache/lookups.h"
#include "pacs-bridge/rules.h"
#include "pacs-bridge/scu.h"

#define KH_PRIORS_ASKED_MAX 1000

/* What is decided of each study the node tells of; study_uid and why are borrowed. */
typedef void kh_prior_verdict(void *context, const char *study_uid, const char *date, bool wanted, const char *why);

typedef struct kh_prior_search {
    kh_cache *cache;
    const kh_scu *scu;
    const kh_node *node; /* of the study's own hospital */
    const kh_rule *rule;
    const kh_rule_subject *subject;
    bool file;                 /* else only told */
    kh_prior_verdict *verdict; /* may be NULL */
    void *context;
    int64_t found, filed; /* out */
} kh_prior_search;

KH_MUST_USE kh_status kh_prior_search_run(kh_prior_search *search, kh_error *err);

#endif
