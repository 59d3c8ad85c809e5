/* connection.hh - the socket under an association: the toolkit's transport connection with absolute deadlines, a stop that wakes it, and
 * socket options that keep unmodified peers fast. One thread at a time. */
#ifndef KH_DICOM_SHIM_CONNECTION_HH
#define KH_DICOM_SHIM_CONNECTION_HH

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmnet/dcmlayer.h>
#include <dcmtk/dcmnet/dcmtrans.h>
#include <mutex>
extern "C" { /* our headers are C */
#include "dicom/shim/assoc.h"
}

namespace kh
{

class Connection;

/* What Layer::createConnection() gives the connection it makes; set by the calling thread around the toolkit's call. */
struct Handoff {
    const kh_stop *stop = nullptr;
    int64_t deadline_ms = 0;
    const uint8_t *early = nullptr;
    size_t early_size = 0;
    std::unique_lock<std::mutex> *lock = nullptr; /* released as soon as the connection is made */
    kh_status *cause = nullptr;                   /* where it notes why a read or write failed; lives as long as the association */
    Connection **made = nullptr;                  /* where the connection stands as long as it lives; lives longer than it */
    bool taken = false;                           /* the socket belongs to a connection */
};

class Connection : public DcmTCPConnection
{
public:
    Connection(int fd, const struct Handoff &from);
    ~Connection() override;

    ssize_t read(void *bytes, size_t size) override;
    ssize_t write(void *bytes, size_t size) override;
    OFBool networkDataAvailable(int timeout_s) override;

    /* Until when, on the monotonic clock, every read and write has to be through. */
    void set_deadline(int64_t deadline_ms)
    {
        deadline_ms_ = deadline_ms;
    }
    /* Wait for the first byte of something; soft: a soft stop ends it. */
    kh_status wait(bool soft, int64_t deadline_ms, kh_error *err);

private:
    kh_status wait_for(short events);

    const kh_stop *stop_;
    int64_t deadline_ms_;
    const uint8_t *early_; /* read before the association was made; borrowed until read */
    size_t early_size_;
    kh_status *cause_;
    Connection **made_;
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
