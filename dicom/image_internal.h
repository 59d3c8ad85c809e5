/* image_internal.h - what image.c and functional_groups.c share. */
#ifndef KH_DICOM_IMAGE_INTERNAL_H
#define KH_DICOM_IMAGE_INTERNAL_H

#include "dicom/image.h"

/* "HighBit (0028,0102) 15, expected 0 to 11" with status. */
KH_MUST_USE kh_status kh_image_fault(kh_status status, kh_tag tag, int64_t got, int64_t low, int64_t high,
                                     kh_error *err);

/* Each reads one group of attributes from item into *slice and leaves alone what item does not tell. */
void kh_slice_read_position(kh_slice_info *slice, const kh_item *item);
void kh_slice_read_orientation(kh_slice_info *slice, const kh_item *item);
void kh_slice_read_measures(kh_slice_info *slice, const kh_item *item);
void kh_slice_read_windows(kh_slice_info *slice, const kh_item *item);
void kh_slice_read_rescale(kh_slice_info *slice, const kh_item *item);

/* Fill info->slices of a multi-frame object from its functional groups (PS3.3 C.7.6.16), the dose grid (C.8.8.3) or one
 * for all; base holds what the main data set tells. */
KH_MUST_USE kh_status kh_image_read_slices(kh_image_info *info, const kh_item *main, const kh_slice_info *base,
                                           kh_error *err);

#endif
