#include "dicom/codec/gate.h"

static uint32_t u32_at(const uint8_t *bytes)
{
    return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

kh_status kh_rle_gate_read(kh_rle_gate *out, const uint8_t *bytes, size_t size, kh_error *err)
{
    uint32_t count;

    if (size < KH_RLE_HEADER_BYTES)
        return kh_error_set(err, KH_E_FORMAT, "RLE frame of %zu bytes, expected a header of 64", size);
    count = u32_at(bytes);
    if (count < 1 || count > KH_RLE_SEGMENTS_MAX)
        return kh_error_set(err, KH_E_FORMAT, "RLE header with %u segments, expected 1 to 15", count);
    *out = (kh_rle_gate){.segment_count = count};
    for (uint32_t i = 0; i < count; i++) {
        size_t begin = u32_at(bytes + 4 + 4 * (size_t)i);
        size_t least = i == 0 ? KH_RLE_HEADER_BYTES : out->begin[i - 1];

        if (begin < least || begin > size)
            return kh_error_set(err, KH_E_FORMAT, "RLE segment %u begins at %zu, expected %zu to %zu", i + 1, begin, least, size);
        out->begin[i] = begin;
        if (i > 0)
            out->end[i - 1] = begin;
    }
    out->end[count - 1] = size;
    return KH_OK;
}
