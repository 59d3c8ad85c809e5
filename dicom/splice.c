/* splice.c - reading through pieces. */
#include "dicom/splice.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

/* The piece that holds a byte that is there. */
static size_t piece_at(const kh_splice *splice, uint64_t offset)
{
    size_t low = 0, high = splice->piece_count;

    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;

        if (splice->pieces[middle].at <= offset)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static kh_status read_splice(const kh_source *source, uint64_t offset, void *bytes, size_t count, kh_error *err)
{
    const kh_splice *splice = (const kh_splice *)(const void *)source; /* its first member */
    uint8_t *to = bytes;

    if (offset > source->size || count > source->size - offset)
        return kh_error_set(err, KH_E_FORMAT, "the data end at byte %" PRIu64 ", expected %zu bytes at %" PRIu64, source->size, count,
                            offset);
    for (size_t i = count > 0 ? piece_at(splice, offset) : 0; count > 0; i++) {
        const kh_splice_piece *piece = &splice->pieces[i];
        uint64_t inside = offset - piece->at;
        size_t part = piece->size - inside < count ? (size_t)(piece->size - inside) : count;
        kh_status status = KH_OK;

        if (piece->is_own)
            memcpy(to, splice->own.data + piece->offset + inside, part);
        else
            status = splice->base->read_at(splice->base, piece->offset + inside, to, part, err);
        if (status != KH_OK)
            return status;
        to += part;
        offset += part;
        count -= part;
    }
    return KH_OK;
}

void kh_splice_init(kh_splice *splice, const kh_source *base, size_t own_bytes_max)
{
    memset(splice, 0, sizeof(*splice));
    splice->base = base;
    splice->source.read_at = read_splice;
    splice->source.fd = -1;
    kh_buf_init(&splice->own, own_bytes_max);
}

void kh_splice_release(kh_splice *splice)
{
    kh_buf_release(&splice->own);
}

/* Pieces that follow each other where they come from are one. */
static kh_status add(kh_splice *splice, uint64_t offset, uint64_t size, bool is_own, kh_error *err)
{
    kh_splice_piece *last = splice->piece_count > 0 ? &splice->pieces[splice->piece_count - 1] : NULL;

    if (last && last->is_own == is_own && last->offset + last->size == offset) {
        last->size += size;
    } else if (splice->piece_count == KH_SPLICE_PIECES_MAX) {
        return kh_error_set(err, KH_E_LIMIT, "more than %d pieces", KH_SPLICE_PIECES_MAX);
    } else {
        splice->pieces[splice->piece_count++] = (kh_splice_piece){splice->source.size, offset, size, is_own};
    }
    splice->source.size += size;
    return KH_OK;
}

kh_status kh_splice_base(kh_splice *splice, uint64_t offset, uint64_t size, kh_error *err)
{
    if (size == 0)
        return KH_OK;
    if (offset > splice->base->size || size > splice->base->size - offset)
        return kh_error_set(err, KH_E_FORMAT, "the data end at byte %" PRIu64 ", expected %" PRIu64 " bytes at %" PRIu64,
                            splice->base->size, size, offset);
    return add(splice, offset, size, false, err);
}

kh_status kh_splice_own(kh_splice *splice, const void *bytes, size_t size, kh_error *err)
{
    uint64_t offset = splice->own.size;
    kh_status status;

    if (size == 0)
        return KH_OK;
    status = kh_buf_append(&splice->own, bytes, size, err);
    return status == KH_OK ? add(splice, offset, size, true, err) : status;
}
