#include "dicom/shim/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include "base/log.h"

struct kh_tls {
    gnutls_session_t session;
    kh_tls_credentials *credentials;
    kh_tls_store *store;    /* that is followed; NULL: none */
    unsigned generation;    /* of the store, of credentials */
    int fd;
    const char *host;       /* copied behind the struct; NULL: we are called */
    bool established, broken;
    bool more;              /* of the write under way */
    bool has_peeked;
    uint8_t peeked;         /* the first byte of what comes next */
    char digest[KH_CERTIFICATE_DIGEST_SIZE];
    char words[96];
    char problem[200];      /* why the peer's certificate is not good */
};

static ssize_t pull(gnutls_transport_ptr_t at, void *bytes, size_t size)
{
    kh_tls *tls = at;
    ssize_t got = recv(tls->fd, bytes, size, MSG_DONTWAIT);
    int on = 1;

    /* Without it the kernel falls back to delayed acknowledgements, and peers with Nagle's algorithm on stall 40 ms an object. */
    if (got > 0)
        (void)setsockopt(tls->fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof(on));
    if (got < 0)
        gnutls_transport_set_errno(tls->session, errno == EWOULDBLOCK ? EAGAIN : errno);
    return got;
}

static ssize_t push(gnutls_transport_ptr_t at, const giovec_t *parts, int count)
{
    kh_tls *tls = at;
    struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)parts, .msg_iovlen = (size_t)count};
    ssize_t sent = sendmsg(tls->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL | (tls->more ? MSG_MORE : 0));

    if (sent < 0)
        gnutls_transport_set_errno(tls->session, errno == EWOULDBLOCK ? EAGAIN : errno);
    return sent;
}

static int pull_timeout(gnutls_transport_ptr_t at, unsigned timeout_ms)
{
    const kh_tls *tls = at;
    struct pollfd waiting = {.fd = tls->fd, .events = POLLIN};

    (void)timeout_ms; /* nothing here waits */
    return poll(&waiting, 1, 0);
}

/* Called in the handshake: 0 lets the peer in. */
static int verify(gnutls_session_t session)
{
    kh_tls *tls = gnutls_session_get_ptr(session);
    gnutls_typed_vdata_st asked[2] = {
        {GNUTLS_DT_KEY_PURPOSE_OID, (void *)(uintptr_t)(tls->host ? GNUTLS_KP_TLS_WWW_SERVER : GNUTLS_KP_TLS_WWW_CLIENT), 0}};
    unsigned found = 0, count = 1;
    gnutls_datum_t words = {0};
    int failed;

    if (tls->host && kh_tls_credentials_check_name(tls->credentials))
        asked[count++] = (gnutls_typed_vdata_st){GNUTLS_DT_DNS_HOSTNAME, (void *)(uintptr_t)tls->host, 0};
    failed = gnutls_certificate_verify_peers(session, asked, count, &found);
    if (failed < 0) {
        snprintf(tls->problem, sizeof(tls->problem), "certificate: %s", gnutls_strerror(failed));
        return -1;
    }
    if (found == 0)
        return 0;
    if (gnutls_certificate_verification_status_print(found, GNUTLS_CRT_X509, &words, 0) >= 0)
        snprintf(tls->problem, sizeof(tls->problem), "%.*s", (int)words.size, (const char *)words.data);
    gnutls_free(words.data);
    return -1;
}

kh_status kh_tls_create(kh_tls **out, kh_tls_credentials *credentials, int fd, const char *host, kh_error *err)
{
    size_t host_size = host ? strlen(host) + 1 : 0;
    kh_tls *tls = calloc(1, sizeof(*tls) + host_size);
    struct in_addr numeric;
    int failed;

    *out = NULL;
    if (!tls)
        return kh_error_set(err, KH_E_MEMORY, "out of memory");
    tls->fd = fd;
    if (host)
        tls->host = memcpy(tls + 1, host, host_size);
    failed = gnutls_init(&tls->session, (host ? GNUTLS_CLIENT : GNUTLS_SERVER) | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL | GNUTLS_NO_TICKETS);
    if (failed < 0) {
        free(tls);
        return kh_error_set(err, KH_E_INTERNAL, "TLS: %s", gnutls_strerror(failed));
    }
    tls->credentials = kh_tls_credentials_ref(credentials);
    gnutls_session_set_ptr(tls->session, tls);
    gnutls_transport_set_ptr(tls->session, tls);
    gnutls_transport_set_pull_function(tls->session, pull);
    gnutls_transport_set_pull_timeout_function(tls->session, pull_timeout);
    gnutls_transport_set_vec_push_function(tls->session, push);
    gnutls_handshake_set_timeout(tls->session, GNUTLS_INDEFINITE_TIMEOUT); /* the deadline is the caller's */
    gnutls_session_set_verify_function(tls->session, verify);
    failed = kh_tls_credentials_apply(credentials, tls->session, host != NULL);
    if (failed >= 0 && host && inet_pton(AF_INET, host, &numeric) != 1)
        failed = gnutls_server_name_set(tls->session, GNUTLS_NAME_DNS, host, host_size - 1);
    if (!host)
        gnutls_certificate_server_set_request(tls->session, GNUTLS_CERT_REQUIRE);
    if (failed < 0) {
        kh_tls_free(tls);
        return kh_error_set(err, KH_E_INTERNAL, "TLS: %s", gnutls_strerror(failed));
    }
    *out = tls;
    return KH_OK;
}

void kh_tls_free(kh_tls *tls)
{
    if (!tls)
        return;
    if (tls->established && !tls->broken)
        (void)gnutls_bye(tls->session, GNUTLS_SHUT_WR);
    gnutls_deinit(tls->session);
    kh_tls_credentials_unref(tls->credentials);
    free(tls);
}

static bool is_busy(int failed)
{
    return failed == GNUTLS_E_AGAIN || failed == GNUTLS_E_INTERRUPTED;
}

static kh_status break_off(kh_tls *tls, int failed, kh_error *err)
{
    int alert = gnutls_alert_get(tls->session);

    if (failed == GNUTLS_E_REHANDSHAKE)
        (void)gnutls_alert_send(tls->session, GNUTLS_AL_WARNING, GNUTLS_A_NO_RENEGOTIATION);
    else if (!tls->established)
        (void)gnutls_alert_send_appropriate(tls->session, failed);
    tls->broken = true;
    if (tls->problem[0])
        return kh_error_set(err, KH_E_PEER, "TLS: %s", tls->problem);
    if (failed == GNUTLS_E_FATAL_ALERT_RECEIVED || failed == GNUTLS_E_WARNING_ALERT_RECEIVED)
        return kh_error_set(err, KH_E_PEER, "TLS: the peer says: %s", gnutls_alert_get_name((gnutls_alert_description_t)alert));
    if (failed == GNUTLS_E_PREMATURE_TERMINATION)
        return kh_error_set(err, KH_E_PEER, "TLS: closed by the peer");
    return kh_error_set(err, KH_E_PEER, "TLS: %s", gnutls_strerror(failed));
}

void kh_tls_follow(kh_tls *tls, kh_tls_store *store, unsigned generation)
{
    tls->store = store;
    tls->generation = generation;
}

/* A certificate may have been revoked since it was shown. */
kh_status kh_tls_still(kh_tls *tls, kh_error *err)
{
    unsigned generation = tls->store ? kh_tls_store_generation(tls->store) : 0; /* before they are taken: at worst they are taken twice */
    kh_tls_credentials *newest;
    int failed;

    if (tls->broken && tls->problem[0])
        return kh_error_set(err, KH_E_PEER, "TLS: %s", tls->problem); /* for good, whatever the library still takes in */
    if (!tls->store || !tls->established || tls->broken || generation == tls->generation)
        return KH_OK;
    newest = kh_tls_store_get(tls->store);
    if (!newest)
        return KH_OK;
    failed = kh_tls_credentials_apply(newest, tls->session, tls->host != NULL);
    kh_tls_credentials_unref(failed < 0 ? newest : tls->credentials);
    if (failed >= 0) {
        tls->credentials = newest;
        tls->generation = generation;
        failed = verify(tls->session) == 0 ? GNUTLS_E_SUCCESS : GNUTLS_E_CERTIFICATE_ERROR;
    }
    if (failed >= 0)
        return KH_OK;
    kh_log(KH_LOG_WARN, "dicom", "an association ends, its peer's certificate is no longer good: %s", tls->problem); /* the toolkit has no words for it */
    (void)gnutls_alert_send(tls->session, GNUTLS_AL_FATAL, GNUTLS_A_BAD_CERTIFICATE);
    return break_off(tls, failed, err);
}

static kh_status note_peer(kh_tls *tls, kh_error *err)
{
    unsigned count = 0;
    const gnutls_datum_t *certificates = gnutls_certificate_get_peers(tls->session, &count);
    char *words = gnutls_session_get_desc(tls->session);

    snprintf(tls->words, sizeof(tls->words), "%s", words ? words : "TLS");
    gnutls_free(words);
    if (!certificates || count == 0)
        return kh_error_set(err, KH_E_PEER, "TLS: no certificate");
    return kh_certificate_digest(tls->digest, certificates[0].data, certificates[0].size, err);
}

kh_status kh_tls_handshake(kh_tls *tls, kh_error *err)
{
    for (;;) {
        int failed = gnutls_handshake(tls->session);

        if (failed == GNUTLS_E_SUCCESS) {
            tls->established = true;
            return note_peer(tls, err);
        }
        if (is_busy(failed))
            return KH_E_BUSY;
        if (gnutls_error_is_fatal(failed) || failed == GNUTLS_E_REHANDSHAKE)
            return break_off(tls, failed, err);
    }
}

const char *kh_tls_peer_digest(const kh_tls *tls)
{
    return tls->digest;
}

const char *kh_tls_words(const kh_tls *tls)
{
    return tls->words;
}

/* KH_E_BUSY without words. */
static kh_status receive(kh_tls *tls, void *bytes, size_t size, size_t *got, kh_error *err)
{
    kh_status status = kh_tls_still(tls, err);

    *got = 0;
    if (status != KH_OK)
        return status;
    for (;;) {
        ssize_t received = gnutls_record_recv(tls->session, bytes, size);

        *got = received > 0 ? (size_t)received : 0;
        if (received >= 0)
            return KH_OK;
        if (is_busy((int)received))
            return KH_E_BUSY;
        if (gnutls_error_is_fatal((int)received) || received == GNUTLS_E_REHANDSHAKE)
            return break_off(tls, (int)received, err);
    }
}

kh_status kh_tls_read(kh_tls *tls, void *bytes, size_t size, size_t *got, kh_error *err)
{
    size_t rest = 0;

    *got = 0;
    if (!tls->has_peeked)
        return receive(tls, bytes, size, got, err);
    tls->has_peeked = false;
    *(uint8_t *)bytes = tls->peeked;
    if (size > 1 && gnutls_record_check_pending(tls->session) > 0 &&
        receive(tls, (uint8_t *)bytes + 1, size - 1, &rest, NULL) != KH_OK)
        rest = 0;
    *got = 1 + rest;
    return KH_OK;
}

bool kh_tls_readable(kh_tls *tls)
{
    size_t got;
    kh_status status;

    if (tls->has_peeked || tls->broken || gnutls_record_check_pending(tls->session) > 0)
        return true;
    status = receive(tls, &tls->peeked, 1, &got, NULL);
    tls->has_peeked = status == KH_OK && got == 1;
    return status != KH_E_BUSY;
}

kh_status kh_tls_write(kh_tls *tls, const void *bytes, size_t size, bool more, size_t *sent, kh_error *err)
{
    kh_status status = kh_tls_still(tls, err);

    *sent = 0;
    if (status != KH_OK)
        return status;
    tls->more = more;
    for (;;) {
        ssize_t written = gnutls_record_send(tls->session, bytes, size);

        if (written >= 0) {
            *sent = (size_t)written;
            tls->more = false;
            return KH_OK;
        }
        if (is_busy((int)written))
            return KH_E_BUSY;
        if (gnutls_error_is_fatal((int)written))
            return break_off(tls, (int)written, err);
    }
}

short kh_tls_events(const kh_tls *tls)
{
    return gnutls_record_get_direction(tls->session) ? POLLOUT : POLLIN;
}
