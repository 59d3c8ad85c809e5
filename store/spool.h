/* spool.h - one file written from its beginning to its end by what comes in, with its SHA-256.
 *
 * A small one is kept in a block of memory, which is given to the disk around the page cache (direct.h) and summed by another thread;
 * what grows larger than a block goes through the page cache, is summed as it comes, and the disk begins with it while the rest comes in.
 * Memory is bounded by the block either way.
 *
 *   open -> write, write ... -> end -> read what was written (bytes or file) -> sync: durable; sum -> close
 *
 * Threads: a spool belongs to one; what they share is for any. */
#ifndef KH_STORE_SPOOL_H
#define KH_STORE_SPOOL_H

#include <stdint.h>
#include "store/digest.h"

typedef struct kh_spools kh_spools; /* what spools share: blocks, and the thread that sums them */
typedef struct kh_spool kh_spool;

/* Blocks of so many bytes, cut to whole pages of 4096; less than one: none, all goes through the page cache. */
KH_MUST_USE kh_status kh_spools_create(kh_spools **out, size_t block_bytes, kh_error *err);
/* All spools are closed. NULL is welcome. */
void kh_spools_free(kh_spools *spools);

/* Makes the file, which must not be there. */
KH_MUST_USE kh_status kh_spool_open(kh_spool **out, kh_spools *spools, const char *path, kh_error *err);
KH_MUST_USE kh_status kh_spool_write(kh_spool *spool, const void *bytes, size_t size, kh_error *err);
uint64_t kh_spool_bytes(const kh_spool *spool);

/* No more comes: the disk begins with what it has not got, and the sum is made. */
KH_MUST_USE kh_status kh_spool_end(kh_spool *spool, kh_error *err);
/* What follows is for after kh_spool_end(). All that was written, until kh_spool_close(); NULL when it is to be read from the file. */
const uint8_t *kh_spool_memory(const kh_spool *spool);
/* Waits: the file holds all that was written; before, not even a read finds it there. */
KH_MUST_USE kh_status kh_spool_settle(kh_spool *spool, kh_error *err);
/* As above, and the file's bytes and size are durable; its name is not. */
KH_MUST_USE kh_status kh_spool_sync(kh_spool *spool, kh_error *err);
/* Waits for the sum of all that was written. */
KH_MUST_USE kh_status kh_spool_sum(kh_spool *spool, uint8_t sha256[KH_SHA256_SIZE], kh_error *err);

/* For reading; the spool's. */
int kh_spool_fd(const kh_spool *spool);
/* The file stays. NULL is welcome. */
void kh_spool_close(kh_spool *spool);

#endif
