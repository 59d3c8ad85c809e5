#include "dicom/codec/codestream.h"

#include "dicom/codec/decoder.h"
#include "dicom/codec/gate.h"
#include "dicom/syntax.h"

#define JPEG_LOSSLESS_PROCESS 3

static kh_status look_jpeg(kh_codestream_facts *out, const uint8_t *bytes, size_t size, kh_error *err)
{
    kh_jpeg_gate gate;
    kh_status status = kh_jpeg_gate_read(&gate, bytes, size, err);

    if (status == KH_OK)
        *out = (kh_codestream_facts){gate.rows, gate.columns, gate.process != JPEG_LOSSLESS_PROCESS || gate.point_transform, false};
    return status;
}

static kh_status look_jpeg_ls(kh_codestream_facts *out, const uint8_t *bytes, size_t size, kh_error *err)
{
    kh_jls_gate gate;
    kh_status status = kh_jls_gate_read(&gate, bytes, size, err);

    if (status == KH_OK)
        *out = (kh_codestream_facts){gate.rows, gate.columns, gate.near_lossless, false};
    return status;
}

static kh_status look_jpeg_2000(kh_codestream_facts *out, const uint8_t *bytes, size_t size, kh_error *err)
{
    kh_j2k_gate gate;
    kh_status status = kh_j2k_gate_read(&gate, bytes, size, err);

    if (status == KH_OK)
        *out = (kh_codestream_facts){gate.rows, gate.columns, gate.irreversible, gate.high_throughput};
    return status;
}

kh_status kh_codestream_look(kh_codestream_facts *out, const char *transfer_syntax_uid, const uint8_t *bytes, size_t size, kh_error *err)
{
    const kh_transfer_syntax *syntax = kh_transfer_syntax_find(transfer_syntax_uid);

    switch (syntax ? syntax->codec : KH_CODEC_OTHER) {
    case KH_CODEC_JPEG: return look_jpeg(out, bytes, size, err);
    case KH_CODEC_JPEG_LS: return look_jpeg_ls(out, bytes, size, err);
    case KH_CODEC_JPEG_2000:
    case KH_CODEC_HTJ2K: return look_jpeg_2000(out, bytes, size, err);
    default: return kh_error_set(err, KH_E_UNSUPPORTED, "a frame of this transfer syntax tells nothing of itself");
    }
}

static kh_status jpeg_syntax(const char **out, const uint8_t *bytes, size_t size, kh_error *err)
{
    kh_jpeg_gate gate;
    kh_status status = kh_jpeg_gate_read(&gate, bytes, size, err);

    if (status != KH_OK)
        return status;
    if (gate.process == JPEG_LOSSLESS_PROCESS)
        *out = gate.predictor == 1 ? KH_TS_JPEG_LOSSLESS_SV1 : KH_TS_JPEG_LOSSLESS;
    else if (gate.process == 0)
        *out = KH_TS_JPEG_BASELINE;
    else if (gate.process == 1)
        *out = KH_TS_JPEG_EXTENDED;
    else
        return kh_error_set(err, KH_E_UNSUPPORTED, "JPEG of process %u, which no transfer syntax in use has", gate.process);
    return KH_OK;
}

kh_status kh_codestream_syntax(const char **out, kh_codec_kind kind, const uint8_t *bytes, size_t size, kh_error *err)
{
    static const struct {
        kh_codec_kind kind;
        const char *lossless, *lossy;
    } pairs[] = {{KH_CODEC_JPEG_LS, "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81"},
                 {KH_CODEC_JPEG_2000, "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91"},
                 {KH_CODEC_HTJ2K, "1.2.840.10008.1.2.4.201", "1.2.840.10008.1.2.4.203"}};
    kh_codestream_facts facts;
    kh_status status;

    *out = kind == KH_CODEC_RLE ? KH_TS_RLE : kind == KH_CODEC_DEFLATED_FRAME ? "1.2.840.10008.1.2.8.1" : NULL;
    if (*out)
        return KH_OK;
    if (kind == KH_CODEC_JPEG)
        return jpeg_syntax(out, bytes, size, err);
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        if (pairs[i].kind != kind)
            continue;
        status = kh_codestream_look(&facts, pairs[i].lossless, bytes, size, err);
        if (status == KH_OK && facts.high_throughput != (kind == KH_CODEC_HTJ2K))
            return kh_error_set(err, KH_E_FORMAT, "JPEG 2000 of the %s block coder, expected the other",
                                facts.high_throughput ? "high-throughput" : "first");
        *out = status != KH_OK ? NULL : facts.lossy ? pairs[i].lossy : pairs[i].lossless;
        return status;
    }
    return kh_error_set(err, KH_E_UNSUPPORTED, "a codestream that does not tell its transfer syntax");
}

kh_status kh_codestream_fits(const char *transfer_syntax_uid, const kh_pixel_format *format, const uint8_t *bytes, size_t size,
                             kh_error *err)
{
    const kh_codestream stream = {bytes, size};
    kh_pixel_format planned = *format;
    size_t frame_bytes;
    kh_status status = kh_codec_plan(&planned, &frame_bytes, SIZE_MAX, transfer_syntax_uid, &stream, 0, err);

    if (status == KH_OK && planned.samples != format->samples)
        return kh_error_set(err, KH_E_FORMAT, "a codestream of %u components, expected SamplesPerPixel %u", (unsigned)planned.samples,
                            (unsigned)format->samples);
    return status;
}
