/* router.h - which route serves a target. A pattern is a path whose segments are literal text and {name} captures:
 * "/tiles/{series}/{object}-{frame}.jpg". A capture takes at least one byte, up to the first occurrence of the literal byte
 * behind it; "{name*}" as the last segment takes the rest of the path. The first route that fits wins.
 * Pure functions. */
#ifndef KH_VIEWER_HTTP_ROUTER_H
#define KH_VIEWER_HTTP_ROUTER_H

#include "viewer/http/http.h"
#include "viewer/http/target.h"

#define KH_ROUTE_CAPTURES_MAX 8
#define KH_ROUTE_ALLOW_SIZE 64

typedef enum kh_route_result {
    KH_ROUTE_FOUND,
    KH_ROUTE_NO_PATH,   /* 404 */
    KH_ROUTE_NO_METHOD  /* 405; allow says which there are */
} kh_route_result;

typedef struct kh_route_match {
    size_t route; /* index */
    size_t capture_count;
    struct {
        const char *name; /* in the pattern, name_size bytes */
        size_t name_size;
        const char *value; /* in the target */
    } captures[KH_ROUTE_CAPTURES_MAX];
    char allow[KH_ROUTE_ALLOW_SIZE]; /* "GET, HEAD" */
} kh_route_match;

/* Nothing is matched. */
void kh_route_match_clear(kh_route_match *match);
/* Are the patterns well formed? KH_E_INTERNAL otherwise: they are ours. */
KH_MUST_USE kh_status kh_router_check(const kh_http_route *routes, size_t route_count, kh_error *err);
/* A match cuts target's segments at the captures' ends. "HEAD" is served by "GET". */
kh_route_result kh_router_match(kh_route_match *out, const kh_http_route *routes, size_t route_count, const char *method,
                                kh_target *target);
/* NULL when the pattern has no such name. */
const char *kh_route_capture(const kh_route_match *match, const char *name);

#endif
