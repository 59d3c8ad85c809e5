#include "audit/xml.h"

#include <string.h>

#define REPLACEMENT "\xef\xbf\xbd"

void kh_xml_init(kh_xml *xml, kh_buf *out)
{
    *xml = (kh_xml){.out = out, .status = KH_OK};
}

static void append(kh_xml *xml, const void *bytes, size_t size)
{
    if (xml->status == KH_OK)
        xml->status = kh_buf_append(xml->out, bytes, size, NULL);
}

static void say(kh_xml *xml, const char *text)
{
    append(xml, text, strlen(text));
}

/* The size of the character at p, which XML 1.0 2.2 can hold; 0. end: behind the text. */
static size_t character(const unsigned char *p, const unsigned char *end)
{
    size_t size = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : p[0] < 0xf5 ? 4 : 0;

    if (size == 0 || size > (size_t)(end - p))
        return 0;
    if (size == 1)
        return p[0] >= 0x20 && p[0] != 0x7f ? 1 : p[0] == '\t' || p[0] == '\n' || p[0] == '\r';
    for (size_t i = 1; i < size; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
        return 0; /* longer than need be, or beyond the last */
    if ((p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xef && p[1] == 0xbf && p[2] > 0xbd))
        return 0; /* half of a pair, U+FFFE, U+FFFF */
    return size;
}

static const char *entity(unsigned char c)
{
    switch (c) {
    case '&': return "&amp;";
    case '<': return "&lt;";
    case '>': return "&gt;";
    case '"': return "&quot;";
    case '\'': return "&#39;";
    case '\t': return "&#9;";
    case '\n': return "&#10;";
    case '\r': return "&#13;";
    default: return NULL;
    }
}

static void escaped(kh_xml *xml, const char *text)
{
    const unsigned char *p = (const unsigned char *)text, *end = p + strlen(text);

    while (p < end) {
        size_t size = character(p, end);
        const char *other = size == 1 ? entity(*p) : size == 0 ? REPLACEMENT : NULL;

        if (other)
            say(xml, other);
        else
            append(xml, p, size);
        p += size ? size : 1;
    }
}

static void base64(kh_xml *xml, const char *text)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *p = (const unsigned char *)text;

    for (size_t left = strlen(text); left > 0; left -= left < 3 ? left : 3, p += 3) {
        unsigned bits = (unsigned)p[0] << 16 | (left > 1 ? (unsigned)p[1] << 8 : 0) | (left > 2 ? p[2] : 0);
        char four[4] = {digits[bits >> 18], digits[bits >> 12 & 63], digits[bits >> 6 & 63], digits[bits & 63]};

        if (left < 3)
            four[3] = '=';
        if (left < 2)
            four[2] = '=';
        append(xml, four, 4);
    }
}

static void close_tag(kh_xml *xml)
{
    if (xml->in_tag)
        say(xml, ">");
    xml->in_tag = false;
}

void kh_xml_begin(kh_xml *xml, const char *name)
{
    close_tag(xml);
    if (xml->depth == KH_XML_DEPTH_MAX && xml->status == KH_OK)
        xml->status = KH_E_LIMIT;
    if (xml->status != KH_OK)
        return;
    xml->open[xml->depth++] = name;
    say(xml, "<");
    say(xml, name);
    xml->in_tag = true;
}

void kh_xml_attribute(kh_xml *xml, const char *name, const char *value)
{
    if (!value)
        return;
    say(xml, " ");
    say(xml, name);
    say(xml, "=\"");
    escaped(xml, value);
    say(xml, "\"");
}

void kh_xml_attribute_base64(kh_xml *xml, const char *name, const char *value)
{
    say(xml, " ");
    say(xml, name);
    say(xml, "=\"");
    base64(xml, value);
    say(xml, "\"");
}

void kh_xml_text(kh_xml *xml, const char *text)
{
    close_tag(xml);
    escaped(xml, text);
}

void kh_xml_text_base64(kh_xml *xml, const char *text)
{
    close_tag(xml);
    base64(xml, text);
}

void kh_xml_end(kh_xml *xml)
{
    if (xml->status != KH_OK)
        return;
    xml->depth--;
    if (xml->in_tag) {
        say(xml, "/>");
        xml->in_tag = false;
        return;
    }
    say(xml, "</");
    say(xml, xml->open[xml->depth]);
    say(xml, ">");
}

kh_status kh_xml_status(const kh_xml *xml, kh_error *err)
{
    return xml->status == KH_OK ? KH_OK : kh_error_set(err, xml->status, "an audit message of more than %zu bytes", xml->out->max_size);
}
