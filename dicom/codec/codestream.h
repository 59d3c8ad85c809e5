/* codestream.h - what a compressed frame says of itself, without decoding it: by the gates (gate.h), which are bounded by its size.
 * Threads: any. */
#ifndef KH_DICOM_CODEC_CODESTREAM_H
#define KH_DICOM_CODEC_CODESTREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"
#include "dicom/image.h"

typedef struct kh_codestream_facts {
    uint32_t rows, columns; /* 1 to 65,535 */
    bool lossy;             /* it does not give back what was compressed */
    bool high_throughput;   /* HTJ2K */
} kh_codestream_facts;

/* JPEG, JPEG-LS, JPEG 2000 and HTJ2K. KH_E_UNSUPPORTED for a syntax whose streams tell nothing (RLE, deflated frames, native) or that is
 * not decoded; what the gate says of a broken one. */
KH_MUST_USE kh_status kh_codestream_look(kh_codestream_facts *out, const char *transfer_syntax_uid, const uint8_t *bytes, size_t size,
                                         kh_error *err);

/* The transfer syntax, one of those of `kind`, that a codestream by itself is of: for JPEG by process and predictor, for the others
 * lossless or not. Of RLE and deflated frames the
 * only one there is. KH_E_FORMAT, KH_E_UNSUPPORTED, KH_E_LIMIT as the gate says. */
KH_MUST_USE kh_status kh_codestream_syntax(const char **out, kh_codec_kind kind, const uint8_t *bytes, size_t size, kh_error *err);

/* Is it what the attributes around it say, as far as that can be told without decoding: sides, samples and depth, for a decoder of ours?
 * KH_E_FORMAT with what was got and expected, KH_E_UNSUPPORTED without a decoder, KH_E_LIMIT. */
KH_MUST_USE kh_status kh_codestream_fits(const char *transfer_syntax_uid, const kh_pixel_format *format, const uint8_t *bytes, size_t size,
                                         kh_error *err);

#endif
