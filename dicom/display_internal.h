/* display_internal.h - what the files that read a kh_display share. */
#ifndef KH_DICOM_DISPLAY_INTERNAL_H
#define KH_DICOM_DISPLAY_INTERNAL_H

#include "base/buf.h"
#include "dicom/display.h"

/* A display while it is read: tables stand in tail, and pointers to them are offsets + 1 until the block is whole. */
typedef struct kh_display_draft {
    kh_display display;
    kh_buf tail;
    kh_lookup *voi; /* display.voi_count of them, values at voi_at */
    size_t *voi_at;
    uint32_t shutter_count; /* the object's, then one of each frame when any has its own; 0: not read */
    kh_shutter *shutters;
    size_t *vertices_at;
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

/* Word or byte number index of a table's value; bytes may stand two to a big-endian word. */
uint16_t kh_lut_word(const uint8_t *bytes, size_t index, bool big_endian);
uint8_t kh_lut_byte(const kh_element *element, size_t index, bool big_endian);
/* KH_E_FORMAT, "LUTData (0028,3006) what". */
kh_status kh_lut_fault(kh_error *err, kh_tag tag, const char *what);
/* Three words (PS3.3 C.11.1.1.1): 0 entries are 65,536; first is read as signed where inputs are. */
KH_MUST_USE kh_status kh_lut_descriptor_read(kh_lut_descriptor *out, const kh_item *item, kh_tag tag, bool is_signed,
                                             bool big_endian, kh_error *err);
/* The entries of the element: words, or bytes two to a word when descriptor->bits is 8 and there are no more bytes. values holds
 * descriptor->count. */
KH_MUST_USE kh_status kh_lut_data_read(uint16_t *values, const kh_lut_descriptor *descriptor, const kh_item *item, kh_tag tag,
                                       bool big_endian, kh_error *err);
/* Can the table of a Modality or VOI LUT item be read, as far as its lengths tell? */
bool kh_lut_is_whole(const kh_item *item, bool big_endian);
/* The table of an item; *values, which out points to, is malloc'ed, NULL after an error. */
KH_MUST_USE kh_status kh_lookup_read(kh_lookup *out, uint16_t **values, const kh_item *item, bool is_signed, bool big_endian,
                                     kh_error *err);
/* A table of a Modality or VOI LUT item into *out, its values an offset in tail. */
KH_MUST_USE kh_status kh_draft_lookup(kh_lookup *out, size_t *at, kh_display_draft *draft, const kh_item *item, bool is_signed,
                                      kh_error *err);
KH_MUST_USE kh_status kh_draft_palette(kh_display_draft *draft, size_t *at, const kh_item *main, kh_error *err);
/* Overlay number index of draft->display gets bits at *at (0 bytes when they are in the pixels). */
KH_MUST_USE kh_status kh_draft_overlays(kh_display_draft *draft, size_t at[KH_OVERLAYS_MAX], const kh_item *main, kh_error *err);
bool kh_item_has_shutter(const kh_item *main, uint32_t frame_count);
KH_MUST_USE kh_status kh_draft_shutters(kh_display_draft *draft, const kh_item *main, kh_error *err);
/* All VOI LUTs, numbered as kh_voi_lut_list_read() does; one that cannot be read, or has no room, stays empty. */
KH_MUST_USE kh_status kh_draft_voi_luts(kh_display_draft *draft, const kh_item *main, kh_error *err);

#endif
