/* Layout, little endian: version, the fields of kh_image_info in order, its slices (what is as in the slice before is only a
 * flag), the frame table (offset and stride when it is regular), checksums. Texts have a length byte, counts are varints. */
#include "cache/image_record.h"

#include <stdlib.h>
#include <string.h>

#define VERSION 2
#define VERSION_WITHOUT_DISPLAY 1 /* is still read; what it does not tell is looked up in the object */

enum slice_flag {
    SLICE_POSITION = 1,
    SLICE_ORIENTATION = 2,
    SLICE_SAME_ORIENTATION = 4, /* as in the slice before */
    SLICE_SAME_REST = 8         /* spacing, thickness, rescale and windows as in the slice before */
};

enum info_flag {
    INFO_SIGNED = 1,
    INFO_FLOAT = 2,
    INFO_PLANAR = 4,
    INFO_PADDING = 8,
    INFO_LOSSY = 16,
    INFO_INVERSE = 32
};

enum table_kind { TABLE_NONE, TABLE_REGULAR, TABLE_EXTENTS };

/* Writing: the first failure sticks. */

typedef struct sink {
    kh_buf *buf;
    kh_status status;
    kh_error *err;
} sink;

static void put_bytes(sink *s, const void *bytes, size_t size)
{
    if (s->status == KH_OK)
        s->status = kh_buf_append(s->buf, bytes, size, s->err);
}

static void put_fixed(sink *s, uint64_t value, size_t size)
{
    uint8_t bytes[8];

    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(value >> 8 * i);
    put_bytes(s, bytes, size);
}

static void put_varint(sink *s, uint64_t value)
{
    uint8_t bytes[10];
    size_t size = 0;

    do {
        bytes[size++] = (uint8_t)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
        value >>= 7;
    } while (value);
    put_bytes(s, bytes, size);
}

static void put_double(sink *s, double value)
{
    uint64_t bits;

    memcpy(&bits, &value, sizeof bits);
    put_fixed(s, bits, 8);
}

static void put_doubles(sink *s, const double *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        put_double(s, values[i]);
}

static void put_text(sink *s, const char *text)
{
    size_t size = strlen(text); /* every text field is under 256 bytes */

    put_fixed(s, size, 1);
    put_bytes(s, text, size);
}

static void put_format(sink *s, const kh_pixel_format *format)
{
    put_varint(s, format->rows);
    put_varint(s, format->columns);
    put_fixed(s, format->samples, 1);
    put_fixed(s, format->bits_allocated, 1);
    put_fixed(s, format->bits_stored, 1);
    put_fixed(s, format->high_bit, 1);
    put_fixed(s, format->photometric, 1);
}

static void put_slice_rest(sink *s, const kh_slice_info *slice)
{
    const double values[] = {slice->row_spacing_mm, slice->column_spacing_mm, slice->thickness_mm, slice->rescale_slope,
                             slice->rescale_intercept};

    put_fixed(s, slice->spacing_source, 1);
    put_fixed(s, slice->voi_function, 1);
    put_doubles(s, values, sizeof values / sizeof values[0]);
    put_fixed(s, slice->window_count, 1);
    for (uint32_t i = 0; i < slice->window_count; i++) {
        put_double(s, slice->windows[i].center);
        put_double(s, slice->windows[i].width);
        put_text(s, slice->windows[i].explanation);
    }
}

static bool same_double(double a, double b)
{
    return memcmp(&a, &b, sizeof a) == 0;
}

static bool same_rest(const kh_slice_info *a, const kh_slice_info *b)
{
    if (a->spacing_source != b->spacing_source || a->voi_function != b->voi_function || a->window_count != b->window_count ||
        !same_double(a->row_spacing_mm, b->row_spacing_mm) || !same_double(a->column_spacing_mm, b->column_spacing_mm) ||
        !same_double(a->thickness_mm, b->thickness_mm) || !same_double(a->rescale_slope, b->rescale_slope) ||
        !same_double(a->rescale_intercept, b->rescale_intercept))
        return false;
    for (uint32_t i = 0; i < a->window_count; i++)
        if (!same_double(a->windows[i].center, b->windows[i].center) || !same_double(a->windows[i].width, b->windows[i].width) ||
            strcmp(a->windows[i].explanation, b->windows[i].explanation) != 0)
            return false;
    return true;
}

static void put_slice(sink *s, const kh_slice_info *slice, const kh_slice_info *before)
{
    bool same_orientation = before && before->has_orientation && slice->has_orientation &&
                            memcmp(before->orientation, slice->orientation, sizeof slice->orientation) == 0;
    bool same = before && same_rest(slice, before);

    put_fixed(s,
              (slice->has_position ? SLICE_POSITION : 0) | (slice->has_orientation ? SLICE_ORIENTATION : 0) |
                  (same_orientation ? SLICE_SAME_ORIENTATION : 0) | (same ? SLICE_SAME_REST : 0),
              1);
    if (slice->has_position)
        put_doubles(s, slice->position_mm, 3);
    if (slice->has_orientation && !same_orientation)
        put_doubles(s, slice->orientation, 6);
    if (!same)
        put_slice_rest(s, slice);
}

static void put_info(sink *s, const kh_image_info *info)
{
    put_format(s, &info->format);
    put_fixed(s,
              (info->format.is_signed ? INFO_SIGNED : 0) | (info->format.is_float ? INFO_FLOAT : 0) |
                  (info->format.planar ? INFO_PLANAR : 0) | (info->has_padding ? INFO_PADDING : 0) |
                  (info->lossy_source ? INFO_LOSSY : 0) | (info->inverse ? INFO_INVERSE : 0),
              1);
    put_fixed(s, info->display, 1);
    if (info->has_padding) {
        put_fixed(s, (uint64_t)info->padding_low, 8);
        put_fixed(s, (uint64_t)info->padding_high, 8);
    }
    put_double(s, info->lossy_ratio);
    put_double(s, info->pixel_aspect);
    put_double(s, info->frame_time_ms);
    put_double(s, info->echo_time_ms);
    put_double(s, info->repetition_time_ms);
    put_fixed(s, (uint32_t)info->instance_number, 4);
    put_fixed(s, (uint32_t)info->acquisition_number, 4);
    put_text(s, info->modality);
    put_text(s, info->rescale_type);
    put_text(s, info->laterality);
    put_text(s, info->image_type);
    put_text(s, info->frame_of_reference_uid);
    put_varint(s, info->frame_count);
    put_varint(s, info->slice_count);
    for (uint32_t i = 0; i < info->slice_count; i++)
        put_slice(s, &info->slices[i], i > 0 ? &info->slices[i - 1] : NULL);
}

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

static void put_table(sink *s, const kh_frame_table *table)
{
    uint64_t end = 0;

    if (table->frame_count == 0) {
        put_fixed(s, TABLE_NONE, 1);
    } else if (table_is_regular(table)) {
        put_fixed(s, TABLE_REGULAR, 1);
        put_varint(s, table->frame_count);
        put_varint(s, table->extents[0].offset);
        put_varint(s, table->extents[0].length);
        put_varint(s, table->frame_count > 1 ? table->extents[1].offset - table->extents[0].offset : 0);
    } else {
        put_fixed(s, TABLE_EXTENTS, 1);
        put_varint(s, table->frame_count);
        put_varint(s, table->extent_count);
        for (uint32_t i = 0; i < table->frame_count; i++)
            put_varint(s, table->first_extent[i + 1] - table->first_extent[i]);
        for (uint32_t i = 0; i < table->extent_count; i++) { /* offsets as differences, which may be negative: modulo 2^64 */
            put_varint(s, table->extents[i].offset - end);
            put_varint(s, table->extents[i].length);
            end = table->extents[i].offset + table->extents[i].length;
        }
    }
}

kh_status kh_image_record_encode(kh_buf *out, const kh_image_record *record, kh_error *err)
{
    sink s = {.buf = out, .err = err};

    put_fixed(&s, VERSION, 1);
    put_info(&s, &record->info);
    put_table(&s, &record->frames);
    for (uint32_t i = 0; i < record->frames.frame_count; i++)
        put_fixed(&s, record->checksums[i], 8);
    put_fixed(&s, record->swap_bytes, 1);
    return s.status;
}

/* Reading: `bad` sticks, and what is read then is 0. */

typedef struct cursor {
    const uint8_t *at, *end;
    bool bad, no_memory;
} cursor;

static const uint8_t *get_bytes(cursor *c, size_t size)
{
    const uint8_t *at = c->at;

    if (c->bad || size > (size_t)(c->end - c->at)) {
        c->bad = true;
        return NULL;
    }
    c->at += size;
    return at;
}

static uint64_t get_fixed(cursor *c, size_t size)
{
    const uint8_t *bytes = get_bytes(c, size);
    uint64_t value = 0;

    for (size_t i = 0; bytes && i < size; i++)
        value |= (uint64_t)bytes[i] << 8 * i;
    return value;
}

static uint8_t get_u8(cursor *c)
{
    return (uint8_t)get_fixed(c, 1);
}

static uint64_t get_varint(cursor *c)
{
    uint64_t value = 0;

    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint8_t byte = get_u8(c);

        value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return value;
    }
    c->bad = true;
    return 0;
}

static uint32_t get_u32(cursor *c)
{
    uint64_t value = get_varint(c);

    c->bad = c->bad || value > UINT32_MAX;
    return c->bad ? 0 : (uint32_t)value;
}

static double get_double(cursor *c)
{
    uint64_t bits = get_fixed(c, 8);
    double value;

    memcpy(&value, &bits, sizeof value);
    return value;
}

static void get_doubles(cursor *c, double *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        values[i] = get_double(c);
}

static void get_text(cursor *c, char *out, size_t out_size)
{
    size_t size = get_u8(c);
    const uint8_t *bytes = get_bytes(c, size);

    if (!bytes || size >= out_size || memchr(bytes, 0, size)) {
        c->bad = true;
        size = 0;
    } else {
        memcpy(out, bytes, size);
    }
    out[size] = '\0';
}

/* count items of item_size bytes each, of which each takes at least one byte of the blob. */
static void *get_array(cursor *c, uint64_t count, size_t item_size)
{
    void *items;

    if (c->bad || count > (uint64_t)(c->end - c->at)) {
        c->bad = true;
        return NULL;
    }
    items = calloc(count ? count : 1, item_size);
    c->bad = c->no_memory = !items;
    return items;
}

static void get_format(cursor *c, kh_pixel_format *format)
{
    format->rows = get_u32(c);
    format->columns = get_u32(c);
    format->samples = get_u8(c);
    format->bits_allocated = get_u8(c);
    format->bits_stored = get_u8(c);
    format->high_bit = get_u8(c);
    format->photometric = (kh_photometric)get_u8(c);
    c->bad = c->bad || format->photometric > KH_PHOTOMETRIC_OTHER;
}

static void get_slice_rest(cursor *c, kh_slice_info *slice)
{
    double values[5];
    uint8_t source = get_u8(c), function = get_u8(c);

    get_doubles(c, values, 5);
    slice->window_count = get_u8(c);
    c->bad = c->bad || source > KH_SPACING_DETECTOR || function > KH_VOI_SIGMOID || slice->window_count > KH_WINDOWS_MAX;
    if (c->bad)
        return;
    slice->spacing_source = (kh_spacing_source)source;
    slice->voi_function = (kh_voi_function)function;
    slice->row_spacing_mm = values[0];
    slice->column_spacing_mm = values[1];
    slice->thickness_mm = values[2];
    slice->rescale_slope = values[3];
    slice->rescale_intercept = values[4];
    for (uint32_t i = 0; i < slice->window_count; i++) {
        slice->windows[i].center = get_double(c);
        slice->windows[i].width = get_double(c);
        get_text(c, slice->windows[i].explanation, sizeof slice->windows[i].explanation);
    }
}

static void get_slice(cursor *c, kh_slice_info *slice, const kh_slice_info *before)
{
    uint8_t flags = get_u8(c);

    if (((flags & (SLICE_SAME_ORIENTATION | SLICE_SAME_REST)) && !before) || flags > 15) {
        c->bad = true;
        return;
    }
    if (flags & SLICE_SAME_REST)
        *slice = *before;
    slice->has_position = flags & SLICE_POSITION;
    slice->has_orientation = flags & SLICE_ORIENTATION;
    memset(slice->position_mm, 0, sizeof slice->position_mm);
    memset(slice->orientation, 0, sizeof slice->orientation);
    if (slice->has_position)
        get_doubles(c, slice->position_mm, 3);
    if (flags & SLICE_SAME_ORIENTATION)
        memcpy(slice->orientation, before->orientation, sizeof slice->orientation);
    else if (slice->has_orientation)
        get_doubles(c, slice->orientation, 6);
    if (!(flags & SLICE_SAME_REST))
        get_slice_rest(c, slice);
}

static void get_slices(cursor *c, kh_image_info *info)
{
    info->frame_count = get_u32(c);
    info->slice_count = get_u32(c);
    if (info->frame_count < 1 || (info->slice_count != 1 && info->slice_count != info->frame_count))
        c->bad = true;
    info->slices = get_array(c, info->slice_count, sizeof info->slices[0]);
    for (uint32_t i = 0; info->slices && i < info->slice_count && !c->bad; i++)
        get_slice(c, &info->slices[i], i > 0 ? &info->slices[i - 1] : NULL);
}

static void get_info(cursor *c, kh_image_info *info, uint8_t version)
{
    uint8_t flags;

    get_format(c, &info->format);
    flags = get_u8(c);
    info->format.is_signed = flags & INFO_SIGNED;
    info->format.is_float = flags & INFO_FLOAT;
    info->format.planar = flags & INFO_PLANAR;
    info->has_padding = flags & INFO_PADDING;
    info->lossy_source = flags & INFO_LOSSY;
    info->inverse = flags & INFO_INVERSE;
    info->display = version == VERSION_WITHOUT_DISPLAY ? KH_DISPLAY_ANY : get_u8(c);
    c->bad = c->bad || info->display > KH_DISPLAY_ANY;
    if (info->has_padding) {
        info->padding_low = (int64_t)get_fixed(c, 8);
        info->padding_high = (int64_t)get_fixed(c, 8);
    }
    info->lossy_ratio = get_double(c);
    info->pixel_aspect = get_double(c);
    info->frame_time_ms = get_double(c);
    info->echo_time_ms = get_double(c);
    info->repetition_time_ms = get_double(c);
    info->instance_number = (int32_t)(uint32_t)get_fixed(c, 4);
    info->acquisition_number = (int32_t)(uint32_t)get_fixed(c, 4);
    get_text(c, info->modality, sizeof info->modality);
    get_text(c, info->rescale_type, sizeof info->rescale_type);
    get_text(c, info->laterality, sizeof info->laterality);
    get_text(c, info->image_type, sizeof info->image_type);
    get_text(c, info->frame_of_reference_uid, sizeof info->frame_of_reference_uid);
    get_slices(c, info);
}

static void get_regular_table(cursor *c, kh_frame_table *table)
{
    uint64_t offset, length, stride;

    table->frame_count = table->extent_count = get_u32(c);
    offset = get_varint(c);
    length = get_varint(c);
    stride = get_varint(c);
    table->first_extent = get_array(c, (uint64_t)table->frame_count + 1, sizeof table->first_extent[0]);
    table->extents = get_array(c, table->frame_count, sizeof table->extents[0]);
    if (c->bad)
        return;
    for (uint32_t i = 0; i < table->frame_count; i++) {
        table->first_extent[i + 1] = i + 1;
        table->extents[i] = (kh_extent){.offset = offset + stride * i, .length = length};
    }
}

static void get_extent_table(cursor *c, kh_frame_table *table)
{
    uint64_t end = 0;

    table->frame_count = get_u32(c);
    table->extent_count = get_u32(c);
    table->first_extent = get_array(c, (uint64_t)table->frame_count + 1, sizeof table->first_extent[0]);
    table->extents = get_array(c, table->extent_count, sizeof table->extents[0]);
    for (uint32_t i = 0; i < table->frame_count && !c->bad; i++) {
        uint64_t next = table->first_extent[i] + get_varint(c);

        c->bad = c->bad || next > table->extent_count;
        table->first_extent[i + 1] = (uint32_t)next;
    }
    c->bad = c->bad || table->first_extent[table->frame_count] != table->extent_count;
    for (uint32_t i = 0; i < table->extent_count && !c->bad; i++) {
        table->extents[i].offset = end + get_varint(c);
        table->extents[i].length = get_varint(c);
        end = table->extents[i].offset + table->extents[i].length;
    }
}

static void get_table(cursor *c, kh_image_record *record)
{
    switch (get_u8(c)) {
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
    record->checksums = get_array(c, record->frames.frame_count, sizeof record->checksums[0]);
    for (uint32_t i = 0; i < record->frames.frame_count && !c->bad; i++)
        record->checksums[i] = get_fixed(c, 8);
}

kh_status kh_image_record_decode(kh_image_record *out, const void *bytes, size_t size, kh_error *err)
{
    cursor c = {.at = bytes, .end = (const uint8_t *)bytes + size};
    uint8_t version;

    memset(out, 0, sizeof *out);
    version = get_u8(&c);
    if (!c.bad && version != VERSION && version != VERSION_WITHOUT_DISPLAY)
        return kh_error_set(err, KH_E_UNSUPPORTED, "image record has version %u, expected %d or %d", (unsigned)version,
                            VERSION_WITHOUT_DISPLAY, VERSION);
    get_info(&c, &out->info, version);
    if (!c.bad)
        get_table(&c, out);
    out->swap_bytes = get_u8(&c);
    if (!c.bad && c.at == c.end)
        return KH_OK;
    kh_image_record_release(out);
    if (c.no_memory)
        return kh_error_set(err, KH_E_MEMORY, "no memory for an image record of %zu bytes", size);
    return kh_error_set(err, KH_E_CORRUPT, "image record of %zu bytes breaks off or holds what it may not", size);
}

void kh_image_record_release(kh_image_record *record)
{
    kh_image_info_release(&record->info);
    kh_frame_table_release(&record->frames);
    free(record->checksums);
    memset(record, 0, sizeof *record);
}
