/* jpeg_turbo.c - 8-bit JPEG at 1/2, 1/4 or 1/8 of its size by libjpeg-turbo, which inverts smaller transforms for that. */
#include <turbojpeg.h>

#include "dicom/codec/decoder.h"

kh_status kh_turbojpeg_decode(uint8_t *pixels, const kh_pixel_format *planned, const kh_codestream *stream, kh_error *err)
{
    tjhandle decoder = tjInitDecompress();
    int pitch = (int)(planned->columns * planned->samples);
    kh_status status = KH_OK;

    if (!decoder)
        return kh_error_set(err, KH_E_MEMORY, "no memory for a JPEG decoder");
    /* Damage it could paint over stops it, as in the whole picture. It takes the largest scale that fits the sides given. */
    if (tjDecompress2(decoder, stream->bytes, stream->size, pixels, (int)planned->columns, pitch, (int)planned->rows,
                      planned->samples == 3 ? TJPF_RGB : TJPF_GRAY, TJFLAG_STOPONWARNING | TJFLAG_ACCURATEDCT) != 0)
        status = kh_error_set(err, KH_E_FORMAT, "JPEG decoder: %.160s", tjGetErrorStr2(decoder));
    tjDestroy(decoder);
    return status;
}

/* On some processors its SIMD parts read files when they are first used. */
void kh_turbojpeg_prepare(void)
{
    uint8_t grey[64] = {0}, *jpeg = NULL;
    unsigned long size = 0;
    tjhandle encoder = tjInitCompress(), decoder = tjInitDecompress();

    if (encoder && decoder && tjCompress2(encoder, grey, 8, 8, 8, TJPF_GRAY, &jpeg, &size, TJSAMP_GRAY, 90, 0) == 0)
        (void)tjDecompress2(decoder, jpeg, size, grey, 8, 8, 8, TJPF_GRAY, 0);
    tjFree(jpeg);
    if (encoder)
        tjDestroy(encoder);
    if (decoder)
        tjDestroy(decoder);
}
