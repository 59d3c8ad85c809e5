/* bulk_path.h - which value a bulk data URI means: "00420011", or in the third item of a sequence "52009230.3.00281408". Slashes may
 * stand for the dots. Pure. */
#ifndef KH_VIEWER_DICOMWEB_BULK_PATH_H
#define KH_VIEWER_DICOMWEB_BULK_PATH_H

#include "dicom/dataset.h"

#define KH_BULK_DEPTH_MAX 16

typedef struct kh_bulk_path {
    unsigned depth;                   /* sequences to go through */
    kh_tag tags[KH_BULK_DEPTH_MAX + 1]; /* depth sequences, then the value's */
    uint32_t items[KH_BULK_DEPTH_MAX];  /* from 1 */
} kh_bulk_path;

#define KH_BULK_TEXT_SIZE (8 + KH_BULK_DEPTH_MAX * 19 + 1)
/* As it is written in addresses of ours. */
void kh_bulk_path_text(const kh_bulk_path *path, char out[KH_BULK_TEXT_SIZE]);
/* KH_E_ARG says what is wrong. */
KH_MUST_USE kh_status kh_bulk_path_parse(kh_bulk_path *out, const char *text, kh_error *err);
/* KH_E_NOT_FOUND. */
KH_MUST_USE kh_status kh_bulk_path_find(const kh_element **out, const kh_bulk_path *path, const kh_dataset *dataset, kh_error *err);

#endif
