#include "store/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static bool is_directory(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* The directory that holds path: "." for a plain name, "/" at the top. */
static kh_status parent_of(char *out, size_t out_size, const char *path, kh_error *err)
{
    size_t length = strlen(path);

    while (length > 1 && path[length - 1] == '/')
        length--;
    while (length > 0 && path[length - 1] != '/')
        length--;
    while (length > 1 && path[length - 1] == '/')
        length--;
    if (length >= out_size)
        return kh_error_set(err, KH_E_ARG, "path of %zu bytes, expected at most %zu", length, out_size - 1);
    memcpy(out, path, length);
    out[length] = '\0';
    if (length == 0)
        snprintf(out, out_size, ".");
    return KH_OK;
}

kh_status kh_dir_make(const char *path, kh_error *err)
{
    char parent[PATH_MAX];
    kh_status status;

    if (mkdir(path, 0700) != 0) {
        int why = errno;

        if (why != EEXIST || !is_directory(path))
            return kh_error_errno(err, why, "mkdir %s", path);
    }
    status = parent_of(parent, sizeof parent, path, err);
    return status == KH_OK ? kh_dir_sync(parent, err) : status;
}

kh_status kh_dir_ensure(const char *path, kh_error *err)
{
    char partial[PATH_MAX];
    size_t length = strlen(path);
    kh_status status = KH_OK;

    if (is_directory(path))
        return KH_OK;
    if (length == 0 || length >= sizeof partial)
        return kh_error_set(err, KH_E_ARG, "directory path of %zu bytes, expected 1 to %zu", length, sizeof partial - 1);
    memcpy(partial, path, length + 1);
    for (size_t i = 1; i <= length && status == KH_OK; i++) {
        if (partial[i] != '/' && partial[i] != '\0')
            continue;
        partial[i] = '\0';
        if (!is_directory(partial))
            status = kh_dir_make(partial, err);
        if (i < length)
            partial[i] = '/';
    }
    return status;
}

kh_status kh_dir_sync(const char *path, kh_error *err)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    kh_status status = KH_OK;

    if (fd < 0)
        return kh_error_errno(err, errno, "open %s", path);
    if (fsync(fd) != 0)
        status = kh_error_errno(err, errno, "sync %s", path);
    close(fd);
    return status;
}

/* offset -1: where the file stands. */
static kh_status write_all(int fd, const uint8_t *bytes, size_t size, off_t offset, kh_error *err)
{
    size_t done = 0;

    while (done < size) {
        ssize_t count = offset < 0 ? write(fd, bytes + done, size - done) : pwrite(fd, bytes + done, size - done, offset + (off_t)done);

        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return kh_error_errno(err, errno, "write %zu bytes", size - done);
        if (count == 0)
            return kh_error_set(err, KH_E_IO, "write took 0 of %zu bytes", size - done);
        done += (size_t)count;
    }
    return KH_OK;
}

kh_status kh_write_all(int fd, const void *bytes, size_t size, kh_error *err)
{
    return write_all(fd, bytes, size, -1, err);
}

kh_status kh_write_all_at(int fd, const void *bytes, size_t size, uint64_t offset, kh_error *err)
{
    if (offset > INT64_MAX || size > (uint64_t)INT64_MAX - offset)
        return kh_error_set(err, KH_E_ARG, "offset %llu is past any file", (unsigned long long)offset);
    return write_all(fd, bytes, size, (off_t)offset, err);
}

kh_status kh_read_all_at(int fd, void *bytes, size_t size, uint64_t offset, kh_error *err)
{
    uint8_t *at = bytes;
    size_t left = size;

    if (offset > INT64_MAX || size > (uint64_t)INT64_MAX - offset)
        return kh_error_set(err, KH_E_FORMAT, "offset %llu is past any file", (unsigned long long)offset);
    while (left > 0) {
        ssize_t count = pread(fd, at, left, (off_t)(offset + (size - left)));

        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return kh_error_errno(err, errno, "read %zu bytes", left);
        if (count == 0)
            return kh_error_set(err, KH_E_FORMAT, "file ends after %zu of %zu bytes at offset %llu", size - left, size,
                                (unsigned long long)offset);
        at += count;
        left -= (size_t)count;
    }
    return KH_OK;
}

static kh_status write_synced(const char *path, const void *bytes, size_t size, kh_error *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    kh_status status;

    if (fd < 0)
        return kh_error_errno(err, errno, "create %s", path);
    status = kh_write_all(fd, bytes, size, err);
    if (status == KH_OK && fsync(fd) != 0)
        status = kh_error_errno(err, errno, "sync %s", path);
    if (close(fd) != 0 && status == KH_OK)
        status = kh_error_errno(err, errno, "close %s", path);
    return status;
}

kh_status kh_file_replace(const char *path, const void *bytes, size_t size, kh_error *err)
{
    char temporary[PATH_MAX], parent[PATH_MAX];
    kh_status status;

    if ((size_t)snprintf(temporary, sizeof temporary, "%s.new", path) >= sizeof temporary)
        return kh_error_set(err, KH_E_ARG, "path of %zu bytes, expected at most %zu", strlen(path), sizeof temporary - 5);
    status = parent_of(parent, sizeof parent, path, err);
    if (status == KH_OK)
        status = write_synced(temporary, bytes, size, err);
    if (status == KH_OK && rename(temporary, path) != 0)
        status = kh_error_errno(err, errno, "rename %s", temporary);
    if (status == KH_OK)
        return kh_dir_sync(parent, err);
    unlink(temporary);
    return status;
}

kh_status kh_disk_free(uint64_t *bytes, const char *path, kh_error *err)
{
    struct statvfs st;

    *bytes = 0;
    if (statvfs(path, &st) != 0)
        return kh_error_errno(err, errno, "statvfs %s", path);
    *bytes = (uint64_t)st.f_bavail * st.f_frsize;
    return KH_OK;
}

kh_status kh_lock_acquire(int *fd, const char *path, kh_error *err)
{
    int lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

    *fd = -1;
    if (lock < 0)
        return kh_error_errno(err, errno, "open %s", path);
    if (flock(lock, LOCK_EX | LOCK_NB) != 0) {
        int why = errno;

        close(lock);
        return why == EWOULDBLOCK ? kh_error_set(err, KH_E_BUSY, "%s is held by another process", path)
                                  : kh_error_errno(err, why, "lock %s", path);
    }
    *fd = lock;
    return KH_OK;
}

void kh_lock_release(int fd)
{
    if (fd >= 0)
        close(fd);
}
