/* internal.h - what the files of viewer/http share.
 * Lock order: the owner's own locks, streams_lock, a stream's lock, libmicrohttpd's; an upload's lock, the server's or libmicrohttpd's. The
 * server's lock is held with no other below it. */
#ifndef KH_VIEWER_HTTP_INTERNAL_H
#define KH_VIEWER_HTTP_INTERNAL_H

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>
#include "base/buf.h"
#include "tls/certificate.h"
#include "tls/store.h"
#include "viewer/http/acceptor.h"
#include "viewer/http/http.h"
#include "viewer/http/router.h"

#define KH_HTTP_HEADERS_MAX 12
#define KH_HTTP_KEPT_MAX 6
#define KH_HTTP_COUNTS 8             /* threads beyond so many share */
#define KH_HTTP_PEER_SIZE 46         /* INET6_ADDRSTRLEN */
#define KH_HTTP_HEADER_BYTES_MAX 2048 /* of an answer's own header lines together */

/* What is known of the certificate at the other end. */
typedef struct kh_http_peer_certificate {
    kh_tls_credentials *credentials;         /* that the session goes by; NULL: no TLS */
    unsigned generation;                     /* of them */
    int64_t checked_ms;                      /* monotonic; 0: not yet */
    char digest[KH_CERTIFICATE_DIGEST_SIZE]; /* "": none that is good */
    char problem[160];                       /* why one that was shown is not; "": none was, or it is */
} kh_http_peer_certificate;

/* One TCP connection, from accept to close. */
typedef struct kh_http_connection {
    struct kh_http_connection *previous, *next; /* server->lock */
    kh_http_server *server;
    int fd;
    char peer[KH_HTTP_PEER_SIZE]; /* its address as text */
    atomic_llong deadline_ms; /* monotonic; the reaper cuts the connection after it; 0: none */
    kh_http_request *spare;   /* of the request before, to be used again; connection's thread */
    kh_http_peer_certificate certificate; /* connection's thread */
    bool told_of_headers;     /* the log was told of a proxy's headers that came from none; connection's thread */
} kh_http_connection;

/* What each request counts, in a line of the processor's cache of its thread's own: threads that share one wait for it at every count. */
typedef struct kh_http_counts {
    _Alignas(64) atomic_uint dispatching; /* handlers that run now */
    atomic_uint requests_open;
    atomic_ullong requests, answers_2xx, answers_304, answers_4xx, answers_5xx, bytes_sent;
} kh_http_counts;

typedef struct kh_http_upload kh_http_upload;
typedef struct kh_http_pieces kh_http_pieces;

struct kh_http_server {
    struct MHD_Daemon *daemon;
    kh_http_options options;
    const kh_http_route *routes; /* a copy of ours; the strings are the caller's */
    size_t route_count;
    pthread_t reaper;
    kh_http_acceptor *acceptor;

    pthread_mutex_t lock;        /* guards to the blank line */
    pthread_cond_t answered;     /* suspended_count fell */
    pthread_cond_t reaper_wakes; /* reaper_stops was set; apart, so that answers do not wake the reaper */
    kh_http_connection *connections;
    kh_http_request *suspended; /* list */
    unsigned connection_count, suspended_count;
    unsigned paused_count; /* connections that wait until more of a body is wanted */
    bool reaper_stops;
    bool drained; /* nothing is paused any more */

    pthread_mutex_t streams_lock; /* guards the next two */
    kh_http_stream *streams;      /* list */
    unsigned stream_count;

    atomic_bool stopping;     /* no new requests */
    atomic_ullong connections_cut;
    kh_http_counts counts[KH_HTTP_COUNTS]; /* a request opens and ends on one thread, so that each is right by itself */
};

typedef struct kh_http_header_line {
    const char *name, *value; /* in the request's header_text */
} kh_http_header_line;

struct kh_http_request {
    kh_http_server *server; /* by the connection's threads, and by whoever claimed the answer */
    struct MHD_Connection *mhd;
    kh_http_connection *connection;
    int fd; /* of the connection; for asking whether the client is there */
    char peer[KH_HTTP_PEER_SIZE]; /* of the connection, which may be gone before the request */
    char certificate[KH_CERTIFICATE_DIGEST_SIZE]; /* likewise; "": none */
    bool encrypted;
    bool document; /* may stand in a frame of ours */
    atomic_uint holders; /* the connection, and the owner of a suspended request */
    char *raw;           /* the target as it stood in the request line; NULL when it was too long, or without memory */
    size_t raw_size;
    bool has_length;     /* Content-Length is there; gate.c */
    bool has_x;          /* a line whose name begins with X; gate.c */
    kh_buf body;
    bool is_head;
    bool changes;   /* the method is none of GET, HEAD and OPTIONS */
    bool receives;  /* kh_http_is_upload() */
    bool hears_out; /* refused by its head; the answer waits until the body has come, which is thrown away */
    uint64_t heard; /* bytes of that body */
    bool begun;     /* the head was looked at */
    bool suspended; /* by the handler; connection's thread only */

    char *kept[KH_HTTP_KEPT_MAX]; /* header values copied at suspension, see request.c */
    kh_http_header_line headers[KH_HTTP_HEADERS_MAX]; /* by the handler, then by the owner */
    unsigned header_count;
    size_t header_bytes;

    atomic_bool claimed;    /* somebody answers */
    atomic_bool answered;   /* response and code are there */
    struct MHD_Response *response;
    unsigned code;
    size_t body_bytes;
    bool response_is_shared; /* a prepared one: not ours to destroy */
    void (*release)(void *owner, const void *held); /* what a prepared answer holds; NULL: nothing */
    void *release_owner;
    const void *release_held;
    kh_http_stream *stream;
    kh_http_upload *upload; /* connection's thread */
    void *attached;         /* kh_http_attach() */
    void (*attached_release)(void *thing);
    kh_http_request *previous_suspended, *next_suspended; /* server->lock */
    kh_target target;                                     /* from here on not cleared for the next request */
    kh_route_match match;
    char raw_room[KH_TARGET_ROOM]; /* of a short target */
    char header_text[KH_HTTP_HEADER_BYTES_MAX];
};

/* server.c: those of the calling thread */
kh_http_counts *kh_http_counts_here(kh_http_server *server);

/* request.c */
kh_http_request *kh_http_request_create(kh_http_server *server, struct MHD_Connection *mhd, const char *raw);
void kh_http_request_release(kh_http_request *request);
/* Release on the connection's own thread; the memory stays with the connection for its next request. */
void kh_http_request_end(kh_http_request *request);

/* gate.c: may the request go on to a handler? True when it was answered (refused) instead. url and version are
 * libmicrohttpd's own pointers, see there. */
bool kh_http_gate(kh_http_request *request, const char *method, const char *url, const char *version);

/* caller.c: who calls, and may they? What is wrong, NULL when nothing is; *code is the HTTP code then, 303 that they are sent to
 * open_without. *told: the reason, for the log; may be "". */
const char *kh_http_look_at_caller(kh_http_request *request, unsigned *code);

/* encryption.c; on the connection's thread. False: it cannot be spoken with. */
bool kh_http_encrypt(kh_http_connection *connection, struct MHD_Connection *mhd);
/* Looks again when the last look is old or the credentials have changed since. */
void kh_http_check_certificate(kh_http_connection *connection, struct MHD_Connection *mhd);

/* gate.c: is path the address `below`, or one below it? */
bool kh_http_is_below(const char *path, const char *below);
/* Is its address an open one? */
bool kh_http_is_open(const kh_http_request *request);
/* Does the handler get the head before the body? */
bool kh_http_is_upload(const kh_http_request *request, const char *method);

/* upload.c; on the connection's thread. False: the connection must end. */
bool kh_http_upload_take(kh_http_upload *upload, const char *bytes, size_t *size);
void kh_http_upload_end(kh_http_upload *upload);
/* The connection or the request ended. */
void kh_http_upload_detach(kh_http_upload *upload);

/* answer.c */
/* Takes response over. */
void kh_http_answer_response(kh_http_request *request, unsigned code, struct MHD_Response *response, size_t body_bytes);
/* Answer 503 in the owner's place, at stop. Uses up one hold of the caller's. */
void kh_http_abandon(kh_http_request *request);

/* connection.c */
void kh_http_connection_notify(void *context, struct MHD_Connection *mhd, void **socket_context,
                               enum MHD_ConnectionNotificationCode what);
void kh_http_connection_expect_request(kh_http_connection *connection);
void kh_http_connection_expect_read(kh_http_connection *connection, size_t bytes);
void kh_http_connection_expect_nothing(kh_http_connection *connection);
/* A connection that waits for a worker: not watched, no deadline. On its own thread, with the owner's lock held that the worker takes
 * before it unpauses. False when the server stops; while_draining: not before those under way have had their time. */
bool kh_http_pause(kh_http_server *server, kh_http_connection *connection, struct MHD_Connection *mhd, bool while_draining);
/* No lock held: the connection's thread goes on at once. bytes: what its peer has to move next. */
void kh_http_unpause(kh_http_server *server, kh_http_connection *connection, struct MHD_Connection *mhd, size_t bytes);
void *kh_http_reaper(void *server);

/* stream.c */
void kh_http_stream_closed(kh_http_stream *stream);
void kh_http_streams_end(kh_http_server *server);
/* End those whose client has gone. */
void kh_http_streams_drop_gone(kh_http_server *server);

#endif
