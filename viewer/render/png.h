/* png.h - PNG of 8 bits a sample by libpng: for export and for readers who want no loss after the window. Threads: any. */
#ifndef KH_VIEWER_RENDER_PNG_H
#define KH_VIEWER_RENDER_PNG_H

#include "base/buf.h"

/* Append the picture to out. channels 1: grey bytes; 3: R G B. Sides 1 to 8,192 (the caller has checked them). KH_E_LIMIT from out;
 * on an error out is as it was. */
KH_MUST_USE kh_status kh_png_encode(const uint8_t *pixels, uint32_t width, uint32_t height, unsigned channels, kh_buf *out,
                                    kh_error *err);

#endif
