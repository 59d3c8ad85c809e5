/* certificate.h - how a certificate is told from all others: the SHA-256 of its DER bytes, 64 of [0-9a-f].
 * Threads: pure functions, but for the file that is read. */
#ifndef KH_TLS_CERTIFICATE_H
#define KH_TLS_CERTIFICATE_H

#include <stddef.h>
#include "base/error.h"

#define KH_CERTIFICATE_DIGEST_SIZE 65

KH_MUST_USE kh_status kh_certificate_digest(char out[KH_CERTIFICATE_DIGEST_SIZE], const void *der, size_t size, kh_error *err);
/* Of the first certificate in a PEM or DER file. KH_E_FORMAT when there is none. */
KH_MUST_USE kh_status kh_certificate_file_digest(char out[KH_CERTIFICATE_DIGEST_SIZE], const char *path, kh_error *err);
/* "AB:CD:..." or "abcd...", as tools print it, made plain. KH_E_ARG. */
KH_MUST_USE kh_status kh_certificate_digest_parse(char out[KH_CERTIFICATE_DIGEST_SIZE], const char *text, kh_error *err);

#endif
