#include "dicom/shim/connection.hh"

#include <cerrno>
#include <cstring>
#include <new>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
extern "C" {
#include "base/clock.h"
}

namespace kh
{

thread_local Handoff *handoff = nullptr;

static void set_option(int fd, int level, int name, int value)
{
    (void)setsockopt(fd, level, name, &value, sizeof(value)); /* what a kernel does not know it does without */
}

Connection::Connection(int fd, const Handoff &from)
    : DcmTCPConnection(fd), stop_(from.stop), deadline_ms_(from.deadline_ms), early_(from.early), early_size_(from.early_size),
      cause_(from.cause), made_(from.made)
{
    *made_ = this;
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    set_option(fd, IPPROTO_TCP, TCP_QUICKACK, 1);
    set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, 30000); /* ms that sent bytes may stay unacknowledged */
    set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, 30);
    set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, 10);
    set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, 3);
}

Connection::~Connection()
{
    *made_ = nullptr;
}

kh_status Connection::wait_for(short events)
{
    kh_error err = KH_ERROR_INIT;
    kh_status status = kh_stop_wait(stop_, false, getSocket(), events, deadline_ms_, &err);

    if (status != KH_OK)
        *cause_ = status;
    return status;
}

kh_status Connection::wait(bool soft, int64_t deadline_ms, kh_error *err)
{
    if (early_size_ > 0)
        return KH_OK;
    return kh_stop_wait(stop_, soft, getSocket(), POLLIN, deadline_ms, err);
}

ssize_t Connection::read(void *bytes, size_t size)
{
    if (early_size_ > 0) {
        size_t count = size < early_size_ ? size : early_size_;
        memcpy(bytes, early_, count);
        early_ += count;
        early_size_ -= count;
        return static_cast<ssize_t>(count);
    }
    for (;;) {
        ssize_t got = recv(getSocket(), bytes, size, MSG_DONTWAIT);
        if (got > 0) {
            /* The kernel falls back to delayed acknowledgements by itself; a peer with Nagle's algorithm on then stalls 40 ms an object. */
            set_option(getSocket(), IPPROTO_TCP, TCP_QUICKACK, 1);
            return got;
        }
        if (got == 0) {
            *cause_ = KH_E_PEER;
            return 0;
        }
        if (errno == EINTR)
            continue;
        if (errno != EAGAIN && errno != EWOULDBLOCK) {
            *cause_ = KH_E_PEER;
            return -1;
        }
        if (wait_for(POLLIN) != KH_OK) {
            errno = ETIMEDOUT; /* anything but EINTR, which the toolkit tries again */
            return -1;
        }
    }
}

ssize_t Connection::write(void *bytes, size_t size)
{
    const auto *from = static_cast<const uint8_t *>(bytes);
    /* The toolkit writes the 12 bytes before a PDV by themselves: let them wait for what follows. */
    int more = size == 12 && from[0] == 0x04 ? MSG_MORE : 0;
    size_t done = 0;

    while (done < size) {
        ssize_t sent = send(getSocket(), from + done, size - done, MSG_DONTWAIT | MSG_NOSIGNAL | more);
        if (sent >= 0) {
            done += static_cast<size_t>(sent);
            continue;
        }
        if (errno == EINTR)
            continue;
        if (errno != EAGAIN && errno != EWOULDBLOCK) {
            *cause_ = KH_E_PEER;
            return -1;
        }
        if (wait_for(POLLOUT) != KH_OK) {
            errno = ETIMEDOUT;
            return -1;
        }
    }
    return static_cast<ssize_t>(size);
}

OFBool Connection::networkDataAvailable(int timeout_s)
{
    int64_t asked_ms = kh_clock_monotonic_ms() + static_cast<int64_t>(timeout_s) * 1000;

    if (early_size_ > 0)
        return OFTrue;
    return kh_stop_wait(stop_, false, getSocket(), POLLIN, asked_ms < deadline_ms_ ? asked_ms : deadline_ms_, nullptr) == KH_OK;
}

DcmTransportConnection *Layer::createConnection(DcmNativeSocketType fd, OFBool secure)
{
    Handoff *from = handoff;

    if (secure || !from)
        return nullptr;
    if (from->lock && from->lock->owns_lock())
        from->lock->unlock();
    from->taken = true; /* the toolkit closes it from here on, also when there is no memory */
    return new (std::nothrow) Connection(fd, *from);
}

} // namespace kh
