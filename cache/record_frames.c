#include "cache/record_frames.h"

enum table_kind { TABLE_NONE, TABLE_REGULAR, TABLE_EXTENTS };

/* Native frames follow each other: one extent each, equally long and far apart. */
static bool table_is_regular(const kh_frame_table *table)
{
    uint64_t stride = table->frame_count > 1 ? table->extents[1].offset - table->extents[0].offset : 0;

    if (table->extent_count != table->frame_count)
        return false;
    for (uint32_t i = 0; i < table->frame_count; i++)
        if (table->first_extent[i] != i || table->extents[i].length != table->extents[0].length ||
            table->extents[i].offset != table->extents[0].offset + stride * i)
            return false;
    return true;
}

static void put_table(kh_record_sink *s, const kh_frame_table *table)
{
    uint64_t end = 0;

    if (table->frame_count == 0) {
        kh_record_put_fixed(s, TABLE_NONE, 1);
    } else if (table_is_regular(table)) {
        kh_record_put_fixed(s, TABLE_REGULAR, 1);
        kh_record_put_varint(s, table->frame_count);
        kh_record_put_varint(s, table->extents[0].offset);
        kh_record_put_varint(s, table->extents[0].length);
        kh_record_put_varint(s, table->frame_count > 1 ? table->extents[1].offset - table->extents[0].offset : 0);
    } else {
        kh_record_put_fixed(s, TABLE_EXTENTS, 1);
        kh_record_put_varint(s, table->frame_count);
        kh_record_put_varint(s, table->extent_count);
        for (uint32_t i = 0; i < table->frame_count; i++)
            kh_record_put_varint(s, table->first_extent[i + 1] - table->first_extent[i]);
        for (uint32_t i = 0; i < table->extent_count; i++) { /* offsets as differences, which may be negative: modulo 2^64 */
            kh_record_put_varint(s, table->extents[i].offset - end);
            kh_record_put_varint(s, table->extents[i].length);
            end = table->extents[i].offset + table->extents[i].length;
        }
    }
}

void kh_record_put_frames(kh_record_sink *s, const kh_image_record *record)
{
    put_table(s, &record->frames);
    for (uint32_t i = 0; i < record->frames.frame_count; i++)
        kh_record_put_fixed(s, record->checksums[i], 8);
}

static void get_regular_table(kh_record_cursor *c, kh_frame_table *table)
{
    uint64_t offset, length, stride;

    table->frame_count = table->extent_count = kh_record_get_u32(c);
    offset = kh_record_get_varint(c);
    length = kh_record_get_varint(c);
    stride = kh_record_get_varint(c);
    table->first_extent = kh_record_get_array(c, (uint64_t)table->frame_count + 1, sizeof table->first_extent[0]);
    table->extents = kh_record_get_array(c, table->frame_count, sizeof table->extents[0]);
    if (c->bad)
        return;
    for (uint32_t i = 0; i < table->frame_count; i++) {
        table->first_extent[i + 1] = i + 1;
        table->extents[i] = (kh_extent){.offset = offset + stride * i, .length = length};
    }
}

static void get_extent_table(kh_record_cursor *c, kh_frame_table *table)
{
    uint64_t end = 0;

    table->frame_count = kh_record_get_u32(c);
    table->extent_count = kh_record_get_u32(c);
    table->first_extent = kh_record_get_array(c, (uint64_t)table->frame_count + 1, sizeof table->first_extent[0]);
    table->extents = kh_record_get_array(c, table->extent_count, sizeof table->extents[0]);
    for (uint32_t i = 0; i < table->frame_count && !c->bad; i++) {
        uint64_t next = table->first_extent[i] + kh_record_get_varint(c);

        c->bad = c->bad || next > table->extent_count;
        table->first_extent[i + 1] = (uint32_t)next;
    }
    c->bad = c->bad || table->first_extent[table->frame_count] != table->extent_count;
    for (uint32_t i = 0; i < table->extent_count && !c->bad; i++) {
        table->extents[i].offset = end + kh_record_get_varint(c);
        table->extents[i].length = kh_record_get_varint(c);
        end = table->extents[i].offset + table->extents[i].length;
    }
}

void kh_record_get_frames(kh_record_cursor *c, kh_image_record *record)
{
    switch (kh_record_get_u8(c)) {
    case TABLE_NONE:
        return;
    case TABLE_REGULAR:
        get_regular_table(c, &record->frames);
        break;
    case TABLE_EXTENTS:
        get_extent_table(c, &record->frames);
        break;
    default:
        c->bad = true;
    }
    c->bad = c->bad || record->frames.frame_count != record->info.frame_count;
    record->checksums = kh_record_get_array(c, record->frames.frame_count, sizeof record->checksums[0]);
    for (uint32_t i = 0; i < record->frames.frame_count && !c->bad; i++)
        record->checksums[i] = kh_record_get_fixed(c, 8);
}
