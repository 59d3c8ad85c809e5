#include "tests/http/client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include "base/buf.h"

#define ANSWER_BYTES_MAX (64u << 20)

int client_listen(uint16_t *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (bind(fd, (struct sockaddr *)&address, size) != 0 || listen(fd, 128) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) != 0)
        abort();
    *port = ntohs(address.sin_port);
    return fd;
}

int client_connect(uint16_t port, int timeout_ms)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};
    struct timeval limit = {.tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int on = 1;

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    close(fd);
    return -1;
}

bool client_send(int fd, const void *bytes, size_t size)
{
    const char *p = bytes;

    while (size > 0) {
        ssize_t n = send(fd, p, size, MSG_NOSIGNAL);

        if (n <= 0)
            return false;
        p += n;
        size -= (size_t)n;
    }
    return true;
}

static bool read_line(int fd, kh_buf *out)
{
    char c = 0;

    while (c != '\n') {
        if (recv(fd, &c, 1, 0) != 1 || kh_buf_append(out, &c, 1, NULL) != KH_OK)
            return false;
    }
    return true;
}

static bool read_bytes(int fd, kh_buf *out, size_t size)
{
    char block[16384];

    while (size > 0) {
        ssize_t n = recv(fd, block, size < sizeof block ? size : sizeof block, 0);

        if (n <= 0 || kh_buf_append(out, block, (size_t)n, NULL) != KH_OK)
            return false;
        size -= (size_t)n;
    }
    return true;
}

static bool read_chunks(int fd, kh_buf *out)
{
    for (;;) {
        kh_buf line;
        size_t size;
        bool ok;

        kh_buf_init(&line, 64);
        ok = read_line(fd, &line);
        size = strtoul(kh_buf_text(&line), NULL, 16);
        kh_buf_clear(&line);
        ok = ok && read_bytes(fd, out, size) && read_line(fd, &line);
        kh_buf_release(&line);
        if (!ok || size == 0)
            return ok;
    }
}

client_answer client_receive(int fd, bool has_body)
{
    client_answer answer = {.code = 0};
    kh_buf head, body;
    char value[64];
    bool ok = true;
    size_t before = 0;

    kh_buf_init(&head, 65536);
    kh_buf_init(&body, ANSWER_BYTES_MAX);
    do {
        before = head.size;
        ok = read_line(fd, &head);
    } while (ok && head.size - before > 2);
    answer.head = (char *)kh_buf_take(&head, &before);
    if (ok && before > 12 && strncmp(answer.head, "HTTP/1.1 ", 9) == 0)
        answer.code = (unsigned)atoi(answer.head + 9);
    if (answer.code == 0 || !has_body || answer.code == 304 || answer.code == 100)
        ;
    else if (client_header(&answer, "Content-Length", value, sizeof value))
        ok = read_bytes(fd, &body, strtoul(value, NULL, 10));
    else if (client_header(&answer, "Transfer-Encoding", value, sizeof value))
        ok = read_chunks(fd, &body);
    if (!ok)
        answer.code = 0;
    answer.body = kh_buf_take(&body, &answer.body_size);
    return answer;
}

void client_answer_free(client_answer *answer)
{
    free(answer->head);
    free(answer->body);
    *answer = (client_answer){.code = 0};
}

bool client_header(const client_answer *answer, const char *name, char *out, size_t out_size)
{
    size_t size = strlen(name);

    for (const char *line = answer->head ? strstr(answer->head, "\r\n") : NULL; line; line = strstr(line, "\r\n")) {
        line += 2;
        if (strncasecmp(line, name, size) != 0 || line[size] != ':')
            continue;
        line += size + 1;
        line += strspn(line, " ");
        snprintf(out, out_size, "%.*s", (int)strcspn(line, "\r"), line);
        return true;
    }
    return false;
}

client_answer client_get(uint16_t port, const char *target, const char *headers)
{
    client_answer answer = {.code = 0};
    kh_buf text;
    int fd = client_connect(port, 60000);

    kh_buf_init(&text, 1 << 20);
    if (fd >= 0 && kh_buf_appendf(&text, NULL, "GET %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n", target, headers) == KH_OK &&
        client_send(fd, text.data, text.size))
        answer = client_receive(fd, true);
    kh_buf_release(&text);
    if (fd >= 0)
        close(fd);
    return answer;
}

bool client_is_closed(int fd)
{
    char block[4096];
    ssize_t n;

    while ((n = recv(fd, block, sizeof block, 0)) > 0)
        ;
    return n == 0;
}
