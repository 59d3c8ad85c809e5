/* What libmicrohttpd 0.9.75 lets through and RFC 9112 does not. Its parser is lenient: it takes two Content-Lengths, a length
 * beside chunked, NUL bytes (the text ends there for it), lines ended by LF alone, folded lines (whose names it mangles), a
 * space before the colon, nameless headers.
 *
 * The head's text stays where it was read, with NULs in the place of separators: method NUL target NUL version, two NULs for
 * CRLF, name NUL value, two NULs, and so on, at last two for the empty line. So each part's address says whether anything
 * stood between it and the part before, and check_head() holds the head to exactly that shape. Would a future library
 * keep its text elsewhere, every request would be refused and every test would say so: the check fails closed. */
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "viewer/http/internal.h"
#include "viewer/http/same_origin.h"

#define HEADERS_MAX 100
#define CRLF_SIZE 2

typedef struct head {
    const char *line_end; /* where the line before ended: its CR stood there */
    unsigned count, hosts, lengths, encodings;
    bool broken;
    bool has_x;
    bool host_ours;
    bool encoding_known;
    const kh_http_options *options;
} head;

static bool is_token(const char *text, size_t size)
{
    static const char others[] = "!#$%&'*+.^_`|~";

    for (size_t i = 0; i < size; i++) {
        char c = text[i];
        bool usual = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || (c >= '0' && c <= '9');

        if (!usual && (c == '\0' || !strchr(others, c)))
            return false;
    }
    return size > 0;
}

static bool is_field_value(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];

        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

/* Is host that name, with or without a port? */
static bool is_named(const char *host, size_t size, const char *name, size_t length)
{
    if (length == 0 || size < length || strncasecmp(host, name, length) != 0)
        return false;
    return size == length ||
           (host[length] == ':' && size - length <= 6 && strspn(host + length + 1, "0123456789") == size - length - 1);
}

static bool is_loopback_name(const char *host, size_t size)
{
    static const char *const names[] = {"localhost", "127.0.0.1", "[::1]"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (is_named(host, size, names[i], strlen(names[i])))
            return true;
    return false;
}

static bool host_is_ours(const kh_http_options *options, const char *host, size_t size)
{
    const char *names = options->door.names ? options->door.names : "";

    while (size > 0 && (host[size - 1] == ' ' || host[size - 1] == '\t'))
        size--;
    if (names[0] == '\0' || options->loopback_hosts_only) {
        if (!options->loopback_hosts_only || is_loopback_name(host, size))
            return true;
    }
    while (*names) {
        size_t length = strcspn(names, ", ");

        if (is_named(host, size, names, length))
            return true;
        names += length;
        names += strspn(names, ", ");
    }
    return false;
}

static enum MHD_Result look_at_header(void *context, enum MHD_ValueKind kind, const char *name, size_t name_size,
                                      const char *value, size_t value_size)
{
    head *h = context;

    (void)kind;
    h->count++;
    if (!value || name != h->line_end + CRLF_SIZE || !is_token(name, name_size) || !is_field_value(value, value_size)) {
        h->broken = true;
        return MHD_NO;
    }
    h->line_end = value + value_size;
    h->has_x = h->has_x || name[0] == 'X' || name[0] == 'x';
    if (strcasecmp(name, "Host") == 0) {
        h->hosts++;
        h->host_ours = host_is_ours(h->options, value, value_size);
    } else if (strcasecmp(name, "Content-Length") == 0) {
        h->lengths++;
    } else if (strcasecmp(name, "Transfer-Encoding") == 0) {
        h->encodings++;
        h->encoding_known = strcasecmp(value, "chunked") == 0;
    }
    return MHD_YES;
}

/* The CRLF of the last line and that of the empty line behind it. What follows may be NUL by chance: a bare LF after the last
 * line can pass, which changes nothing in what was read (RFC 9112 2.2 allows it). */
static bool head_ends_at(const char *line_end)
{
    static const char two_line_ends[2 * CRLF_SIZE] = {0};

    return memcmp(line_end, two_line_ends, sizeof two_line_ends) == 0;
}

static bool request_line_is_whole(const kh_http_request *request, const char *method, const char *url, const char *version)
{
    return is_token(method, strlen(method)) && url == method + strlen(method) + 1 && version == url + request->raw_size + 1;
}

/* What is wrong with the head, NULL when nothing is; *code is the HTTP code then. */
static const char *check_head(kh_http_request *request, const char *method, const char *url, const char *version,
                              unsigned *code)
{
    head h = {.line_end = version + strlen(version), .options = &request->server->options};

    *code = 400;
    if (!request_line_is_whole(request, method, url, version))
        return "request line: expected method, target and version with one space between them";
    MHD_get_connection_values_n(request->mhd, MHD_HEADER_KIND, look_at_header, &h);
    request->has_length = h.lengths > 0;
    request->has_x = h.has_x;
    if (h.count > HEADERS_MAX) {
        *code = 431;
        return "more than 100 header lines";
    }
    if (h.broken || !head_ends_at(h.line_end))
        return "header lines: expected \"name: value\" and CRLF, no folding, no control bytes";
    if (h.lengths > 1)
        return "Content-Length is given twice";
    if (h.encodings > 0 && h.lengths > 0)
        return "Content-Length and Transfer-Encoding together";
    if (h.encodings > 1 || (h.encodings == 1 && !h.encoding_known))
        return "Transfer-Encoding: expected \"chunked\" or none";
    if (h.hosts != 1)
        return "Host: expected exactly one";
    *code = 421;
    return h.host_ours ? NULL : "Host: not a name of this server";
}

static bool refuse(kh_http_request *request, unsigned code, const char *message)
{
    const kh_http_options *options = &request->server->options;

    if (options->refused)
        options->refused(options->refused_context, request, code);
    kh_http_answer_code(request, code, message);
    return true;
}

/* An address that a person mistyped, or kept for too long. */
static bool refuse_page(kh_http_request *request)
{
    const kh_http_options *options = &request->server->options;

    if (options->refused)
        options->refused(options->refused_context, request, 404);
    kh_http_answer_page(request, 404, "このページはありません", "There is no such page.", "");
    return true;
}

/* Every method but GET and HEAD changes something. */
static bool is_from_elsewhere(kh_http_request *request, const char *method)
{
    kh_http_change change = {.encrypted = request->encrypted};
    const char *problem;
    unsigned code;

    if (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0)
        return false;
    change.host = kh_http_header(request, "Host");
    change.origin = kh_http_header(request, "Origin");
    change.fetch_site = kh_http_header(request, "Sec-Fetch-Site");
    change.content_type = kh_http_header(request, "Content-Type");
    code = kh_http_check_change(&change, &problem);
    return code != 0 && refuse(request, code, problem);
}

bool kh_http_is_below(const char *path, const char *below)
{
    size_t size = below ? strlen(below) : 0;

    return below && strncmp(path, below, size) == 0 && (path[size] == '/' || path[size] == '\0');
}

bool kh_http_is_open(const kh_http_request *request)
{
    return kh_http_is_below(kh_http_path(request), request->server->options.open_below);
}

/* A person is sent to where it is told how to get a certificate. */
static bool refuse_caller(kh_http_request *request, unsigned code, const char *problem)
{
    if (code == 303)
        kh_http_set_header(request, "Location", request->server->options.door.open_without);
    return refuse(request, code, problem);
}

/* Two answers to one question: a filter before us could have read the other. */
static bool refuse_repeated(kh_http_request *request)
{
    char message[80];

    if (!request->target.repeated || kh_http_is_open(request))
        return false;
    snprintf(message, sizeof message, "parameter \"%.32s\" is given twice", request->target.repeated);
    return refuse(request, 400, message);
}

static bool find_route(kh_http_request *request, const char *method)
{
    kh_http_server *server = request->server;

    switch (kh_router_match(&request->match, server->routes, server->route_count, method, &request->target)) {
    case KH_ROUTE_FOUND:
        return !kh_http_is_open(request) && is_from_elsewhere(request, method);
    case KH_ROUTE_NO_METHOD:
        kh_http_set_header(request, "Allow", request->match.allow);
        return refuse(request, 405, "this method is not served here; see Allow");
    case KH_ROUTE_NO_PATH:
        break;
    }
    if (strcmp(method, "GET") == 0 && kh_http_wants_page(request))
        return refuse_page(request);
    return refuse(request, 404, "no such address");
}

bool kh_http_is_upload(const kh_http_request *request, const char *method)
{
    return kh_http_is_open(request) && (strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0);
}

bool kh_http_gate(kh_http_request *request, const char *method, const char *url, const char *version)
{
    kh_error err = KH_ERROR_INIT;
    const char *problem;
    unsigned code;

    if (!request->raw && request->raw_size <= KH_TARGET_BYTES_MAX)
        return refuse(request, 503, "no memory for a request");
    if (!request->raw)
        return refuse(request, 414, "the target is too long");
    problem = check_head(request, method, url, version, &code);
    if (problem)
        return refuse(request, code, problem);
    if (kh_target_parse(&request->target, request->raw, request->raw_size, &err) != KH_OK)
        return refuse(request, err.status == KH_E_LIMIT ? 414 : err.status == KH_E_MEMORY ? 503 : 400, err.message);
    problem = kh_http_look_at_caller(request, &code);
    if (problem)
        return refuse_caller(request, code, problem);
    if (refuse_repeated(request))
        return true;
    if (request->target.authority &&
        !host_is_ours(&request->server->options, request->target.authority, strlen(request->target.authority)))
        return refuse(request, 421, "the target's host is not a name of this server");
    if (request->has_length && !kh_http_is_upload(request, method) &&
        kh_http_body_length(request) > request->server->options.body_bytes_max)
        return refuse(request, 413, "the body is larger than this server takes");
    return find_route(request, method);
}
