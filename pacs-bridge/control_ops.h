/* control_ops.h - what each request of the control socket does. */
#ifndef KH_PACS_BRIDGE_CONTROL_OPS_H
#define KH_PACS_BRIDGE_CONTROL_OPS_H

#include "base/json.h"
#include "pacs-bridge/control.h"

typedef struct kh_control_server {
    kh_cache *cache;
    kh_audit *audit; /* NULL: nothing is recorded */
    char facility_default[65];
    kh_control_pulls pulls; /* members NULL when nobody runs the queue */
} kh_control_server;

/* An operation writes its members into the answer, which stands open, only when it returns KH_OK. */
typedef kh_status kh_control_op(const kh_control_server *server, const kh_json *request, kh_json_writer *answer, kh_error *err);

/* control_changes.c */
kh_control_op kh_op_change_delete, kh_op_change_patient, kh_op_change_study, kh_op_change_undo;
/* control_findings.c */
kh_control_op kh_op_finding_list, kh_op_finding_apply, kh_op_finding_dismiss, kh_op_finding_ask, kh_op_compare_now;
/* control_issuers.c */
kh_control_op kh_op_issuers_begin, kh_op_issuers_step;
/* control_studies.c */
kh_control_op kh_op_study_evict, kh_op_study_recall, kh_op_study_pin, kh_op_study_unpin, kh_op_quarantine_accept, kh_op_quarantine_discard;

/* One request, one answer: a JSON object appended to answer, also for what fails. */
void kh_control_answer(const kh_control_server *server, const char *line, size_t size, kh_buf *answer);

#endif
