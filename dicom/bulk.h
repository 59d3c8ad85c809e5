/* bulk.h - values that are told by address: the path of an attribute in its data set and back.
 * A path is tags of 8 upper hex digits with the numbers of items, from 1, between them, all joined by dots: "7FE00010",
 * "00880200.1.7FE00010". Threads: pure functions. */
#ifndef KH_DICOM_BULK_H
#define KH_DICOM_BULK_H

#include "dicom/dataset.h"

/* 16 sequences, "GGGGEEEE.4294967295." each, a tag and NUL; what is deeper has no path. */
#define KH_BULK_PATH_SIZE 340

/* Where a value lies. */
typedef struct kh_bulk {
    kh_vr vr;               /* as in the JSON and XML models */
    bool encapsulated;      /* fragments, not a value: PS3.5 A.4 */
    size_t swap_unit;       /* 2, 4, 8: the stored bytes are big endian units of so many; else 1 */
    uint64_t offset, length; /* in the source, or in the inflated bytes of a deflated syntax, as of kh_element */
    const kh_element *element; /* borrowed */
} kh_bulk;

/* KH_E_ARG when path is not one, KH_E_NOT_FOUND when nothing is there. */
KH_MUST_USE kh_status kh_bulk_find(kh_bulk *out, const kh_dataset *dataset, const char *path, kh_error *err);

/* The VR that says how a value is to be read: that of the dictionary for UN that it knows; SS where implicit VR leaves it open and the pixels
 * are signed. */
kh_vr kh_element_model_vr(const kh_dataset *dataset, const kh_element *element);

#endif
