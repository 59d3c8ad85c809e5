/* source.c - reading from a descriptor by pread(2), or from memory. */
#include "dicom/source.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static kh_status ends_before(const kh_source *source, uint64_t offset, size_t count, kh_error *err)
{
    return kh_error_set(err, KH_E_FORMAT, "the data end at byte %" PRIu64 ", expected %zu bytes at %" PRIu64,
                        source->size, count, offset);
}

static bool inside(const kh_source *source, uint64_t offset, size_t count)
{
    return offset <= source->size && count <= source->size - offset;
}

static kh_status read_fd(const kh_source *source, uint64_t offset, void *bytes, size_t count, kh_error *err)
{
    uint8_t *next = bytes;

    if (!inside(source, offset, count))
        return ends_before(source, offset, count, err);
    while (count > 0) {
        ssize_t got = pread(source->fd, next, count, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return kh_error_errno(err, errno, "read of %zu bytes at %" PRIu64, count, offset);
        if (got == 0) /* cut since it was opened */
            return ends_before(source, offset, count, err);
        next += got;
        offset += (uint64_t)got;
        count -= (size_t)got;
    }
    return KH_OK;
}

static kh_status read_memory(const kh_source *source, uint64_t offset, void *bytes, size_t count, kh_error *err)
{
    if (!inside(source, offset, count))
        return ends_before(source, offset, count, err);
    if (count > 0)
        memcpy(bytes, (const uint8_t *)source->memory + offset, count);
    return KH_OK;
}

kh_status kh_source_init_fd(kh_source *source, int fd, kh_error *err)
{
    struct stat status;

    memset(source, 0, sizeof(*source));
    source->fd = -1;
    if (fstat(fd, &status) != 0)
        return kh_error_errno(err, errno, "size of the file");
    if (!S_ISREG(status.st_mode))
        return kh_error_set(err, KH_E_ARG, "not a regular file");
    source->size = (uint64_t)status.st_size;
    source->fd = fd;
    source->read_at = read_fd;
    return KH_OK;
}

void kh_source_init_memory(kh_source *source, const void *bytes, size_t size)
{
    memset(source, 0, sizeof(*source));
    source->fd = -1;
    source->size = size;
    source->memory = bytes;
    source->read_at = read_memory;
}
