/* json_split.h - an array of JSON objects as it comes, in whatever pieces: each object's text by itself, so that of an array of any length
 * one object is in memory. What is inside an object is not looked at beyond its brackets and strings: kh_json_parse() is the judge.
 * One object without an array around it is taken as well. Threads: a splitter belongs to one at a time; pure but for the calls it makes. */
#ifndef KH_VIEWER_DICOMWEB_JSON_SPLIT_H
#define KH_VIEWER_DICOMWEB_JSON_SPLIT_H

#include <stdbool.h>
#include "base/buf.h"

/* text is borrowed; NULL when the object is larger than may be. What fails here is what kh_json_split_take() gives back. */
typedef kh_status kh_json_split_call(void *context, const char *text, size_t size, kh_error *err);

typedef struct kh_json_split {
    kh_json_split_call *call;
    void *context;
    kh_buf text;     /* of the object at hand */
    unsigned state;
    uint64_t depth;  /* brackets open in it */
    bool in_array, in_string, escaped, too_large;
} kh_json_split;

void kh_json_split_init(kh_json_split *split, size_t object_bytes_max, kh_json_split_call *call, void *context);
void kh_json_split_release(kh_json_split *split);
/* KH_E_ARG when something else than an object stands in the array, or beside it. Nothing may be given after a failure. */
KH_MUST_USE kh_status kh_json_split_take(kh_json_split *split, const uint8_t *bytes, size_t size, kh_error *err);
/* All was given: KH_E_ARG when the array did not end. */
KH_MUST_USE kh_status kh_json_split_end(const kh_json_split *split, kh_error *err);

#endif
