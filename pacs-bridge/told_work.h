/* told_work.h - what is recorded of work that nobody waits for at the time: pulls and sends of the queues, whoever filed them, what rules
 * ask of hospitals, storage commitment, imports. Who is what filed it: a rule or a person. A record for each study: before, durable, and
 * how it ended. What cannot be recorded is put off.
 * Threads: any. service->audit NULL: nothing is recorded. */
#ifndef KH_PACS_BRIDGE_TOLD_WORK_H
#define KH_PACS_BRIDGE_TOLD_WORK_H

#include "base/json.h"
#include "cache/commitments.h"
#include "cache/rules.h"
#include "cache/sends.h"
#include "pacs-bridge/service.h"

/* An attempt is about to ask the hospital for what is missing. KH_E_BUSY: not now. */
KH_MUST_USE kh_status kh_told_pulling(const kh_service_scp *service, const kh_pull *pull, const kh_node *node, kh_error *err);
/* How it stands after an attempt that was told. */
void kh_told_pulled(const kh_service_scp *service, const kh_pull *pull, const kh_node *node);

/* An attempt is about to send its first object. KH_E_BUSY: not now. */
KH_MUST_USE kh_status kh_told_sending_on(const kh_service_scp *service, const kh_send *send, const kh_node *node, kh_error *err);
/* Objects that the node took in this attempt, and did not. */
void kh_told_sent_on(const kh_service_scp *service, const kh_send *send, const kh_node *node, int64_t taken, int64_t refused);

/* A send that is not allowed. */
void kh_told_not_sent(const kh_service_scp *service, const kh_send *send, const kh_node *node, const kh_verdict *verdict);

/* A rule (NULL: a consent that has opened) is about to ask a node for a patient's studies, or for those of a day (YYYYMMDD; patient_id
 * NULL). KH_E_BUSY: not now. */
KH_MUST_USE kh_status kh_told_looking(const kh_service_scp *service, const kh_rule *rule, const kh_node *node, const char *patient_id,
                                      const char *day, kh_error *err);

/* What we promise a node, checked: refs in any order. KH_E_BUSY: not now. */
KH_MUST_USE kh_status kh_told_promising(const kh_service_scp *service, const kh_node *node, const kh_commitment *commitment,
                                        const kh_commitment_ref *refs, size_t count, kh_error *err);
/* What a node has promised us. */
void kh_told_promised(const kh_service_scp *service, const kh_node *node, const kh_commitment *commitment);

/* A command imports: before ("facility", "asked_by"), and of each study at its end ("study", "count", "failed"). Durable. */
KH_MUST_USE kh_status kh_told_import(kh_audit *audit, kh_cache *cache, const kh_json *request, kh_error *err);

#endif
