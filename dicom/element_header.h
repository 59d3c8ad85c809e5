/* element_header.h - the few bytes before a value: tag, VR, length (PS3.5 7.1). */
#ifndef KH_DICOM_ELEMENT_HEADER_H
#define KH_DICOM_ELEMENT_HEADER_H

#include "dicom/dataset_internal.h"

#define KH_TAG_ITEM KH_TAG(0xfffe, 0xe000)
#define KH_TAG_ITEM_DELIMITATION KH_TAG(0xfffe, 0xe00d)
#define KH_TAG_SEQUENCE_DELIMITATION KH_TAG(0xfffe, 0xe0dd)
#define KH_LENGTH_UNDEFINED 0xffffffffu

/* How the VR was told. */
typedef enum kh_vr_origin {
    KH_VR_AS_DECLARED,
    KH_VR_UNKNOWN_LETTERS, /* two letters that are no VR */
    KH_VR_NOT_EXPLICIT     /* an element of implicit form in an explicit data set */
} kh_vr_origin;

typedef struct kh_element_header {
    kh_tag tag;
    kh_vr vr; /* 0 for items and delimiters */
    kh_vr_origin origin;
    uint32_t length;
    uint32_t size; /* of the header: 8 or 12 bytes */
} kh_element_header;

/* left: bytes from offset to the end of the parent. KH_E_FORMAT when they are too few for a header. */
KH_MUST_USE kh_status kh_element_header_read(kh_element_header *out, kh_block_reader *reader, uint64_t offset,
                                             uint64_t left, bool explicit_vr, bool big_endian, kh_error *err);

#endif
