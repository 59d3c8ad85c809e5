/* json_read.h - DICOM JSON (PS3.18 annex F) as a data set in explicit VR little endian, for what is stored as metadata and bulk data.
 *
 * Strict: keys are 8 upper hex digits; "vr" is one of PS3.5's and stands in every attribute, with at most one of Value, InlineBinary and
 * BulkDataURI and nothing else; values have the form of their VR, and fit it. Groups 0000, 0002 and FFFE are refused, group lengths left
 * out.
 * Text becomes UTF-8: Specific Character Set says ISO_IR 192 wherever it stood, and is put in where text needs it. A value without a
 * number (null) is empty. Errors name the path of the attribute, "00081140.2.00081150", and no value of it.
 * Bounded by kh_json_read_options and by out's size; a document takes up to 40 times its size in memory while it is read.
 * Threads: pure functions. */
#ifndef KH_DICOM_JSON_READ_H
#define KH_DICOM_JSON_READ_H

#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/json.h"
#include "dicom/tag.h"

/* An attribute that names its value by a URI. */
typedef struct kh_json_place {
    const char *uri;
    kh_tag tag;
    kh_vr vr;
    uint32_t depth; /* sequences around it */
} kh_json_place;

/* Its value: bytes, or a gap, for values of any size and only of VRs O* and UN: nothing of it is written, and out's size behind its header
 * is put into *gap_at; there belong size bytes, and a 0 when that is odd. */
typedef struct kh_json_bulk {
    const uint8_t *bytes; /* little endian, borrowed until the next call; NULL: a gap, or empty */
    uint64_t size;
    bool encapsulated;    /* a gap of OB with undefined length: items and delimiter (PS3.5 A.4) */
    size_t *gap_at;
} kh_json_bulk;

typedef kh_status kh_json_read_bulk(void *context, const kh_json_place *place, kh_json_bulk *out, kh_error *err);

typedef struct kh_json_read_options {
    uint32_t depth;          /* nested sequences, up to 16 */
    uint32_t elements;       /* attributes and items in all */
    const kh_tag *left_out;  /* of the main data set; 0 at the end. NULL: none */
    kh_json_read_bulk *bulk; /* NULL: BulkDataURI is KH_E_UNSUPPORTED */
    void *context;           /* of bulk */
} kh_json_read_options;
/* 16 levels, 100,000 attributes and items, no bulk data. */
extern const kh_json_read_options kh_json_read_options_default;

/* object: one data set of a parsed document. Appends to out. KH_E_FORMAT, KH_E_LIMIT, KH_E_UNSUPPORTED, KH_E_MEMORY, what bulk gives. */
KH_MUST_USE kh_status kh_json_model_read(kh_buf *out, const kh_json *object, const kh_json_read_options *options, kh_error *err);

#endif
