/* deflated.c - Deflated Image Frame Compression (PS3.5 A.4.12): each frame is one raw deflate stream of the native
 * frame, which keeps the form that the header says. */
#include <zlib.h>

#include "dicom/codec/decoder.h"

static kh_status deflated_plan(kh_pixel_format *format, const kh_codestream *stream, kh_error *err)
{
    if (stream->size == 0)
        return kh_error_set(err, KH_E_FORMAT, "deflated frame of 0 bytes, expected Columns %u and Rows %u",
                            format->columns, format->rows);
    return KH_OK;
}

/* One call: input and output are whole, so anything but the end of the stream is an error. */
static kh_status inflate_all(z_stream *zip, size_t size, kh_error *err)
{
    uint8_t more[1];
    int result = inflate(zip, Z_FINISH);

    if (result == Z_STREAM_END && zip->avail_out == 0)
        return KH_OK;
    if (result == Z_STREAM_END)
        return kh_error_set(err, KH_E_FORMAT, "deflated frame holds %lu bytes, expected %zu", zip->total_out, size);
    if (result == Z_MEM_ERROR)
        return kh_error_set(err, KH_E_MEMORY, "no memory to inflate a frame");
    if (zip->avail_out == 0) { /* the frame is full: has the stream an end, or more pixels? */
        zip->next_out = more;
        zip->avail_out = sizeof more;
        result = inflate(zip, Z_FINISH);
        if (result == Z_STREAM_END && zip->avail_out == sizeof more)
            return KH_OK;
        if (zip->avail_out == 0)
            return kh_error_set(err, KH_E_FORMAT, "deflated frame holds more than the expected %zu bytes", size);
    }
    return kh_error_set(err, KH_E_FORMAT, "deflated frame is damaged or cut after %lu of %zu bytes", zip->total_out,
                        size);
}

static kh_status deflated_decode(uint8_t *pixels, size_t size, const kh_pixel_format *planned,
                                 const kh_pixel_format *header, const kh_codestream *stream, kh_error *err)
{
    z_stream zip = {0};
    kh_status status;

    (void)planned, (void)header;
    if (stream->size > UINT32_MAX || size > UINT32_MAX)
        return kh_error_set(err, KH_E_LIMIT, "deflated frame of %zu for %zu bytes, expected under 4 GiB each",
                            stream->size, size);
    if (inflateInit2(&zip, -MAX_WBITS) != Z_OK)
        return kh_error_set(err, KH_E_MEMORY, "no memory to inflate a frame");
    zip.next_in = (Bytef *)(uintptr_t)stream->bytes; /* zlib reads only */
    zip.avail_in = (uInt)stream->size;
    zip.next_out = pixels;
    zip.avail_out = (uInt)size;
    status = inflate_all(&zip, size, err);
    inflateEnd(&zip);
    return status;
}

const kh_decoder kh_decoder_deflated = {.plan = deflated_plan, .decode = deflated_decode};
