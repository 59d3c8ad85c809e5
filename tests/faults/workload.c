#include "tests/faults/workload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "cache/check.h"
#include "store/digest.h"
#include "store/sql.h"

#define UID_STEM "1.2.3.4."

/* 18 KiB, 1 KiB, and two of 288 KiB, which the disk gets in two parts. */
static int side_of(int number)
{
    return number == 33 || number == 144 ? 384 : number % 5 == 0 ? 96 : 16;
}

void object_bytes(kh_buf *out, int number, bool other)
{
    char uid[32];
    const sample s = {.study_uid = "1.2.3",
                      .series_uid = "1.2.3.4",
                      .sop_uid = uid,
                      .instance = number,
                      .rows = side_of(number),
                      .columns = side_of(number),
                      .seed = (unsigned)number + (other ? 7777 : 0)};

    snprintf(uid, sizeof uid, UID_STEM "%d", number);
    sample_write(out, &s);
}

kh_status object_store(kh_cache *cache, int number, bool other, kh_ingest_result *result, kh_error *err)
{
    kh_status status;
    kh_buf bytes;

    kh_buf_init(&bytes, 1 << 20);
    object_bytes(&bytes, number, other);
    status = ingest_bytes(cache, &bytes, &origin_north, result, err);
    kh_buf_release(&bytes);
    return status;
}

void work_dir_make(temp_dir *dir)
{
    snprintf(dir->path, sizeof dir->path, "/dev/shm/kh-test-XXXXXX");
    if (!mkdtemp(dir->path))
        temp_dir_make(dir);
}

/* Does the row hold the sum of the object that was sent under this UID? */
static bool is_right_sum(int number, const void *sum, size_t sum_size)
{
    uint8_t expected[KH_SHA256_SIZE];
    kh_status status;
    kh_buf bytes;

    kh_buf_init(&bytes, 1 << 20);
    object_bytes(&bytes, number, false);
    status = kh_sha256_of(expected, bytes.data, bytes.size, NULL);
    kh_buf_release(&bytes);
    return status == KH_OK && sum_size == sizeof expected && memcmp(sum, expected, sum_size) == 0;
}

static kh_status read_held(kh_sql *sql, bool held[OBJECTS_MOST], char why[512], kh_error *err)
{
    kh_sql_row *row;
    bool has_row;
    kh_status status = kh_sql_query(&row, sql, "SELECT sop_uid, sha256 FROM object", NULL, 0, err);

    while (status == KH_OK && (status = kh_sql_next(row, &has_row, err)) == KH_OK && has_row) {
        int number = atoi(kh_sql_text(row, 0) + strlen(UID_STEM));
        size_t size;
        const void *sum = kh_sql_blob(row, 1, &size);

        if (number < 1 || number >= OBJECTS_MOST || held[number] || !is_right_sum(number, sum, size)) {
            snprintf(why, 512, "object %d has a wrong row", number);
            kh_sql_end(row);
            return KH_E_CORRUPT;
        }
        held[number] = true;
    }
    if (row)
        kh_sql_end(row);
    return status;
}

bool objects_held(const char *dir, bool held[OBJECTS_MOST], char why[512])
{
    kh_error err = KH_ERROR_INIT;
    char path[PATH_MAX];
    kh_sql *sql;
    kh_status status;

    memset(held, 0, OBJECTS_MOST * sizeof held[0]);
    snprintf(path, sizeof path, "%s/index.db", dir);
    status = kh_sql_open(&sql, path, KH_SQL_READER, &err);
    if (status == KH_OK) {
        status = read_held(sql, held, why, &err);
        kh_sql_close(sql);
    }
    if (status != KH_OK && err.message[0])
        snprintf(why, 512, "index: %.400s", err.message);
    return status == KH_OK;
}

static void first_line(void *context, const char *line)
{
    char *first = context;

    if (!first[0])
        snprintf(first, 300, "%s", line);
}

static bool is_clean(kh_cache *cache, char why[512])
{
    kh_check_report report;
    kh_error err = KH_ERROR_INIT;
    char first[300] = "";

    if (kh_cache_check(cache, &report, first_line, NULL, first, &err) != KH_OK) {
        snprintf(why, 512, "check: %.400s", err.message);
        return false;
    }
    if (!kh_check_clean(&report))
        snprintf(why, 512, "check: missing %lld, damaged %lld, unindexed %lld, incoming %lld, sound %d: %s",
                 (long long)report.missing, (long long)report.damaged, (long long)report.unindexed, (long long)report.incoming_left,
                 report.index_sound, first);
    return kh_check_clean(&report);
}

bool promises_kept(const char *dir, const bool promised[OBJECTS_MOST], char why[512])
{
    kh_cache_options options = kh_cache_options_default;
    kh_error err = KH_ERROR_INIT;
    bool held[OBJECTS_MOST], good;
    kh_ingest_result result;
    kh_cache *cache;
    int newest = OBJECTS_MOST - 1;

    options.dir = dir;
    options.owner = true;
    options.reserve_bytes = 0;
    options.frames_bytes_max = 1 << 20;
    if (kh_cache_open(&cache, &options, &err) != KH_OK) {
        snprintf(why, 512, "does not open: %.400s", err.message);
        return false;
    }
    good = objects_held(dir, held, why);
    for (int i = 1; i < OBJECTS_MOST && good; i++)
        if (promised[i] && !held[i]) {
            snprintf(why, 512, "object %d was acknowledged and is gone", i);
            good = false;
        }
    while (good && held[newest]) /* one that is not here yet */
        newest--;
    if (good && (object_store(cache, newest, false, &result, &err) != KH_OK || result.duplicate || result.conflict)) {
        snprintf(why, 512, "takes no new object: %.400s", err.message);
        good = false;
    }
    good = good && is_clean(cache, why);
    kh_cache_close(cache);
    return good;
}

bool promises_kept_apart(const char *dir, const bool promised[OBJECTS_MOST], char why[512])
{
    char *shared = mmap(NULL, 512, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t child;
    int how = 0;

    assert_true(shared != MAP_FAILED);
    child = fork();
    if (child == 0) {
        alarm(60);
        _exit(promises_kept(dir, promised, shared) ? 0 : 1);
    }
    waitpid(child, &how, 0);
    snprintf(why, 512, "%s", WIFSIGNALED(how) ? strsignal(WTERMSIG(how)) : shared);
    munmap(shared, 512);
    return how == 0;
}
