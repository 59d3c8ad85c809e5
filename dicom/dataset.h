/* dataset.h - a bounded reader of data sets and Part 10 files (PS3.5 7, PS3.10 7).
 * Every length and depth is checked against what is left of the source and against kh_dataset_limits before it is
 * believed. Values up to limits.value_bytes are held in memory; of longer ones and of pixel data only offset and length
 * are noted. A parsed data set is immutable. Threads: any may read one at once. Ownership: items, elements and texts
 * are borrowed from it.
 *
 * Tolerated, each with a line in kh_dataset_warnings(): no preamble, no meta information (the syntax is then guessed
 * from the first elements), a declared syntax that the first element plainly contradicts, a wrong group length, odd
 * lengths, an unknown VR, tags out of order, a missing or stray delimiter, zeros at the end, and behind the pixel data
 * bytes that are no element. Refused with the tag: a length past the end of its parent and a sequence that is not one,
 * KH_E_FORMAT; too deep, too many elements or too many bytes held, KH_E_LIMIT. A pixel data value that ends early is
 * not refused here: kh_frame_table_read() (frames.h) says which frames are whole. */
#ifndef KH_DICOM_DATASET_H
#define KH_DICOM_DATASET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"
#include "dicom/source.h"
#include "dicom/syntax.h"
#include "dicom/tag.h"

typedef struct kh_dataset kh_dataset; /* a whole parsed file or message */
typedef struct kh_item kh_item;       /* one level: the main data set or an item of a sequence */

typedef struct kh_dataset_limits {
    uint32_t depth;          /* nested sequences, 1 to 64 */
    uint32_t elements;       /* in all */
    uint32_t value_bytes;    /* longest value held in memory */
    uint64_t held_bytes;     /* of all values held and of the tree itself */
    uint64_t inflated_bytes; /* of a deflated data set */
} kh_dataset_limits;
/* 16 levels, 1,000,000 elements, 256 KiB, 64 MiB, 1 GiB. */
extern const kh_dataset_limits kh_dataset_limits_default;

typedef struct kh_element {
    kh_tag tag;
    kh_vr vr;              /* from the file, or from the dictionary when implicit; UN when unknown */
    bool undefined_length; /* a sequence or encapsulated pixel data with a delimiter */
    uint64_t offset;       /* of the value's first byte in the source (in the inflated bytes of a deflated syntax) */
    uint64_t length; /* bytes of the value without delimiter; of a truncated last value, what is there. Of the object's
                        own encapsulated pixel data, all that is left of the source: nothing behind it is read */
    const uint8_t
        *value; /* the bytes as stored, or NULL when not held or empty; pixel data is never held, at no level */
    uint32_t item_count;  /* of a sequence */
    const kh_item *items; /* of a sequence: see kh_element_item() */
} kh_element;

/* Parse a Part 10 file, or a bare data set that looks like one. The source must outlive nothing: it is not kept. */
KH_MUST_USE kh_status kh_dataset_read_file(kh_dataset **out, const kh_source *source, const kh_dataset_limits *limits,
                                           kh_error *err);
/* Parse a bare data set in a known syntax, as it comes over an association. */
KH_MUST_USE kh_status kh_dataset_read(kh_dataset **out, const kh_source *source, const char *transfer_syntax_uid,
                                      const kh_dataset_limits *limits, kh_error *err);
void kh_dataset_free(kh_dataset *dataset);

/* The main data set, and the file meta information (group 0002; empty when there was none). */
const kh_item *kh_dataset_main(const kh_dataset *dataset);
const kh_item *kh_dataset_meta(const kh_dataset *dataset);
/* As declared, or as guessed. Never NULL. */
const char *kh_dataset_transfer_syntax(const kh_dataset *dataset);
/* Of the first byte of the main data set in the source: what C-STORE sends begins here. */
uint64_t kh_dataset_main_offset(const kh_dataset *dataset);
/* What was tolerated, one line each, "" when nothing. */
const char *kh_dataset_warnings(const kh_dataset *dataset);
/* The inflated bytes of a deflated data set (offsets point into them), else NULL. */
const uint8_t *kh_dataset_inflated(const kh_dataset *dataset, size_t *size);

size_t kh_item_element_count(const kh_item *item);
/* In the order of the file. */
const kh_element *kh_item_element(const kh_item *item, size_t index);
/* NULL when absent. */
const kh_element *kh_item_find(const kh_item *item, kh_tag tag);
/* index < element->item_count. */
const kh_item *kh_element_item(const kh_element *element, uint32_t index);
/* The first item of the sequence tag, or NULL. */
const kh_item *kh_item_first(const kh_item *item, kh_tag tag);

/* Value number `index` (split at backslashes, outer spaces and NULs trimmed) as raw bytes; false when absent or empty.
 * For identifiers and codes; text for people goes through kh_item_text() (text.h). out_size in bytes, cut text is
 * false. */
bool kh_item_string(const kh_item *item, kh_tag tag, uint32_t index, char *out, size_t out_size);
/* Number of values; binary VRs by size, text by backslashes, items of a sequence; 0 when absent or empty. */
uint32_t kh_item_value_count(const kh_item *item, kh_tag tag);
/* DS, IS (and other text), US, SS, UL, SL, UV, SV, FL, FD, AT, in the data set's byte order: value number `index` as a
 * number; false when absent, empty or not a number. */
bool kh_item_double(const kh_item *item, kh_tag tag, uint32_t index, double *out);
bool kh_item_int(const kh_item *item, kh_tag tag, uint32_t index, int64_t *out);

#endif
