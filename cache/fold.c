#include "cache/fold.h"

#include <stdbool.h>
#include <string.h>

/* U+FF65 to U+FF9F, the half-width forms, as full-width katakana (Unicode, Halfwidth and Fullwidth Forms). */
static const uint16_t half_width[] = {
    0x30fb, 0x30f2, 0x30a1, 0x30a3, 0x30a5, 0x30a7, 0x30a9, 0x30e3, 0x30e5, 0x30e7, 0x30c3, 0x30fc, 0x30a2, 0x30a4, 0x30a6,
    0x30a8, 0x30aa, 0x30ab, 0x30ad, 0x30af, 0x30b1, 0x30b3, 0x30b5, 0x30b7, 0x30b9, 0x30bb, 0x30bd, 0x30bf, 0x30c1, 0x30c4,
    0x30c6, 0x30c8, 0x30ca, 0x30cb, 0x30cc, 0x30cd, 0x30ce, 0x30cf, 0x30d2, 0x30d5, 0x30d8, 0x30db, 0x30de, 0x30df, 0x30e0,
    0x30e1, 0x30e2, 0x30e4, 0x30e6, 0x30e8, 0x30e9, 0x30ea, 0x30eb, 0x30ec, 0x30ed, 0x30ef, 0x30f3, 0x309b, 0x309c,
};
#define HALF_WIDTH_FIRST 0xff65
#define HALF_WIDTH_LAST 0xff9f
#define HALF_VOICED 0xff9e
#define HALF_SEMI_VOICED 0xff9f

/* One code point; a byte that begins none is taken as itself. Returns the bytes read. */
static size_t decode(const uint8_t *at, uint32_t *out)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t length = at[0] < 0x80 ? 1 : at[0] >= 0xf0 && at[0] < 0xf8 ? 4 : at[0] >= 0xe0 ? 3 : at[0] >= 0xc2 ? 2 : 1;
    uint32_t code = length == 1 ? at[0] : at[0] & (0x7fu >> length);

    for (size_t i = 1; i < length; i++) {
        if ((at[i] & 0xc0) != 0x80) { /* the final NUL stops here too */
            *out = at[0];
            return 1;
        }
        code = code << 6 | (at[i] & 0x3fu);
    }
    *out = code < least[length] ? at[0] : code;
    return code < least[length] ? 1 : length;
}

static kh_status encode(kh_buf *out, uint32_t code, kh_error *err)
{
    uint8_t bytes[4];

    if (code < 0x80) {
        bytes[0] = (uint8_t)code;
        return kh_buf_append(out, bytes, 1, err);
    }
    if (code < 0x800) {
        bytes[0] = (uint8_t)(0xc0 | code >> 6);
        bytes[1] = (uint8_t)(0x80 | (code & 0x3f));
        return kh_buf_append(out, bytes, 2, err);
    }
    if (code < 0x10000) {
        bytes[0] = (uint8_t)(0xe0 | code >> 12);
        bytes[1] = (uint8_t)(0x80 | (code >> 6 & 0x3f));
        bytes[2] = (uint8_t)(0x80 | (code & 0x3f));
        return kh_buf_append(out, bytes, 3, err);
    }
    bytes[0] = (uint8_t)(0xf0 | code >> 18);
    bytes[1] = (uint8_t)(0x80 | (code >> 12 & 0x3f));
    bytes[2] = (uint8_t)(0x80 | (code >> 6 & 0x3f));
    bytes[3] = (uint8_t)(0x80 | (code & 0x3f));
    return kh_buf_append(out, bytes, 4, err);
}

/* The voiced form of a katakana: its neighbour in the code table. 0 when it has none. */
static uint32_t voiced(uint32_t kana, bool semi)
{
    bool h_row = kana >= 0x30cf && kana <= 0x30db && (kana - 0x30cf) % 3 == 0;

    if (semi)
        return h_row ? kana + 2 : 0;
    if (kana == 0x30a6)
        return 0x30f4;
    if (h_row || (kana >= 0x30ab && kana <= 0x30c1 && kana % 2 == 1) || (kana >= 0x30c4 && kana <= 0x30c8 && kana % 2 == 0))
        return kana + 1;
    return 0;
}

static uint32_t fold_one(uint32_t code)
{
    if (code >= 0xff01 && code <= 0xff5e) /* full-width ASCII */
        code -= 0xfee0;
    if (code == '^' || code == '=' || code == 0x3000 || code == 0xa0 || code < 0x20)
        return ' ';
    if (code >= 'A' && code <= 'Z')
        return code + 32;
    if (code >= 0xc0 && code <= 0xde && code != 0xd7)
        return code + 32;
    if ((code >= 0x391 && code <= 0x3a9) || (code >= 0x410 && code <= 0x42f))
        return code + 32;
    if (code >= 0x400 && code <= 0x40f)
        return code + 80;
    if (code >= 0x30a1 && code <= 0x30f6) /* katakana */
        return code - 0x60;
    return code;
}

kh_status kh_fold_append(kh_buf *out, const char *text, kh_error *err)
{
    const uint8_t *at = (const uint8_t *)text;
    bool space = false, any = false;
    kh_status status = KH_OK;

    while (*at && status == KH_OK) {
        uint32_t code, mark, joined;

        at += decode(at, &code);
        if (code >= HALF_WIDTH_FIRST && code <= HALF_WIDTH_LAST) {
            size_t mark_bytes = decode(at, &mark);

            code = half_width[code - HALF_WIDTH_FIRST];
            joined = *at && (mark == HALF_VOICED || mark == HALF_SEMI_VOICED) ? voiced(code, mark == HALF_SEMI_VOICED) : 0;
            if (joined) {
                code = joined;
                at += mark_bytes;
            }
        }
        code = fold_one(code);
        if (code == ' ') {
            space = any;
            continue;
        }
        if (space)
            status = kh_buf_append(out, " ", 1, err);
        if (status == KH_OK)
            status = encode(out, code, err);
        space = false;
        any = true;
    }
    return status;
}

kh_status kh_fold_name_group(kh_buf *out, const char *group, size_t size, kh_error *err)
{
    char component[KH_FOLD_COMPONENT_MAX + 1];
    size_t begin = out->size, last = begin;
    kh_status status = KH_OK;

    while (status == KH_OK) {
        const char *hat = memchr(group, '^', size);
        size_t length = hat ? (size_t)(hat - group) : size;

        if (length > KH_FOLD_COMPONENT_MAX)
            return kh_error_set(err, KH_E_LIMIT, "a name component of %zu bytes, expected at most %d", length, KH_FOLD_COMPONENT_MAX);
        memcpy(component, group, length);
        component[length] = '\0';
        status = kh_fold_append(out, component, err);
        if (out->size > last)
            begin = out->size; /* up to here something is said */
        if (!hat || status != KH_OK)
            break;
        status = kh_buf_append(out, "^", 1, err);
        last = out->size;
        group += length + 1;
        size -= length + 1;
    }
    if (status == KH_OK && out->data) {
        out->size = begin;
        out->data[begin] = 0;
    }
    return status;
}
