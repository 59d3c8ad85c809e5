#include <string.h>

#include "dicom/codec/gate.h"

enum marker {
    M_SOF0 = 0xC0,
    M_DHT = 0xC4,
    M_JPG = 0xC8,
    M_DAC = 0xCC,
    M_SOF15 = 0xCF,
    M_RST0 = 0xD0,
    M_RST7 = 0xD7,
    M_SOI = 0xD8,
    M_EOI = 0xD9,
    M_SOS = 0xDA,
    M_DNL = 0xDC,
    M_APP0 = 0xE0,
    M_APP14 = 0xEE,
    M_COM = 0xFE
};

#define SEGMENTS_MAX 4096 /* tables and scans of one picture: a progressive one has some dozens */

typedef struct reader {
    const uint8_t *bytes;
    size_t size, at;
    bool seen_frame, seen_scan;
} reader;

static unsigned u16_at(const uint8_t *bytes)
{
    return (unsigned)bytes[0] << 8 | bytes[1];
}

static bool is_frame_header(unsigned marker)
{
    return marker >= M_SOF0 && marker <= M_SOF15 && marker != M_DHT && marker != M_JPG && marker != M_DAC;
}

/* The next marker's code, behind any fill bytes; at then stands behind it. */
static kh_status next_marker(unsigned *out, reader *in, kh_error *err)
{
    size_t at = in->at;

    if (at >= in->size || in->bytes[at] != 0xFF)
        return kh_error_set(err, KH_E_FORMAT, "JPEG byte %zu is no marker", at);
    while (at < in->size && in->bytes[at] == 0xFF)
        at++;
    if (at >= in->size)
        return kh_error_set(err, KH_E_FORMAT, "JPEG ends in the marker at byte %zu", in->at);
    *out = in->bytes[at];
    in->at = at + 1;
    return KH_OK;
}

/* The body of a marker segment; at then stands behind it. */
static kh_status segment(const uint8_t **body, size_t *length, reader *in, unsigned marker, kh_error *err)
{
    size_t left = in->size - in->at, stated;

    if (left < 2)
        return kh_error_set(err, KH_E_FORMAT, "JPEG ends in the segment FF%02X", marker);
    stated = u16_at(in->bytes + in->at);
    if (stated < 2 || stated > left)
        return kh_error_set(err, KH_E_FORMAT, "JPEG segment FF%02X of %zu bytes, expected 2 to %zu", marker, stated, left);
    *body = in->bytes + in->at + 2;
    *length = stated - 2;
    in->at += stated;
    return KH_OK;
}

static kh_status read_components(kh_jpeg_gate *out, const uint8_t *body, kh_error *err)
{
    for (unsigned i = 0; i < out->components; i++) {
        const uint8_t *component = body + 6 + 3 * i;
        unsigned across = component[1] >> 4, down = component[1] & 15;

        if (across < 1 || across > 4 || down < 1 || down > 4)
            return kh_error_set(err, KH_E_FORMAT, "JPEG component %u sampled %u x %u, expected 1 to 4", i + 1, across, down);
    }
    out->named_rgb = out->components == 3 && body[6] == 'R' && body[9] == 'G' && body[12] == 'B';
    return KH_OK;
}

static bool precision_is_decoded(unsigned process, unsigned precision)
{
    switch (process) {
    case 0:
        return precision == 8;
    case 1:
    case 2:
        return precision == 8 || precision == 12;
    default:
        return precision >= 2 && precision <= 16;
    }
}

static kh_status read_frame_header(kh_jpeg_gate *out, reader *in, unsigned marker, const uint8_t *body, size_t length,
                                   kh_error *err)
{
    if (in->seen_frame)
        return kh_error_set(err, KH_E_FORMAT, "JPEG with a second frame header FF%02X", marker);
    in->seen_frame = true;
    out->process = marker - M_SOF0;
    if (out->process > 3)
        return kh_error_set(err, KH_E_UNSUPPORTED, "JPEG process SOF%u, expected SOF0 to SOF3", out->process);
    if (length < 6 || length != 6 + 3 * (size_t)body[5])
        return kh_error_set(err, KH_E_FORMAT, "JPEG frame header of %zu bytes, expected 6 and 3 for each component", length);
    out->precision = body[0];
    out->rows = u16_at(body + 1);
    out->columns = u16_at(body + 3);
    out->components = body[5];
    if (out->components != 1 && out->components != 3)
        return kh_error_set(err, KH_E_UNSUPPORTED, "JPEG of %u components, expected 1 or 3", out->components);
    if (out->rows == 0 || out->columns == 0)
        return kh_error_set(err, KH_E_FORMAT, "JPEG of %u x %u pixels, expected at least 1 x 1", out->columns, out->rows);
    if (!precision_is_decoded(out->process, out->precision))
        return kh_error_set(err, KH_E_FORMAT, "JPEG precision %u, not one of process SOF%u", out->precision, out->process);
    return read_components(out, body, err);
}

/* Behind a scan header: entropy-coded bytes up to the next marker that is neither a stuffed FF nor a restart. Their end without
 * one is the end of the codestream. */
static void skip_scan(reader *in)
{
    while (in->at < in->size) {
        const uint8_t *ff = memchr(in->bytes + in->at, 0xFF, in->size - in->at);
        size_t at = ff ? (size_t)(ff - in->bytes) : in->size;

        in->at = at;
        while (at < in->size && in->bytes[at] == 0xFF)
            at++;
        if (at >= in->size) {
            in->at = in->size;
            return;
        }
        if (in->bytes[at] != 0 && (in->bytes[at] < M_RST0 || in->bytes[at] > M_RST7))
            return;
        in->at = at + 1;
    }
}

static void note_application(kh_jpeg_gate *out, unsigned marker, const uint8_t *body, size_t length)
{
    if (marker == M_APP0 && length >= 5 && memcmp(body, "JFIF", 5) == 0)
        out->has_jfif = true;
    if (marker == M_APP14 && length >= 12 && memcmp(body, "Adobe", 5) == 0) {
        out->has_adobe = true;
        out->adobe_transform = body[11];
    }
}

static kh_status read_segment(kh_jpeg_gate *out, reader *in, unsigned marker, kh_error *err)
{
    const uint8_t *body = NULL;
    size_t length = 0;
    kh_status status;

    if (marker < M_SOF0 || (marker >= M_RST0 && marker <= M_SOI) || (marker > 0xEF && marker < M_COM) || marker == M_JPG
        || marker == M_DNL)
        return kh_error_set(err, KH_E_FORMAT, "JPEG marker FF%02X before byte %zu has no place there", marker, in->at);
    status = segment(&body, &length, in, marker, err);
    if (status != KH_OK)
        return status;
    note_application(out, marker, body, length);
    if (is_frame_header(marker))
        return read_frame_header(out, in, marker, body, length, err);
    if (marker != M_SOS)
        return KH_OK;
    if (!in->seen_frame || length < 1 || length != 4 + 2 * (size_t)body[0] || body[0] < 1 || body[0] > out->components)
        return kh_error_set(err, KH_E_FORMAT, "JPEG scan header before byte %zu of %zu bytes does not fit its frame", in->at,
                            length);
    if (out->process < 2 && (body[length - 3] != 0 || body[length - 2] != 63 || body[length - 1] != 0))
        out->odd_scans++;
    if (out->process == 3 && !in->seen_scan)
        out->predictor = body[length - 3];
    out->point_transform = out->point_transform || (out->process == 3 && (body[length - 1] & 15) != 0);
    in->seen_scan = true;
    skip_scan(in);
    return KH_OK;
}

kh_status kh_jpeg_gate_read(kh_jpeg_gate *out, const uint8_t *bytes, size_t size, kh_error *err)
{
    reader in = {.bytes = bytes, .size = size, .at = 2};
    unsigned marker = 0;

    *out = (kh_jpeg_gate){0};
    if (size < 4 || bytes[0] != 0xFF || bytes[1] != M_SOI)
        return kh_error_set(err, KH_E_FORMAT, "no JPEG: it does not begin with FFD8");
    for (unsigned count = 0; count < SEGMENTS_MAX; count++) {
        kh_status status;

        if (in.seen_scan && in.at >= in.size)
            return KH_OK; /* without EOI: out->ended says so */
        status = next_marker(&marker, &in, err);
        if (status == KH_OK && marker == M_EOI) {
            out->ended = true;
            return in.seen_scan ? KH_OK : kh_error_set(err, KH_E_FORMAT, "JPEG ends before its first scan");
        }
        if (status == KH_OK)
            status = read_segment(out, &in, marker, err);
        if (status != KH_OK)
            return status;
    }
    return kh_error_set(err, KH_E_LIMIT, "JPEG of more than %d segments", SEGMENTS_MAX);
}
