/* ca.h - the network's own authority (AZ-5, AZ-34): it issues the certificates of terminals, and one for our server when nobody else does.
 * In the folder ca/ of the data folder: ca.key (0600, ECDSA P-256), ca.pem (10 years), revoked.pem (the revocation list, for DIMSE and
 * proxies), all made at first use. Terminals of which one is good is terminals.h's; nothing here reads access.db.
 * One at a time, over processes: a kh_ca holds a lock from open to close. Threads: one at a time. */
#ifndef KH_ACCESS_CA_H
#define KH_ACCESS_CA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/error.h"
#include "tls/certificate.h"

#define KH_CA_FOLDER "ca"
#define KH_CA_SERIAL_SIZE 33   /* 16 bytes as [0-9a-f] */
#define KH_CA_PASSWORD_SIZE 24 /* of a PKCS#12 file: 20 of 32 signs (100 bits), in four groups */
#define KH_CA_DAYS_MAX 825     /* of a certificate; Apple's systems take servers of no more */
#define KH_CA_DAYS_DEFAULT 730

typedef struct kh_ca kh_ca;

typedef struct kh_ca_issued {
    char serial[KH_CA_SERIAL_SIZE];
    char fingerprint[KH_CERTIFICATE_DIGEST_SIZE];
    int64_t issued_ms, not_after_ms; /* wall clock */
} kh_ca_issued;

/* Waits for another process 5 s: KH_E_BUSY. KH_E_CORRUPT when one of key and certificate is there without the other, or they do not
 * belong together: nothing is overwritten. */
KH_MUST_USE kh_status kh_ca_open(kh_ca **out, const char *data_dir, kh_error *err);
/* NULL is welcome. */
void kh_ca_close(kh_ca *ca);

/* Of the authority itself; PEM is borrowed until close. */
const char *kh_ca_pem(const kh_ca *ca, size_t *size);
void kh_ca_self(const kh_ca *ca, kh_ca_issued *out);

/* A password that was never used before. */
KH_MUST_USE kh_status kh_ca_password(char out[KH_CA_PASSWORD_SIZE], kh_error *err);

/* A certificate for a client (CN name, O facility) with its key, as PKCS#12 (DER) appended to out. aes: AES-256 and SHA-256, which some
 * systems cannot read yet; else 3DES and SHA-1, whose weakness a password of kh_ca_password() makes up for. days: 1 to KH_CA_DAYS_MAX. */
KH_MUST_USE kh_status kh_ca_issue_terminal(kh_ca *ca, const char *facility, const char *name, int days, const char *password, bool aes,
                                           kh_buf *pkcs12, kh_ca_issued *issued, kh_error *err);
/* A certificate for a server of those host names and addresses, and its key, both PEM. KH_E_ARG for what is no name. */
KH_MUST_USE kh_status kh_ca_issue_server(kh_ca *ca, const char *const *names, size_t count, int days, kh_buf *certificate, kh_buf *key,
                                         kh_ca_issued *issued, kh_error *err);

typedef struct kh_ca_revoked {
    char serial[KH_CA_SERIAL_SIZE];
    int64_t revoked_ms;
} kh_ca_revoked;
/* Writes revoked.pem as a whole. It is good until the authority itself ends: who takes it elsewhere takes it anew. */
KH_MUST_USE kh_status kh_ca_write_list(kh_ca *ca, const kh_ca_revoked *revoked, size_t count, kh_error *err);

#endif
