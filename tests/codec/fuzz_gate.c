/* fuzz_gate.c - any bytes into both gates; what they report must lie inside the bytes. */
#include <stdlib.h>

#include "dicom/codec/gate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    kh_error err = KH_ERROR_INIT;
    kh_jpeg_gate jpeg;
    kh_rle_gate rle;

    if (kh_jpeg_gate_read(&jpeg, data, size, &err) == KH_OK
        && (jpeg.rows < 1 || jpeg.columns < 1 || jpeg.process > 3 || (jpeg.components != 1 && jpeg.components != 3)))
        abort();
    kh_error_clear(&err);
    if (kh_rle_gate_read(&rle, data, size, &err) == KH_OK)
        for (uint32_t i = 0; i < rle.segment_count; i++)
            if (rle.begin[i] < KH_RLE_HEADER_BYTES || rle.begin[i] > rle.end[i] || rle.end[i] > size)
                abort();
    return 0;
}
