/* json.h - writing JSON as a stream into a kh_buf, and reading small documents (jansson's home).
 * The writer places commas and escapes; text must be UTF-8, bad bytes are written as U+FFFD. A double that JSON cannot say
 * (NaN, infinity) is written as null. The first failure sticks: check kh_json_writer_status() once at the end.
 * Depth is at most 64. Threads: one at a time. */
#ifndef KH_BASE_JSON_H
#define KH_BASE_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include "base/buf.h"

typedef struct kh_json_writer {
    kh_buf *buf; /* borrowed */
    kh_status status;
    uint32_t depth;
    uint64_t has_item; /* bit per depth: a comma is due */
    bool after_key;
} kh_json_writer;

void kh_json_writer_init(kh_json_writer *writer, kh_buf *buf);
void kh_json_object_begin(kh_json_writer *writer);
void kh_json_object_end(kh_json_writer *writer);
void kh_json_array_begin(kh_json_writer *writer);
void kh_json_array_end(kh_json_writer *writer);
void kh_json_key(kh_json_writer *writer, const char *key);
/* NULL writes null. */
void kh_json_text(kh_json_writer *writer, const char *text);
void kh_json_int(kh_json_writer *writer, int64_t value);
void kh_json_double(kh_json_writer *writer, double value);
void kh_json_bool(kh_json_writer *writer, bool value);
/* What is a number in JSON already: its digits stay as they are. */
void kh_json_number(kh_json_writer *writer, const char *number);
/* What is JSON already, as it stands. */
void kh_json_raw(kh_json_writer *writer, const char *json);
/* As base64 text (RFC 4648 4). */
void kh_json_base64(kh_json_writer *writer, const void *bytes, size_t size);
void kh_json_null(kh_json_writer *writer);
/* Key and value in one call. */
void kh_json_put_text(kh_json_writer *writer, const char *key, const char *text);
void kh_json_put_int(kh_json_writer *writer, const char *key, int64_t value);
void kh_json_put_double(kh_json_writer *writer, const char *key, double value);
void kh_json_put_bool(kh_json_writer *writer, const char *key, bool value);
kh_status kh_json_writer_status(const kh_json_writer *writer, kh_error *err);

/* A parsed object. Strict: duplicate keys, bad UTF-8, trailing bytes and documents over max_size bytes are KH_E_FORMAT or KH_E_LIMIT. */
typedef struct kh_json kh_json;
KH_MUST_USE kh_status kh_json_parse_object(kh_json **out, const char *text, size_t size, size_t max_size, kh_error *err);
/* The same, whatever stands at the root. */
KH_MUST_USE kh_status kh_json_parse(kh_json **out, const char *text, size_t size, size_t max_size, kh_error *err);
void kh_json_free(kh_json *json);

/* ---- walking one; all that is given out is borrowed ---- */
typedef enum kh_json_kind {
    KH_JSON_OBJECT,
    KH_JSON_ARRAY,
    KH_JSON_TEXT,
    KH_JSON_INTEGER,
    KH_JSON_REAL,
    KH_JSON_BOOL,
    KH_JSON_NULL
} kh_json_kind;
kh_json_kind kh_json_kind_of(const kh_json *value);
/* Members of an object or an array; 0 for the rest. */
size_t kh_json_count(const kh_json *value);
const kh_json *kh_json_at(const kh_json *array, size_t index);
/* NULL when absent. */
const kh_json *kh_json_member(const kh_json *object, const char *key);
/* Keys in their order; keys has room for kh_json_count(). */
void kh_json_keys(const kh_json *object, const char **keys);
/* NULL when it is no text. Never holds a NUL. */
const char *kh_json_text_of(const kh_json *value);
/* 0 or false when it is none. */
int64_t kh_json_integer_of(const kh_json *value);
double kh_json_number_of(const kh_json *value);
bool kh_json_bool_of(const kh_json *value);

/* A value that was read, written anew: members in their order. KH_E_LIMIT when it is more than KH_JSON_DEPTH_MAX deep; the writer is of no
 * use then. */
#define KH_JSON_DEPTH_MAX 32
KH_MUST_USE kh_status kh_json_copy(kh_json_writer *writer, const kh_json *value, kh_error *err);

/* The member as text or integer; NULL or fallback when it is absent or of another type. Borrowed. */
const char *kh_json_get_text(const kh_json *json, const char *key);
int64_t kh_json_get_int(const kh_json *json, const char *key, int64_t fallback);
double kh_json_get_double(const kh_json *json, const char *key, double fallback);
bool kh_json_get_bool(const kh_json *json, const char *key, bool fallback);

#endif
