#include "tls/certificate.h"

#include <ctype.h>
#include <gnutls/crypto.h>
#include <gnutls/x509.h>
#include <stdint.h>
#include <string.h>

#define DIGEST_BYTES 32

kh_status kh_certificate_digest(char out[KH_CERTIFICATE_DIGEST_SIZE], const void *der, size_t size, kh_error *err)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t digest[DIGEST_BYTES];
    int failed = gnutls_hash_fast(GNUTLS_DIG_SHA256, der, size, digest);

    out[0] = '\0';
    if (failed < 0)
        return kh_error_set(err, KH_E_INTERNAL, "SHA-256: %s", gnutls_strerror(failed));
    for (size_t i = 0; i < DIGEST_BYTES; i++) {
        out[2 * i] = digits[digest[i] >> 4];
        out[2 * i + 1] = digits[digest[i] & 15];
    }
    out[KH_CERTIFICATE_DIGEST_SIZE - 1] = '\0';
    return KH_OK;
}

kh_status kh_certificate_file_digest(char out[KH_CERTIFICATE_DIGEST_SIZE], const char *path, kh_error *err)
{
    gnutls_datum_t file = {0}, der = {0};
    gnutls_x509_crt_t certificate = NULL;
    int failed = gnutls_load_file(path, &file);
    kh_status status;

    out[0] = '\0';
    if (failed < 0)
        return kh_error_set(err, KH_E_IO, "%s: %s", path, gnutls_strerror(failed));
    failed = gnutls_x509_crt_init(&certificate);
    if (failed >= 0)
        failed = gnutls_x509_crt_import(certificate, &file, GNUTLS_X509_FMT_PEM);
    if (failed < 0 && certificate)
        failed = gnutls_x509_crt_import(certificate, &file, GNUTLS_X509_FMT_DER);
    if (failed >= 0)
        failed = gnutls_x509_crt_export2(certificate, GNUTLS_X509_FMT_DER, &der);
    status = failed < 0 ? kh_error_set(err, KH_E_FORMAT, "%s: no certificate (%s)", path, gnutls_strerror(failed))
                        : kh_certificate_digest(out, der.data, der.size, err);
    gnutls_free(der.data);
    gnutls_free(file.data);
    if (certificate)
        gnutls_x509_crt_deinit(certificate);
    return status;
}

kh_status kh_certificate_digest_parse(char out[KH_CERTIFICATE_DIGEST_SIZE], const char *text, kh_error *err)
{
    size_t count = 0;

    for (; *text; text++) {
        if (*text == ':' && count > 0 && count % 2 == 0)
            continue;
        if (!isxdigit((unsigned char)*text) || count == KH_CERTIFICATE_DIGEST_SIZE - 1)
            break;
        out[count++] = (char)tolower((unsigned char)*text);
    }
    out[count] = '\0';
    if (*text == '\0' && count == KH_CERTIFICATE_DIGEST_SIZE - 1)
        return KH_OK;
    return kh_error_set(err, KH_E_ARG, "fingerprint: expected a SHA-256, 64 hexadecimal digits with or without colons");
}
