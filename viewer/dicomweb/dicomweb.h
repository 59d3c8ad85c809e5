/* dicomweb.h - the cache as a DICOMweb origin server (PS3.18): docs/http-api.md. Its routes are served by the portal's HTTP server.
 * Threads of its own: a pool that reads the index and the files. */
#ifndef KH_VIEWER_DICOMWEB_DICOMWEB_H
#define KH_VIEWER_DICOMWEB_DICOMWEB_H

#include "cache/cache.h"
#include "dicom/codec/codec.h"
#include "viewer/http/http.h"

#define KH_DICOMWEB_PATH "/dicomweb"

typedef struct kh_dicomweb kh_dicomweb;

typedef struct kh_dicomweb_options {
    kh_cache *cache;   /* borrowed until stop; a reader will do */
    kh_codec *codec;   /* borrowed; NULL: nothing is decoded */
    unsigned threads;  /* 1 to 64 */
    size_t queue_max;  /* requests waiting; more answer 503 */
} kh_dicomweb_options;
/* 2 threads, 256 requests waiting. cache and codec are the caller's to set. */
extern const kh_dicomweb_options kh_dicomweb_options_default;

KH_MUST_USE kh_status kh_dicomweb_start(kh_dicomweb **out, const kh_dicomweb_options *options, kh_error *err);
/* After the HTTP server has stopped. NULL is welcome. */
void kh_dicomweb_stop(kh_dicomweb *dicomweb);
/* Its routes, for the server; valid until stop. */
const kh_http_route *kh_dicomweb_routes(const kh_dicomweb *dicomweb, size_t *count);

#endif
