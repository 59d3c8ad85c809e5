/* consent_ends.h - the end of a sheet that comes with it from another house. Of this room only. */
#ifndef KH_ACCESS_CONSENT_ENDS_H
#define KH_ACCESS_CONSENT_ENDS_H

#include "access/consents.h"
#include "store/sql.h"

/* In the transaction that enters the sheet: nothing of what has ended is open for a moment, nobody gets an alert again. */
KH_MUST_USE kh_status kh_consent_end_as_told(kh_sql *sql, int64_t id, const kh_consent_sheet *sheet, const char *by, kh_error *err);

#endif
