/* text_encode.c - UTF-8 to bytes in a Specific Character Set (PS3.5 6.1.2, annexes H, I and J). */
#include <string.h>
#include "dicom/charset.h"
#include "dicom/text.h"

typedef struct kh_encoder {
    kh_buf *out;
    kh_converter converter;
    kh_charset_list list;
    const kh_charset *first_g0, *first_g1; /* of value 1; first_g1 NULL when it has none */
    const kh_charset *g0, *g1;             /* active */
    bool person_name;
} kh_encoder;

static void begin(kh_encoder *encoder)
{
    const kh_charset *first = encoder->list.sets[0];
    bool romaji = first->kind == KH_CHARSET_KATAKANA || first->kind == KH_CHARSET_ROMAJI;

    encoder->first_g0 = kh_charset_by_kind(romaji ? KH_CHARSET_ROMAJI : KH_CHARSET_ASCII);
    if (romaji)
        encoder->first_g1 = kh_charset_by_kind(KH_CHARSET_KATAKANA);
    else if (first->kind == KH_CHARSET_LATIN)
        encoder->first_g1 = first;
    encoder->g0 = encoder->first_g0;
    encoder->g1 = encoder->first_g1;
}

static kh_status activate(kh_encoder *encoder, const kh_charset *set, kh_error *err)
{
    bool is_g1 = set->escape[0] == ')' || set->escape[0] == '-' || set->escape[1] == ')';
    const kh_charset **active = is_g1 ? &encoder->g1 : &encoder->g0;

    if (*active == set)
        return KH_OK;
    *active = set;
    return kh_buf_appendf(encoder->out, err, "\x1b%s", set->escape);
}

/* Before delimiters, controls and the end. G1 falls back by itself: it must be designated anew (PS3.5 6.1.2.5.3). */
static kh_status fall_back(kh_encoder *encoder, kh_error *err)
{
    encoder->g1 = encoder->first_g1;
    return activate(encoder, encoder->first_g0, err);
}

/* *size bytes of code_point in set, as they stand behind its escape; false when it is not in the set. */
static bool encode_in(kh_encoder *encoder, uint8_t bytes[2], size_t *size, const kh_charset *set, uint32_t code_point)
{
    const uint8_t from[4] = {(uint8_t)code_point, (uint8_t)(code_point >> 8), (uint8_t)(code_point >> 16), 0};
    uint8_t wide[8];
    size_t count;

    if (set->kind == KH_CHARSET_KATAKANA) {
        bytes[0] = (uint8_t)(code_point - 0xff61 + 0xa1);
        *size = 1;
        return code_point >= 0xff61 && code_point <= 0xff9f;
    }
    if (!set->iconv_name)
        return false;
    count = kh_convert_one(&encoder->converter, wide, set->iconv_name, "UTF-32LE", from, sizeof(from));
    *size = set->kind == KH_CHARSET_LATIN ? 1 : 2;
    if (set->kind == KH_CHARSET_JIS0208 && count == 2 && wide[0] >= 0xa1 && wide[1] >= 0xa1) {
        bytes[0] = wide[0] & 0x7f;
        bytes[1] = wide[1] & 0x7f;
        return true;
    }
    if (set->kind == KH_CHARSET_JIS0212 && count == 3 && wide[0] == 0x8f) {
        bytes[0] = wide[1] & 0x7f;
        bytes[1] = wide[2] & 0x7f;
        return true;
    }
    if ((set->kind == KH_CHARSET_KSX1001 || set->kind == KH_CHARSET_GB2312) && count == 2 && wide[0] >= 0xa1 &&
        wide[1] >= 0xa1) {
        memcpy(bytes, wide, 2);
        return true;
    }
    bytes[0] = wide[0];
    return set->kind == KH_CHARSET_LATIN && count == 1 && wide[0] >= 0xa0;
}

static bool is_wide(const kh_charset *set)
{
    return set->kind == KH_CHARSET_JIS0208 || set->kind == KH_CHARSET_JIS0212;
}

/* Below 0x80: ASCII, or JIS X 0201 romaji, which has yen and overline for backslash and tilde. */
static bool low_byte(const kh_encoder *encoder, uint8_t *byte, uint32_t code_point)
{
    bool romaji = encoder->first_g0->kind == KH_CHARSET_ROMAJI;

    *byte = (uint8_t)code_point;
    if (romaji && code_point == 0xa5)
        *byte = 0x5c;
    else if (romaji && code_point == 0x203e)
        *byte = 0x7e;
    else
        return code_point < 0x80 && !(romaji && code_point == '~');
    return true;
}

static kh_status put_one(kh_encoder *encoder, uint32_t code_point, size_t at, kh_error *err)
{
    uint8_t bytes[2];
    size_t size = 0;
    kh_status status;

    if (low_byte(encoder, bytes, code_point)) {
        bool resets =
            bytes[0] < 0x20 || bytes[0] == '\\' || (encoder->person_name && (bytes[0] == '^' || bytes[0] == '='));
        status = resets || is_wide(encoder->g0) ? activate(encoder, encoder->first_g0, err) : KH_OK;
        if (resets)
            encoder->g1 = encoder->first_g1;
        return status == KH_OK ? kh_buf_append(encoder->out, bytes, 1, err) : status;
    }
    if (encoder->first_g1 && encode_in(encoder, bytes, &size, encoder->first_g1, code_point)) {
        status = activate(encoder, encoder->first_g1, err);
        return status == KH_OK ? kh_buf_append(encoder->out, bytes, size, err) : status;
    }
    for (unsigned i = 0; i < encoder->list.count; i++) {
        const kh_charset *set = encoder->list.sets[i];
        if (!set->escape || !encode_in(encoder, bytes, &size, set, code_point))
            continue;
        status = activate(encoder, set, err);
        return status == KH_OK ? kh_buf_append(encoder->out, bytes, size, err) : status;
    }
    return kh_error_set(err, KH_E_UNSUPPORTED, "the character at byte %zu cannot be written in this character set", at);
}

static kh_status encode(kh_encoder *encoder, const char *utf8, size_t size, kh_error *err)
{
    kh_status status = KH_OK;
    size_t length;

    if (encoder->list.sets[0]->kind == KH_CHARSET_UTF8)
        return kh_buf_append(encoder->out, utf8, size, err);
    if (encoder->list.sets[0]->kind == KH_CHARSET_GB18030)
        return kh_convert(&encoder->converter, encoder->out, "GB18030", "UTF-8", utf8, size)
                   ? KH_OK
                   : kh_error_set(err, KH_E_UNSUPPORTED, "a character cannot be written in GB18030");
    begin(encoder);
    for (size_t i = 0; i < size && status == KH_OK; i += length)
        status = put_one(encoder, kh_jis_normal(kh_utf8_next(utf8 + i, &length)), i, err);
    return status == KH_OK ? fall_back(encoder, err) : status;
}

kh_status kh_text_from_utf8(kh_buf *out, const char *utf8, const char *charset, bool person_name, kh_error *err)
{
    kh_encoder encoder = {.out = out, .person_name = person_name};
    size_t size = strlen(utf8), before = out->size;
    kh_status status;

    if (!kh_utf8_valid((const uint8_t *)utf8, size))
        return kh_error_set(err, KH_E_ARG, "the text is not UTF-8");
    kh_charset_list_parse(&encoder.list, charset);
    status = encode(&encoder, utf8, size, err);
    kh_converter_close(&encoder.converter);
    if (status != KH_OK && out->data) {
        out->size = before;
        out->data[before] = 0;
    }
    return status;
}
