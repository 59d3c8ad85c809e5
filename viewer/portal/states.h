/* states.h - what the files of the portal that answer for presentation states share: docs/http-api.md. */
#ifndef KH_VIEWER_PORTAL_STATES_H
#define KH_VIEWER_PORTAL_STATES_H

#include "cache/stack.h"
#include "dicom/presentation.h"
#include "viewer/portal/marks.h"

#define KH_STATE_DRAWN_MAX 2000    /* graphics and texts of one */
#define KH_STATE_POINTS_MAX 200000 /* of all of them */

/* The objects of a series by SOP Instance UID. */
typedef struct kh_named_objects {
    const kh_stack_object **by_uid;
    uint32_t count;
} kh_named_objects;
/* NULL when the series has no such object. */
const kh_stack_object *kh_named_object(const kh_named_objects *objects, const char *sop_uid);

/* The members "layers" and "drawn": what the state draws, on which images of the series. */
KH_MUST_USE kh_status kh_portal_put_drawn(kh_json_writer *json, kh_cache *cache, const kh_presentation *state, int64_t state_id,
                                          const kh_named_objects *objects, kh_error *err);

/* Context is the portal. */
kh_http_handler kh_portal_states;

#endif
