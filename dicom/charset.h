/* charset.h - the inside of text.h: character sets by their defined terms (PS3.3 C.12.1.1.2) and conversion of pieces.
 * Threads: any; a kh_converter belongs to one call. */
#ifndef KH_DICOM_CHARSET_H
#define KH_DICOM_CHARSET_H

#include <iconv.h>
#include <stdbool.h>
#include "base/buf.h"

typedef enum kh_charset_kind {
    KH_CHARSET_ASCII,    /* ISO 646, G0 */
    KH_CHARSET_ROMAJI,   /* JIS X 0201 romaji, G0 */
    KH_CHARSET_KATAKANA, /* JIS X 0201 katakana, G1 (G0 by one escape of mail programs) */
    KH_CHARSET_LATIN,    /* an ISO 8859 or TIS 620 right half, G1 */
    KH_CHARSET_JIS0208,  /* two bytes, G0 */
    KH_CHARSET_JIS0212,  /* two bytes, G0 */
    KH_CHARSET_KSX1001,  /* two bytes, G1 */
    KH_CHARSET_GB2312,   /* two bytes, G1 */
    KH_CHARSET_UTF8,     /* the whole value */
    KH_CHARSET_GB18030,  /* the whole value, GBK too */
} kh_charset_kind;

typedef struct kh_charset {
    kh_charset_kind kind;
    int registration;   /* the ISO-IR number; 0 when it has none */
    const char *escape; /* that designates it, without ESC */
    const char *iconv_name;
} kh_charset;

#define KH_CHARSETS_MAX 8

/* Specific Character Set, split and understood. */
typedef struct kh_charset_list {
    const kh_charset *sets[KH_CHARSETS_MAX]; /* [0]: value 1, ASCII when empty */
    unsigned count;                          /* >= 1 */
} kh_charset_list;

/* The defined terms and the spellings that are met in their place; what is not understood is left out. */
void kh_charset_list_parse(kh_charset_list *out, const char *charset);
/* The set that the bytes behind an ESC designate, *size of them; NULL when they designate nothing. */
const kh_charset *kh_charset_by_escape(size_t *size, const uint8_t *bytes, size_t left);
const kh_charset *kh_charset_by_kind(kh_charset_kind kind);

/* iconv descriptors that are open during one call. */
typedef struct kh_converter {
    struct {
        const char *from, *to;
        iconv_t descriptor;
    } open[4];
    unsigned count;
} kh_converter;

void kh_converter_close(kh_converter *converter);
/* Convert size bytes whole. false when they are not text of `from`, or out has no room: out is then as it was. */
bool kh_convert(kh_converter *converter, kh_buf *out, const char *to, const char *from, const void *bytes, size_t size);

/* Convert one character, size bytes of it, into at most 8 bytes; returns how many, 0 when `to` has no such character.
 */
size_t kh_convert_one(kh_converter *converter, uint8_t out[8], const char *to, const char *from, const void *bytes,
                      size_t size);

/* Bytes of unknown origin: UTF-8, EUC-JP or Shift_JIS if they are well-formed in it, else Latin 1. */
KH_MUST_USE kh_status kh_text_guess(kh_buf *out, kh_converter *converter, const uint8_t *bytes, size_t size,
                                    kh_error *err);
bool kh_utf8_valid(const uint8_t *bytes, size_t size);
/* Append one code point; U+FFFD for what is none. */
KH_MUST_USE kh_status kh_utf8_append(kh_buf *out, uint32_t code_point, kh_error *err);
/* The code point at text and the bytes it takes; text is valid UTF-8. */
uint32_t kh_utf8_next(const char *text, size_t *size);
/* One vendor's choice of two code points for one JIS character becomes the standard's: FULLWIDTH TILDE to WAVE DASH,
 * ... */
uint32_t kh_jis_normal(uint32_t code_point);

#endif
