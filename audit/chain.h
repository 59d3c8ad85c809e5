/* chain.h - one chain being written: records are added in memory and become durable together (group commit). Files are of mode 0600 and are
 * begun anew when they are large enough. One process writes a chain: DIR/ROLE.lock. Threads: one at a time.
 *
 * Order of a commit: records, fdatasync, head (head.h), fdatasync. So the head never tells of a record that is not there, and what stands
 * behind the head after a kill was acknowledged to nobody: whole records of it stay, the rest is cut off at the next start. Where a start
 * finds less than the head tells, nothing is mended: a record of the finding opens a new file behind the number and hash that the head
 * tells, and verify names the gap for ever.
 *
 * Reserve: blocks of the disk that the file at the end has beyond its size (fallocate), so that records go on for a while when the disk is
 * full, and with them reading. A file that is full is not left while its successor would have no such room. A file system that reserves
 * nothing has none. */
#ifndef KH_AUDIT_CHAIN_H
#define KH_AUDIT_CHAIN_H

#include "audit/head.h"

#define KH_AUDIT_ROLE_MAX 16
#define KH_AUDIT_PENDING_MAX (4u << 20) /* bytes of one commit */

typedef struct kh_audit_chain kh_audit_chain;

typedef struct kh_audit_chain_options {
    const char *dir;    /* made if need be; borrowed */
    const char *role;   /* a to z, 1 to 16; borrowed */
    uint64_t roll_bytes;
    uint64_t reserve_bytes; /* 0: none */
} kh_audit_chain_options;

/* KH_E_BUSY when another process writes it. */
KH_MUST_USE kh_status kh_audit_chain_open(kh_audit_chain **out, const kh_audit_chain_options *options, kh_error *err);
/* What was not committed is dropped. NULL is welcome. */
void kh_audit_chain_close(kh_audit_chain *chain);
/* What a start found that does not fit; "" when all did. */
const char *kh_audit_chain_finding(const kh_audit_chain *chain);
const kh_audit_key *kh_audit_chain_key(const kh_audit_chain *chain);

/* KH_E_LIMIT when this commit is full. record: kh_audit_event_write(). */
KH_MUST_USE kh_status kh_audit_chain_add(kh_audit_chain *chain, const char *record, size_t size, kh_error *err);
/* All added is durable. On failure none of it counts; the next records may succeed when there is room again. */
KH_MUST_USE kh_status kh_audit_chain_commit(kh_audit_chain *chain, kh_error *err);
/* What was added since the last commit is forgotten. */
void kh_audit_chain_drop(kh_audit_chain *chain);
/* Of the reserve, how much is there now. */
uint64_t kh_audit_chain_reserved(const kh_audit_chain *chain);
/* Half of it or more is used, and the disk has nothing to renew it. */
bool kh_audit_chain_is_low(const kh_audit_chain *chain);
/* The last one added, committed or not. */
uint64_t kh_audit_chain_seq(const kh_audit_chain *chain);
const uint8_t *kh_audit_chain_hash(const kh_audit_chain *chain);

#endif
