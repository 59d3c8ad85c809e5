/* dicomweb.h - the cache as a DICOMweb origin server (PS3.18): docs/http-api.md. Its routes are served by the portal's HTTP server.
 * Threads of its own: a pool that reads the index and the files. */
#ifndef KH_VIEWER_DICOMWEB_DICOMWEB_H
#define KH_VIEWER_DICOMWEB_DICOMWEB_H

#include "cache/cache.h"
#include "cache/ingest.h"
#include "dicom/codec/codec.h"
#include "viewer/guard/guard.h"
#include "viewer/http/http.h"
#include "viewer/record/record.h"
#include "viewer/watch/watch.h"

#define KH_DICOMWEB_PATH "/dicomweb"

typedef struct kh_dicomweb kh_dicomweb;

typedef struct kh_dicomweb_options {
    kh_cache *cache;   /* borrowed until stop; a reader will do */
    kh_recorder *recorder; /* borrowed until stop; NULL: nothing is recorded */
    kh_codec *codec;   /* borrowed; NULL: nothing is decoded */
    unsigned threads;  /* 1 to 64 */
    size_t queue_max;  /* requests waiting; more answer 503 */
    /* As kh_portal_options.recall: fetch what of a study is at its hospital. NULL: nobody can. */
    kh_status (*recall)(void *context, int64_t study_id, int64_t *pull_id, kh_error *err);
    void *recall_context;
    uint64_t anew_bytes_max; /* on the disk at once, of objects that are written in another form to be sent */
    unsigned answers_max;    /* sent at once: as many as there are connections */
    unsigned painter_threads; /* 1 to 64: pictures made at once */
    size_t painter_queue_max; /* pictures waiting; more answer 503 */
    uint32_t viewport_max;    /* longest side that is asked for, pixels; to 8,192 */
    const char *font_file;    /* for what is burned into pictures; borrowed until stop. No font there: such wishes are answered with a warning */
    const char *public_address; /* "https://images.example", where clients find us; NULL or "": the Host they name. Borrowed until stop */
    /* Borrowed until stop; all NULL while accounts are off, none while they are on: then there are no tokens of a file. */
    kh_guard *guard;
    kh_rights *rights;
    kh_watch *watch;
    /* A study, or a series of it, is shown to who asks. On the thread that decides; NULL: nobody wants to know. */
    void (*opened)(void *context, const kh_http_request *request, int64_t study_id);
    void *opened_context;
    /* Give a file of incoming/ to the owner of the cache (pacs-bridge/control.h, object.adopt). facility: whose it is; NULL: of [dicomweb]
     * facility.
     * May wait; called by several threads. NULL: nothing can be stored. */
    kh_status (*adopt)(void *context, const char *name, const char *facility, kh_ingest_result *result, kh_error *err);
    void *adopt_context;
    const char *tokens;   /* kh_admission_create(); NULL or "": none; refused while accounts are on */
    const char *origins;  /* likewise */
    int64_t results_max;  /* of one search */
    int64_t compared_max; /* rows of the index that one search compares only to tell how many results are left */
    uint64_t memory_max;  /* bytes of results and metadata on their way, all requests together; more answer 503 */
    unsigned carrier_threads;   /* 1 to 64: they read what goes out piece by piece */
    unsigned uploader_threads;  /* 1 to 64: they write what comes in; a sender waits for the disk most of the time */
    unsigned uploads_max;       /* requests that store at once, 1 to 64; more answer 503 */
    uint64_t upload_bytes_max;  /* of one request that stores */
    unsigned parts_max;         /* of one request that stores, and data sets in it */
    size_t metadata_bytes_max;  /* text of a data set that is stored as metadata and bulk data */
} kh_dicomweb_options;
/* 2 threads, 256 requests waiting, 10,000 results, 1,000 rows compared, 512 MiB of results and metadata; 2 that paint, 256 pictures
 * waiting, sides to 4,096; 8 that store, of 16 GiB and 20,000 parts, data sets of 16 MiB of text; 4 GiB written to be sent,
 * 1,024 answers. cache and codec are the caller's to set. */
extern const kh_dicomweb_options kh_dicomweb_options_default;

/* One resource, from the tables that serve it. All texts live as long as the program. */
#define KH_DICOMWEB_TYPES_MAX 32
#define KH_DICOMWEB_NAMES_MAX 96
typedef struct kh_dicomweb_description {
    const char *path; /* behind "/dicomweb/" */
    const char *method;
    const char *takes[KH_DICOMWEB_TYPES_MAX]; /* media types of a body */
    size_t take_count;
    const char *types[KH_DICOMWEB_TYPES_MAX]; /* of answers, where what is asked for has that form */
    size_t type_count;
    const char *parameters[KH_DICOMWEB_NAMES_MAX]; /* from key_from on keys of a search */
    size_t parameter_count, key_from;
} kh_dicomweb_description;
/* False behind the last one. */
bool kh_dicomweb_describe(size_t index, kh_dicomweb_description *out);

KH_MUST_USE kh_status kh_dicomweb_start(kh_dicomweb **out, const kh_dicomweb_options *options, kh_error *err);
/* After the HTTP server has stopped. NULL is welcome. */
void kh_dicomweb_stop(kh_dicomweb *dicomweb);
/* Its routes, for the server; valid until stop. */
const kh_http_route *kh_dicomweb_routes(const kh_dicomweb *dicomweb, size_t *count);

#endif
