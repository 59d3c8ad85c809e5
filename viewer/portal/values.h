/* values.h - what is measured on a frame, as JSON: shared with the marks. */
#ifndef KH_VIEWER_PORTAL_VALUES_H
#define KH_VIEWER_PORTAL_VALUES_H

#include "base/json.h"
#include "viewer/http/http.h"
#include "viewer/tiles/values.h"

/* The members of what was measured, into an open object. */
void kh_portal_put_measured(kh_json_writer *json, const kh_measured *measured);
/* GET and POST; context is the portal. */
kh_http_handler kh_portal_values;

#endif
