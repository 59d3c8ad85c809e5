/* control_queue.h - the requests of the control socket that are about queues and rules; the protocol is in control.h.
 * Threads: the control server's. */
#ifndef KH_PACS_BRIDGE_CONTROL_QUEUE_H
#define KH_PACS_BRIDGE_CONTROL_QUEUE_H

#include "pacs-bridge/control_ops.h"

/* Run the operation of this name. false: there is none here. */
bool kh_control_queue_op(const kh_control_server *server, const char *name, const kh_json *request, kh_json_writer *answer,
                         kh_status *status, kh_error *err);

#endif
