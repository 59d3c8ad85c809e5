/* node_hours.h - the hours in which a node may be asked, or may call, in the local time of this machine.
 *
 * Windows separated by commas, each "HH:MM-HH:MM", with days before it when it is not for all of them:
 *     18:00-07:00                     every night; it belongs to the day on which it begins
 *     mon-fri 18:00-07:00, sat, sun   nights of the week and the whole weekend
 * "" is always. An end of 24:00 is midnight. Threads: pure functions (the time zone is the process's). */
#ifndef KH_CACHE_NODE_HOURS_H
#define KH_CACHE_NODE_HOURS_H

#include <stdbool.h>
#include <stdint.h>
#include "cache/nodes.h"

/* KH_E_ARG with the window that is not understood. */
KH_MUST_USE kh_status kh_hours_check(const char *hours, kh_error *err);
/* when_ms: wall clock, milliseconds since 1970 UTC. Hours that are not understood are never open. */
bool kh_hours_open(const char *hours, int64_t when_ms);
/* The first minute from when_ms on in which the hours are open; when_ms itself when they are. A week ahead at most: -1 when never. */
int64_t kh_hours_next_open_ms(const char *hours, int64_t when_ms);

/* May we ask this node for something, or send to it, now? */
bool kh_node_open_now(const kh_node *node, int64_t when_ms);
/* When we may, see kh_hours_next_open_ms(). */
int64_t kh_node_opens_ms(const kh_node *node, int64_t when_ms);

#endif
