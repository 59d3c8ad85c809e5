#include "tls/credentials.h"

#include <gnutls/x509.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

/* PS3.15 B.12 asks for ECDHE_RSA and DHE_RSA with AES_128_GCM and AES_256_GCM and allows their like: ECDSA is one. No groups under 112
 * bits of security, no SHA-1. */
#define SUITES                                                                                                                 \
    "+ECDHE-ECDSA:+ECDHE-RSA:+DHE-RSA:+AES-256-GCM:+AES-128-GCM:+AEAD:+CTYPE-X509:"                 \
    "+GROUP-X25519:+GROUP-SECP256R1:+GROUP-SECP384R1:+GROUP-SECP521R1:+GROUP-FFDHE2048:+GROUP-FFDHE3072:+GROUP-FFDHE4096:"     \
    "+SIGN-ECDSA-SHA256:+SIGN-ECDSA-SHA384:+SIGN-ECDSA-SHA512:+SIGN-ECDSA-SECP256R1-SHA256:+SIGN-ECDSA-SECP384R1-SHA384:"       \
    "+SIGN-ECDSA-SECP521R1-SHA512:+SIGN-EDDSA-ED25519:+SIGN-RSA-PSS-RSAE-SHA256:+SIGN-RSA-PSS-RSAE-SHA384:"                      \
    "+SIGN-RSA-PSS-RSAE-SHA512:+SIGN-RSA-PSS-SHA256:+SIGN-RSA-PSS-SHA384:+SIGN-RSA-PSS-SHA512:+SIGN-RSA-SHA256:"                 \
    "+SIGN-RSA-SHA384:+SIGN-RSA-SHA512:%PROFILE_MEDIUM:%SERVER_PRECEDENCE:%SAFE_RENEGOTIATION"
#define ONLY_1_3 "NONE:+VERS-TLS1.3:" SUITES
#define FROM_1_2 "NONE:+VERS-TLS1.3:+VERS-TLS1.2:" SUITES

struct kh_tls_credentials {
    _Atomic unsigned references;
    gnutls_certificate_credentials_t called, calling;
    gnutls_priority_t priority;
    bool peer_name, asks;
    int64_t until_s;
};

static kh_status fail(kh_error *err, const char *path, int failed)
{
    kh_status status = failed == GNUTLS_E_FILE_ERROR ? KH_E_IO : failed == GNUTLS_E_CERTIFICATE_KEY_MISMATCH ? KH_E_ARG : KH_E_FORMAT;

    return kh_error_set(err, status, "%s: %s", path, gnutls_strerror(failed));
}

/* Ours must be good for today: found out at once, not by the first caller. */
static kh_status check_own(gnutls_certificate_credentials_t credentials, const char *path, int64_t *until_s,
                           kh_error *err)
{
    gnutls_x509_crt_t *list = NULL;
    unsigned count = 0;
    time_t now = time(NULL), from = 0, until = 0;
    int failed = gnutls_certificate_get_x509_crt(credentials, 0, &list, &count);

    if (failed < 0)
        return fail(err, path, failed);
    if (count > 0) {
        from = gnutls_x509_crt_get_activation_time(list[0]);
        until = gnutls_x509_crt_get_expiration_time(list[0]);
    }
    for (unsigned i = 0; i < count; i++)
        gnutls_x509_crt_deinit(list[i]);
    gnutls_free(list);
    *until_s = (int64_t)until;
    if (from > now)
        return kh_error_set(err, KH_E_ARG, "%s: the certificate is not valid yet", path);
    return until > now ? KH_OK : kh_error_set(err, KH_E_ARG, "%s: the certificate has run out", path);
}

static kh_status load(gnutls_certificate_credentials_t *out, const kh_tls_files *files, const char *ca, kh_error *err)
{
    int failed = gnutls_certificate_allocate_credentials(out);

    if (failed < 0)
        return fail(err, "TLS", failed);
    failed = gnutls_certificate_set_x509_key_file(*out, files->certificate, files->key, GNUTLS_X509_FMT_PEM);
    if (failed < 0)
        return fail(err, files->certificate, failed);
    failed = ca[0] ? gnutls_certificate_set_x509_trust_file(*out, ca, GNUTLS_X509_FMT_PEM) : 1;
    if (failed <= 0)
        return failed < 0 ? fail(err, ca, failed) : kh_error_set(err, KH_E_FORMAT, "%s: no certificate", ca);
    if (files->revoked[0]) {
        failed = gnutls_certificate_set_x509_crl_file(*out, files->revoked, GNUTLS_X509_FMT_PEM);
        if (failed <= 0)
            return failed < 0 ? fail(err, files->revoked, failed)
                              : kh_error_set(err, KH_E_FORMAT, "%s: no revocation list", files->revoked);
    }
    failed = gnutls_certificate_set_known_dh_params(*out, GNUTLS_SEC_PARAM_MEDIUM);
    return failed < 0 ? fail(err, "TLS", failed) : KH_OK;
}

kh_status kh_tls_credentials_create(kh_tls_credentials **out, const kh_tls_files *files, kh_error *err)
{
    kh_tls_credentials *made = calloc(1, sizeof(*made));
    kh_status status;
    int failed;

    *out = NULL;
    if (!made)
        return kh_error_set(err, KH_E_MEMORY, "out of memory");
    atomic_init(&made->references, 1);
    made->peer_name = files->peer_name;
    made->asks = files->client_ca[0] != '\0';
    status = load(&made->called, files, files->client_ca, err);
    if (status == KH_OK)
        status = load(&made->calling, files, files->peer_ca[0] ? files->peer_ca : files->client_ca, err);
    if (status == KH_OK)
        status = check_own(made->called, files->certificate, &made->until_s, err);
    if (status == KH_OK && (failed = gnutls_priority_init(&made->priority, files->tls_1_2 ? FROM_1_2 : ONLY_1_3, NULL)) < 0)
        status = fail(err, "TLS", failed);
    if (status != KH_OK) {
        kh_tls_credentials_unref(made);
        return status;
    }
    *out = made;
    return KH_OK;
}

kh_tls_credentials *kh_tls_credentials_ref(kh_tls_credentials *credentials)
{
    atomic_fetch_add(&credentials->references, 1);
    return credentials;
}

void kh_tls_credentials_unref(kh_tls_credentials *credentials)
{
    if (!credentials || atomic_fetch_sub(&credentials->references, 1) > 1)
        return;
    if (credentials->called)
        gnutls_certificate_free_credentials(credentials->called);
    if (credentials->calling)
        gnutls_certificate_free_credentials(credentials->calling);
    if (credentials->priority)
        gnutls_priority_deinit(credentials->priority);
    free(credentials);
}

int kh_tls_credentials_apply(kh_tls_credentials *credentials, gnutls_session_t session, bool calling)
{
    int failed = gnutls_priority_set(session, credentials->priority);

    return failed < 0 ? failed
                      : gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, calling ? credentials->calling : credentials->called);
}

int64_t kh_tls_credentials_until_s(const kh_tls_credentials *credentials)
{
    return credentials->until_s;
}

bool kh_tls_credentials_ask(const kh_tls_credentials *credentials)
{
    return credentials->asks;
}

bool kh_tls_credentials_check_name(const kh_tls_credentials *credentials)
{
    return credentials->peer_name;
}
