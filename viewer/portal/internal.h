/* internal.h - what the files of viewer/portal share. */
#ifndef KH_VIEWER_PORTAL_INTERNAL_H
#define KH_VIEWER_PORTAL_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include "base/json.h"
#include "base/pool.h"
#include "store/page.h"
#include "viewer/http/http.h"
#include "access/reach.h"
#include "viewer/portal/portal.h"
#include "cache/browse.h"
#include "cache/pulls.h"
#include "viewer/tiles/ahead.h"
#include "viewer/tiles/tiles.h"

typedef struct kh_waits kh_waits; /* waits.h */
typedef struct kh_portal_recorded kh_portal_recorded;
typedef struct kh_portal_door kh_portal_door;
typedef struct kh_portal_hidden kh_portal_hidden;

#define KH_PORTAL_OPENED_MAX 4096 /* studies that are remembered to be open somewhere; beyond, the oldest is forgotten */

#define KH_PORTAL_MARKED_MAX 256

/* A study that was shown to a session or token: when it closes each of its event streams is told. */
typedef struct kh_portal_opened {
    int64_t visitor, study_id; /* kh_subject_visitor(); 0: none */
    uint64_t shut;             /* epoch in which it was found closed; 0: it is open */
} kh_portal_opened;

/* One open event stream. */
typedef struct kh_subscriber {
    struct kh_subscriber *previous, *next; /* portal->subscribers_lock */
    kh_portal *portal;
    kh_http_stream *stream;
    uint64_t seq; /* of the last event it was sent; events thread, under the lock */
    uint64_t number;    /* of this stream, from 1 */
    uint64_t epoch;     /* that it was last looked at in; events thread, under the lock */
    bool again;         /* it came with a Last-Event-ID: its lists may be of before */
    uint64_t reach;     /* sum of what its subject may find; 0: not known; events thread, under the lock */
    kh_subject subject; /* while accounts are on */
} kh_subscriber;

struct kh_portal {
    kh_portal_options options;
    char role_names[KH_PAGE_ROLES_MAX][16]; /* "" where there is none */
    char version[32];
    kh_cache *cache;
    kh_tiles *tiles;
    kh_ahead *ahead;         /* NULL: nothing is decoded ahead */
    kh_blobcache *manifests; /* encoded stack manifests */
    kh_waits *waits;         /* how long readers waited */
    kh_pool *workers;        /* what reads the index: never on an HTTP thread */
    kh_pool *batchers;       /* what waits for the tiles of batches */
    kh_pool *measurers;      /* what takes numbers from pixels: may decode */
    kh_pool *askers;         /* what waits for the bridge: lists do not wait behind it */
    kh_http_server *server;
    kh_portal_recorded *recorded; /* contexts of routes */
    kh_portal_door *doors;        /* likewise, of their guard */

    pthread_mutex_t opened_lock; /* guards the next two */
    kh_portal_opened opened[KH_PORTAL_OPENED_MAX]; /* a ring; visitor 0: none */
    size_t opened_next;

    pthread_mutex_t marked_lock; /* guards the next three */
    int64_t marked[KH_PORTAL_MARKED_MAX]; /* studies whose marks changed, not told yet */
    size_t marked_count;
    bool marked_more; /* there was no room: everybody looks anew */

    pthread_t events_thread;
    bool events_started;
    atomic_bool events_stop;
    pthread_mutex_t subscribers_lock; /* guards the next two */
    kh_subscriber *subscribers;
    unsigned subscriber_count;
    uint64_t subscriber_number; /* of the last one; the lock above */
};

/* portal.c: run work, whose context is the portal, on a worker: kh_http_later(). */
void kh_portal_later(kh_portal *portal, kh_http_request *request, kh_http_work *work);
/* The same for work that asks the bridge. */
void kh_portal_ask_later(kh_portal *portal, kh_http_request *request, kh_http_work *work);

/* recorded.c: the routes that show or change something lead to their handlers through the recorder. */
KH_MUST_USE kh_status kh_portal_record_routes(kh_portal *portal, kh_http_route *routes, size_t count, kh_error *err);

/* portal.c: the addresses that the portal serves itself; at most KH_PORTAL_ROUTES_MAX. */
#define KH_PORTAL_ROUTES_MAX 64
size_t kh_portal_own_routes(kh_portal *portal, kh_http_route out[KH_PORTAL_ROUTES_MAX]);

#define KH_PORTAL_ABSENT "no such study, series or object" /* as the guard says it */

/* guarded.c: what an address is about. */
typedef enum kh_portal_about {
    KH_PORTAL_SERIES,    /* the series of the segment */
    KH_PORTAL_STUDY,     /* the study of the segment */
    KH_PORTAL_ROWS,      /* whoever is signed in; rows are decided one by one, and there may be none */
    KH_PORTAL_PAGE,      /* the shell of a page: whoever is signed in, with the session locked, too */
    KH_PORTAL_OPERATION, /* who runs the service */
    KH_PORTAL_LOCAL,     /* the same, and whoever asks on this machine: nothing of a patient is in it */
    KH_PORTAL_OPEN       /* everybody */
} kh_portal_about;

typedef struct kh_portal_guarded {
    const char *method, *pattern;
    kh_portal_about about;
    kh_verb verb;
    kh_kind kind;
    const char *segment;
} kh_portal_guarded;
/* NULL: refused while accounts are on. */
const kh_portal_guarded *kh_portal_guarded_find(const char *method, const char *pattern);
/* The routes lead to their handlers by the guard; nothing changes while accounts are off. After kh_portal_record_routes(). */
KH_MUST_USE kh_status kh_portal_guard_routes(kh_portal *portal, kh_http_route *routes, size_t count, kh_error *err);
/* What who asks may reach; *out NULL: everything, accounts are off. On a worker. */
KH_MUST_USE kh_status kh_portal_reach(kh_portal *portal, const kh_http_request *request, kh_verb verb, kh_reach_kind kind, kh_reach **out,
                                      kh_error *err);
/* An answer of a series that goes on for a while; *out NULL: accounts are off. */
KH_MUST_USE kh_status kh_portal_watch_series(kh_portal *portal, const kh_http_request *request, int64_t series_id, kh_watched **out,
                                             kh_error *err);
/* Of rights, 0 while accounts are off; may who asked at that epoch still see the series? The latter may wait for access.db. */
uint64_t kh_portal_epoch(const kh_portal *portal);
bool kh_portal_still(kh_portal *portal, const kh_http_request *request, int64_t series_id, uint64_t epoch);

/* told.c: what of the events somebody is told, and what was shut. */
void kh_portal_note_opened(kh_portal *portal, const kh_http_request *request, int64_t study_id);
KH_MUST_USE kh_status kh_portal_may_be_told(kh_portal *portal, const kh_subject *subject, int kind, int64_t id, bool *may, kh_error *err);
/* "closed" events of what was open and is not any more, for a stream that was looked at last in the epoch since and is so now in now. since
 * UINT64_MAX: in none. */
KH_MUST_USE kh_status kh_portal_put_closed(kh_portal *portal, const kh_subject *subject, uint64_t since, uint64_t now, kh_buf *text,
                                           kh_error *err);
/* told_reach.c: whose studies and series disclosers hide now, for the sums of all who listen. NULL: it cannot be read now. */
kh_portal_hidden *kh_portal_hidden_read(kh_portal *portal);
void kh_portal_hidden_free(kh_portal_hidden *hidden);
/* A sum of what the subject may find, that differs when it does; never 0. 0: it cannot be read now. */
uint64_t kh_portal_reach_sum(kh_portal *portal, const kh_portal_hidden *hidden, const kh_subject *subject);

/* The same of one study's pictures. */
KH_MUST_USE kh_status kh_portal_may_view(kh_portal *portal, const kh_subject *subject, int64_t study_id, bool *may, kh_error *err);

/* marks_told.c: marks of the study changed; what was noted goes to the streams of who may see the study, on the events thread. */
void kh_portal_note_marked(kh_portal *portal, int64_t study_id);
void kh_portal_tell_marked(kh_portal *portal, kh_buf *text);

/* json_answer.c. An answer as JSON of at most so many bytes: begun, written with json, ended; released by that. When writing it failed that is
 * answered instead. Compressed when that pays and the client takes it; not to be stored. */
typedef struct kh_portal_answer {
    unsigned code; /* of HTTP; 200 unless it is set */
    kh_buf body;
    kh_json_writer json;
} kh_portal_answer;
void kh_portal_answer_begin(kh_portal_answer *answer, size_t most);
/* status: of what was written, err: why it is not KH_OK. */
void kh_portal_answer_end(kh_portal_answer *answer, kh_http_request *request, kh_status status, const kh_error *err);
/* A number, or null when it is the one that says "not told". */
void kh_portal_put_int_or_null(kh_json_writer *json, const char *key, int64_t value, int64_t not_told);
void kh_portal_put_double_or_null(kh_json_writer *json, const char *key, double value, double not_told);

/* handlers; context is the portal */
kh_http_handler kh_portal_studies, kh_portal_study, kh_portal_stack, kh_portal_recall, kh_portal_pulls, kh_portal_events, kh_portal_tile,
    kh_portal_batch, kh_portal_demo, kh_portal_health, kh_portal_metrics, kh_portal_waited, kh_portal_page, kh_portal_asset,
    kh_portal_invoke, kh_portal_invoke_list;
#define KH_PORTAL_QUALITY 80 /* of pictures that are asked for without one */
/* The shell of every page. kept: its Cache-Control. */
void kh_portal_answer_page(kh_http_request *request, const char *kept);

/* picture.c: a picture to be taken along, and what it is for, NULL when the request names no such purpose. */
kh_http_handler kh_portal_picture;
const char *kh_portal_purpose(const kh_http_request *request);

/* tile_address.c: the key that the address of a tile names; the part of it that the query says, how a tile is shown; one
 * "object-frame/level/column/row" of a list, after which *text goes on. Whether there is such a tile is found when it is made. */
KH_MUST_USE kh_status kh_portal_tile_key(const kh_portal *portal, const kh_http_request *request, kh_tile_key *key, kh_error *err);
KH_MUST_USE kh_status kh_portal_tile_view(const kh_portal *portal, const kh_http_request *request, kh_tile_key *key, kh_error *err);
/* The presentation state that the query names; 0 and 0: none. */
KH_MUST_USE kh_status kh_portal_tile_state(const kh_http_request *request, int64_t *series_id, int64_t *object_id, kh_error *err);
KH_MUST_USE bool kh_portal_tile_place(const char **text, kh_tile_key *key);

/* pulls.c: the members of a pull as both the lists and the event stream give them; those of a row of a list; a time */
void kh_portal_put_pull(kh_json_writer *json, const kh_pull *pull);
void kh_portal_put_pull_row(kh_json_writer *json, const kh_pull *pull);
void kh_portal_put_when(kh_json_writer *json, const char *key, int64_t wall_ms);

/* stack.c: "patient", "detector" or "none" */
const char *kh_portal_spacing_text(kh_spacing_source source);

/* studies.c: the member "patient"; the members of a study, whose object the caller opens and closes */
void kh_portal_put_patient(kh_json_writer *json, const kh_patient *patient);
KH_MUST_USE kh_status kh_portal_put_study(kh_portal *portal, kh_json_writer *json, const kh_study *study, kh_error *err);

/* events.c */
KH_MUST_USE kh_status kh_portal_events_start(kh_portal *portal, kh_error *err);
void kh_portal_events_stop(kh_portal *portal);
/* On the events thread: the next stream behind number, as it stands now; what was found out about a stream, text NULL: it ends. */
bool kh_portal_next_stream(kh_portal *portal, uint64_t number, kh_subscriber *out);
void kh_portal_send_to(kh_portal *portal, const kh_subscriber *about, const kh_buf *text);

#endif
