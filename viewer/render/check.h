/* check.h - everything that is checked before a pixel is touched. Threads: pure functions. */
#ifndef KH_VIEWER_RENDER_CHECK_H
#define KH_VIEWER_RENDER_CHECK_H

#include "viewer/render/render.h"

/* A format that rows.h can read, and a frame that holds what it says. */
KH_MUST_USE kh_status kh_check_source(const kh_render_source *source, kh_error *err);
/* Fill in what is left 0 (whole region, no crop) and check the rest against frame and limits. */
KH_MUST_USE kh_status kh_check_view(kh_render_view *out, const kh_render_view *view, const kh_pixel_format *format,
                                    kh_error *err);

#endif
