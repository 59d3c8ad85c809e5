#include "dicom/shim/connection.hh"

#include <cerrno>
#include <cstring>
#include <new>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <dcmtk/dcmnet/cond.h>
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
      shared_(from.shared), tls_(from.tls), credentials_(from.credentials), host_(from.host), made_(from.made), held_size_(0)
{
    *made_ = this;
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, 30000); /* ms that sent bytes may stay unacknowledged */
    set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, 30);
    set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, 10);
    set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, 3);
}

Connection::~Connection()
{
    *made_ = nullptr;
    kh_tls_free(tls_);
}

void Connection::close()
{
    kh_tls_free(tls_);
    tls_ = nullptr;
    DcmTCPConnection::close();
}

void Connection::closeTransportConnection()
{
    kh_tls_free(tls_);
    tls_ = nullptr;
    DcmTCPConnection::closeTransportConnection();
}

const char *Connection::tls_words() const
{
    return tls_ ? kh_tls_words(tls_) : "";
}

const char *Connection::peer_digest() const
{
    return tls_ ? kh_tls_peer_digest(tls_) : "";
}

bool Connection::fail(kh_status cause)
{
    shared_->cause = cause;
    errno = cause == KH_E_PEER ? ECONNRESET : ETIMEDOUT; /* anything but EINTR, which the toolkit tries again */
    return false;
}

/* Before each wait: what has come is acknowledged now. The kernel falls back to delayed acknowledgements by itself; a peer with Nagle's
 * algorithm on then stalls 40 ms an object. */
void Connection::acknowledge()
{
    if (!tls_) /* that does it itself */
        set_option(getSocket(), IPPROTO_TCP, TCP_QUICKACK, 1);
}

/* May this peer go on? What it was let in by may have been taken back while nothing comes. */
kh_status Connection::still(kh_error *err)
{
    kh_status status = tls_ ? kh_tls_still(tls_, err) : KH_OK;

    return status == KH_OK && shared_->look ? shared_->look(shared_->look_context, err) : status;
}

/* kh_stop_wait() with a look now and then. */
kh_status Connection::wait_looking(bool soft, short events, int64_t deadline_ms, kh_error *err)
{
    for (;;) {
        kh_error late = KH_ERROR_INIT;
        int64_t look_ms = kh_clock_monotonic_ms() + KH_ASSOC_LOOK_MS;
        kh_status status = still(err);
        if (status != KH_OK)
            return status;
        bool last = deadline_ms <= look_ms;
        status = kh_stop_wait(stop_, soft, getSocket(), events, last ? deadline_ms : look_ms, last ? err : &late);
        if (status != KH_E_TIMEOUT || last)
            return status == KH_OK || last ? status : kh_error_set(err, status, "%s", late.message);
    }
}

kh_status Connection::wait_for(short events)
{
    kh_error err = KH_ERROR_INIT;

    acknowledge();
    kh_status status = wait_looking(false, events, deadline_ms_, &err);
    if (status == KH_E_PEER || status == KH_E_DENIED)
        shared_->error = err;
    return status;
}

/* The toolkit calls it as soon as it has connected. */
OFCondition Connection::clientSideHandshake()
{
    if (!credentials_)
        return EC_Normal;
    kh_status status = kh_tls_create(&tls_, credentials_, getSocket(), host_, &shared_->error);
    while (status == KH_OK && (status = kh_tls_handshake(tls_, &shared_->error)) == KH_E_BUSY)
        status = wait_for(kh_tls_events(tls_));
    credentials_ = nullptr;
    host_ = nullptr;
    if (status == KH_OK)
        return EC_Normal;
    (void)fail(status);
    return makeDcmnetCondition(DULC_TLSERROR, OF_error, "TLS handshake");
}

kh_status Connection::wait(bool soft, int64_t deadline_ms, kh_error *err)
{
    if (!write_held(false)) /* nothing, unless somebody said that more would follow and it did not */
        return kh_error_set(err, KH_E_PEER, "connection lost");
    for (;;) {
        if (early_size_ > 0 || (tls_ && kh_tls_readable(tls_)))
            return KH_OK;
        acknowledge();
        kh_status status = wait_looking(soft, tls_ ? kh_tls_events(tls_) : POLLIN, deadline_ms, err);
        if (status != KH_OK || !tls_)
            return status;
        if (kh_clock_monotonic_ms() >= deadline_ms && !kh_tls_readable(tls_)) /* it was not data, and a peer may send that for ever */
            return kh_error_set(err, KH_E_TIMEOUT, "deadline passed");
    }
}

/* How much of size to move at once, so that the pause for it stays short. */
size_t Connection::part(size_t size) const
{
    size_t most = shared_->rate ? kh_rate_part(shared_->rate) : size;

    return size < most ? size : most;
}

/* Bytes have moved: wait as the rate says. That is our doing, not the peer's: its deadline moves along. */
void Connection::pause(size_t bytes)
{
    if (!shared_->rate)
        return;
    int64_t begin_us = kh_clock_monotonic_us();
    int64_t wait_us = kh_rate_use(shared_->rate, bytes, begin_us);
    if (wait_us <= 0)
        return;
    (void)!kh_stop_wait(stop_, false, -1, 0, (begin_us + wait_us + 999) / 1000, nullptr);
    int64_t paused_us = kh_clock_monotonic_us() - begin_us;
    shared_->paused_us += paused_us;
    deadline_ms_ += paused_us / 1000;
}

/* KH_E_BUSY: nothing yet. */
kh_status Connection::read_some(void *bytes, size_t size, size_t *got)
{
    if (tls_)
        return kh_tls_read(tls_, bytes, size, got, &shared_->error);
    ssize_t received;
    do
        received = recv(getSocket(), bytes, size, MSG_DONTWAIT);
    while (received < 0 && errno == EINTR);
    if (received < 0)
        return errno == EAGAIN || errno == EWOULDBLOCK ? KH_E_BUSY : KH_E_PEER;
    *got = static_cast<size_t>(received);
    return KH_OK;
}

kh_status Connection::write_some(const void *bytes, size_t size, bool more, size_t *sent)
{
    if (tls_)
        return kh_tls_write(tls_, bytes, size, more, sent, &shared_->error);
    ssize_t written;
    do
        written = send(getSocket(), bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL | (more ? MSG_MORE : 0));
    while (written < 0 && errno == EINTR);
    if (written < 0)
        return errno == EAGAIN || errno == EWOULDBLOCK ? KH_E_BUSY : KH_E_PEER;
    *sent = static_cast<size_t>(written);
    return KH_OK;
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
        size_t got = 0;
        kh_status status = read_some(bytes, part(size), &got);
        if (status == KH_E_BUSY) {
            status = wait_for(tls_ ? kh_tls_events(tls_) : POLLIN);
            if (status == KH_OK)
                continue;
        }
        if (status != KH_OK)
            return fail(status), -1;
        if (got == 0)
            return fail(KH_E_PEER), 0;
        pause(got);
        return static_cast<ssize_t>(got);
    }
}

bool Connection::write_all(const uint8_t *bytes, size_t size, bool more)
{
    size_t done = 0;

    while (done < size) {
        size_t sent = 0;
        kh_status status = write_some(bytes + done, part(size - done), more, &sent);
        if (status == KH_E_BUSY) {
            status = wait_for(tls_ ? kh_tls_events(tls_) : POLLOUT);
            if (status == KH_OK)
                continue;
        }
        if (status != KH_OK)
            return fail(status);
        done += sent;
        pause(sent);
    }
    return true;
}

bool Connection::write_held(bool more)
{
    size_t size = held_size_;

    held_size_ = 0;
    return write_all(held_, size, more);
}

ssize_t Connection::write(void *bytes, size_t size)
{
    const auto *from = static_cast<const uint8_t *>(bytes);
    /* The toolkit writes the 12 bytes before a PDV by themselves: let them wait for what follows. */
    bool more = shared_->more || (size == 12 && from[0] == 0x04), small = size <= sizeof(held_) - held_size_, good = true;

    if (small) {
        memcpy(held_ + held_size_, from, size);
        held_size_ += size;
        if (!more)
            good = write_held(false);
    } else {
        good = write_held(true) && write_all(from, size, more);
    }
    return good ? static_cast<ssize_t>(size) : -1;
}

OFBool Connection::networkDataAvailable(int timeout_s)
{
    int64_t asked_ms = kh_clock_monotonic_ms() + static_cast<int64_t>(timeout_s) * 1000;

    return wait(false, asked_ms < deadline_ms_ ? asked_ms : deadline_ms_, nullptr) == KH_OK;
}

DcmTransportConnection *Layer::createConnection(DcmNativeSocketType fd, OFBool secure)
{
    Handoff *from = handoff;

    if (secure || !from)
        return nullptr;
    if (from->lock && from->lock->owns_lock())
        from->lock->unlock();
    from->taken = true; /* the toolkit closes it from here on, also when there is no memory */
    Connection *connection = new (std::nothrow) Connection(fd, *from);
    if (!connection)
        kh_tls_free(from->tls);
    from->tls = nullptr;
    return connection;
}

} // namespace kh
