/* acceptor.h - takes DICOM associations on a listening socket, and on one for TLS, and runs each on a thread of its own.
 *
 * One thread accepts, shakes hands and reads A-ASSOCIATE-RQ PDUs of all new connections at once, step by step as bytes come, so that silent
 * and dripping peers hold a descriptor and nothing else; a connection that has not asked within limits.associate_ms is closed, and the one
 * that waits longest makes room when waiting_max is reached. associations_max threads serve; two more are there to reject what is too
 * much. */
#ifndef KH_DICOM_SHIM_ACCEPTOR_H
#define KH_DICOM_SHIM_ACCEPTOR_H

#include "dicom/shim/assoc.h"
#include "tls/store.h"

typedef struct kh_acceptor kh_acceptor;

/* Serve an accepted association until it ends; freed by the caller. number: counts associations of this acceptor from 1. */
typedef void kh_acceptor_serve(void *context, kh_assoc *assoc, const kh_assoc_request *request, uint64_t number);

/* Called once for each request that accept let in, whatever became of it: request->caller is the callee's to free. */
typedef void kh_acceptor_left(void *context, kh_assoc_request *request);

typedef struct kh_acceptor_options {
    int listen_fd;               /* IPv4, listening; borrowed, made non-blocking */
    int tls_listen_fd;           /* likewise, for TLS; used when tls is not NULL */
    bool closes_listeners;       /* by kh_acceptor_drain(), which then waits: nobody connects to who does not answer any more */
    kh_tls_store *tls;           /* borrowed */
    unsigned associations_max;   /* 1 to 254 at once; more are rejected, "local limit exceeded" */
    unsigned per_address_max;    /* of these, from one address; 0: as many as there are */
    unsigned waiting_max;        /* 1 to 4,096 connections that have not yet asked for an association */
    kh_net_limits limits;
    kh_stop *stop;               /* borrowed; raised by kh_acceptor_drain() */
    kh_assoc_accept *accept;     /* called by many threads */
    kh_assoc_choose *choose;
    kh_acceptor_serve *serve;
    kh_acceptor_left *left;      /* may be NULL */
    void *context;
} kh_acceptor_options;

typedef struct kh_acceptor_stats {
    uint64_t accepted, rejected, broken; /* associations; connections that never became one */
    unsigned active;
} kh_acceptor_stats;

KH_MUST_USE kh_status kh_acceptor_start(kh_acceptor **out, const kh_acceptor_options *options, kh_error *err);
void kh_acceptor_get_stats(kh_acceptor *acceptor, kh_acceptor_stats *out);
/* Raise stop softly: no new associations, messages under way are finished, associations are then aborted; after drain_ms raise it hard.
 * Joins all threads and frees. NULL is welcome. */
void kh_acceptor_drain(kh_acceptor *acceptor, int64_t drain_ms);

#endif
