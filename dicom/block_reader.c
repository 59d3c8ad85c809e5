/* reader.c - block-wise reading. The first block is small, because most headers are. */
#include "dicom/block_reader.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_FIRST KH_BLOCK_READER_AT_MAX
#define BLOCK_NEXT ((size_t)64 << 10)

kh_status kh_block_reader_init(kh_block_reader *reader, const kh_source *source, kh_error *err)
{
    memset(reader, 0, sizeof(*reader));
    reader->source = source;
    if (source->memory) {
        reader->bytes = source->memory;
        reader->count = (size_t)source->size;
        return KH_OK;
    }
    reader->buffer = malloc(BLOCK_NEXT);
    if (!reader->buffer)
        return kh_error_set(err, KH_E_MEMORY, "no memory for a read buffer");
    reader->bytes = reader->buffer;
    reader->block = BLOCK_FIRST;
    return KH_OK;
}

void kh_block_reader_release(kh_block_reader *reader)
{
    free(reader->buffer);
    reader->buffer = NULL;
}

static bool holds(const kh_block_reader *reader, uint64_t offset, size_t count)
{
    return offset >= reader->start && offset - reader->start <= reader->count &&
           count <= reader->count - (size_t)(offset - reader->start);
}

kh_status kh_block_reader_at(const uint8_t **out, kh_block_reader *reader, uint64_t offset, size_t count, kh_error *err)
{
    size_t block = reader->block;
    kh_status status;

    *out = NULL;
    if (!holds(reader, offset, count)) {
        if (!reader->buffer || offset > reader->source->size || count > reader->source->size - offset)
            return kh_error_set(err, KH_E_FORMAT, "the data end before %zu bytes at %llu", count,
                                (unsigned long long)offset);
        if (block > reader->source->size - offset)
            block = (size_t)(reader->source->size - offset);
        reader->count = 0;
        status = reader->source->read_at(reader->source, offset, reader->buffer, block, err);
        if (status != KH_OK)
            return status;
        reader->start = offset;
        reader->count = block;
        reader->block = BLOCK_NEXT;
    }
    *out = reader->bytes + (offset - reader->start);
    return KH_OK;
}

kh_status kh_block_reader_copy(kh_block_reader *reader, uint64_t offset, void *bytes, size_t count, kh_error *err)
{
    const uint8_t *here;
    kh_status status;

    if (count == 0)
        return KH_OK;
    if (count > KH_BLOCK_READER_AT_MAX && !holds(reader, offset, count))
        return reader->source->read_at(reader->source, offset, bytes, count, err);
    status = kh_block_reader_at(&here, reader, offset, count, err);
    if (status != KH_OK)
        return status;
    memcpy(bytes, here, count);
    return KH_OK;
}
