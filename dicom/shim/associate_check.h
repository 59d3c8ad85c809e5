/* associate_check.h - is this A-ASSOCIATE-RQ PDU well-formed (PS3.8 9.3.2, annex D)? Asked before the toolkit sees it: its
 * parser leaks and has been attacked through item lengths that lie. Threads: pure function. */
#ifndef KH_DICOM_SHIM_ASSOCIATE_CHECK_H
#define KH_DICOM_SHIM_ASSOCIATE_CHECK_H

#include <stddef.h>
#include <stdint.h>
#include "base/error.h"

#define KH_ASSOCIATE_BYTES_MAX 262144 /* 128 contexts with 50 transfer syntaxes each need 430 KB; nobody proposes that */
#define KH_PDU_HEAD_BYTES 6

/* size bytes from the PDU type on. KH_E_FORMAT or KH_E_LIMIT with the item, what was got and what was expected. */
KH_MUST_USE kh_status kh_associate_check(const uint8_t *pdu, size_t size, kh_error *err);

#endif
