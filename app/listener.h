/* listener.h - TCP sockets that listen on IPv4 addresses. Threads: any. */
#ifndef KH_APP_LISTENER_H
#define KH_APP_LISTENER_H

#include <stdbool.h>
#include <stdint.h>
#include "base/error.h"

#define KH_LOOPBACK "127.0.0.1"

/* "127.0.0.1" in host byte order. KH_E_ARG otherwise. */
KH_MUST_USE kh_status kh_address_parse(uint32_t *out, const char *text, kh_error *err);
/* 127.0.0.0/8. */
bool kh_address_is_loopback(uint32_t address);

/* Bound and listening, closed on exec, non-blocking. port 0: any free one; *port_used tells which. close(2) it.
 * KH_E_BUSY when the port is taken. */
KH_MUST_USE kh_status kh_listener_open(int *fd, const char *address, uint16_t port, uint16_t *port_used, kh_error *err);

#endif
