/* table.c - transfer syntax -> decoder, and decoding in this process. */
#include "dicom/codec/codec.h"
#include "dicom/codec/decoder.h"
#include "dicom/syntax.h"

typedef struct entry {
    kh_codec_kind kind;
    const kh_decoder *decoder;
} entry;

static const entry table[] = {
    {KH_CODEC_JPEG, &kh_decoder_jpeg},
    {KH_CODEC_RLE, &kh_decoder_rle},
    {KH_CODEC_JPEG_LS, &kh_decoder_jpeg_ls},
    {KH_CODEC_JPEG_2000, &kh_decoder_jpeg_2000},
    {KH_CODEC_HTJ2K, &kh_decoder_jpeg_2000},
    {KH_CODEC_DEFLATED_FRAME, &kh_decoder_deflated},
};

static const kh_decoder *decoder_of(const kh_transfer_syntax *syntax)
{
    for (size_t i = 0; syntax && i < sizeof table / sizeof table[0]; i++)
        if (table[i].kind == syntax->codec)
            return table[i].decoder;
    return NULL;
}

bool kh_codec_supports(const char *transfer_syntax_uid)
{
    return decoder_of(kh_transfer_syntax_find(transfer_syntax_uid)) != NULL;
}

kh_status kh_decoder_find(const kh_decoder **out, const char *transfer_syntax_uid, kh_error *err)
{
    const kh_transfer_syntax *syntax = kh_transfer_syntax_find(transfer_syntax_uid);

    *out = decoder_of(syntax);
    if (*out)
        return KH_OK;
    if (syntax)
        return kh_error_set(err, KH_E_UNSUPPORTED, "%s is not decoded", syntax->name);
    return kh_error_set(err, KH_E_UNSUPPORTED, "transfer syntax %s is not known",
                        kh_uid_plausible(transfer_syntax_uid) ? transfer_syntax_uid : "that is no UID");
}

static kh_status check_header(const kh_pixel_format *format, kh_error *err)
{
    if (format->rows < 1 || format->rows > 65535 || format->columns < 1 || format->columns > 65535)
        return kh_error_set(err, KH_E_FORMAT, "Rows %u Columns %u, expected 1 to 65535", format->rows, format->columns);
    if (format->samples != 1 && format->samples != 3)
        return kh_error_set(err, KH_E_UNSUPPORTED, "SamplesPerPixel %u, expected 1 or 3", (unsigned)format->samples);
    if (format->bits_allocated < 1 || format->bits_allocated > 64)
        return kh_error_set(err, KH_E_FORMAT, "BitsAllocated %u, expected 1 to 64", (unsigned)format->bits_allocated);
    return KH_OK;
}

#define HALVINGS_MAX 16

static uint32_t halved(uint32_t side, unsigned halvings)
{
    return (uint32_t)((side + (UINT64_C(1) << halvings) - 1) >> halvings);
}

kh_status kh_codec_plan(kh_pixel_format *format, size_t *size, size_t size_max, const char *transfer_syntax_uid,
                        const kh_codestream *stream, unsigned halvings, kh_error *err)
{
    kh_pixel_format header = *format;
    const kh_decoder *decoder;
    kh_status status = kh_decoder_find(&decoder, transfer_syntax_uid, err);

    if (status == KH_OK)
        status = check_header(format, err);
    if (status == KH_OK)
        status = decoder->plan(format, stream, err);
    if (status != KH_OK)
        return status;
    if (halvings > 0 && (halvings > HALVINGS_MAX || !decoder->halvings || decoder->halvings(&header, stream, HALVINGS_MAX) < halvings))
        return kh_error_set(err, KH_E_UNSUPPORTED, "frame at 1 / 2^%u of its size, which its codec cannot give", halvings);
    format->rows = halved(format->rows, halvings);
    format->columns = halved(format->columns, halvings);
    if (!kh_pixel_format_frame_bytes(format, size) || *size > size_max)
        return kh_error_set(err, KH_E_LIMIT, "frame of %u x %u pixels decoded, expected at most %zu bytes", format->columns,
                            format->rows, size_max);
    return KH_OK;
}

unsigned kh_codec_halvings(const char *transfer_syntax_uid, const kh_pixel_format *format, const void *codestream,
                           size_t codestream_size, unsigned wanted)
{
    const kh_decoder *decoder = decoder_of(kh_transfer_syntax_find(transfer_syntax_uid));
    kh_codestream stream = {codestream, codestream_size};

    if (!decoder || !decoder->halvings || wanted == 0)
        return 0;
    return decoder->halvings(format, &stream, wanted < HALVINGS_MAX ? wanted : HALVINGS_MAX);
}

kh_status kh_codec_decode_planned(uint8_t *pixels, size_t size, const char *transfer_syntax_uid, const kh_pixel_format *planned,
                                  const kh_pixel_format *header, const kh_codestream *stream, unsigned halvings,
                                  const kh_decode_listener *listener, kh_error *err)
{
    const kh_decoder *decoder;
    kh_status status = kh_decoder_find(&decoder, transfer_syntax_uid, err);

    if (status != KH_OK)
        return status;
    if (halvings > 0 && !decoder->decode_reduced)
        return kh_error_set(err, KH_E_UNSUPPORTED, "frame at 1 / 2^%u of its size, which its codec cannot give", halvings);
    if (halvings > 0)
        return decoder->decode_reduced(pixels, size, planned, header, stream, halvings, err);
    if (listener && decoder->decode_told)
        return decoder->decode_told(pixels, size, planned, header, stream, listener, err);
    return decoder->decode(pixels, size, planned, header, stream, err);
}

kh_status kh_codec_decode_reduced_here(uint8_t *pixels, size_t size, const char *transfer_syntax_uid, kh_pixel_format *format,
                                       const void *codestream, size_t codestream_size, unsigned halvings, kh_error *err)
{
    kh_codestream stream = {codestream, codestream_size};
    kh_pixel_format planned = *format;
    size_t bytes;
    kh_status status = kh_codec_plan(&planned, &bytes, size, transfer_syntax_uid, &stream, halvings, err);

    if (status == KH_OK)
        status = kh_codec_decode_planned(pixels, bytes, transfer_syntax_uid, &planned, format, &stream, halvings, NULL, err);
    if (status == KH_OK)
        *format = planned;
    return status;
}

kh_status kh_codec_decode_here(uint8_t *pixels, size_t size, const char *transfer_syntax_uid, kh_pixel_format *format,
                               const void *codestream, size_t codestream_size, kh_error *err)
{
    return kh_codec_decode_reduced_here(pixels, size, transfer_syntax_uid, format, codestream, codestream_size, 0, err);
}
