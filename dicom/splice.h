/* splice.h - a source made of pieces of another one and of bytes of our own, in order: an object with a few attributes changed is read
 * like a file, whatever its size, without a copy. Threads: building one at a time; a finished splice may be read by many at once. */
#ifndef KH_DICOM_SPLICE_H
#define KH_DICOM_SPLICE_H

#include <stdbool.h>
#include "base/buf.h"
#include "dicom/source.h"

#define KH_SPLICE_PIECES_MAX 256

typedef struct kh_splice_piece {
    uint64_t at;     /* in the splice */
    uint64_t offset; /* in the base, or in own */
    uint64_t size;   /* > 0 */
    bool is_own;
} kh_splice_piece;

typedef struct kh_splice {
    kh_source source; /* what it reads as; first, so that reads find the rest */
    const kh_source *base; /* borrowed */
    kh_buf own;
    size_t piece_count;
    kh_splice_piece pieces[KH_SPLICE_PIECES_MAX];
} kh_splice;

/* own_bytes_max: of all bytes of our own. kh_splice_release() in every case. */
void kh_splice_init(kh_splice *splice, const kh_source *base, size_t own_bytes_max);
void kh_splice_release(kh_splice *splice);
/* The base from offset on, size bytes; 0 is welcome. KH_E_FORMAT when the base ends before, KH_E_LIMIT. */
KH_MUST_USE kh_status kh_splice_base(kh_splice *splice, uint64_t offset, uint64_t size, kh_error *err);
KH_MUST_USE kh_status kh_splice_own(kh_splice *splice, const void *bytes, size_t size, kh_error *err);

#endif
