/* recode_internal.h - what recode.c (elements) and recode_pixels.c (frames) share. */
#ifndef KH_DICOM_RECODE_INTERNAL_H
#define KH_DICOM_RECODE_INTERNAL_H

#include "dicom/dataset_internal.h"
#include "dicom/recode.h"

#define KH_RECODE_CHANGES_MAX 12

/* An attribute of the main data set that takes another value, or comes in. */
typedef struct kh_recode_change {
    kh_tag tag;
    kh_vr vr;
    uint8_t size; /* even */
    uint8_t value[32];
} kh_recode_change;

struct kh_recode {
    kh_recode_options options;
    const kh_source *source; /* of values: the file, or `inflated` */
    kh_source inflated;
    kh_dataset *dataset;
    bool is_signed;          /* Pixel Representation is 1: says what "US or SS" is */
    unsigned change_count;
    kh_recode_change changes[KH_RECODE_CHANGES_MAX]; /* ascending */

    /* Encapsulated pixel data only: */
    bool encapsulated;
    kh_image_info info;
    kh_frame_table frames;
    kh_pixel_format format; /* of the native frames */
    size_t frame_bytes;
    uint64_t pixel_bytes;   /* of all, without padding */
    uint8_t *first;         /* the first frame, decoded */
    kh_item tail;           /* what stands behind the pixel data */

    /* While writing: */
    kh_recode_sink *sink;
    void *sink_context;
    uint8_t *buffer;
};

#define KH_RECODE_PART 65536 /* of the buffer, and of what goes to the sink at once but for frames */

/* The element's header; length KH_LENGTH_UNDEFINED for sequences. */
KH_MUST_USE kh_status kh_recode_header(kh_recode *recode, kh_tag tag, kh_vr vr, uint32_t length, kh_error *err);

/* Decode the first frame and note what changes. */
KH_MUST_USE kh_status kh_recode_pixels_open(kh_recode *recode, kh_error *err);
/* Pixel Data (7FE0,0010) with its header. */
KH_MUST_USE kh_status kh_recode_pixels_write(kh_recode *recode, kh_error *err);

#endif
