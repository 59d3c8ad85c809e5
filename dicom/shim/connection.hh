/* connection.hh - the socket under an association: the toolkit's transport connection with absolute deadlines, a stop that wakes it, and
 * socket options that keep unmodified peers fast. One thread at a time. */
#ifndef KH_DICOM_SHIM_CONNECTION_HH
#define KH_DICOM_SHIM_CONNECTION_HH

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmnet/dcmlayer.h>
#include <dcmtk/dcmnet/dcmtrans.h>
#include <mutex>
extern "C" { /* our headers are C */
#include "base/rate.h"
#include "dicom/shim/assoc.h"
#include "dicom/shim/tls.h"
}

namespace kh
{

class Connection;

/* What an association and its socket share; lives as long as the association. */
struct Shared {
    kh_status cause = KH_E_PEER; /* why the last read or write failed: KH_E_TIMEOUT, KH_E_CANCELLED or KH_E_PEER */
    kh_error error;              /* with its words, "" when there are none */
    kh_rate *rate = nullptr;     /* borrowed; NULL: no limit */
    int64_t paused_us = 0;       /* waited for the rate, in all */
    kh_assoc_look *look = nullptr; /* may it go on? */
    void *look_context = nullptr;
    bool more = false;           /* what is written now is followed at once by more: it may wait for that */
};

/* What Layer::createConnection() gives the connection it makes; set by the calling thread around the toolkit's call. */
struct Handoff {
    const kh_stop *stop = nullptr;
    int64_t deadline_ms = 0;
    const uint8_t *early = nullptr;
    size_t early_size = 0;
    std::unique_lock<std::mutex> *lock = nullptr; /* released as soon as the connection is made */
    Shared *shared = nullptr;
    kh_tls *tls = nullptr;                        /* taken: hands are shaken already */
    kh_tls_credentials *credentials = nullptr;    /* borrowed: for a handshake of ours, as we call host */
    const char *host = nullptr;                   /* borrowed until the handshake is over */
    Connection **made = nullptr;                  /* where the connection stands as long as it lives; lives longer than it */
    bool taken = false;                           /* the socket belongs to a connection */
};

class Connection : public DcmTCPConnection
{
public:
    Connection(int fd, const struct Handoff &from);
    ~Connection() override;

    OFCondition clientSideHandshake() override;
    ssize_t read(void *bytes, size_t size) override;
    ssize_t write(void *bytes, size_t size) override;
    void close() override;
    void closeTransportConnection() override;
    OFBool networkDataAvailable(int timeout_s) override;

    /* Until when, on the monotonic clock, every read and write has to be through. */
    void set_deadline(int64_t deadline_ms)
    {
        deadline_ms_ = deadline_ms;
    }
    /* Wait for the first byte of something; soft: a soft stop ends it. */
    kh_status wait(bool soft, int64_t deadline_ms, kh_error *err);
    /* "" without TLS. Borrowed. */
    const char *tls_words() const;
    const char *peer_digest() const;

private:
    void acknowledge();
    kh_status wait_for(short events);
    kh_status still(kh_error *err);
    kh_status wait_looking(bool soft, short events, int64_t deadline_ms, kh_error *err);
    bool fail(kh_status cause);
    size_t part(size_t size) const;
    void pause(size_t bytes);
    kh_status read_some(void *bytes, size_t size, size_t *got);
    kh_status write_some(const void *bytes, size_t size, bool more, size_t *sent);
    bool write_all(const uint8_t *bytes, size_t size, bool more);
    bool write_held(bool more);

    const kh_stop *stop_;
    int64_t deadline_ms_;
    const uint8_t *early_; /* read before the association was made; borrowed until read */
    size_t early_size_;
    Shared *shared_;
    kh_tls *tls_;
    kh_tls_credentials *credentials_;
    const char *host_;
    Connection **made_;
    size_t held_size_;
    uint8_t held_[4096]; /* written, and sent with what follows: a response and its identifier are one packet, which wakes its reader once */
};

extern thread_local Handoff *handoff;

/* The handoff of this thread for as long as this lives, exceptions included. */
class Offer
{
public:
    explicit Offer(Handoff &what)
    {
        handoff = &what;
    }
    ~Offer()
    {
        handoff = nullptr;
    }
    Offer(const Offer &) = delete;
    Offer &operator=(const Offer &) = delete;
};

class Layer : public DcmTransportLayer
{
public:
    DcmTransportConnection *createConnection(DcmNativeSocketType fd, OFBool secure) override;
};

} // namespace kh

#endif
