/* jpeg.c - JPEG baseline, extended, progressive and lossless: what the codestream says, and the way to DCMTK's decoders. */
#include <stdlib.h>

#include "dicom/codec/decoder.h"
#include "dicom/codec/gate.h"

#define PROCESS_LOSSLESS 3

static bool is_ybr(kh_photometric photometric)
{
    return photometric == KH_PHOTOMETRIC_YBR_FULL || photometric == KH_PHOTOMETRIC_YBR_FULL_422;
}

/* Are the three components luminance and chroma, to be made R G B? The stream's own marks win over the header: an Adobe marker,
 * component ids, a JFIF marker (which allows nothing else). Lossless streams are given as they are. */
static bool holds_ycc(const kh_jpeg_gate *gate, kh_photometric header)
{
    if (gate->components != 3 || gate->process == PROCESS_LOSSLESS)
        return false;
    if (gate->has_adobe)
        return gate->adobe_transform == 1;
    if (gate->named_rgb)
        return false;
    return gate->has_jfif || header != KH_PHOTOMETRIC_RGB;
}

static kh_photometric photometric_of(const kh_jpeg_gate *gate, kh_photometric header)
{
    if (gate->components == 1)
        return is_ybr(header) || header == KH_PHOTOMETRIC_RGB ? KH_PHOTOMETRIC_MONOCHROME2 : header;
    if (gate->process == PROCESS_LOSSLESS && is_ybr(header))
        return KH_PHOTOMETRIC_YBR_FULL; /* no chroma is left out in the decoded frame */
    return KH_PHOTOMETRIC_RGB;
}

static kh_status jpeg_plan(kh_pixel_format *format, const kh_codestream *stream, kh_error *err)
{
    kh_jpeg_gate gate;
    kh_status status = kh_jpeg_gate_read(&gate, stream->bytes, stream->size, err);

    if (status != KH_OK)
        return status;
    status = kh_plan_same_size(format, "JPEG", gate.columns, gate.rows, err);
    if (status != KH_OK)
        return status;
    kh_plan_depth(format, gate.precision);
    kh_plan_exactness(format, gate.precision, gate.process != PROCESS_LOSSLESS || gate.point_transform);
    format->samples = (uint16_t)gate.components;
    format->photometric = photometric_of(&gate, format->photometric);
    format->planar = false;
    return KH_OK;
}

static kh_status jpeg_decode_told(uint8_t *pixels, size_t size, const kh_pixel_format *planned, const kh_pixel_format *header,
                                  const kh_codestream *stream, const kh_decode_listener *listener, kh_error *err)
{
    kh_codestream ended = *stream;
    uint8_t *copy = NULL;
    kh_jpeg_gate gate;
    kh_status status;

    if (kh_jpeg_lossless_decode(pixels, size, planned, stream, listener))
        return KH_OK;
    if (listener)
        listener->tell(listener->context, 0);
    status = kh_jpeg_gate_read(&gate, stream->bytes, stream->size, err);
    if (status == KH_OK && !gate.ended) {
        status = kh_codestream_with_end(&copy, stream, err);
        ended = (kh_codestream){copy, stream->size + 2};
    }
    if (status == KH_OK) {
        kh_dcmtk_jpeg how = {gate.precision, planned->is_signed, holds_ycc(&gate, header->photometric), gate.odd_scans};

        status = kh_dcmtk_jpeg_decode(pixels, size, &ended, &how, err);
    }
    free(copy);
    return status;
}

static kh_status jpeg_decode(uint8_t *pixels, size_t size, const kh_pixel_format *planned, const kh_pixel_format *header,
                             const kh_codestream *stream, kh_error *err)
{
    return jpeg_decode_told(pixels, size, planned, header, stream, NULL, err);
}

/* How libjpeg sees three components, by the marks in the stream alone. */
static bool libjpeg_sees_ycc(const kh_jpeg_gate *gate)
{
    if (gate->has_jfif)
        return true;
    if (gate->has_adobe)
        return gate->adobe_transform == 1;
    return !gate->named_rgb;
}

/* A small picture is made by another library than the whole one: only of streams that both see alike. */
static unsigned jpeg_halvings(const kh_pixel_format *header, const kh_codestream *stream, unsigned wanted)
{
    kh_error err = KH_ERROR_INIT;
    kh_jpeg_gate gate;

    if (kh_jpeg_gate_read(&gate, stream->bytes, stream->size, &err) != KH_OK)
        return 0;
    if (gate.process > 1 || gate.precision != 8 || gate.odd_scans > 0 || !gate.ended || header->is_signed)
        return 0;
    if (gate.components == 3 && holds_ycc(&gate, header->photometric) != libjpeg_sees_ycc(&gate))
        return 0;
    return wanted < 3 ? wanted : 3;
}

static kh_status jpeg_decode_reduced(uint8_t *pixels, size_t size, const kh_pixel_format *planned, const kh_pixel_format *header,
                                     const kh_codestream *stream, unsigned halvings, kh_error *err)
{
    (void)size, (void)header, (void)halvings;
    return kh_turbojpeg_decode(pixels, planned, stream, err);
}

const kh_decoder kh_decoder_jpeg = {jpeg_plan, jpeg_decode, jpeg_decode_told, jpeg_halvings, jpeg_decode_reduced};
