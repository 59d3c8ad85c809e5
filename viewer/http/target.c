#include "viewer/http/target.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Bytes of the UTF-8 sequence at p of at most room bytes (RFC 3629), 0 when it is not one. */
static size_t utf8_length(const unsigned char *p, size_t room)
{
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    size_t length = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : p[0] < 0xf5 ? 4 : 0;
    uint32_t code;

    if (length < 2 || length > room)
        return length > room ? 0 : length;
    code = p[0] & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (p[i] & 0x3fu);
    }
    return code < least[length] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff) ? 0 : length;
}

static bool is_utf8(const char *text, size_t size)
{
    const unsigned char *p = (const unsigned char *)text;

    for (size_t i = 0, length; i < size; i += length) {
        length = utf8_length(p + i, size - i);
        if (length == 0)
            return false;
    }
    return true;
}

/* Decode size bytes at text in place and end them with NUL (text[size] is ours to write). */
static kh_status decode(const kh_target *target, char *text, size_t size, bool is_query, kh_error *err)
{
    size_t used = 0;

    if (target->plain) {
        text[size] = '\0';
        return KH_OK;
    }
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c == '+' && is_query) {
            c = ' ';
        } else if (c == '%') {
            int high = size - i > 2 ? hex_value(text[i + 1]) : -1;
            int low = high >= 0 ? hex_value(text[i + 2]) : -1;

            if (low < 0)
                return kh_error_set(err, KH_E_ARG, "target: '%%' without two hexadecimal digits");
            c = (unsigned char)(high << 4 | low);
            i += 2;
        }
        if (!is_query && (c == '/' || c == '\\'))
            return kh_error_set(err, KH_E_ARG, "target: a backslash or an encoded slash in a segment");
        if (c < 0x20 || c == 0x7f)
            return kh_error_set(err, KH_E_ARG, "target: control byte 0x%02x", c);
        text[used++] = (char)c;
    }
    text[used] = '\0';
    if (!is_utf8(text, used))
        return kh_error_set(err, KH_E_ARG, "target: not UTF-8 after decoding");
    return KH_OK;
}

static bool is_foreign(unsigned char c)
{
    return c <= 0x20 || c >= 0x7f || c == '#';
}

/* *plain: nothing in it is encoded, nor a backslash: its parts are what they decode to. */
static kh_status check_bytes(bool *plain, const char *raw, size_t size, kh_error *err)
{
    unsigned char foreign = 0, special = 0;

    if (size > KH_TARGET_BYTES_MAX)
        return kh_error_set(err, KH_E_LIMIT, "target of %zu bytes, limit %d", size, KH_TARGET_BYTES_MAX);
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)raw[i];

        foreign |= is_foreign(c);
        special |= (c == '%') | (c == '+') | (c == '\\');
    }
    *plain = !special;
    for (size_t i = 0; foreign && i < size; i++)
        if (is_foreign((unsigned char)raw[i]))
            return kh_error_set(err, KH_E_ARG, "target: byte 0x%02x, expected a URI", (unsigned char)raw[i]);
    return KH_OK;
}

/* Cut "http://authority" off; *text stands on the path then. */
static kh_status take_authority(kh_target *target, char **text, kh_error *err)
{
    char *start = *text;
    size_t length;

    if (*start == '/')
        return KH_OK;
    if (strncasecmp(start, "http://", 7) != 0)
        return kh_error_set(err, KH_E_ARG, "target: expected a path that begins with '/'");
    start += 7;
    length = strcspn(start, "/?");
    if (length == 0 || start[length] != '/')
        return kh_error_set(err, KH_E_ARG, "target: an absolute address needs a host and a path");
    /* one byte to the left, over the scheme's last slash, so that its NUL does not fall on the path's slash */
    memmove(start - 1, start, length);
    start[length - 1] = '\0';
    target->authority = start - 1;
    *text = start + length;
    return KH_OK;
}

static kh_status add_segment(kh_target *target, char *segment, size_t size, size_t *path_used, kh_error *err)
{
    kh_status status;

    if (target->segment_count == KH_TARGET_SEGMENTS_MAX)
        return kh_error_set(err, KH_E_LIMIT, "target of more than %d segments", KH_TARGET_SEGMENTS_MAX);
    status = decode(target, segment, size, false, err);
    if (status != KH_OK)
        return status;
    if (strcmp(segment, ".") == 0 || strcmp(segment, "..") == 0)
        return kh_error_set(err, KH_E_ARG, "target: segment \"%s\"", segment);
    target->path[(*path_used)++] = '/';
    target->segment_offsets[target->segment_count] = *path_used;
    target->segments[target->segment_count++] = segment;
    size = strlen(segment);
    memcpy(target->path + *path_used, segment, size + 1);
    *path_used += size;
    return KH_OK;
}

static kh_status parse_path(kh_target *target, char *text, size_t size, kh_error *err)
{
    size_t path_used = 0;
    size_t at = 0;
    kh_status status = KH_OK;

    while (status == KH_OK && at < size) {
        char *segment = text + at + 1; /* text[at] is a '/' */
        size_t length = 0;

        while (at + 1 + length < size && segment[length] != '/')
            length++;
        at += 1 + length;
        status = add_segment(target, segment, length, &path_used, err);
    }
    return status;
}

static kh_status add_parameter(kh_target *target, char *text, size_t size, kh_error *err)
{
    char *equals = memchr(text, '=', size);
    size_t name_size = equals ? (size_t)(equals - text) : size;
    char *value = equals ? equals + 1 : text + size;
    kh_error inner = KH_ERROR_INIT;
    size_t value_size;
    kh_status status;

    if (size == 0)
        return KH_OK;
    if (name_size == 0)
        return kh_error_set(err, KH_E_ARG, "target: a parameter without a name");
    if (target->parameter_count == KH_TARGET_PARAMETERS_MAX)
        return kh_error_set(err, KH_E_LIMIT, "target of more than %d parameters", KH_TARGET_PARAMETERS_MAX);
    value_size = (size_t)(text + size - value); /* decode() may write over the '=' */
    status = decode(target, text, name_size, true, err);
    if (status != KH_OK)
        return status;
    status = decode(target, value, value_size, true, &inner);
    if (status != KH_OK)
        return kh_error_set(err, status, "parameter \"%.64s\": %s", text, inner.message + strlen("target: "));
    if (kh_target_parameter(target, text))
        target->repeated = text;
    target->parameters[target->parameter_count].name = text;
    target->parameters[target->parameter_count++].value = value;
    return KH_OK;
}

static kh_status parse_query(kh_target *target, char *text, kh_error *err)
{
    kh_status status = KH_OK;
    bool more = true;

    while (status == KH_OK && more) {
        size_t length = strcspn(text, "&");

        more = text[length] == '&';
        text[length] = '\0';
        status = add_parameter(target, text, length, err);
        text += length + 1;
    }
    return status;
}

kh_status kh_target_parse(kh_target *out, const char *raw, size_t size, kh_error *err)
{
    char *text, *query;
    kh_status status;

    kh_target_clear(out);
    status = check_bytes(&out->plain, raw, size, err);
    if (status != KH_OK)
        return status;
    out->memory = 2 * size + 2 <= sizeof out->room ? out->room : malloc(2 * size + 2);
    if (!out->memory)
        return kh_error_set(err, KH_E_MEMORY, "no memory for a target");
    text = out->memory;
    memcpy(text, raw, size);
    text[size] = '\0';
    out->path = out->memory + size + 1;
    *out->path = '\0';
    status = take_authority(out, &text, err);
    if (status == KH_OK) {
        query = strchr(text, '?');
        if (query)
            *query++ = '\0';
        status = parse_path(out, text, strlen(text), err);
        if (status == KH_OK && query)
            status = parse_query(out, query, err);
    }
    if (status != KH_OK)
        kh_target_release(out);
    return status;
}

void kh_target_release(kh_target *target)
{
    if (target->memory != target->room)
        free(target->memory);
    kh_target_clear(target);
}

void kh_target_clear(kh_target *target)
{
    target->memory = target->authority = target->path = NULL;
    target->plain = false;
    target->segment_count = target->parameter_count = 0;
    target->repeated = NULL;
}

const char *kh_target_parameter(const kh_target *target, const char *name)
{
    for (size_t i = 0; i < target->parameter_count; i++)
        if (strcmp(target->parameters[i].name, name) == 0)
            return target->parameters[i].value;
    return NULL;
}
