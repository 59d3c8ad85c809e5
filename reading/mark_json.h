/* mark_json.h - a mark as a browser sends it. Threads: pure functions. */
#ifndef KH_READING_MARK_JSON_H
#define KH_READING_MARK_JSON_H

#include "base/json.h"
#include "reading/marks.h"

/* An array of [x, y] of finite numbers, at most KH_MARK_POINTS_MAX; out has room for as many as the array has, up to that. KH_E_ARG, which
 * names "points". */
KH_MUST_USE kh_status kh_mark_points_of(kh_point *out, size_t *count, const kh_json *points, kh_error *err);
/* kind, sop_uid, frame, points, text and label (may be absent) and version of an object, the rest of it is not looked at.
 * kh_stored_mark_release() it when KH_OK.
 * KH_E_ARG with the member's name. Whether the points fit kind and frame is for kh_mark_check() to say. */
KH_MUST_USE kh_status kh_mark_from_json(kh_stored_mark *out, const kh_json *json, kh_error *err);

#endif
