/* key.h - the Ed25519 key of a chain: DIR/ROLE.key (0600, the writer's) and DIR/ROLE.pub (its public half, 64 digits). Made at the first
 * start. Who can read the first can forge what the second vouches for. Threads: pure functions. */
#ifndef KH_AUDIT_KEY_H
#define KH_AUDIT_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"

#define KH_AUDIT_PUBLIC_SIZE 32
#define KH_AUDIT_SECRET_SIZE 64
#define KH_AUDIT_SIGNATURE_SIZE 64
#define KH_AUDIT_SIGNATURE_HEX (2 * KH_AUDIT_SIGNATURE_SIZE + 1)

typedef struct kh_audit_key {
    uint8_t public_half[KH_AUDIT_PUBLIC_SIZE];
    uint8_t secret[KH_AUDIT_SECRET_SIZE];
} kh_audit_key;

/* Reads the key of a role, or makes one: made, and not written yet. KH_E_DENIED when others may read the file. */
KH_MUST_USE kh_status kh_audit_key_take(kh_audit_key *out, bool *made, const char *dir, const char *role, kh_error *err);
/* Both halves into their files. */
KH_MUST_USE kh_status kh_audit_key_keep(const kh_audit_key *key, const char *dir, const char *role, kh_error *err);
KH_MUST_USE kh_status kh_audit_public_read(uint8_t out[KH_AUDIT_PUBLIC_SIZE], const char *dir, const char *role, kh_error *err);
/* Of a text that says what it is about. */
void kh_audit_sign(char out[KH_AUDIT_SIGNATURE_HEX], const kh_audit_key *key, const char *text);
KH_MUST_USE bool kh_audit_signed(const char *signature_hex, const uint8_t public_half[KH_AUDIT_PUBLIC_SIZE], const char *text);
/* The text that a checkpoint signs: all up to record seq, whose hash is given. */
#define KH_AUDIT_STATEMENT_SIZE 160
void kh_audit_statement(char out[KH_AUDIT_STATEMENT_SIZE], const char *role, uint64_t seq, const uint8_t *hash);

#endif
