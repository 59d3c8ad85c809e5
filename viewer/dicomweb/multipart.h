/* multipart.h - the text between the parts of a multipart/related answer (RFC 2046 5.1, RFC 2387; PS3.18 8.6). Pure but for the boundary,
 * which nobody can know who makes the parts. */
#ifndef KH_VIEWER_DICOMWEB_MULTIPART_H
#define KH_VIEWER_DICOMWEB_MULTIPART_H

#include <stddef.h>
#include <stdint.h>
#include "base/error.h"

#define KH_MULTIPART_BOUNDARY_SIZE 35 /* 34 characters and NUL; at most 70 are allowed */
#define KH_MULTIPART_HEAD_SIZE 1280

typedef struct kh_multipart {
    char boundary[KH_MULTIPART_BOUNDARY_SIZE];
} kh_multipart;

KH_MUST_USE kh_status kh_multipart_init(kh_multipart *out, kh_error *err);
/* multipart/related; type="..."; boundary=... */
void kh_multipart_content_type(const kh_multipart *multipart, const char *type, char *out, size_t size);
/* What stands before the bytes of part number `index`. transfer_syntax and location may be NULL. Returns its length; 0: it does not fit. */
size_t kh_multipart_head(const kh_multipart *multipart, size_t index, const char *type, const char *transfer_syntax, const char *location,
                         uint64_t length, char out[KH_MULTIPART_HEAD_SIZE]);
/* What stands behind the last part. */
size_t kh_multipart_tail(const kh_multipart *multipart, char out[KH_MULTIPART_HEAD_SIZE]);

#endif
