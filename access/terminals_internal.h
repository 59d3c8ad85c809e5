/* terminals_internal.h - what the files about terminals share. */
#ifndef KH_ACCESS_TERMINALS_INTERNAL_H
#define KH_ACCESS_TERMINALS_INTERNAL_H

#include "access/terminals.h"
#include "store/sql.h"

/* Columns as kh_terminal_take() reads them, then one of the two joins. */
#define KH_TERMINAL_SELECT                                                                                                              \
    "SELECT t.id, t.facility_ref, f.code, t.name, t.antivirus, t.antivirus_day, t.seen_ms, c.serial, c.fingerprint, c.issued_ms,"       \
    " c.not_after_ms, c.revoked_ms, c.revoked_reason, c.revoked_by FROM terminal t JOIN facility f ON f.id = t.facility_ref"
#define KH_TERMINAL_ANY_CERTIFICATE " JOIN terminal_certificate c ON c.terminal_ref = t.id"
#define KH_TERMINAL_NEWEST \
    " JOIN terminal_certificate c ON c.id = (SELECT max(id) FROM terminal_certificate n WHERE n.terminal_ref = t.id)"

void kh_terminal_take(kh_sql_row *row, void *terminal);
/* KH_E_NOT_FOUND. */
KH_MUST_USE kh_status kh_terminal_read(kh_sql *sql, const char *facility, const char *name, kh_terminal *out, kh_error *err);
/* With today as the day; "" takes it back. */
KH_MUST_USE kh_status kh_terminal_write_antivirus(kh_sql *sql, int64_t id, const char *antivirus, kh_error *err);

#endif
