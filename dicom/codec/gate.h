/* gate.h - what a codestream says of itself, read before any decoder sees it (PS3.5 annex G; ISO/IEC 10918-1 annex B,
 * 14495-1 annex C, 15444-1 annex A).
 * Refused here is what decoders are known to fall over: lengths past the end, markers that mean nothing in a
 * JPEG (a TEM marker loops DCMTK's reader for ever), RLE headers that point outside, JPEG 2000 headers of a few bytes
 * that ask for gigabytes.
 * Pure C, bounded by the size of the input. Threads: any. */
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
    unsigned predictor;            /* of the first lossless scan: 1 to 7, as said; 0 of other processes */
    bool point_transform;          /* a lossless scan that leaves out low bits */
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

typedef struct kh_jls_gate {
    uint32_t rows, columns;         /* 1 to 65,535 */
    unsigned components, precision; /* 1 or 3; 2 to 16 bits */
    unsigned interleave;            /* of the first scan: 0 a scan for each component, 1 by line, 2 by sample */
    bool near_lossless;             /* NEAR of a scan is not 0 */
    bool rgb_transform;             /* one of HP's colour transforms, which the decoder undoes */
    bool ended;                     /* an EOI stands at the end */
} kh_jls_gate;

/* KH_E_FORMAT; KH_E_UNSUPPORTED for mapping tables, sizes past 65,535 and other numbers of components. */
KH_MUST_USE kh_status kh_jls_gate_read(kh_jls_gate *out, const uint8_t *bytes, size_t size, kh_error *err);

#define KH_J2K_TILES_MAX 4096                          /* of one frame */
#define KH_J2K_LEVELS_MAX 32                           /* wavelet decompositions, as the standard has it */
#define KH_J2K_PACKETS_MAX (UINT64_C(8) << 20)         /* layers x resolutions x components x precincts, of all tiles */
#define KH_J2K_MEMORY_MAX (UINT64_C(768) << 20)        /* bytes that decoding may take, by our estimate */

typedef struct kh_j2k_gate {
    size_t begin, end;              /* of the codestream in the bytes: some come in a JP2 file, or padded */
    uint32_t rows, columns;         /* 1 to 65,535 */
    unsigned components, precision; /* 1 or 3, all alike; 1 to 31 bits, HTJ2K 24 */
    bool is_signed;
    bool irreversible;              /* the 9-7 transform of any tile or component */
    bool colour_transform;          /* RCT or ICT, which the decoder undoes: R G B comes out */
    bool high_throughput;           /* 15444-15: all code blocks by its block coder */
    bool ended;                     /* an EOC stands at the end */
    unsigned levels;                /* the most wavelet decompositions of any component */
    unsigned levels_least;          /* the fewest */
    bool at_origin;                 /* image and tiles begin at 0, 0 of the grid: halved sides are then rounded up */
    uint64_t memory_bytes;          /* that decoding takes at most, roughly */
} kh_j2k_gate;

/* Main header and every tile-part header. KH_E_FORMAT, also for a frame of which a tile is missing or cut;
 * KH_E_UNSUPPORTED for subsampled or differing components, other numbers of them, Part 2 extensions, and code blocks of
 * both coders in one stream; KH_E_LIMIT. */
KH_MUST_USE kh_status kh_j2k_gate_read(kh_j2k_gate *out, const uint8_t *bytes, size_t size, kh_error *err);

#endif
