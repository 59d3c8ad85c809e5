/* media_type.h - one media type with its parameters (RFC 9110 8.3.1): Content-Type, and one element of Accept. Pure. */
#ifndef KH_VIEWER_DICOMWEB_MEDIA_TYPE_H
#define KH_VIEWER_DICOMWEB_MEDIA_TYPE_H

#include <stdbool.h>
#include <stddef.h>
#include "base/error.h"

#define KH_MEDIA_TYPE_SIZE 512
#define KH_MEDIA_TYPE_PARAMETERS_MAX 8

typedef struct kh_media_type {
    char text[KH_MEDIA_TYPE_SIZE]; /* what the others point into */
    const char *name;              /* "multipart/related", as it was written */
    size_t parameter_count;
    struct {
        const char *name, *value; /* without quotes and escapes */
    } parameters[KH_MEDIA_TYPE_PARAMETERS_MAX];
} kh_media_type;

/* Reads the whole of text. KH_E_FORMAT when it is none, a parameter comes twice, or there is more than fits. The result must not be moved:
 * it points into itself. */
KH_MUST_USE kh_status kh_media_type_parse(kh_media_type *out, const char *text, kh_error *err);
/* Regardless of case. */
bool kh_media_type_is(const kh_media_type *type, const char *name);
/* NULL when there is none of that name, whose case does not matter. */
const char *kh_media_type_parameter(const kh_media_type *type, const char *name);

#endif
