/* gif.h - GIF by giflib, one picture or several in turn (PS3.18 8.7.4 asks for it). Grey pictures come back exactly; colour ones with up
 * to 256 colours too, others are told the nearest of 216 colours and 40 greys.
 * Threads: one at a time per writer. Errors: KH_E_INTERNAL with the library's words, KH_E_MEMORY, and those of the buffer. */
#ifndef KH_VIEWER_RENDER_GIF_H
#define KH_VIEWER_RENDER_GIF_H

#include <stdbool.h>
#include "base/buf.h"

typedef struct kh_gif kh_gif;

/* Append a GIF to to, which outlives the writer. Sides 1 to 8,192 (the caller has checked them). animated: several pictures, shown for
 * ever. */
KH_MUST_USE kh_status kh_gif_begin(kh_gif **out, kh_buf *to, uint32_t width, uint32_t height, bool animated, kh_error *err);
/* The next picture, of the same size, shown for delay_ms (rounded to 10 ms, 20 at least). channels 1: grey bytes; 3: R G B. *exact is set
 * to false when colours were lost, else left. */
KH_MUST_USE kh_status kh_gif_add(kh_gif *gif, const uint8_t *pixels, unsigned channels, unsigned delay_ms, bool *exact, kh_error *err);
/* After the last picture. */
KH_MUST_USE kh_status kh_gif_end(kh_gif *gif, kh_error *err);
/* NULL is welcome; a GIF that was not ended is not whole. */
void kh_gif_free(kh_gif *gif);

#endif
