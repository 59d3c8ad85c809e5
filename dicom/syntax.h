/* syntax.h - the transfer syntaxes and SOP classes we know (PS3.5 annex A, PS3.4 B.5), and UIDs (PS3.5 9.1).
 * Threads: constant tables. */
#ifndef KH_DICOM_SYNTAX_H
#define KH_DICOM_SYNTAX_H

#include <stdbool.h>
#include <stddef.h>
#include "base/error.h"

#define KH_UID_SIZE 65 /* 64 characters and NUL */

/* 1 to 64 of [0-9.], no empty component, no leading zero in one unless lenient. */
bool kh_uid_valid(const char *uid);
/* As many peers write them: 1 to 64 of [0-9.]; safe in a path and in a log. */
bool kh_uid_plausible(const char *uid);

typedef enum kh_codec_kind {
    KH_CODEC_NATIVE, /* not encapsulated */
    KH_CODEC_RLE,
    KH_CODEC_JPEG, /* baseline, extended, lossless */
    KH_CODEC_JPEG_LS,
    KH_CODEC_JPEG_2000,
    KH_CODEC_HTJ2K,
    KH_CODEC_DEFLATED_FRAME,
    KH_CODEC_VIDEO,
    KH_CODEC_OTHER /* encapsulated, not decoded here */
} kh_codec_kind;

typedef struct kh_transfer_syntax {
    const char *uid;
    const char *name;
    kh_codec_kind codec;
    bool explicit_vr, big_endian, deflated, lossy;
} kh_transfer_syntax;

#define KH_TS_IMPLICIT_LE "1.2.840.10008.1.2"
#define KH_TS_EXPLICIT_LE "1.2.840.10008.1.2.1"
#define KH_TS_DEFLATED_LE "1.2.840.10008.1.2.1.99"
#define KH_TS_EXPLICIT_BE "1.2.840.10008.1.2.2"
#define KH_TS_JPEG_BASELINE "1.2.840.10008.1.2.4.50"
#define KH_TS_JPEG_EXTENDED "1.2.840.10008.1.2.4.51"
#define KH_TS_JPEG_LOSSLESS "1.2.840.10008.1.2.4.57"
#define KH_TS_JPEG_LOSSLESS_SV1 "1.2.840.10008.1.2.4.70"
#define KH_TS_RLE "1.2.840.10008.1.2.5"

/* NULL when unknown. */
const kh_transfer_syntax *kh_transfer_syntax_find(const char *uid);
/* The whole table, for association negotiation and conformance. */
const kh_transfer_syntax *kh_transfer_syntax_table(size_t *count);

typedef struct kh_sop_class {
    const char *uid;
    const char *name;
    bool storage;
    bool has_pixels; /* normally shown as pictures */
} kh_sop_class;

#define KH_SOP_VERIFICATION "1.2.840.10008.1.1"
#define KH_SOP_DICOMDIR "1.2.840.10008.1.3.10"
#define KH_SOP_COMMITMENT "1.2.840.10008.1.20.1"
#define KH_SOP_CT_IMAGE "1.2.840.10008.5.1.4.1.1.2"
#define KH_SOP_MR_IMAGE "1.2.840.10008.5.1.4.1.1.4"
#define KH_SOP_PATIENT_ROOT_FIND "1.2.840.10008.5.1.4.1.2.1.1"
#define KH_SOP_PATIENT_ROOT_MOVE "1.2.840.10008.5.1.4.1.2.1.2"
#define KH_SOP_PATIENT_ROOT_GET "1.2.840.10008.5.1.4.1.2.1.3"
#define KH_SOP_STUDY_ROOT_FIND "1.2.840.10008.5.1.4.1.2.2.1"
#define KH_SOP_STUDY_ROOT_MOVE "1.2.840.10008.5.1.4.1.2.2.2"
#define KH_SOP_STUDY_ROOT_GET "1.2.840.10008.5.1.4.1.2.2.3"

const kh_sop_class *kh_sop_class_find(const char *uid);
/* All storage SOP classes first, then the others. */
const kh_sop_class *kh_sop_class_table(size_t *count);

#endif
