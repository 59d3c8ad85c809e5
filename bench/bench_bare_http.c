/* bench_bare_http.c - what the HTTP library allows: libmicrohttpd alone, answering every request with one body of BYTES bytes.
 * Usage: bench_bare_http PORT THREADS BYTES. Runs until its standard input closes. */
#include <arpa/inet.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct MHD_Response *response;

static enum MHD_Result answer(void *context, struct MHD_Connection *connection, const char *url, const char *method,
                              const char *version, const char *body, size_t *body_size, void **request)
{
    (void)context, (void)url, (void)method, (void)version, (void)body, (void)body_size;
    if (!*request) { /* an answer before the request is whole makes the library close the connection */
        *request = response;
        return MHD_YES;
    }
    return MHD_queue_response(connection, MHD_HTTP_OK, response);
}

int main(int argc, char **argv)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct MHD_Daemon *daemon;
    size_t size;
    char *body;

    if (argc != 4) {
        fprintf(stderr, "usage: bench_bare_http PORT THREADS BYTES\n");
        return 2;
    }
    address.sin_port = htons((uint16_t)atoi(argv[1]));
    size = (size_t)atol(argv[3]);
    body = calloc(1, size);
    response = body ? MHD_create_response_from_buffer(size, body, MHD_RESPMEM_MUST_FREE) : NULL;
    if (!response)
        return 1;
    MHD_add_response_header(response, "Content-Type", "image/jpeg");
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
    MHD_destroy_response(response);
    return 0;
}
