/* charset.c - the table of character sets, and iconv's home. */
#include "dicom/charset.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* PS3.3 tables C.12-2 to C.12-5 and ISO 2375 registrations. */
static const kh_charset charsets[] = {
    {KH_CHARSET_ASCII, 6, "(B", "ASCII"},
    {KH_CHARSET_ROMAJI, 14, "(J", NULL},
    {KH_CHARSET_KATAKANA, 13, ")I", NULL},
    {KH_CHARSET_LATIN, 100, "-A", "ISO-8859-1"},
    {KH_CHARSET_LATIN, 101, "-B", "ISO-8859-2"},
    {KH_CHARSET_LATIN, 109, "-C", "ISO-8859-3"},
    {KH_CHARSET_LATIN, 110, "-D", "ISO-8859-4"},
    {KH_CHARSET_LATIN, 144, "-L", "ISO-8859-5"},
    {KH_CHARSET_LATIN, 127, "-G", "ISO-8859-6"},
    {KH_CHARSET_LATIN, 126, "-F", "ISO-8859-7"},
    {KH_CHARSET_LATIN, 138, "-H", "ISO-8859-8"},
    {KH_CHARSET_LATIN, 148, "-M", "ISO-8859-9"},
    {KH_CHARSET_LATIN, 203, "-b", "ISO-8859-15"},
    {KH_CHARSET_LATIN, 166, "-T", "TIS-620"},
    {KH_CHARSET_JIS0208, 87, "$B", "EUC-JP"},
    {KH_CHARSET_JIS0208, 42, "$@", "EUC-JP"}, /* the 1978 edition */
    {KH_CHARSET_JIS0212, 159, "$(D", "EUC-JP"},
    {KH_CHARSET_KSX1001, 149, "$)C", "UHC"},
    {KH_CHARSET_GB2312, 58, "$)A", "GBK"},
    {KH_CHARSET_UTF8, 192, NULL, NULL},
    {KH_CHARSET_GB18030, 0, NULL, "GB18030"},
    {KH_CHARSET_KATAKANA, 0, "(I", NULL}, /* into G0, as mail programs do */
};
#define CHARSET_COUNT (sizeof(charsets) / sizeof(charsets[0]))

const kh_charset *kh_charset_by_kind(kh_charset_kind kind)
{
    const kh_charset *set = charsets;

    while (set->kind != kind)
        set++;
    return set;
}

const kh_charset *kh_charset_by_escape(size_t *size, const uint8_t *bytes, size_t left)
{
    for (size_t i = 0; i < CHARSET_COUNT; i++) {
        size_t length = charsets[i].escape ? strlen(charsets[i].escape) : 0;
        if (length > 0 && length <= left && memcmp(charsets[i].escape, bytes, length) == 0) {
            *size = length;
            return &charsets[i];
        }
    }
    return NULL;
}

/* "ISO_IR 100", "ISO 2022 IR 100", "ISO-IR 100", "ISO_2022_IR_100", "iso2022 ir100": the number behind IR counts. */
static const kh_charset *by_term(const char *term)
{
    const char *registration = strstr(term, "IR");
    long number = 0;

    if (registration)
        number = strtol(registration + 2 + strspn(registration + 2, " _-"), NULL, 10);
    if (strstr(term, "UTF"))
        number = 192;
    if (number == 0 && strncmp(term, "GB", 2) == 0)
        return kh_charset_by_kind(KH_CHARSET_GB18030);
    for (size_t i = 0; number != 0 && i < CHARSET_COUNT; i++) {
        if (charsets[i].registration == number)
            return &charsets[i];
    }
    return NULL;
}

void kh_charset_list_parse(kh_charset_list *out, const char *charset)
{
    out->count = 0;
    for (;;) {
        size_t size = strcspn(charset, "\\"), length = 0;
        char term[32];
        const kh_charset *set;

        for (size_t i = 0; i < size && length < sizeof(term) - 1; i++)
            term[length++] = (char)toupper((unsigned char)charset[i]);
        term[length] = '\0';
        set = by_term(term);
        if (set && out->count < KH_CHARSETS_MAX)
            out->sets[out->count++] = set;
        else if (out->count == 0)
            out->sets[out->count++] = kh_charset_by_kind(KH_CHARSET_ASCII);
        if (charset[size] == '\0')
            return;
        charset += size + 1;
    }
}

void kh_converter_close(kh_converter *converter)
{
    for (unsigned i = 0; i < converter->count; i++)
        iconv_close(converter->open[i].descriptor);
    converter->count = 0;
}

static iconv_t descriptor_for(kh_converter *converter, const char *to, const char *from)
{
    iconv_t descriptor;

    for (unsigned i = 0; i < converter->count; i++) {
        if (strcmp(converter->open[i].from, from) == 0 && strcmp(converter->open[i].to, to) == 0)
            return converter->open[i].descriptor;
    }
    descriptor = iconv_open(to, from);
    if (descriptor == (iconv_t)-1)
        return descriptor;
    if (converter->count == sizeof(converter->open) / sizeof(converter->open[0])) {
        iconv_close(converter->open[0].descriptor);
        memmove(&converter->open[0], &converter->open[1], sizeof(converter->open) - sizeof(converter->open[0]));
        converter->count--;
    }
    converter->open[converter->count].from = from;
    converter->open[converter->count].to = to;
    converter->open[converter->count].descriptor = descriptor;
    converter->count++;
    return descriptor;
}

static void cut_back(kh_buf *buf, size_t size)
{
    buf->size = size;
    if (buf->data)
        buf->data[size] = 0;
}

bool kh_convert(kh_converter *converter, kh_buf *out, const char *to, const char *from, const void *bytes, size_t size)
{
    iconv_t descriptor = descriptor_for(converter, to, from);
    char *in = (char *)(uintptr_t)bytes;
    size_t before = out->size;
    char piece[256];

    if (descriptor == (iconv_t)-1)
        return false;
    iconv(descriptor, NULL, NULL, NULL, NULL);
    while (size > 0) {
        char *next = piece;
        size_t room = sizeof(piece);
        size_t result = iconv(descriptor, &in, &size, &next, &room);
        bool whole = result != (size_t)-1 || errno == E2BIG;
        if (!whole || kh_buf_append(out, piece, sizeof(piece) - room, NULL) != KH_OK) {
            cut_back(out, before);
            return false;
        }
    }
    return true;
}

size_t kh_convert_one(kh_converter *converter, uint8_t out[8], const char *to, const char *from, const void *bytes,
                      size_t size)
{
    iconv_t descriptor = descriptor_for(converter, to, from);
    char *in = (char *)(uintptr_t)bytes, *next = (char *)out;
    size_t room = 8;

    if (descriptor == (iconv_t)-1)
        return 0;
    iconv(descriptor, NULL, NULL, NULL, NULL);
    return iconv(descriptor, &in, &size, &next, &room) == (size_t)-1 ? 0 : 8 - room;
}
