/* second.h - using a code: inside this room. */
#ifndef KH_ACCESS_SECOND_H
#define KH_ACCESS_SECOND_H

#include "access/internal.h"
#include "access/second_factor.h"

/* In a change: a code of the authenticator, or a recovery code, is used up when it is *good. */
KH_MUST_USE kh_status kh_second_use(kh_accounts *accounts, kh_sql *sql, int64_t person_id, const char *code, bool *good, kh_error *err);

#endif
