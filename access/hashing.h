/* hashing.h - Argon2id, 64 MiB and 2 passes (S6), behind a gate: two at a time, a few that wait. Inside this room. Threads: any that may
 * wait. */
#ifndef KH_ACCESS_HASHING_H
#define KH_ACCESS_HASHING_H

#include <stdbool.h>
#include "base/error.h"

#define KH_HASH_SIZE 128

typedef struct kh_hashing kh_hashing;

KH_MUST_USE kh_status kh_hashing_create(kh_hashing **out, kh_error *err);
void kh_hashing_free(kh_hashing *hashing);
/* KH_E_BUSY when too many wait, or none came free within 10 s; KH_E_MEMORY. */
KH_MUST_USE kh_status kh_hash_make(kh_hashing *hashing, char out[KH_HASH_SIZE], const char *password, kh_error *err);
/* hash NULL or "": that of a password nobody has, so that it costs the same; *good is false then. */
KH_MUST_USE kh_status kh_hash_check(kh_hashing *hashing, bool *good, const char *hash, const char *password, kh_error *err);

#endif
