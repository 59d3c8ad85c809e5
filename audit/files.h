/* files.h - the files of a chain: DIR/ROLE-FIRST.log, FIRST the sequence of its first record in 12 digits.
 * Threads: pure functions. */
#ifndef KH_AUDIT_FILES_H
#define KH_AUDIT_FILES_H

#include <limits.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"

#define KH_AUDIT_NAME_SIZE 64
#define KH_AUDIT_FILES_MAX 1000000

typedef struct kh_audit_files {
    uint64_t *firsts; /* owned, ascending */
    size_t count;
} kh_audit_files;

/* None when the folder is not there. */
KH_MUST_USE kh_status kh_audit_files_list(kh_audit_files *out, const char *dir, const char *role, kh_error *err);
void kh_audit_files_release(kh_audit_files *files);
void kh_audit_file_name(char out[KH_AUDIT_NAME_SIZE], const char *role, uint64_t first);
/* KH_E_ARG when it is too long. */
KH_MUST_USE kh_status kh_audit_file_path(char out[PATH_MAX], const char *dir, const char *role, uint64_t first, kh_error *err);

#endif
