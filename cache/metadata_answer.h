/* metadata_answer.h - metadata of many objects as one JSON array, as gzip (RFC 1952, one member: prepared pieces are copied as they are) or
 * plain. Threads: an answer belongs to one thread at a time.
 *
 *   kh_metadata_answer_begin(&answer, &out, "http://host/dicomweb", true, &err);
 *   kh_metadata_answer_series(&answer, cache, series_id, 0, &err);   again for each series
 *   kh_metadata_answer_end(&answer, &err);
 */
#ifndef KH_CACHE_METADATA_ANSWER_H
#define KH_CACHE_METADATA_ANSWER_H

#include "base/buf.h"
#include "cache/metadata.h"

typedef struct kh_metadata_answer {
    kh_buf *out; /* borrowed */
    bool gzip;
    size_t count;    /* objects told */
    size_t prepared; /* of these without opening a file */
    size_t left_out; /* at their hospital and not prepared, or unreadable */
    char base[600];  /* as it stands in JSON */
    uint32_t base_size, base_crc;
    uint32_t crc;    /* of the plain bytes so far */
    uint64_t plain_size;
} kh_metadata_answer;

/* base: what addresses of bulk data begin with, up to 250 bytes. KH_E_ARG when it is longer. */
KH_MUST_USE kh_status kh_metadata_answer_begin(kh_metadata_answer *answer, kh_buf *out, const char *base, bool gzip, kh_error *err);
/* As kh_metadata_series(). KH_E_LIMIT when out is full. */
KH_MUST_USE kh_status kh_metadata_answer_series(kh_metadata_answer *answer, kh_cache *cache, int64_t series_id, int64_t object_id,
                                                kh_error *err);
KH_MUST_USE kh_status kh_metadata_answer_end(kh_metadata_answer *answer, kh_error *err);

#endif
