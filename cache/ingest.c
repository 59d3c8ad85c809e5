/* The row is the last thing written: what fails before it leaves a file at most, which is removed here or, after a kill, is
 * found again by its id (recover.c). */
#include "cache/ingest.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/log.h"
#include "cache/held.h"
#include "cache/internal.h"
#include "cache/issuers.h"
#include "cache/removal.h"
#include "cache/room.h"
#include "cache/rows.h"
#include "store/file.h"
#include "store/spool.h"

#define DISK_LOOK_BYTES ((uint64_t)64 << 20) /* of one object that comes in */
#define COPY_BLOCK 262144

struct kh_incoming {
    kh_cache *cache;
    kh_spool *spool;
    uint64_t number;
    uint64_t looked_at; /* received when the disk was last looked at */
    uint64_t taken;     /* of the quota, until it is stored or gone */
    kh_conflict_rule rule;
    kh_status failed;   /* of an earlier write */
};

static kh_status check_size(const kh_cache *cache, uint64_t size, kh_error *err)
{
    if (size > cache->options.object_bytes_max)
        return kh_error_set(err, KH_E_LIMIT, "object of %" PRIu64 " bytes, expected at most %" PRIu64, size,
                            cache->options.object_bytes_max);
    return KH_OK;
}

static kh_status check_begin(kh_cache *cache, uint64_t size_hint, kh_error *err)
{
    kh_status status = check_size(cache, size_hint, err);

    return status == KH_OK ? kh_room_check(cache, size_hint, err) : status;
}

kh_status kh_ingest_still(const kh_incoming *incoming, uint64_t size_hint, kh_error *err)
{
    return check_begin(incoming->cache, size_hint, err);
}

kh_status kh_ingest_begin(kh_incoming **out, kh_cache *cache, uint64_t size_hint, kh_error *err)
{
    kh_incoming *incoming = NULL;
    char path[PATH_MAX];
    kh_status status;

    *out = NULL;
    if (!cache->committer)
        return kh_error_set(err, KH_E_DENIED, "this process only reads the index; its owner takes objects");
    status = check_begin(cache, size_hint, err);
    if (status != KH_OK)
        return status;
    incoming = calloc(1, sizeof *incoming);
    if (!incoming)
        return kh_error_set(err, KH_E_MEMORY, "no memory for an object");
    incoming->cache = cache;
    incoming->rule = cache->options.conflict;
    incoming->number = atomic_fetch_add(&cache->incoming_number, 1);
    kh_path_incoming(path, &cache->paths, incoming->number);
    status = kh_spool_open(&incoming->spool, cache->spools, path, err);
    if (status == KH_OK) {
        *out = incoming;
    } else {
        kh_error_prefix(err, "incoming/");
        free(incoming);
    }
    return status;
}

static void incoming_free(kh_incoming *incoming)
{
    kh_room_give_back(incoming->cache, incoming->taken);
    kh_spool_close(incoming->spool);
    free(incoming);
}

void kh_ingest_abort(kh_incoming *incoming)
{
    char path[PATH_MAX];

    if (!incoming)
        return;
    kh_path_incoming(path, &incoming->cache->paths, incoming->number);
    unlink(path);
    incoming_free(incoming);
}

static kh_status write_checked(kh_incoming *incoming, const void *part, size_t size, kh_error *err)
{
    uint64_t bytes = kh_spool_bytes(incoming->spool);
    kh_status status = check_size(incoming->cache, bytes + size, err);

    if (status == KH_OK && bytes + size - incoming->looked_at > DISK_LOOK_BYTES) {
        incoming->looked_at = bytes;
        status = kh_room_check(incoming->cache, size, err);
    }
    if (status == KH_OK)
        status = kh_room_take(incoming->cache, size, err);
    if (status != KH_OK)
        return status;
    incoming->taken += size;
    return kh_spool_write(incoming->spool, part, size, err);
}

kh_status kh_ingest_write(kh_incoming *incoming, const void *bytes, size_t size, kh_error *err)
{
    if (incoming->failed != KH_OK)
        return kh_error_set(err, incoming->failed, "the object could not be written before");
    incoming->failed = write_checked(incoming, bytes, size, err);
    return incoming->failed;
}

static kh_status check_expected(const kh_facts *facts, const kh_expected *expected, kh_error *err)
{
    if (expected && expected->sop_class_uid && strcmp(expected->sop_class_uid, facts->sop_class_uid) != 0)
        return kh_error_set(err, KH_E_CONFLICT, "SOPClassUID (0008,0016) %s, announced %.64s", facts->sop_class_uid,
                            expected->sop_class_uid);
    if (expected && expected->sop_instance_uid && strcmp(expected->sop_instance_uid, facts->sop_instance_uid) != 0)
        return kh_error_set(err, KH_E_CONFLICT, "SOPInstanceUID (0008,0018) %s, announced %.64s", facts->sop_instance_uid,
                            expected->sop_instance_uid);
    return KH_OK;
}

/* While the disk takes it, where it is still in memory. */
static kh_status read_incoming(kh_incoming *incoming, const kh_expected *expected, kh_facts *facts, kh_error *err)
{
    uint64_t bytes = kh_spool_bytes(incoming->spool);
    kh_source source;
    kh_status status = kh_spool_end(incoming->spool, err);
    const uint8_t *memory = kh_spool_memory(incoming->spool);

    if (status == KH_OK && memory)
        kh_source_init_memory(&source, memory, (size_t)bytes);
    else if (status == KH_OK)
        status = kh_source_init_fd(&source, kh_spool_fd(incoming->spool), err);
    if (status == KH_OK)
        status = kh_facts_read(facts, &source, err);
    if (status == KH_OK && facts->bytes != bytes)
        status = kh_error_set(err, KH_E_IO, "file has %" PRIu64 " bytes after writing %" PRIu64, facts->bytes, bytes);
    if (status == KH_OK)
        status = check_expected(facts, expected, err);
    return status;
}

kh_status kh_leaf_ensure(kh_cache *cache, uint32_t leaf, kh_error *err)
{
    char path[PATH_MAX], parent[PATH_MAX];
    kh_status status;

    if (atomic_load(&cache->leaf_made[leaf]))
        return KH_OK;
    kh_path_leaf_dir(path, &cache->paths, leaf);
    memcpy(parent, path, sizeof parent);
    *strrchr(parent, '/') = '\0';
    status = kh_dir_make(parent, err);
    if (status == KH_OK)
        status = kh_dir_make(path, err);
    if (status == KH_OK)
        atomic_store(&cache->leaf_made[leaf], 1);
    return status;
}

/* Rename to the final place, which is `path` then, and write the row. */
static kh_status place(kh_cache *cache, char path[PATH_MAX], kh_row_job *job, kh_error *err)
{
    char final_path[PATH_MAX];
    uint32_t leaf = kh_path_leaf(job->object_id);
    kh_status status = kh_leaf_ensure(cache, leaf, err);

    kh_path_object(final_path, &cache->paths, job->object_id, job->origin_id);
    if (status == KH_OK && rename(path, final_path) != 0)
        status = kh_error_errno(err, errno, "rename to objects/");
    if (status != KH_OK)
        return status;
    memcpy(path, final_path, PATH_MAX);
    status = kh_committer_run(cache->committer, kh_rows_insert, job, leaf, err);
    if (status == KH_OK && job->facts->rejection.reason)
        atomic_fetch_add(&cache->page->hide_epoch, 1);
    job->in_doubt = status != KH_OK && kh_committer_in_doubt(cache->committer);
    return status;
}

static void remove_stored(kh_cache *cache, const char *path, int64_t object_id)
{
    kh_error ignored = KH_ERROR_INIT;
    char leaf_path[PATH_MAX];

    if (unlink(path) != 0)
        return;
    kh_path_leaf_dir(leaf_path, &cache->paths, kh_path_leaf(object_id));
    if (kh_dir_sync(leaf_path, &ignored) != KH_OK)
        kh_log(KH_LOG_WARN, "ingest", "after a failed store: %s", ignored.message);
}

/* On failure the file is gone, unless its row is in doubt. */
static kh_status store_new(kh_incoming *incoming, char path[PATH_MAX], kh_row_job *job, kh_error *err)
{
    kh_cache *cache = incoming->cache;
    kh_status status = kh_id_take(cache->ids, &job->object_id, err);

    if (status != KH_OK)
        return status;
    status = place(cache, path, job, err);
    if (status == KH_OK && job->is_held) { /* another thread was first; at `path` lies a file without a row until it is moved */
        status = kh_held_settle(cache, path, kh_spool_fd(incoming->spool), job->facts, job->origin_id, incoming->rule, &job->held, err);
        if (status == KH_OK && (job->held.is_missing || job->held.is_replaced))
            status = kh_error_set(err, KH_E_BUSY, "object %lld goes away or came just now", (long long)job->held.object_id);
    } else if (status == KH_OK && job->missing_file_id > 0) {
        kh_log(KH_LOG_WARN, "ingest", "object %lld was missing or cut; restored by a second transfer", (long long)job->kept_id);
        (void)!kh_removal_sweep(cache, NULL);
    } else if (status == KH_OK && job->replaced_file_id > 0) {
        kh_log(KH_LOG_WARN, "ingest", "SOP Instance UID %s again with other bytes: it is object %lld now, object %lld is kept beside",
               job->facts->sop_instance_uid, (long long)job->kept_id, (long long)job->held.object_id);
        (void)!kh_removal_sweep(cache, NULL);
    }
    if (status != KH_OK && job->in_doubt) {
        kh_log(KH_LOG_WARN, "ingest", "the index cannot be written; object %lld is refused, its file stays until the next start",
               (long long)job->object_id);
        return status; /* its id is not settled, so that recovery looks at it */
    }
    if (status != KH_OK)
        remove_stored(cache, path, job->object_id);
    kh_id_settle(cache->ids, job->object_id);
    return status;
}

/* The file's bytes are where kh_spool_settle() or kh_spool_sync() leaves them, and their sum is among the facts. */
static kh_status finish_file(kh_incoming *incoming, kh_status (*finish)(kh_spool *spool, kh_error *err), kh_facts *facts, kh_error *err)
{
    kh_status status = finish(incoming->spool, err);

    return status == KH_OK ? kh_spool_sum(incoming->spool, facts->sha256, err) : status;
}

/* Is the UID known before anything is synced? */
static kh_status find_held(kh_cache *cache, kh_row_job *job, kh_error *err)
{
    kh_sql *sql;
    kh_status status = kh_reader_acquire(&sql, cache->readers, err);

    if (status == KH_OK)
        status = kh_rows_find(sql, job->facility_id, job->facts->sop_instance_uid, &job->held, &job->is_held, err);
    kh_reader_release(cache->readers, sql);
    return status;
}

static void tell(const kh_row_job *job, const kh_facts *facts, kh_ingest_result *result)
{
    memcpy(result->sop_instance_uid, facts->sop_instance_uid, sizeof result->sop_instance_uid);
    if (job->is_held) {
        result->object_id = job->held.object_id;
        result->series_id = job->held.series_id;
        result->study_id = job->held.study_id;
        result->duplicate = job->held.is_same;
        result->conflict = !job->held.is_same;
    } else {
        result->object_id = job->kept_id;
        result->series_id = job->series_id;
        result->study_id = job->study_id;
        result->duplicate = job->missing_file_id > 0;
        result->conflict = job->replaced_file_id > 0;
    }
}

kh_status kh_ingest_commit(kh_incoming *incoming, const kh_origin *origin, const kh_expected *expected,
                           kh_ingest_result *result, kh_error *err)
{
    kh_cache *cache = incoming->cache;
    kh_facts facts = {0};
    kh_row_job job = {.facts = &facts};
    char path[PATH_MAX];
    kh_status status = incoming->failed;

    memset(result, 0, sizeof *result);
    kh_path_incoming(path, &cache->paths, incoming->number);
    if (status != KH_OK)
        kh_error_set(err, status, "the object could not be written");
    if (status == KH_OK)
        status = read_incoming(incoming, expected, &facts, err);
    if (status == KH_OK)
        kh_issuers_judge(cache->options.issuers, origin->facility, &facts);
    if (status == KH_OK)
        status = kh_origin_number(cache->origins, origin, &job.origin_id, &job.facility_id, err);
    if (status == KH_OK)
        status = find_held(cache, &job, err);
    if (status == KH_OK && job.is_held && job.held.file_id > 0)
        status = finish_file(incoming, kh_spool_settle, &facts, err);
    if (status == KH_OK && job.is_held && job.held.file_id > 0) {
        status = kh_held_settle(cache, path, kh_spool_fd(incoming->spool), &facts, job.origin_id, incoming->rule, &job.held, err);
        job.missing_file_id = job.held.is_missing ? job.held.file_id : 0;
        job.replaced_file_id = job.held.is_replaced ? job.held.file_id : 0;
    }
    if (status == KH_OK && job.replaced_file_id > 0)
        status = kh_held_keep_first(cache, &facts, &job.held, err);
    if (!job.is_held || job.held.file_id == 0 || job.missing_file_id > 0 || job.replaced_file_id > 0) {
        if (status == KH_OK)
            status = finish_file(incoming, kh_spool_sync, &facts, err);
        if (status == KH_OK)
            status = store_new(incoming, path, &job, err);
    }
    if (status == KH_OK && !job.is_held && job.missing_file_id == 0)
        kh_room_stored(cache, facts.bytes);
    if (status == KH_OK)
        tell(&job, &facts, result);
    else if (!job.in_doubt)
        unlink(path);
    kh_facts_release(&facts);
    incoming_free(incoming);
    return status;
}

static kh_status copy_in(kh_incoming *incoming, int fd, uint64_t size, kh_error *err)
{
    uint8_t *block = malloc(COPY_BLOCK);
    kh_status status = block ? KH_OK : kh_error_set(err, KH_E_MEMORY, "no memory to copy a file");

    for (uint64_t done = 0; done < size && status == KH_OK;) {
        size_t count = size - done < COPY_BLOCK ? (size_t)(size - done) : COPY_BLOCK;

        status = kh_read_all_at(fd, block, count, done, err);
        if (status == KH_OK)
            status = kh_ingest_write(incoming, block, count, err);
        done += count;
    }
    free(block);
    return status;
}

static kh_status ingest_file(kh_cache *cache, const char *path, const kh_origin *origin, const kh_conflict_rule *rule,
                             kh_ingest_result *result, kh_error *err)
{
    kh_incoming *incoming = NULL;
    struct stat st;
    kh_status status = KH_OK;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe must not hang us */

    memset(result, 0, sizeof *result);
    if (fd < 0)
        return errno == ENOENT ? kh_error_set(err, KH_E_NOT_FOUND, "no such file") : kh_error_errno(err, errno, "open");
    if (fstat(fd, &st) != 0)
        status = kh_error_errno(err, errno, "stat");
    else if (!S_ISREG(st.st_mode))
        status = kh_error_set(err, KH_E_ARG, "not a regular file");
    if (status == KH_OK)
        status = kh_ingest_begin(&incoming, cache, (uint64_t)st.st_size, err);
    if (status == KH_OK && rule)
        incoming->rule = *rule;
    if (status == KH_OK)
        status = copy_in(incoming, fd, (uint64_t)st.st_size, err);
    if (status == KH_OK) {
        status = kh_ingest_commit(incoming, origin, NULL, result, err);
        incoming = NULL;
    }
    kh_ingest_abort(incoming);
    close(fd);
    return status;
}

kh_status kh_ingest_file(kh_cache *cache, const char *path, const kh_origin *origin, kh_ingest_result *result, kh_error *err)
{
    return ingest_file(cache, path, origin, NULL, result, err);
}

kh_status kh_ingest_file_over(kh_cache *cache, const char *path, const kh_origin *origin, kh_ingest_result *result, kh_error *err)
{
    const kh_conflict_rule rule = KH_CONFLICT_KEEP_LAST;

    return ingest_file(cache, path, origin, &rule, result, err);
}
