/* jpeg.h - baseline JPEG by libjpeg-turbo, a stripe of rows at a time: what was just windowed is encoded while it is in the cache.
 * The bytes are those of TurboJPEG's tjCompress2() with the accurate DCT (the fast one is less exact at high qualities). An
 * encoder owns its handle and buffer and allocates none of them per picture.
 * Threads: one at a time per encoder. Errors: KH_E_INTERNAL with the library's words, and those of the buffer. */
#ifndef KH_VIEWER_RENDER_JPEG_H
#define KH_VIEWER_RENDER_JPEG_H

#include "base/buf.h"

#define KH_JPEG_STRIPE 8 /* rows */

typedef struct kh_jpeg_encoder {
    struct kh_jpeg_state *state;
} kh_jpeg_encoder;

KH_MUST_USE kh_status kh_jpeg_encoder_init(kh_jpeg_encoder *encoder, kh_error *err);
void kh_jpeg_encoder_release(kh_jpeg_encoder *encoder);
/* Begin a picture that is appended to out. channels 1: gray bytes; 3: R G B, stored 4:2:0 below quality 90 and 4:4:4 from there
 * on. Sides 1 to 8,192, quality 1 to 100 (the caller has checked both). */
KH_MUST_USE kh_status kh_jpeg_begin(kh_jpeg_encoder *encoder, uint32_t width, uint32_t height, unsigned channels, int quality,
                                    kh_buf *out, kh_error *err);
/* The next stripe: KH_JPEG_STRIPE rows of width * channels bytes, one after the other; fewer only at the end of the picture. */
KH_MUST_USE kh_status kh_jpeg_put(kh_jpeg_encoder *encoder, const uint8_t *rows, kh_error *err);
/* After the last stripe. */
KH_MUST_USE kh_status kh_jpeg_end(kh_jpeg_encoder *encoder, kh_error *err);
/* The three above for a picture that stands in memory. */
KH_MUST_USE kh_status kh_jpeg_encode(kh_jpeg_encoder *encoder, const uint8_t *pixels, uint32_t width, uint32_t height,
                                     unsigned channels, int quality, kh_buf *out, kh_error *err);

#endif
