/* node_json.h - a node as the control socket carries it, both ways. Members are named as the fields of kh_node; what is absent is "", 0 or
 * no, but may_store is yes. Threads: pure functions. */
#ifndef KH_PACS_BRIDGE_NODE_JSON_H
#define KH_PACS_BRIDGE_NODE_JSON_H

#include "base/json.h"
#include "cache/nodes.h"

/* Members of the object that stands open. */
void kh_node_json_put(kh_json_writer *writer, const kh_node *node);
/* KH_E_ARG for what does not fit its field; what does not make sense is left to kh_node_add(). */
KH_MUST_USE kh_status kh_node_json_get(kh_node *out, const kh_json *json, kh_error *err);

#endif
