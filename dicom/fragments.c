/* fragments.c - walking the items of encapsulated pixel data. The walk is what is believed; offset tables only say
 * which fragments belong together, and only when every entry meets a fragment. */
#include "dicom/fragments.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "dicom/element_header.h"

#define PIXEL_TEXT "PixelData (7FE0,0010): "
#define FRAGMENTS_MAX 1000000
#define TABLE_BLOCK 512 /* entries read at once */

static kh_status append(kh_fragments *fragments, uint32_t *capacity, kh_extent extent, kh_error *err)
{
    if (fragments->count == *capacity) {
        uint32_t more = *capacity ? *capacity * 2 : 16;
        kh_extent *extents = realloc(fragments->extents, more * sizeof(extents[0]));
        if (!extents)
            return kh_error_set(err, KH_E_MEMORY, "no memory for %" PRIu32 " fragments", more);
        fragments->extents = extents;
        *capacity = more;
    }
    fragments->extents[fragments->count++] = extent;
    return KH_OK;
}

/* The item at offset. *cut when the source ends before the item does. */
static kh_status read_item(kh_tag *tag, uint32_t *length, bool *cut, const kh_source *source, uint64_t offset,
                           bool big_endian, kh_error *err)
{
    uint8_t bytes[8];
    kh_status status;

    *cut = source->size - offset < sizeof(bytes);
    if (*cut)
        return KH_OK;
    status = source->read_at(source, offset, bytes, sizeof(bytes), err);
    if (status != KH_OK)
        return status;
    *tag = KH_TAG(kh_load_u16(bytes, big_endian), kh_load_u16(bytes + 2, big_endian));
    *length = kh_load_u32(bytes + 4, big_endian);
    if (*tag == KH_TAG_SEQUENCE_DELIMITATION)
        return KH_OK;
    if (*tag != KH_TAG_ITEM || *length == KH_LENGTH_UNDEFINED)
        return kh_error_set(err, KH_E_FORMAT, PIXEL_TEXT "got (%04X,%04X) at byte %" PRIu64 ", expected a fragment",
                            KH_TAG_ARGS(*tag), offset);
    *cut = *length > source->size - offset - sizeof(bytes);
    return KH_OK;
}

static kh_status walk(kh_fragments *fragments, uint64_t offset, const kh_source *source, bool big_endian, kh_error *err)
{
    uint32_t capacity = 0, length = 0;
    bool first = true, cut = false;
    kh_tag tag = 0;

    for (;; first = false) {
        kh_status status = read_item(&tag, &length, &cut, source, offset, big_endian, err);
        if (status != KH_OK)
            return status;
        fragments->ended = !cut && tag == KH_TAG_SEQUENCE_DELIMITATION;
        if (fragments->ended || (cut && source->size - offset < 8))
            return KH_OK;
        if (fragments->count == FRAGMENTS_MAX)
            return kh_error_set(err, KH_E_LIMIT, PIXEL_TEXT "more than %d fragments", FRAGMENTS_MAX);
        offset += 8;
        if (first) {
            fragments->table_offset = offset;
            fragments->table_bytes = cut ? 0 : length;
        } else {
            status = append(fragments, &capacity,
                            (kh_extent){.offset = offset, .length = cut ? source->size - offset : length}, err);
            if (status != KH_OK)
                return status;
            fragments->last_is_cut = cut;
        }
        if (cut)
            return KH_OK;
        offset += length;
        if (first)
            fragments->base = offset;
    }
}

kh_status kh_fragments_read(kh_fragments *out, const kh_element *pixels, const kh_source *source, bool big_endian,
                            kh_error *err)
{
    if (pixels->offset > source->size)
        return kh_error_set(err, KH_E_FORMAT, PIXEL_TEXT "begins at byte %" PRIu64 ", the data end at %" PRIu64,
                            pixels->offset, source->size);
    return walk(out, pixels->offset, source, big_endian, err);
}

void kh_fragments_release(kh_fragments *fragments)
{
    free(fragments->extents);
    *fragments = (kh_fragments){0};
}

/* The entries of an offset table name the item tags of the frames' first fragments, ascending from 0. */
typedef struct offset_table {
    const kh_source *source;
    uint64_t offset;
    unsigned entry_bytes; /* 4: basic, 8: extended */
    bool big_endian;
} offset_table;

static bool match_table(uint32_t *starts, uint32_t frame_count, const kh_fragments *fragments,
                        const offset_table *table)
{
    uint8_t block[TABLE_BLOCK * 8];
    uint32_t fragment = 0;

    for (uint32_t i = 0; i < frame_count; i++) {
        uint32_t in_block = i % TABLE_BLOCK, count = frame_count - i < TABLE_BLOCK ? frame_count - i : TABLE_BLOCK;
        uint64_t entry;
        if (in_block == 0 && table->source->read_at(table->source, table->offset + (uint64_t)i * table->entry_bytes,
                                                    block, (size_t)count * table->entry_bytes, NULL) != KH_OK)
            return false;
        entry = table->entry_bytes == 4 ? kh_load_u32(block + (size_t)in_block * 4, table->big_endian)
                                        : kh_load_u64(block + (size_t)in_block * 8, table->big_endian);
        while (fragment < fragments->count && fragments->extents[fragment].offset - 8 - fragments->base < entry)
            fragment++;
        if (fragment == fragments->count || fragments->extents[fragment].offset - 8 - fragments->base != entry ||
            (i == 0 && fragment != 0))
            return false;
        starts[i] = fragment++;
    }
    return true;
}

static bool by_extended_table(uint32_t *starts, uint32_t frame_count, const kh_fragments *fragments,
                              const kh_dataset *dataset, const kh_source *source)
{
    const kh_element *element = kh_item_find(kh_dataset_main(dataset), KH_TAG_EXTENDED_OFFSET_TABLE);
    offset_table table = {.source = source, .entry_bytes = 8, .big_endian = dataset->main.big_endian};

    if (!element || element->length != (uint64_t)frame_count * 8)
        return false;
    table.offset = element->offset;
    return match_table(starts, frame_count, fragments, &table);
}

static bool by_basic_table(uint32_t *starts, uint32_t frame_count, const kh_fragments *fragments,
                           const kh_dataset *dataset, const kh_source *source)
{
    offset_table table = {
        .source = source,
        .offset = fragments->table_offset,
        .entry_bytes = 4,
        .big_endian = dataset->main.big_endian,
    };

    return fragments->table_bytes == (uint64_t)frame_count * 4 && match_table(starts, frame_count, fragments, &table);
}

/* SOI of JPEG and JPEG-LS, SOC and SIZ of JPEG 2000. */
static bool begins_codestream(const kh_source *source, const kh_extent *fragment)
{
    uint8_t bytes[4];

    if (fragment->length < sizeof(bytes) ||
        source->read_at(source, fragment->offset, bytes, sizeof(bytes), NULL) != KH_OK)
        return false;
    return (bytes[0] == 0xff && bytes[1] == 0xd8 && bytes[2] == 0xff) ||
           (bytes[0] == 0xff && bytes[1] == 0x4f && bytes[2] == 0xff && bytes[3] == 0x51);
}

static bool by_codestream(uint32_t *starts, uint32_t frame_count, const kh_fragments *fragments,
                          const kh_source *source)
{
    uint32_t found = 0;

    for (uint32_t i = 0; i < fragments->count; i++) {
        if (!begins_codestream(source, &fragments->extents[i]))
            continue;
        if (found == frame_count || (found == 0 && i != 0))
            return false;
        starts[found++] = i;
    }
    return found == frame_count;
}

kh_status kh_fragments_group(uint32_t *starts, uint32_t frame_count, const kh_fragments *fragments,
                             const kh_dataset *dataset, const kh_source *source, kh_error *err)
{
    if (frame_count == fragments->count) {
        for (uint32_t i = 0; i < frame_count; i++)
            starts[i] = i;
        return KH_OK;
    }
    if (frame_count == 1) {
        starts[0] = 0;
        return KH_OK;
    }
    if (by_extended_table(starts, frame_count, fragments, dataset, source) ||
        by_basic_table(starts, frame_count, fragments, dataset, source) ||
        by_codestream(starts, frame_count, fragments, source))
        return KH_OK;
    return kh_error_set(err, KH_E_FORMAT,
                        PIXEL_TEXT "%" PRIu32 " fragments for %" PRIu32 " frames, and no offset table that fits them",
                        fragments->count, frame_count);
}
