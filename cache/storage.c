#include "cache/storage.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include "cache/evict.h"
#include "cache/internal.h"
#include "store/file.h"

#define STUDIES_AT_ONCE 256

static void take_sums(kh_sql_row *row, void *context)
{
    kh_storage *out = context;

    out->used_bytes = kh_sql_int(row, 0);
    out->leaving = kh_sql_int(row, 1);
    out->here = (kh_storage_sum){kh_sql_int(row, 2), kh_sql_int(row, 3)};
    out->away = (kh_storage_sum){kh_sql_int(row, 4), kh_sql_int(row, 5)};
    out->oldest_used_ms = kh_sql_int(row, 6);
}

static kh_status read_sums(kh_cache *cache, kh_storage *out, kh_error *err)
{
    return kh_cache_first(cache,
                          "SELECT (SELECT bytes FROM store_use), (SELECT count(*) FROM leaving), coalesce(sum(here), 0),"
                          " coalesce(sum(bytes - away_bytes), 0), coalesce(sum(away_count > 0), 0), coalesce(sum(away_bytes), 0),"
                          " coalesce(min(iif(here, max(last_used_ms, last_arrival_ms), NULL)), 0) FROM study",
                          NULL, 0, take_sums, out, err);
}

static kh_status read_ids(kh_cache *cache, int64_t after, int64_t ids[STUDIES_AT_ONCE], size_t *count, kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_I(after), KH_SQL_I(STUDIES_AT_ONCE)};
    kh_sql *sql = NULL;
    kh_sql_row *row = NULL;
    bool has_row;
    kh_status status = kh_reader_acquire(&sql, cache->readers, err);

    *count = 0;
    if (status == KH_OK)
        status = kh_sql_query(&row, sql, "SELECT id FROM study WHERE here = 1 AND id > ?1 ORDER BY id LIMIT ?2", values, 2, err);
    while (status == KH_OK && (status = kh_sql_next(row, &has_row, err)) == KH_OK && has_row)
        ids[(*count)++] = kh_sql_int(row, 0);
    kh_sql_end(row);
    kh_reader_release(cache->readers, sql);
    return status;
}

static void add(kh_storage_sum *to, const kh_evictable *study)
{
    to->studies++;
    to->bytes += study->bytes;
}

static kh_status sum_studies(kh_cache *cache, kh_storage *out, kh_error *err)
{
    int64_t ids[STUDIES_AT_ONCE], last = 0;
    size_t count = 0;
    kh_status status;

    do {
        status = read_ids(cache, last, ids, &count, err);
        for (size_t i = 0; i < count && status == KH_OK; i++) {
            kh_error gone = KH_ERROR_INIT;
            kh_evictable study;

            last = ids[i];
            status = kh_evict_look(cache, ids[i], cache->options.evict_idle_ms, &study, &gone);
            if (status == KH_E_NOT_FOUND) {
                status = KH_OK;
                continue;
            }
            if (status != KH_OK)
                return kh_error_set(err, status, "%s", gone.message);
            if (study.may)
                add(&out->evictable, &study);
            else if (study.pinned)
                add(&out->pinned, &study);
            else if (study.no_return)
                add(&out->without_return, &study);
        }
    } while (status == KH_OK && count == STUDIES_AT_ONCE);
    return status;
}

static kh_status sum_quarantine(kh_cache *cache, kh_storage_sum *out, kh_error *err)
{
    char path[PATH_MAX];
    struct dirent *entry;
    DIR *dir;

    kh_path_of(path, &cache->paths, "quarantine");
    dir = opendir(path);
    if (!dir)
        return kh_error_errno(err, errno, "open %s", path);
    while ((entry = readdir(dir)) != NULL) {
        struct stat st;

        if (entry->d_name[0] == '.' || fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
            continue;
        out->studies++;
        out->bytes += (int64_t)st.st_size;
    }
    closedir(dir);
    return KH_OK;
}

kh_status kh_storage_get(kh_cache *cache, kh_storage *out, kh_error *err)
{
    uint64_t free_bytes = 0;
    kh_status status;

    memset(out, 0, sizeof *out);
    out->quota_bytes = (int64_t)cache->options.quota_bytes;
    out->keep_free_bytes = (int64_t)cache->options.keep_free_bytes;
    out->reserve_bytes = (int64_t)cache->options.reserve_bytes;
    status = kh_disk_free(&free_bytes, cache->paths.dir, err);
    out->disk_free_bytes = (int64_t)free_bytes;
    if (status == KH_OK)
        status = read_sums(cache, out, err);
    if (status == KH_OK)
        status = sum_studies(cache, out, err);
    return status == KH_OK ? sum_quarantine(cache, &out->quarantine, err) : status;
}
