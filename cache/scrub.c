#include "cache/scrub.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/log.h"
#include "cache/evict.h"
#include "cache/image_record.h"
#include "cache/internal.h"
#include "cache/quarantine.h"
#include "cache/removal.h"
#include "cache/renew.h"
#include "store/digest.h"
#include "store/file.h"

#define ROWS_AT_ONCE 64

typedef struct object_row {
    int64_t id, file_id, origin_id, study_id, series_id, bytes;
    bool old_record;    /* of what its picture is, by an earlier release */
    bool no_department; /* its series is by one that did not note it */
    uint8_t sha256[KH_SHA256_SIZE];
    char sop_uid[KH_UID_SIZE];
} object_row;

typedef struct pass {
    int64_t position, began_ms, ended_ms, objects, bad;
} pass;

/* ---- where we are ---- */

static void take_pass(kh_sql_row *row, void *context)
{
    *(pass *)context = (pass){kh_sql_int(row, 0), kh_sql_int(row, 1), kh_sql_int(row, 2), kh_sql_int(row, 3), kh_sql_int(row, 4)};
}

static kh_status read_pass(kh_cache *cache, pass *out, kh_error *err)
{
    kh_status status;

    memset(out, 0, sizeof *out);
    status = kh_cache_first(cache, "SELECT position, began_ms, ended_ms, objects, bad FROM scrub", NULL, 0, take_pass, out, err);
    return status == KH_E_NOT_FOUND ? KH_OK : status;
}

static kh_status write_pass(kh_write *write, void *context, kh_error *err)
{
    const pass *p = context;
    const kh_sql_value values[] = {KH_SQL_I(p->position), KH_SQL_I(p->began_ms), KH_SQL_I(p->ended_ms), KH_SQL_I(p->objects),
                                   KH_SQL_I(p->bad)};

    return kh_sql_run(kh_write_sql(write), "UPDATE scrub SET position = ?1, began_ms = ?2, ended_ms = ?3, objects = ?4, bad = ?5", values,
                      5, NULL, err);
}

kh_status kh_scrub_get_state(kh_cache *cache, kh_scrub_state *out, kh_error *err)
{
    pass p;
    kh_status status = read_pass(cache, &p, err);

    *out = (kh_scrub_state){.began_ms = p.began_ms, .ended_ms = p.ended_ms, .objects = p.objects, .bad = p.bad};
    return status;
}

/* ---- one object ---- */

/* Looked at without a read: even one that is not to wait makes the system fetch what is not there. */
static bool byte_in_memory(int fd, uint64_t at)
{
    uint64_t page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
    void *page = mmap(NULL, 1, PROT_READ, MAP_SHARED, fd, (off_t)(at / page_bytes * page_bytes));
    unsigned char is_there = 0;

    if (page == MAP_FAILED)
        return false;
    if (mincore(page, 1, &is_there) != 0)
        is_there = 0;
    munmap(page, 1);
    return (is_there & 1) != 0;
}

/* Somebody has looked at it not long ago and may again. Three places stand for the whole. */
static bool is_in_memory(int fd, uint64_t size)
{
    return size > 0 && byte_in_memory(fd, 0) && byte_in_memory(fd, size / 2) && byte_in_memory(fd, size - 1);
}

static kh_status sum_file(int fd, uint64_t size, uint8_t out[KH_SHA256_SIZE], kh_error *err)
{
    bool keep = is_in_memory(fd, size);
    kh_status status = kh_sha256_of_file(out, fd, size, err);

    if (!keep) /* what readers look at must not make room for this, nor go with it */
        (void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    return status;
}

/* *what: what is wrong, NULL when nothing is. A failure of the disk to read is no finding: it may pass. */
static kh_status look_at(const kh_cache *cache, const object_row *row, const char **what, kh_error *err)
{
    uint8_t sha256[KH_SHA256_SIZE];
    struct stat st;
    int fd = -1;
    kh_error why = KH_ERROR_INIT;
    kh_status status = kh_object_open_file(&fd, &cache->paths, row->file_id, row->origin_id, &why);

    *what = NULL;
    if (status == KH_E_CORRUPT) {
        *what = "its file is gone";
        return KH_OK;
    }
    if (status == KH_OK && fstat(fd, &st) != 0)
        status = kh_error_errno(&why, errno, "stat");
    if (status == KH_OK && (int64_t)st.st_size != row->bytes)
        *what = "its file has another length";
    else if (status == KH_OK)
        status = sum_file(fd, (uint64_t)row->bytes, sha256, &why);
    if (status == KH_OK && !*what && memcmp(sha256, row->sha256, sizeof sha256) != 0)
        *what = "its SHA-256 differs";
    if (fd >= 0)
        close(fd);
    return status == KH_OK ? KH_OK : kh_error_set(err, status, "object %" PRId64 ": %s", row->id, why.message);
}

typedef struct marking {
    const object_row *row;
    int64_t node_id;
} marking;

static kh_status write_mark(kh_write *write, void *context, kh_error *err)
{
    const marking *m = context;
    const kh_sql_value same[] = {KH_SQL_I(m->row->id), KH_SQL_I(m->row->file_id)};
    const kh_sql_value back[] = {KH_SQL_I(m->row->study_id), KH_SQL_I(m->node_id)};
    kh_sql_row *row;
    bool found = false;
    kh_status status =
        kh_sql_query(&row, kh_write_sql(write), "SELECT 1 FROM object WHERE id = ?1 AND ifnull(file_id, id) = ?2", same, 2, err);

    if (status == KH_OK)
        status = kh_sql_next(row, &found, err);
    kh_sql_end(row);
    if (status == KH_OK && !found)
        return kh_error_set(err, KH_E_NOT_FOUND, "object %" PRId64 " has changed", m->row->id);
    if (status == KH_OK)
        status = kh_removal_object_file(write, m->row->id, err);
    return status == KH_OK
               ? kh_sql_run(kh_write_sql(write), "UPDATE study SET back_node = ?2 WHERE id = ?1 AND ?2 <> 0", back, 2, NULL, err)
               : status;
}

static kh_status keep_remains(kh_cache *cache, const object_row *row, const char *what, kh_error *err)
{
    kh_quarantined one = {.kind = KH_QUARANTINE_UNREADABLE, .object_id = row->id, .origin_id = row->origin_id, .bytes = row->bytes};
    char path[PATH_MAX];

    kh_path_object(path, &cache->paths, row->file_id, row->origin_id);
    if (access(path, F_OK) != 0)
        return KH_OK;
    snprintf(one.name, sizeof one.name, "%016" PRIx64 "-damaged-%" PRIx64 ".dcm", (uint64_t)row->id, (uint64_t)row->file_id);
    snprintf(one.reason, sizeof one.reason, "object %" PRId64 ": %s", row->id, what);
    KH_COPY(one.sop_instance_uid, row->sop_uid);
    return kh_quarantine_put(cache, path, true, &one, err);
}

static kh_status mark(kh_cache *cache, const object_row *row, const char *what, kh_error *err)
{
    marking m = {.row = row};
    kh_evictable study;
    int64_t pull_id = 0;
    kh_error why = KH_ERROR_INIT;
    kh_status status = kh_evict_look(cache, row->study_id, 0, &study, err);

    if (status == KH_OK)
        status = keep_remains(cache, row, what, err);
    m.node_id = study.node_id;
    if (status == KH_OK)
        status = kh_removal_run(cache, write_mark, &m, err);
    if (status != KH_OK)
        return status;
    if (m.node_id != 0 && kh_evict_recall(cache, row->study_id, "scrub", &pull_id, &why) != KH_OK)
        kh_log(KH_LOG_WARN, "scrub", "object %" PRId64 " cannot be asked for: %s", row->id, why.message);
    kh_log(KH_LOG_ERROR, "scrub", "object %" PRId64 ": %s%s", row->id, what,
           pull_id ? "; it is asked for at its hospital" : "; no node gives it back: send it again");
    return KH_OK;
}

/* ---- the pass ---- */

static kh_status read_rows(kh_cache *cache, int64_t after, object_row rows[ROWS_AT_ONCE], size_t *count, kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_I(after), KH_SQL_I(ROWS_AT_ONCE)};
    kh_sql *sql = NULL;
    kh_sql_row *row = NULL;
    bool has_row;
    kh_status status = kh_reader_acquire(&sql, cache->readers, err);

    *count = 0;
    if (status == KH_OK)
        status = kh_sql_query(&row, sql,
                              "SELECT o.id, ifnull(o.file_id, o.id), o.origin_id, r.study_ref, o.bytes, o.sha256, o.sop_uid,"
                              " substr(o.image, 1, 1), r.id, r.department IS NULL FROM object o"
                              " JOIN series r ON r.id = o.series_ref WHERE o.id > ?1 AND o.file_id IS NOT 0 AND o.hidden = 0 ORDER BY o.id"
                              " LIMIT ?2",
                              values, 2, err);
    while (status == KH_OK && (status = kh_sql_next(row, &has_row, err)) == KH_OK && has_row) {
        object_row *out = &rows[(*count)++];
        size_t size;
        const void *sum = kh_sql_blob(row, 5, &size);

        *out = (object_row){.id = kh_sql_int(row, 0), .file_id = kh_sql_int(row, 1), .origin_id = kh_sql_int(row, 2),
                            .study_id = kh_sql_int(row, 3), .bytes = kh_sql_int(row, 4), .series_id = kh_sql_int(row, 8),
                            .no_department = kh_sql_int(row, 9) != 0};
        if (size == sizeof out->sha256)
            memcpy(out->sha256, sum, size);
        KH_COPY(out->sop_uid, kh_sql_text(row, 6));
        sum = kh_sql_blob(row, 7, &size);
        out->old_record = kh_image_record_is_old(sum, size);
    }
    kh_sql_end(row);
    kh_reader_release(cache->readers, sql);
    return status;
}

/* The folder's sign: without it the disk may not be the one that holds the objects. */
static bool sign_is_there(const kh_cache *cache)
{
    char path[PATH_MAX];

    kh_path_of(path, &cache->paths, "kakehashi.id");
    return access(path, F_OK) == 0;
}

static kh_status scrub_one(kh_cache *cache, const object_row *row, pass *p, kh_scrub_result *out, kh_error *err)
{
    const char *what = NULL;
    kh_error why = KH_ERROR_INIT;
    kh_status status = look_at(cache, row, &what, err);

    if (status != KH_OK)
        return status;
    p->position = row->id;
    p->objects++;
    out->objects++;
    out->bytes += row->bytes;
    if (!what) {
        if (row->old_record)
            status = kh_renew_record(cache, row->id, row->file_id, row->origin_id, row->study_id, err);
        return status == KH_OK && row->no_department
                   ? kh_renew_department(cache, row->series_id, row->file_id, row->origin_id, row->study_id, err)
                   : status;
    }
    if (!sign_is_there(cache) || p->bad >= KH_SCRUB_BAD_MAX)
        return kh_error_set(err, KH_E_CORRUPT,
                            "object %" PRId64 ": %s, after %" PRId64 " bad ones: look at the disk; nothing more is marked", row->id, what,
                            p->bad);
    status = mark(cache, row, what, &why);
    if (status == KH_E_NOT_FOUND) /* it went or changed while we looked */
        return KH_OK;
    if (status != KH_OK)
        return kh_error_set(err, status, "%s", why.message);
    p->bad++;
    out->bad++;
    return KH_OK;
}

/* Pictures made by records that were made anew are not answered any more. Once a pass: with each record the tile cache would be empty for
 * as long as the pass takes. */
static void forget_pictures(kh_cache *cache)
{
    if (cache->records_renewed)
        atomic_fetch_add(&cache->page->hide_epoch, 1);
    cache->records_renewed = false;
}

static void end_pass(pass *p, kh_scrub_result *out)
{
    kh_log(p->bad > 0 ? KH_LOG_WARN : KH_LOG_INFO, "scrub", "every object was read: %" PRId64 ", bad %" PRId64, p->objects, p->bad);
    p->ended_ms = kh_clock_wall_ms();
    p->position = p->began_ms = 0;
    out->pass_ended = true;
}

kh_status kh_scrub_some(kh_cache *cache, int64_t bytes, kh_scrub_result *out, kh_error *err)
{
    object_row rows[ROWS_AT_ONCE];
    size_t count = 1;
    pass p;
    kh_error write_err = KH_ERROR_INIT;
    kh_status status = read_pass(cache, &p, err), written;

    memset(out, 0, sizeof *out);
    if (status != KH_OK)
        return status;
    if (p.began_ms == 0)
        p = (pass){.began_ms = kh_clock_wall_ms(), .ended_ms = p.ended_ms};
    while (status == KH_OK && out->bytes < bytes && !out->pass_ended) {
        status = read_rows(cache, p.position, rows, &count, err);
        for (size_t i = 0; i < count && status == KH_OK && out->bytes < bytes; i++)
            status = scrub_one(cache, &rows[i], &p, out, err);
        if (status == KH_OK && count == 0) {
            end_pass(&p, out);
            forget_pictures(cache);
        }
    }
    written = kh_cache_write(cache, write_pass, &p, &write_err);
    return status != KH_OK || written == KH_OK ? status : kh_error_set(err, written, "%s", write_err.message);
}
