/* dicom_event.h - which audit event of PS3.15 A.5.3 a record is, and the XML of it (PS3.15 A.5.1). One message for a record, which is of
 * one patient at most; a start or stop of the bridge is two: the application's (A.5.3.1) and the network's (A.5.3.9).
 * Threads: pure functions. */
#ifndef KH_AUDIT_DICOM_EVENT_H
#define KH_AUDIT_DICOM_EVENT_H

#include "base/buf.h"
#include "base/json.h"

#define KH_AUDIT_XML_MAX 131072u /* bytes; a record of KH_AUDIT_RECORD_MAX is less than half of it */
#define KH_AUDIT_MESSAGES_MAX 2u /* of one record */

typedef struct kh_audit_source {
    const char *id;      /* AuditSourceID: this machine */
    const char *chain;   /* role that wrote the record */
    uint64_t seq;
    const char *hash;    /* of the record, hexadecimal: with it one that came twice is known, and the chain can be compared */
} kh_audit_source;

/* Message number index of the record; *count: how many there are. failure: its outcome is none of success. XML in UTF-8 without a
 * declaration. */
KH_MUST_USE kh_status kh_audit_dicom_event(kh_buf *xml, const kh_json *record, const kh_audit_source *source, size_t index, size_t *count,
                                           bool *failure, kh_error *err);

#endif
