/* marks.h - what is drawn over a finished picture: the display shutter (PS3.3 C.7.6.11), then overlay planes (C.9.2) in white.
 * Both are drawn at the size of the picture: a pixel of it is white when any overlay pixel under it is set, so that thin lines
 * do not fade in small pictures; it is hidden when its centre lies outside of the shutter. Each pixel depends on its own place
 * only, so tiles join. Threads: pure functions. */
#ifndef KH_VIEWER_RENDER_MARKS_H
#define KH_VIEWER_RENDER_MARKS_H

#include "viewer/render/render.h"

/* Does the picture of this source have any? */
bool kh_marks_any(const kh_render_source *source);
/* Draw on a picture of crop_width x crop_height x channels bytes; view is complete and checked. With view->invert white is black. */
void kh_marks_draw(uint8_t *picture, unsigned channels, const kh_render_source *source, const kh_render_view *view);

#endif
