/* assoc.hh - what the parts of an association share: assoc.cc its life and its contexts, assoc_accept.cc the requests that come,
 * assoc_connect.cc the ones we make, assoc_message.cc commands and data sets, toolkit.cc the toolkit's own state. */
#ifndef KH_DICOM_SHIM_ASSOC_HH
#define KH_DICOM_SHIM_ASSOC_HH

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmnet/assoc.h>
#include <dcmtk/dcmnet/cond.h>
#include <dcmtk/dcmnet/dul.h>
#include <mutex>
#include <new>
#include "dicom/shim/connection.hh"

namespace kh
{
constexpr unsigned contexts_max = 128;
constexpr unsigned relational_max = 16;
} // namespace kh

struct kh_assoc {
    T_ASC_Association *asc;
    kh::Connection *connection; /* its socket, as long as there is one */
    kh::Shared shared;
    void (*at_end)(void *context); /* NULL: nobody is told */
    void *at_end_context;
    char logged_as[65];    /* "": it has no line in the log */
    char tls[96];
    char titles[2 * KH_AE_SIZE + 8], peer[300];
    const char *ended;     /* how; static */
    int64_t begun_ms;      /* monotonic */
    kh_net_limits limits;
    uint64_t bytes_in, bytes_out;
    int64_t message_waited_us; /* spent waiting for bytes of the message being received */
    uint64_t message_bytes;
    bool hold;    /* data sets may wait for the message after them */
    bool has_pdv; /* pdv is taken from the toolkit but not yet used */
    DUL_PDV pdv;
    kh_buf command_buf;
    unsigned context_count;
    kh_context contexts[kh::contexts_max];
    unsigned relational_count;
    char relational[kh::relational_max][KH_UID_SIZE]; /* SOP classes */
};

namespace kh
{

/* The toolkit's two networks, there once kh_net_init() has returned KH_OK. */
T_ASC_Network *accepting_network();
T_ASC_Network *requesting_network();
/* Held from setting the toolkit's process-wide "external socket" until it has taken it over in createConnection(). */
extern std::mutex external_socket_lock;

/* Every entry from C runs in here: no exception gets out. */
template <typename Body> kh_status guard(kh_error *err, Body body)
{
    try {
        return body();
    } catch (const std::bad_alloc &) {
        return kh_error_set(err, KH_E_MEMORY, "out of memory");
    } catch (...) {
        return kh_error_set(err, KH_E_INTERNAL, "exception in the network toolkit");
    }
}

/* The same for what the toolkit does with an association. An exception leaves it half done: the association is left to itself then, with
 * what memory it holds, and only its socket is closed. */
template <typename Body> kh_status guard(kh_assoc *assoc, kh_error *err, Body body)
{
    bool through = false;
    kh_status status = guard(err, [&]() -> kh_status {
        kh_status inner = body();
        through = true;
        return inner;
    });

    if (!through) {
        assoc->asc = nullptr;
        delete assoc->connection;
    }
    return status;
}

kh_status fail(kh_error *err, kh_status status, const char *doing, const OFCondition &cond);
/* A failed read or write: our own deadline and stop come first, then what the toolkit says. */
kh_status fail_io(kh_error *err, kh_assoc *assoc, const char *doing, const OFCondition &cond);

/* The socket of the association, or NULL: the toolkit frees it by itself when the peer aborts or goes. Never to be kept. */
Connection *connection_of(const kh_assoc *assoc);
void set_deadline(kh_assoc *assoc, int64_t duration_ms);
kh_status check_open(const kh_assoc *assoc, kh_error *err);

kh_assoc *new_assoc(const kh_net_limits *limits);
/* Without a word; what is left can only be freed. */
void close_assoc(kh_assoc *assoc);
void note_context(kh_assoc *assoc, const T_ASC_PresentationContext &from, const char *transfer_syntax);

} // namespace kh

#endif
