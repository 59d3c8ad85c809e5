/* json_model.h - a data set as the DICOM JSON Model (PS3.18 annex F), one object of attributes.
 *
 * Written: tags ascending, without group lengths, group 0002 and Data Set Trailing Padding; text as UTF-8, decoded by each item's own
 * Specific Character Set, which then says ISO_IR 192 where there was one; values without their padding. UN of an attribute that the
 * dictionary knows is what the dictionary says, also a sequence inside UN (PS3.5 6.2.2).
 *   IS           a number where the text is an integer of 32 bits, else the text
 *   DS           a number with the text's own digits where a double holds it exactly as said: at most 15 digits, 1e-290 to 1e290; else the
 * text   SV, UV       a number up to 2^53, which every JSON reader takes; above, a string
 *   FL, FD       a number; "NaN", "inf" and "-inf" for what JSON cannot say
 *   PN           its non-empty groups
 *   OB to OW, UN InlineBinary, little endian, up to inline_bytes_max, else BulkDataURI; pixel data always BulkDataURI
 *   numbers of more than value_bytes_max and what the reader did not hold: BulkDataURI
 * Nesting and sizes are bounded by the reader's limits and by out's. Threads: pure functions. */
#ifndef KH_DICOM_JSON_MODEL_H
#define KH_DICOM_JSON_MODEL_H

#include "base/json.h"
#include "dicom/dataset.h"

/* Of a path and NUL: 16 sequences, "GGGGEEEE.4294967295." each, and a tag. */
#define KH_BULK_PATH_SIZE 340

/* Appends the URI of the value at path, as text. A path is tags of 8 upper hex digits with the numbers of items, from 1, between them, all
 * joined by dots: "7FE00010", "00880200.1.7FE00010". */
typedef kh_status kh_json_model_uri(void *context, kh_buf *out, const char *path, kh_error *err);

typedef struct kh_json_model_options {
    uint32_t inline_bytes_max; /* of InlineBinary, before base64 */
    uint32_t value_bytes_max;  /* of numbers, as stored */
    kh_json_model_uri *uri;    /* NULL: attributes that would need one are left out */
    void *context;             /* of uri */
} kh_json_model_options;
/* 1 KiB, 32 KiB, no URIs. */
extern const kh_json_model_options kh_json_model_options_default;

/* Appends the object of a whole data set to out. KH_E_LIMIT past out's size, KH_E_MEMORY, what uri gives. */
KH_MUST_USE kh_status kh_json_model_write(kh_buf *out, const kh_dataset *dataset, const kh_json_model_options *options, kh_error *err);

/* The VR that says how a value is to be read: that of the dictionary for UN that it knows, SQ for a sequence inside UN; SS where implicit
 * VR leaves it open and the pixels are signed. */
kh_vr kh_element_model_vr(const kh_dataset *dataset, const kh_element *element);

#endif
