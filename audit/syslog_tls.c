#include "audit/syslog_tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <linux/sockios.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/clock.h"

#define TICK_MS 200 /* between two looks whether we end */
#define PRIORITY "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

struct kh_syslog_tls {
    int fd; /* does not block */
    const atomic_bool *ending; /* NULL behind the handshake: what is being sent is sent to its end */
    gnutls_session_t session;
    gnutls_certificate_credentials_t credentials;
};

/* --- TCP --- */

static bool wait_for(int fd, short what, int64_t until_ms, const atomic_bool *ending)
{
    struct pollfd one = {.fd = fd, .events = what};
    int64_t left_ms;

    while ((left_ms = until_ms - kh_clock_monotonic_ms()) > 0 && !(ending && atomic_load(ending))) {
        int count = poll(&one, 1, (int)(left_ms < TICK_MS ? left_ms : TICK_MS));

        if (count > 0)
            return true;
        if (count < 0 && errno != EINTR)
            return false;
    }
    return false;
}

static int connect_one(const struct addrinfo *address, int64_t until_ms, const atomic_bool *ending)
{
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), failed = 0, on = 1;
    socklen_t size = sizeof(failed);

    if (fd < 0)
        return -1;
    if (connect(fd, address->ai_addr, address->ai_addrlen) != 0 &&
        (errno != EINPROGRESS || !wait_for(fd, POLLOUT, until_ms, ending) || getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &size) != 0 ||
         failed != 0)) {
        close(fd);
        return -1;
    }
    (void)!setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    (void)!setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    return fd;
}

static kh_status connect_tcp(int *fd, const kh_syslog_server *server, kh_error *err)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    int64_t until_ms = kh_clock_monotonic_ms() + KH_SYSLOG_CONNECT_MS;
    struct addrinfo *addresses = NULL;
    char port[12];
    int failed;

    snprintf(port, sizeof(port), "%d", server->port);
    failed = getaddrinfo(server->host, port, &hints, &addresses);
    if (failed)
        return kh_error_set(err, KH_E_PEER, "%s: %s", server->host, gai_strerror(failed));
    for (const struct addrinfo *one = addresses; one && *fd < 0; one = one->ai_next)
        *fd = connect_one(one, until_ms, server->ending);
    freeaddrinfo(addresses);
    return *fd >= 0 ? KH_OK : kh_error_set(err, KH_E_PEER, "%s port %d cannot be reached", server->host, server->port);
}

/* --- TLS --- */

static kh_status load(kh_syslog_tls *to, const kh_syslog_server *server, kh_error *err)
{
    int code = gnutls_certificate_allocate_credentials(&to->credentials);

    if (code < 0)
        return kh_error_set(err, KH_E_MEMORY, "TLS: %s", gnutls_strerror(code));
    code = server->ca[0] ? gnutls_certificate_set_x509_trust_file(to->credentials, server->ca, GNUTLS_X509_FMT_PEM)
                         : gnutls_certificate_set_x509_system_trust(to->credentials);
    if (code <= 0)
        return kh_error_set(err, KH_E_ARG, "%s: %s", server->ca[0] ? server->ca : "the system's certificates",
                            code < 0 ? gnutls_strerror(code) : "no certificate in it");
    if (!server->certificate[0])
        return KH_OK;
    code = gnutls_certificate_set_x509_key_file(to->credentials, server->certificate, server->key, GNUTLS_X509_FMT_PEM);
    return code < 0 ? kh_error_set(err, KH_E_ARG, "%s, %s: %s", server->certificate, server->key, gnutls_strerror(code)) : KH_OK;
}

static kh_status set_up(kh_syslog_tls *to, const kh_syslog_server *server, kh_error *err)
{
    struct in6_addr address;
    int code = gnutls_init(&to->session, GNUTLS_CLIENT | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL);

    if (code == 0)
        code = gnutls_priority_set_direct(to->session, PRIORITY, NULL);
    if (code == 0)
        code = gnutls_credentials_set(to->session, GNUTLS_CRD_CERTIFICATE, to->credentials);
    if (code == 0 && inet_pton(AF_INET, server->host, &address) != 1 && inet_pton(AF_INET6, server->host, &address) != 1)
        code = gnutls_server_name_set(to->session, GNUTLS_NAME_DNS, server->host, strlen(server->host));
    if (code < 0)
        return kh_error_set(err, KH_E_INTERNAL, "TLS: %s", gnutls_strerror(code));
    gnutls_session_set_verify_cert(to->session, server->host, 0); /* a name, or an address in subjectAltName */
    gnutls_transport_set_int(to->session, to->fd);
    return KH_OK;
}

/* code as GnuTLS gave it; false: it goes on when the socket is ready. */
static bool must_wait(kh_syslog_tls *to, int code, int64_t until_ms)
{
    if (code == GNUTLS_E_INTERRUPTED)
        return true;
    return code == GNUTLS_E_AGAIN && wait_for(to->fd, gnutls_record_get_direction(to->session) ? POLLOUT : POLLIN, until_ms, to->ending);
}

static kh_status shake_hands(kh_syslog_tls *to, const kh_syslog_server *server, kh_error *err)
{
    int64_t until_ms = kh_clock_monotonic_ms() + KH_SYSLOG_CONNECT_MS;
    gnutls_datum_t words = {NULL, 0};
    int code;

    do
        code = gnutls_handshake(to->session);
    while (code < 0 && must_wait(to, code, until_ms));
    if (code == 0)
        return KH_OK;
    if (code == GNUTLS_E_AGAIN)
        return kh_error_set(err, KH_E_TIMEOUT, "%s: TLS was not agreed upon within %d s", server->host, KH_SYSLOG_CONNECT_MS / 1000);
    if (code != GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR)
        return kh_error_set(err, KH_E_PEER, "%s: TLS: %s", server->host, gnutls_strerror(code));
    if (gnutls_certificate_verification_status_print(gnutls_session_get_verify_cert_status(to->session), GNUTLS_CRT_X509, &words, 0) == 0)
        kh_error_set(err, KH_E_DENIED, "%s: its certificate is not believed: %.200s", server->host, (const char *)words.data);
    else
        kh_error_set(err, KH_E_DENIED, "%s: its certificate is not believed", server->host);
    gnutls_free(words.data);
    return KH_E_DENIED;
}

kh_status kh_syslog_connect(kh_syslog_tls **out, const kh_syslog_server *server, kh_error *err)
{
    kh_syslog_tls *to = calloc(1, sizeof(*to));
    kh_status status;

    *out = NULL;
    if (!to)
        return kh_error_set(err, KH_E_MEMORY, "no memory for a connection");
    to->fd = -1;
    to->ending = server->ending;
    status = load(to, server, err);
    if (status == KH_OK)
        status = connect_tcp(&to->fd, server, err);
    if (status == KH_OK)
        status = set_up(to, server, err);
    if (status == KH_OK)
        status = shake_hands(to, server, err);
    if (status != KH_OK) {
        kh_syslog_close(to);
        return status;
    }
    to->ending = NULL;
    *out = to;
    return KH_OK;
}

static kh_status send_all(kh_syslog_tls *to, const char *bytes, size_t size, int64_t until_ms, kh_error *err)
{
    while (size > 0) {
        ssize_t count = gnutls_record_send(to->session, bytes, size);

        if (count > 0) {
            bytes += count;
            size -= (size_t)count;
        } else if (!must_wait(to, (int)count, until_ms)) {
            return count == GNUTLS_E_AGAIN
                       ? kh_error_set(err, KH_E_TIMEOUT, "the syslog server takes nothing for %d s", KH_SYSLOG_SEND_MS / 1000)
                       : kh_error_set(err, KH_E_PEER, "the syslog server: %s", gnutls_strerror((int)count));
        }
    }
    return KH_OK;
}

kh_status kh_syslog_send(kh_syslog_tls *to, const void *message, size_t size, kh_error *err)
{
    int64_t until_ms = kh_clock_monotonic_ms() + KH_SYSLOG_SEND_MS;
    char length[24];
    kh_status status;

    gnutls_record_cork(to->session); /* RFC 5425 4.3: a frame in one record when it fits */
    status = send_all(to, length, (size_t)snprintf(length, sizeof(length), "%zu ", size), until_ms, err);
    if (status == KH_OK)
        status = send_all(to, message, size, until_ms, err);
    while (status == KH_OK) {
        int code = gnutls_record_uncork(to->session, 0);

        if (code >= 0 && gnutls_record_check_corked(to->session) == 0)
            break;
        if (code < 0 && !must_wait(to, code, until_ms))
            status = kh_error_set(err, KH_E_PEER, "the syslog server: %s", gnutls_strerror(code));
    }
    return status;
}

/* A syslog server sends nothing but what belongs to TLS: what is read is its end. */
static kh_status look(kh_syslog_tls *to, kh_error *err)
{
    char byte;
    ssize_t count = gnutls_record_recv(to->session, &byte, 1);

    if (count > 0 || count == GNUTLS_E_AGAIN || count == GNUTLS_E_INTERRUPTED)
        return KH_OK;
    return kh_error_set(err, KH_E_PEER, "the syslog server: %s", count == 0 ? "it ended the connection" : gnutls_strerror((int)count));
}

kh_status kh_syslog_settled(kh_syslog_tls *to, bool *settled, kh_error *err)
{
    int unacknowledged = 0;
    kh_status status = look(to, err);

    *settled = status == KH_OK && ioctl(to->fd, SIOCOUTQ, &unacknowledged) == 0 && unacknowledged == 0;
    return status;
}

bool kh_syslog_finish(kh_syslog_tls *to)
{
    int64_t until_ms = kh_clock_monotonic_ms() + KH_SYSLOG_CLOSE_MS;
    int code;

    do
        code = gnutls_bye(to->session, GNUTLS_SHUT_RDWR);
    while (code < 0 && must_wait(to, code, until_ms));
    return code == 0;
}

void kh_syslog_close(kh_syslog_tls *to)
{
    if (!to)
        return;
    if (to->session)
        gnutls_deinit(to->session);
    if (to->credentials)
        gnutls_certificate_free_credentials(to->credentials);
    if (to->fd >= 0)
        close(to->fd);
    free(to);
}
