#include <dcmtk/config/osconfig.h>

#include <dcmtk/dcmjpeg/djcparam.h>
#include <dcmtk/dcmjpeg/djeijg12.h>
#include <dcmtk/dcmjpeg/djeijg16.h>
#include <dcmtk/dcmjpeg/djeijg8.h>

#include <stdlib.h>
#include <string.h>

extern "C" {
#include "tests/codec/jpeg_encode.h"
}

namespace {

template <class Encoder, class Sample> OFCondition encode(Uint8 *&to, Uint32 &size, const test_jpeg *how, const void *image)
{
    DJCodecParameter settings(ECC_lossyYCbCr, EDC_never, EUC_never, EPC_colorByPixel, OFFalse, OFFalse, OFFalse, OFTrue);
    Encoder encoder(settings, EJM_lossless, static_cast<int>(how->predictor), static_cast<int>(how->point_transform));

    return encoder.encode(static_cast<Uint16>(how->columns), static_cast<Uint16>(how->rows), how->samples == 3 ? EPI_RGB : EPI_Monochrome2,
                          static_cast<Uint16>(how->samples), static_cast<Sample *>(const_cast<void *>(image)), to, size);
}

} // namespace

extern "C" uint8_t *test_jpeg_encode(size_t *size, const test_jpeg *how, const void *image)
{
    Uint8 *made = NULL;
    Uint32 made_size = 0;
    uint8_t *out = NULL;
    OFCondition result = how->bits == 8    ? encode<DJCompressIJG8Bit, Uint8>(made, made_size, how, image)
                         : how->bits == 12 ? encode<DJCompressIJG12Bit, Uint16>(made, made_size, how, image)
                                           : encode<DJCompressIJG16Bit, Uint16>(made, made_size, how, image);

    if (result.good() && made) {
        out = static_cast<uint8_t *>(malloc(made_size));
        if (out)
            memcpy(out, made, made_size);
        *size = made_size;
    }
    delete[] made;
    return out;
}
