/* jpeg.h - baseline JPEG by TurboJPEG. An encoder owns its handle and buffer and allocates nothing per picture once warm.
 * On 512 x 512 CT at q80 the fast DCT is no faster where SIMD does both (bench_render shows it), so the accurate one is used.
 * Threads: one at a time per encoder. */
#ifndef KH_VIEWER_RENDER_JPEG_H
#define KH_VIEWER_RENDER_JPEG_H

#include "base/buf.h"

typedef struct kh_jpeg_encoder {
    void *handle;
    uint8_t *buffer;
    size_t capacity;
} kh_jpeg_encoder;

KH_MUST_USE kh_status kh_jpeg_encoder_init(kh_jpeg_encoder *encoder, kh_error *err);
void kh_jpeg_encoder_release(kh_jpeg_encoder *encoder);
/* Append the picture to out. channels 1: gray bytes; 3: R G B, stored 4:2:0 below quality 90 and 4:4:4 from there on.
 * Sides 1 to 8,192, quality 1 to 100 (the caller has checked both). */
KH_MUST_USE kh_status kh_jpeg_encode(kh_jpeg_encoder *encoder, const uint8_t *pixels, uint32_t width, uint32_t height,
                                     unsigned channels, int quality, kh_buf *out, kh_error *err);

#endif
