/* fragments.h - the fragments of encapsulated pixel data and which frame each belongs to (PS3.5 A.4). */
#ifndef KH_DICOM_FRAGMENTS_H
#define KH_DICOM_FRAGMENTS_H

#include "dicom/frames.h"

typedef struct kh_fragments {
    kh_extent *extents; /* owned; without the offset table item */
    uint32_t count;
    uint64_t base;         /* of the first fragment's item tag: offset tables count from here */
    uint64_t table_offset; /* of the basic offset table's value */
    uint32_t table_bytes;
    bool ended;       /* the sequence delimiter is there */
    bool last_is_cut; /* the source ends inside the last fragment */
} kh_fragments;

KH_MUST_USE kh_status kh_fragments_read(kh_fragments *out, const kh_element *pixels, const kh_source *source,
                                        bool big_endian, kh_error *err);
void kh_fragments_release(kh_fragments *fragments);

/* starts[f] becomes the index of frame f's first fragment; frame_count <= fragments->count. By count where it decides,
 * else by the extended or basic offset table where it fits the fragments, else by the codestreams' first bytes. */
KH_MUST_USE kh_status kh_fragments_group(uint32_t *starts, uint32_t frame_count, const kh_fragments *fragments,
                                         const kh_dataset *dataset, const kh_source *source, kh_error *err);

#endif
