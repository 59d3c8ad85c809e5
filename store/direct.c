#include "store/direct.h"

#include <errno.h>
#include <fcntl.h>
#include <libaio.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include "store/file.h"

struct kh_direct {
    kh_direct_pool *pool;
    kh_direct *next; /* in the pool */
    uint8_t *bytes;
    io_context_t context; /* NULL: the kernel has failed us */
    int fd;
    size_t handed;   /* bytes of the file that are written, or that the disk was asked to write */
    bool is_refused; /* this file is none for it */
    size_t part_count;
    struct iocb parts[KH_DIRECT_PARTS + 1];
};

struct kh_direct_pool {
    size_t block_bytes, kept_max;
    pthread_mutex_t lock; /* of what follows */
    kh_direct *free;
    size_t free_count;
};

kh_status kh_direct_pool_create(kh_direct_pool **out, size_t block_bytes, size_t kept, kh_error *err)
{
    kh_direct_pool *pool;

    *out = NULL;
    if (block_bytes == 0 || block_bytes % KH_DIRECT_ALIGNMENT != 0)
        return kh_error_set(err, KH_E_ARG, "blocks of %zu bytes, expected a multiple of %d", block_bytes, KH_DIRECT_ALIGNMENT);
    pool = calloc(1, sizeof *pool);
    if (!pool)
        return kh_error_set(err, KH_E_MEMORY, "no memory for blocks to be written");
    pool->block_bytes = block_bytes;
    pool->kept_max = kept;
    pthread_mutex_init(&pool->lock, NULL);
    *out = pool;
    return KH_OK;
}

static void block_free(kh_direct *block)
{
    if (block->context)
        io_destroy(block->context);
    free(block->bytes);
    free(block);
}

void kh_direct_pool_free(kh_direct_pool *pool)
{
    if (!pool)
        return;
    for (kh_direct *block = pool->free, *next; block; block = next) {
        next = block->next;
        block_free(block);
    }
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

size_t kh_direct_pool_block_bytes(const kh_direct_pool *pool)
{
    return pool->block_bytes;
}

static kh_direct *block_create(kh_direct_pool *pool)
{
    kh_direct *block = calloc(1, sizeof *block);

    if (!block)
        return NULL;
    block->pool = pool;
    block->bytes = aligned_alloc(KH_DIRECT_ALIGNMENT, pool->block_bytes);
    if (block->bytes && io_setup(KH_DIRECT_PARTS + 1, &block->context) == 0)
        return block;
    block_free(block);
    return NULL;
}

kh_direct *kh_direct_take(kh_direct_pool *pool)
{
    kh_direct *block;

    pthread_mutex_lock(&pool->lock);
    block = pool->free; /* the one given back last: its memory is still near */
    if (block) {
        pool->free = block->next;
        pool->free_count--;
    }
    pthread_mutex_unlock(&pool->lock);
    return block ? block : block_create(pool);
}

void kh_direct_give(kh_direct *block)
{
    kh_direct_pool *pool;
    bool is_kept;

    if (!block)
        return;
    (void)!kh_direct_end(block, NULL); /* of what is under way nobody asks any more what becomes of it */
    pool = block->pool;
    pthread_mutex_lock(&pool->lock);
    is_kept = pool->free_count < pool->kept_max;
    if (is_kept) {
        block->next = pool->free;
        pool->free = block;
        pool->free_count++;
    }
    pthread_mutex_unlock(&pool->lock);
    if (!is_kept)
        block_free(block);
}

uint8_t *kh_direct_bytes(kh_direct *block)
{
    return block->bytes;
}

/* One request for `count` bytes, whole pages. Their place is made first: a request that makes a file longer would be waited for. */
static bool ask_disk(kh_direct *block, int fd, size_t count, size_t file_size)
{
    struct iocb *part = &block->parts[block->part_count];
    int flags = fcntl(fd, F_GETFL);
    bool is_asked;

    if (!block->context || flags < 0 || fallocate(fd, 0, (off_t)block->handed, (off_t)(file_size - block->handed)) != 0 ||
        fcntl(fd, F_SETFL, flags | O_DIRECT) != 0)
        return false;
    io_prep_pwrite(part, fd, block->bytes + block->handed, count, (long long)block->handed);
    is_asked = io_submit(block->context, 1, &part) == 1;
    (void)fcntl(fd, F_SETFL, flags); /* was taken before; what is read of the file and its last page go through the cache */
    block->part_count += is_asked;
    return is_asked;
}

static void hand_over(kh_direct *block, int fd, size_t pages_end, size_t file_size)
{
    size_t count = pages_end - block->handed;

    if (count == 0 || block->is_refused)
        return;
    block->fd = fd;
    if (ask_disk(block, fd, count, file_size))
        block->handed = pages_end;
    else
        block->is_refused = true;
}

void kh_direct_part(kh_direct *block, int fd, size_t size)
{
    size_t pages_end = size / KH_DIRECT_ALIGNMENT * KH_DIRECT_ALIGNMENT;

    if (block->part_count < KH_DIRECT_PARTS)
        hand_over(block, fd, pages_end, pages_end);
}

kh_status kh_direct_last(kh_direct *block, int fd, size_t size, kh_error *err)
{
    kh_status status;

    hand_over(block, fd, size / KH_DIRECT_ALIGNMENT * KH_DIRECT_ALIGNMENT, size);
    status = kh_write_all_at(fd, block->bytes + block->handed, size - block->handed, block->handed, err);
    if (status == KH_OK && size > block->handed)
        (void)sync_file_range(fd, (off_t)block->handed, (off_t)(size - block->handed), SYNC_FILE_RANGE_WRITE);
    return status;
}

/* A file system that says only now that it does not do that is served as any other. */
static kh_status settle_part(const kh_direct *block, const struct io_event *event, kh_error *err)
{
    const struct iocb *part = event->obj;
    long taken = (long)event->res;
    size_t asked = part->u.c.nbytes;

    if (taken == -EINVAL)
        taken = 0;
    if (taken < 0)
        return kh_error_errno(err, (int)-taken, "write %zu bytes", asked);
    return kh_write_all_at(block->fd, (const uint8_t *)part->u.c.buf + taken, asked - (size_t)taken, (uint64_t)(part->u.c.offset + taken),
                           err);
}

kh_status kh_direct_end(kh_direct *block, kh_error *err)
{
    struct io_event events[KH_DIRECT_PARTS + 1];
    kh_status status = KH_OK;

    while (block->part_count > 0) {
        int count = io_getevents(block->context, (long)block->part_count, (long)block->part_count, events, NULL);

        if (count == -EINTR)
            continue;
        if (count < 1) {
            io_destroy(block->context); /* waits: the memory is the disk's until then */
            block->context = NULL;
            block->part_count = 0;
            status = kh_error_errno(err, count < 0 ? -count : EIO, "wait for the disk");
            break;
        }
        for (int i = 0; i < count; i++)
            if (status == KH_OK)
                status = settle_part(block, &events[i], err);
        block->part_count -= (size_t)count;
    }
    block->handed = 0;
    block->is_refused = false;
    return status;
}
