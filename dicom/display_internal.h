/* display_internal.h - what the files that read a kh_display share. */
#ifndef KH_DICOM_DISPLAY_INTERNAL_H
#define KH_DICOM_DISPLAY_INTERNAL_H

#include "base/buf.h"
#include "dicom/display.h"

/* A display while it is read: tables stand in tail, and pointers to them are offsets + 1 until the block is whole. */
typedef struct kh_display_draft {
    kh_display display;
    kh_buf tail;
    const kh_image_info *info;
    bool big_endian;
} kh_display_draft;

/* Append size bytes, aligned to 8. *at is the offset in tail. */
KH_MUST_USE kh_status kh_draft_append(kh_display_draft *draft, const void *bytes, size_t size, size_t *at, kh_error *err);

typedef struct kh_lut_descriptor {
    uint32_t count;
    int32_t first;
    uint16_t bits;
} kh_lut_descriptor;

/* Three words (PS3.3 C.11.1.1.1): 0 entries are 65,536; first is read as signed where inputs are. */
KH_MUST_USE kh_status kh_lut_descriptor_read(kh_lut_descriptor *out, const kh_item *item, kh_tag tag, bool is_signed,
                                             bool big_endian, kh_error *err);
/* The entries of the element: words, or bytes two to a word when descriptor->bits is 8 and there are no more bytes. values holds
 * descriptor->count. */
KH_MUST_USE kh_status kh_lut_data_read(uint16_t *values, const kh_lut_descriptor *descriptor, const kh_item *item, kh_tag tag,
                                       bool big_endian, kh_error *err);
/* A table of a Modality or VOI LUT item into *out, its values an offset in tail. */
KH_MUST_USE kh_status kh_draft_lookup(kh_lookup *out, size_t *at, kh_display_draft *draft, const kh_item *item, bool is_signed,
                                      kh_error *err);
KH_MUST_USE kh_status kh_draft_palette(kh_display_draft *draft, size_t *at, const kh_item *main, kh_error *err);
/* Overlay number index of draft->display gets bits at *at (0 bytes when they are in the pixels). */
KH_MUST_USE kh_status kh_draft_overlays(kh_display_draft *draft, size_t at[KH_OVERLAYS_MAX], const kh_item *main, bool pixels_whole,
                                        kh_error *err);
KH_MUST_USE kh_status kh_draft_shutter(kh_display_draft *draft, size_t *at, const kh_item *main, kh_error *err);

#endif
