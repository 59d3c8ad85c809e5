/* consent_prefetch.h - what a consent opens is fetched before anybody asks [AZ-29]: of each grant that has become open (access/prefetch.h),
 * the patient's studies at the nodes of the discloser within the look-back and of its modalities become pulls, behind whatever a doctor
 * waits for; none of what is here or asked for already. What could not be asked is asked again, with growing delay.
 * Threads: one at a time (the rules' worker). Limits: KH_PRIORS_ASKED_MAX studies of one patient at one node. */
#ifndef KH_PACS_BRIDGE_CONSENT_PREFETCH_H
#define KH_PACS_BRIDGE_CONSENT_PREFETCH_H

#include "access/access.h"
#include "pacs-bridge/scu.h"
#include "pacs-bridge/service.h"

#define KH_CONSENT_ASKED_BY "consent" /* of its pulls, in the queue */

typedef struct kh_consent_prefetch {
    kh_cache *cache;
    kh_access *access;
    const kh_service_scp *service;
    const kh_scu *scu;
    int64_t retry_first_ms, retry_longest_ms;
    int64_t studies_per_hour; /* filed by it, whatever the patient: then what is due waits */
} kh_consent_prefetch;

/* The next that is due, if any. *filed: pulls; *more: there was one, look again. False also while the hour's studies are used up: what is
 * due stays so, and of a patient of whom some are filed the rest follows. */
KH_MUST_USE kh_status kh_consent_prefetch_step(const kh_consent_prefetch *of, size_t *filed, bool *more, kh_error *err);

#endif
