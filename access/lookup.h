/* lookup.h - from what people write (codes, numbers, logins) to rows. Inside a read or a change. Of this room only. */
#ifndef KH_ACCESS_LOOKUP_H
#define KH_ACCESS_LOOKUP_H

#include "store/sql.h"

/* KH_E_NOT_FOUND: no facility of that code. part may be NULL: as kh_facility_part. */
KH_MUST_USE kh_status kh_lookup_facility(kh_sql *sql, const char *code, int64_t *id, int64_t *part, kh_error *err);
/* KH_E_NOT_FOUND: no patient of that number there. */
KH_MUST_USE kh_status kh_lookup_patient(kh_sql *sql, const char *facility, const char *number, int64_t *id, int64_t *facility_id,
                                        kh_error *err);
/* facility_id may be NULL. */
KH_MUST_USE kh_status kh_lookup_person(kh_sql *sql, const char *login, int64_t *id, int64_t *facility_id, kh_error *err);
/* The first column of the first row; 0 without one. */
KH_MUST_USE kh_status kh_lookup_int(kh_sql *sql, const char *statement, const kh_sql_value *values, size_t count, int64_t *out,
                                    kh_error *err);

#endif
