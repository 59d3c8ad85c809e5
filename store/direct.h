/* direct.h - blocks of memory that the disk takes in one request, around the page cache: what comes in and is not read again at once
 * costs neither the copy nor the pages of the system, and does not push out what is being read. By the kernel's own asynchronous I/O
 * (libaio), so that the caller goes on meanwhile. Where a file system does not do that the bytes go through the page cache.
 *
 * Durable is what was written after kh_direct_end() and an fsync(), as with write().
 * Threads: the pool is for any; a block belongs to one at a time. Memory: a block for each that is taken, and at most `kept` more. */
#ifndef KH_STORE_DIRECT_H
#define KH_STORE_DIRECT_H

#include <stddef.h>
#include <stdint.h>
#include "base/error.h"

typedef struct kh_direct_pool kh_direct_pool;
typedef struct kh_direct kh_direct;

#define KH_DIRECT_ALIGNMENT 4096 /* of memory, place and size, in bytes: no device asks for more */

/* Blocks of so many bytes each, a multiple of the alignment: KH_E_ARG. */
KH_MUST_USE kh_status kh_direct_pool_create(kh_direct_pool **out, size_t block_bytes, size_t kept, kh_error *err);
/* All blocks were given back. NULL is welcome. */
void kh_direct_pool_free(kh_direct_pool *pool);
size_t kh_direct_pool_block_bytes(const kh_direct_pool *pool);

/* NULL when there is no memory, or the kernel gives no more of its contexts (fs.aio-max-nr): then the caller does without. */
kh_direct *kh_direct_take(kh_direct_pool *pool);
/* Waits for the disk when kh_direct_end() was not called. NULL is welcome. */
void kh_direct_give(kh_direct *block);

uint8_t *kh_direct_bytes(kh_direct *block);
/* The file, new and open for reading and writing, gets what it has not of the block's first `size` bytes: of a part the whole pages, and
 * with the last part all. One part more than KH_DIRECT_PARTS, or one that the disk does not take, waits for the last. What was handed over
 * stays as it is, and the descriptor open, until kh_direct_end(). */
void kh_direct_part(kh_direct *block, int fd, size_t size);
KH_MUST_USE kh_status kh_direct_last(kh_direct *block, int fd, size_t size, kh_error *err);
#define KH_DIRECT_PARTS 4
/* Waits: the disk has taken them, or its error. KH_OK when nothing is under way. The block is good for another file then. */
KH_MUST_USE kh_status kh_direct_end(kh_direct *block, kh_error *err);

#endif
