/* bulk_value.h - one value of an instance as it leaves: little endian, from the file where it stands so there, else from memory. */
#ifndef KH_VIEWER_DICOMWEB_BULK_VALUE_H
#define KH_VIEWER_DICOMWEB_BULK_VALUE_H

#include "viewer/dicomweb/bulk_path.h"
#include "viewer/dicomweb/retrieve.h"

#define KH_BULK_PDF "application/pdf"

typedef struct kh_bulk_value {
    kh_http_piece piece;
    uint64_t size;
    const char *own_type; /* what it is, beside octets: a document, a video; NULL */
    const char *syntax;   /* of a video, its transfer syntax */
    char stored_syntax[KH_UID_SIZE];
} kh_bulk_value;

/* Into an empty one, which does not move afterwards; kh_http_piece_release(&out->piece) in the end, also after a failure. KH_E_NOT_FOUND:
 * nothing stands at path; KH_E_LIMIT: too large for memory. Threads: any. */
KH_MUST_USE kh_status kh_bulk_value_open(kh_bulk_value *out, kh_cache *cache, const kh_retrieve_object *object, const kh_bulk_path *path,
                                         kh_error *err);

/* The media type of a video of that transfer syntax (table 8.7.3-6 of PS3.18); NULL: no video. */
const char *kh_bulk_video_type(const char *transfer_syntax);

#endif
