/* metadata.h - what WADO-RS tells of objects without their bulk data: DICOM JSON (PS3.18 annex F), one object each.
 *
 * It is prepared once a study has arrived (cache/metadata_keeper.h) and lies compressed in one file per series, so that a series is told
 * without opening the file of an object. What is not prepared yet, or says no longer what is so, is made from the object's file on demand.
 *
 * A piece is raw deflate (RFC 1951) that ends at a whole byte and has no last block: pieces, and what a caller compresses the same way,
 * follow each other in one gzip member, or are inflated one after the other. Values too long are told by URI:
 * base + "/studies/S/series/T/instances/O/bulkdata/PATH", PATH as in dicom/bulk.h; base is the caller's, and belongs between each two
 * parts of a piece. metadata_answer.h puts it together.
 *
 * Corrected values are in it (cache/changes.h), hidden objects are not. Threads: any. */
#ifndef KH_CACHE_METADATA_H
#define KH_CACHE_METADATA_H

#include "cache/cache.h"

#define KH_METADATA_PLAIN_MAX ((size_t)64 << 20) /* of one object's JSON */

typedef struct kh_metadata_part {
    const uint8_t *bytes; /* borrowed during the call */
    uint32_t size;
    uint32_t plain_size;  /* inflated */
    uint32_t crc;         /* CRC-32 of the inflated bytes, for crc32_combine() */
} kh_metadata_part;

typedef struct kh_metadata {
    int64_t object_id;
    const kh_metadata_part *parts; /* borrowed during the call */
    uint32_t part_count;           /* >= 1 */
    bool prepared;                 /* the object's file was not opened for it */
} kh_metadata;

/* What it returns other than KH_OK ends the series and is given back. Called outside of any transaction. */
typedef kh_status kh_metadata_visit(void *context, const kh_metadata *metadata, kh_error *err);

/* Every object of the series that is not hidden, by instance number, then id; only the object object_id when it is not 0. What is at its
 * hospital and not prepared, or cannot be read, is left out and counted in *left_out. KH_E_NOT_FOUND without such a series. */
KH_MUST_USE kh_status kh_metadata_series(kh_cache *cache, int64_t series_id, int64_t object_id, kh_metadata_visit *visit, void *context,
                                         size_t *left_out, kh_error *err);

#endif
