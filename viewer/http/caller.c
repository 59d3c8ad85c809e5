/* Who calls, and may they be served at all? (AZ-34, S9)
 *
 * A caller is the other end of the connection, unless that is one of our proxies: then it is whom the proxy names, by these header lines,
 * of which each may stand once:
 *   X-Forwarded-For       addresses; the last one that is no proxy itself
 *   X-Forwarded-Proto     https, or http for callers on this machine
 *   X-Client-Verify       NONE, SUCCESS, or FAILED:why (nginx's $ssl_client_verify)
 *   X-Client-Certificate  with SUCCESS: the certificate, PEM, percent-encoded (nginx's $ssl_client_escaped_cert)
 * From anybody else the last two are refused and the first two mean nothing. A proxy that names no client is refused: it would make every
 * stranger a neighbour. */
#include <arpa/inet.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "base/log.h"
#include "base/nets.h"
#include "viewer/http/internal.h"

#define CERTIFICATE_BYTES_MAX 16384 /* percent-encoded; what is larger does not fit into a head anyway */

static const char forwarded_for[] = "X-Forwarded-For", forwarded_proto[] = "X-Forwarded-Proto";
static const char client_verify[] = "X-Client-Verify", client_certificate[] = "X-Client-Certificate";

typedef struct counted {
    const char *name;
    unsigned count;
} counted;

static enum MHD_Result count_line(void *context, enum MHD_ValueKind kind, const char *name, const char *value)
{
    counted *c = context;

    (void)kind;
    (void)value;
    c->count += strcasecmp(name, c->name) == 0;
    return MHD_YES;
}

/* The value of a line that stands exactly once; "" when there is none, NULL when there are several. */
static const char *single(const kh_http_request *request, const char *name)
{
    counted c = {.name = name};
    const char *value = kh_http_header(request, name);

    if (!value)
        return "";
    MHD_get_connection_values(request->mhd, MHD_HEADER_KIND, count_line, &c);
    return c.count == 1 ? value : NULL;
}

static bool is_proxy(const kh_http_options *options, const char *address)
{
    return options->door.proxies && options->door.proxies[0] && kh_nets_hold(options->door.proxies, address);
}

static bool is_address(const char *text)
{
    struct in6_addr parsed;

    return inet_pton(AF_INET, text, &parsed) == 1 || inet_pton(AF_INET6, text, &parsed) == 1;
}

static bool is_loopback(const char *address)
{
    return strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0;
}

/* The last address of the list that is no proxy; the first one when all are. False when one of those looked at is no address. */
static bool find_client(const kh_http_options *options, const char *list, char out[KH_HTTP_PEER_SIZE])
{
    size_t end = strlen(list);

    do {
        size_t begin, size;

        while (end > 0 && list[end - 1] == ' ')
            end--;
        for (begin = end; begin > 0 && list[begin - 1] != ',' && list[begin - 1] != ' '; begin--)
            ;
        size = end - begin;
        if (size == 0 || size >= KH_HTTP_PEER_SIZE)
            return false;
        memcpy(out, list + begin, size);
        out[size] = '\0';
        if (!is_address(out))
            return false;
        for (end = begin; end > 0 && list[end - 1] == ' '; end--)
            ;
        if (end > 0 && list[end - 1] != ',')
            return false;
        end -= end > 0;
    } while (end > 0 && is_proxy(options, out));
    return true;
}

static int digit_of(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* In place, since it gets no longer. False when a percent sign is followed by less than two digits. */
static bool decode_percent(char *text)
{
    char *out = text;

    for (const char *p = text; *p; p++) {
        if (*p != '%') {
            *out++ = *p;
            continue;
        }
        if (digit_of(p[1]) < 0 || digit_of(p[2]) < 0)
            return false;
        *out++ = (char)(digit_of(p[1]) * 16 + digit_of(p[2]));
        p += 2;
    }
    *out = '\0';
    return true;
}

static bool digest_of(char out[KH_CERTIFICATE_DIGEST_SIZE], const char *escaped)
{
    char pem[CERTIFICATE_BYTES_MAX];
    gnutls_datum_t text = {.data = (unsigned char *)pem}, der = {0};
    bool made;

    if (strlen(escaped) >= sizeof pem)
        return false;
    memcpy(pem, escaped, strlen(escaped) + 1);
    if (!decode_percent(pem))
        return false;
    text.size = (unsigned)strlen(pem);
    if (gnutls_pem_base64_decode2("CERTIFICATE", &text, &der) < 0)
        return false;
    made = kh_certificate_digest(out, der.data, der.size, NULL) == KH_OK;
    gnutls_free(der.data);
    return made;
}

/* The proxy's word for the request's address and encryption. */
static const char *believe_address(kh_http_request *request)
{
    const char *list = single(request, forwarded_for), *scheme = single(request, forwarded_proto);

    if (!list || !scheme || list[0] == '\0' || scheme[0] == '\0')
        return "the proxy must name its client: X-Forwarded-For and X-Forwarded-Proto, once each";
    if (!find_client(&request->server->options, list, request->peer))
        return "X-Forwarded-For: expected addresses, separated by commas";
    if (strcmp(scheme, "https") != 0 && strcmp(scheme, "http") != 0)
        return "X-Forwarded-Proto: expected http or https";
    request->encrypted = scheme[4] == 's';
    return NULL;
}

/* The proxy's word for the certificate; *bad: it says that it is not good. */
static const char *believe_certificate(kh_http_request *request, bool *bad)
{
    const char *verdict = single(request, client_verify), *shown = single(request, client_certificate);

    if (!verdict || !shown)
        return "X-Client-Verify, X-Client-Certificate: expected once each";
    *bad = verdict[0] != '\0' && strcmp(verdict, "NONE") != 0 && strcmp(verdict, "SUCCESS") != 0;
    if (strcmp(verdict, "SUCCESS") == 0 && !digest_of(request->certificate, shown))
        return "X-Client-Certificate: expected a certificate in PEM, percent-encoded";
    return NULL;
}

/* Header lines that only a proxy may send; their names all begin with X. */
static const char *look_for_disguise(kh_http_request *request)
{
    bool forwarded, certified;
    kh_http_connection *connection = request->connection;

    if (!request->has_x)
        return NULL;
    forwarded = kh_http_header(request, forwarded_for) || kh_http_header(request, forwarded_proto);
    certified = kh_http_header(request, client_verify) || kh_http_header(request, client_certificate);
    if ((forwarded || certified) && connection && !connection->told_of_headers) {
        kh_log(certified ? KH_LOG_WARN : KH_LOG_INFO, "http", "%s sends %s, but is no proxy of ours: %s", request->peer,
               certified ? "a client certificate in header lines" : "X-Forwarded lines", certified ? "refused" : "they are ignored");
        connection->told_of_headers = true;
    }
    return certified ? "X-Client-Verify and X-Client-Certificate are taken from our proxies only" : NULL;
}

static const char *look_at_session(kh_http_request *request, bool *bad)
{
    kh_http_connection *connection = request->connection;

    if (!request->server->options.door.tls)
        return NULL;
    if (!connection || !connection->certificate.credentials)
        return "no memory for a connection";
    kh_http_check_certificate(connection, request->mhd);
    request->encrypted = true;
    memcpy(request->certificate, connection->certificate.digest, sizeof request->certificate);
    *bad = connection->certificate.problem[0] != '\0';
    if (*bad)
        kh_log(KH_LOG_INFO, "http", "the client certificate of %s is refused: %s", request->peer, connection->certificate.problem);
    return NULL;
}

/* Pages are for people, who are told what to do. */
static bool wants_page(const kh_http_request *request)
{
    const char *accepted = kh_http_header(request, "Accept");

    return accepted && strstr(accepted, "text/html");
}

static const char *demand_certificate(kh_http_request *request, bool bad, unsigned *code)
{
    const kh_http_options *options = &request->server->options;

    if (request->certificate[0] || kh_http_is_below(kh_http_path(request), options->door.open_without))
        return NULL;
    if (!bad && !options->door.certificate_required)
        return NULL;
    *code = options->door.open_without && wants_page(request) ? 303 : 403;
    return bad ? "the client certificate is not good" : "a client certificate is needed";
}

const char *kh_http_look_at_caller(kh_http_request *request, unsigned *code)
{
    const kh_http_options *options = &request->server->options;
    bool proxied = is_proxy(options, request->peer), bad = false;
    const char *problem;

    *code = 400;
    problem = proxied ? believe_address(request) : look_for_disguise(request);
    if (!problem)
        problem = proxied ? believe_certificate(request, &bad) : look_at_session(request, &bad);
    if (problem)
        return problem;
    *code = 403;
    if (!proxied && options->door.proxies_only)
        return "this address serves its proxies only";
    if (proxied && !request->encrypted && !is_loopback(request->peer))
        return "plain HTTP is not served beyond this machine: use https";
    return demand_certificate(request, bad, code);
}

const char *kh_http_client_certificate(const kh_http_request *request)
{
    return request->certificate;
}

bool kh_http_is_encrypted(const kh_http_request *request)
{
    return request->encrypted;
}
