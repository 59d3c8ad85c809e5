/* tls.h - TLS under an association (tls/credentials.h), certificates on both sides. No renegotiation, no resumption: every connection
 * shows its certificate anew. A channel keeps the credentials it was made with, unless it follows a store.
 * Nothing here waits: who would have to gets KH_E_BUSY and asks kh_tls_events() what to poll for.
 * Threads: a channel one at a time. Errors: KH_E_PEER with the words of why. */
#ifndef KH_DICOM_SHIM_TLS_H
#define KH_DICOM_SHIM_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/error.h"
#include "tls/certificate.h"
#include "tls/store.h"

typedef struct kh_tls kh_tls;

/* A channel on a connected socket, which stays the caller's. Keeps a reference to the credentials. host: whom we call, NULL: we are
 * called. */
KH_MUST_USE kh_status kh_tls_create(kh_tls **out, kh_tls_credentials *credentials, int fd, const char *host, kh_error *err);
/* Tells the peer, if that can be done at once. NULL is welcome. */
void kh_tls_free(kh_tls *tls);

/* From now on the newest credentials of the store (borrowed until the channel is freed) count: when they change, a revocation list for one,
 * the peer's certificate is looked at anew before anything more is read or written. generation: of the store, before credentials were taken
 * from it. */
void kh_tls_follow(kh_tls *tls, kh_tls_store *store, unsigned generation);

/* That look, by itself: while nothing is read or written. KH_OK before the handshake is done. */
KH_MUST_USE kh_status kh_tls_still(kh_tls *tls, kh_error *err);

/* One step of the handshake: KH_OK when it is done and the peer's certificate is good, KH_E_BUSY when there has to come more. */
KH_MUST_USE kh_status kh_tls_handshake(kh_tls *tls, kh_error *err);
/* Of the peer's certificate, once the handshake is done. */
const char *kh_tls_peer_digest(const kh_tls *tls);
/* "TLS1.3 ECDHE-... AES-256-GCM", once the handshake is done. */
const char *kh_tls_words(const kh_tls *tls);

/* Some bytes: *got is 0 only at the end of the stream. KH_E_BUSY when there are none yet. */
KH_MUST_USE kh_status kh_tls_read(kh_tls *tls, void *bytes, size_t size, size_t *got, kh_error *err);
/* Some bytes: after KH_E_BUSY the same ones must be given again. more: others follow at once, they may travel together. */
KH_MUST_USE kh_status kh_tls_write(kh_tls *tls, const void *bytes, size_t size, bool more, size_t *sent, kh_error *err);
/* Is there something to read? Looks at what is here without waiting: a socket that is readable may hold no more than half a record, or
 * one that is not for us. KH_OK also at the end of the stream and for errors, which kh_tls_read() then tells. */
bool kh_tls_readable(kh_tls *tls);
/* POLLIN or POLLOUT: what the last KH_E_BUSY waits for. */
short kh_tls_events(const kh_tls *tls);

#endif
