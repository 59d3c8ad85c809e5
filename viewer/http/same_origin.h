/* same_origin.h - may a request that changes something be ours? A page of another site can make the operator's browser send us requests,
 * but it can set neither Origin nor Sec-Fetch-Site, and it cannot send application/json without asking us first (CORS), which we
 * refuse. Pure. */
#ifndef KH_VIEWER_HTTP_SAME_ORIGIN_H
#define KH_VIEWER_HTTP_SAME_ORIGIN_H

#include <stdbool.h>

/* Values of the request's header lines, NULL where there is none. */
typedef struct kh_http_change {
    const char *host, *origin, *fetch_site, *content_type;
    bool encrypted; /* our origin is https, not http */
} kh_http_change;

/* 0 when it may pass: Content-Type is application/json, Sec-Fetch-Site or Origin is there, and each that is there is ours. Else the HTTP
 * code, 403 or 415, and in *problem why. */
unsigned kh_http_check_change(const kh_http_change *change, const char **problem);

#endif
