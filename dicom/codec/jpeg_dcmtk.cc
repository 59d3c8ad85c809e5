/* jpeg_dcmtk.cc - DCMTK's JPEG decoders (IJG's, for 8, 12 and 16 bits) behind C functions. They are used without DCMTK's data sets
 * and codec registry: one codestream in, one frame out. */
#include <dcmtk/config/osconfig.h>

#include <dcmtk/dcmjpeg/djcparam.h>
#include <dcmtk/dcmjpeg/djdijg12.h>
#include <dcmtk/dcmjpeg/djdijg16.h>
#include <dcmtk/dcmjpeg/djdijg8.h>
#include <dcmtk/oflog/oflog.h>

#include <new>

extern "C" {
#include "dicom/codec/decoder.h"
}

namespace {

/* IJG reports damage it can paint over as warnings (level -1) and goes on. A picture with invented parts must not be shown as
 * if it were whole, so they are counted. */
template <class Decoder> class Counting : public Decoder {
public:
    Counting(const DJCodecParameter &parameter, OFBool is_ybr) : Decoder(parameter, is_ybr) {}
    void emitMessage(int level) const override
    {
        if (level < 0)
            warnings_++;
    }
    unsigned warnings() const { return warnings_; }

private:
    mutable unsigned warnings_ = 0;
};

DJCodecParameter parameter(bool ycc_to_rgb)
{
    return DJCodecParameter(ECC_lossyYCbCr, ycc_to_rgb ? EDC_always : EDC_never, EUC_never, EPC_colorByPixel);
}

template <class Decoder>
kh_status decode_with(uint8_t *pixels, size_t size, const kh_codestream *stream, const kh_dcmtk_jpeg *how, kh_error *err)
{
    const DJCodecParameter settings = parameter(how->ycc_to_rgb);
    Counting<Decoder> decoder(settings, how->ycc_to_rgb ? OFTrue : OFFalse);
    OFCondition result = decoder.init();

    if (result.good())
        result = decoder.decode(const_cast<Uint8 *>(stream->bytes), static_cast<Uint32>(stream->size), pixels,
                                static_cast<Uint32>(size), how->is_signed ? OFTrue : OFFalse);
    if (result.bad())
        return kh_error_set(err, KH_E_FORMAT, "JPEG decoder: %.160s", result.text());
    if (decoder.warnings() > how->warnings_expected)
        return kh_error_set(err, KH_E_FORMAT, "JPEG data are damaged or cut (%u places)", decoder.warnings());
    return KH_OK;
}

} // namespace

extern "C" void kh_dcmtk_jpeg_prepare(void)
{
    OFLog::configure(OFLogger::OFF_LOG_LEVEL);
    const DJCodecParameter how = parameter(true);
    Counting<DJDecompressIJG8Bit>(how, OFTrue).init();
    Counting<DJDecompressIJG12Bit>(how, OFTrue).init();
    Counting<DJDecompressIJG16Bit>(how, OFTrue).init();
}

extern "C" kh_status kh_dcmtk_jpeg_decode(uint8_t *pixels, size_t size, const kh_codestream *stream, const kh_dcmtk_jpeg *how,
                                          kh_error *err)
{
    if (size > UINT32_MAX || stream->size > UINT32_MAX)
        return kh_error_set(err, KH_E_LIMIT, "JPEG of %zu bytes for %zu bytes of pixels, expected under 4 GiB each", stream->size,
                            size);
    try {
        if (how->precision <= 8)
            return decode_with<DJDecompressIJG8Bit>(pixels, size, stream, how, err);
        if (how->precision <= 12)
            return decode_with<DJDecompressIJG12Bit>(pixels, size, stream, how, err);
        return decode_with<DJDecompressIJG16Bit>(pixels, size, stream, how, err);
    } catch (const std::bad_alloc &) {
        return kh_error_set(err, KH_E_MEMORY, "no memory for a JPEG frame");
    } catch (...) {
        return kh_error_set(err, KH_E_INTERNAL, "JPEG decoder threw");
    }
}
