#include "pacs-bridge/control_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include "base/clock.h"

#define SOCKET_NAME "run/bridge.sock"

kh_status kh_control_address(struct sockaddr_un *out, int *dir_fd, const char *dir, kh_error *err)
{
    int length;

    *dir_fd = -1;
    *out = (struct sockaddr_un){.sun_family = AF_UNIX};
    length = snprintf(out->sun_path, sizeof(out->sun_path), "%s/" SOCKET_NAME, dir);
    if (length > 0 && (size_t)length < sizeof(out->sun_path))
        return KH_OK;
    *dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (*dir_fd < 0)
        return kh_error_errno(err, errno, "%s", dir);
    snprintf(out->sun_path, sizeof(out->sun_path), "/proc/self/fd/%d/" SOCKET_NAME, *dir_fd);
    return KH_OK;
}

bool kh_control_take_line(kh_buf *pending, kh_buf *line)
{
    const uint8_t *end = pending->size ? memchr(pending->data, '\n', pending->size) : NULL;
    size_t length;

    if (!end)
        return false;
    length = (size_t)(end - pending->data);
    kh_buf_clear(line);
    if (kh_buf_append(line, pending->data, length, NULL) != KH_OK)
        return false;
    memmove(pending->data, end + 1, pending->size - length - 1);
    pending->size -= length + 1;
    pending->data[pending->size] = '\0';
    return true;
}

kh_status kh_control_read(int fd, kh_buf *pending, const kh_stop *stop, int64_t deadline_ms, kh_error *err)
{
    char bytes[4096];
    ssize_t got;
    kh_status status = kh_stop_wait(stop, true, fd, POLLIN, deadline_ms, err);

    if (status != KH_OK)
        return status;
    got = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
    if (got > 0)
        return kh_buf_append(pending, bytes, (size_t)got, err);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return KH_OK;
    return kh_error_set(err, KH_E_PEER, "the other side of the control socket closed");
}

kh_status kh_control_write(int fd, const char *text, size_t size, const kh_stop *stop, int64_t deadline_ms, kh_error *err)
{
    struct iovec parts[2] = {{(void *)(uintptr_t)text, size}, {(void *)(uintptr_t)"\n", 1}};
    size_t at = 0;

    while (at < 2) {
        struct msghdr message = {.msg_iov = parts + at, .msg_iovlen = 2 - at};
        ssize_t sent = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
        kh_status status;
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0 && errno != EAGAIN)
            return kh_error_set(err, KH_E_PEER, "the other side of the control socket closed");
        if (sent < 0) {
            status = kh_stop_wait(stop, false, fd, POLLOUT, deadline_ms, err);
            if (status != KH_OK)
                return status;
            continue;
        }
        for (size_t left = (size_t)sent; at < 2 && left >= parts[at].iov_len; at++)
            left -= parts[at].iov_len, sent -= (ssize_t)parts[at].iov_len;
        if (at < 2) {
            parts[at].iov_base = (char *)parts[at].iov_base + sent;
            parts[at].iov_len -= (size_t)sent;
        }
    }
    return KH_OK;
}
