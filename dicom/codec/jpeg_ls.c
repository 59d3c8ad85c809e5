/* jpeg_ls.c - JPEG-LS lossless and near-lossless, by CharLS. */
#include <charls/charls.h>
#include <stdlib.h>

#include "dicom/codec/decoder.h"
#include "dicom/codec/gate.h"

static kh_photometric photometric_of(const kh_jls_gate *gate, kh_photometric header)
{
    bool ybr = header == KH_PHOTOMETRIC_YBR_FULL || header == KH_PHOTOMETRIC_YBR_FULL_422;

    if (gate->components == 1)
        return ybr || header == KH_PHOTOMETRIC_RGB || header == KH_PHOTOMETRIC_YBR_RCT ||
                       header == KH_PHOTOMETRIC_YBR_ICT
                   ? KH_PHOTOMETRIC_MONOCHROME2
                   : header;
    return ybr && !gate->rgb_transform ? KH_PHOTOMETRIC_YBR_FULL : KH_PHOTOMETRIC_RGB;
}

static kh_status jpeg_ls_plan(kh_pixel_format *format, const kh_codestream *stream, kh_error *err)
{
    kh_jls_gate gate;
    kh_status status = kh_jls_gate_read(&gate, stream->bytes, stream->size, err);

    if (status == KH_OK)
        status = kh_plan_same_size(format, "JPEG-LS", gate.columns, gate.rows, err);
    if (status != KH_OK)
        return status;
    kh_plan_depth(format, gate.precision);
    kh_plan_exactness(format, gate.precision, gate.near_lossless);
    format->samples = (uint16_t)gate.components;
    format->photometric = photometric_of(&gate, format->photometric);
    format->planar = false;
    return KH_OK;
}

static kh_status failed(charls_jpegls_errc code, kh_error *err)
{
    if (code == CHARLS_JPEGLS_ERRC_NOT_ENOUGH_MEMORY)
        return kh_error_set(err, KH_E_MEMORY, "no memory for a JPEG-LS frame");
    return kh_error_set(err, KH_E_FORMAT, "JPEG-LS decoder: %.160s", charls_get_error_message(code));
}

static kh_status decode_into(uint8_t *pixels, size_t size, const kh_codestream *stream, kh_error *err)
{
    charls_jpegls_decoder *decoder = charls_jpegls_decoder_create();
    charls_jpegls_errc code;
    size_t needed = 0;

    if (!decoder)
        return kh_error_set(err, KH_E_MEMORY, "no memory for a JPEG-LS decoder");
    code = charls_jpegls_decoder_set_source_buffer(decoder, stream->bytes, stream->size);
    if (code == CHARLS_JPEGLS_ERRC_SUCCESS)
        code = charls_jpegls_decoder_read_header(decoder);
    if (code == CHARLS_JPEGLS_ERRC_SUCCESS)
        code = charls_jpegls_decoder_get_destination_size(decoder, 0, &needed);
    if (code == CHARLS_JPEGLS_ERRC_SUCCESS && needed != size)
        code = CHARLS_JPEGLS_ERRC_DESTINATION_BUFFER_TOO_SMALL;
    if (code == CHARLS_JPEGLS_ERRC_SUCCESS)
        code = charls_jpegls_decoder_decode_to_buffer(decoder, pixels, size, 0);
    charls_jpegls_decoder_destroy(decoder);
    return code == CHARLS_JPEGLS_ERRC_SUCCESS ? KH_OK : failed(code, err);
}

static void interleave(uint8_t *pixels, const uint8_t *planes, size_t size, unsigned sample_bytes)
{
    size_t plane = size / 3;

    for (unsigned c = 0; c < 3; c++)
        for (size_t i = 0; i < plane / sample_bytes; i++)
            for (unsigned k = 0; k < sample_bytes; k++)
                pixels[(3 * i + c) * sample_bytes + k] = planes[c * plane + i * sample_bytes + k];
}

/* With a scan for each component CharLS gives planes. */
static kh_status decode_planes(uint8_t *pixels, size_t size, unsigned sample_bytes, const kh_codestream *stream,
                               kh_error *err)
{
    uint8_t *planes = malloc(size);
    kh_status status;

    if (!planes)
        return kh_error_set(err, KH_E_MEMORY, "no memory for the planes of a JPEG-LS frame");
    status = decode_into(planes, size, stream, err);
    if (status == KH_OK)
        interleave(pixels, planes, size, sample_bytes);
    free(planes);
    return status;
}

static kh_status jpeg_ls_decode(uint8_t *pixels, size_t size, const kh_pixel_format *planned,
                                const kh_pixel_format *header, const kh_codestream *stream, kh_error *err)
{
    kh_codestream ended = *stream;
    uint8_t *copy = NULL;
    kh_jls_gate gate;
    kh_status status = kh_jls_gate_read(&gate, stream->bytes, stream->size, err);

    (void)header;
    if (status == KH_OK && !gate.ended) {
        status = kh_codestream_with_end(&copy, stream, err);
        ended = (kh_codestream){copy, stream->size + 2};
    }
    if (status == KH_OK && gate.components == 3 && gate.interleave == 0)
        status = decode_planes(pixels, size, planned->bits_allocated / 8u, &ended, err);
    else if (status == KH_OK)
        status = decode_into(pixels, size, &ended, err);
    free(copy);
    return status;
}

const kh_decoder kh_decoder_jpeg_ls = {.plan = jpeg_ls_plan, .decode = jpeg_ls_decode};
