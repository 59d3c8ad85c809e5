/* gate.h - what a codestream says of itself, read before any decoder sees it (PS3.5 annex G; ISO/IEC 10918-1 annex B).
 * Refused here is what decoders are known to fall over: lengths past the end, markers that mean nothing in a JPEG (a TEM marker
 * loops DCMTK's reader for ever), RLE headers that point outside. Pure C, bounded by the size of the input. Threads: any. */
#ifndef KH_DICOM_CODEC_GATE_H
#define KH_DICOM_CODEC_GATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"

typedef struct kh_jpeg_gate {
    unsigned process;              /* n of the SOFn marker: 0 baseline, 1 extended, 2 progressive, 3 lossless */
    uint32_t rows, columns;        /* 1 to 65,535 */
    unsigned components, precision; /* 1 or 3; 2 to 16 bits */
    bool has_jfif, has_adobe;
    unsigned adobe_transform;      /* of the Adobe marker: 0 none, 1 YCbCr */
    bool named_rgb;                /* the component ids are 'R', 'G', 'B' */
    unsigned odd_scans;            /* sequential scans that state another range than 0 to 63: harmless, and in real files */
    bool ended;                    /* an EOI stands at the end */
} kh_jpeg_gate;

/* KH_E_FORMAT; KH_E_UNSUPPORTED for a process or a number of components that is not decoded. */
KH_MUST_USE kh_status kh_jpeg_gate_read(kh_jpeg_gate *out, const uint8_t *bytes, size_t size, kh_error *err);

#define KH_RLE_SEGMENTS_MAX 15
#define KH_RLE_HEADER_BYTES 64

typedef struct kh_rle_gate {
    uint32_t segment_count;                   /* 1 to 15 */
    size_t begin[KH_RLE_SEGMENTS_MAX], end[KH_RLE_SEGMENTS_MAX]; /* bytes in the codestream, end exclusive */
} kh_rle_gate;

KH_MUST_USE kh_status kh_rle_gate_read(kh_rle_gate *out, const uint8_t *bytes, size_t size, kh_error *err);

#endif
