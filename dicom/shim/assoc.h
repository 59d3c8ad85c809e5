/* assoc.h - one DICOM association (PS3.8) as acceptor or requestor, over the toolkit's upper layer.
 *
 * Data sets cross as bytes, exactly as they stand in the PDVs: nothing is decoded or encoded anew. Deadlines are absolute and hold
 * for every read and write: a peer that drips bytes is cut like a silent one. Sockets have TCP_NODELAY, keep-alive,
 * TCP_USER_TIMEOUT, and TCP_QUICKACK is set again before every wait, because peers leave Nagle's algorithm on.
 * Threads: an association belongs to one thread. Only IPv4 (the toolkit's limit). */
#ifndef KH_DICOM_SHIM_ASSOC_H
#define KH_DICOM_SHIM_ASSOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"
#include "base/rate.h"
#include "dicom/shim/dimse.h"
#include "dicom/shim/stop.h"
#include "dicom/shim/tls.h"
#include "dicom/syntax.h"

#define KH_AE_SIZE 17 /* 16 characters and NUL (PS3.5 6.2 AE) */

typedef struct kh_assoc kh_assoc;

typedef struct kh_net_limits {
    int64_t associate_ms;     /* from connection to A-ASSOCIATE-AC */
    int64_t pdu_ms;           /* from the first byte of a PDU to its last, and for one write */
    int64_t idle_ms;          /* for the first byte of the next message, and of a response */
    uint32_t floor_bytes_per_s; /* of one message on average; what it may take is pdu_ms + bytes / floor */
    uint32_t pdu_bytes;       /* largest PDU we take, 4,096 to 131,072 */
} kh_net_limits;
/* 10 s, 30 s, 60 s, 64 KB/s, 128 KiB. */
extern const kh_net_limits kh_net_limits_default;

/* Once in a process, before threads are started; again does nothing. Silences the toolkit's own log, forbids its reverse name look-ups,
 * ignores SIGPIPE. */
KH_MUST_USE kh_status kh_net_init(kh_error *err);

/* --- as acceptor --- */

typedef struct kh_assoc_request {
    char calling[KH_AE_SIZE], called[KH_AE_SIZE]; /* spaces trimmed */
    char address[64];                             /* of the peer, numeric */
    char tls[96];                                 /* version and suite, "" without TLS */
    char certificate[KH_CERTIFICATE_DIGEST_SIZE]; /* of the peer, "" without TLS */
    void *caller;                                 /* whatever accept wants to find again; NULL before */
} kh_assoc_request;

typedef enum kh_reject {
    KH_REJECT_NOT,
    KH_REJECT_CALLING_AE,  /* permanent, service user 3 */
    KH_REJECT_CALLED_AE,   /* permanent, service user 7 */
    KH_REJECT_LOCAL_LIMIT, /* transient, presentation provider 2: too many associations */
    KH_REJECT_CONGESTION   /* transient, presentation provider 1: stopping, or our own store fails */
} kh_reject;

/* How an acceptor decides. accept is asked first, and may set request->caller; choose once per proposed context: the index of the transfer
 * syntax taken, -1 when the abstract syntax is not served, -2 when no transfer syntax is. as_scp: the requestor offers to take objects in
 * it (C-GET). */
typedef kh_reject kh_assoc_accept(void *context, kh_assoc_request *request);
typedef int kh_assoc_choose(void *context, const kh_assoc_request *request, const char *abstract_syntax,
                            const char *const *transfer_syntaxes, size_t count, bool as_scp);

/* fd is a connected socket whose A-ASSOCIATE-RQ PDU has been read whole: size bytes at pdu (kh_associate_check() accepted them).
 * fd, and tls which stands on it (NULL: none), belong to the association from here on, and are closed on failure. KH_E_DENIED when it was
 * rejected (request is filled). stop (may be NULL) must outlive it. */
KH_MUST_USE kh_status kh_assoc_accept_fd(kh_assoc **out, int fd, kh_tls *tls, const uint8_t *pdu, size_t size, const kh_net_limits *limits,
                                         const kh_stop *stop, kh_assoc_accept *accept, kh_assoc_choose *choose,
                                         void *context, kh_assoc_request *request, kh_error *err);

/* --- as requestor --- */

typedef struct kh_proposal {
    const char *abstract_syntax;
    const char *const *transfer_syntaxes;
    size_t transfer_syntax_count; /* 1 to 50 */
    bool as_scp; /* we want to be its SCP: the acceptor sends us C-STORE requests in it (PS3.7 D.3.3.4), for C-GET */
} kh_proposal;

/* KH_E_PEER when the host is not reached, refuses or rejects, with the words of why; KH_E_TIMEOUT. proposal_count 1 to 128; the context
 * IDs are 1, 3, 5, ... in order. */
KH_MUST_USE kh_status kh_assoc_connect(kh_assoc **out, const char *host, uint16_t port, const char *calling,
                                       const char *called, const kh_proposal *proposals, size_t proposal_count,
                                       const kh_net_limits *limits, const kh_stop *stop, kh_error *err);

/* The same over TLS, with our certificate; the peer's is checked as the credentials say. */
KH_MUST_USE kh_status kh_assoc_connect_tls(kh_assoc **out, kh_tls_credentials *credentials, const char *host, uint16_t port,
                                           const char *calling, const char *called, const kh_proposal *proposals,
                                           size_t proposal_count, const kh_net_limits *limits, const kh_stop *stop, kh_error *err);

/* --- both --- */

/* Close without a word if it is still open. NULL is welcome. */
void kh_assoc_free(kh_assoc *assoc);
/* Orderly: release and wait for the answer. The association is closed afterwards, whatever came. */
KH_MUST_USE kh_status kh_assoc_release(kh_assoc *assoc, kh_error *err);
/* A-ABORT; closed afterwards. */
void kh_assoc_abort(kh_assoc *assoc);

typedef struct kh_context {
    uint8_t id;
    char abstract_syntax[KH_UID_SIZE], transfer_syntax[KH_UID_SIZE];
    bool requestor_is_scp; /* roles were negotiated so: the acceptor may send requests in it */
} kh_context;
/* The accepted context with this ID, or NULL. Borrowed. */
const kh_context *kh_assoc_context(const kh_assoc *assoc, uint8_t id);
/* The accepted context for this abstract and transfer syntax (NULL: any), or NULL. */
const kh_context *kh_assoc_context_find(const kh_assoc *assoc, const char *abstract_syntax, const char *transfer_syntax);
unsigned kh_assoc_context_count(const kh_assoc *assoc);
/* As acceptor: relational queries or retrievals were negotiated for this SOP class (PS3.4 C.5.1.1, C.5.2.1). Every requestor of a
 * Query/Retrieve class that asks for them is granted them, and nothing else of extended negotiation. */
bool kh_assoc_is_relational(const kh_assoc *assoc, const char *sop_class_uid);

/* For the next request we send: 1 to 65,535, then 1 again; counted over all associations of the process, so that the sub-operations of
 * two moves can be told apart by their originator. Threads: any. */
uint16_t kh_assoc_next_message_id(void);
/* Write one line to the log when it is closed: with whom (of), titles, TLS or not, bytes, milliseconds, how it ended. For those we make. */
void kh_assoc_log(kh_assoc *assoc, const char *of);
/* Called when it is freed, once it is closed. */
void kh_assoc_at_end(kh_assoc *assoc, void (*end)(void *context), void *context);
/* A limit for what is read and written from now on, shared with others; borrowed, NULL: none. What it makes us wait does not count against
 * the peer's deadlines. */
void kh_assoc_set_rate(kh_assoc *assoc, kh_rate *rate);
int64_t kh_assoc_idle_ms(const kh_assoc *assoc);
/* Bytes of PDVs received and sent. */
uint64_t kh_assoc_bytes_in(const kh_assoc *assoc);
uint64_t kh_assoc_bytes_out(const kh_assoc *assoc);

/* Asked before every wait for the peer and about every KH_ASSOC_LOOK_MS of it, in the association's thread: may it go on? What it fails
 * with ends the wait, with its words, in the middle of a message, too. NULL: it may. The certificate of a peer over TLS is looked at as
 * often (kh_tls_follow()). */
#define KH_ASSOC_LOOK_MS 200
typedef kh_status kh_assoc_look(void *context, kh_error *err);
void kh_assoc_set_look(kh_assoc *assoc, kh_assoc_look *look, void *context);

/* Wait until the peer has sent something, at most timeout_ms: KH_E_TIMEOUT when not, KH_E_CANCELLED when stopping. */
KH_MUST_USE kh_status kh_assoc_wait(kh_assoc *assoc, int64_t timeout_ms, kh_error *err);

/* The next command. command->field is 0 when the peer released the association (acknowledged and closed then). idle_ms: for its first byte,
 * 0: as in the limits. KH_E_PEER: aborted or gone; KH_E_TIMEOUT; KH_E_CANCELLED: stopping; KH_E_FORMAT: not a command. After any failure
 * only abort and free are left. */
KH_MUST_USE kh_status kh_assoc_receive(kh_assoc *assoc, uint8_t *context_id, kh_dimse *command, int64_t idle_ms,
                                       kh_error *err);

typedef kh_status kh_data_sink(void *context, const uint8_t *bytes, size_t size, kh_error *err);
/* The data set that follows a command, PDV by PDV to the sink. When the sink fails the rest is read and dropped, *sink_status tells and
 * sink_err holds its words; the call itself fails only when the association does. */
KH_MUST_USE kh_status kh_assoc_receive_data(kh_assoc *assoc, uint8_t context_id, kh_data_sink *sink, void *context,
                                            kh_status *sink_status, kh_error *sink_err, kh_error *err);
/* Sink for small data sets: context is a kh_buf. */
kh_status kh_data_sink_buf(void *context, const uint8_t *bytes, size_t size, kh_error *err);

/* Send a command; when command->has_data its data set must follow. */
KH_MUST_USE kh_status kh_assoc_send(kh_assoc *assoc, uint8_t context_id, const kh_dimse *command, kh_error *err);
/* A part of the data set, last with the final one (size may be 0 then only when all was empty). Every part but the last has an even
 * size. */
KH_MUST_USE kh_status kh_assoc_send_data(kh_assoc *assoc, uint8_t context_id, const void *bytes, size_t size, bool last,
                                         kh_error *err);
/* While on, a data set that ends may wait for the message after it, so that many small ones are few packets. Something has to be sent after
 * it is off again: what waits goes out with that. */
void kh_assoc_hold(kh_assoc *assoc, bool on);

#endif
