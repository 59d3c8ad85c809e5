/* audit_print.h - records of the audit as people and other programs read them. Threads: one at a time. */
#ifndef KH_APP_AUDIT_PRINT_H
#define KH_APP_AUDIT_PRINT_H

#include <stdio.h>
#include "audit/search.h"

typedef enum kh_audit_form { KH_AUDIT_LINES, KH_AUDIT_CSV, KH_AUDIT_JSON } kh_audit_form;

/* What stands before the first record: the columns' names in CSV, nothing else. */
void kh_audit_print_head(FILE *out, kh_audit_form form);
/* One line. Lines: what a terminal may not be sent is written as \xNN. CSV: RFC 4180; a value that a spreadsheet would take for a formula
 * has a ' before it. JSON: the record as it is stored, with role and sequence. */
void kh_audit_print(FILE *out, kh_audit_form form, const kh_audit_found *found);

#endif
