/* credentials.h - with what TLS is spoken here, to DICOM's callers and to browsers alike, after the Non-Downgrading BCP 195 profile of
 * PS3.15 (B.12) and the ministry's guideline v6: TLS 1.3, 1.2 where it is set, ECDHE and DHE with AES-GCM only.
 * Credentials are read from files and never change; who reloads makes new ones (store.h). Threads: any. */
#ifndef KH_TLS_CREDENTIALS_H
#define KH_TLS_CREDENTIALS_H

#include <gnutls/gnutls.h>
#include <stdbool.h>
#include <stdint.h>
#include "base/error.h"

/* PEM files; borrowed. */
typedef struct kh_tls_files {
    const char *certificate; /* ours, with the intermediate ones behind it */
    const char *key;
    const char *client_ca;   /* who may have issued the certificates of callers; "": nobody, none is asked for */
    const char *peer_ca;     /* likewise of those we call; "": client_ca */
    const char *revoked;     /* revocation lists of these; "": none */
    bool tls_1_2;            /* TLS 1.2 as well as 1.3 */
    bool peer_name;          /* the certificate of whom we call must hold the name or address we call */
} kh_tls_files;

typedef struct kh_tls_credentials kh_tls_credentials;

/* KH_E_IO, KH_E_FORMAT with the file; KH_E_ARG when key and certificate do not belong together or the certificate is not good for today. */
KH_MUST_USE kh_status kh_tls_credentials_create(kh_tls_credentials **out, const kh_tls_files *files, kh_error *err);
kh_tls_credentials *kh_tls_credentials_ref(kh_tls_credentials *credentials);
/* NULL is welcome. */
void kh_tls_credentials_unref(kh_tls_credentials *credentials);

/* Protocol versions, suites and certificates for a session, which may not outlive them. A GnuTLS error code. */
int kh_tls_credentials_apply(kh_tls_credentials *credentials, gnutls_session_t session, bool calling);
bool kh_tls_credentials_check_name(const kh_tls_credentials *credentials);
/* When ours runs out, seconds since 1970. */
int64_t kh_tls_credentials_until_s(const kh_tls_credentials *credentials);
/* Are callers asked for a certificate? */
bool kh_tls_credentials_ask(const kh_tls_credentials *credentials);

#endif
