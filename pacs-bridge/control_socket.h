/* control_socket.h - lines over a local stream socket, each whole or not at all. */
#ifndef KH_PACS_BRIDGE_CONTROL_SOCKET_H
#define KH_PACS_BRIDGE_CONTROL_SOCKET_H

#include <sys/socket.h>
#include <sys/un.h>
#include "base/buf.h"
#include "dicom/shim/stop.h"

/* The address of DIR/run/bridge.sock. A DIR too long for a socket address is reached through *dir_fd, which the caller closes after bind or
 * connect (-1: not needed). */
KH_MUST_USE kh_status kh_control_address(struct sockaddr_un *out, int *dir_fd, const char *dir, kh_error *err);

/* Move the first line out of pending (without its end) into line. False when there is none yet. */
bool kh_control_take_line(kh_buf *pending, kh_buf *line);
/* Read once into pending, waiting until deadline_ms. KH_E_PEER when the other side closed. */
KH_MUST_USE kh_status kh_control_read(int fd, kh_buf *pending, const kh_stop *stop, int64_t deadline_ms, kh_error *err);
/* Write all of text and a line end. */
KH_MUST_USE kh_status kh_control_write(int fd, const char *text, size_t size, const kh_stop *stop, int64_t deadline_ms, kh_error *err);

#endif
