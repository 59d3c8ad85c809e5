/* acceptor.h - takes new connections off the listening socket and hands them to the library's threads.
 * A thread of our own, because the library's way to stop listening ends the process now and then: each of its threads takes the
 * socket out of its epoll set, and so does MHD_quiesce_daemon(); who comes second calls that fatal.
 * Threads: create and stop from one thread. */
#ifndef KH_VIEWER_HTTP_ACCEPTOR_H
#define KH_VIEWER_HTTP_ACCEPTOR_H

#include "base/error.h"

struct MHD_Daemon;
typedef struct kh_http_acceptor kh_http_acceptor;

/* listen_fd: bound, listening, not blocking; closed at stop, not shut down, since other processes may hold it as well. */
KH_MUST_USE kh_status kh_http_acceptor_create(kh_http_acceptor **out, struct MHD_Daemon *daemon, int listen_fd, kh_error *err);
/* No connection is taken any more when this returns; those taken live on. NULL is welcome. */
void kh_http_acceptor_stop(kh_http_acceptor *acceptor);

#endif
