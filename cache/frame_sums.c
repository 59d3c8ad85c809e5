#include "cache/frame_sums.h"

#include <stdlib.h>
#include "store/digest.h"

#define READ_BLOCK 262144

/* Where frames are read from: the object, or the inflated bytes of a deflated data set. */
typedef struct frame_source {
    const kh_source *source;
    const uint8_t *memory; /* of all, size bytes; NULL: the source is a file */
    uint64_t size;
    uint8_t *block;        /* of the file */
    kh_xxh3 *sum;
} frame_source;

static kh_status sum_extent(const frame_source *from, const kh_extent *extent, kh_error *err)
{
    if (from->memory) {
        kh_xxh3_add(from->sum, from->memory + extent->offset, (size_t)extent->length);
        return KH_OK;
    }
    for (uint64_t done = 0; done < extent->length;) {
        size_t count = extent->length - done < READ_BLOCK ? (size_t)(extent->length - done) : READ_BLOCK;
        kh_status status = from->source->read_at(from->source, extent->offset + done, from->block, count, err);

        if (status != KH_OK)
            return status;
        kh_xxh3_add(from->sum, from->block, count);
        done += count;
    }
    return KH_OK;
}

/* Frames do not overlap but for the shared bytes of one-bit frames: a table that reads the file many times over is refused. */
static kh_status check_extents(const kh_frame_table *table, uint64_t size, kh_error *err)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < table->extent_count; i++) {
        const kh_extent *extent = &table->extents[i];

        if (extent->length > size || extent->offset > size - extent->length)
            return kh_error_set(err, KH_E_FORMAT, "PixelData (7FE0,0010): a frame ends past the file's %llu bytes",
                                (unsigned long long)size);
        sum += extent->length;
        if (sum > 2 * size)
            return kh_error_set(err, KH_E_FORMAT, "PixelData (7FE0,0010): frames overlap");
    }
    return KH_OK;
}

static kh_status sum_frame(uint64_t *out, const frame_source *from, const kh_frame_table *table, uint32_t frame, kh_error *err)
{
    kh_status status = KH_OK;

    kh_xxh3_reset(from->sum);
    for (uint32_t i = table->first_extent[frame]; i < table->first_extent[frame + 1] && status == KH_OK; i++)
        status = sum_extent(from, &table->extents[i], err);
    *out = kh_xxh3_value(from->sum);
    return status;
}

kh_status kh_frame_sums(uint64_t **out, const kh_frame_table *table, const kh_dataset *dataset, const kh_source *source,
                        kh_error *err)
{
    frame_source from = {.source = source, .memory = source->memory, .size = source->size};
    uint64_t *sums = NULL;
    size_t inflated_size = 0;
    const uint8_t *inflated = kh_dataset_inflated(dataset, &inflated_size);
    kh_status status;

    *out = NULL;
    if (inflated) {
        from.memory = inflated;
        from.size = inflated_size;
    }
    status = check_extents(table, from.size, err);
    if (status != KH_OK)
        return status;
    sums = calloc((size_t)table->frame_count + 1, sizeof sums[0]);
    from.block = from.memory ? NULL : malloc(READ_BLOCK);
    if (!sums || (!from.memory && !from.block))
        status = kh_error_set(err, KH_E_MEMORY, "no memory for frame checksums");
    if (status == KH_OK)
        status = kh_xxh3_create(&from.sum, err);
    for (uint32_t frame = 0; frame < table->frame_count && status == KH_OK; frame++)
        status = sum_frame(&sums[frame], &from, table, frame, err);
    if (status == KH_OK) {
        *out = sums;
        sums = NULL;
    }
    kh_xxh3_free(from.sum);
    free(from.block);
    free(sums);
    return status;
}
