/* target.h - the target of a request line (RFC 9112 3.2): percent-decoding, path segments, query parameters.
 * Refused with KH_E_ARG: anything but origin-form and absolute-form, bytes outside printable ASCII, '#', malformed percent
 * triplets, decoded control bytes or DEL, decoded text that is not UTF-8 (overlong forms and surrogates included), "." and
 * ".." as a segment, a '\' or an encoded '/' in a segment. KH_E_LIMIT: too long, too many parts.
 * The message begins with "target" or, when it is a parameter's value, with its name.
 * A parameter that is given twice is kept each time and named: who serves the address says whether it may be.
 * Pure functions; a kh_target belongs to one thread at a time. */
#ifndef KH_VIEWER_HTTP_TARGET_H
#define KH_VIEWER_HTTP_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include "base/error.h"

#define KH_TARGET_BYTES_MAX 4096
#define KH_TARGET_SEGMENTS_MAX 16
#define KH_TARGET_PARAMETERS_MAX 64
#define KH_TARGET_ROOM 256 /* bytes of a short target, as most are */

typedef struct kh_target {
    char *memory;    /* room, or owned; all text below points into it: a target stays where it was parsed */
    char *authority; /* of an absolute-form, "host:port"; NULL for an origin-form */
    char *path;      /* decoded, "/a/b" */
    bool plain;      /* nothing in it was encoded */
    size_t segment_count;
    char *segments[KH_TARGET_SEGMENTS_MAX]; /* decoded, without slashes; a path that ends in '/' has an empty last one */
    size_t segment_offsets[KH_TARGET_SEGMENTS_MAX]; /* of each in path */
    const char *repeated; /* the name of a parameter that is given more than once; NULL */
    size_t parameter_count;
    struct {
        char *name, *value; /* decoded, '+' as space; value "" when there is no '=' */
    } parameters[KH_TARGET_PARAMETERS_MAX];
    char room[2 * KH_TARGET_ROOM];
} kh_target;

/* Empty, without looking at what it was; what is beyond the counts stays as it is. */
void kh_target_clear(kh_target *target);

/* Parse size bytes at raw, as they stood in the request line. On failure *out is empty. Release with kh_target_release(). */
KH_MUST_USE kh_status kh_target_parse(kh_target *out, const char *raw, size_t size, kh_error *err);
void kh_target_release(kh_target *target);
/* The first of that name; NULL when absent. */
const char *kh_target_parameter(const kh_target *target, const char *name);

#endif
