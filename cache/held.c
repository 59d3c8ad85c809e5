#include "cache/held.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/log.h"
#include "cache/internal.h"
#include "store/file.h"

#define COMPARE_BLOCK 131072

/* size bytes of one file against those of another. */
static kh_status compare(int a, uint64_t a_offset, int b, uint64_t b_offset, uint64_t size, bool *same, kh_error *err)
{
    uint8_t *blocks = malloc((size_t)2 * COMPARE_BLOCK);
    kh_status status = blocks ? KH_OK : kh_error_set(err, KH_E_MEMORY, "no memory to compare objects");

    *same = true;
    for (uint64_t done = 0; done < size && status == KH_OK && *same;) {
        size_t count = size - done < COMPARE_BLOCK ? (size_t)(size - done) : COMPARE_BLOCK;

        status = kh_read_all_at(a, blocks, count, a_offset + done, err);
        if (status == KH_OK)
            status = kh_read_all_at(b, blocks + COMPARE_BLOCK, count, b_offset + done, err);
        if (status == KH_OK)
            *same = memcmp(blocks, blocks + COMPARE_BLOCK, count) == 0;
        done += count;
    }
    free(blocks);
    return status;
}

/* Do both files hold the same data set in the same transfer syntax? False when the held one cannot be read. */
static bool same_data_set(int held_fd, int fd, const kh_facts *facts, const kh_held_object *held)
{
    uint64_t size = facts->bytes - facts->main_offset;
    kh_error ignored = KH_ERROR_INIT;
    bool same = false;

    if (strcmp(held->transfer_syntax_uid, facts->transfer_syntax_uid) != 0 || held->bytes - held->main_offset != size)
        return false;
    return compare(held_fd, held->main_offset, fd, facts->main_offset, size, &same, &ignored) == KH_OK && same;
}

static kh_status quarantine(kh_cache *cache, const char *path, int fd, const kh_facts *facts, const kh_held_object *held,
                            kh_error *err)
{
    char kept[PATH_MAX], dir[PATH_MAX];

    kh_path_quarantine(kept, &cache->paths, held->object_id, facts->sha256);
    kh_path_of(dir, &cache->paths, "quarantine");
    if (fsync(fd) != 0 || rename(path, kept) != 0)
        return kh_error_errno(err, errno, "move an object to quarantine/");
    kh_log(KH_LOG_WARN, "ingest", "SOP Instance UID %s again with other bytes: object %lld stays, the second is %s",
           facts->sop_instance_uid, (long long)held->object_id, strrchr(kept, '/') + 1);
    return kh_dir_sync(dir, err);
}

kh_status kh_held_settle(kh_cache *cache, const char *path, int fd, const kh_facts *facts, kh_held_object *held, kh_error *err)
{
    bool same_file = memcmp(held->sha256, facts->sha256, sizeof held->sha256) == 0;
    kh_error missing = KH_ERROR_INIT;
    struct stat st;
    int held_fd = -1;
    bool whole;

    whole = kh_object_open_file(&held_fd, &cache->paths, held->file_id, held->origin_id, &missing) == KH_OK &&
            fstat(held_fd, &st) == 0 && (uint64_t)st.st_size == held->bytes;
    held->is_same = same_file || (whole && same_data_set(held_fd, fd, facts, held));
    if (held_fd >= 0)
        close(held_fd);
    held->is_missing = same_file && !whole;
    if (held->is_missing)
        return KH_OK;
    if (!held->is_same)
        return quarantine(cache, path, fd, facts, held, err);
    if (unlink(path) != 0)
        return kh_error_errno(err, errno, "remove a second copy");
    return KH_OK;
}
