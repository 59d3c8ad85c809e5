/* http.h - an HTTP/1.1 server over libmicrohttpd, without domain words: routes, requests, answers, event streams.
 * Handlers run on the server's few epoll threads and must not wait: who needs time calls kh_http_suspend() and answers later
 * from any thread. Refused before a handler sees them: two Content-Lengths, length and chunked together, NUL or control bytes
 * in target or headers, lines folded or not ended by CRLF, targets that are not UTF-8 after decoding, a Host that is not ours,
 * methods without a route, and what changes something (every method but GET and HEAD) unless it comes from our own page as JSON
 * (same_origin.h) or the address is an open one, whose handler says who may. Slow peers: a request must be in, and an answer out, by an
 * absolute deadline (16 KiB/s and a grace); see connection.c. Every answer carries the security headers of answer.c. */
#ifndef KH_VIEWER_HTTP_HTTP_H
#define KH_VIEWER_HTTP_HTTP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"
#include "base/pool.h"

typedef struct kh_http_server kh_http_server;
typedef struct kh_http_request kh_http_request;

/* How, and from whom, requests come in (caller.c, encryption.c). All of it the caller's until the server has stopped; zero: plain HTTP from
 * whoever calls. */
typedef struct kh_http_door {
    const char *names;         /* host names we are called by, "images.example, 10.1.2.3"; NULL or "": any, unless loopback_hosts_only */
    struct kh_tls_store *tls;  /* TLS with these (tls/store.h); NULL: plain HTTP */
    bool certificate_required; /* only who shows a good client certificate is served (AZ-34), but below open_without */
    const char *open_without;  /* "/install": served without a certificate; browsers without one are sent there. NULL: nothing */
    const char *proxies;       /* addresses and nets (base/nets.h) that speak for others; NULL or "": nobody */
    bool proxies_only;         /* plain HTTP beyond this machine: nobody else is served */
} kh_http_door;

typedef struct kh_http_options {
    int listen_fd;                 /* bound and listening; taken over */
    unsigned thread_count;         /* epoll threads, 1 to 64 */
    unsigned connections_max;      /* in all */
    unsigned connections_per_address_max;
    unsigned idle_timeout_s;
    size_t body_bytes_max;         /* of a request */
    const char *open_below;        /* "/dicomweb": whoever asks for this or an address below it is admitted by the handler, for changes
                                      too, and a POST or PUT there comes to it before its body: kh_http_receive(). The string is the
                                      caller's. NULL: nothing is */
    /* Told of each request that is turned away before a handler sees it, on an HTTP thread; its address may be all that is known of it
     * (path NULL when not even that). NULL: nobody is. */
    void (*refused)(void *context, const kh_http_request *request, unsigned code);
    void *refused_context;
    bool loopback_hosts_only;      /* Host must be localhost, 127.0.0.1 or [::1] (a page elsewhere must not reach us by DNS), or one of
                                      door.names */
    kh_http_door door;
} kh_http_options;

/* Called for a request that matched the route. Must lead to exactly one answer, now or after kh_http_suspend(). */
typedef void kh_http_handler(kh_http_request *request, void *context);

typedef struct kh_http_route {
    const char *method;  /* "GET" serves HEAD as well */
    const char *pattern; /* "/api/studies/{id}", "/tiles/{object}-{frame}.jpg", "/web/{rest*}"; see router.h */
    kh_http_handler *handler;
    void *context;
} kh_http_route;

KH_MUST_USE kh_status kh_http_server_start(kh_http_server **out, const kh_http_options *options, const kh_http_route *routes,
                                           size_t route_count, kh_error *err);
/* No new connections, streams end, requests under way are given drain_ms to end; then those still suspended are answered with
 * 503 in their owners' place (a later answer of the owner is dropped, its bytes released) and the server is gone. Owners
 * must not begin streams meanwhile. The listening socket is closed, not shut down: copies of it in other processes go on. */
void kh_http_server_stop(kh_http_server *server, int64_t drain_ms);

typedef struct kh_http_stats {
    uint64_t requests, answers_2xx, answers_304, answers_4xx, answers_5xx;
    uint64_t bytes_sent;           /* of bodies, as queued */
    uint64_t connections_cut;      /* closed because a deadline of the reaper passed */
    unsigned connections, suspended, streams;
} kh_http_stats;
void kh_http_get_stats(kh_http_server *server, kh_http_stats *out);

/* Decoded; NULL when absent. Borrowed until the answer. Of a suspended request only the headers Accept,
 * Accept-Encoding and If-None-Match can be asked for, below open_below also Host, Range and If-Range; the others are NULL. */
const char *kh_http_path(const kh_http_request *request);
/* The address that the connection comes from, or that its proxy tells, without its port; "" when it is not known. */
const char *kh_http_peer(const kh_http_request *request);
/* The client's certificate, which was verified here or by a proxy that is believed: SHA-256 of its DER bytes, 64 of [0-9a-f]; "" when it
 * showed none, or none that is good. Whose it is and whether it is revoked since is access/terminals.h's to say. */
const char *kh_http_client_certificate(const kh_http_request *request);
/* Did the request come encrypted, to us or to the proxy? */
bool kh_http_is_encrypted(const kh_http_request *request);
/* HEAD, which is served by the handler of GET. */
bool kh_http_is_head(const kh_http_request *request);
const char *kh_http_segment(const kh_http_request *request, const char *name);
const char *kh_http_query(const kh_http_request *request, const char *name);
const char *kh_http_header(const kh_http_request *request, const char *name);
/* The same of Accept, Accept-Encoding and If-None-Match, which are lists: all of their lines, joined by commas. Of a suspended request
 * kh_http_header() gives that, too. */
const char *kh_http_header_list(kh_http_request *request, const char *name);
/* All parameters of the query in their order, index from 0; false behind the last one. */
bool kh_http_parameter(const kh_http_request *request, size_t index, const char **name, const char **value);
/* A parameter that is given more than once, of which kh_http_query() gives the first; NULL. Only below open_below: refused elsewhere. */
const char *kh_http_repeated(const kh_http_request *request);
const void *kh_http_body(const kh_http_request *request, size_t *size);
/* What Content-Length says of the body; 0 without one (chunked). Not of a suspended request. */
uint64_t kh_http_body_length(const kh_http_request *request);
/* Every method but GET and HEAD (and OPTIONS, which asks) changes something. */
bool kh_http_changes(const kh_http_request *request);
/* Is the body taken by kh_http_receive()? Then the handler must not suspend before it has answered or begun to receive. */
bool kh_http_is_receiving(const kh_http_request *request);
/* What goes with the request until it has been answered and forgotten, by one before the handler for those behind: one thing, a second
 * takes the place of the first. release(thing) is called once. In the handler, or by the owner of a suspended request. */
void kh_http_attach(kh_http_request *request, void *thing, void (*release)(void *thing));
void *kh_http_attached(const kh_http_request *request);
/* Does Accept-Encoding take gzip? */
bool kh_http_accepts_gzip(const kh_http_request *request);
/* Bodies from so many bytes on are worth it. */
#define KH_HTTP_GZIP_FROM_BYTES 1024
/* gzip (RFC 1952) of bytes, the same each time; free() it. kept: sent more than once, and worth more of the processor's time. The caller sets
 * Content-Encoding and Vary. */
KH_MUST_USE kh_status kh_http_gzip(uint8_t **out, size_t *out_size, const void *bytes, size_t size, bool kept, kh_error *err);
/* Whole numbers and decimals from a segment or query value; KH_E_ARG names the parameter, what was got and what was expected.
 * Absent: KH_OK with fallback. */
KH_MUST_USE kh_status kh_http_query_int(const kh_http_request *request, const char *name, int64_t min, int64_t max,
                                        int64_t fallback, int64_t *out, kh_error *err);
KH_MUST_USE kh_status kh_http_query_double(const kh_http_request *request, const char *name, double min, double max,
                                           double fallback, double *out, kh_error *err);
KH_MUST_USE kh_status kh_http_segment_int(const kh_http_request *request, const char *name, int64_t min, int64_t max,
                                          int64_t *out, kh_error *err);

/* A body that is not held in memory. The handler of a POST or PUT below open_below is called when the head is in; it answers at once, or
 * begins to receive. A refusal is sent when the body has been read and thrown away, so that it reaches who is still writing, for which
 * twice the idle time-out is given; at once, and the connection ends, when more than 64 MiB are announced or the client waits for a word before
 * it sends (Expect). More than that in chunks ends the connection. */
typedef struct kh_http_receiver {
    /* The body's bytes in their order, on threads of the pool, one call at a time. What fails is the request's answer; nothing more is
     * taken then. */
    kh_status (*take)(void *context, const void *bytes, size_t size, kh_error *err);
    /* All of it came and was taken: answers the (suspended) request, on a thread of the pool. */
    void (*finish)(void *context, kh_http_request *request);
    /* The last call, on any thread, whatever happened before. */
    void (*drop)(void *context);
} kh_http_receiver;
/* In a handler, instead of an answer. receiver lives as long as the program, pool until the server has stopped. A body of more than
 * bytes_max bytes ends the connection (one whose Content-Length says so is for the handler to refuse). Memory: 512 KiB. */
void kh_http_receive(kh_http_request *request, kh_pool *pool, const kh_http_receiver *receiver, void *context, uint64_t bytes_max);

/* Answering. A header to go with the answer; copied. Of at most 12 and 2 KiB together; a value of more than
 * 200 bytes, or with other than printable ASCII, is left out and logged. */
void kh_http_set_header(kh_http_request *request, const char *name, const char *value);
/* The answer is a document (a PDF, a video): a page of ours may hold it in a frame, and nothing in it runs or loads anything. */
void kh_http_is_document(kh_http_request *request);
/* The bytes are copied. */
void kh_http_answer(kh_http_request *request, unsigned code, const char *content_type, const void *body, size_t size);
/* The bytes live as long as the program. */
void kh_http_answer_constant(kh_http_request *request, unsigned code, const char *content_type, const void *body, size_t size);
/* The bytes are borrowed until release(release_context) is called, once. */
void kh_http_answer_borrowed(kh_http_request *request, unsigned code, const char *content_type, const void *body, size_t size,
                             void (*release)(void *release_context), void *release_context);
/* The same of up to 4 places in memory, one after the other. */
typedef struct kh_http_bytes {
    const void *bytes;
    size_t size;
} kh_http_bytes;
void kh_http_answer_gathered(kh_http_request *request, unsigned code, const char *content_type, const kh_http_bytes *bytes, size_t count,
                             void (*release)(void *release_context), void *release_context);
/* A part of an answer that is never held whole: a few bytes of head, then bytes in memory, then bytes of a file. */
typedef struct kh_http_piece {
    char head[1280];
    size_t head_size;
    const void *bytes;
    size_t size;
    void (*release)(void *held); /* once bytes are not needed any more; NULL: nothing to do */
    void *held;
    int fd; /* taken over when file_size > 0 */
    uint64_t offset, file_size;
} kh_http_piece;
/* Lets go of what it holds; it is empty then. */
void kh_http_piece_release(kh_http_piece *piece);
typedef struct kh_http_producer {
    /* The next piece, into an empty one; one that stays empty is the end. On threads of the pool, one call at a time; may read files and
     * take its time, and looks at *cancelled then. What fails cuts the connection: the client must not take a part for the whole. */
    kh_status (*next)(void *context, kh_http_piece *piece, const atomic_bool *cancelled, kh_error *err);
    /* The last call, on any thread. */
    void (*drop)(void *context);
    /* Asked before each block leaves, on the connection's thread: must not wait. False ends the answer at once: what waits in the system's
     * buffers is thrown away with the connection. NULL: it goes on to its end. */
    bool (*goes_on)(const void *context);
} kh_http_producer;
#define KH_HTTP_SIZE_UNKNOWN UINT64_MAX
/* size: of all pieces together; unknown: the answer is chunked. next is not called for HEAD. pool until the server has stopped; its queue
 * must have room for two jobs of each connection. A client must take each block of 256 KiB in its time (connection.c). Memory: a block and
 * five pieces. */
void kh_http_answer_pieces(kh_http_request *request, unsigned code, const char *content_type, uint64_t size, kh_pool *pool,
                           const kh_http_producer *producer, void *context);
/* An answer that is given many times: its header lines are made once. body is borrowed for as long as it is in use.
 * headers: name and value of each of `count` lines. NULL when there is no memory. Threads: any. */
typedef struct kh_http_prepared kh_http_prepared;
kh_http_prepared *kh_http_prepare(const char *const (*headers)[2], size_t count, const void *body, size_t size);
/* NULL is welcome. Answers under way may still use it. */
void kh_http_prepared_free(kh_http_prepared *prepared);
/* Answer with 200, in the handler (not suspended). release(owner, held) is called once, when the body is not needed any more. */
void kh_http_answer_prepared(kh_http_request *request, const kh_http_prepared *prepared,
                             void (*release)(void *owner, const void *held), void *owner, const void *held);
/* {"error": status text, "message": ...} with the code of the status: one table, http_status.c. What happened inside us
 * (disk, memory, own mistakes) is logged, and the client hears only that it did. */
void kh_http_answer_error(kh_http_request *request, const kh_error *error);
/* The same with a code of the caller's: {"error": text of the code, "message": message}. */
void kh_http_answer_code(kh_http_request *request, unsigned code, const char *message);
/* The same as a page for a person, in both languages; problem: what was wrong with what was asked, in a client's words or ours, or "". */
void kh_http_answer_page(kh_http_request *request, unsigned code, const char *japanese, const char *english, const char *problem);
/* Accept names HTML: a person's browser asks for a page, no program for data. */
bool kh_http_wants_page(const kh_http_request *request);
/* 304 when If-None-Match names etag (a strong one, without quotes): sets ETag always, returns true when answered. */
bool kh_http_answer_not_modified(kh_http_request *request, const char *etag);
/* Does If-None-Match name etag? Answers nothing. */
bool kh_http_etag_matches(const kh_http_request *request, const char *etag);

/* The handler returns without an answer; another thread answers later. Once is enough: a second call does nothing, so that a request which
 * had to wait may go to a handler that suspends. */
void kh_http_suspend(kh_http_request *request);
bool kh_http_is_suspended(const kh_http_request *request);
/* Suspends the request and runs work on a thread of pool; work answers it. A full pool answers 503. */
typedef void kh_http_work(void *context, kh_http_request *request);
void kh_http_later(kh_http_request *request, kh_pool *pool, kh_http_work *work, void *context);
/* The client has gone: whoever works for the request may stop (and must still answer). Only between suspend and answer. */
bool kh_http_client_gone(const kh_http_request *request);

/* Server-sent events (text/event-stream). A stream is bounded: one that does not read is closed when its buffer is full. */
typedef struct kh_http_stream kh_http_stream;
/* Answers the request with a stream; handler's thread only. closed(context) is called once, on a server thread, when the client
 * or the server ended it; the stream must not be used after. Senders and closed() exclude each other by the owner's own lock,
 * which closed() may take: no lock of the server is held then. */
KH_MUST_USE kh_status kh_http_stream_begin(kh_http_stream **out, kh_http_request *request, void (*closed)(void *context),
                                           void *context, kh_error *err);
/* Never waits. KH_E_FULL: the stream's buffer is full, it is being closed. */
KH_MUST_USE kh_status kh_http_stream_send(kh_http_stream *stream, const char *bytes, size_t size, kh_error *err);
void kh_http_stream_end(kh_http_stream *stream);

#endif
