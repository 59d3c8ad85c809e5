/* node_check.h - is what is said of a node possible, and who is meant by a call? Threads: pure functions. */
#ifndef KH_CACHE_NODE_CHECK_H
#define KH_CACHE_NODE_CHECK_H

#include "base/nets.h"
#include "cache/nodes.h"

/* KH_E_ARG with the field, what was expected of it. */
KH_MUST_USE kh_status kh_node_check(const kh_node *node, kh_error *err);
/* PS3.5 6.2 AE: the default repertoire without backslash and control characters; not all spaces; ours have none at the ends. */
bool kh_ae_title_valid(const char *title);

/* Is the fingerprint (SHA-256, 64 of [0-9a-f]) one of those bound to the node? */
bool kh_node_has_certificate(const kh_node *node, const char *fingerprint);

#endif
