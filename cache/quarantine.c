#include "cache/quarantine.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/log.h"
#include "cache/internal.h"
#include "store/file.h"

#define COLUMNS                                                                                                                \
    "SELECT q.name, q.kind, q.object_id, q.origin_id, q.bytes, q.when_ms, q.sop_uid, q.reason, coalesce(f.name, ''),"          \
    " coalesce(g.source, '') FROM quarantined q LEFT JOIN origin g ON g.id = q.origin_id LEFT JOIN facility f ON f.id = g.facility_id"

const char *kh_quarantine_kind_text(kh_quarantine_kind kind)
{
    static const char *const texts[] = {"unknown", "second", "first", "unreadable"};

    return (unsigned)kind < sizeof texts / sizeof texts[0] ? texts[kind] : texts[0];
}

static kh_status path_of(char out[PATH_MAX], const kh_cache *cache, const char *name, kh_error *err)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
    size_t length = name ? strlen(name) : 0;

    if (length < 1 || length >= KH_QUARANTINE_NAME_SIZE || name[0] == '.' || strspn(name, allowed) != length)
        return kh_error_set(err, KH_E_ARG, "name: expected 1 to %d of [A-Za-z0-9_.-], not beginning with a dot",
                            KH_QUARANTINE_NAME_SIZE - 1);
    snprintf(out, PATH_MAX, "%s/quarantine/%s", cache->paths.dir, name);
    return KH_OK;
}

static kh_status sync_dir(const kh_cache *cache, kh_error *err)
{
    char path[PATH_MAX];

    kh_path_of(path, &cache->paths, "quarantine");
    return kh_dir_sync(path, err);
}

/* ---- rows ---- */

static void read_row(kh_sql_row *row, void *context)
{
    kh_quarantined *out = context;

    memset(out, 0, sizeof *out);
    KH_COPY(out->name, kh_sql_text(row, 0));
    out->kind = (kh_quarantine_kind)kh_sql_int(row, 1);
    out->object_id = kh_sql_int(row, 2);
    out->origin_id = kh_sql_int(row, 3);
    out->bytes = kh_sql_int(row, 4);
    out->when_ms = kh_sql_int(row, 5);
    KH_COPY(out->sop_instance_uid, kh_sql_text(row, 6));
    KH_COPY(out->reason, kh_sql_text(row, 7));
    KH_COPY(out->facility, kh_sql_text(row, 8));
    KH_COPY(out->source, kh_sql_text(row, 9));
}

static kh_status write_row(kh_write *write, void *context, kh_error *err)
{
    const kh_quarantined *one = context;
    const kh_sql_value values[] = {KH_SQL_T(one->name),      KH_SQL_I(one->kind),  KH_SQL_I(one->object_id),
                                   KH_SQL_I(one->origin_id), KH_SQL_I(one->bytes), KH_SQL_I(kh_write_now_ms(write)),
                                   KH_SQL_T(one->sop_instance_uid), KH_SQL_T(one->reason)};

    return kh_sql_run(kh_write_sql(write),
                      "INSERT INTO quarantined (name, kind, object_id, origin_id, bytes, when_ms, sop_uid, reason)"
                      " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (name) DO UPDATE SET kind = ?2, when_ms = ?6, reason = ?8",
                      values, 8, NULL, err);
}

static kh_status delete_row(kh_write *write, void *context, kh_error *err)
{
    const kh_sql_value value = KH_SQL_T(context);

    return kh_sql_run(kh_write_sql(write), "DELETE FROM quarantined WHERE name = ?1", &value, 1, NULL, err);
}

static kh_status find_row(kh_cache *cache, const char *name, kh_quarantined *out, bool *found, kh_error *err)
{
    const kh_sql_value value = KH_SQL_T(name);
    kh_status status = kh_cache_first(cache, COLUMNS " WHERE q.name = ?1", &value, 1, read_row, out, err);

    *found = status == KH_OK;
    return status == KH_E_NOT_FOUND ? KH_OK : status;
}

static void take_bytes(kh_sql_row *row, void *context)
{
    *(int64_t *)context = kh_sql_int(row, 0);
}

static kh_status check_room(kh_cache *cache, int64_t bytes, kh_error *err)
{
    int64_t held = 0;
    kh_status status = kh_cache_first(cache, "SELECT coalesce(sum(bytes), 0) FROM quarantined", NULL, 0, take_bytes, &held, err);

    if (status == KH_OK && (uint64_t)(held + bytes) > cache->options.quarantine_bytes)
        return kh_error_set(err, KH_E_FULL, "quarantine holds %" PRId64 " of %" PRIu64 " bytes: accept or discard what is in it", held,
                            cache->options.quarantine_bytes);
    return status;
}

/* ---- in ---- */

kh_status kh_quarantine_put(kh_cache *cache, const char *path, bool keep_path, const kh_quarantined *one, kh_error *err)
{
    kh_quarantined known;
    char kept[PATH_MAX];
    bool found = false;
    kh_status status = path_of(kept, cache, one->name, err);

    if (status == KH_OK)
        status = find_row(cache, one->name, &known, &found, err);
    if (status == KH_OK && !found && one->kind != KH_QUARANTINE_UNREADABLE) /* what is in the way of a start is always set aside */
        status = check_room(cache, one->bytes, err);
    if (status != KH_OK)
        return status;
    if (keep_path ? link(path, kept) != 0 && errno != EEXIST : rename(path, kept) != 0)
        return kh_error_errno(err, errno, "to quarantine/");
    status = sync_dir(cache, err);
    return status == KH_OK ? kh_cache_write(cache, write_row, (void *)(uintptr_t)one, err) : status;
}

/* ---- looking ---- */

/* Files that have no row are shown as well. */
static kh_status look_at(kh_cache *cache, int dir_fd, const char *name, kh_quarantined *out, kh_error *err)
{
    struct stat st;
    bool found = false;
    kh_status status = find_row(cache, name, out, &found, err);

    if (status != KH_OK || found)
        return status;
    memset(out, 0, sizeof *out);
    KH_COPY(out->name, name);
    if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
        out->bytes = (int64_t)st.st_size;
        out->when_ms = (int64_t)st.st_mtim.tv_sec * 1000;
    }
    return KH_OK;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_ours(const struct dirent *entry)
{
    return entry->d_name[0] != '.' && strlen(entry->d_name) < KH_QUARANTINE_NAME_SIZE;
}

kh_status kh_quarantine_list(kh_cache *cache, kh_quarantine_visit *visit, void *context, kh_error *err)
{
    char path[PATH_MAX];
    struct dirent **entries = NULL;
    kh_status status = KH_OK;
    int count, dir_fd;

    kh_path_of(path, &cache->paths, "quarantine");
    dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    count = dir_fd >= 0 ? scandir(path, &entries, is_ours, by_name) : -1;
    if (count < 0)
        status = kh_error_errno(err, errno, "open %s", path);
    for (int i = 0; i < count; i++) {
        kh_quarantined one;

        if (status == KH_OK)
            status = look_at(cache, dir_fd, entries[i]->d_name, &one, err);
        if (status == KH_OK)
            status = visit(context, &one);
        free(entries[i]);
    }
    free(entries);
    if (dir_fd >= 0)
        close(dir_fd);
    return status;
}

kh_status kh_quarantine_find(kh_cache *cache, const char *name, kh_quarantined *out, kh_error *err)
{
    char path[PATH_MAX];
    kh_status status = path_of(path, cache, name, err);

    if (status == KH_OK && access(path, F_OK) != 0)
        return kh_error_set(err, KH_E_NOT_FOUND, "no %s in quarantine", name);
    return status == KH_OK ? look_at(cache, AT_FDCWD, name, out, err) : status;
}

/* ---- out ---- */

/* The file first: a kill in between leaves a row without a file, which the next discard takes away. */
static kh_status remove_one(kh_cache *cache, const char *name, kh_error *err)
{
    char path[PATH_MAX];
    kh_status status = path_of(path, cache, name, err);

    if (status == KH_OK && unlink(path) != 0 && errno != ENOENT)
        return kh_error_errno(err, errno, "remove from quarantine/");
    if (status == KH_OK)
        status = sync_dir(cache, err);
    return status == KH_OK ? kh_cache_write(cache, delete_row, (void *)(uintptr_t)name, err) : status;
}

kh_status kh_quarantine_accept(kh_cache *cache, const char *name, kh_ingest_result *result, kh_error *err)
{
    kh_quarantined one;
    char path[PATH_MAX];
    kh_status status = kh_quarantine_find(cache, name, &one, err);

    memset(result, 0, sizeof *result);
    if (status == KH_OK && one.origin_id == 0)
        return kh_error_set(err, KH_E_ARG, "%s: whose it is is not known: import the file instead", name);
    if (status == KH_OK)
        status = path_of(path, cache, name, err);
    if (status == KH_OK) {
        const kh_origin origin = {.facility = one.facility, .source = one.source};

        status = kh_ingest_file_over(cache, path, &origin, result, err);
    }
    if (status != KH_OK)
        return status;
    kh_log(KH_LOG_INFO, "quarantine", "%s is object %" PRId64 " now", name, result->object_id);
    return remove_one(cache, name, err);
}

kh_status kh_quarantine_discard(kh_cache *cache, const char *name, kh_error *err)
{
    kh_quarantined one;
    kh_status status = kh_quarantine_find(cache, name, &one, err);

    if (status == KH_OK)
        status = remove_one(cache, name, err);
    if (status == KH_OK)
        kh_log(KH_LOG_INFO, "quarantine", "%s is discarded: %s, %" PRId64 " bytes, %s", name, kh_quarantine_kind_text(one.kind), one.bytes,
               one.reason);
    return status;
}
