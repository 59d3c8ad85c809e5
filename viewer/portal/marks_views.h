/* marks_views.h - how a reader has the pictures of a series on the screen: window, what of it is seen, turn. Threads: pure functions. */
#ifndef KH_VIEWER_PORTAL_MARKS_VIEWS_H
#define KH_VIEWER_PORTAL_MARKS_VIEWS_H

#include "dicom/made.h"
#include "viewer/http/http.h"

#define KH_SHOWN_VIEWS_MAX 9 /* as many as there are picture areas on a page */

typedef struct kh_shown_view {
    int64_t series_id; /* of the index; its other pictures are shown in the same way */
    char sop_uid[KH_UID_SIZE];
    uint32_t frame; /* from 0: the one on the screen */
    bool has_window, has_area, invert, flipped;
    double window[2]; /* centre, width */
    double area[4];   /* left, top, right, bottom in pixels of the stored frame */
    unsigned quarter_turns;
} kh_shown_view;

/* The member "views" of the body; none without a body. KH_E_ARG. */
KH_MUST_USE kh_status kh_shown_views_read(kh_shown_view out[KH_SHOWN_VIEWS_MAX], size_t *count, const kh_http_request *request,
                                          kh_error *err);
/* reference: described, with color and inverse as the image has them. */
void kh_shown_view_apply(kh_made_reference *reference, const kh_shown_view *view);

#endif
