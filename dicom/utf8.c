/* utf8.c - code points in and out of UTF-8, and bytes of unknown origin. */
#include <string.h>
#include "dicom/charset.h"

/* Length of the well-formed sequence at bytes (Unicode table 3-7), 0 when it is none. */
static size_t sequence_size(const uint8_t *bytes, size_t left)
{
    uint8_t first = bytes[0], low = 0x80, high = 0xbf;
    size_t size = first < 0x80 ? 1 : first >= 0xc2 && first <= 0xdf ? 2 : (first & 0xf0) == 0xe0 ? 3 : 4;

    if (first >= 0x80 && (first < 0xc2 || first > 0xf4))
        return 0;
    if (first == 0xe0)
        low = 0xa0;
    else if (first == 0xed)
        high = 0x9f;
    else if (first == 0xf0)
        low = 0x90;
    else if (first == 0xf4)
        high = 0x8f;
    if (size > left || (size > 1 && (bytes[1] < low || bytes[1] > high)))
        return 0;
    for (size_t i = 2; i < size; i++) {
        if ((bytes[i] & 0xc0) != 0x80)
            return 0;
    }
    return size;
}

bool kh_utf8_valid(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0, length; i < size; i += length) {
        length = sequence_size(bytes + i, size - i);
        if (length == 0)
            return false;
    }
    return true;
}

kh_status kh_utf8_append(kh_buf *out, uint32_t code_point, kh_error *err)
{
    uint8_t bytes[4];
    size_t size;

    if (code_point > 0x10ffff || (code_point >= 0xd800 && code_point <= 0xdfff))
        code_point = 0xfffd;
    if (code_point < 0x80) {
        bytes[0] = (uint8_t)code_point;
        size = 1;
    } else if (code_point < 0x800) {
        bytes[0] = (uint8_t)(0xc0 | code_point >> 6);
        size = 2;
    } else if (code_point < 0x10000) {
        bytes[0] = (uint8_t)(0xe0 | code_point >> 12);
        size = 3;
    } else {
        bytes[0] = (uint8_t)(0xf0 | code_point >> 18);
        size = 4;
    }
    for (size_t i = 1; i < size; i++)
        bytes[i] = (uint8_t)(0x80 | (code_point >> (6 * (size - 1 - i)) & 0x3f));
    return kh_buf_append(out, bytes, size, err);
}

uint32_t kh_utf8_next(const char *text, size_t *size)
{
    const uint8_t *bytes = (const uint8_t *)text;
    uint32_t code_point;

    *size = bytes[0] < 0x80 ? 1 : bytes[0] < 0xe0 ? 2 : bytes[0] < 0xf0 ? 3 : 4;
    code_point = *size == 1 ? bytes[0] : bytes[0] & (0x7fu >> *size);
    for (size_t i = 1; i < *size; i++)
        code_point = code_point << 6 | (bytes[i] & 0x3fu);
    return code_point;
}

uint32_t kh_jis_normal(uint32_t code_point)
{
    static const uint32_t pairs[][2] = {
        {0xff5e, 0x301c}, /* WAVE DASH */
        {0xff0d, 0x2212}, /* MINUS SIGN */
        {0x2225, 0x2016}, /* DOUBLE VERTICAL LINE */
        {0xffe0, 0x00a2}, /* CENT SIGN */
        {0xffe1, 0x00a3}, /* POUND SIGN */
        {0xffe2, 0x00ac}, /* NOT SIGN */
    };

    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        if (pairs[i][0] == code_point)
            return pairs[i][1];
    }
    return code_point;
}

static bool has_in(const uint8_t *bytes, size_t size, uint8_t low, uint8_t high)
{
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] >= low && bytes[i] <= high)
            return true;
    }
    return false;
}

/* Pairs only, with kana or a byte that half-width katakana do not have: else it may as well be those. */
static bool looks_like_euc_jp(const uint8_t *bytes, size_t size)
{
    bool evidence = false;

    for (size_t i = 0; i < size; i++) {
        if (bytes[i] < 0x80)
            continue;
        if (bytes[i] < 0xa1 || i + 1 == size || bytes[i + 1] < 0xa1)
            return false;
        evidence = evidence || bytes[i] == 0xa4 || bytes[i] == 0xa5 || bytes[i] > 0xdf || bytes[i + 1] > 0xdf;
        i++;
    }
    return evidence;
}

/* A lead byte that ISO 8859 does not have, or two half-width katakana. */
static bool looks_like_shift_jis(const uint8_t *bytes, size_t size)
{
    if (has_in(bytes, size, 0x81, 0x9f))
        return true;
    for (size_t i = 1; i < size; i++) {
        if (bytes[i - 1] >= 0xa1 && bytes[i - 1] <= 0xdf && bytes[i] >= 0xa1 && bytes[i] <= 0xdf)
            return true;
    }
    return false;
}

static bool convert_japanese(kh_buf *out, kh_converter *converter, const char *from, const uint8_t *bytes, size_t size)
{
    kh_buf text;
    size_t length;
    bool converted;

    kh_buf_init(&text, out->max_size);
    converted = kh_convert(converter, &text, "UTF-8", from, bytes, size);
    for (size_t i = 0; converted && i < text.size; i += length)
        converted =
            kh_utf8_append(out, kh_jis_normal(kh_utf8_next((const char *)text.data + i, &length)), NULL) == KH_OK;
    kh_buf_release(&text);
    return converted;
}

kh_status kh_text_guess(kh_buf *out, kh_converter *converter, const uint8_t *bytes, size_t size, kh_error *err)
{
    size_t room = out->max_size - out->size;
    kh_status status = KH_OK;

    if (kh_utf8_valid(bytes, size))
        return kh_buf_append(out, bytes, size, err);
    if (size > room / 3) /* no conversion below makes more than three bytes of one */
        return kh_error_set(err, KH_E_LIMIT, "%zu bytes of text, expected at most %zu", size, room / 3);
    if (looks_like_euc_jp(bytes, size) && convert_japanese(out, converter, "EUC-JP", bytes, size))
        return KH_OK;
    if (looks_like_shift_jis(bytes, size) && convert_japanese(out, converter, "CP932", bytes, size))
        return KH_OK;
    for (size_t i = 0; i < size && status == KH_OK; i++)
        status = kh_utf8_append(out, bytes[i] >= 0x80 && bytes[i] < 0xa0 ? 0xfffd : bytes[i], err);
    return status;
}
