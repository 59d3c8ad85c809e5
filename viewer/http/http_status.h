/* http_status.h - the one table from kh_status to HTTP. */
#ifndef KH_VIEWER_HTTP_HTTP_STATUS_H
#define KH_VIEWER_HTTP_HTTP_STATUS_H

#include <stdbool.h>
#include "base/status.h"

/* The code a failed call is answered with. */
unsigned kh_http_code(kh_status status);
/* May the message go to the client? Not when it may name files or our own insides. */
bool kh_http_status_is_public(kh_status status);
/* Retry-After in seconds that fits the code, 0: none. */
unsigned kh_http_retry_after_s(unsigned code);
/* The word of {"error": ...}: that of the status where there is one. */
const char *kh_http_code_text(unsigned code);

#endif
