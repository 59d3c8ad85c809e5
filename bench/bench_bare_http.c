/* bench_bare_http.c - what the HTTP library allows: libmicrohttpd alone, answering with bodies of BYTES bytes. There are COUNT of
 * them, taken in turn by each thread: as many as the service has tiles to answer with, so that both move as much memory.
 * Connections are given to its threads in turn, as the service gives them: where each thread takes what it finds, one may have all of them
 * and the other none, which on a machine that also runs the clients is twice as fast or half, by chance.
 * Usage: bench_bare_http PORT THREADS BYTES COUNT [BLOCK]. With BLOCK the bodies are copied by a callback, at most so many bytes at once,
 * as those of a large file are. Runs until its standard input closes. */
#include <arpa/inet.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define COUNT_MAX 4096

static struct MHD_Response *responses[COUNT_MAX];
static size_t response_count;

static enum MHD_Result answer(void *context, struct MHD_Connection *connection, const char *url, const char *method,
                              const char *version, const char *body, size_t *body_size, void **request)
{
    static __thread size_t next;

    (void)context, (void)url, (void)method, (void)version, (void)body, (void)body_size;
    if (!*request) { /* an answer before the request is whole makes the library close the connection */
        *request = responses;
        return MHD_YES;
    }
    return MHD_queue_response(connection, MHD_HTTP_OK, responses[next++ % response_count]);
}

typedef struct copied {
    char *bytes;
    size_t size;
} copied;

static ssize_t copy(void *context, uint64_t position, char *out, size_t max)
{
    const copied *from = context;
    size_t left = from->size - (size_t)position, part = left < max ? left : max;

    memcpy(out, from->bytes + position, part);
    return (ssize_t)part;
}

static struct MHD_Response *make_response(size_t size, int seed, size_t block)
{
    char *body = malloc(size);
    struct MHD_Response *response;
    copied *from = malloc(sizeof *from);

    if (!body || !from)
        exit(1);
    memset(body, seed, size);
    *from = (copied){body, size};
    response = block > 0 ? MHD_create_response_from_callback(size, block, copy, from, NULL)
                         : MHD_create_response_from_buffer(size, body, MHD_RESPMEM_PERSISTENT);
    if (!response || MHD_add_response_header(response, "Content-Type", "image/jpeg") == MHD_NO)
        exit(1);
    return response;
}

static int listen_at(uint16_t port)
{
    const struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
        bind(fd, (const struct sockaddr *)(const void *)&address, sizeof address) != 0 || listen(fd, SOMAXCONN) != 0) {
        fprintf(stderr, "bench_bare_http: port %u cannot be opened\n", (unsigned)port);
        exit(1);
    }
    return fd;
}

typedef struct doors {
    struct MHD_Daemon *daemon;
    int listen_fd;
} doors;

/* Until the listening socket is shut down. */
static void *accept_all(void *context)
{
    const doors *d = context;
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    int fd;

    while ((fd = accept4(d->listen_fd, (struct sockaddr *)&address, &size, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        (void)MHD_add_connection(d->daemon, fd, (const struct sockaddr *)&address, size);
        size = sizeof address;
    }
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t acceptor;
    doors d;

    if (argc == 5 || argc == 6)
        response_count = (size_t)atol(argv[4]);
    if (response_count < 1 || response_count > COUNT_MAX) {
        fprintf(stderr, "usage: bench_bare_http PORT THREADS BYTES COUNT (1 to %d) [BLOCK]\n", COUNT_MAX);
        return 2;
    }
    for (size_t i = 0; i < response_count; i++)
        responses[i] = make_response((size_t)atol(argv[3]), (int)i, argc == 6 ? (size_t)atol(argv[5]) : 0);
    d.listen_fd = listen_at((uint16_t)atoi(argv[1]));
    d.daemon = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_NO_LISTEN_SOCKET | MHD_USE_ITC, 0, NULL, NULL, answer, NULL,
                                MHD_OPTION_THREAD_POOL_SIZE, (unsigned)atoi(argv[2]), MHD_OPTION_END);
    if (!d.daemon || pthread_create(&acceptor, NULL, accept_all, &d) != 0) {
        fprintf(stderr, "bench_bare_http: the library cannot be started\n");
        return 1;
    }
    puts("ready");
    fflush(stdout);
    while (getchar() != EOF)
        continue;
    shutdown(d.listen_fd, SHUT_RDWR);
    pthread_join(acceptor, NULL);
    close(d.listen_fd);
    MHD_stop_daemon(d.daemon);
    for (size_t i = 0; i < response_count; i++)
        MHD_destroy_response(responses[i]);
    return 0;
}
