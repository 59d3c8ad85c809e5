/* rejection.h - rejection notes: key object selection documents by which a hospital takes images back (IHE RAD Imaging Object Change
 * Management; PS3.16 CID 7011, TID 2010). */
#ifndef KH_CACHE_REJECTION_H
#define KH_CACHE_REJECTION_H

#include "base/buf.h"
#include "dicom/dataset.h"

#define KH_REJECTED_MAX 20000 /* instances one note can name */

typedef struct kh_rejection {
    const char *reason; /* constant words; NULL: this object is no rejection note */
    bool later_too;     /* instances that come later are rejected as well */
    kh_buf uids;        /* of KH_UID_SIZE bytes each */
    size_t count;
} kh_rejection;

/* KH_E_LIMIT when it names too many. kh_rejection_release() in every case. */
KH_MUST_USE kh_status kh_rejection_read(kh_rejection *out, const kh_item *main, kh_error *err);
void kh_rejection_release(kh_rejection *rejection);

#endif
