#include "cache/held.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/log.h"
#include "cache/internal.h"
#include "cache/quarantine.h"
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

static kh_status keep_beside(kh_cache *cache, const char *path, int fd, const kh_facts *facts, const kh_held_object *held,
                             int64_t origin_id, kh_error *err)
{
    kh_quarantined one = {
        .kind = KH_QUARANTINE_SECOND, .object_id = held->object_id, .origin_id = origin_id, .bytes = (int64_t)facts->bytes};
    char kept[PATH_MAX];
    kh_status status;

    kh_path_quarantine(kept, &cache->paths, held->object_id, facts->sha256);
    KH_COPY(one.name, strrchr(kept, '/') + 1);
    KH_COPY(one.sop_instance_uid, facts->sop_instance_uid);
    snprintf(one.reason, sizeof one.reason, "object %lld has this SOP Instance UID and other bytes", (long long)held->object_id);
    if (fsync(fd) != 0)
        return kh_error_errno(err, errno, "sync an object");
    status = kh_quarantine_put(cache, path, false, &one, err);
    if (status == KH_OK)
        kh_log(KH_LOG_WARN, "ingest", "SOP Instance UID %s again with other bytes: object %lld stays, the second is %s",
               facts->sop_instance_uid, (long long)held->object_id, one.name);
    return status;
}

kh_status kh_held_keep_first(kh_cache *cache, const kh_facts *facts, const kh_held_object *held, kh_error *err)
{
    kh_quarantined one = {
        .kind = KH_QUARANTINE_FIRST, .object_id = held->object_id, .origin_id = held->origin_id, .bytes = (int64_t)held->bytes};
    char kept[PATH_MAX], path[PATH_MAX];

    kh_path_quarantine(kept, &cache->paths, held->object_id, held->sha256);
    kh_path_object(path, &cache->paths, held->file_id, held->origin_id);
    KH_COPY(one.name, strrchr(kept, '/') + 1);
    KH_COPY(one.sop_instance_uid, facts->sop_instance_uid);
    snprintf(one.reason, sizeof one.reason, "was object %lld until another with its SOP Instance UID took its place",
             (long long)held->object_id);
    return kh_quarantine_put(cache, path, true, &one, err);
}

kh_status kh_held_settle(kh_cache *cache, const char *path, int fd, const kh_facts *facts, int64_t origin_id, kh_conflict_rule rule,
                         kh_held_object *held, kh_error *err)
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
    held->is_replaced = !held->is_same && rule == KH_CONFLICT_KEEP_LAST;
    if (held->is_missing || held->is_replaced)
        return KH_OK;
    if (!held->is_same && rule == KH_CONFLICT_REFUSE)
        return kh_error_set(err, KH_E_CONFLICT, "SOP Instance UID is held with other bytes, [storage] conflict is refuse");
    if (!held->is_same)
        return keep_beside(cache, path, fd, facts, held, origin_id, err);
    if (unlink(path) != 0)
        return kh_error_errno(err, errno, "remove a second copy");
    return KH_OK;
}
