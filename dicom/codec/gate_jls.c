/* gate_jls.c - JPEG-LS (ISO/IEC 14495-1 annex C): the headers of the frame and of each scan, and where its data end. */
#include <string.h>

#include "dicom/codec/gate.h"

enum marker {
    M_SOI = 0xD8,
    M_EOI = 0xD9,
    M_SOS = 0xDA,
    M_DRI = 0xDD,
    M_APP0 = 0xE0,
    M_APP8 = 0xE8,
    M_APP15 = 0xEF,
    M_SOF55 = 0xF7,
    M_LSE = 0xF8,
    M_COM = 0xFE
};

#define SEGMENTS_MAX 1024
#define LSE_PRESETS 1
#define LSE_PRESETS_BYTES 11

typedef struct reader {
    const uint8_t *bytes;
    size_t size, at;
    bool seen_frame;
    unsigned components_scanned;
} reader;

static unsigned u16_at(const uint8_t *bytes)
{
    return (unsigned)bytes[0] << 8 | bytes[1];
}

static kh_status next_marker(unsigned *out, reader *in, kh_error *err)
{
    size_t at = in->at;

    while (at < in->size && in->bytes[at] == 0xFF)
        at++;
    if (at == in->at || at >= in->size)
        return kh_error_set(err, KH_E_FORMAT, "JPEG-LS byte %zu is no marker", in->at);
    *out = in->bytes[at];
    in->at = at + 1;
    return KH_OK;
}

static kh_status segment(const uint8_t **body, size_t *length, reader *in, unsigned marker, kh_error *err)
{
    size_t left = in->size - in->at, stated;

    if (left < 2)
        return kh_error_set(err, KH_E_FORMAT, "JPEG-LS ends in the segment FF%02X", marker);
    stated = u16_at(in->bytes + in->at);
    if (stated < 2 || stated > left)
        return kh_error_set(err, KH_E_FORMAT, "JPEG-LS segment FF%02X of %zu bytes, expected 2 to %zu", marker, stated,
                            left);
    *body = in->bytes + in->at + 2;
    *length = stated - 2;
    in->at += stated;
    return KH_OK;
}

static kh_status read_frame_header(kh_jls_gate *out, reader *in, const uint8_t *body, size_t length, kh_error *err)
{
    if (in->seen_frame)
        return kh_error_set(err, KH_E_FORMAT, "JPEG-LS with a second frame header");
    in->seen_frame = true;
    if (length < 6 || length != 6 + 3 * (size_t)body[5])
        return kh_error_set(err, KH_E_FORMAT, "JPEG-LS frame header of %zu bytes, expected 6 and 3 for each component",
                            length);
    out->precision = body[0];
    out->rows = u16_at(body + 1);
    out->columns = u16_at(body + 3);
    out->components = body[5];
    if (out->components != 1 && out->components != 3)
        return kh_error_set(err, KH_E_UNSUPPORTED, "JPEG-LS of %u components, expected 1 or 3", out->components);
    if (out->precision < 2 || out->precision > 16)
        return kh_error_set(err, KH_E_FORMAT, "JPEG-LS precision %u, expected 2 to 16", out->precision);
    if (out->rows == 0 || out->columns == 0) /* stated elsewhere: in a DNL marker or an oversize LSE */
        return kh_error_set(err, KH_E_UNSUPPORTED, "JPEG-LS of %u x %u pixels, expected at least 1 x 1", out->columns,
                            out->rows);
    for (unsigned i = 0; i < out->components; i++)
        if (body[7 + 3 * i] != 0x11)
            return kh_error_set(err, KH_E_UNSUPPORTED, "JPEG-LS component %u is subsampled (%02X), expected 11", i + 1,
                                (unsigned)body[7 + 3 * i]);
    return KH_OK;
}

/* Behind a scan header: in JPEG-LS a 0 bit is stuffed after each FF, so that FF and a byte from 80 on is a marker. */
static void skip_scan(reader *in)
{
    while (in->at < in->size) {
        const uint8_t *ff = memchr(in->bytes + in->at, 0xFF, in->size - in->at);
        size_t at = ff ? (size_t)(ff - in->bytes) : in->size;

        if (at + 1 >= in->size) {
            in->at = in->size;
            return;
        }
        in->at = at;
        if (in->bytes[at + 1] >= 0x80 && (in->bytes[at + 1] < 0xD0 || in->bytes[at + 1] > 0xD7))
            return;
        in->at += in->bytes[at + 1] == 0xFF ? 1 : 2;
    }
}

static kh_status read_scan_header(kh_jls_gate *out, reader *in, const uint8_t *body, size_t length, kh_error *err)
{
    unsigned count = length > 0 ? body[0] : 0, near, interleave;

    if (!in->seen_frame || count < 1 || length != 4 + 2 * (size_t)count)
        return kh_error_set(err, KH_E_FORMAT, "JPEG-LS scan header before byte %zu of %zu bytes does not fit its frame",
                            in->at, length);
    near = body[length - 3];
    interleave = body[length - 2];
    if (interleave > 2 || (count > 1) != (interleave > 0) || (count != 1 && count != out->components))
        return kh_error_set(err, KH_E_FORMAT, "JPEG-LS scan of %u of %u components, interleave mode %u", count,
                            out->components, interleave);
    if (near > 0 && near > (1u << out->precision) / 2 - 1)
        return kh_error_set(err, KH_E_FORMAT, "JPEG-LS scan NEAR %u, expected at most half of %u bits", near,
                            out->precision);
    if (body[length - 1] != 0)
        return kh_error_set(err, KH_E_UNSUPPORTED, "JPEG-LS scan with point transform %u, expected 0",
                            (unsigned)body[length - 1]);
    for (unsigned i = 0; i < count; i++)
        if (body[2 + 2 * i] != 0)
            return kh_error_set(err, KH_E_UNSUPPORTED, "JPEG-LS with a mapping table");
    out->near_lossless = out->near_lossless || near > 0;
    if (in->components_scanned == 0)
        out->interleave = interleave;
    in->components_scanned += count;
    if (in->components_scanned > out->components || interleave != out->interleave)
        return kh_error_set(err, KH_E_FORMAT, "JPEG-LS scans of %u components, expected %u", in->components_scanned,
                            out->components);
    skip_scan(in);
    return KH_OK;
}

static kh_status read_segment(kh_jls_gate *out, reader *in, unsigned marker, kh_error *err)
{
    bool application = marker >= M_APP0 && marker <= M_APP15;
    const uint8_t *body = NULL;
    size_t length = 0;
    kh_status status;

    if (!application && marker != M_SOF55 && marker != M_SOS && marker != M_LSE && marker != M_COM && marker != M_DRI)
        return kh_error_set(err, KH_E_FORMAT, "JPEG-LS marker FF%02X before byte %zu has no place there", marker,
                            in->at);
    status = segment(&body, &length, in, marker, err);
    if (status != KH_OK)
        return status;
    if (marker == M_SOF55)
        return read_frame_header(out, in, body, length, err);
    if (marker == M_SOS)
        return read_scan_header(out, in, body, length, err);
    if (marker == M_LSE && (length != LSE_PRESETS_BYTES || body[0] != LSE_PRESETS))
        return kh_error_set(err, KH_E_UNSUPPORTED, "JPEG-LS parameters of kind %u and %zu bytes, expected kind 1 of 11",
                            length > 0 ? (unsigned)body[0] : 0, length);
    if (marker == M_APP8 && length == 5 && memcmp(body, "mrfx", 4) == 0)
        out->rgb_transform = body[4] != 0;
    return KH_OK;
}

kh_status kh_jls_gate_read(kh_jls_gate *out, const uint8_t *bytes, size_t size, kh_error *err)
{
    reader in = {.bytes = bytes, .size = size, .at = 2};
    unsigned marker = 0;

    *out = (kh_jls_gate){0};
    if (size < 4 || bytes[0] != 0xFF || bytes[1] != M_SOI)
        return kh_error_set(err, KH_E_FORMAT, "no JPEG-LS: it does not begin with FFD8");
    for (unsigned count = 0; count < SEGMENTS_MAX; count++) {
        bool whole = in.seen_frame && in.components_scanned == out->components;
        kh_status status;

        if (whole && in.at >= in.size)
            return KH_OK; /* without EOI: out->ended says so */
        status = next_marker(&marker, &in, err);
        if (status == KH_OK && marker == M_EOI) {
            out->ended = true;
            return whole ? KH_OK : kh_error_set(err, KH_E_FORMAT, "JPEG-LS ends before its last scan");
        }
        if (status == KH_OK)
            status = read_segment(out, &in, marker, err);
        if (status != KH_OK)
            return status;
    }
    return kh_error_set(err, KH_E_LIMIT, "JPEG-LS of more than %d segments", SEGMENTS_MAX);
}
