/* frames.c - the frame table of native and of encapsulated pixel data. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "dicom/element_header.h"
#include "dicom/fragments.h"
#include "dicom/frames.h"

#define PIXEL_TEXT "PixelData (7FE0,0010): "

void kh_frame_table_release(kh_frame_table *table)
{
    free(table->first_extent);
    free(table->extents);
    *table = (kh_frame_table){0};
}

uint64_t kh_frame_table_bytes(const kh_frame_table *table, uint32_t frame)
{
    uint64_t bytes = 0;

    for (uint32_t i = table->first_extent[frame]; i < table->first_extent[frame + 1]; i++)
        bytes += table->extents[i].length;
    return bytes;
}

static kh_status create(kh_frame_table *table, uint32_t frame_count, uint32_t extent_count, kh_error *err)
{
    table->first_extent = calloc((size_t)frame_count + 1, sizeof(table->first_extent[0]));
    table->extents = calloc((size_t)extent_count + 1, sizeof(table->extents[0]));
    if (!table->first_extent || !table->extents)
        return kh_error_set(err, KH_E_MEMORY, "no memory for a table of %" PRIu32 " frames", frame_count);
    table->frame_count = frame_count;
    table->extent_count = extent_count;
    return KH_OK;
}

/* Frame i begins at bit i * bits of the value: one-bit frames need not begin at a byte (PS3.5 8.1.1). */
static kh_status read_native(kh_frame_table *table, const kh_element *pixels, const kh_image_info *info, kh_error *err)
{
    size_t frame_bytes;
    uint64_t frame_bits;
    kh_status status;

    if (!kh_pixel_format_frame_bytes(&info->format, &frame_bytes))
        return kh_error_set(err, KH_E_LIMIT, PIXEL_TEXT "a frame of %" PRIu32 " x %" PRIu32 " is too large",
                            info->format.rows, info->format.columns);
    frame_bits = info->format.bits_allocated == 1
                     ? (uint64_t)info->format.rows * info->format.columns * info->format.samples
                     : (uint64_t)frame_bytes * 8;
    status = create(table, info->frame_count, info->frame_count, err);
    if (status != KH_OK)
        return status;
    for (uint32_t i = 0; i < info->frame_count; i++) { /* under 2^20 frames of under 2^42 bits each */
        uint64_t begin = frame_bits * i / 8, end = (frame_bits * (i + 1) + 7) / 8;
        table->first_extent[i + 1] = i + 1;
        if (end <= pixels->length)
            table->extents[i] = (kh_extent){.offset = pixels->offset + begin, .length = end - begin};
    }
    return KH_OK;
}

/* Group fragments into frames: starts[f] is the index of frame f's first fragment. */
static kh_status fill(kh_frame_table *table, const kh_fragments *fragments, const uint32_t *starts,
                      uint32_t frame_count, kh_error *err)
{
    kh_status status = create(table, frame_count, fragments->count, err);

    if (status != KH_OK)
        return status;
    for (uint32_t i = 0; i < fragments->count; i++)
        table->extents[i] = fragments->extents[i];
    for (uint32_t i = 0; i < frame_count; i++)
        table->first_extent[i] = starts[i];
    table->first_extent[frame_count] = fragments->count;
    /* A cut fragment, which can only be the last, spoils its frame. */
    for (uint32_t i = starts[frame_count - 1]; fragments->last_is_cut && i < fragments->count; i++)
        table->extents[i].length = 0;
    return KH_OK;
}

/* One fragment a frame, as far as they go; the file is cut behind them. */
static kh_status fill_cut(kh_frame_table *table, const kh_fragments *fragments, uint32_t frame_count, kh_error *err)
{
    uint32_t whole = fragments->last_is_cut ? fragments->count - 1 : fragments->count;
    kh_status status = create(table, frame_count, frame_count, err);

    if (status != KH_OK)
        return status;
    for (uint32_t i = 0; i < frame_count; i++) {
        table->first_extent[i + 1] = i + 1;
        if (i < whole)
            table->extents[i] = fragments->extents[i];
    }
    return KH_OK;
}

static kh_status read_fragments(kh_frame_table *table, const kh_fragments *fragments, const kh_dataset *dataset,
                                const kh_image_info *info, const kh_source *source, kh_error *err)
{
    uint32_t frame_count = info->frame_count;
    uint32_t *starts = calloc(frame_count, sizeof(*starts));
    kh_status status;

    if (!starts)
        return kh_error_set(err, KH_E_MEMORY, "no memory for a table of %" PRIu32 " frames", frame_count);
    if (fragments->count < frame_count && (fragments->ended || fragments->count == 0) && !fragments->last_is_cut)
        status = kh_error_set(err, KH_E_FORMAT,
                              PIXEL_TEXT "%" PRIu32 " fragments, expected at least %" PRIu32 " (NumberOfFrames)",
                              fragments->count, frame_count);
    else if (fragments->count < frame_count)
        status = fill_cut(table, fragments, frame_count, err);
    else {
        status = kh_fragments_group(starts, frame_count, fragments, dataset, source, err);
        if (status == KH_OK)
            status = fill(table, fragments, starts, frame_count, err);
    }
    free(starts);
    return status;
}

static kh_status read_encapsulated(kh_frame_table *table, const kh_dataset *dataset, const kh_element *pixels,
                                   const kh_image_info *info, const kh_source *source, bool big_endian, kh_error *err)
{
    kh_fragments fragments = {0};
    kh_status status = kh_fragments_read(&fragments, pixels, source, big_endian, err);

    if (status == KH_OK)
        status = read_fragments(table, &fragments, dataset, info, source, err);
    kh_fragments_release(&fragments);
    return status;
}

static kh_status read_table(kh_frame_table *table, const kh_dataset *dataset, const kh_element *pixels,
                            const kh_image_info *info, const kh_source *source, kh_error *err)
{
    const kh_transfer_syntax *syntax = kh_transfer_syntax_find(kh_dataset_transfer_syntax(dataset));
    kh_source inflated;

    if (dataset->inflated) {
        kh_source_init_memory(&inflated, dataset->inflated, dataset->inflated_size);
        source = &inflated;
    }
    if (syntax && syntax->codec == KH_CODEC_VIDEO)
        return kh_error_set(err, KH_E_UNSUPPORTED, PIXEL_TEXT "%s has no frames of its own", syntax->name);
    if (pixels->undefined_length)
        return read_encapsulated(table, dataset, pixels, info, source, dataset->main.big_endian, err);
    if (syntax && syntax->codec != KH_CODEC_NATIVE)
        return kh_error_set(err, KH_E_FORMAT, PIXEL_TEXT "length %" PRIu64 ", expected undefined with %s",
                            pixels->length, syntax->name);
    return read_native(table, pixels, info, err);
}

kh_status kh_frame_table_read(kh_frame_table *out, const kh_dataset *dataset, const kh_image_info *info,
                              const kh_source *source, kh_error *err)
{
    static const kh_tag tags[] = {KH_TAG_PIXEL_DATA, KH_TAG_FLOAT_PIXEL_DATA, KH_TAG_DOUBLE_FLOAT_PIXEL_DATA};
    const kh_element *pixels = NULL;
    kh_frame_table table = {0};
    kh_status status;

    *out = table;
    for (size_t i = 0; !pixels && i < sizeof(tags) / sizeof(tags[0]); i++)
        pixels = kh_item_find(kh_dataset_main(dataset), tags[i]);
    if (!pixels)
        return kh_error_set(err, KH_E_NOT_FOUND, "no PixelData (7FE0,0010)");
    status = read_table(&table, dataset, pixels, info, source, err);
    if (status == KH_OK)
        *out = table;
    else
        kh_frame_table_release(&table);
    return status;
}
