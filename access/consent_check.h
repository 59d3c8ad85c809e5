/* consent_check.h - what a sheet may say, before anything is looked up. Of this room only. */
#ifndef KH_ACCESS_CONSENT_CHECK_H
#define KH_ACCESS_CONSENT_CHECK_H

#include "access/consents.h"

KH_MUST_USE kh_status kh_consent_check(const kh_consent_rules *rules, const kh_consent_sheet *sheet, const char *by, kh_error *err);
/* Codes of [A-Z0-9_ ] as DICOM's CS, separated by commas, without spaces around them; "" is fine. Of policies, too. */
KH_MUST_USE kh_status kh_check_codes(const char *field, const char *text, kh_error *err);

#endif
