/* dicom_event_kind.h - which audit event a record is (PS3.15 A.5.3; PS3.16 CID 400 to 403), for dicom_event.c. Of this room only.
 * Pure functions. */
#ifndef KH_AUDIT_DICOM_EVENT_KIND_H
#define KH_AUDIT_DICOM_EVENT_KIND_H

#include <stddef.h>
#include "base/json.h"

/* A code of PS3.16 annex D (DCM). */
typedef struct kh_message_code {
    const char *value, *meaning;
} kh_message_code;

typedef enum kh_message_shape {
    KH_MESSAGE_ACTIVITY,
    KH_MESSAGE_NETWORK,
    KH_MESSAGE_LOG_USED,
    KH_MESSAGE_QUERY,
    KH_MESSAGE_ACCESSED,
    KH_MESSAGE_BEGIN,
    KH_MESSAGE_TRANSFERRED,
    KH_MESSAGE_EXPORT,
    KH_MESSAGE_IMPORT,
    KH_MESSAGE_DELETED,
    KH_MESSAGE_PATIENT,
    KH_MESSAGE_AUTHENTICATION,
    KH_MESSAGE_ALERT
} kh_message_shape;

typedef struct kh_message_kind {
    kh_message_shape shape;
    char action; /* EventActionCode: C, R, U, D, E */
    kh_message_code type;
} kh_message_kind;

/* index 1: the second message of a record that is two. */
kh_message_kind kh_message_kind_of(const kh_json *record, size_t index);
/* Of CID 400. */
kh_message_code kh_message_id(kh_message_shape shape);

/* A member of a record: "" without one. */
const char *kh_message_text(const kh_json *record, const char *key);
bool kh_message_is(const kh_json *record, const char *key, const char *value);
bool kh_message_has(const kh_json *record, const char *key);

#endif
