#include "cache/cache.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/log.h"
#include "cache/display.h"
#include "cache/id_mark.h"
#include "cache/identity.h"
#include "cache/internal.h"
#include "cache/recover.h"
#include "cache/removal.h"
#include "cache/schema.h"
#include "store/file.h"

const kh_cache_options kh_cache_options_default = {
    .reserve_bytes = (uint64_t)2 << 30,
    .object_bytes_max = (uint64_t)8 << 30,
    .direct_bytes_max = 1 << 20,
    .evict_from_percent = 95,
    .evict_to_percent = 85,
    .evict_idle_ms = 600000,
    .quarantine_bytes = (uint64_t)10 << 30,
    .deleted_kept_ms = INT64_C(30) * 24 * 3600 * 1000,
    .readers_max = 8,
    .inline_bytes_max = 1024,
    .number_bytes_max = 32768,
    .frames_bytes_max = (uint64_t)256 << 20,
    .events_kept = 100000,
};

void kh_copy_text(char *out, size_t out_size, const char *text)
{
    size_t length = strnlen(text, out_size);

    if (length == out_size) { /* cut: not inside a character */
        length--;
        while (length > 0 && ((uint8_t)text[length] & 0xc0) == 0x80)
            length--;
    }
    memcpy(out, text, length);
    out[length] = '\0';
}

bool kh_name_valid(const char *name)
{
    size_t length = name ? strlen(name) : 0;

    for (size_t i = 0; i < length; i++)
        if (!((name[i] >= 'A' && name[i] <= 'Z') || (name[i] >= 'a' && name[i] <= 'z') || (name[i] >= '0' && name[i] <= '9') ||
              strchr("_.-", name[i])))
            return false;
    return length >= 1 && length <= 64;
}

kh_status kh_cache_write(kh_cache *cache, kh_write_function *function, void *context, kh_error *err)
{
    if (!cache->committer)
        return kh_error_set(err, KH_E_DENIED, "this process only reads the index; its owner writes");
    return kh_committer_run(cache->committer, function, context, KH_NO_LEAF, err);
}

static kh_status make_directories(const kh_cache *cache, kh_error *err)
{
    static const char *const names[] = {"objects", "incoming", "metadata", "quarantine", "run"};
    kh_status status = kh_dir_ensure(cache->paths.dir, err);

    for (size_t i = 0; i < sizeof names / sizeof names[0] && status == KH_OK; i++) {
        char path[PATH_MAX];

        kh_path_of(path, &cache->paths, names[i]);
        status = kh_dir_make(path, err);
    }
    return status;
}

static kh_status newest_event(kh_sql *sql, uint64_t *seq, kh_error *err)
{
    kh_sql_row *row;
    bool has_row = false;
    kh_status status = kh_sql_query(
        &row, sql, "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'event'), 0)", NULL, 0, err);

    if (status == KH_OK)
        status = kh_sql_next(row, &has_row, err);
    if (status == KH_OK)
        *seq = (uint64_t)kh_sql_int(row, 0);
    kh_sql_end(row);
    return status;
}

/* The index may be older than the objects: by one block after a kill, by more when it was put back from a backup. */
static void look_beyond(const kh_paths *paths, int64_t *reserved)
{
    int64_t mark = kh_id_mark_look(paths, *reserved);

    if (mark - *reserved > KH_ID_BLOCK)
        kh_log(KH_LOG_WARN, "recover",
               "index.db is older than objects/: of ids %" PRId64 " to %" PRId64 " what has no row gets one, which takes time",
               *reserved, mark - 1);
    *reserved = mark;
}

/* The part of the owner: lock, directories, schema, writer thread. */
static kh_status open_owner(kh_cache *cache, int64_t *settled, int64_t *reserved, kh_error *err)
{
    char path[PATH_MAX];
    kh_sql *sql = NULL;
    uint64_t seq = 0;
    kh_identity identity;
    kh_status status = kh_identity_look(&identity, &cache->paths, cache->options.archive_id, err);

    if (status == KH_OK)
        status = make_directories(cache, err);
    kh_path_of(path, &cache->paths, "index.lock");
    if (status == KH_OK)
        status = kh_lock_acquire(&cache->lock_fd, path, err);
    kh_path_of(path, &cache->paths, "index.db");
    if (status == KH_OK)
        status = kh_sql_open(&sql, path, KH_SQL_WRITER, err);
    if (status == KH_OK)
        status = kh_dir_sync(cache->paths.dir, err); /* the new file's name */
    if (status == KH_OK)
        status = kh_schema_prepare(sql, err);
    if (status == KH_OK)
        status = kh_sql_migrate(sql, kh_schema_scripts, kh_schema_count, err);
    if (status == KH_OK)
        status = newest_event(sql, &seq, err);
    if (status == KH_OK)
        status = kh_ids_read(sql, settled, reserved, err);
    if (status == KH_OK)
        status = kh_identity_settle(&identity, sql, *reserved, &cache->paths, err);
    if (status == KH_OK)
        status = kh_spools_create(&cache->spools, cache->options.direct_bytes_max, err);
    if (status != KH_OK) {
        kh_sql_close(sql);
        return status;
    }
    look_beyond(&cache->paths, reserved);
    kh_page_publish_event(cache->page, seq);
    status = kh_committer_create(&cache->committer, sql, &cache->paths, cache->page, cache->options.events_kept, err);
    if (status == KH_OK)
        status = kh_ids_create(&cache->ids, cache->committer, &cache->paths, *reserved, err);
    if (status == KH_OK)
        status = kh_origins_create(&cache->origins, cache->committer, err);
    return status;
}

static kh_status check_options(const kh_cache_options *options, kh_error *err)
{
    if (options->events_kept < 1)
        return kh_error_set(err, KH_E_ARG, "events_kept 0, expected 1 or more");
    if (options->evict_to_percent < 1 || options->evict_to_percent > options->evict_from_percent || options->evict_from_percent > 100)
        return kh_error_set(err, KH_E_ARG, "eviction from %u to %u %%, expected 100 or less down to 1 or more",
                            options->evict_from_percent, options->evict_to_percent);
    return KH_OK;
}

/* A reader must not take an index that the owner has yet to make or migrate. */
static kh_status check_schema(kh_cache *cache, kh_error *err)
{
    kh_sql *sql;
    kh_sql_row *row = NULL;
    bool has_row = false;
    kh_status status = kh_reader_acquire(&sql, cache->readers, err);
    int64_t version = 0;

    if (status == KH_OK)
        status = kh_sql_query(&row, sql, "PRAGMA user_version", NULL, 0, err);
    if (status == KH_OK)
        status = kh_sql_next(row, &has_row, err);
    if (status == KH_OK)
        version = kh_sql_int(row, 0);
    kh_sql_end(row);
    kh_reader_release(cache->readers, sql);
    if (status == KH_OK && version < (int64_t)kh_schema_count)
        return kh_error_set(err, KH_E_NOT_FOUND, "index has schema %lld, expected %zu: its owner has not made it yet",
                            (long long)version, kh_schema_count);
    if (status == KH_OK && version > (int64_t)kh_schema_count)
        return kh_error_set(err, KH_E_UNSUPPORTED, "index has schema %lld, expected %zu: it was made by a newer version",
                            (long long)version, kh_schema_count);
    return status;
}

kh_status kh_cache_open(kh_cache **out, const kh_cache_options *options, kh_error *err)
{
    kh_cache *cache = NULL;
    char path[PATH_MAX];
    int64_t settled = 0, reserved = 0;
    kh_status status = check_options(options, err);

    *out = NULL;
    if (status != KH_OK)
        return status;
    cache = calloc(1, sizeof *cache);
    if (!cache)
        return kh_error_set(err, KH_E_MEMORY, "no memory for the cache");
    cache->options = *options;
    cache->page = options->page;
    cache->lock_fd = -1;
    cache->disk_checked_ms = cache->evicted_nothing_ms = INT64_MIN / 2;
    pthread_mutex_init(&cache->evicting, NULL);
    status = kh_paths_init(&cache->paths, options->dir, err);
    if (status == KH_OK && !cache->page) {
        status = kh_page_create(&cache->page, err);
        cache->page_owned = status == KH_OK;
    }
    if (status == KH_OK && options->owner)
        status = open_owner(cache, &settled, &reserved, err);
    kh_path_of(path, &cache->paths, "index.db");
    if (status == KH_OK)
        status = kh_readers_create(&cache->readers, path, options->readers_max, err);
    if (status == KH_OK)
        status = check_schema(cache, err);
    if (status == KH_OK && options->owner)
        status = kh_removal_sweep(cache, err); /* first: what is to go must not be taken for what was stored without its row */
    if (status == KH_OK && options->owner)
        status = kh_recover(cache, settled, reserved, err);
    if (status == KH_OK)
        status = kh_stack_cache_create(&cache->stacks, err);
    if (status == KH_OK)
        status = kh_blobcache_create(&cache->frames, (size_t)options->frames_bytes_max, err);
    if (status == KH_OK)
        status = kh_blobcache_create(&cache->displays, KH_DISPLAYS_BYTES_MAX, err);
    if (status == KH_OK) {
        *out = cache;
        cache = NULL;
    }
    kh_cache_close(cache);
    return status;
}

void kh_cache_close(kh_cache *cache)
{
    if (!cache)
        return;
    kh_readers_free(cache->readers); /* before the writer: the last to leave empties the log, and a reader may not */
    kh_committer_free(cache->committer);
    kh_ids_free(cache->ids);
    kh_origins_free(cache->origins);
    kh_spools_free(cache->spools);
    kh_stack_cache_free(cache->stacks);
    kh_blobcache_free(cache->frames);
    free(atomic_load(&cache->spare_block));
    kh_blobcache_free(cache->displays);
    if (cache->page_owned)
        kh_page_free(cache->page);
    kh_lock_release(cache->lock_fd);
    pthread_mutex_destroy(&cache->evicting);
    free(cache);
}

const char *kh_cache_dir(const kh_cache *cache)
{
    return cache->paths.dir;
}

kh_page *kh_cache_page(kh_cache *cache)
{
    return cache->page;
}

kh_status kh_cache_get_stats(kh_cache *cache, kh_cache_stats *out, kh_error *err)
{
    kh_sql *sql = NULL;
    kh_sql_row *row = NULL;
    bool has_row = false;
    kh_status status = kh_disk_free(&out->disk_free_bytes, cache->paths.dir, err);

    memset(out, 0, offsetof(kh_cache_stats, disk_free_bytes));
    out->group_commits = out->rows_committed = 0;
    out->quota_bytes = (int64_t)cache->options.quota_bytes;
    if (cache->committer)
        kh_committer_get_counts(cache->committer, &out->group_commits, &out->rows_committed);
    if (status == KH_OK)
        status = kh_reader_acquire(&sql, cache->readers, err);
    if (status == KH_OK)
        status = kh_sql_query(&row, sql,
                              "SELECT (SELECT count(*) FROM patient), count(*), coalesce(sum(series_count), 0),"
                              " coalesce(sum(object_count), 0), coalesce(sum(bytes), 0),"
                              " (SELECT count(*) FROM pull WHERE state < 2), (SELECT count(*) FROM pull WHERE state IN (3, 5)),"
                              " coalesce(sum(away_count > 0), 0), coalesce(sum(away_bytes), 0), (SELECT bytes FROM store_use),"
                              " (SELECT count(*) FROM send WHERE state < 2), (SELECT count(*) FROM send WHERE state IN (3, 4)),"
                              " (SELECT count(*) FROM finding WHERE state = 0)"
                              " FROM study",
                              NULL, 0, err);
    if (status == KH_OK)
        status = kh_sql_next(row, &has_row, err);
    if (status == KH_OK) {
        int64_t *fields[] = {&out->patients, &out->studies, &out->series, &out->objects, &out->object_bytes, &out->pulls_open,
                             &out->pulls_failed, &out->studies_away, &out->away_bytes, &out->used_bytes,
                             &out->sends_open, &out->sends_failed, &out->findings_open};

        for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
            *fields[i] = kh_sql_int(row, (int)i);
    }
    kh_sql_end(row);
    kh_reader_release(cache->readers, sql);
    return status;
}
