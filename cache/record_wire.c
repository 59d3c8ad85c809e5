#include "cache/record_wire.h"

#include <stdlib.h>
#include <string.h>

void kh_record_put_bytes(kh_record_sink *s, const void *bytes, size_t size)
{
    if (s->status == KH_OK)
        s->status = kh_buf_append(s->buf, bytes, size, s->err);
}

void kh_record_put_fixed(kh_record_sink *s, uint64_t value, size_t size)
{
    uint8_t bytes[8];

    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(value >> 8 * i);
    kh_record_put_bytes(s, bytes, size);
}

void kh_record_put_varint(kh_record_sink *s, uint64_t value)
{
    uint8_t bytes[10];
    size_t size = 0;

    do {
        bytes[size++] = (uint8_t)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
        value >>= 7;
    } while (value);
    kh_record_put_bytes(s, bytes, size);
}

void kh_record_put_double(kh_record_sink *s, double value)
{
    uint64_t bits;

    memcpy(&bits, &value, sizeof bits);
    kh_record_put_fixed(s, bits, 8);
}

void kh_record_put_doubles(kh_record_sink *s, const double *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        kh_record_put_double(s, values[i]);
}

void kh_record_put_text(kh_record_sink *s, const char *text)
{
    size_t size = strlen(text); /* every text field is under 256 bytes */

    kh_record_put_fixed(s, size, 1);
    kh_record_put_bytes(s, text, size);
}

const uint8_t *kh_record_get_bytes(kh_record_cursor *c, size_t size)
{
    const uint8_t *at = c->at;

    if (c->bad || size > (size_t)(c->end - c->at)) {
        c->bad = true;
        return NULL;
    }
    c->at += size;
    return at;
}

uint64_t kh_record_get_fixed(kh_record_cursor *c, size_t size)
{
    const uint8_t *bytes = kh_record_get_bytes(c, size);
    uint64_t value = 0;

    for (size_t i = 0; bytes && i < size; i++)
        value |= (uint64_t)bytes[i] << 8 * i;
    return value;
}

uint8_t kh_record_get_u8(kh_record_cursor *c)
{
    return (uint8_t)kh_record_get_fixed(c, 1);
}

uint64_t kh_record_get_varint(kh_record_cursor *c)
{
    uint64_t value = 0;

    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint8_t byte = kh_record_get_u8(c);

        value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return value;
    }
    c->bad = true;
    return 0;
}

uint32_t kh_record_get_u32(kh_record_cursor *c)
{
    uint64_t value = kh_record_get_varint(c);

    c->bad = c->bad || value > UINT32_MAX;
    return c->bad ? 0 : (uint32_t)value;
}

double kh_record_get_double(kh_record_cursor *c)
{
    uint64_t bits = kh_record_get_fixed(c, 8);
    double value;

    memcpy(&value, &bits, sizeof value);
    return value;
}

void kh_record_get_doubles(kh_record_cursor *c, double *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        values[i] = kh_record_get_double(c);
}

void kh_record_get_text(kh_record_cursor *c, char *out, size_t out_size)
{
    size_t size = kh_record_get_u8(c);
    const uint8_t *bytes = kh_record_get_bytes(c, size);

    if (!bytes || size >= out_size || memchr(bytes, 0, size)) {
        c->bad = true;
        size = 0;
    } else {
        memcpy(out, bytes, size);
    }
    out[size] = '\0';
}

void *kh_record_get_array(kh_record_cursor *c, uint64_t count, size_t item_size)
{
    void *items;

    if (c->bad || count > (uint64_t)(c->end - c->at)) {
        c->bad = true;
        return NULL;
    }
    items = calloc(count ? count : 1, item_size);
    c->bad = c->no_memory = !items;
    return items;
}
