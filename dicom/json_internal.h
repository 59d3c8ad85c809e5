/* json_internal.h - what json_model.c (attributes and items) and json_values.c (values) share. */
#ifndef KH_DICOM_JSON_INTERNAL_H
#define KH_DICOM_JSON_INTERNAL_H

#include "dicom/dataset_internal.h"
#include "dicom/json_model.h"

typedef struct kh_json_model {
    kh_json_writer json;
    const kh_json_model_options *options;
    const kh_dataset *dataset; /* whose Pixel Representation holds */
    uint32_t depth;            /* of items, the main data set 1 */
    kh_buf text;               /* scratch: one attribute's text as UTF-8 */
} kh_json_model;

/* "Value": [...] of text, PN, IS, DS, AT and binary numbers; nothing when it is empty. big_endian: of the bytes. */
KH_MUST_USE kh_status kh_json_values(kh_json_model *model, const kh_element *element, kh_vr vr, const char *charset, bool big_endian,
                                     kh_error *err);

#endif
