#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <poll.h>
#include "viewer/http/internal.h"

#define JOINED_BYTES_MAX ((size_t)64 << 10) /* more than a head has */

/* Cleared memory for a request: that of the connection's last one, or new. */
static kh_http_request *request_memory(kh_http_connection *connection)
{
    kh_http_request *request = connection ? connection->spare : NULL;

    if (!request)
        return calloc(1, sizeof *request);
    connection->spare = NULL;
    kh_target_clear(&request->target);
    kh_route_match_clear(&request->match);
    memset(request, 0, offsetof(kh_http_request, target));
    return request;
}

kh_http_request *kh_http_request_create(kh_http_server *server, struct MHD_Connection *mhd, const char *raw)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    kh_http_connection *connection = info ? info->socket_context : NULL;
    kh_http_request *request = request_memory(connection);

    if (!request)
        return NULL;
    request->server = server;
    request->mhd = mhd;
    request->connection = connection;
    request->fd = connection ? connection->fd : -1;
    if (connection)
        memcpy(request->peer, connection->peer, sizeof request->peer);
    atomic_init(&request->holders, 1);
    kh_buf_init(&request->body, server->options.body_bytes_max);
    request->raw_size = strnlen(raw, KH_TARGET_BYTES_MAX + 1);
    if (request->raw_size < sizeof request->raw_room)
        request->raw = memcpy(request->raw_room, raw, request->raw_size + 1);
    else if (request->raw_size <= KH_TARGET_BYTES_MAX)
        request->raw = strndup(raw, request->raw_size);
    return request;
}

/* True when this was the last hold: what the request owned is free, its own memory is the caller's. */
static bool let_go(kh_http_request *request)
{
    if (atomic_fetch_sub_explicit(&request->holders, 1, memory_order_acq_rel) != 1)
        return false;
    for (size_t i = 0; i < KH_HTTP_KEPT_MAX; i++)
        free(request->kept[i]);
    if (request->response && !request->response_is_shared)
        MHD_destroy_response(request->response);
    if (request->release)
        request->release(request->release_owner, request->release_held);
    if (request->attached_release)
        request->attached_release(request->attached);
    kh_buf_release(&request->body);
    kh_target_release(&request->target);
    if (request->raw != request->raw_room)
        free(request->raw);
    return true;
}

void kh_http_request_release(kh_http_request *request)
{
    if (let_go(request))
        free(request);
}

void kh_http_request_end(kh_http_request *request)
{
    kh_http_connection *connection = request->connection;

    if (!let_go(request))
        return;
    if (connection && !connection->spare)
        connection->spare = request;
    else
        free(request);
}

const char *kh_http_path(const kh_http_request *request)
{
    return request->target.path;
}

const char *kh_http_peer(const kh_http_request *request)
{
    return request->peer;
}

bool kh_http_is_head(const kh_http_request *request)
{
    return request->is_head;
}

const char *kh_http_segment(const kh_http_request *request, const char *name)
{
    return kh_route_capture(&request->match, name);
}

const char *kh_http_query(const kh_http_request *request, const char *name)
{
    return kh_target_parameter(&request->target, name);
}

bool kh_http_parameter(const kh_http_request *request, size_t index, const char **name, const char **value)
{
    if (index >= request->target.parameter_count)
        return false;
    *name = request->target.parameters[index].name;
    *value = request->target.parameters[index].value;
    return true;
}

bool kh_http_changes(const kh_http_request *request)
{
    return request->changes;
}

bool kh_http_is_receiving(const kh_http_request *request)
{
    return request->receives;
}

void kh_http_attach(kh_http_request *request, void *thing, void (*release)(void *thing))
{
    if (request->attached_release)
        request->attached_release(request->attached);
    request->attached = thing;
    request->attached_release = release;
}

void *kh_http_attached(const kh_http_request *request)
{
    return request->attached;
}

const char *kh_http_repeated(const kh_http_request *request)
{
    return request->target.repeated;
}

/* The first three always, the others of open addresses. */
static const char *const kept_names[KH_HTTP_KEPT_MAX] = {"Accept-Encoding", "If-None-Match", "Accept", "Host", "Range", "If-Range"};
#define KEPT_ALWAYS 3
#define KEPT_LISTS 3 /* the first ones are lists, which may stand on several lines (RFC 9110 5.3) */

typedef struct joining {
    const char *name;
    kh_buf text;
    bool failed;
} joining;

static enum MHD_Result join_line(void *context, enum MHD_ValueKind kind, const char *name, const char *value)
{
    joining *j = context;

    (void)kind;
    if (value && strcasecmp(name, j->name) == 0)
        j->failed = j->failed || (j->text.size > 0 && kh_buf_append_text(&j->text, ", ", NULL) != KH_OK) ||
                    kh_buf_append_text(&j->text, value, NULL) != KH_OK;
    return MHD_YES;
}

/* All lines of a header, joined by commas; NULL when there is none. */
static char *join_lines(const kh_http_request *request, const char *name)
{
    joining j = {.name = name};
    const char *value = MHD_lookup_connection_value(request->mhd, MHD_HEADER_KIND, name);
    size_t size;

    if (!value)
        return NULL;
    kh_buf_init(&j.text, JOINED_BYTES_MAX);
    MHD_get_connection_values(request->mhd, MHD_HEADER_KIND, join_line, &j);
    if (!j.failed && kh_buf_append(&j.text, "", 1, NULL) == KH_OK)
        return (char *)kh_buf_take(&j.text, &size);
    kh_buf_release(&j.text);
    return strdup(value);
}

const char *kh_http_header_list(kh_http_request *request, const char *name)
{
    for (size_t i = 0; i < KEPT_LISTS; i++) {
        if (strcasecmp(name, kept_names[i]) != 0)
            continue;
        if (!request->suspended && !request->kept[i])
            request->kept[i] = join_lines(request, name);
        return request->kept[i];
    }
    return kh_http_header(request, name);
}

/* The library's text may go while the owner still works (see kh_http_abandon): what the answer depends on is kept. */
static void keep_headers(kh_http_request *request)
{
    size_t count = kh_http_is_open(request) ? KH_HTTP_KEPT_MAX : KEPT_ALWAYS;

    for (size_t i = 0; i < count; i++) {
        const char *value = i < KEPT_LISTS ? NULL : kh_http_header(request, kept_names[i]);

        if (i < KEPT_LISTS)
            (void)kh_http_header_list(request, kept_names[i]);
        else
            request->kept[i] = value ? strdup(value) : NULL;
    }
}

const char *kh_http_header(const kh_http_request *request, const char *name)
{
    for (size_t i = 0; request->suspended && i < KH_HTTP_KEPT_MAX; i++)
        if (strcasecmp(name, kept_names[i]) == 0)
            return request->kept[i];
    if (request->suspended)
        return NULL;
    return MHD_lookup_connection_value(request->mhd, MHD_HEADER_KIND, name);
}

const void *kh_http_body(const kh_http_request *request, size_t *size)
{
    *size = request->body.size;
    return request->body.data;
}

uint64_t kh_http_body_length(const kh_http_request *request)
{
    const char *length = MHD_lookup_connection_value(request->mhd, MHD_HEADER_KIND, "Content-Length");
    uint64_t bytes = 0;

    for (const char *p = length ? length : ""; *p >= '0' && *p <= '9'; p++)
        bytes = bytes > UINT64_MAX / 16 ? UINT64_MAX / 16 : bytes * 10 + (unsigned)(*p - '0');
    return bytes;
}

/* Is the element "gzip;q=0" or alike? */
static bool is_refused(const char *parameters, size_t size)
{
    const char *q = memmem(parameters, size, "q=", 2);

    if (!q)
        return false;
    for (q += 2; q < parameters + size && (*q == '0' || *q == '.' || *q == ' '); q++)
        ;
    return q == parameters + size;
}

bool kh_http_accepts_gzip(const kh_http_request *request)
{
    const char *p = kh_http_header(request, "Accept-Encoding");

    while (p && *p) {
        size_t size;

        p += strspn(p, " \t,");
        size = strcspn(p, ",");
        if (size >= 4 && strncasecmp(p, "gzip", 4) == 0 && (size == 4 || strchr(" \t;", p[4])))
            return !is_refused(p + 4, size - 4);
        p += size;
    }
    return false;
}

static kh_status parse_int(const char *name, const char *text, int64_t min, int64_t max, int64_t *out, kh_error *err)
{
    char *end = NULL;
    long long value;

    errno = 0;
    value = strtoll(text, &end, 10);
    if (!strchr("-0123456789", *text) || *text == '\0' || *end != '\0' || errno != 0 || value < min || value > max)
        return kh_error_set(err, KH_E_ARG, "%s \"%.32s\", expected a whole number from %lld to %lld", name, text,
                            (long long)min, (long long)max);
    *out = value;
    return KH_OK;
}

kh_status kh_http_query_int(const kh_http_request *request, const char *name, int64_t min, int64_t max, int64_t fallback,
                            int64_t *out, kh_error *err)
{
    const char *text = kh_http_query(request, name);

    *out = fallback;
    return text ? parse_int(name, text, min, max, out, err) : KH_OK;
}

kh_status kh_http_segment_int(const kh_http_request *request, const char *name, int64_t min, int64_t max, int64_t *out,
                              kh_error *err)
{
    const char *text = kh_http_segment(request, name);

    if (!text)
        return kh_error_set(err, KH_E_INTERNAL, "the route has no {%s}", name);
    return parse_int(name, text, min, max, out, err);
}

/* As strtod() says, which takes long: few digits and a power of ten are exact, so that their quotient is rounded once. */
static double decimal_of(const char *text, char **end)
{
    static const double powers[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    const char *p = text + (*text == '-');
    unsigned digits = 0, behind = 0;
    int64_t value = 0;
    bool point = false;

    for (; (*p >= '0' && *p <= '9') || (*p == '.' && !point); p++) {
        if (*p == '.') {
            point = true;
            continue;
        }
        if (++digits > 15)
            return strtod(text, end);
        value = value * 10 + (*p - '0');
        behind += point;
    }
    if (*p != '\0' || digits == 0 || value == 0) /* 0 has a sign */
        return strtod(text, end);
    *end = (char *)(uintptr_t)p;
    return (double)(*text == '-' ? -value : value) / powers[behind];
}

kh_status kh_http_query_double(const kh_http_request *request, const char *name, double min, double max, double fallback,
                               double *out, kh_error *err)
{
    const char *text = kh_http_query(request, name);
    char *end = NULL;
    double value;

    *out = fallback;
    if (!text)
        return KH_OK;
    value = decimal_of(text, &end);
    /* the span keeps out what strtod also takes: nan, inf, hexadecimal, leading space */
    if (*text == '\0' || text[strspn(text, "+-.0123456789eE")] != '\0' || *end != '\0' || !isfinite(value) || value < min ||
        value > max)
        return kh_error_set(err, KH_E_ARG, "%s \"%.32s\", expected a number from %g to %g", name, text, min, max);
    *out = value;
    return KH_OK;
}

void kh_http_suspend(kh_http_request *request)
{
    kh_http_server *server = request->server;

    if (request->suspended)
        return;
    keep_headers(request);
    request->suspended = true;
    atomic_fetch_add_explicit(&request->holders, 1, memory_order_relaxed);
    MHD_suspend_connection(request->mhd);
    pthread_mutex_lock(&server->lock);
    request->next_suspended = server->suspended;
    if (request->next_suspended)
        request->next_suspended->previous_suspended = request;
    server->suspended = request;
    server->suspended_count++;
    pthread_mutex_unlock(&server->lock);
}

bool kh_http_is_suspended(const kh_http_request *request)
{
    return request->suspended;
}

bool kh_http_client_gone(const kh_http_request *request)
{
    struct pollfd socket = {.fd = request->fd, .events = POLLRDHUP};

    if (atomic_load_explicit(&request->answered, memory_order_acquire))
        return true; /* the server has answered in the owner's place */
    return poll(&socket, 1, 0) > 0 && (socket.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}
