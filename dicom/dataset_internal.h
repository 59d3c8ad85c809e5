/* dataset_internal.h - the inside of a parsed data set, shared by the files that build it and read it. */
#ifndef KH_DICOM_DATASET_INTERNAL_H
#define KH_DICOM_DATASET_INTERNAL_H

#include "base/buf.h"
#include "dicom/arena.h"
#include "dicom/dataset.h"
#include "dicom/block_reader.h"

struct kh_item {
    const kh_element *elements; /* in the arena */
    const char *charset;        /* in force here; never NULL */
    uint32_t element_count;
    bool sorted;     /* tags ascend: binary search will do */
    bool big_endian; /* of the values */
};

struct kh_dataset {
    kh_arena arena; /* elements, items, held values */
    kh_item main, meta;
    char transfer_syntax[KH_UID_SIZE];
    uint64_t main_offset;
    uint8_t *inflated; /* owned */
    size_t inflated_size;
    kh_buf warnings;
};

/* A line for kh_dataset_warnings(); dropped when there are too many. */
void kh_dataset_warn(kh_dataset *dataset, const char *format, ...) KH_PRINTF(2, 3);

typedef struct kh_parse_options {
    uint64_t begin, end; /* of the elements in the source */
    bool explicit_vr, big_endian;
    bool meta_only; /* stop before the first element that is not of group 0002 */
    kh_dataset_limits limits;
} kh_parse_options;

/* Parse elements into *item; *stopped_at is the offset behind the last one taken. */
KH_MUST_USE kh_status kh_parse_elements(kh_item *item, uint64_t *stopped_at, kh_dataset *dataset,
                                        kh_block_reader *reader, const kh_parse_options *options, kh_error *err);

/* Inflate what is left of the source from offset (PS3.5 A.5); kh_inflated_free() in the end. KH_E_LIMIT past max_bytes, and past 32 MiB
 * when it is more than 400 times as large as what it is packed into; KH_E_BUSY while 1 GiB of others is held in this process. Threads:
 * any. */
KH_MUST_USE kh_status kh_inflate_source(uint8_t **out, size_t *size, const kh_source *source, uint64_t offset,
                                        uint64_t max_bytes, kh_error *err);
void kh_inflated_free(uint8_t *inflated, size_t size);

static inline uint16_t kh_load_u16(const uint8_t *bytes, bool big_endian)
{
    unsigned high = bytes[big_endian ? 0 : 1], low = bytes[big_endian ? 1 : 0];

    return (uint16_t)((high << 8 | low) & 0xffff);
}

static inline uint32_t kh_load_u32(const uint8_t *bytes, bool big_endian)
{
    uint32_t first = kh_load_u16(bytes, big_endian), second = kh_load_u16(bytes + 2, big_endian);

    return big_endian ? first << 16 | second : second << 16 | first;
}

static inline uint64_t kh_load_u64(const uint8_t *bytes, bool big_endian)
{
    uint64_t first = kh_load_u32(bytes, big_endian), second = kh_load_u32(bytes + 4, big_endian);

    return big_endian ? first << 32 | second : second << 32 | first;
}

#endif
