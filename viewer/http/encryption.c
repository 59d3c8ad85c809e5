/* TLS of a connection. libmicrohttpd makes the session and carries the bytes; what is spoken and with which certificates is ours to say,
 * connection by connection, before the handshake begins: so files that change are in use with the next connection, and those that are open
 * live on. The library asks for a client's certificate and lets everybody in who shows none or a bad one: whether it is good is looked at
 * here, for each request (a look is kept for a few seconds, and no longer than the files are the same). */
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include "base/clock.h"
#include "base/log.h"
#include "viewer/http/internal.h"

#define LOOK_KEPT_MS 5000

static gnutls_session_t session_of(struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION);

    return info ? (gnutls_session_t)info->tls_session : NULL;
}

/* The newest credentials for the session; what it had before is let go of. */
static bool use_newest(kh_http_connection *connection, gnutls_session_t session)
{
    kh_http_peer_certificate *certificate = &connection->certificate;
    kh_tls_store *store = connection->server->options.door.tls;
    unsigned generation = kh_tls_store_generation(store); /* before they are taken: at worst they are taken twice */
    kh_tls_credentials *newest = kh_tls_store_get(store);
    int failed = newest ? kh_tls_credentials_apply(newest, session, false) : GNUTLS_E_NO_CERTIFICATE_FOUND;

    if (failed < 0) {
        kh_tls_credentials_unref(newest);
        kh_log(KH_LOG_WARN, "http", "TLS: %s", gnutls_strerror(failed));
        return false;
    }
    kh_tls_credentials_unref(certificate->credentials);
    certificate->credentials = newest;
    certificate->generation = generation;
    return true;
}

bool kh_http_encrypt(kh_http_connection *connection, struct MHD_Connection *mhd)
{
    gnutls_session_t session = session_of(mhd);

    if (!session || !use_newest(connection, session))
        return false;
    if (kh_tls_credentials_ask(connection->certificate.credentials))
        gnutls_certificate_server_set_request(session, GNUTLS_CERT_REQUEST);
    return true;
}

static void tell_problem(kh_http_peer_certificate *certificate, unsigned found)
{
    gnutls_datum_t words = {0};

    snprintf(certificate->problem, sizeof certificate->problem, "the certificate is not good");
    if (gnutls_certificate_verification_status_print(found, GNUTLS_CRT_X509, &words, 0) >= 0)
        snprintf(certificate->problem, sizeof certificate->problem, "%.*s", (int)words.size, (const char *)words.data);
    gnutls_free(words.data);
}

static void look(kh_http_peer_certificate *certificate, gnutls_session_t session)
{
    gnutls_typed_vdata_st asked = {GNUTLS_DT_KEY_PURPOSE_OID, (void *)(uintptr_t)GNUTLS_KP_TLS_WWW_CLIENT, 0};
    unsigned found = 0, count = 0;
    const gnutls_datum_t *shown = gnutls_certificate_get_peers(session, &count);
    int failed;

    certificate->digest[0] = certificate->problem[0] = '\0';
    if (!shown || count == 0)
        return;
    failed = gnutls_certificate_verify_peers(session, &asked, 1, &found);
    if (failed < 0)
        snprintf(certificate->problem, sizeof certificate->problem, "%s", gnutls_strerror(failed));
    else if (found != 0)
        tell_problem(certificate, found);
    else if (kh_certificate_digest(certificate->digest, shown[0].data, shown[0].size, NULL) != KH_OK)
        snprintf(certificate->problem, sizeof certificate->problem, "its fingerprint cannot be made");
}

void kh_http_check_certificate(kh_http_connection *connection, struct MHD_Connection *mhd)
{
    kh_http_peer_certificate *certificate = &connection->certificate;
    int64_t now_ms = kh_clock_monotonic_ms();
    bool changed = certificate->generation != kh_tls_store_generation(connection->server->options.door.tls);
    gnutls_session_t session;

    if (certificate->checked_ms && !changed && now_ms - certificate->checked_ms < LOOK_KEPT_MS)
        return;
    session = session_of(mhd);
    if (!session || (changed && !use_newest(connection, session))) {
        certificate->digest[0] = '\0';
        snprintf(certificate->problem, sizeof certificate->problem, "it cannot be looked at now");
        return;
    }
    look(certificate, session);
    certificate->checked_ms = now_ms;
}
