/* text_decode.c - bytes in a Specific Character Set to UTF-8 (PS3.5 6.1.2, annexes H, I and J).
 * ISO 2022: one set is active for bytes below 0x80 (G0), one for those above (G1); escapes replace either, and both
 * fall back to what value 1 declares before a delimiter and before a control character (6.1.2.5.3). */
#include <string.h>
#include "dicom/charset.h"
#include "dicom/text.h"

#define ESC 0x1b
#define REPLACEMENT 0xfffd

typedef struct kh_decoder {
    kh_buf *out;
    kh_converter converter;
    kh_charset_list list;
    const kh_charset *g0, *g1; /* g1: NULL when nothing is declared */
    bool person_name;
} kh_decoder;

static bool is_two_byte_g0(const kh_charset *set)
{
    return set->kind == KH_CHARSET_JIS0208 || set->kind == KH_CHARSET_JIS0212;
}

static bool is_two_byte_g1(const kh_charset *set)
{
    return set && (set->kind == KH_CHARSET_KSX1001 || set->kind == KH_CHARSET_GB2312);
}

/* What value 1 declares. */
static void reset(kh_decoder *decoder)
{
    const kh_charset *first = decoder->list.sets[0];

    decoder->g0 = kh_charset_by_kind(
        first->kind == KH_CHARSET_KATAKANA || first->kind == KH_CHARSET_ROMAJI ? KH_CHARSET_ROMAJI : KH_CHARSET_ASCII);
    decoder->g1 = NULL;
    if (first->kind == KH_CHARSET_ROMAJI)
        decoder->g1 = kh_charset_by_kind(KH_CHARSET_KATAKANA);
    else if (first->kind == KH_CHARSET_KATAKANA || first->kind == KH_CHARSET_LATIN || is_two_byte_g1(first))
        decoder->g1 = first;
    /* Many writers escape once per value and not once per component: what is declared anywhere will do. */
    for (unsigned i = 1; !decoder->g1 && i < decoder->list.count; i++) {
        if (is_two_byte_g1(decoder->list.sets[i]))
            decoder->g1 = decoder->list.sets[i];
    }
}

static void designate(kh_decoder *decoder, const kh_charset *set)
{
    bool to_g1 = set->escape[0] == ')' || set->escape[0] == '-' || set->escape[1] == ')';

    if (to_g1)
        decoder->g1 = set;
    else
        decoder->g0 = set;
}

/* Code point of one character in from, or REPLACEMENT. */
static uint32_t convert_one(kh_decoder *decoder, const char *from, const uint8_t *bytes, size_t size)
{
    uint8_t text[8];

    if (kh_convert_one(&decoder->converter, text, "UTF-32LE", from, bytes, size) != 4)
        return REPLACEMENT;
    return (uint32_t)text[0] | (uint32_t)text[1] << 8 | (uint32_t)text[2] << 16 | (uint32_t)text[3] << 24;
}

/* Rows 13 and 89 to 92 of JIS X 0208 are empty in the standard and full in the wild; Microsoft's table knows them, by
 * the arithmetic of Shift_JIS. */
static uint32_t vendor_kanji(kh_decoder *decoder, uint8_t first, uint8_t second)
{
    unsigned row = first - 0x21u, cell = second - 0x21u;
    unsigned lead = 0x81 + row / 2 + (row >= 62 ? 0x40 : 0),
             trail = cell + (row & 1 ? 0x9f : (cell >= 63 ? 0x41 : 0x40));
    const uint8_t bytes[2] = {(uint8_t)lead, (uint8_t)trail};

    return kh_jis_normal(convert_one(decoder, "CP932", bytes, 2));
}

static uint32_t decode_pair(kh_decoder *decoder, const kh_charset *set, uint8_t first, uint8_t second)
{
    uint8_t bytes[3] = {0x8f, (uint8_t)(first | 0x80), (uint8_t)(second | 0x80)};
    uint32_t code_point;

    if (set->kind == KH_CHARSET_JIS0212)
        return convert_one(decoder, set->iconv_name, bytes, 3);
    code_point = convert_one(decoder, set->iconv_name, bytes + 1, 2);
    if (code_point == REPLACEMENT && set->kind == KH_CHARSET_JIS0208)
        code_point = vendor_kanji(decoder, first, second);
    return code_point;
}

/* Two bytes, or one when they are no pair. */
static kh_status take_pair(size_t *taken, kh_decoder *decoder, const kh_charset *set, const uint8_t *bytes, size_t left,
                           kh_error *err)
{
    uint8_t high = bytes[0] & 0x80;
    bool pair = left >= 2 && (bytes[1] & 0x80) == high && (bytes[1] & 0x7f) >= 0x21 && (bytes[1] & 0x7f) <= 0x7e &&
                (bytes[0] & 0x7f) >= 0x21 && (bytes[0] & 0x7f) <= 0x7e;

    *taken = pair ? 2 : 1;
    return kh_utf8_append(decoder->out, pair ? decode_pair(decoder, set, bytes[0], bytes[1]) : REPLACEMENT, err);
}

static uint32_t decode_low(const kh_decoder *decoder, uint8_t byte)
{
    if (decoder->g0->kind == KH_CHARSET_ROMAJI && byte == '~')
        return 0x203e; /* OVERLINE; 0x5C, a yen sign there, stays the delimiter */
    if (decoder->g0->kind == KH_CHARSET_KATAKANA && byte >= 0x21 && byte <= 0x5f)
        return 0xff61u + byte - 0x21u;
    return byte;
}

static uint32_t decode_high(kh_decoder *decoder, uint8_t byte)
{
    if (!decoder->g1)
        return REPLACEMENT;
    if (decoder->g1->kind == KH_CHARSET_KATAKANA)
        return byte >= 0xa1 && byte <= 0xdf ? 0xff61u + byte - 0xa1u : REPLACEMENT;
    return convert_one(decoder, decoder->g1->iconv_name, &byte, 1);
}

static bool resets(const kh_decoder *decoder, uint8_t byte)
{
    if (decoder->g0->kind == KH_CHARSET_KATAKANA && byte > 0x20)
        return false; /* where delimiters would be there are katakana */
    return byte < 0x20 || byte == '\\' || (decoder->person_name && (byte == '^' || byte == '='));
}

/* One character or escape. */
static kh_status take_one(size_t *taken, kh_decoder *decoder, const uint8_t *bytes, size_t left, kh_error *err)
{
    const kh_charset *set;
    size_t size;

    *taken = 1;
    if (bytes[0] == ESC) {
        set = kh_charset_by_escape(&size, bytes + 1, left - 1);
        if (!set)
            return kh_utf8_append(decoder->out, REPLACEMENT, err);
        designate(decoder, set);
        *taken = 1 + size;
        return KH_OK;
    }
    if (bytes[0] >= 0x80 && is_two_byte_g1(decoder->g1))
        return take_pair(taken, decoder, decoder->g1, bytes, left, err);
    if (bytes[0] >= 0x80)
        return kh_utf8_append(decoder->out, decode_high(decoder, bytes[0]), err);
    if (bytes[0] > 0x20 && is_two_byte_g0(decoder->g0))
        return take_pair(taken, decoder, decoder->g0, bytes, left, err);
    if (resets(decoder, bytes[0]))
        reset(decoder);
    return kh_utf8_append(decoder->out, decode_low(decoder, bytes[0]), err);
}

static kh_status decode_iso2022(kh_decoder *decoder, const uint8_t *bytes, size_t size, kh_error *err)
{
    size_t taken;
    kh_status status = KH_OK;

    reset(decoder);
    for (size_t i = 0; i < size && status == KH_OK; i += taken)
        status = take_one(&taken, decoder, bytes + i, size - i, err);
    return status;
}

/* Bytes above 0x7F that the declared set does not have, in a value without escapes: declared wrongly. */
static bool is_mislabelled(const kh_decoder *decoder, const uint8_t *bytes, size_t size)
{
    if (memchr(bytes, ESC, size) || is_two_byte_g1(decoder->g1))
        return false;
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] < 0x80)
            continue;
        if (!decoder->g1 || bytes[i] < 0xa0)
            return true; /* 0x80 to 0x9F are controls in every ISO 8859 set */
        if (decoder->g1->kind == KH_CHARSET_KATAKANA && (bytes[i] == 0xa0 || bytes[i] > 0xdf))
            return true;
    }
    /* Latin 1 that is well-formed UTF-8 is UTF-8. */
    return decoder->g1 && decoder->g1->registration == 100 && kh_utf8_valid(bytes, size);
}

static bool is_plain(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] >= 0x80 || bytes[i] == ESC)
            return false;
    }
    return true;
}

static kh_status decode(kh_decoder *decoder, const uint8_t *bytes, size_t size, kh_error *err)
{
    kh_charset_kind kind = decoder->list.sets[0]->kind;

    if (is_plain(bytes, size) && kind != KH_CHARSET_KATAKANA && kind != KH_CHARSET_ROMAJI)
        return kh_buf_append(decoder->out, bytes, size, err);
    if (kind == KH_CHARSET_UTF8)
        return kh_utf8_valid(bytes, size) ? kh_buf_append(decoder->out, bytes, size, err)
                                          : kh_text_guess(decoder->out, &decoder->converter, bytes, size, err);
    if (kind == KH_CHARSET_GB18030)
        return kh_convert(&decoder->converter, decoder->out, "UTF-8", "GB18030", bytes, size)
                   ? KH_OK
                   : kh_text_guess(decoder->out, &decoder->converter, bytes, size, err);
    reset(decoder);
    if (!is_plain(bytes, size) && is_mislabelled(decoder, bytes, size))
        return kh_text_guess(decoder->out, &decoder->converter, bytes, size, err);
    return decode_iso2022(decoder, bytes, size, err);
}

kh_status kh_text_to_utf8(kh_buf *out, const void *bytes, size_t size, const char *charset, bool person_name,
                          kh_error *err)
{
    kh_decoder decoder = {.out = out, .person_name = person_name};
    kh_status status;

    if (size == 0)
        return KH_OK;
    kh_charset_list_parse(&decoder.list, charset);
    status = decode(&decoder, bytes, size, err);
    kh_converter_close(&decoder.converter);
    return status;
}
