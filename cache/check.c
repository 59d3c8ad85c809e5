/* Objects first, then the files, then the database. No read transaction is held while a file is read. */
#include "cache/check.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/clock.h"
#include "cache/frame_sums.h"
#include "cache/image_record.h"
#include "cache/internal.h"
#include "store/digest.h"
#include "store/file.h"

#define ROWS_AT_ONCE 128
#define PROGRESS_EVERY 256
#define RECORDS_AT_ONCE ((size_t)16 << 20) /* bytes of image records held at once, but for the last */
#define SETTLE_MS 1000                     /* time for a running service to finish what it is storing */
#define INCOMING_STALE_S 900               /* beside a running service, older files of incoming/ were forgotten */
#define SUSPECTS_MAX 10000

typedef struct object_row {
    int64_t id, file_id, origin_id;
    uint64_t bytes;
    uint8_t sha256[KH_SHA256_SIZE];
    uint8_t *record; /* owned */
    size_t record_size;
} object_row;

typedef struct check {
    kh_cache *cache;
    kh_check_report *report;
    kh_check_line *problem;
    kh_check_progress *progress;
    void *context;
    int64_t total;
    object_row rows[ROWS_AT_ONCE];
    size_t row_count, suspect_count;
    struct { int64_t object_id, origin_id; } suspects[SUSPECTS_MAX];
} check;

static void tell(check *c, const char *format, ...) KH_PRINTF(2, 3);

static void tell(check *c, const char *format, ...)
{
    char line[512];
    va_list args;

    if (!c->problem)
        return;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    c->problem(c->context, line);
}

static void tell_object(check *c, const object_row *row, const char *what)
{
    char path[PATH_MAX];

    kh_path_object(path, &c->cache->paths, row->file_id, row->origin_id);
    tell(c, "object %" PRId64 ": %s: %s", row->id, path + strlen(c->cache->paths.dir) + 1, what);
}

static void free_rows(check *c)
{
    for (size_t i = 0; i < c->row_count; i++)
        free(c->rows[i].record);
    c->row_count = 0;
}

static kh_status keep_row(check *c, kh_sql_row *row, size_t *record_bytes, kh_error *err)
{
    object_row *out = &c->rows[c->row_count];
    const void *sum, *record;
    size_t sum_size;

    *out = (object_row){.id = kh_sql_int(row, 0), .origin_id = kh_sql_int(row, 1), .bytes = (uint64_t)kh_sql_int(row, 2),
                        .file_id = kh_sql_int(row, 5)};
    sum = kh_sql_blob(row, 3, &sum_size);
    if (sum_size == sizeof out->sha256)
        memcpy(out->sha256, sum, sum_size);
    record = kh_sql_blob(row, 4, &out->record_size);
    out->record = malloc(out->record_size ? out->record_size : 1);
    if (!out->record)
        return kh_error_set(err, KH_E_MEMORY, "no memory to check objects");
    if (out->record_size)
        memcpy(out->record, record, out->record_size);
    *record_bytes += out->record_size;
    c->row_count++;
    return KH_OK;
}

static kh_status read_rows(check *c, int64_t after, kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_I(after), KH_SQL_I(ROWS_AT_ONCE)};
    size_t record_bytes = 0;
    kh_sql *sql;
    kh_sql_row *row = NULL;
    bool has_row;
    kh_status status = kh_reader_acquire(&sql, c->cache->readers, err);

    if (status == KH_OK)
        status = kh_sql_query(&row, sql, "SELECT id, origin_id, bytes, sha256, image, ifnull(file_id, id) FROM object WHERE id > ?1"
                              " ORDER BY id LIMIT ?2",
                              values, 2, err);
    while (status == KH_OK && record_bytes < RECORDS_AT_ONCE && (status = kh_sql_next(row, &has_row, err)) == KH_OK && has_row)
        status = keep_row(c, row, &record_bytes, err);
    kh_sql_end(row);
    kh_reader_release(c->cache->readers, sql);
    return status;
}

static kh_status compare_sums(const kh_image_record *record, const kh_dataset *dataset, const kh_source *source, const char **what,
                              kh_error *err)
{
    uint64_t *sums;
    kh_error why = KH_ERROR_INIT;
    kh_status status = kh_frame_sums(&sums, &record->frames, dataset, source, &why);

    if (status == KH_E_MEMORY)
        return kh_error_set(err, status, "%s", why.message);
    if (status != KH_OK)
        *what = "frame table in the index is not that of the file";
    else if (memcmp(sums, record->checksums, record->frames.frame_count * sizeof sums[0]) != 0)
        *what = "frame checksums in the index are not those of the file";
    free(sums);
    return KH_OK;
}

/* The file is as it came in: does our reader take it, and are its frames where the index says? */
static kh_status compare_record(const object_row *row, int fd, const char **what, kh_error *err)
{
    kh_image_record record = {0};
    kh_dataset *dataset = NULL;
    kh_source source;
    kh_error why = KH_ERROR_INIT;
    kh_status status = kh_source_init_fd(&source, fd, &why);

    *what = NULL;
    if (status == KH_OK)
        status = kh_dataset_read_file(&dataset, &source, &kh_dataset_limits_default, &why);
    if (status != KH_OK)
        *what = "our reader does not take it any more";
    if (status == KH_OK && row->record_size) {
        status = kh_image_record_decode(&record, row->record, row->record_size, &why);
        if (status != KH_OK)
            *what = "image record in the index cannot be read";
        else if (record.frames.frame_count > 0)
            status = compare_sums(&record, dataset, &source, what, &why);
    }
    kh_image_record_release(&record);
    kh_dataset_free(dataset);
    return status == KH_E_MEMORY ? kh_error_set(err, status, "%s", why.message) : KH_OK;
}

static kh_status check_content(check *c, const object_row *row, int fd, kh_error *err)
{
    uint8_t sha256[KH_SHA256_SIZE];
    kh_error why = KH_ERROR_INIT;
    const char *what = NULL;
    struct stat st;
    kh_status status;

    if (fstat(fd, &st) != 0)
        return kh_error_errno(err, errno, "stat object %" PRId64, row->id);
    if ((uint64_t)st.st_size != row->bytes) {
        char text[96];

        snprintf(text, sizeof text, "%lld bytes, expected %" PRIu64, (long long)st.st_size, row->bytes);
        tell_object(c, row, text);
        c->report->damaged++;
        return KH_OK;
    }
    status = kh_sha256_of_file(sha256, fd, row->bytes, &why);
    if (status == KH_E_MEMORY || status == KH_E_INTERNAL)
        return kh_error_set(err, status, "%s", why.message);
    if (status != KH_OK)
        what = why.message;
    else if (memcmp(sha256, row->sha256, sizeof sha256) != 0)
        what = "SHA-256 differs";
    else
        status = compare_record(row, fd, &what, err);
    if (what) {
        tell_object(c, row, what);
        c->report->damaged++;
        return KH_OK;
    }
    return status;
}

/* Or is it going, its row gone before it? */
static kh_status has_row_for(kh_cache *cache, int64_t file_id, int64_t origin_id, bool *found, kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_I(file_id), KH_SQL_I(origin_id)};
    kh_sql *sql;
    kh_sql_row *row = NULL;
    kh_status status = kh_reader_acquire(&sql, cache->readers, err);

    *found = false;
    if (status == KH_OK)
        status = kh_sql_query(&row, sql, 
                              "SELECT 1 FROM object WHERE ((id = ?1 AND file_id IS NULL) OR file_id = ?1) AND origin_id = ?2"
                              " UNION ALL SELECT 1 FROM leaving WHERE file_id = ?1",
                              values, 2, err);
    if (status == KH_OK)
        status = kh_sql_next(row, found, err);
    kh_sql_end(row);
    kh_reader_release(cache->readers, sql);
    return status;
}

static kh_status check_object(check *c, const object_row *row, kh_error *err)
{
    kh_error why = KH_ERROR_INIT;
    int fd;
    bool kept;
    kh_status status;

    c->report->objects++;
    if (row->file_id == 0) {
        c->report->away++;
        return KH_OK;
    }
    c->report->bytes += (int64_t)row->bytes;
    status = kh_object_open_file(&fd, &c->cache->paths, row->file_id, row->origin_id, &why);
    if (status != KH_OK) { /* it may have gone since its row was read */
        status = has_row_for(c->cache, row->file_id, row->origin_id, &kept, err);
        if (status != KH_OK || !kept)
            return status;
        tell_object(c, row, why.message);
        c->report->missing++;
        return KH_OK;
    }
    status = check_content(c, row, fd, err);
    close(fd);
    return status;
}

static kh_status check_objects(check *c, kh_error *err)
{
    int64_t last = 0;
    kh_status status;

    do {
        status = read_rows(c, last, err);
        for (size_t i = 0; i < c->row_count && status == KH_OK; i++) {
            status = check_object(c, &c->rows[i], err);
            last = c->rows[i].id;
            if (c->progress && c->report->objects % PROGRESS_EVERY == 0)
                c->progress(c->context, c->report->objects, c->total > c->report->objects ? c->total : c->report->objects);
        }
        if (c->row_count == 0 || status != KH_OK)
            break;
        free_rows(c);
    } while (true);
    free_rows(c);
    return status;
}

static kh_status check_leaf(check *c, uint32_t leaf, kh_error *err)
{
    char path[PATH_MAX];
    struct dirent *entry;
    kh_status status = KH_OK;
    DIR *dir;

    kh_path_leaf_dir(path, &c->cache->paths, leaf);
    dir = opendir(path);
    if (!dir)
        return errno == ENOENT ? KH_OK : kh_error_errno(err, errno, "open %s", path);
    while (status == KH_OK && (entry = readdir(dir)) != NULL) {
        int64_t object_id = 0, origin_id = 0;
        bool found;

        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (!kh_path_parse_object(entry->d_name, &object_id, &origin_id) || kh_path_leaf(object_id) != leaf) {
            c->report->unindexed++;
            tell(c, "objects/%02x/%02x holds a file that is none of ours", (unsigned)leaf >> 8, (unsigned)leaf & 0xff);
            continue;
        }
        status = has_row_for(c->cache, object_id, origin_id, &found, err);
        if (status == KH_OK && !found && c->suspect_count < SUSPECTS_MAX) {
            c->suspects[c->suspect_count].object_id = object_id;
            c->suspects[c->suspect_count++].origin_id = origin_id;
        }
    }
    closedir(dir);
    return status;
}

/* A file without a row may be one that a running service stores just now: it has its row, or is gone, a moment later. */
static kh_status check_suspects(check *c, kh_error *err)
{
    kh_status status = KH_OK;

    if (c->suspect_count > 0 && !c->cache->committer)
        kh_clock_sleep_ms(SETTLE_MS);
    for (size_t i = 0; i < c->suspect_count && status == KH_OK; i++) {
        char path[PATH_MAX];
        bool found;

        status = has_row_for(c->cache, c->suspects[i].object_id, c->suspects[i].origin_id, &found, err);
        kh_path_object(path, &c->cache->paths, c->suspects[i].object_id, c->suspects[i].origin_id);
        if (status != KH_OK || found || access(path, F_OK) != 0)
            continue;
        c->report->unindexed++;
        tell(c, "object %" PRId64 ": %s: no row in the index", c->suspects[i].object_id, path + strlen(c->cache->paths.dir) + 1);
    }
    return status;
}

static kh_status check_files(check *c, kh_error *err)
{
    kh_status status = KH_OK;

    for (uint32_t high = 0; high < 256 && status == KH_OK; high++) {
        char path[PATH_MAX];

        snprintf(path, sizeof path, "%s/objects/%02x", c->cache->paths.dir, (unsigned)high);
        if (access(path, F_OK) != 0)
            continue;
        for (uint32_t low = 0; low < 256 && status == KH_OK; low++)
            status = check_leaf(c, high << 8 | low, err);
    }
    return status == KH_OK ? check_suspects(c, err) : status;
}

/* Files of DIR/name, of which only those count that have not been written to for stale_s seconds. */
static kh_status count_files(check *c, const char *name, int64_t stale_s, int64_t *out, kh_error *err)
{
    char path[PATH_MAX];
    struct dirent *entry;
    DIR *dir;

    kh_path_of(path, &c->cache->paths, name);
    dir = opendir(path);
    if (!dir)
        return kh_error_errno(err, errno, "open %s", path);
    while ((entry = readdir(dir)) != NULL) {
        struct stat st;

        if (entry->d_name[0] != '.' && fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
            (int64_t)st.st_mtim.tv_sec + stale_s <= kh_clock_wall_ms() / 1000)
            ++*out;
    }
    closedir(dir);
    return KH_OK;
}

static kh_status check_database(check *c, kh_error *err)
{
    kh_error why = KH_ERROR_INIT;
    kh_sql *sql;
    kh_status status = kh_reader_acquire(&sql, c->cache->readers, err);

    if (status != KH_OK)
        return status;
    status = kh_sql_check(sql, &why);
    kh_reader_release(c->cache->readers, sql);
    c->report->index_sound = status == KH_OK;
    if (status == KH_E_CORRUPT)
        tell(c, "index.db: %s", why.message);
    else if (status != KH_OK)
        return kh_error_set(err, status, "%s", why.message);
    return KH_OK;
}

kh_status kh_cache_check(kh_cache *cache, kh_check_report *out, kh_check_line *problem, kh_check_progress *progress, void *context,
                         kh_error *err)
{
    kh_cache_stats stats;
    check *c = calloc(1, sizeof *c);
    kh_status status = KH_OK;

    memset(out, 0, sizeof *out);
    if (!c)
        return kh_error_set(err, KH_E_MEMORY, "no memory to check objects");
    c->cache = cache;
    c->report = out;
    c->problem = problem;
    c->progress = progress;
    c->context = context;
    status = check_database(c, err);
    if (status == KH_OK)
        status = kh_cache_get_stats(cache, &stats, err);
    if (status == KH_OK) {
        c->total = stats.objects;
        status = check_objects(c, err);
    }
    if (status == KH_OK)
        status = check_files(c, err);
    if (status == KH_OK)
        status = count_files(c, "incoming", cache->committer ? 0 : INCOMING_STALE_S, &out->incoming_left, err);
    if (status == KH_OK)
        status = count_files(c, "quarantine", 0, &out->quarantined, err);
    if (status == KH_OK && progress)
        progress(context, out->objects, out->objects);
    free(c);
    return status;
}

bool kh_check_clean(const kh_check_report *report)
{
    return report->index_sound && report->missing == 0 && report->damaged == 0 && report->unindexed == 0 &&
           report->incoming_left == 0;
}
