#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/size.h"

#define FIRST_CAPACITY 256

void kh_buf_init(kh_buf *buf, size_t max_size)
{
    *buf = (kh_buf){.max_size = max_size};
}

void kh_buf_release(kh_buf *buf)
{
    free(buf->data);
    kh_buf_init(buf, buf->max_size);
}

void kh_buf_clear(kh_buf *buf)
{
    buf->size = 0;
    if (buf->data)
        buf->data[0] = 0;
}

kh_status kh_buf_reserve(kh_buf *buf, size_t size_more, kh_error *err)
{
    size_t need, capacity;
    uint8_t *data;

    if (!kh_size_add(&need, buf->size, size_more) || need > buf->max_size)
        return kh_error_set(err, KH_E_LIMIT, "buffer of %zu bytes needs %zu more, limit %zu", buf->size, size_more,
                            buf->max_size);
    if (!kh_size_add(&need, need, 1))
        return kh_error_set(err, KH_E_LIMIT, "buffer size wraps");
    if (need <= buf->capacity)
        return KH_OK;
    capacity = buf->capacity ? buf->capacity : FIRST_CAPACITY;
    while (capacity < need)
        if (!kh_size_mul(&capacity, capacity, 2))
            capacity = need;
    if (capacity > buf->max_size)
        capacity = buf->max_size + 1;
    data = realloc(buf->data, capacity);
    if (!data)
        return kh_error_set(err, KH_E_MEMORY, "no memory for a buffer of %zu bytes", capacity);
    buf->data = data;
    buf->capacity = capacity;
    buf->data[buf->size] = 0;
    return KH_OK;
}

kh_status kh_buf_append(kh_buf *buf, const void *bytes, size_t size, kh_error *err)
{
    kh_status status = kh_buf_reserve(buf, size, err);

    if (status != KH_OK)
        return status;
    if (size > 0)
        memcpy(buf->data + buf->size, bytes, size);
    buf->size += size;
    buf->data[buf->size] = 0;
    return KH_OK;
}

kh_status kh_buf_append_text(kh_buf *buf, const char *text, kh_error *err)
{
    return kh_buf_append(buf, text, strlen(text), err);
}

kh_status kh_buf_appendf(kh_buf *buf, kh_error *err, const char *format, ...)
{
    va_list args, again;
    int need;
    kh_status status;

    va_start(args, format);
    va_copy(again, args);
    need = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (need < 0) {
        va_end(again);
        return kh_error_set(err, KH_E_INTERNAL, "a format failed");
    }
    status = kh_buf_reserve(buf, (size_t)need, err);
    if (status == KH_OK) {
        vsnprintf((char *)buf->data + buf->size, (size_t)need + 1, format, again);
        buf->size += (size_t)need;
    }
    va_end(again);
    return status;
}

uint8_t *kh_buf_take(kh_buf *buf, size_t *size)
{
    uint8_t *data = buf->data;

    *size = buf->size;
    kh_buf_init(buf, buf->max_size);
    return data;
}

const char *kh_buf_text(const kh_buf *buf)
{
    return buf->data ? (const char *)buf->data : "";
}
