/* rle.c - RLE Lossless (PS3.5 annex G): byte planes of each sample, most significant first, each packed by itself. */
#include <string.h>

#include "dicom/codec/decoder.h"
#include "dicom/codec/gate.h"

/* Byte planes of one frame; 1 bit allocated is one plane of packed bits. */
static uint32_t plane_count(const kh_pixel_format *format)
{
    return format->bits_allocated == 1 ? 1 : (uint32_t)format->samples * (format->bits_allocated / 8);
}

static kh_status rle_plan(kh_pixel_format *format, const kh_codestream *stream, kh_error *err)
{
    kh_rle_gate gate;
    kh_status status;

    if (format->bits_allocated != 1 && format->bits_allocated % 8 != 0)
        return kh_error_set(err, KH_E_UNSUPPORTED, "RLE with BitsAllocated %u, expected 1 or whole bytes",
                            (unsigned)format->bits_allocated);
    if (format->bits_allocated == 1 && format->samples != 1)
        return kh_error_set(err, KH_E_UNSUPPORTED, "RLE with BitsAllocated 1 and SamplesPerPixel %u, expected 1",
                            (unsigned)format->samples);
    status = kh_rle_gate_read(&gate, stream->bytes, stream->size, err);
    if (status != KH_OK)
        return status;
    if (gate.segment_count != plane_count(format))
        return kh_error_set(err, KH_E_FORMAT, "RLE frame of %u segments, expected %u", gate.segment_count, plane_count(format));
    format->planar = false;
    if (format->photometric == KH_PHOTOMETRIC_YBR_FULL_422) /* every plane is whole: the header cannot mean it */
        format->photometric = KH_PHOTOMETRIC_YBR_FULL;
    return KH_OK;
}

/* Unpack one segment into count bytes, step apart. False when it ends early; what is left over is padding. */
static bool unpack(uint8_t *out, size_t count, size_t step, const uint8_t *in, const uint8_t *end)
{
    size_t made = 0;

    while (made < count && in < end) {
        int8_t control = (int8_t)*in++;
        size_t run = control >= 0 ? (size_t)control + 1 : (size_t)(1 - (int)control);

        if (control == -128)
            continue;
        if (run > count - made)
            run = count - made;
        if (control >= 0 && (size_t)(end - in) < run)
            return false;
        if (control < 0 && in >= end)
            return false;
        for (size_t i = 0; i < run; i++)
            out[(made + i) * step] = control >= 0 ? in[i] : in[0];
        in += control >= 0 ? run : 1;
        made += run;
    }
    return made == count;
}

static kh_status rle_decode(uint8_t *pixels, size_t size, const kh_pixel_format *planned, const kh_pixel_format *header,
                            const kh_codestream *stream, kh_error *err)
{
    uint32_t planes = plane_count(planned), bytes_each = planes / planned->samples;
    size_t count = size / planes;
    kh_rle_gate gate;
    kh_status status = kh_rle_gate_read(&gate, stream->bytes, stream->size, err);

    (void)header;
    if (status != KH_OK)
        return status;
    for (uint32_t i = 0; i < planes && i < gate.segment_count; i++) {
        uint32_t sample = i / bytes_each, byte = bytes_each - 1 - i % bytes_each; /* ours are little endian */

        if (!unpack(pixels + sample * bytes_each + byte, count, planes, stream->bytes + gate.begin[i],
                    stream->bytes + gate.end[i]))
            return kh_error_set(err, KH_E_FORMAT, "RLE segment %u ends before its %zu bytes", i + 1, count);
    }
    return KH_OK;
}

const kh_decoder kh_decoder_rle = {.plan = rle_plan, .decode = rle_decode};
