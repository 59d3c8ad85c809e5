/* control_ops.h - what each request of the control socket does. */
#ifndef KH_PACS_BRIDGE_CONTROL_OPS_H
#define KH_PACS_BRIDGE_CONTROL_OPS_H

#include "base/json.h"
#include "pacs-bridge/control.h"

typedef struct kh_control_server {
    kh_cache *cache;
    char facility_default[65];
    kh_control_pulls pulls; /* members NULL when nobody runs the queue */
} kh_control_server;

/* One request, one answer: a JSON object appended to answer, also for what fails. */
void kh_control_answer(const kh_control_server *server, const char *line, size_t size, kh_buf *answer);

#endif
