/* secret.h - secrets that are handed out, and what is kept of them: inside this room.
 * Threads: any. Errors: none, where none are told. */
#ifndef KH_ACCESS_SECRET_H
#define KH_ACCESS_SECRET_H

#include <stddef.h>
#include <stdint.h>
#include "access/accounts.h"

#define KH_SHA_SIZE 32
#define KH_KEY_SIZE 32
#define KH_SEALED_MAX 160

/* sodium is ready after this, and never fails any more. */
KH_MUST_USE kh_status kh_secret_prepare(kh_error *err);
/* 256 random bits as base64url. */
void kh_secret_make(char out[KH_SECRET_SIZE]);
/* Does it look like one? Then what is kept of it. */
bool kh_secret_sha(uint8_t out[KH_SHA_SIZE], const char *secret);
/* What follows from a secret and cannot be told without it: the token of changes. */
void kh_secret_token(char out[KH_SECRET_SIZE], const char *secret);
/* count random characters of 32 (no 0, 1, l, o), a dash after each group of `group`. size: KH of the whole, with its NUL. */
void kh_secret_words(char *out, size_t size, size_t group);

/* The key of this data folder, read or made (mode 0600). KH_E_DENIED when others may read it. */
KH_MUST_USE kh_status kh_secret_key(uint8_t out[KH_KEY_SIZE], const char *dir, kh_error *err);
/* Of few bits, so that only who has the key can try: what is kept of a recovery code. */
void kh_secret_mark(uint8_t out[KH_SHA_SIZE], const uint8_t key[KH_KEY_SIZE], int64_t person_id, const char *text);
/* Encrypted for this person's row alone. size at most 64; out_size is set. */
void kh_secret_seal(uint8_t out[KH_SEALED_MAX], size_t *out_size, const uint8_t key[KH_KEY_SIZE], int64_t person_id, const void *bytes,
                    size_t size);
/* KH_E_CORRUPT when it was not sealed by this key for this person, or is not of this size. */
KH_MUST_USE kh_status kh_secret_unseal(void *out, size_t size, const uint8_t key[KH_KEY_SIZE], int64_t person_id, const void *sealed,
                                       size_t sealed_size, kh_error *err);

#endif
