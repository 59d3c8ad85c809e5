/* bench_bare_http.c - what the HTTP library allows: libmicrohttpd alone, answering with bodies of BYTES bytes. There are COUNT of
 * them, taken in turn by each thread: as many as the service has tiles to answer with, so that both move as much memory.
 * Usage: bench_bare_http PORT THREADS BYTES COUNT [BLOCK]. With BLOCK the bodies are copied by a callback, at most so many bytes at once, as
 * those of a large file are. Runs until its standard input closes. */
#include <arpa/inet.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

int main(int argc, char **argv)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct MHD_Daemon *daemon;

    if (argc == 5 || argc == 6)
        response_count = (size_t)atol(argv[4]);
    if (response_count < 1 || response_count > COUNT_MAX) {
        fprintf(stderr, "usage: bench_bare_http PORT THREADS BYTES COUNT (1 to %d) [BLOCK]\n", COUNT_MAX);
        return 2;
    }
    address.sin_port = htons((uint16_t)atoi(argv[1]));
    for (size_t i = 0; i < response_count; i++)
        responses[i] = make_response((size_t)atol(argv[3]), (int)i, argc == 6 ? (size_t)atol(argv[5]) : 0);
    daemon = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD, 0, NULL, NULL, answer, NULL, MHD_OPTION_SOCK_ADDR,
                              (struct sockaddr *)&address, MHD_OPTION_THREAD_POOL_SIZE, (unsigned)atoi(argv[2]), MHD_OPTION_END);
    if (!daemon) {
        fprintf(stderr, "bench_bare_http: port %s cannot be opened\n", argv[1]);
        return 1;
    }
    puts("ready");
    fflush(stdout);
    while (getchar() != EOF)
        continue;
    MHD_stop_daemon(daemon);
    for (size_t i = 0; i < response_count; i++)
        MHD_destroy_response(responses[i]);
    return 0;
}
