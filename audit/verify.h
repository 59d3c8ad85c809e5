/* verify.h - is a chain what was written? Reads it from its first record to its last, beside a writer if need be, in 64 KiB of memory.
 * Found: records that were changed, removed, repeated, put in or moved, a tail or a file that was cut off, a head or a key that is not the
 * chain's, checkpoints that do not sign it. Not found: a chain whose files, head and key were all put back to an earlier state together, or
 * written anew by somebody who has the key; for that a checkpoint that is kept elsewhere is compared (known).
 * Threads: one at a time. */
#ifndef KH_AUDIT_VERIFY_H
#define KH_AUDIT_VERIFY_H

#include "audit/chain.h"
#include "audit/files.h"

typedef struct kh_audit_wrong {
    char file[KH_AUDIT_NAME_SIZE];
    uint64_t line; /* in the file, from 1; 0: of no line */
    uint64_t seq;  /* that was expected there; 0: of no record */
    char why[200];
} kh_audit_wrong;

typedef struct kh_audit_verified {
    uint64_t records, checkpoints, wrong;
    uint64_t last_seq;
    uint8_t last_hash[KH_AUDIT_HASH_SIZE];
    uint64_t torn_bytes; /* behind the head, of a record that is being written or was never acknowledged */
    uint64_t breaks;     /* starts that found something, counted in wrong too */
} kh_audit_verified;

typedef struct kh_audit_verify_options {
    const char *dir, *role;
    uint64_t known_seq; /* of a checkpoint that was kept elsewhere, and its hash; 0: none */
    uint8_t known_hash[KH_AUDIT_HASH_SIZE];
    void (*wrong)(void *context, const kh_audit_wrong *wrong); /* in their order; NULL */
    void (*progress)(void *context, uint64_t records, uint64_t of); /* NULL */
    void *context;
} kh_audit_verify_options;

/* KH_OK when it could be read, whatever was found; KH_E_NOT_FOUND when the role has never written. */
KH_MUST_USE kh_status kh_audit_verify(kh_audit_verified *out, const kh_audit_verify_options *options, kh_error *err);

#endif
