#include "cache/recover.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/log.h"
#include "cache/held.h"
#include "cache/internal.h"
#include "cache/issuers.h"
#include "cache/quarantine.h"
#include "store/digest.h"
#include "store/file.h"

#define FACILITY_SIZE 65
#define PROGRESS_MS 5000

static kh_status empty_incoming(kh_cache *cache, kh_error *err)
{
    char path[PATH_MAX];
    struct dirent *entry;
    size_t count = 0;
    DIR *dir;

    kh_path_of(path, &cache->paths, "incoming");
    dir = opendir(path);
    if (!dir)
        return kh_error_errno(err, errno, "open %s", path);
    while ((entry = readdir(dir)) != NULL)
        if (entry->d_name[0] != '.' && unlinkat(dirfd(dir), entry->d_name, 0) == 0)
            count++;
    closedir(dir);
    if (count > 0)
        kh_log(KH_LOG_INFO, "recover", "%zu objects were being received and are dropped", count);
    return KH_OK;
}

/* One value of one row; *found is false when there is none. */
static kh_status read_one(kh_cache *cache, const char *query, int64_t key, int64_t *out, bool *found, kh_error *err)
{
    const kh_sql_value value = KH_SQL_I(key);
    kh_sql *sql;
    kh_sql_row *row = NULL;
    kh_status status = kh_reader_acquire(&sql, cache->readers, err);

    *found = false;
    if (status == KH_OK)
        status = kh_sql_query(&row, sql, query, &value, 1, err);
    if (status == KH_OK)
        status = kh_sql_next(row, found, err);
    if (status == KH_OK && *found)
        *out = kh_sql_int(row, 0);
    kh_sql_end(row);
    kh_reader_release(cache->readers, sql);
    return status;
}

/* The file was renamed after its sync, so it is whole; its row did not make it. */
static kh_status read_file(int fd, kh_facts *facts, kh_error *err)
{
    kh_status status = kh_facts_read_file(facts, fd, err);

    return status == KH_OK ? kh_sha256_of_file(facts->sha256, fd, facts->bytes, err) : status;
}

static kh_status index_file(kh_cache *cache, const char *path, int fd, kh_row_job *job, const kh_facts *facts, kh_error *err)
{
    kh_status status = kh_committer_run(cache->committer, kh_rows_insert, job, kh_path_leaf(job->object_id), err);

    if (status == KH_OK && job->is_held)
        status = kh_held_settle(cache, path, fd, facts, job->origin_id, KH_CONFLICT_KEEP_FIRST, &job->held, err);
    if (status == KH_OK && job->is_held && job->held.is_missing) {
        job->missing_file_id = job->held.file_id;
        status = kh_committer_run(cache->committer, kh_rows_insert, job, kh_path_leaf(job->object_id), err);
    }
    return status;
}

static kh_status set_aside(kh_cache *cache, const char *path, const char *name, int64_t origin_id, const kh_error *why, kh_error *err)
{
    kh_quarantined one = {.kind = KH_QUARANTINE_UNREADABLE, .origin_id = origin_id};
    struct stat st;

    KH_COPY(one.name, name);
    KH_COPY(one.reason, why->message);
    one.bytes = stat(path, &st) == 0 ? (int64_t)st.st_size : 0;
    kh_log(KH_LOG_WARN, "recover", "%s has no row and cannot have one, it goes to quarantine/: %s", name, why->message);
    return kh_quarantine_put(cache, path, false, &one, err);
}

static bool is_content(kh_status status)
{
    return status == KH_E_FORMAT || status == KH_E_UNSUPPORTED || status == KH_E_LIMIT || status == KH_E_NOT_FOUND ||
           status == KH_E_IO; /* one bad sector must not keep the service from starting */
}

static void take_name(kh_sql_row *row, void *context)
{
    snprintf(context, FACILITY_SIZE, "%s", kh_sql_text(row, 0));
}

/* As when it came in. */
static kh_status judge(kh_cache *cache, int64_t facility_id, kh_facts *facts, kh_error *err)
{
    const kh_sql_value id = KH_SQL_I(facility_id);
    char name[FACILITY_SIZE] = "";
    kh_status status = kh_cache_first(cache, "SELECT name FROM facility WHERE id = ?1", &id, 1, take_name, name, err);

    if (status == KH_OK)
        kh_issuers_judge(cache->options.issuers, name, facts);
    return status;
}

/* *indexed: one more object has its row. */
static kh_status recover_file(kh_cache *cache, const char *name, int64_t object_id, int64_t origin_id, size_t *indexed, kh_error *err)
{
    kh_facts facts = {0};
    kh_row_job job = {.facts = &facts, .object_id = object_id, .origin_id = origin_id};
    kh_error why = KH_ERROR_INIT;
    char path[PATH_MAX];
    int64_t ignored;
    bool found, is_bad;
    int fd = -1;
    kh_status status =
        read_one(cache, "SELECT 1 FROM object WHERE (id = ?1 AND file_id IS NULL) OR file_id = ?1", object_id, &ignored, &found, err);

    if (status != KH_OK || found)
        return status;
    status = read_one(cache, "SELECT facility_id FROM origin WHERE id = ?1", origin_id, &job.facility_id, &found, err);
    if (status != KH_OK)
        return status;
    kh_path_object(path, &cache->paths, object_id, origin_id);
    if (!found)
        status = kh_error_set(&why, KH_E_NOT_FOUND, "origin %lld is not known", (long long)origin_id);
    if (status == KH_OK)
        status = kh_object_open_file(&fd, &cache->paths, object_id, origin_id, &why);
    if (status == KH_OK)
        status = read_file(fd, &facts, &why);
    is_bad = status != KH_OK && is_content(status);
    if (status == KH_OK)
        status = judge(cache, job.facility_id, &facts, &why);
    if (status == KH_OK)
        status = index_file(cache, path, fd, &job, &facts, &why);
    if (fd >= 0)
        close(fd);
    kh_facts_release(&facts);
    if (status == KH_OK)
        ++*indexed;
    else if (is_bad || status == KH_E_LIMIT)
        status = set_aside(cache, path, name, origin_id, &why, err);
    else
        kh_error_set(err, status, "object %lld: %s", (long long)object_id, why.message);
    return status;
}

static kh_status recover_leaf(kh_cache *cache, uint32_t leaf, int64_t settled, int64_t reserved, size_t *indexed, kh_error *err)
{
    char path[PATH_MAX];
    struct dirent *entry;
    kh_status status = KH_OK;
    DIR *dir;

    kh_path_leaf_dir(path, &cache->paths, leaf);
    dir = opendir(path);
    if (!dir)
        return errno == ENOENT ? KH_OK : kh_error_errno(err, errno, "open %s", path);
    status = kh_leaf_ensure(cache, leaf, err);
    while (status == KH_OK && (entry = readdir(dir)) != NULL) {
        int64_t object_id, origin_id;

        if (kh_path_parse_object(entry->d_name, &object_id, &origin_id) && kh_path_leaf(object_id) == leaf &&
            object_id >= settled && object_id < reserved)
            status = recover_file(cache, entry->d_name, object_id, origin_id, indexed, err);
    }
    closedir(dir);
    return status;
}

static kh_status note_settled(kh_write *write, void *context, kh_error *err)
{
    const kh_sql_value reserved = KH_SQL_I(*(const int64_t *)context);

    return kh_sql_run(kh_write_sql(write), "UPDATE ids SET settled = ?1, reserved = ?1", &reserved, 1, NULL, err);
}

kh_status kh_recover(kh_cache *cache, int64_t settled, int64_t reserved, kh_error *err)
{
    size_t indexed = 0;
    kh_status status = empty_incoming(cache, err);
    /* The directories come round again after KH_LEAF_COUNT of them. */
    int64_t first = settled / KH_LEAF_IDS, last = (reserved - 1) / KH_LEAF_IDS, told_ms = kh_clock_monotonic_ms();

    if (last - first >= KH_LEAF_COUNT)
        last = first + KH_LEAF_COUNT - 1;
    for (int64_t i = first; i <= last && settled < reserved && status == KH_OK; i++) {
        if (kh_clock_monotonic_ms() - told_ms >= PROGRESS_MS) {
            kh_log(KH_LOG_INFO, "recover", "directory %lld of %lld, %zu objects have their row so far", (long long)(i - first + 1),
                   (long long)(last - first + 1), indexed);
            told_ms = kh_clock_monotonic_ms();
        }
        status = recover_leaf(cache, (uint32_t)i & (KH_LEAF_COUNT - 1), settled, reserved, &indexed, err);
    }
    if (indexed > 0)
        kh_log(KH_LOG_INFO, "recover", "%zu objects were stored without their row and have it now", indexed);
    if (status == KH_OK && settled < reserved)
        status = kh_cache_write(cache, note_settled, &reserved, err);
    return status;
}
