/* R4: a disk that is full at every place where it can be: a small file system with room for so many more 4 KiB blocks than are
 * used, from none to more than an object and its rows need, then with room for so many more files. The object is refused as
 * KH_E_FULL or taken, nothing is half stored, what is there can be read, and objects are taken again once there is room.
 *
 * Needs a mount of its own: as root, or in a user namespace. */
#include "tests/faults/workload.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/log.h"
#include "cache/browse.h"
#include "cache/check.h"

#define BLOCK 4096
#define ROWS 512 /* 512 x 512 pixels of 16 bits: 525 KB, 129 blocks */
#define OBJECT_BLOCKS 129
#define PLACES 185 /* the object, its directories, the index's log */
#define FILES 8
#define PLENTY (64 << 20)
#define MANY_FILES 10000
#define NO_MOUNT 77

typedef struct disk {
    temp_dir mount, dir;
} disk;

static bool write_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool good = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

    if (fd >= 0)
        close(fd);
    return good;
}

/* Root as seen from inside, in a mount namespace of this process alone. */
static bool may_mount(void)
{
    char map[64];
    uid_t uid = geteuid();
    gid_t gid = getegid();

    if (unshare(CLONE_NEWNS) != 0) {
        if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
            return false;
        snprintf(map, sizeof map, "0 %u 1", (unsigned)uid);
        if (!write_text("/proc/self/setgroups", "deny") || !write_text("/proc/self/uid_map", map))
            return false;
        snprintf(map, sizeof map, "0 %u 1", (unsigned)gid);
        if (!write_text("/proc/self/gid_map", map))
            return false;
    }
    return mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

static bool resize(const disk *d, uint64_t bytes, uint64_t files)
{
    char options[96];

    snprintf(options, sizeof options, "size=%llu,nr_inodes=%llu", (unsigned long long)bytes, (unsigned long long)files);
    return mount("none", d->mount.path, "tmpfs", MS_REMOUNT, options) == 0;
}

static void used(const disk *d, uint64_t *bytes, uint64_t *files)
{
    struct statvfs st;

    if (statvfs(d->mount.path, &st) != 0)
        abort();
    *bytes = (uint64_t)(st.f_blocks - st.f_bfree) * st.f_frsize;
    *files = st.f_files - st.f_ffree;
}

static kh_status store(kh_cache *cache, int number, int rows, kh_error *err)
{
    char uid[32];
    const sample s = {.study_uid = "1.2", .series_uid = "1.2.1", .sop_uid = uid, .instance = number, .rows = rows, .columns = 512};
    kh_ingest_result result;
    kh_status status;
    kh_buf bytes;

    snprintf(uid, sizeof uid, "1.2.1.%d", number);
    kh_buf_init(&bytes, 1 << 20);
    sample_write(&bytes, &s);
    status = ingest_bytes(cache, &bytes, &origin_north, &result, err);
    kh_buf_release(&bytes);
    return status;
}

typedef enum promise {
    KEPT,
    NOT_FULL,
    NO_REASON,
    LEFT_IN_INCOMING,
    NOT_COUNTED,
    NOT_READABLE,
    NOT_CLEAN,
    NOT_TAKEN_AGAIN,
    NOT_RESIZED
} promise;
static const char *const promise_names[] = {"kept",           "a status that is not \"full\"", "no reason given",
                                            "left in incoming/", "not what was counted",    "what is there cannot be read",
                                            "check finds something", "not taken when there is room", "no resize"};

static bool is_clean(kh_cache *cache, int64_t objects)
{
    kh_check_report report;

    return kh_cache_check(cache, &report, NULL, NULL, NULL, NULL) == KH_OK && kh_check_clean(&report) && report.objects == objects;
}

static bool is_readable(kh_cache *cache)
{
    kh_cache_stats stats;
    uint8_t byte;
    int fd;
    bool good = kh_cache_get_stats(cache, &stats, NULL) == KH_OK && kh_object_open(cache, 1, &fd, NULL) == KH_OK;

    if (good) {
        good = pread(fd, &byte, 1, 1000) == 1;
        close(fd);
    }
    return good;
}

/* The disk is looked at ten times a second at most: for so long what was full may be taken for full. */
static kh_status store_soon(kh_cache *cache, int number, int rows)
{
    kh_status status = store(cache, number, rows, NULL);

    for (int i = 0; i < 20 && status == KH_E_FULL; i++) {
        usleep(20000);
        status = store(cache, number, rows, NULL);
    }
    return status;
}

/* One object where there is room for so much. *stored: it was taken. */
static promise fill_once(const disk *d, kh_cache *cache, uint64_t blocks_more, uint64_t files_more, bool *stored)
{
    uint64_t bytes, files;
    kh_error err = KH_ERROR_INIT;
    kh_cache_stats stats;
    kh_status status;

    used(d, &bytes, &files);
    if (!resize(d, blocks_more == UINT64_MAX ? PLENTY : bytes + blocks_more * BLOCK,
                files_more == UINT64_MAX ? MANY_FILES : files + files_more))
        return NOT_RESIZED;
    status = store(cache, 2, ROWS, &err);
    *stored = status == KH_OK;
    if (status != KH_OK && status != KH_E_FULL)
        fprintf(stderr, "%s\n", err.message);
    if (status != KH_OK && status != KH_E_FULL)
        return NOT_FULL;
    if (status != KH_OK && !err.message[0])
        return NO_REASON;
    if (temp_dir_count(&d->dir, "incoming") != 0)
        return LEFT_IN_INCOMING;
    if (kh_cache_get_stats(cache, &stats, NULL) != KH_OK || stats.objects != 1 + *stored)
        return NOT_COUNTED;
    if (!is_readable(cache))
        return NOT_READABLE;
    if (!is_clean(cache, 1 + *stored))
        return NOT_CLEAN;
    if (!resize(d, PLENTY, MANY_FILES))
        return NOT_RESIZED;
    if (store_soon(cache, 2, ROWS) != KH_OK || store_soon(cache, 3, 16) != KH_OK)
        return NOT_TAKEN_AGAIN;
    return is_clean(cache, 3) ? KEPT : NOT_CLEAN;
}

/* A new archive with one object on it; afterwards it is opened once more. */
static promise fill_archive(disk *d, uint64_t blocks_more, uint64_t files_more, bool *stored)
{
    kh_cache *cache;
    promise kept;

    snprintf(d->dir.path, sizeof d->dir.path, "%.400s/data", d->mount.path);
    cache = cache_open(&d->dir);
    kept = store(cache, 1, 16, NULL) == KH_OK ? fill_once(d, cache, blocks_more, files_more, stored) : NOT_TAKEN_AGAIN;
    kh_cache_close(cache);
    if (kept == KEPT) {
        cache = cache_open(&d->dir);
        kept = is_clean(cache, 3) ? KEPT : NOT_CLEAN;
        kh_cache_close(cache);
    }
    temp_dir_remove(&d->dir);
    return kept;
}

static int run_all(disk *d)
{
    bool stored = false;
    int refused = 0;

    for (uint64_t blocks = 0; blocks < PLACES; blocks++) {
        promise kept = fill_archive(d, blocks, UINT64_MAX, &stored);

        if (kept != KEPT) {
            fprintf(stderr, "room for %d blocks: %s\n", (int)blocks, promise_names[kept]);
            return 1;
        }
        refused += !stored;
    }
    printf("refused at %d of %d sizes, of which %d with room for the object itself\n", refused, PLACES, refused - OBJECT_BLOCKS);
    if (refused <= OBJECT_BLOCKS || !stored) {
        fprintf(stderr, "the sizes do not reach from the first block of the object over its rows\n");
        return 1;
    }
    for (uint64_t files = 0; files < FILES; files++) {
        promise kept = fill_archive(d, UINT64_MAX, files, &stored);

        if (kept != KEPT) {
            fprintf(stderr, "room for %d files: %s\n", (int)files, promise_names[kept]);
            return 1;
        }
        if (files == 0 && stored) {
            fprintf(stderr, "an object was stored where there was room for no file\n");
            return 1;
        }
    }
    return stored ? 0 : 1;
}

static void every_size(void **state)
{
    pid_t child;
    disk d;
    int how;

    (void)state;
    temp_dir_make(&d.mount);
    fflush(NULL);
    child = fork();
    if (child == 0) {
        if (!may_mount() || mount("none", d.mount.path, "tmpfs", MS_NOSUID | MS_NODEV, "size=64m,nr_inodes=10000") != 0)
            _exit(NO_MOUNT);
        how = run_all(&d);
        fflush(NULL);
        _exit(how);
    }
    waitpid(child, &how, 0);
    temp_dir_remove(&d.mount);
    if (WIFEXITED(how) && WEXITSTATUS(how) == NO_MOUNT) {
        print_message("no small disk can be mounted here, neither as root nor in a user namespace: nothing was tested\n");
        skip();
    }
    assert_int_equal(how, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_size)};

    kh_log_set_level(KH_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
