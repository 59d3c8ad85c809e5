/* digest.h - the two sums we keep of what we hold: SHA-256 of whole objects (GnuTLS), XXH3-64 of frames (xxHash).
 * Threads: a running sum belongs to one thread; the plain functions to any. */
#ifndef KH_STORE_DIGEST_H
#define KH_STORE_DIGEST_H

#include <stddef.h>
#include <stdint.h>
#include "base/error.h"

#define KH_SHA256_SIZE 32

typedef struct kh_sha256 kh_sha256;

KH_MUST_USE kh_status kh_sha256_create(kh_sha256 **out, kh_error *err);
KH_MUST_USE kh_status kh_sha256_add(kh_sha256 *sha, const void *bytes, size_t size, kh_error *err);
/* The sum of all that was added; the object is then only good for kh_sha256_free(). */
void kh_sha256_finish(kh_sha256 *sha, uint8_t out[KH_SHA256_SIZE]);
void kh_sha256_free(kh_sha256 *sha);
KH_MUST_USE kh_status kh_sha256_of(uint8_t out[KH_SHA256_SIZE], const void *bytes, size_t size, kh_error *err);
/* Of the first size bytes of a file; KH_E_FORMAT when it has fewer. Needs 128 KiB of stack. */
KH_MUST_USE kh_status kh_sha256_of_file(uint8_t out[KH_SHA256_SIZE], int fd, uint64_t size, kh_error *err);

typedef struct kh_xxh3 kh_xxh3;

KH_MUST_USE kh_status kh_xxh3_create(kh_xxh3 **out, kh_error *err);
/* Begin a new sum. */
void kh_xxh3_reset(kh_xxh3 *sum);
void kh_xxh3_add(kh_xxh3 *sum, const void *bytes, size_t size);
uint64_t kh_xxh3_value(const kh_xxh3 *sum);
void kh_xxh3_free(kh_xxh3 *sum);
uint64_t kh_xxh3_of(const void *bytes, size_t size);

#endif
