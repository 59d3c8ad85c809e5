/* reader.h - a source read forwards in blocks, so that a header costs one or two reads and no call per element.
 * Threads: one at a time. */
#ifndef KH_DICOM_BLOCK_READER_H
#define KH_DICOM_BLOCK_READER_H

#include "dicom/source.h"

#define KH_BLOCK_READER_AT_MAX ((size_t)16 << 10) /* most that kh_block_reader_at() gives at once */

typedef struct kh_block_reader {
    const kh_source *source; /* borrowed */
    const uint8_t *bytes;    /* what is here: count bytes from offset start */
    uint64_t start;
    size_t count;
    uint8_t *buffer; /* owned; NULL for a source in memory */
    size_t block;    /* bytes to read next */
} kh_block_reader;

KH_MUST_USE kh_status kh_block_reader_init(kh_block_reader *reader, const kh_source *source, kh_error *err);
void kh_block_reader_release(kh_block_reader *reader);
/* *out: count bytes at offset, at most KH_BLOCK_READER_AT_MAX, valid until the next call. KH_E_FORMAT when they are not
 * there. */
KH_MUST_USE kh_status kh_block_reader_at(const uint8_t **out, kh_block_reader *reader, uint64_t offset, size_t count,
                                         kh_error *err);
/* Copy count bytes at offset, any number. */
KH_MUST_USE kh_status kh_block_reader_copy(kh_block_reader *reader, uint64_t offset, void *bytes, size_t count,
                                           kh_error *err);

#endif
