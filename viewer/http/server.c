/* The server: libmicrohttpd's callbacks, start and stop.
 *
 * A request is made by log_uri(), which sees the target as it came, before anything is decoded. handle() is called when the
 * head is in (the gate), for pieces of a body, when the body is in (the route's handler), and again after each resume, until
 * there is an answer to queue. completed() ends it. All of them run on the connection's own epoll thread. */
#include <fcntl.h>
#include <gnutls/abstract.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/log.h"
#include "viewer/http/internal.h"

#define CONNECTION_MEMORY_BYTES (32 * 1024)
#define STOP_POLL_MS 2
#define HEARD_BYTES_MAX (64u << 20) /* of a body that is refused by its head */

kh_http_counts *kh_http_counts_here(kh_http_server *server)
{
    static atomic_uint threads;
    static _Thread_local unsigned mine;

    if (mine == 0)
        mine = atomic_fetch_add_explicit(&threads, 1, memory_order_relaxed) % KH_HTTP_COUNTS + 1;
    return &server->counts[mine - 1];
}

static void *log_uri(void *context, const char *uri, struct MHD_Connection *mhd)
{
    kh_http_server *server = context;
    kh_http_request *request = kh_http_request_create(server, mhd, uri);

    if (!request)
        return NULL;
    kh_http_connection_expect_request(request->connection);
    atomic_fetch_add_explicit(&kh_http_counts_here(server)->requests_open, 1, memory_order_relaxed);
    return request;
}

/* The target is decoded by target.c from a copy, so that nothing is lost on the way. */
static size_t leave_escaped(void *context, struct MHD_Connection *mhd, char *text)
{
    (void)context;
    (void)mhd;
    return strlen(text);
}

static void count_answer(kh_http_server *server, unsigned code, size_t body_bytes)
{
    kh_http_counts *counts = kh_http_counts_here(server);
    atomic_ullong *counter = code == 304   ? &counts->answers_304
                             : code < 300  ? &counts->answers_2xx
                             : code >= 500 ? &counts->answers_5xx
                                           : &counts->answers_4xx;

    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&counts->bytes_sent, body_bytes, memory_order_relaxed);
}

/* MHD_NO closes the connection. */
static enum MHD_Result queue_answer(kh_http_request *request)
{
    enum MHD_Result queued;

    if (!request->response)
        return MHD_NO;
    if (request->stream)
        kh_http_connection_expect_nothing(request->connection);
    else
        kh_http_connection_expect_read(request->connection, request->body_bytes);
    count_answer(request->server, request->code, request->is_head || request->stream ? 0 : request->body_bytes);
    queued = MHD_queue_response(request->mhd, request->code, request->response);
    if (!request->response_is_shared)
        MHD_destroy_response(request->response);
    request->response = NULL;
    return queued;
}

static void run_handler(kh_http_request *request)
{
    kh_http_server *server = request->server;
    const kh_http_route *route = &server->routes[request->match.route];
    atomic_uint *dispatching = &kh_http_counts_here(server)->dispatching;

    kh_http_connection_expect_nothing(request->connection);
    atomic_fetch_add(dispatching, 1);
    if (atomic_load(&server->stopping))
        kh_http_answer_code(request, 503, "the server is stopping");
    else
        route->handler(request, route->context);
    atomic_fetch_sub(dispatching, 1);
    if (!request->suspended && !request->upload && !atomic_load_explicit(&request->answered, memory_order_relaxed)) {
        kh_log(KH_LOG_ERROR, "http", "the handler of %s gave no answer", route->pattern);
        kh_http_answer_code(request, 500, "no answer was made");
    }
}

/* False when the body is larger than may be; a length that was announced was refused before. */
static bool take_body(kh_http_request *request, const char *bytes, size_t *size)
{
    bool taken = kh_buf_append(&request->body, bytes, *size, NULL) == KH_OK;

    *size = 0;
    return taken;
}

/* Who is still writing when the connection ends never reads why: it would be told of a broken line. Who asks first, or sends more than is
 * worth the wait, is answered at once. */
static bool hears_out(const kh_http_request *request)
{
    return !MHD_lookup_connection_value(request->mhd, MHD_HEADER_KIND, "Expect") && kh_http_body_length(request) <= HEARD_BYTES_MAX;
}

/* The handler of an upload sees the head alone: it refuses, or says where the body goes. */
static enum MHD_Result begin_upload(kh_http_request *request)
{
    run_handler(request);
    if (request->upload)
        return MHD_YES;
    request->hears_out = request->response && hears_out(request);
    if (!request->hears_out)
        return queue_answer(request);
    kh_http_connection_expect_request(request->connection);
    return MHD_YES;
}

static enum MHD_Result throw_away(kh_http_request *request, size_t *size)
{
    request->heard += *size;
    *size = 0;
    return request->heard <= HEARD_BYTES_MAX ? MHD_YES : MHD_NO;
}

static enum MHD_Result take_upload(kh_http_request *request, const char *bytes, size_t *size)
{
    kh_http_server *server = request->server;
    atomic_uint *dispatching = &kh_http_counts_here(server)->dispatching;
    bool going_on;

    if (*size > 0)
        return kh_http_upload_take(request->upload, bytes, size) ? MHD_YES : MHD_NO;
    atomic_fetch_add(dispatching, 1);
    going_on = !atomic_load(&server->stopping);
    if (going_on)
        kh_http_upload_end(request->upload);
    atomic_fetch_sub(dispatching, 1);
    return going_on ? MHD_YES : MHD_NO;
}

static enum MHD_Result handle(void *context, struct MHD_Connection *mhd, const char *url, const char *method,
                              const char *version, const char *upload, size_t *upload_size, void **request_context)
{
    kh_http_request *request = *request_context;

    (void)context;
    (void)mhd;
    if (!request)
        return MHD_NO;
    if (!request->begun) {
        request->begun = true;
        request->is_head = strcmp(method, "HEAD") == 0;
        request->changes = !request->is_head && strcmp(method, "GET") != 0 && strcmp(method, "OPTIONS") != 0;
        atomic_fetch_add_explicit(&kh_http_counts_here(request->server)->requests, 1, memory_order_relaxed);
        if (kh_http_gate(request, method, url, version))
            return queue_answer(request);
        request->receives = kh_http_is_upload(request, method);
        return request->receives ? begin_upload(request) : MHD_YES;
    }
    if (request->upload && !request->suspended)
        return take_upload(request, upload, upload_size);
    if (*upload_size > 0 && request->hears_out)
        return throw_away(request, upload_size);
    if (*upload_size > 0)
        return take_body(request, upload, upload_size) ? MHD_YES : MHD_NO;
    if (!request->suspended && !atomic_load_explicit(&request->answered, memory_order_relaxed)) {
        run_handler(request);
        if (request->suspended)
            return MHD_YES; /* it may be answered already: the library calls again when it sees the resume */
    }
    if (!atomic_load_explicit(&request->answered, memory_order_acquire))
        return MHD_YES;
    return queue_answer(request);
}

static void completed(void *context, struct MHD_Connection *mhd, void **request_context,
                      enum MHD_RequestTerminationCode why)
{
    kh_http_server *server = context;
    kh_http_request *request = *request_context;

    (void)mhd;
    (void)why;
    *request_context = NULL;
    if (!request)
        return;
    if (request->stream)
        kh_http_stream_closed(request->stream);
    if (request->upload)
        kh_http_upload_detach(request->upload);
    kh_http_connection_expect_request(request->connection);
    kh_http_request_end(request);
    atomic_fetch_sub(&kh_http_counts_here(server)->requests_open, 1);
}

static void log_library(void *context, const char *format, va_list args)
{
    char text[256];

    (void)context;
    if (vsnprintf(text, sizeof text, format, args) > 0)
        kh_log(KH_LOG_DEBUG, "http", "libmicrohttpd: %s", text);
}

/* What the library wants to know of certificates. Each session gets ours before its handshake (encryption.c); one that did not has none. */
static int no_certificate(gnutls_session_t session, const struct gnutls_cert_retr_st *info, gnutls_pcert_st **certificates,
                          unsigned *count, gnutls_ocsp_data_st **statuses, unsigned *status_count, gnutls_privkey_t *key, unsigned *flags)
{
    (void)session, (void)info, (void)certificates, (void)count, (void)statuses, (void)status_count, (void)key, (void)flags;
    return -1;
}

static kh_status start_daemon(kh_http_server *server, kh_error *err)
{
    const kh_http_options *options = &server->options;
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
    struct MHD_OptionItem encryption[] = {{MHD_OPTION_END, 0, NULL}, {MHD_OPTION_END, 0, NULL}};

    if (options->door.tls) {
        flags |= MHD_USE_TLS;
        encryption[0] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_CERT_CALLBACK2, 0, (void *)(uintptr_t)no_certificate};
    }
    server->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, handle, server,
        MHD_OPTION_EXTERNAL_LOGGER, log_library, NULL, /* first: the others may already log */
        MHD_OPTION_ARRAY, encryption,
        MHD_OPTION_THREAD_POOL_SIZE, options->thread_count,
        MHD_OPTION_CONNECTION_LIMIT, options->connections_max, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
        options->connections_per_address_max, MHD_OPTION_CONNECTION_TIMEOUT, options->idle_timeout_s,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY_BYTES, MHD_OPTION_URI_LOG_CALLBACK, log_uri, server,
        MHD_OPTION_UNESCAPE_CALLBACK, leave_escaped, NULL, MHD_OPTION_NOTIFY_COMPLETED, completed, server,
        MHD_OPTION_NOTIFY_CONNECTION, kh_http_connection_notify, server, MHD_OPTION_END);
    if (!server->daemon)
        return kh_error_set(err, KH_E_IO, "the HTTP server cannot start");
    return KH_OK;
}

static kh_status check_options(const kh_http_options *options, kh_error *err)
{
    if (options->thread_count < 1 || options->thread_count > 64)
        return kh_error_set(err, KH_E_ARG, "HTTP threads %u, expected 1 to 64", options->thread_count);
    if (options->connections_max < options->thread_count || options->connections_per_address_max < 1)
        return kh_error_set(err, KH_E_ARG, "HTTP connections %u, %u per address; expected at least the threads, and 1",
                            options->connections_max, options->connections_per_address_max);
    if (options->idle_timeout_s < 1 || options->idle_timeout_s > 3600)
        return kh_error_set(err, KH_E_ARG, "HTTP idle time-out %u s, expected 1 to 3600", options->idle_timeout_s);
    if (fcntl(options->listen_fd, F_SETFL, O_NONBLOCK) != 0)
        return kh_error_set(err, KH_E_ARG, "HTTP: descriptor %d is not a socket of ours", options->listen_fd);
    return KH_OK;
}

static void server_free(kh_http_server *server)
{
    pthread_mutex_destroy(&server->lock);
    pthread_mutex_destroy(&server->streams_lock);
    pthread_cond_destroy(&server->answered);
    pthread_cond_destroy(&server->reaper_wakes);
    free((void *)(uintptr_t)server->routes);
    free(server);
}

static kh_http_server *server_create(const kh_http_options *options, const kh_http_route *routes, size_t route_count)
{
    kh_http_server *server = aligned_alloc(_Alignof(kh_http_server), sizeof *server);
    kh_http_route *copy = malloc((route_count + 1) * sizeof *copy);
    pthread_condattr_t attributes;

    if (!server || !copy) {
        free(server);
        free(copy);
        return NULL;
    }
    memset(server, 0, sizeof *server);
    memcpy(copy, routes, route_count * sizeof *copy);
    server->routes = copy;
    server->route_count = route_count;
    server->options = *options;
    pthread_mutex_init(&server->lock, NULL);
    pthread_mutex_init(&server->streams_lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&server->answered, NULL);
    pthread_cond_init(&server->reaper_wakes, &attributes);
    pthread_condattr_destroy(&attributes);
    return server;
}

static void stop_reaper(kh_http_server *server)
{
    pthread_mutex_lock(&server->lock);
    server->reaper_stops = true;
    pthread_cond_signal(&server->reaper_wakes);
    pthread_mutex_unlock(&server->lock);
    pthread_join(server->reaper, NULL);
}

kh_status kh_http_server_start(kh_http_server **out, const kh_http_options *options, const kh_http_route *routes,
                               size_t route_count, kh_error *err)
{
    kh_http_server *server;
    kh_status status;

    *out = NULL;
    status = check_options(options, err);
    if (status == KH_OK)
        status = kh_router_check(routes, route_count, err);
    if (status != KH_OK)
        return status;
    server = server_create(options, routes, route_count);
    if (!server)
        return kh_error_set(err, KH_E_MEMORY, "no memory for the HTTP server");
    if (pthread_create(&server->reaper, NULL, kh_http_reaper, server) != 0) {
        server_free(server);
        return kh_error_set(err, KH_E_MEMORY, "the HTTP server's reaper cannot start");
    }
    status = start_daemon(server, err);
    if (status == KH_OK)
        status = kh_http_acceptor_create(&server->acceptor, server->daemon, options->listen_fd, err);
    if (status != KH_OK) {
        if (server->daemon)
            MHD_stop_daemon(server->daemon);
        stop_reaper(server);
        server_free(server);
        return status;
    }
    *out = server;
    return KH_OK;
}

/* A suspended request that nobody answers yet, held for the caller; NULL when there is none. */
static kh_http_request *hold_unanswered(kh_http_server *server)
{
    kh_http_request *request;

    pthread_mutex_lock(&server->lock);
    for (request = server->suspended; request && atomic_load(&request->claimed); request = request->next_suspended)
        ;
    if (request)
        atomic_fetch_add_explicit(&request->holders, 1, memory_order_relaxed);
    pthread_mutex_unlock(&server->lock);
    return request;
}

/* Every suspended request answered and resumed: MHD_stop_daemon() ends the process if one is left. */
static void abandon_suspended(kh_http_server *server)
{
    kh_http_request *request;

    while ((request = hold_unanswered(server)) != NULL)
        kh_http_abandon(request);
    pthread_mutex_lock(&server->lock);
    server->drained = true;
    while (server->suspended_count > 0 || server->paused_count > 0)
        pthread_cond_wait(&server->answered, &server->lock);
    pthread_mutex_unlock(&server->lock);
}

static bool any_open(kh_http_server *server)
{
    unsigned open = 0;

    for (size_t i = 0; i < KH_HTTP_COUNTS; i++)
        open |= atomic_load(&server->counts[i].requests_open);
    return open != 0;
}

static bool any_dispatching(kh_http_server *server)
{
    unsigned dispatching = 0;

    for (size_t i = 0; i < KH_HTTP_COUNTS; i++)
        dispatching |= atomic_load(&server->counts[i].dispatching);
    return dispatching != 0;
}

static void wait_until_idle(kh_http_server *server, int64_t deadline_ms)
{
    while (any_open(server) && kh_clock_monotonic_ms() < deadline_ms)
        kh_clock_sleep_ms(STOP_POLL_MS);
}

void kh_http_server_stop(kh_http_server *server, int64_t drain_ms)
{
    int64_t deadline_ms = kh_clock_monotonic_ms() + drain_ms;

    if (!server)
        return;
    kh_http_acceptor_stop(server->acceptor);
    atomic_store(&server->stopping, true);
    while (any_dispatching(server)) /* after this no handler runs any more: nothing new is suspended */
        kh_clock_sleep_ms(STOP_POLL_MS);
    kh_http_streams_end(server);
    wait_until_idle(server, deadline_ms);
    abandon_suspended(server);
    MHD_stop_daemon(server->daemon);
    stop_reaper(server);
    server_free(server);
}

void kh_http_get_stats(kh_http_server *server, kh_http_stats *out)
{
    *out = (kh_http_stats){.connections_cut = atomic_load(&server->connections_cut)};
    for (size_t i = 0; i < KH_HTTP_COUNTS; i++) {
        kh_http_counts *counts = &server->counts[i];

        out->requests += atomic_load(&counts->requests);
        out->answers_2xx += atomic_load(&counts->answers_2xx);
        out->answers_304 += atomic_load(&counts->answers_304);
        out->answers_4xx += atomic_load(&counts->answers_4xx);
        out->answers_5xx += atomic_load(&counts->answers_5xx);
        out->bytes_sent += atomic_load(&counts->bytes_sent);
    }
    pthread_mutex_lock(&server->lock);
    out->connections = server->connection_count;
    out->suspended = server->suspended_count;
    pthread_mutex_unlock(&server->lock);
    pthread_mutex_lock(&server->streams_lock);
    out->streams = server->stream_count;
    pthread_mutex_unlock(&server->streams_lock);
}
