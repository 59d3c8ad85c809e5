/* fuzz_gate.c - any bytes into every gate; what they report must lie inside the bytes. */
#include <stdlib.h>

#include "dicom/codec/gate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    kh_error err = KH_ERROR_INIT;
    kh_jpeg_gate jpeg;
    kh_rle_gate rle;
    kh_jls_gate jls;
    kh_j2k_gate j2k;

    if (kh_jpeg_gate_read(&jpeg, data, size, &err) == KH_OK
        && (jpeg.rows < 1 || jpeg.columns < 1 || jpeg.process > 3 || (jpeg.components != 1 && jpeg.components != 3)))
        abort();
    kh_error_clear(&err);
    if (kh_rle_gate_read(&rle, data, size, &err) == KH_OK)
        for (uint32_t i = 0; i < rle.segment_count; i++)
            if (rle.begin[i] < KH_RLE_HEADER_BYTES || rle.begin[i] > rle.end[i] || rle.end[i] > size)
                abort();
    kh_error_clear(&err);
    if (kh_jls_gate_read(&jls, data, size, &err) == KH_OK
        && (jls.rows < 1 || jls.columns < 1 || jls.precision < 2 || jls.precision > 16 || jls.interleave > 2
            || (jls.components != 1 && jls.components != 3)))
        abort();
    kh_error_clear(&err);
    if (kh_j2k_gate_read(&j2k, data, size, &err) == KH_OK
        && (j2k.rows < 1 || j2k.columns < 1 || j2k.begin > j2k.end || j2k.end > size || j2k.precision < 1 || j2k.precision > 31
            || (j2k.components != 1 && j2k.components != 3) || j2k.memory_bytes > KH_J2K_MEMORY_MAX))
        abort();
    return 0;
}
