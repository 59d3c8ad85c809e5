/* supplement.h - grey frames of which some values are shown in colour: those from the first input of the Supplemental Palette Color Lookup
 * Table on (PS3.3 C.7.6.19, C.7.6.3.1.5); those below go through the grey pipeline. Threads: pure functions. */
#ifndef KH_VIEWER_RENDER_SUPPLEMENT_H
#define KH_VIEWER_RENDER_SUPPLEMENT_H

#include "viewer/render/lut.h"
#include "viewer/render/render.h"
#include "viewer/render/rows.h"

/* Has this frame such colours? Grey integers of up to 16 bits whose Pixel Presentation is not MONOCHROME. */
bool kh_has_supplemental(const kh_render_source *source);
/* R G B of a row; lut is the grey table of its values. */
void kh_supplement_row(const kh_row *row, const kh_palette *palette, const kh_lut *lut, uint8_t *out);

#endif
