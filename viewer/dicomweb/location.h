/* location.h - what a URI reference names (RFC 3986 5.2): BulkDataURI and Content-Location are compared as the absolute URIs that they are
 * of one base. Pure. */
#ifndef KH_VIEWER_DICOMWEB_LOCATION_H
#define KH_VIEWER_DICOMWEB_LOCATION_H

#include <stddef.h>
#include "base/error.h"

#define KH_LOCATION_TEXT_MAX 4096 /* bytes of a reference */
#define KH_LOCATION_SIZE (KH_LOCATION_TEXT_MAX + 1024)

/* base: "http://host/path", shorter than 1,000 bytes. Scheme and host of out are lower case, "." and ".." of a path are worked off.
 * KH_E_FORMAT for an empty reference or one with blanks or control bytes, KH_E_LIMIT. */
KH_MUST_USE kh_status kh_location_resolve(char out[KH_LOCATION_SIZE], const char *base, const char *reference, kh_error *err);

#endif
