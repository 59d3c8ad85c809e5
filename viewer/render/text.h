/* text.h - words burned into a finished picture, by FreeType from a font file: white with a dark rim, so that they can be read on any
 * ground. Left to right, a glyph a character: enough for Latin, kana and kanji, not for scripts whose letters join.
 * Threads: one at a time per kh_text. */
#ifndef KH_VIEWER_RENDER_TEXT_H
#define KH_VIEWER_RENDER_TEXT_H

#include <stdint.h>
#include "base/error.h"

typedef struct kh_text kh_text;

typedef struct kh_text_canvas {
    uint8_t *pixels; /* rows of width * channels bytes */
    uint32_t width, height;
    unsigned channels; /* 1 or 3 */
} kh_text_canvas;

/* KH_E_UNSUPPORTED when the file is not a font that can be read. */
KH_MUST_USE kh_status kh_text_create(kh_text **out, const char *font_file, kh_error *err);
void kh_text_free(kh_text *text);
/* One line from column x on, its letters standing on row `baseline`, size_px (6 to 256) high. What lies outside of the canvas is cut off;
 * bytes that are not UTF-8 and characters that the font has not are drawn as its sign for that. */
void kh_text_draw(kh_text *text, const kh_text_canvas *canvas, int32_t x, int32_t baseline, unsigned size_px, const char *utf8);

#endif
