#include "app/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

/* Associations and connections that wait while a role is being started again. */
#define BACKLOG 256

kh_status kh_address_parse(uint32_t *out, const char *text, kh_error *err)
{
    struct in_addr address;

    if (inet_pton(AF_INET, text, &address) != 1)
        return kh_error_set(err, KH_E_ARG, "\"%.64s\", expected an IPv4 address such as 127.0.0.1", text);
    *out = ntohl(address.s_addr);
    return KH_OK;
}

bool kh_address_is_loopback(uint32_t address)
{
    return address >> 24 == 127;
}

static kh_status bind_and_listen(int fd, uint32_t address, uint16_t port, uint16_t *port_used, kh_error *err)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(address)}};
    socklen_t size = sizeof name;
    int on = 1;

    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0)
        return kh_error_errno(err, errno, "socket");
    if (bind(fd, (const struct sockaddr *)&name, sizeof name) != 0) {
        if (errno == EADDRINUSE)
            return kh_error_set(err, KH_E_BUSY, "port %u is taken by another program", (unsigned)port);
        return kh_error_errno(err, errno, "bind to port %u", (unsigned)port);
    }
    if (listen(fd, BACKLOG) != 0 || getsockname(fd, (struct sockaddr *)&name, &size) != 0)
        return kh_error_errno(err, errno, "listen on port %u", (unsigned)port);
    *port_used = ntohs(name.sin_port);
    return KH_OK;
}

kh_status kh_listener_open(int *fd, const char *address, uint16_t port, uint16_t *port_used, kh_error *err)
{
    uint32_t parsed = 0;
    kh_status status;
    int opened;

    *fd = -1;
    status = kh_address_parse(&parsed, address, err);
    if (status != KH_OK)
        return status;
    opened = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (opened < 0)
        return kh_error_errno(err, errno, "socket");
    status = bind_and_listen(opened, parsed, port, port_used, err);
    if (status == KH_OK) {
        *fd = opened;
        return KH_OK;
    }
    close(opened);
    return kh_error_prefix(err, "%s", address);
}
