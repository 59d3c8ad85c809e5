/* json_read_internal.h - what json_read.c (attributes and items) and json_read_values.c (values) share. */
#ifndef KH_DICOM_JSON_READ_INTERNAL_H
#define KH_DICOM_JSON_READ_INTERNAL_H

#include "dicom/json_read.h"
#include "dicom/tag.h"
#include "dicom/writer.h"

typedef struct kh_json_reader {
    const kh_json_read_options *options;
    kh_writer *writer;
    const kh_buf *out; /* of the writer */
    kh_buf scratch; /* one value as it goes into the data set */
    uint32_t counted, depth;
    char path[340]; /* of the attribute that is read, or failed: as in dicom/json_model.h */
} kh_json_reader;

/* Values of any VR but SQ, written as the element tag. values: an array. */
KH_MUST_USE kh_status kh_json_read_values(kh_json_reader *reader, kh_tag tag, kh_vr vr, const kh_json *values, kh_error *err);
/* Base64 (RFC 4648 4), without blanks. */
KH_MUST_USE kh_status kh_json_read_inline(kh_json_reader *reader, kh_tag tag, kh_vr vr, const char *text, kh_error *err);
/* Bytes of one number of the VR; 1 for what is no number. */
size_t kh_json_read_unit(kh_vr vr);

#endif
