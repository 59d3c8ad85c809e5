/* portal.h - our browser's face over HTTP: docs/http-api.md. The web role starts one over its reader of the cache.
 * Threads of its own: HTTP, rendering, one that carries events to the open streams. */
#ifndef KH_VIEWER_PORTAL_PORTAL_H
#define KH_VIEWER_PORTAL_PORTAL_H

#include "base/buf.h"
#include "cache/cache.h"
#include "cache/ingest.h"
#include "dicom/codec/codec.h"
#include "reading/reading.h"
#include "viewer/guard/guard.h"
#include "viewer/http/http.h"
#include "viewer/record/record.h"
#include "viewer/watch/watch.h"

typedef struct kh_portal kh_portal;

typedef struct kh_portal_options {
    kh_cache *cache;                      /* borrowed until stop; a reader will do */
    kh_codec *codec;                      /* borrowed; NULL: compressed pictures answer 422 */
    int listen_fd;                        /* bound and listening; taken over, closed at stop (not shut down) */
    bool loopback_hosts_only;             /* Host must be a loopback name, or one of door.names */
    kh_http_door door;
    unsigned http_threads, render_threads;
    unsigned connections_max, connections_per_address_max;
    unsigned idle_timeout_s;
    unsigned streams_max;                 /* open event streams */
    size_t render_queue_max;              /* tiles waiting; more answer 503 */
    uint64_t tile_bytes_max;              /* tile cache */
    uint64_t ahead_bytes_max;             /* frames decoded ahead of their readers (viewer/tiles/ahead.h); 0: none are */
    uint64_t manifest_bytes_max;          /* encoded stack manifests kept */
    const char *const *role_names;        /* name of page role i, NULL where there is none; role_count of them; copied */
    unsigned role_count;
    /* Ask the owner of the index to fetch what of a study is at its hospital; *pull_id is 0 when nothing is. May wait; called by a
     * worker's thread. NULL: that is not offered. */
    kh_status (*recall)(void *context, int64_t study_id, int64_t *pull_id, kh_error *err);
    void *recall_context;
    /* Give a file of incoming/ to the owner of the cache (pacs-bridge/control.h, object.adopt), as an object of the facility. May wait.
     * NULL: nothing is taken in. */
    kh_status (*adopt)(void *context, const char *name, const char *facility, kh_ingest_result *result, kh_error *err);
    void *adopt_context;
    kh_recorder *recorder;                /* viewer/record/record.h; borrowed until stop, which drains it; NULL: nothing is recorded */
    const char *version;                  /* of the program, for /health */
    /* Ask the owner of the cache: one JSON line, one JSON line back (pacs-bridge/control.h). Called by several threads; NULL: nobody is
     * asked, and what the operators' page wants of the bridge answers 503. */
    kh_status (*ask)(void *ask_context, const char *request, kh_buf *answer, int64_t timeout_ms, kh_error *err);
    void *ask_context;
    /* Served on the same port, after the portal's own; copied at start, their contexts live until after stop. */
    const kh_http_route *more_routes;
    size_t more_route_count;
    const char *open_below; /* kh_http_options */
    /* Borrowed until stop, which drains the guard; all NULL while accounts are off, none while they are on. */
    kh_guard *guard;
    kh_rights *rights;
    const char *font_file;  /* for the words on pictures that are taken along; NULL: none are given; borrowed until stop */
    const char *demo_accounts; /* file that the sign-in page of a demo shows; NULL or "": none; borrowed until stop */
    int64_t emergency_ms;   /* how long emergency access lasts */
    unsigned reader_roles;  /* sum of 1 << role: who reads others' images beside doctors and radiologists */
    kh_access *access; /* whose patients are looked up; NULL: that is not offered */
    kh_watch *watch;
    kh_reading *reading; /* marks and settings; borrowed until stop; NULL: they are not offered */
} kh_portal_options;
/* Loopback only; 2 HTTP and 2 render threads, 1,024 connections, 512 per address, 30 s, 128 streams, 512 tiles waiting,
 * 512 MiB of tiles, 64 MiB of manifests, nothing decoded ahead, no roles. cache, codec and listen_fd are the caller's to set. */
extern const kh_portal_options kh_portal_options_default;

KH_MUST_USE kh_status kh_portal_start(kh_portal **out, const kh_portal_options *options, kh_error *err);
/* A study was shown to who asks by others of the same port: when it closes, his event streams are told. */
void kh_portal_opened_elsewhere(kh_portal *portal, const kh_http_request *request, int64_t study_id);
/* Listening ends, streams end, requests under way have drain_ms. NULL is welcome. */
void kh_portal_stop(kh_portal *portal, int64_t drain_ms);

#endif
