/* ca_internal.h - what the files of the authority share. */
#ifndef KH_ACCESS_CA_INTERNAL_H
#define KH_ACCESS_CA_INTERNAL_H

#include <gnutls/x509.h>
#include <limits.h>
#include "access/ca.h"

#define KH_CA_SERIAL_BYTES 16
/* Clocks of terminals and servers differ: what is issued now is good a little before. */
#define KH_CA_EARLY_S 3600

struct kh_ca {
    char dir[PATH_MAX];
    int lock_fd;
    gnutls_x509_privkey_t key;
    gnutls_x509_crt_t certificate;
    gnutls_datum_t pem;
};

KH_MUST_USE kh_status kh_ca_fail(kh_error *err, const char *what, int failed);
/* An ECDSA P-256 key. A GnuTLS error code; *out is the caller's. */
int kh_ca_make_key(gnutls_x509_privkey_t *out);
/* A certificate of that key with a fresh serial and CN, not signed yet. A GnuTLS error code; *out is the caller's. */
int kh_ca_begin_certificate(gnutls_x509_crt_t *out, gnutls_x509_privkey_t key, const char *name, int64_t until_s);
/* Signed by the authority; what is told of it. */
KH_MUST_USE kh_status kh_ca_finish_certificate(kh_ca *ca, gnutls_x509_crt_t certificate, kh_ca_issued *issued, kh_error *err);
KH_MUST_USE kh_status kh_ca_describe(gnutls_x509_crt_t certificate, kh_ca_issued *out, kh_error *err);
/* access/pkcs12.c */
KH_MUST_USE kh_status kh_ca_pkcs12(kh_ca *ca, gnutls_x509_crt_t certificate, gnutls_x509_privkey_t key, const char *label,
                                   const char *password, bool aes, kh_buf *out, kh_error *err);

#endif
