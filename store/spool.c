#include "store/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/pool.h"
#include "store/direct.h"
#include "store/file.h"

#define BLOCKS_KEPT 8    /* more are there while more files come in at once */
#define SUMS_WAITING 64  /* one that finds no place is made by its own thread */
#define SUM_APART 131072 /* bytes; for less, asking another thread takes longer than it gains */
#define PAGE_BYTES 4096
#define PART_BYTES 253952 /* 62 pages, of which two PDUs of 128 KiB have whole ones: handed to the disk while the rest comes in */
#define REST_BYTES 65536  /* a smaller end is left to fsync(): a request of its own to the disk takes longer than it gains */

struct kh_spools {
    kh_direct_pool *blocks; /* NULL: none */
    kh_pool *summers;       /* one thread: with the receiving ones it makes a second processor busy, not more */
};

struct kh_spool {
    int fd;
    kh_spools *spools;
    kh_direct *block;  /* holds all bytes; NULL: they are in the file */
    uint64_t bytes;
    uint64_t begun;    /* the disk was asked to begin with so many; fsync() is what makes them safe */
    kh_sha256 *sha;
    kh_status summed;  /* how that went */
    sem_t sum_is_made;
    bool is_summed_apart;
    uint8_t sum[KH_SHA256_SIZE];
};

kh_status kh_spools_create(kh_spools **out, size_t block_bytes, kh_error *err)
{
    kh_spools *spools = calloc(1, sizeof *spools);
    kh_status status = KH_OK;
    size_t whole = block_bytes / KH_DIRECT_ALIGNMENT * KH_DIRECT_ALIGNMENT;

    *out = NULL;
    if (!spools)
        return kh_error_set(err, KH_E_MEMORY, "no memory for files to be written");
    if (whole > 0)
        status = kh_direct_pool_create(&spools->blocks, whole, BLOCKS_KEPT, err);
    if (status == KH_OK && whole > 0)
        status = kh_pool_create(&spools->summers, "kh-sum", 1, SUMS_WAITING, err);
    if (status == KH_OK)
        *out = spools;
    else
        kh_spools_free(spools);
    return status;
}

void kh_spools_free(kh_spools *spools)
{
    if (!spools)
        return;
    kh_pool_stop(spools->summers);
    kh_direct_pool_free(spools->blocks);
    free(spools);
}

kh_status kh_spool_open(kh_spool **out, kh_spools *spools, const char *path, kh_error *err)
{
    kh_spool *spool = calloc(1, sizeof *spool);
    kh_status status = KH_OK;

    *out = NULL;
    if (!spool)
        return kh_error_set(err, KH_E_MEMORY, "no memory for a file to be written");
    spool->spools = spools;
    sem_init(&spool->sum_is_made, 0, 0);
    spool->fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (spool->fd < 0)
        status = kh_error_errno(err, errno, "create a file");
    else if ((status = kh_sha256_create(&spool->sha, err)) != KH_OK)
        unlink(path);
    if (status == KH_OK)
        *out = spool;
    else
        kh_spool_close(spool);
    return status;
}

static void wait_for_sum(kh_spool *spool)
{
    while (spool->is_summed_apart && sem_wait(&spool->sum_is_made) != 0)
        ; /* a signal */
    spool->is_summed_apart = false;
}

void kh_spool_close(kh_spool *spool)
{
    if (!spool)
        return;
    wait_for_sum(spool);
    kh_direct_give(spool->block);
    if (spool->fd >= 0)
        close(spool->fd);
    kh_sha256_free(spool->sha);
    sem_destroy(&spool->sum_is_made);
    free(spool);
}

/* The disk begins with what has come up to `end`. A page that is written to while it is on its way would be written twice, so all but
 * the last time this ends with a whole one. */
static void begin_write_back(kh_spool *spool, uint64_t end)
{
    (void)sync_file_range(spool->fd, (off_t)spool->begun, (off_t)(end - spool->begun), SYNC_FILE_RANGE_WRITE);
    spool->begun = end;
}

static kh_status write_to_file(kh_spool *spool, const void *bytes, size_t size, kh_error *err)
{
    kh_status status = kh_write_all_at(spool->fd, bytes, size, spool->bytes, err);

    if (status == KH_OK)
        status = kh_sha256_add(spool->sha, bytes, size, err);
    spool->bytes += size;
    if (status == KH_OK && spool->bytes - spool->begun >= PART_BYTES)
        begin_write_back(spool, spool->bytes / PAGE_BYTES * PAGE_BYTES);
    return status;
}

static void write_to_block(kh_spool *spool, const void *bytes, size_t size)
{
    memcpy(kh_direct_bytes(spool->block) + spool->bytes, bytes, size);
    spool->bytes += size;
    if (spool->bytes - spool->begun < PART_BYTES)
        return;
    kh_direct_part(spool->block, spool->fd, (size_t)spool->bytes);
    spool->begun = spool->bytes / PAGE_BYTES * PAGE_BYTES;
}

/* It has grown larger than a block: the file goes on through the page cache. */
static kh_status leave_block(kh_spool *spool, kh_error *err)
{
    kh_status status = kh_sha256_add(spool->sha, kh_direct_bytes(spool->block), (size_t)spool->bytes, err);

    if (status == KH_OK)
        status = kh_direct_last(spool->block, spool->fd, (size_t)spool->bytes, err);
    if (status == KH_OK)
        status = kh_direct_end(spool->block, err);
    kh_direct_give(spool->block);
    spool->block = NULL;
    spool->begun = spool->bytes / PAGE_BYTES * PAGE_BYTES;
    return status;
}

kh_status kh_spool_write(kh_spool *spool, const void *bytes, size_t size, kh_error *err)
{
    kh_direct_pool *blocks = spool->spools->blocks;
    kh_status status = KH_OK;

    if (blocks && spool->bytes == 0 && !spool->block)
        spool->block = kh_direct_take(blocks);
    if (spool->block && size > kh_direct_pool_block_bytes(blocks) - spool->bytes)
        status = leave_block(spool, err);
    if (status == KH_OK && !spool->block)
        return write_to_file(spool, bytes, size, err);
    if (status == KH_OK)
        write_to_block(spool, bytes, size);
    return status;
}

uint64_t kh_spool_bytes(const kh_spool *spool)
{
    return spool->bytes;
}

static void sum_block(void *argument, unsigned thread_index)
{
    kh_spool *spool = argument;

    (void)thread_index;
    spool->summed = kh_sha256_add(spool->sha, kh_direct_bytes(spool->block), (size_t)spool->bytes, NULL);
    kh_sha256_finish(spool->sha, spool->sum);
    if (spool->is_summed_apart)
        sem_post(&spool->sum_is_made);
}

static void begin_sum(kh_spool *spool)
{
    spool->is_summed_apart = spool->bytes >= SUM_APART;
    if (spool->is_summed_apart && kh_pool_submit(spool->spools->summers, sum_block, spool, NULL) == KH_OK)
        return;
    spool->is_summed_apart = false;
    sum_block(spool, 0);
}

kh_status kh_spool_end(kh_spool *spool, kh_error *err)
{
    if (spool->block) {
        kh_status status = kh_direct_last(spool->block, spool->fd, (size_t)spool->bytes, err);

        if (status == KH_OK)
            begin_sum(spool);
        return status;
    }
    if (spool->bytes - spool->begun >= REST_BYTES)
        begin_write_back(spool, spool->bytes);
    kh_sha256_finish(spool->sha, spool->sum);
    return KH_OK;
}

const uint8_t *kh_spool_memory(const kh_spool *spool)
{
    return spool->block ? kh_direct_bytes(spool->block) : NULL;
}

kh_status kh_spool_settle(kh_spool *spool, kh_error *err)
{
    return spool->block ? kh_direct_end(spool->block, err) : KH_OK;
}

kh_status kh_spool_sync(kh_spool *spool, kh_error *err)
{
    kh_status status = kh_spool_settle(spool, err);

    if (status == KH_OK && fsync(spool->fd) != 0)
        status = kh_error_errno(err, errno, "sync a file");
    return status;
}

kh_status kh_spool_sum(kh_spool *spool, uint8_t sha256[KH_SHA256_SIZE], kh_error *err)
{
    wait_for_sum(spool);
    memcpy(sha256, spool->sum, sizeof spool->sum);
    return spool->summed == KH_OK ? KH_OK : kh_error_set(err, spool->summed, "the sum of a file could not be made");
}

int kh_spool_fd(const kh_spool *spool)
{
    return spool->fd;
}
