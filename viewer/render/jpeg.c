#include "viewer/render/jpeg.h"

#include <stdlib.h>
#include <turbojpeg.h>

#define FULL_CHROMA_QUALITY 90
#define BUFFER_KEEP_BYTES (4u << 20) /* of a picture larger than a tile the buffer is given back */

kh_status kh_jpeg_encoder_init(kh_jpeg_encoder *encoder, kh_error *err)
{
    *encoder = (kh_jpeg_encoder){.handle = tjInitCompress()};
    if (!encoder->handle)
        return kh_error_set(err, KH_E_MEMORY, "no memory for a JPEG encoder");
    return KH_OK;
}

void kh_jpeg_encoder_release(kh_jpeg_encoder *encoder)
{
    if (encoder->handle)
        tjDestroy(encoder->handle);
    free(encoder->buffer);
    *encoder = (kh_jpeg_encoder){0};
}

/* The largest a JPEG of this size can be, so that the library never reallocates. */
static kh_status reserve(kh_jpeg_encoder *encoder, uint32_t width, uint32_t height, int sampling, kh_error *err)
{
    size_t needed = tjBufSize((int)width, (int)height, sampling);

    if (needed <= encoder->capacity)
        return KH_OK;
    free(encoder->buffer);
    encoder->capacity = 0;
    encoder->buffer = malloc(needed);
    if (!encoder->buffer)
        return kh_error_set(err, KH_E_MEMORY, "no memory for a JPEG of %u x %u", width, height);
    encoder->capacity = needed;
    return KH_OK;
}

kh_status kh_jpeg_encode(kh_jpeg_encoder *encoder, const uint8_t *pixels, uint32_t width, uint32_t height, unsigned channels,
                         int quality, kh_buf *out, kh_error *err)
{
    int format = channels == 1 ? TJPF_GRAY : TJPF_RGB;
    int sampling = channels == 1 ? TJSAMP_GRAY : quality < FULL_CHROMA_QUALITY ? TJSAMP_420 : TJSAMP_444;
    unsigned long size = 0;
    kh_status status = reserve(encoder, width, height, sampling, err);

    if (status != KH_OK)
        return status;
    size = encoder->capacity;
    if (tjCompress2(encoder->handle, pixels, (int)width, (int)(width * channels), (int)height, format, &encoder->buffer, &size,
                    sampling, quality, TJFLAG_NOREALLOC | TJFLAG_ACCURATEDCT) != 0)
        status = kh_error_set(err, KH_E_INTERNAL, "JPEG encoder: %s", tjGetErrorStr2(encoder->handle));
    else
        status = kh_buf_append(out, encoder->buffer, size, err);
    if (encoder->capacity > BUFFER_KEEP_BYTES) {
        free(encoder->buffer);
        encoder->buffer = NULL;
        encoder->capacity = 0;
    }
    return status;
}
