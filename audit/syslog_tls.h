/* syslog_tls.h - a connection to a syslog server by TLS (RFC 5425): the server's certificate is verified for its name, ours is shown when
 * there is one; 1.2 or newer. Frames are "SIZE SP MESSAGE". Nothing is answered to a frame: kh_syslog_settled() tells when the other
 * machine has taken all bytes. Every wait has an end. Threads: one at a time. */
#ifndef KH_AUDIT_SYSLOG_TLS_H
#define KH_AUDIT_SYSLOG_TLS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include "base/error.h"

#define KH_SYSLOG_CONNECT_MS 10000 /* TCP, and then TLS */
#define KH_SYSLOG_SEND_MS 10000    /* one frame */
#define KH_SYSLOG_CLOSE_MS 2000

typedef struct kh_syslog_tls kh_syslog_tls;

typedef struct kh_syslog_server {
    const char *host;  /* name or address, as in its certificate */
    int port;
    const char *ca;    /* PEM file of who signs it; "" : those the system trusts */
    const char *certificate, *key; /* PEM files of ours; "" : none */
    const atomic_bool *ending; /* true: a connection that is being made is given up */
} kh_syslog_server;

/* KH_E_PEER, KH_E_TIMEOUT, KH_E_DENIED when its certificate is not believed; KH_E_* for our files. */
KH_MUST_USE kh_status kh_syslog_connect(kh_syslog_tls **out, const kh_syslog_server *server, kh_error *err);
KH_MUST_USE kh_status kh_syslog_send(kh_syslog_tls *to, const void *message, size_t size, kh_error *err);
/* Is the connection there still, and has the other machine acknowledged every byte? */
KH_MUST_USE kh_status kh_syslog_settled(kh_syslog_tls *to, bool *settled, kh_error *err);
/* Says that nothing more comes and waits for the other side to have read all. True: it has. */
bool kh_syslog_finish(kh_syslog_tls *to);
/* NULL is welcome. */
void kh_syslog_close(kh_syslog_tls *to);

#endif
