/* fuzz_frame.c - a byte for the kind, six for what the header claims, then a codestream, into the decoders in this process. */
#include <stdlib.h>

#include "dicom/codec/codec.h"
#include "dicom/codec/gate.h"

#define SIDE_MAX 256
#define ROOM (SIDE_MAX * SIDE_MAX * 12)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint16_t depths[] = {1, 8, 16, 32};
    static uint8_t pixels[ROOM];
    kh_pixel_format format = {0};
    kh_error err = KH_ERROR_INIT;
    kh_jpeg_gate gate;
    bool jpeg;

    if (size < 7)
        return 0;
    jpeg = data[0] & 1;
    format.rows = 1u + data[1];
    format.columns = 1u + data[2];
    format.samples = data[3] & 1 ? 3 : 1;
    format.bits_allocated = depths[data[4] & 3];
    format.bits_stored = (uint16_t)(1 + data[5] % format.bits_allocated);
    format.high_bit = (uint16_t)(format.bits_stored - 1);
    format.photometric = (kh_photometric)(data[6] % (KH_PHOTOMETRIC_OTHER + 1));
    if (jpeg && kh_jpeg_gate_read(&gate, data + 7, size - 7, &err) == KH_OK && gate.rows <= SIDE_MAX && gate.columns <= SIDE_MAX) {
        format.rows = gate.rows; /* else nearly nothing would come further than the comparison */
        format.columns = gate.columns;
    }
    kh_error_clear(&err);
    (void)!kh_codec_decode_here(pixels, ROOM, jpeg ? KH_TS_JPEG_LOSSLESS_SV1 : KH_TS_RLE, &format, data + 7, size - 7, &err);
    return 0;
}
