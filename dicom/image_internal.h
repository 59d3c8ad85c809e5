/* image_internal.h - what image.c and functional_groups.c share. */
#ifndef KH_DICOM_IMAGE_INTERNAL_H
#define KH_DICOM_IMAGE_INTERNAL_H

#include "dicom/image.h"

/* "HighBit (0028,0102) 15, expected 0 to 11" with status. */
KH_MUST_USE kh_status kh_image_fault(kh_status status, kh_tag tag, int64_t got, int64_t low, int64_t high,
                                     kh_error *err);

/* All values of a code with their backslashes; cut, it stays a prefix. */
void kh_image_read_values(char *out, size_t out_size, const kh_item *item, kh_tag tag);
/* count values, all of them or none. */
bool kh_slice_doubles(double *out, uint32_t count, const kh_item *item, kh_tag tag);
/* Each reads one group of attributes from item into *slice and leaves alone what item does not tell. */
void kh_slice_read_position(kh_slice_info *slice, const kh_item *item);
void kh_slice_read_orientation(kh_slice_info *slice, const kh_item *item);
void kh_slice_read_measures(kh_slice_info *slice, const kh_item *item);
/* Has item a window or a VOI LUT? */
bool kh_item_tells_voi(const kh_item *item);
/* Windows and VOI LUTs are alternatives: an item with either of them replaces all of before. */
void kh_slice_read_windows(kh_slice_info *slice, const kh_item *item);
void kh_slice_read_rescale(kh_slice_info *slice, const kh_item *item);

/* The VOI LUTs of the data set in the order in which kh_image_info and kh_display number them: those for all frames, then those of
 * each frame that tells its own window or table (PS3.3 C.7.6.16.2.10); only whole ones, and KH_VOI_LUTS_MAX of a frame. */
typedef struct kh_voi_lut_list {
    const kh_item *items[KH_VOI_LUTS_OBJECT_MAX];
    uint32_t count;
} kh_voi_lut_list;

/* slices may be NULL; else each slice gets its part of the list. */
void kh_voi_lut_list_read(kh_voi_lut_list *out, const kh_item *main, bool big_endian, uint32_t frame_count, kh_slice_info *slices,
                          uint32_t slice_count);
/* info->voi_luts, and the numbers in its slices, which have been read. */
KH_MUST_USE kh_status kh_image_read_voi_luts(kh_image_info *info, const kh_dataset *dataset, kh_error *err);
/* Inputs of a VOI LUT are signed where the modality transform of the slice can give less than 0. */
bool kh_voi_input_is_signed(const kh_image_info *info, const kh_slice_info *slice);

/* The bit of the pixels' words that overlay group 6000 + 2 * group is in (PS3.3 C.9.2); false when it is in none. */
bool kh_overlay_bit(int *out, const kh_item *main, unsigned group, const kh_pixel_format *format);
/* All of them as a mask. */
uint16_t kh_overlay_bits(const kh_item *main, const kh_pixel_format *format);

/* The per-frame functional groups, NULL when there are fewer than frames: then no frame has one. */
const kh_element *kh_frame_groups(const kh_item *main, uint32_t frame_count);

/* Fill info->slices of a multi-frame object from its functional groups (PS3.3 C.7.6.16), the dose grid (C.8.8.3) or one
 * for all; base holds what the main data set tells. */
KH_MUST_USE kh_status kh_image_read_slices(kh_image_info *info, const kh_item *main, const kh_slice_info *base,
                                           kh_error *err);

#endif
