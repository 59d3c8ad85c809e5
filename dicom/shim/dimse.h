/* dimse.h - DIMSE command sets (PS3.7 6.3, 9.3, annex E): one struct, its bytes in implicit VR little endian, and back.
 * Threads: pure functions. Limits: a command set of at most KH_DIMSE_BYTES_MAX bytes. */
#ifndef KH_DICOM_SHIM_DIMSE_H
#define KH_DICOM_SHIM_DIMSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "dicom/syntax.h"

#define KH_DIMSE_BYTES_MAX 16384

enum { /* Command Field (0000,0100) */
    KH_C_STORE_RQ = 0x0001,
    KH_C_STORE_RSP = 0x8001,
    KH_C_GET_RQ = 0x0010,
    KH_C_GET_RSP = 0x8010,
    KH_C_FIND_RQ = 0x0020,
    KH_C_FIND_RSP = 0x8020,
    KH_C_MOVE_RQ = 0x0021,
    KH_C_MOVE_RSP = 0x8021,
    KH_C_ECHO_RQ = 0x0030,
    KH_C_ECHO_RSP = 0x8030,
    KH_N_EVENT_REPORT_RQ = 0x0100,
    KH_N_EVENT_REPORT_RSP = 0x8100,
    KH_N_ACTION_RQ = 0x0130,
    KH_N_ACTION_RSP = 0x8130,
    KH_C_CANCEL_RQ = 0x0fff
};
#define KH_DIMSE_RESPONSE 0x8000 /* bit of every response */

enum { /* Status (0000,0900), PS3.7 annex C and PS3.4 */
    KH_DIMSE_SUCCESS = 0x0000,
    KH_DIMSE_PROCESSING_FAILURE = 0x0110,
    KH_DIMSE_NO_SUCH_INSTANCE = 0x0112,
    KH_DIMSE_NO_SUCH_EVENT = 0x0113,
    KH_DIMSE_INVALID_ARGUMENT = 0x0115,
    KH_DIMSE_INVALID_INSTANCE = 0x0117,
    KH_DIMSE_CLASS_NOT_SUPPORTED = 0x0122,
    KH_DIMSE_NO_SUCH_ACTION = 0x0123,
    KH_DIMSE_NOT_AUTHORISED = 0x0124,
    KH_DIMSE_UNRECOGNISED_OPERATION = 0x0211,
    KH_DIMSE_RESOURCE_LIMITATION = 0x0213,
    KH_DIMSE_OUT_OF_RESOURCES = 0xa700,
    KH_DIMSE_CANNOT_COUNT = 0xa701,
    KH_DIMSE_CANNOT_PERFORM = 0xa702,
    KH_DIMSE_DESTINATION_UNKNOWN = 0xa801,
    KH_DIMSE_CLASS_MISMATCH = 0xa900,
    KH_DIMSE_SUBOPERATIONS_FAILED = 0xb000,
    KH_DIMSE_CANNOT_UNDERSTAND = 0xc000,
    KH_DIMSE_CANCELLED = 0xfe00,
    KH_DIMSE_PENDING = 0xff00,
    KH_DIMSE_PENDING_WARNING = 0xff01
};
static inline bool kh_dimse_pending(uint16_t status)
{
    return status == KH_DIMSE_PENDING || status == KH_DIMSE_PENDING_WARNING;
}

typedef struct kh_dimse {
    uint16_t field;             /* KH_C_...; 0 is no command */
    uint16_t message_id;        /* of a request */
    uint16_t responded_id;      /* of a response, and of C-CANCEL */
    uint16_t priority;          /* 0 medium, 1 high, 2 low */
    uint16_t status;            /* of a response */
    bool has_data;              /* a data set follows */
    uint16_t type_id;           /* Event Type ID or Action Type ID; 0 when absent */
    char sop_class_uid[KH_UID_SIZE];    /* affected or requested, "" when absent; what a peer sends is not checked here */
    char sop_instance_uid[KH_UID_SIZE]; /* likewise: kh_uid_plausible() before it goes anywhere; "" also when too long */
    char move_destination[17];
    char move_originator[17];
    uint16_t move_originator_id;
    int32_t remaining, completed, failed, warning; /* sub-operations, -1 when absent */
    char comment[65];           /* Error Comment, "" when absent */
} kh_dimse;

/* An empty command: counts -1. */
void kh_dimse_init(kh_dimse *command, uint16_t field);
/* The response to a request with this status: same SOP class and, when plausible, instance. */
void kh_dimse_respond(kh_dimse *out, const kh_dimse *request, uint16_t status);
/* Appended to out. */
KH_MUST_USE kh_status kh_dimse_encode(kh_buf *out, const kh_dimse *command, kh_error *err);
/* KH_E_FORMAT with the tag. Elements we do not use are passed over. */
KH_MUST_USE kh_status kh_dimse_decode(kh_dimse *out, const uint8_t *bytes, size_t size, kh_error *err);

#endif
