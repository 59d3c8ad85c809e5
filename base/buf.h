/* buf.h - a byte buffer that grows up to a limit it was born with.
 * The bytes are always followed by one NUL that is not counted, so text can be handed to C functions.
 * Threads: one at a time. Errors: KH_E_LIMIT past the maximum, KH_E_MEMORY; the content then stays as it was. */
#ifndef KH_BASE_BUF_H
#define KH_BASE_BUF_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"

typedef struct kh_buf {
    uint8_t *data;   /* owned; never NULL after an append */
    size_t size;     /* bytes held */
    size_t capacity; /* bytes allocated */
    size_t max_size; /* bytes it may ever hold */
} kh_buf;

void kh_buf_init(kh_buf *buf, size_t max_size);
void kh_buf_release(kh_buf *buf);
/* Drop the content, keep the memory. */
void kh_buf_clear(kh_buf *buf);
/* Make room for size_more further bytes. */
KH_MUST_USE kh_status kh_buf_reserve(kh_buf *buf, size_t size_more, kh_error *err);
KH_MUST_USE kh_status kh_buf_append(kh_buf *buf, const void *bytes, size_t size, kh_error *err);
KH_MUST_USE kh_status kh_buf_append_text(kh_buf *buf, const char *text, kh_error *err);
KH_MUST_USE kh_status kh_buf_appendf(kh_buf *buf, kh_error *err, const char *format, ...) KH_PRINTF(3, 4);
/* Hand the memory to the caller (free() it) and leave the buffer empty. NULL when nothing was ever appended. */
uint8_t *kh_buf_take(kh_buf *buf, size_t *size);
/* The content as a C string; "" when empty. Borrowed until the next change. */
const char *kh_buf_text(const kh_buf *buf);

#endif
