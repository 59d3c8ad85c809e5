/* reader.h - the lines of one file of a chain, from a place on. Memory: 64 KiB. Threads: one at a time. */
#ifndef KH_AUDIT_READER_H
#define KH_AUDIT_READER_H

#include <stdbool.h>
#include "audit/line.h"

#define KH_AUDIT_READ_SIZE 65536u

typedef struct kh_audit_reader {
    int fd;         /* -1: none */
    uint64_t place; /* in the file, where the line given out last ends */
    size_t begin, end;
    bool at_end;
    char *bytes;
} kh_audit_reader;

#define KH_AUDIT_READER_INIT {.fd = -1}
/* Another file for a reader that may have had one. KH_E_NOT_FOUND when there is none. */
KH_MUST_USE kh_status kh_audit_reader_open(kh_audit_reader *reader, const char *path, uint64_t place, kh_error *err);
void kh_audit_reader_close(kh_audit_reader *reader);
/* The next line without its end; borrowed until the next call. ended: it has one. One that is too long for us is given cut, and the rest of
 * it as the next. False at the end, or when the disk fails (err). */
KH_MUST_USE bool kh_audit_reader_next(kh_audit_reader *reader, const char **text, size_t *size, bool *ended, kh_error *err);

#endif
