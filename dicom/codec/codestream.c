#include "dicom/codec/codestream.h"

#include "dicom/codec/gate.h"
#include "dicom/syntax.h"

#define JPEG_LOSSLESS_PROCESS 3

static kh_status look_jpeg(kh_codestream_facts *out, const uint8_t *bytes, size_t size, kh_error *err)
{
    kh_jpeg_gate gate;
    kh_status status = kh_jpeg_gate_read(&gate, bytes, size, err);

    if (status == KH_OK)
        *out = (kh_codestream_facts){gate.rows, gate.columns, gate.process != JPEG_LOSSLESS_PROCESS || gate.point_transform};
    return status;
}

static kh_status look_jpeg_ls(kh_codestream_facts *out, const uint8_t *bytes, size_t size, kh_error *err)
{
    kh_jls_gate gate;
    kh_status status = kh_jls_gate_read(&gate, bytes, size, err);

    if (status == KH_OK)
        *out = (kh_codestream_facts){gate.rows, gate.columns, gate.near_lossless};
    return status;
}

static kh_status look_jpeg_2000(kh_codestream_facts *out, const uint8_t *bytes, size_t size, kh_error *err)
{
    kh_j2k_gate gate;
    kh_status status = kh_j2k_gate_read(&gate, bytes, size, err);

    if (status == KH_OK)
        *out = (kh_codestream_facts){gate.rows, gate.columns, gate.irreversible};
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
