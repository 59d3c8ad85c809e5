/* follow.h - the records of one chain in their order while it is being written: those that its head tells of, which are durable. One that
 * cannot be read is passed over (verify names it). Memory: 64 KiB. Threads: one at a time. */
#ifndef KH_AUDIT_FOLLOW_H
#define KH_AUDIT_FOLLOW_H

#include <limits.h>
#include "audit/reader.h"

typedef struct kh_audit_place {
    uint64_t seq;    /* of the last record that was given out; 0: none */
    uint64_t first;  /* of the file it is in, see files.h; 0: none */
    uint64_t offset; /* in the file, behind it */
} kh_audit_place;

typedef struct kh_audit_follower {
    const char *dir, *role; /* borrowed */
    kh_audit_place place;
    uint64_t head;   /* what the head said last */
    uint64_t passed; /* lines that are no records */
    kh_audit_reader reader;
} kh_audit_follower;

void kh_audit_follow(kh_audit_follower *out, const char *dir, const char *role);
/* Goes on behind place. A place that the chain does not reach begins anew at its first record. */
void kh_audit_follow_from(kh_audit_follower *follower, const kh_audit_place *place);
void kh_audit_follow_end(kh_audit_follower *follower);
/* KH_E_NOT_FOUND: there is none yet. The line is borrowed until the next call. */
KH_MUST_USE kh_status kh_audit_follow_next(kh_audit_follower *follower, kh_audit_line *line, kh_error *err);

#endif
