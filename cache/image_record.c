/* Layout, little endian: version, the fields of kh_image_info in order, its slices (what is as in the slice before is only a
 * flag), the frame table (offset and stride when it is regular), checksums, how frames are played, the view. Texts have a length byte,
 * counts are varints. */
#include "cache/image_record.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "cache/record_frames.h"

#define VERSION 5
#define VERSION_WITH_REGIONS 4
#define VERSION_WITH_VOI_LUTS 3
#define VERSION_WITHOUT_DISPLAY 1 /* is still read, as 2 to 4 are: what they do not tell is looked up in the object */

enum slice_flag {
    SLICE_POSITION = 1,
    SLICE_ORIENTATION = 2,
    SLICE_SAME_ORIENTATION = 4, /* as in the slice before */
    SLICE_SAME_REST = 8,        /* spacing, thickness, rescale, windows and VOI LUTs as in the slice before */
    SLICE_MONOCHROME = 16,
    SLICE_FLAGS_ALL = 31
};

enum info_flag {
    INFO_SIGNED = 1,
    INFO_FLOAT = 2,
    INFO_PLANAR = 4,
    INFO_PADDING = 8,
    INFO_LOSSY = 16,
    INFO_INVERSE = 32
};

static void put_format(kh_record_sink *s, const kh_pixel_format *format)
{
    kh_record_put_varint(s, format->rows);
    kh_record_put_varint(s, format->columns);
    kh_record_put_fixed(s, format->samples, 1);
    kh_record_put_fixed(s, format->bits_allocated, 1);
    kh_record_put_fixed(s, format->bits_stored, 1);
    kh_record_put_fixed(s, format->high_bit, 1);
    kh_record_put_fixed(s, format->photometric, 1);
}

static void put_slice_rest(kh_record_sink *s, const kh_slice_info *slice)
{
    const double values[] = {slice->row_spacing_mm, slice->column_spacing_mm, slice->thickness_mm, slice->rescale_slope,
                             slice->rescale_intercept};

    kh_record_put_fixed(s, slice->spacing_source, 1);
    kh_record_put_fixed(s, slice->voi_function, 1);
    kh_record_put_doubles(s, values, sizeof values / sizeof values[0]);
    kh_record_put_fixed(s, slice->window_count, 1);
    for (uint32_t i = 0; i < slice->window_count; i++) {
        kh_record_put_double(s, slice->windows[i].center);
        kh_record_put_double(s, slice->windows[i].width);
        kh_record_put_text(s, slice->windows[i].explanation);
    }
    kh_record_put_varint(s, slice->voi_lut_first);
    kh_record_put_fixed(s, slice->voi_lut_count, 1);
}

static bool same_double(double a, double b)
{
    return memcmp(&a, &b, sizeof a) == 0;
}

static bool same_rest(const kh_slice_info *a, const kh_slice_info *b)
{
    if (a->voi_lut_first != b->voi_lut_first || a->voi_lut_count != b->voi_lut_count || a->spacing_source != b->spacing_source ||
        a->voi_function != b->voi_function || a->window_count != b->window_count ||
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

static void put_slice(kh_record_sink *s, const kh_slice_info *slice, const kh_slice_info *before)
{
    bool same_orientation = before && before->has_orientation && slice->has_orientation &&
                            memcmp(before->orientation, slice->orientation, sizeof slice->orientation) == 0;
    bool same = before && same_rest(slice, before);

    kh_record_put_fixed(s,
              (slice->has_position ? SLICE_POSITION : 0) | (slice->has_orientation ? SLICE_ORIENTATION : 0) |
                  (same_orientation ? SLICE_SAME_ORIENTATION : 0) | (same ? SLICE_SAME_REST : 0) |
                  (slice->monochrome ? SLICE_MONOCHROME : 0),
              1);
    if (slice->has_position)
        kh_record_put_doubles(s, slice->position_mm, 3);
    if (slice->has_orientation && !same_orientation)
        kh_record_put_doubles(s, slice->orientation, 6);
    if (!same)
        put_slice_rest(s, slice);
}

static void put_version_3(kh_record_sink *s, const kh_image_info *info)
{
    kh_record_put_fixed(s, info->format.overlay_bits, 2);
    kh_record_put_text(s, info->lossy_method);
    kh_record_put_text(s, info->patient_orientation);
    kh_record_put_varint(s, info->voi_lut_count);
    for (uint32_t i = 0; i < info->voi_lut_count; i++) {
        kh_record_put_double(s, info->voi_luts[i].center);
        kh_record_put_double(s, info->voi_luts[i].width);
        kh_record_put_text(s, info->voi_luts[i].explanation);
    }
}

static void put_axis(kh_record_sink *s, const kh_us_axis *axis)
{
    const double values[] = {axis->delta, axis->reference, axis->value};

    kh_record_put_fixed(s, axis->unit, 1);
    if (axis->unit != 0)
        kh_record_put_doubles(s, values, 3);
}

static void put_regions(kh_record_sink *s, const kh_image_info *info)
{
    kh_record_put_fixed(s, info->us_region_count, 1);
    for (uint32_t i = 0; i < info->us_region_count; i++) {
        const kh_us_region *region = &info->us_regions[i];

        kh_record_put_varint(s, region->x0);
        kh_record_put_varint(s, region->y0);
        kh_record_put_varint(s, region->x1);
        kh_record_put_varint(s, region->y1);
        kh_record_put_fixed(s, region->low_priority, 1);
        put_axis(s, &region->x);
        put_axis(s, &region->y);
    }
}

static void put_cine(kh_record_sink *s, const kh_cine *cine)
{
    kh_record_put_fixed(s, cine->playback, 1);
    kh_record_put_varint(s, cine->trim_first);
    kh_record_put_varint(s, cine->trim_last);
    kh_record_put_varint(s, cine->frame_time_count);
    kh_record_put_doubles(s, cine->frame_times_ms, cine->frame_time_count);
}

static void put_info(kh_record_sink *s, const kh_image_info *info)
{
    put_format(s, &info->format);
    kh_record_put_fixed(s,
              (info->format.is_signed ? INFO_SIGNED : 0) | (info->format.is_float ? INFO_FLOAT : 0) |
                  (info->format.planar ? INFO_PLANAR : 0) | (info->has_padding ? INFO_PADDING : 0) |
                  (info->lossy_source ? INFO_LOSSY : 0) | (info->inverse ? INFO_INVERSE : 0),
              1);
    kh_record_put_fixed(s, info->display, 1);
    if (info->has_padding) {
        kh_record_put_fixed(s, (uint64_t)info->padding_low, 8);
        kh_record_put_fixed(s, (uint64_t)info->padding_high, 8);
    }
    kh_record_put_double(s, info->lossy_ratio);
    kh_record_put_double(s, info->pixel_aspect);
    kh_record_put_double(s, info->cine.frame_time_ms);
    kh_record_put_double(s, info->echo_time_ms);
    kh_record_put_double(s, info->repetition_time_ms);
    kh_record_put_fixed(s, (uint32_t)info->instance_number, 4);
    kh_record_put_fixed(s, (uint32_t)info->acquisition_number, 4);
    kh_record_put_text(s, info->modality);
    kh_record_put_text(s, info->rescale_type);
    kh_record_put_text(s, info->laterality);
    kh_record_put_text(s, info->image_type);
    kh_record_put_text(s, info->frame_of_reference_uid);
    put_version_3(s, info);
    put_regions(s, info);
    kh_record_put_varint(s, info->frame_count);
    kh_record_put_varint(s, info->slice_count);
    for (uint32_t i = 0; i < info->slice_count; i++)
        put_slice(s, &info->slices[i], i > 0 ? &info->slices[i - 1] : NULL);
}

kh_status kh_image_record_encode(kh_buf *out, const kh_image_record *record, kh_error *err)
{
    kh_record_sink s = {.buf = out, .err = err};

    kh_record_put_fixed(&s, VERSION, 1);
    put_info(&s, &record->info);
    kh_record_put_frames(&s, record);
    kh_record_put_fixed(&s, record->swap_bytes, 1);
    put_cine(&s, &record->info.cine);
    kh_record_put_text(&s, record->info.view_position);
    return s.status;
}

static void get_format(kh_record_cursor *c, kh_pixel_format *format)
{
    format->rows = kh_record_get_u32(c);
    format->columns = kh_record_get_u32(c);
    format->samples = kh_record_get_u8(c);
    format->bits_allocated = kh_record_get_u8(c);
    format->bits_stored = kh_record_get_u8(c);
    format->high_bit = kh_record_get_u8(c);
    format->photometric = (kh_photometric)kh_record_get_u8(c);
    c->bad = c->bad || format->photometric > KH_PHOTOMETRIC_OTHER;
}

static void get_voi_lut_place(kh_record_cursor *c, kh_slice_info *slice, const kh_image_info *info)
{
    uint32_t first = kh_record_get_u32(c), count = kh_record_get_u8(c);

    c->bad = c->bad || count > KH_VOI_LUTS_MAX || (count > 0 && (first >= info->voi_lut_count || count > info->voi_lut_count - first)) ||
             first > KH_VOI_LUTS_OBJECT_MAX;
    if (c->bad)
        return;
    slice->voi_lut_first = (uint16_t)first;
    slice->voi_lut_count = (uint16_t)count;
}

static void get_slice_rest(kh_record_cursor *c, kh_slice_info *slice, const kh_image_info *info, uint8_t version)
{
    double values[5];
    uint8_t source = kh_record_get_u8(c), function = kh_record_get_u8(c);

    kh_record_get_doubles(c, values, 5);
    slice->window_count = kh_record_get_u8(c);
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
        slice->windows[i].center = kh_record_get_double(c);
        slice->windows[i].width = kh_record_get_double(c);
        kh_record_get_text(c, slice->windows[i].explanation, sizeof slice->windows[i].explanation);
    }
    if (version >= VERSION_WITH_VOI_LUTS)
        get_voi_lut_place(c, slice, info);
    else if (info->display & KH_DISPLAY_VOI_LUT)
        slice->voi_lut_count = KH_VOI_LUTS_MAX; /* as many as the object turns out to have */
}

static void get_slice(kh_record_cursor *c, kh_slice_info *slice, const kh_slice_info *before, const kh_image_info *info, uint8_t version)
{
    uint8_t flags = kh_record_get_u8(c);

    if (((flags & (SLICE_SAME_ORIENTATION | SLICE_SAME_REST)) && !before) || flags > SLICE_FLAGS_ALL) {
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
        kh_record_get_doubles(c, slice->position_mm, 3);
    if (flags & SLICE_SAME_ORIENTATION)
        memcpy(slice->orientation, before->orientation, sizeof slice->orientation);
    else if (slice->has_orientation)
        kh_record_get_doubles(c, slice->orientation, 6);
    if (!(flags & SLICE_SAME_REST))
        get_slice_rest(c, slice, info, version);
    slice->monochrome = flags & SLICE_MONOCHROME;
}

static void get_slices(kh_record_cursor *c, kh_image_info *info, uint8_t version)
{
    info->frame_count = kh_record_get_u32(c);
    info->slice_count = kh_record_get_u32(c);
    if (info->frame_count < 1 || (info->slice_count != 1 && info->slice_count != info->frame_count))
        c->bad = true;
    info->slices = kh_record_get_array(c, info->slice_count, sizeof info->slices[0]);
    for (uint32_t i = 0; info->slices && i < info->slice_count && !c->bad; i++)
        get_slice(c, &info->slices[i], i > 0 ? &info->slices[i - 1] : NULL, info, version);
}

static void get_version_3(kh_record_cursor *c, kh_image_info *info)
{
    uint32_t count;

    info->format.overlay_bits = (uint16_t)kh_record_get_fixed(c, 2);
    kh_record_get_text(c, info->lossy_method, sizeof info->lossy_method);
    kh_record_get_text(c, info->patient_orientation, sizeof info->patient_orientation);
    count = kh_record_get_u32(c);
    c->bad = c->bad || count > KH_VOI_LUTS_OBJECT_MAX;
    if (c->bad || count == 0)
        return;
    info->voi_luts = kh_record_get_array(c, count, sizeof info->voi_luts[0]);
    info->voi_lut_count = info->voi_luts ? count : 0;
    for (uint32_t i = 0; i < info->voi_lut_count; i++) {
        info->voi_luts[i].center = kh_record_get_double(c);
        info->voi_luts[i].width = kh_record_get_double(c);
        kh_record_get_text(c, info->voi_luts[i].explanation, sizeof info->voi_luts[i].explanation);
    }
}

static void get_axis(kh_record_cursor *c, kh_us_axis *axis)
{
    double values[3] = {0, NAN, NAN};

    axis->unit = kh_record_get_u8(c);
    if (axis->unit != 0)
        kh_record_get_doubles(c, values, 3);
    axis->delta = values[0];
    axis->reference = values[1];
    axis->value = values[2];
    c->bad = c->bad || axis->unit > KH_US_UNIT_LAST || !isfinite(axis->delta);
}

static void get_regions(kh_record_cursor *c, kh_image_info *info)
{
    uint32_t count = kh_record_get_u8(c);

    c->bad = c->bad || count > KH_US_REGIONS_MAX;
    if (c->bad || count == 0)
        return;
    info->us_regions = kh_record_get_array(c, count, sizeof info->us_regions[0]);
    info->us_region_count = info->us_regions ? count : 0;
    for (uint32_t i = 0; i < info->us_region_count; i++) {
        kh_us_region *region = &info->us_regions[i];

        region->x0 = kh_record_get_u32(c);
        region->y0 = kh_record_get_u32(c);
        region->x1 = kh_record_get_u32(c);
        region->y1 = kh_record_get_u32(c);
        region->low_priority = kh_record_get_u8(c) != 0;
        get_axis(c, &region->x);
        get_axis(c, &region->y);
        c->bad = c->bad || region->x1 < region->x0 || region->y1 < region->y0;
    }
}

static void get_cine(kh_record_cursor *c, kh_cine *cine, uint32_t frame_count)
{
    uint8_t playback = kh_record_get_u8(c);
    uint32_t times;

    cine->trim_first = kh_record_get_u32(c);
    cine->trim_last = kh_record_get_u32(c);
    times = kh_record_get_u32(c);
    c->bad = c->bad || playback > KH_PLAYBACK_SWING || cine->trim_first > cine->trim_last || cine->trim_last > frame_count ||
             (cine->trim_first == 0) != (cine->trim_last == 0) || (times != 0 && times != frame_count) || times > KH_FRAME_TIMES_MAX;
    if (c->bad)
        return;
    cine->playback = (kh_playback)playback;
    if (times > 0)
        cine->frame_times_ms = kh_record_get_array(c, times, sizeof cine->frame_times_ms[0]);
    cine->frame_time_count = cine->frame_times_ms ? times : 0;
    kh_record_get_doubles(c, cine->frame_times_ms, cine->frame_time_count);
}

static void get_info(kh_record_cursor *c, kh_image_info *info, uint8_t version)
{
    uint8_t flags;

    get_format(c, &info->format);
    flags = kh_record_get_u8(c);
    info->format.is_signed = flags & INFO_SIGNED;
    info->format.is_float = flags & INFO_FLOAT;
    info->format.planar = flags & INFO_PLANAR;
    info->has_padding = flags & INFO_PADDING;
    info->lossy_source = flags & INFO_LOSSY;
    info->inverse = flags & INFO_INVERSE;
    info->display = version == VERSION_WITHOUT_DISPLAY ? KH_DISPLAY_ANY : kh_record_get_u8(c);
    c->bad = c->bad || info->display > KH_DISPLAY_ANY;
    if (info->has_padding) {
        info->padding_low = (int64_t)kh_record_get_fixed(c, 8);
        info->padding_high = (int64_t)kh_record_get_fixed(c, 8);
    }
    info->lossy_ratio = kh_record_get_double(c);
    info->pixel_aspect = kh_record_get_double(c);
    info->cine.frame_time_ms = kh_record_get_double(c);
    info->echo_time_ms = kh_record_get_double(c);
    info->repetition_time_ms = kh_record_get_double(c);
    info->instance_number = (int32_t)(uint32_t)kh_record_get_fixed(c, 4);
    info->acquisition_number = (int32_t)(uint32_t)kh_record_get_fixed(c, 4);
    kh_record_get_text(c, info->modality, sizeof info->modality);
    kh_record_get_text(c, info->rescale_type, sizeof info->rescale_type);
    kh_record_get_text(c, info->laterality, sizeof info->laterality);
    kh_record_get_text(c, info->image_type, sizeof info->image_type);
    kh_record_get_text(c, info->frame_of_reference_uid, sizeof info->frame_of_reference_uid);
    if (version >= VERSION_WITH_VOI_LUTS)
        get_version_3(c, info);
    if (version >= VERSION_WITH_REGIONS)
        get_regions(c, info);
    get_slices(c, info, version);
}

kh_status kh_image_record_decode(kh_image_record *out, const void *bytes, size_t size, kh_error *err)
{
    kh_record_cursor c = {.at = bytes, .end = (const uint8_t *)bytes + size};
    uint8_t version;

    memset(out, 0, sizeof *out);
    version = kh_record_get_u8(&c);
    if (!c.bad && (version < VERSION_WITHOUT_DISPLAY || version > VERSION))
        return kh_error_set(err, KH_E_UNSUPPORTED, "image record has version %u, expected %d to %d", (unsigned)version,
                            VERSION_WITHOUT_DISPLAY, VERSION);
    get_info(&c, &out->info, version);
    if (!c.bad)
        kh_record_get_frames(&c, out);
    out->swap_bytes = kh_record_get_u8(&c);
    if (version >= VERSION && !c.bad) {
        get_cine(&c, &out->info.cine, out->info.frame_count);
        kh_record_get_text(&c, out->info.view_position, sizeof out->info.view_position);
    }
    if (!c.bad && c.at == c.end)
        return KH_OK;
    kh_image_record_release(out);
    if (c.no_memory)
        return kh_error_set(err, KH_E_MEMORY, "no memory for an image record of %zu bytes", size);
    return kh_error_set(err, KH_E_CORRUPT, "image record of %zu bytes breaks off or holds what it may not", size);
}

bool kh_image_record_is_old(const void *bytes, size_t size)
{
    return size > 0 && *(const uint8_t *)bytes < VERSION;
}

void kh_image_record_release(kh_image_record *record)
{
    kh_image_info_release(&record->info);
    kh_frame_table_release(&record->frames);
    free(record->checksums);
    memset(record, 0, sizeof *record);
}

kh_status kh_image_record_format(kh_pixel_format *out, const void *bytes, size_t size, kh_error *err)
{
    kh_record_cursor c = {.at = bytes, .end = bytes ? (const uint8_t *)bytes + size : NULL};
    uint8_t version = kh_record_get_u8(&c);

    memset(out, 0, sizeof *out);
    if (!c.bad && (version < VERSION_WITHOUT_DISPLAY || version > VERSION))
        return kh_error_set(err, KH_E_UNSUPPORTED, "image record of version %u", version);
    get_format(&c, out);
    return c.bad ? kh_error_set(err, KH_E_CORRUPT, "image record of %zu bytes", size) : KH_OK;
}
