/* commit_data.h - what Storage Commitment Push Model carries (PS3.4 J.3): the action that asks, the event that reports. Threads: pure. */
#ifndef KH_PACS_BRIDGE_COMMIT_DATA_H
#define KH_PACS_BRIDGE_COMMIT_DATA_H

#include "base/buf.h"
#include "cache/commitments.h"

#define KH_SOP_COMMITMENT_INSTANCE "1.2.840.10008.1.20.1.1" /* the well-known one */
enum { KH_COMMIT_ACTION_REQUEST = 1 };
enum { KH_COMMIT_EVENT_ALL = 1, KH_COMMIT_EVENT_FAILURES = 2 };
#define KH_COMMIT_REF_BYTES_MAX 256 /* of one reference in a data set, its delimiters included */

/* The information of an action (failures not looked at), or of an event. */
typedef struct kh_commit_data {
    char transaction_uid[KH_UID_SIZE];
    kh_commitment_ref *refs; /* owned; of an event with their results */
    size_t count;
} kh_commit_data;

/* transfer_syntax_uid: implicit or explicit little endian. */
KH_MUST_USE kh_status kh_commit_request_build(kh_buf *out, const char *transfer_syntax_uid, const char *transaction_uid,
                                              const kh_commitment_ref *refs, size_t count, kh_error *err);
/* Event type ALL or FAILURES, as the results say. A result that is not known is a processing failure. */
KH_MUST_USE kh_status kh_commit_report_build(kh_buf *out, const char *transfer_syntax_uid, const char *ae_title,
                                             const char *transaction_uid, const kh_commitment_ref *refs, size_t count, uint16_t *event_type,
                                             kh_error *err);
/* KH_E_FORMAT without a transaction, with a reference that has no UIDs, or, of an action, without any; KH_E_LIMIT over refs_max. */
KH_MUST_USE kh_status kh_commit_data_read(kh_commit_data *out, const uint8_t *bytes, size_t size, const char *transfer_syntax_uid,
                                          bool is_event, size_t refs_max, kh_error *err);
void kh_commit_data_release(kh_commit_data *data);
/* "committed", "no such object", ... Never NULL. */
const char *kh_commit_result_text(uint16_t result);

#endif
