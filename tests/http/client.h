/* client.h - a raw HTTP client for tests: what it sends and what came back, byte by byte. */
#ifndef KH_TESTS_HTTP_CLIENT_H
#define KH_TESTS_HTTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct client_answer {
    unsigned code;      /* 0: the connection ended, or nothing came in time */
    char *head;         /* status line and header lines, NUL-terminated */
    uint8_t *body;      /* by Content-Length, or chunks joined; NUL-terminated besides */
    size_t body_size;
} client_answer;

/* A socket that listens on a free loopback port. */
int client_listen(uint16_t *port);
/* -1 when refused. Reads give up after timeout_ms. */
int client_connect(uint16_t port, int timeout_ms);
bool client_send(int fd, const void *bytes, size_t size);
/* One answer, headers and body. has_body false after HEAD. */
client_answer client_receive(int fd, bool has_body);
void client_answer_free(client_answer *answer);
/* The value of a header line, copied into out; false when there is none. */
bool client_header(const client_answer *answer, const char *name, char *out, size_t out_size);
/* One GET on a connection of its own. headers: further lines, each with CRLF; "" for none. */
client_answer client_get(uint16_t port, const char *target, const char *headers);
/* Has the other side closed? Reads away what still comes. */
bool client_is_closed(int fd);

#endif
