#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/json.h"

#define DEPTH_MAX 64

void kh_json_writer_init(kh_json_writer *writer, kh_buf *buf)
{
    *writer = (kh_json_writer){.buf = buf, .status = KH_OK};
}

static void put(kh_json_writer *writer, const char *bytes, size_t size)
{
    if (writer->status == KH_OK)
        writer->status = kh_buf_append(writer->buf, bytes, size, NULL);
}

static void before_value(kh_json_writer *writer)
{
    uint64_t bit = UINT64_C(1) << (writer->depth & (DEPTH_MAX - 1));

    if (writer->after_key) {
        writer->after_key = false;
        return;
    }
    if (writer->has_item & bit)
        put(writer, ",", 1);
    writer->has_item |= bit;
}

static void begin(kh_json_writer *writer, const char *bracket)
{
    before_value(writer);
    put(writer, bracket, 1);
    if (writer->depth + 1 >= DEPTH_MAX) {
        if (writer->status == KH_OK)
            writer->status = KH_E_LIMIT;
        return;
    }
    writer->depth++;
    writer->has_item &= ~(UINT64_C(1) << writer->depth);
}

static void end(kh_json_writer *writer, const char *bracket)
{
    if (writer->depth > 0)
        writer->depth--;
    put(writer, bracket, 1);
}

void kh_json_object_begin(kh_json_writer *writer)
{
    begin(writer, "{");
}

void kh_json_object_end(kh_json_writer *writer)
{
    end(writer, "}");
}

void kh_json_array_begin(kh_json_writer *writer)
{
    begin(writer, "[");
}

void kh_json_array_end(kh_json_writer *writer)
{
    end(writer, "]");
}

/* Bytes of the UTF-8 sequence at p (which ends in NUL), 0 when it is not one. */
static size_t utf8_length(const unsigned char *p)
{
    size_t length;
    uint32_t code;

    if (p[0] < 0x80)
        return 1;
    if (p[0] >= 0xc2 && p[0] <= 0xdf)
        length = 2;
    else if (p[0] >= 0xe0 && p[0] <= 0xef)
        length = 3;
    else if (p[0] >= 0xf0 && p[0] <= 0xf4)
        length = 4;
    else
        return 0;
    code = p[0] & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (p[i] & 0x3fu);
    }
    if ((length == 3 && (code < 0x800 || (code >= 0xd800 && code <= 0xdfff))) ||
        (length == 4 && (code < 0x10000 || code > 0x10ffff)))
        return 0;
    return length;
}

static void put_escaped(kh_json_writer *writer, unsigned char c)
{
    char text[8];
    int n;

    switch (c) {
    case '"':
        put(writer, "\\\"", 2);
        return;
    case '\\':
        put(writer, "\\\\", 2);
        return;
    case '\n':
        put(writer, "\\n", 2);
        return;
    default:
        n = snprintf(text, sizeof text, "\\u%04x", c);
        put(writer, text, (size_t)n);
    }
}

static void put_string(kh_json_writer *writer, const char *text)
{
    const unsigned char *p = (const unsigned char *)text;
    const unsigned char *start = p;

    put(writer, "\"", 1);
    while (*p) {
        size_t length = utf8_length(p);
        bool plain = length > 1 || (length == 1 && *p >= 0x20 && *p != '"' && *p != '\\' && *p != 0x7f);

        if (plain) {
            p += length;
            continue;
        }
        put(writer, (const char *)start, (size_t)(p - start));
        if (length == 0)
            put(writer, "\xef\xbf\xbd", 3);
        else
            put_escaped(writer, *p);
        start = ++p;
    }
    put(writer, (const char *)start, (size_t)(p - start));
    put(writer, "\"", 1);
}

void kh_json_key(kh_json_writer *writer, const char *key)
{
    before_value(writer);
    put_string(writer, key);
    put(writer, ":", 1);
    writer->after_key = true;
}

void kh_json_text(kh_json_writer *writer, const char *text)
{
    if (!text) {
        kh_json_null(writer);
        return;
    }
    before_value(writer);
    put_string(writer, text);
}

void kh_json_int(kh_json_writer *writer, int64_t value)
{
    char text[24];
    int n = snprintf(text, sizeof text, "%lld", (long long)value);

    before_value(writer);
    put(writer, text, (size_t)n);
}

void kh_json_double(kh_json_writer *writer, double value)
{
    char text[32];
    int n;

    if (!isfinite(value)) {
        kh_json_null(writer);
        return;
    }
    /* 15 digits say every decimal string of a DICOM DS exactly; 17 only where 15 do not read back */
    n = snprintf(text, sizeof text, "%.15g", value);
    if (strtod(text, NULL) != value)
        n = snprintf(text, sizeof text, "%.17g", value);
    before_value(writer);
    put(writer, text, (size_t)n);
}

void kh_json_bool(kh_json_writer *writer, bool value)
{
    before_value(writer);
    put(writer, value ? "true" : "false", value ? 4 : 5);
}

void kh_json_number(kh_json_writer *writer, const char *number)
{
    before_value(writer);
    put(writer, number, strlen(number));
}

void kh_json_raw(kh_json_writer *writer, const char *json)
{
    before_value(writer);
    put(writer, json, strlen(json));
}

void kh_json_base64(kh_json_writer *writer, const void *bytes, size_t size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const uint8_t *p = bytes;

    before_value(writer);
    put(writer, "\"", 1);
    for (size_t i = 0; i < size; i += 3) {
        size_t count = size - i < 3 ? size - i : 3;
        uint32_t bits = (uint32_t)p[i] << 16 | (count > 1 ? (uint32_t)p[i + 1] << 8 : 0u) | (count > 2 ? p[i + 2] : 0u);
        char text[4] = {digits[bits >> 18], digits[bits >> 12 & 63], count > 1 ? digits[bits >> 6 & 63] : '=',
                        count > 2 ? digits[bits & 63] : '='};

        put(writer, text, sizeof text);
    }
    put(writer, "\"", 1);
}

void kh_json_null(kh_json_writer *writer)
{
    before_value(writer);
    put(writer, "null", 4);
}

void kh_json_put_text(kh_json_writer *writer, const char *key, const char *text)
{
    kh_json_key(writer, key);
    kh_json_text(writer, text);
}

void kh_json_put_int(kh_json_writer *writer, const char *key, int64_t value)
{
    kh_json_key(writer, key);
    kh_json_int(writer, value);
}

void kh_json_put_double(kh_json_writer *writer, const char *key, double value)
{
    kh_json_key(writer, key);
    kh_json_double(writer, value);
}

void kh_json_put_bool(kh_json_writer *writer, const char *key, bool value)
{
    kh_json_key(writer, key);
    kh_json_bool(writer, value);
}

kh_status kh_json_writer_status(const kh_json_writer *writer, kh_error *err)
{
    if (writer->status == KH_OK)
        return KH_OK;
    return kh_error_set(err, writer->status, "the JSON answer is over its limit of %zu bytes", writer->buf->max_size);
}
