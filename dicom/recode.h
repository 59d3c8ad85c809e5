/* recode.h - a whole object written anew as a data set in explicit or implicit VR little endian, for a peer that takes nothing else
 * (PS3.5 A.1, A.2). What is not the encoding stays: values are copied byte for byte (big endian ones swapped), the SOP Instance UID and
 * the lossy history too. Compressed pixel data become native, with the attributes that say what the decoder made of them (PS3.3
 * C.7.6.3); nothing is ever compressed, and nothing lossy done. Group lengths and offset tables, which describe the old encoding, are
 * left out; so is an icon whose own pixel data are compressed.
 * Everything passes through bounded buffers: values in parts, pixel data frame by frame. Threads: one at a time. */
#ifndef KH_DICOM_RECODE_H
#define KH_DICOM_RECODE_H

#include "dicom/frames.h"

typedef struct kh_recode kh_recode;

/* One frame, as kh_codec_decode(); *pixels is malloc'ed. */
typedef kh_status kh_recode_decode(void *context, uint8_t **pixels, size_t *size, const char *transfer_syntax_uid,
                                   kh_pixel_format *format, const void *codestream, size_t codestream_size, kh_error *err);

typedef struct kh_recode_options {
    bool explicit_vr;
    uint64_t codestream_bytes_max; /* of one frame */
    kh_recode_decode *decode;      /* NULL: compressed pixel data are KH_E_UNSUPPORTED */
    void *context;                 /* of decode */
} kh_recode_options;

/* source: a Part 10 file; it must outlive the recoding. The first compressed frame is decoded here, so that what cannot be done is
 * said before anything is written: KH_E_UNSUPPORTED (video, no decoder, no describable pixel data), KH_E_FORMAT, KH_E_LIMIT,
 * KH_E_CORRUPT for a file that is cut, and what decode gives. */
KH_MUST_USE kh_status kh_recode_open(kh_recode **out, const kh_source *source, const kh_recode_options *options, kh_error *err);
void kh_recode_free(kh_recode *recode);

/* Parts of any size, in order. */
typedef kh_status kh_recode_sink(void *context, const uint8_t *bytes, size_t size, kh_error *err);
/* The whole data set. What sink returns other than KH_OK ends it and is given back. KH_E_FORMAT when a later frame does not have the
 * form of the first. */
KH_MUST_USE kh_status kh_recode_write(kh_recode *recode, kh_recode_sink *sink, void *context, kh_error *err);

#endif
