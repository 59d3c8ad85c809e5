#include "cache/id_mark.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/log.h"
#include "store/file.h"

#define FILE_NAME "objects.reserved"
#define MARK_MAX (INT64_MAX / 2) /* ids go on from it */

static bool parse(const char *text, int64_t *out)
{
    char *end;

    errno = 0;
    *out = strtoll(text, &end, 10);
    return text[0] >= '1' && text[0] <= '9' && errno == 0 && strcmp(end, "\n") == 0 && *out <= MARK_MAX;
}

/* 0: none. */
static int64_t read_mark(const kh_paths *paths)
{
    char path[PATH_MAX], text[32] = "";
    int64_t mark;
    int fd;

    kh_path_of(path, paths, FILE_NAME);
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT)
        return 0;
    if (fd >= 0 && read(fd, text, sizeof text - 1) > 0 && parse(text, &mark)) {
        close(fd);
        return mark;
    }
    if (fd >= 0)
        close(fd);
    kh_log(KH_LOG_WARN, "recover",
           FILE_NAME " cannot be read or holds no number from 1 to %" PRId64 ": an index older than the objects may not be noticed",
           MARK_MAX);
    return 0;
}

/* Of ids that share a directory, from `first` on. */
static bool has_files(const kh_paths *paths, int64_t first, int64_t end)
{
    char path[PATH_MAX];
    struct dirent *entry;
    bool found = false;
    DIR *dir;

    kh_path_leaf_dir(path, paths, kh_path_leaf(first));
    dir = opendir(path);
    while (dir && !found && (entry = readdir(dir)) != NULL) {
        int64_t object_id, origin_id;

        found = kh_path_parse_object(entry->d_name, &object_id, &origin_id) && object_id >= first && object_id < end;
    }
    if (dir)
        closedir(dir);
    return found;
}

static bool is_used(const kh_paths *paths, int64_t block)
{
    for (int64_t first = block, next; first < block + KH_ID_BLOCK; first = next) {
        next = (first / KH_LEAF_IDS + 1) * KH_LEAF_IDS;
        if (has_files(paths, first, next))
            return true;
    }
    return false;
}

int64_t kh_id_mark_look(const kh_paths *paths, int64_t reserved)
{
    int64_t mark = read_mark(paths);

    if (mark < reserved)
        mark = reserved;
    while (mark <= MARK_MAX && is_used(paths, mark))
        mark += KH_ID_BLOCK;
    return mark;
}

kh_status kh_id_mark_write(const kh_paths *paths, int64_t reserved, kh_error *err)
{
    char path[PATH_MAX], text[32];
    int size = snprintf(text, sizeof text, "%" PRId64 "\n", reserved);
    kh_status status;

    kh_path_of(path, paths, FILE_NAME);
    status = kh_file_replace(path, text, (size_t)size, err);
    if (status != KH_OK)
        kh_error_prefix(err, FILE_NAME);
    return status;
}
