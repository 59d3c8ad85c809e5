/* world.h - a cache in a new directory with a bridge on it, for tests. */
#ifndef KH_TESTS_BRIDGE_WORLD_H
#define KH_TESTS_BRIDGE_WORLD_H

#include "pacs-bridge/bridge.h"
#include "cache/pulls.h"

typedef struct world {
    char dir[64], data_dir[80], port_text[8];
    uint16_t port;
    int listen_fd;
    kh_cache *cache;
    kh_bridge *bridge;
    kh_bridge_options options;
} world;

/* Made with short deadlines and retries; the bridge is started by world_start_bridge(). */
void world_make(world *it);
void world_start_bridge(world *it);
void world_stop_bridge(world *it);
void world_free(world *it);
/* A node; port 0: it only calls. */
int64_t world_add_node(world *it, const char *name, const char *ae_title, uint16_t port, bool may_store);
int64_t world_count_objects(world *it);
/* Wait until so many are here. */
void world_await_objects(world *it, int64_t count);
/* Nothing is left of what was refused or broken off. */
void world_assert_nothing_incoming(const world *it);
/* Wait until the job has ended; its last state. */
kh_pull world_await_pull(world *it, int64_t pull_id, int timeout_ms);
/* The same, but no delay between two attempts is waited for: the wall clock is moved to its end. */
kh_pull world_await_pull_injected(world *it, int64_t pull_id, int timeout_ms);
/* Wait until the job is in this state. */
kh_pull world_await_state(world *it, int64_t pull_id, kh_pull_state state, int timeout_ms);
/* The queue looks for due jobs now. */
void world_kick(world *it);

#endif
