/* internal.h - what the files of viewer/portal share. */
#ifndef KH_VIEWER_PORTAL_INTERNAL_H
#define KH_VIEWER_PORTAL_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include "base/json.h"
#include "base/pool.h"
#include "store/page.h"
#include "viewer/http/http.h"
#include "viewer/portal/portal.h"
#include "cache/browse.h"
#include "cache/pulls.h"
#include "viewer/tiles/ahead.h"
#include "viewer/tiles/tiles.h"

typedef struct kh_portal_recorded kh_portal_recorded;
typedef struct kh_portal_guarded kh_portal_guarded;

/* One open event stream. */
typedef struct kh_subscriber {
    struct kh_subscriber *previous, *next; /* portal->subscribers_lock */
    kh_portal *portal;
    kh_http_stream *stream;
    uint64_t seq; /* of the last event it was sent; events thread, under the lock */
} kh_subscriber;

struct kh_portal {
    kh_portal_options options;
    char role_names[KH_PAGE_ROLES_MAX][16]; /* "" where there is none */
    char version[32];
    kh_cache *cache;
    kh_tiles *tiles;
    kh_ahead *ahead;         /* NULL: nothing is decoded ahead */
    kh_blobcache *manifests; /* encoded stack manifests */
    kh_pool *workers;        /* what reads the index: never on an HTTP thread */
    kh_pool *batchers;       /* what waits for the tiles of batches */
    kh_pool *askers;         /* what waits for the bridge: lists do not wait behind it */
    kh_http_server *server;
    kh_portal_recorded *recorded; /* contexts of routes */
    kh_portal_guarded *guarded;   /* the same of the door */

    pthread_t events_thread;
    bool events_started;
    atomic_bool events_stop;
    pthread_mutex_t subscribers_lock; /* guards the next two */
    kh_subscriber *subscribers;
    unsigned subscriber_count;
};

/* portal.c: run work, whose context is the portal, on a worker: kh_http_later(). */
void kh_portal_later(kh_portal *portal, kh_http_request *request, kh_http_work *work);
/* The same for work that asks the bridge. */
void kh_portal_ask_later(kh_portal *portal, kh_http_request *request, kh_http_work *work);

/* recorded.c: the routes that show or change something lead to their handlers through the recorder. */
KH_MUST_USE kh_status kh_portal_record_routes(kh_portal *portal, kh_http_route *routes, size_t count, kh_error *err);

/* guarded.c: every route leads through the door but those that are open by name. */
KH_MUST_USE kh_status kh_portal_guard_routes(kh_portal *portal, kh_http_route *routes, size_t count, kh_error *err);

/* json_answer.c. An answer as JSON, compressed when that pays and the client takes it; not to be stored. body is released. */
void kh_portal_answer_json(kh_http_request *request, kh_buf *body, kh_json_writer *json);
/* A number, or null when it is the one that says "not told". */
void kh_portal_put_int_or_null(kh_json_writer *json, const char *key, int64_t value, int64_t not_told);
void kh_portal_put_double_or_null(kh_json_writer *json, const char *key, double value, double not_told);

/* handlers; context is the portal */
kh_http_handler kh_portal_studies, kh_portal_study, kh_portal_stack, kh_portal_recall, kh_portal_pulls, kh_portal_events, kh_portal_tile, kh_portal_batch,
    kh_portal_health, kh_portal_metrics, kh_portal_page, kh_portal_open_page, kh_portal_asset, kh_portal_invoke, kh_portal_invoke_list;

/* tile_address.c: the key that the address of a tile names; the part of it that the query says, how a tile is shown; one
 * "object-frame/level/column/row" of a list, after which *text goes on. Whether there is such a tile is found when it is made. */
KH_MUST_USE kh_status kh_portal_tile_key(const kh_portal *portal, const kh_http_request *request, kh_tile_key *key, kh_error *err);
KH_MUST_USE kh_status kh_portal_tile_view(const kh_portal *portal, const kh_http_request *request, kh_tile_key *key, kh_error *err);
KH_MUST_USE bool kh_portal_tile_place(const char **text, kh_tile_key *key);

/* pulls.c: the members of a pull as both the lists and the event stream give them; those of a row of a list; a time */
void kh_portal_put_pull(kh_json_writer *json, const kh_pull *pull);
void kh_portal_put_pull_row(kh_json_writer *json, const kh_pull *pull);
void kh_portal_put_when(kh_json_writer *json, const char *key, int64_t wall_ms);

/* studies.c: the member "patient"; the members of a study, whose object the caller opens and closes */
void kh_portal_put_patient(kh_json_writer *json, const kh_patient *patient);
KH_MUST_USE kh_status kh_portal_put_study(kh_portal *portal, kh_json_writer *json, const kh_study *study, kh_error *err);

/* events.c */
KH_MUST_USE kh_status kh_portal_events_start(kh_portal *portal, kh_error *err);
void kh_portal_events_stop(kh_portal *portal);

#endif
