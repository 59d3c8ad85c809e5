/* internal.h - what the files of viewer/dicomweb share. */
#ifndef KH_VIEWER_DICOMWEB_INTERNAL_H
#define KH_VIEWER_DICOMWEB_INTERNAL_H

#include <stdatomic.h>
#include "access/reach.h"
#include "base/pool.h"
#include "viewer/dicomweb/admission.h"
#include "viewer/dicomweb/dicomweb.h"

/* Serves one resource, on an HTTP thread; what reads the index or a file does so later (kh_dicomweb_later()). */
typedef void kh_dicomweb_handler(kh_dicomweb *dicomweb, kh_http_request *request);

/* action: recorded before the handler is called; KH_AUDIT_ACTIONS: the handler does that itself, or there is nothing to tell. */
typedef struct kh_dicomweb_resource {
    const char *method, *pattern;
    kh_dicomweb_handler *handler;
    kh_audit_action action;
    bool each; /* every request is told, not one of a reader and series within [audit] group */
    kh_verb verb;
    kh_kind kind;
    bool rows; /* decided row by row: whoever is let in gets what there is for him */
} kh_dicomweb_resource;

/* Every resource there is; valid for ever. */
const kh_dicomweb_resource *kh_dicomweb_resources(size_t *count);

/* What a route's context points at. */
typedef struct kh_dicomweb_entry {
    kh_dicomweb *dicomweb;
    const kh_dicomweb_resource *resource;
    char allow[64]; /* the methods of its address */
} kh_dicomweb_entry;

struct kh_dicomweb {
    kh_dicomweb_options options;
    kh_cache *cache;
    kh_pool *workers;
    kh_pool *uploaders;        /* what is stored: those who read do not wait behind it */
    kh_pool *carriers;         /* what goes out piece by piece: a job for each answer under way */
    kh_pool *painting;         /* pictures */
    struct kh_painters *painters;
    atomic_ullong anew_bytes;  /* in files that are written to be sent */
    atomic_ullong held_bytes;  /* of results and metadata in memory, on their way: memory.c */
    atomic_uint upload_count;  /* requests that store now */
    atomic_ullong upload_number;
    kh_admission *admission;
    kh_dicomweb_entry *entries;
    kh_dicomweb_entry taken; /* an object by WADO-URI */
    kh_http_route *routes;
    size_t route_count;
};

/* Run work, whose context is the kh_dicomweb, on a worker. Header values that it needs beside Accept-Encoding and If-None-Match are
 * read before: kh_http_suspend(). */
void kh_dicomweb_later(kh_dicomweb *dicomweb, kh_http_request *request, kh_http_work *work);

/* address.c: what the URLs in answers begin with, "http://host:port/dicomweb"; an address without host when the request has none. Before
 * the request is suspended. */
#define KH_DICOMWEB_ADDRESS_SIZE 512
void kh_dicomweb_address(const kh_dicomweb *dicomweb, const kh_http_request *request, char out[KH_DICOMWEB_ADDRESS_SIZE]);

/* memory.c: results and metadata are counted while they are made and until they are sent, all requests together. KH_E_BUSY when that would
 * be more than options.memory_max. Threads: any. */
KH_MUST_USE kh_status kh_dicomweb_count(kh_dicomweb *dicomweb, size_t size, kh_error *err);
void kh_dicomweb_uncount(kh_dicomweb *dicomweb, size_t size);
/* A body that was counted, of malloc(); its release function frees and uncounts it, and itself. NULL: no memory; nothing was done. */
typedef struct kh_dicomweb_held {
    kh_dicomweb *dicomweb;
    uint8_t *bytes;
    size_t size, counted;
} kh_dicomweb_held;
kh_dicomweb_held *kh_dicomweb_hold(kh_dicomweb *dicomweb, uint8_t *bytes, size_t size, size_t counted);
void kh_dicomweb_let_go(void *held);

/* guarded.c: what who asks may reach; *out NULL: everything, accounts are off. On a worker. */
KH_MUST_USE kh_status kh_dicomweb_reach(kh_dicomweb *dicomweb, const kh_http_request *request, kh_verb verb, kh_reach_kind kind,
                                        kh_reach **out, kh_error *err);
/* The decision on a study or series that is named, then its record, then the handler with the entry; or the one answer to what is not there
 * and what is not open. uids: study, series, instance; NULL below the address. On a worker. */
void kh_dicomweb_decide(const kh_dicomweb_entry *entry, kh_http_request *request, const char *const uids[3], kh_http_handler *handler);
/* kh_http_answer_pieces() from the carriers, watched while accounts are on: it ends when its reader loses the right to do this with the
 * study or the series of the address; series_uid NULL or "": the study. */
void kh_dicomweb_answer_pieces(kh_dicomweb *dicomweb, kh_http_request *request, kh_verb verb, const char *study_uid, const char *series_uid,
                               unsigned code, const char *content_type, uint64_t size, const kh_http_producer *producer, void *context);

/* capabilities.c */
kh_dicomweb_handler kh_dicomweb_capabilities;
/* qido.c */
kh_dicomweb_handler kh_dicomweb_search;
/* stow.c */
kh_dicomweb_handler kh_dicomweb_store;
/* retrieve.c */
kh_dicomweb_handler kh_dicomweb_retrieve;
/* frames.c */
kh_dicomweb_handler kh_dicomweb_frames;
/* bulk.c */
kh_dicomweb_handler kh_dicomweb_bulk;
/* values.c */
kh_dicomweb_handler kh_dicomweb_values, kh_dicomweb_pixels;
/* metadata.c */
kh_dicomweb_handler kh_dicomweb_metadata;
/* rendered.c, thumbnail.c, wado_uri.c */
kh_dicomweb_handler kh_dicomweb_rendered, kh_dicomweb_thumbnail, kh_dicomweb_wado_uri;
/* Does it ask for the object itself, not for a picture of it? */
bool kh_wado_uri_takes(const kh_http_request *request);

#endif
