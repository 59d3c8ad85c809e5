/* image_record.h - what the viewer needs of one object, as one compact blob of its index row: image info, frame table, frame
 * checksums. Version 2 tells which display tables the object has, version 3 VOI LUTs by frame, overlays in the pixels' words, how the
 * source was made lossy and where a projection's rows and columns run, version 4 ultrasound regions, version 5 how frames are
 * played and a projection's view; versions 1 to 4 are still read. Every length is checked when it is read back. Pure functions. */
#ifndef KH_CACHE_IMAGE_RECORD_H
#define KH_CACHE_IMAGE_RECORD_H

#include "base/buf.h"
#include "dicom/frames.h"
#include "dicom/image.h"

#define KH_IMAGE_RECORD_MAX 33554432 /* bytes of a blob */

typedef struct kh_image_record {
    kh_image_info info;     /* owned */
    kh_frame_table frames;  /* owned; frame_count 0 when the frames could not be told apart */
    uint64_t *checksums;    /* owned; frames.frame_count of them */
    uint8_t swap_bytes;     /* native samples are stored big-endian in units of 2, 4 or 8 bytes; 0 when they are not */
} kh_image_record;

/* KH_E_LIMIT when the blob would be larger than out may grow. */
KH_MUST_USE kh_status kh_image_record_encode(kh_buf *out, const kh_image_record *record, kh_error *err);
/* KH_E_CORRUPT when the bytes are not such a blob, KH_E_UNSUPPORTED when it is of a newer version. */
KH_MUST_USE kh_status kh_image_record_decode(kh_image_record *out, const void *bytes, size_t size, kh_error *err);
/* Only what the picture is made of, of such a blob. */
KH_MUST_USE kh_status kh_image_record_format(kh_pixel_format *out, const void *bytes, size_t size, kh_error *err);
/* Was it written by an earlier release, that told less? */
bool kh_image_record_is_old(const void *bytes, size_t size);
void kh_image_record_release(kh_image_record *record);

#endif
