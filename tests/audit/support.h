/* support.h - folders and chains for the tests of the record. */
#ifndef KH_TESTS_AUDIT_SUPPORT_H
#define KH_TESTS_AUDIT_SUPPORT_H

#include "audit/chain.h"
#include "audit/event.h"
#include "audit/verify.h"

/* A new folder, "./kh-audit-XXXXXX"; removed by tear_down. cmocka's set-up and tear-down. */
extern char audit_dir[512];
int audit_set_up(void **state);
int audit_tear_down(void **state);

/* A record of about 150 bytes that tells its number. */
size_t audit_record(char out[KH_AUDIT_RECORD_MAX], uint64_t number);
/* A whole chain of `records` records, its key named first, a checkpoint after each 50. */
void audit_fill(const char *role, uint64_t records, uint64_t roll_bytes);

typedef struct audit_report {
    kh_audit_verified verified;
    kh_audit_wrong first; /* of verified.wrong */
} audit_report;
void audit_verify(audit_report *out, const char *role);

/* A file of the folder, whole; free() it. */
char *audit_read(const char *name, size_t *size);
void audit_replace(const char *name, const char *bytes, size_t size);

#endif
