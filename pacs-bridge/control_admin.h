/* control_admin.h - the requests of the control socket of those who look after the service: nodes asked, associations and refusals. */
#ifndef KH_PACS_BRIDGE_CONTROL_ADMIN_H
#define KH_PACS_BRIDGE_CONTROL_ADMIN_H

#include "pacs-bridge/control_ops.h"

/* False when the name is none of these; else *status is set, and the answer's members are written when it is KH_OK. */
bool kh_control_admin_op(const kh_control_server *server, const char *name, const kh_json *request, kh_json_writer *answer,
                         kh_status *status, kh_error *err);

#endif
