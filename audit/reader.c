#include "audit/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

kh_status kh_audit_reader_open(kh_audit_reader *reader, const char *path, uint64_t place, kh_error *err)
{
    if (reader->fd >= 0)
        close(reader->fd);
    reader->begin = reader->end = 0;
    reader->place = place;
    reader->at_end = false;
    reader->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (reader->fd < 0)
        return errno == ENOENT ? kh_error_set(err, KH_E_NOT_FOUND, "%s: no such file", path) : kh_error_errno(err, errno, "open %s", path);
    if (!reader->bytes)
        reader->bytes = malloc(KH_AUDIT_READ_SIZE);
    return reader->bytes ? KH_OK : kh_error_set(err, KH_E_MEMORY, "no memory for a file of the record");
}

void kh_audit_reader_close(kh_audit_reader *reader)
{
    if (reader->fd >= 0)
        close(reader->fd);
    free(reader->bytes);
    *reader = (kh_audit_reader)KH_AUDIT_READER_INIT;
}

static kh_status fill(kh_audit_reader *reader, kh_error *err)
{
    size_t held = reader->end - reader->begin;
    ssize_t count;

    memmove(reader->bytes, reader->bytes + reader->begin, held);
    reader->begin = 0;
    reader->end = held;
    do
        count = pread(reader->fd, reader->bytes + held, KH_AUDIT_READ_SIZE - held, (off_t)(reader->place + held));
    while (count < 0 && errno == EINTR);
    if (count < 0)
        return kh_error_errno(err, errno, "read the record");
    reader->at_end = count == 0;
    reader->end += (size_t)count;
    return KH_OK;
}

bool kh_audit_reader_next(kh_audit_reader *reader, const char **text, size_t *size, bool *ended, kh_error *err)
{
    const char *line_end = NULL;
    size_t held;

    for (;;) {
        held = reader->end - reader->begin;
        line_end = memchr(reader->bytes + reader->begin, '\n', held < KH_AUDIT_LINE_MAX ? held : KH_AUDIT_LINE_MAX);
        if (line_end || held >= KH_AUDIT_LINE_MAX || reader->at_end)
            break;
        if (fill(reader, err) != KH_OK)
            return false;
    }
    if (held == 0)
        return false;
    *text = reader->bytes + reader->begin;
    *ended = line_end != NULL;
    *size = line_end ? (size_t)(line_end - *text) : held < KH_AUDIT_LINE_MAX ? held : KH_AUDIT_LINE_MAX;
    reader->begin += *size + (line_end ? 1 : 0);
    reader->place += *size + (line_end ? 1 : 0);
    return true;
}
