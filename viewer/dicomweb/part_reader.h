/* part_reader.h - a multipart body as it comes (RFC 2046 5.1, PS3.18 8.6): the parts' header lines and bytes, in whatever pieces they
 * arrive.
 * Takes CRLF line ends only, as HTTP has them. Limits: 4 KiB of header lines per part, 64 KiB before the first part, parts_max parts.
 * Pure, but for the calls it makes; a reader belongs to one thread at a time. */
#ifndef KH_VIEWER_DICOMWEB_PART_READER_H
#define KH_VIEWER_DICOMWEB_PART_READER_H

#include <stddef.h>
#include <stdint.h>
#include "base/error.h"

#define KH_PART_BOUNDARY_MAX 70 /* RFC 2046 5.1.1 */
#define KH_PART_HEAD_MAX 4096

/* Values of a part's header lines, NULL where there is none; borrowed for the call. */
typedef struct kh_part_head {
    const char *content_type, *content_location, *transfer_encoding;
} kh_part_head;

/* What fails here is what kh_part_reader_take() gives back. */
typedef struct kh_part_calls {
    kh_status (*begin)(void *context, const kh_part_head *head, kh_error *err);
    kh_status (*bytes)(void *context, const uint8_t *bytes, size_t size, kh_error *err);
    kh_status (*end)(void *context, kh_error *err);
} kh_part_calls;

typedef struct kh_part_reader {
    const kh_part_calls *calls;
    void *context;
    char delimiter[KH_PART_BOUNDARY_MAX + 5]; /* CR LF "--" boundary NUL */
    size_t delimiter_size;
    unsigned part_count, parts_max;
    int state;
    size_t matched;    /* bytes of the delimiter, or of what may follow one, that have been seen */
    size_t before;     /* bytes of the preamble */
    char head[KH_PART_HEAD_MAX + 1];
    size_t head_size;
} kh_part_reader;

/* boundary: as the Content-Type gives it, without quotes. KH_E_ARG when it is not one. calls is borrowed. */
KH_MUST_USE kh_status kh_part_reader_init(kh_part_reader *reader, const char *boundary, unsigned parts_max, const kh_part_calls *calls,
                                          void *context, kh_error *err);
/* KH_E_ARG names what of a body is wrong, KH_E_LIMIT what is too much. Nothing may be given after a failure. */
KH_MUST_USE kh_status kh_part_reader_take(kh_part_reader *reader, const uint8_t *bytes, size_t size, kh_error *err);
/* All was given: KH_E_ARG when the last part did not end. */
KH_MUST_USE kh_status kh_part_reader_end(const kh_part_reader *reader, kh_error *err);

#endif
