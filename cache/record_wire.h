/* record_wire.h - numbers and texts of an image record, little endian. Counts are varints, texts have a length byte. The first failure
 * sticks on either side, so that only the last call is looked at. Pure functions. */
#ifndef KH_CACHE_RECORD_WIRE_H
#define KH_CACHE_RECORD_WIRE_H

#include <stdbool.h>
#include "base/buf.h"

typedef struct kh_record_sink {
    kh_buf *buf;
    kh_status status;
    kh_error *err;
} kh_record_sink;

typedef struct kh_record_cursor { /* what is read once it is bad is 0 */
    const uint8_t *at, *end;
    bool bad, no_memory;
} kh_record_cursor;

void kh_record_put_bytes(kh_record_sink *s, const void *bytes, size_t size);
void kh_record_put_fixed(kh_record_sink *s, uint64_t value, size_t size);
void kh_record_put_varint(kh_record_sink *s, uint64_t value);
void kh_record_put_double(kh_record_sink *s, double value);
void kh_record_put_doubles(kh_record_sink *s, const double *values, size_t count);
void kh_record_put_text(kh_record_sink *s, const char *text);

const uint8_t *kh_record_get_bytes(kh_record_cursor *c, size_t size);
uint64_t kh_record_get_fixed(kh_record_cursor *c, size_t size);
uint8_t kh_record_get_u8(kh_record_cursor *c);
uint64_t kh_record_get_varint(kh_record_cursor *c);
uint32_t kh_record_get_u32(kh_record_cursor *c);
double kh_record_get_double(kh_record_cursor *c);
void kh_record_get_doubles(kh_record_cursor *c, double *values, size_t count);
void kh_record_get_text(kh_record_cursor *c, char *out, size_t out_size);
/* count items of item_size bytes each, zeroed and malloc'ed, of which each takes at least one byte of the blob. */
void *kh_record_get_array(kh_record_cursor *c, uint64_t count, size_t item_size);

#endif
