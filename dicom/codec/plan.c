/* plan.c - what the decoders' plans have in common. */
#include <stdlib.h>
#include <string.h>

#include "dicom/codec/decoder.h"

kh_status kh_plan_same_size(const kh_pixel_format *format, const char *name, uint32_t columns, uint32_t rows,
                            kh_error *err)
{
    if (rows == format->rows && columns == format->columns)
        return KH_OK;
    return kh_error_set(err, KH_E_FORMAT, "%s of %u columns and %u rows, expected Columns %u and Rows %u", name,
                        columns, rows, format->columns, format->rows);
}

void kh_plan_depth(kh_pixel_format *format, unsigned precision)
{
    bool deeper = format->bits_allocated <= 8 && precision > 8;

    if (deeper || format->bits_stored < 1 || format->bits_stored > precision)
        format->bits_stored = (uint16_t)precision;
    if (deeper || format->high_bit >= precision || format->high_bit + 1 < format->bits_stored)
        format->high_bit = (uint16_t)(format->bits_stored - 1);
    format->bits_allocated = precision <= 8 ? 8 : 16;
    format->is_float = false;
}

void kh_plan_exactness(kh_pixel_format *format, unsigned precision, bool lossy)
{
    unsigned carried = precision >= 16 ? UINT16_MAX : (1u << precision) - 1;

    format->lossy = lossy;
    format->overlay_bits = lossy ? 0 : (uint16_t)(format->overlay_bits & carried);
}

kh_status kh_codestream_with_end(uint8_t **out, const kh_codestream *stream, kh_error *err)
{
    *out = malloc(stream->size + 2);
    if (!*out)
        return kh_error_set(err, KH_E_MEMORY, "no memory for a JPEG of %zu bytes", stream->size);
    memcpy(*out, stream->bytes, stream->size);
    (*out)[stream->size] = 0xFF;
    (*out)[stream->size + 1] = 0xD9;
    return KH_OK;
}
