#include "cache/believe.h"

#include <stdlib.h>
#include "base/log.h"
#include "dicom/codec/codestream.h"

#define CODESTREAM_BYTES_MAX ((uint64_t)256 << 20) /* larger ones are not decoded by default either */

/* Frame 0 as it stands in the object, malloc'ed; NULL when it cannot be had. */
static uint8_t *read_first(const kh_frame_table *table, size_t *size, const kh_source *source)
{
    uint64_t bytes = table->frame_count > 0 ? kh_frame_table_bytes(table, 0) : 0;
    uint8_t *stream, *to;

    if (bytes == 0 || bytes > CODESTREAM_BYTES_MAX)
        return NULL;
    stream = to = malloc((size_t)bytes);
    for (uint32_t i = table->first_extent[0]; stream && i < table->first_extent[1]; i++) {
        const kh_extent *extent = &table->extents[i];

        if (source->read_at(source, extent->offset, to, (size_t)extent->length, NULL) != KH_OK) {
            free(stream);
            return NULL;
        }
        to += extent->length;
    }
    *size = (size_t)bytes;
    return stream;
}

void kh_believe_codestream(kh_image_record *record, const char *transfer_syntax_uid, const kh_source *source)
{
    const kh_transfer_syntax *syntax = kh_transfer_syntax_find(transfer_syntax_uid);
    kh_pixel_format *format = &record->info.format;
    kh_codestream_facts facts;
    uint8_t *stream;
    size_t size;

    if (!syntax || syntax->codec == KH_CODEC_NATIVE || syntax->codec == KH_CODEC_RLE || syntax->codec == KH_CODEC_DEFLATED_FRAME)
        return;
    stream = read_first(&record->frames, &size, source);
    if (stream && kh_codestream_look(&facts, transfer_syntax_uid, stream, size, NULL) == KH_OK) {
        if (facts.rows != format->rows || facts.columns != format->columns)
            kh_log(KH_LOG_WARN, "ingest",
                   "Rows (0028,0010) %u and Columns (0028,0011) %u, the codestream says %u and %u, which is believed", format->rows,
                   format->columns, facts.rows, facts.columns);
        format->rows = facts.rows;
        format->columns = facts.columns;
        record->info.lossy_source = record->info.lossy_source || facts.lossy;
    }
    free(stream);
}
