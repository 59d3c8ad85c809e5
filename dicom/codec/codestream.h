/* codestream.h - what a compressed frame says of itself, without decoding it: by the gates (gate.h), which are bounded by its size.
 * Threads: any. */
#ifndef KH_DICOM_CODEC_CODESTREAM_H
#define KH_DICOM_CODEC_CODESTREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"

typedef struct kh_codestream_facts {
    uint32_t rows, columns; /* 1 to 65,535 */
    bool lossy;             /* it does not give back what was compressed */
} kh_codestream_facts;

/* JPEG, JPEG-LS, JPEG 2000 and HTJ2K. KH_E_UNSUPPORTED for a syntax whose streams tell nothing (RLE, deflated frames, native) or that is not
 * decoded; what the gate says of a broken one. */
KH_MUST_USE kh_status kh_codestream_look(kh_codestream_facts *out, const char *transfer_syntax_uid, const uint8_t *bytes, size_t size,
                                         kh_error *err);

#endif
