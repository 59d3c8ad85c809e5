/* Deadlines of a connection. libmicrohttpd's time-out counts from the last byte, so that a peer sending or taking one byte
 * now and then holds its place for ever; the reaper cuts connections whose phase lasts longer than it may:
 *   - a request's head and body: twice the idle time-out;
 *   - an answer: the idle time-out and one second for every 16 KiB;
 *   - none while we work, and none for an event stream, which is cut when its buffer is full; it ends when its client has gone. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include "base/clock.h"
#include "base/log.h"
#include "viewer/http/internal.h"

#define READ_BYTES_PER_S_MIN (16 * 1024)
#define REAPER_PERIOD_MS 500

static void set_deadline(kh_http_connection *connection, int64_t after_ms)
{
    atomic_store_explicit(&connection->deadline_ms, after_ms ? kh_clock_monotonic_tick_ms() + after_ms : 0, memory_order_relaxed);
}

void kh_http_connection_expect_request(kh_http_connection *connection)
{
    if (connection)
        set_deadline(connection, 2000 * (int64_t)connection->server->options.idle_timeout_s);
}

void kh_http_connection_expect_read(kh_http_connection *connection, size_t bytes)
{
    if (connection)
        set_deadline(connection, 1000 * ((int64_t)connection->server->options.idle_timeout_s +
                                         (int64_t)(bytes / READ_BYTES_PER_S_MIN)));
}

void kh_http_connection_expect_nothing(kh_http_connection *connection)
{
    if (connection)
        set_deadline(connection, 0);
}

bool kh_http_pause(kh_http_server *server, kh_http_connection *connection, struct MHD_Connection *mhd, bool while_draining)
{
    bool refused;

    pthread_mutex_lock(&server->lock);
    refused = while_draining ? server->drained : atomic_load(&server->stopping);
    if (!refused)
        server->paused_count++;
    pthread_mutex_unlock(&server->lock);
    if (refused)
        return false;
    kh_http_connection_expect_nothing(connection);
    MHD_suspend_connection(mhd);
    return true;
}

void kh_http_unpause(kh_http_server *server, kh_http_connection *connection, struct MHD_Connection *mhd, size_t bytes)
{
    kh_http_connection_expect_read(connection, bytes);
    MHD_resume_connection(mhd);
    pthread_mutex_lock(&server->lock);
    server->paused_count--;
    pthread_cond_broadcast(&server->answered);
    pthread_mutex_unlock(&server->lock);
}

static void tell_peer(char out[KH_HTTP_PEER_SIZE], int fd)
{
    struct sockaddr_storage address = {0};
    socklen_t size = sizeof address;
    const void *at = NULL;

    out[0] = '\0';
    if (getpeername(fd, (struct sockaddr *)&address, &size) != 0)
        return;
    if (address.ss_family == AF_INET)
        at = &((const struct sockaddr_in *)&address)->sin_addr;
    else if (address.ss_family == AF_INET6)
        at = &((const struct sockaddr_in6 *)&address)->sin6_addr;
    if (at)
        (void)!inet_ntop(address.ss_family, at, out, KH_HTTP_PEER_SIZE);
}

static void opened(kh_http_server *server, struct MHD_Connection *mhd, void **socket_context)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    kh_http_connection *connection = info ? calloc(1, sizeof *connection) : NULL;

    *socket_context = connection;
    if (!connection)
        return; /* served without a deadline; not at all when TLS is to be spoken, since it has no certificates then */
    connection->server = server;
    connection->fd = info->connect_fd;
    tell_peer(connection->peer, connection->fd);
    if (server->options.door.tls && !kh_http_encrypt(connection, mhd))
        shutdown(connection->fd, SHUT_RDWR);
    kh_http_connection_expect_request(connection);
    pthread_mutex_lock(&server->lock);
    connection->next = server->connections;
    if (connection->next)
        connection->next->previous = connection;
    server->connections = connection;
    server->connection_count++;
    pthread_mutex_unlock(&server->lock);
}

static void ended(kh_http_server *server, kh_http_connection *connection)
{
    pthread_mutex_lock(&server->lock);
    *(connection->previous ? &connection->previous->next : &server->connections) = connection->next;
    if (connection->next)
        connection->next->previous = connection->previous;
    server->connection_count--;
    pthread_mutex_unlock(&server->lock);
    kh_tls_credentials_unref(connection->certificate.credentials);
    free(connection->spare);
    free(connection);
}

void kh_http_connection_notify(void *context, struct MHD_Connection *mhd, void **socket_context,
                               enum MHD_ConnectionNotificationCode what)
{
    if (what == MHD_CONNECTION_NOTIFY_STARTED)
        opened(context, mhd, socket_context);
    else if (*socket_context)
        ended(context, *socket_context);
}

/* Shut down, not closed: the connection's own thread sees the end and closes. */
static void cut_late_locked(kh_http_server *server)
{
    int64_t now_ms = kh_clock_monotonic_ms();

    for (kh_http_connection *c = server->connections; c; c = c->next) {
        int64_t deadline_ms = atomic_load_explicit(&c->deadline_ms, memory_order_relaxed);

        if (deadline_ms == 0 || now_ms < deadline_ms)
            continue;
        atomic_store_explicit(&c->deadline_ms, 0, memory_order_relaxed);
        atomic_fetch_add_explicit(&server->connections_cut, 1, memory_order_relaxed);
        shutdown(c->fd, SHUT_RDWR);
        kh_log(KH_LOG_DEBUG, "http", "a connection was too slow and is cut");
    }
}

void *kh_http_reaper(void *argument)
{
    kh_http_server *server = argument;
    struct timespec next;

    pthread_setname_np(pthread_self(), "http-reaper");
    pthread_mutex_lock(&server->lock);
    while (!server->reaper_stops) {
        cut_late_locked(server);
        pthread_mutex_unlock(&server->lock);
        kh_http_streams_drop_gone(server);
        pthread_mutex_lock(&server->lock);
        if (server->reaper_stops)
            break;
        clock_gettime(CLOCK_MONOTONIC, &next);
        next.tv_nsec += REAPER_PERIOD_MS * 1000000L;
        next.tv_sec += next.tv_nsec / 1000000000L;
        next.tv_nsec %= 1000000000L;
        pthread_cond_timedwait(&server->reaper_wakes, &server->lock, &next);
    }
    pthread_mutex_unlock(&server->lock);
    return NULL;
}
