/* frames.h - where each frame of an object stands in its file (PS3.5 8, A.4), so that one is read without the others.
 * Native pixel data, or fragments with a basic, extended, wrong or empty offset table. The fragments are walked, tables
 * only tell which belong together. Native pixels are as stored: big endian ones the reader swaps, and frame i of 1-bit
 * pixels begins at bit (i * rows * columns) % 8 of its first byte, least significant first (PS3.5 8.1.1). */
#ifndef KH_DICOM_FRAMES_H
#define KH_DICOM_FRAMES_H

#include "dicom/image.h"

typedef struct kh_extent {
    uint64_t offset; /* in the file; in the inflated data set when the syntax is deflated */
    uint64_t length; /* bytes; 0: the frame is not there (the file is cut) */
} kh_extent;

typedef struct kh_frame_table {
    uint32_t frame_count;
    uint32_t extent_count;
    uint32_t *first_extent; /* frame_count + 1 entries: frame i is extents first_extent[i] .. first_extent[i + 1] - 1
                               joined */
    kh_extent *extents;
} kh_frame_table;

/* The table of the object's pixel data; info as read from the same data set. Owned: kh_frame_table_release().
 * source is read for the fragments' headers. KH_E_UNSUPPORTED for video, which has no frames of its own; KH_E_FORMAT
 * with what was got and expected when frames cannot be told apart. */
KH_MUST_USE kh_status kh_frame_table_read(kh_frame_table *out, const kh_dataset *dataset, const kh_image_info *info,
                                          const kh_source *source, kh_error *err);
void kh_frame_table_release(kh_frame_table *table);
/* Bytes of frame i in the file. */
uint64_t kh_frame_table_bytes(const kh_frame_table *table, uint32_t frame);

#endif
