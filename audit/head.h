/* head.h - DIR/ROLE.head: where the chain ends, signed, so that a tail that was cut is seen. Two places that are written in turn and in
 * place: one that was torn by a power cut leaves the other, and a full disk does not matter. Threads: one at a time. */
#ifndef KH_AUDIT_HEAD_H
#define KH_AUDIT_HEAD_H

#include "audit/key.h"
#include "audit/line.h"

typedef struct kh_audit_head {
    uint64_t seq; /* of the last record; 0: none yet */
    uint8_t hash[KH_AUDIT_HASH_SIZE];
    uint64_t first; /* of the file it is in, see files.h; 0: none */
    uint64_t size;  /* of that file up to the record's end */
} kh_audit_head;

typedef enum kh_audit_head_state {
    KH_HEAD_ABSENT,  /* no file */
    KH_HEAD_WHOLE,
    KH_HEAD_HALF,    /* one place cannot be read or is not signed by the key */
    KH_HEAD_DAMAGED  /* neither */
} kh_audit_head_state;

KH_MUST_USE kh_status kh_audit_head_read(kh_audit_head *out, kh_audit_head_state *state, const char *dir, const char *role,
                                         const uint8_t public_half[KH_AUDIT_PUBLIC_SIZE], kh_error *err);
/* Both places, durable; *fd is open for kh_audit_head_write(). */
KH_MUST_USE kh_status kh_audit_head_create(int *fd, const kh_audit_head *head, const char *dir, const char *role, const kh_audit_key *key,
                                           kh_error *err);
/* One of them, durable when it returns. turn: counts the calls. */
KH_MUST_USE kh_status kh_audit_head_write(int fd, unsigned turn, const kh_audit_head *head, const char *role, const kh_audit_key *key,
                                          kh_error *err);

#endif
