/* inflate.c - the deflated transfer syntax (PS3.5 A.5): everything behind the meta information is one raw deflate
 * stream. Deflate packs a gigabyte of nothing into one megabyte: what unpacks to far more than it is is refused early, and all that
 * is inflated at once has a bound of its own. */
#include <stdatomic.h>
#include <stdlib.h>
#include <zlib.h>
#include "dicom/dataset_internal.h"

#define INPUT_BYTES ((size_t)64 << 10)
#define OUTPUT_FIRST ((size_t)256 << 10)
#define RATIO_MAX 400 /* segmentations that are nearly empty reach 300; deflate ends at 1,032 */
#define RATIO_FROM ((size_t)32 << 20) /* below it any ratio is taken */
#define HELD_BYTES_MAX ((uint64_t)1 << 30) /* in this process */

static atomic_ullong held_bytes;

typedef struct kh_inflater {
    z_stream stream;
    uint8_t input[INPUT_BYTES];
    uint8_t *output; /* owned */
    size_t output_size, output_capacity;
    uint64_t max_bytes;
} kh_inflater;

static kh_status hold(uint64_t bytes, kh_error *err)
{
    if (atomic_fetch_add(&held_bytes, bytes) + bytes <= HELD_BYTES_MAX)
        return KH_OK;
    atomic_fetch_sub(&held_bytes, bytes);
    return kh_error_set(err, KH_E_BUSY, "as much of deflated data sets is in memory as may be at once");
}

void kh_inflated_free(uint8_t *inflated, size_t size)
{
    if (inflated)
        atomic_fetch_sub(&held_bytes, size);
    free(inflated);
}

static kh_status grow(kh_inflater *inflater, kh_error *err)
{
    size_t capacity = inflater->output_capacity ? inflater->output_capacity * 2 : OUTPUT_FIRST;
    uint8_t *output;
    kh_status status;

    if (inflater->output_capacity >= inflater->max_bytes)
        return kh_error_set(err, KH_E_LIMIT, "the deflated data set is larger than %llu bytes",
                            (unsigned long long)inflater->max_bytes);
    if (inflater->output_size >= RATIO_FROM && inflater->output_size / RATIO_MAX > inflater->stream.total_in)
        return kh_error_set(err, KH_E_LIMIT, "the deflated data set is more than %d times as large as what it is packed into", RATIO_MAX);
    if (capacity > inflater->max_bytes)
        capacity = (size_t)inflater->max_bytes;
    status = hold(capacity - inflater->output_capacity, err);
    if (status != KH_OK)
        return status;
    output = realloc(inflater->output, capacity);
    if (!output) {
        atomic_fetch_sub(&held_bytes, capacity - inflater->output_capacity);
        return kh_error_set(err, KH_E_MEMORY, "no memory for %zu inflated bytes", capacity);
    }
    inflater->output = output;
    inflater->output_capacity = capacity;
    return KH_OK;
}

/* Use up the input that is there. *ended when the stream is whole. */
static kh_status inflate_input(kh_inflater *inflater, bool *ended, kh_error *err)
{
    kh_status status;
    int result;

    do {
        if (inflater->output_size == inflater->output_capacity) {
            status = grow(inflater, err);
            if (status != KH_OK)
                return status;
        }
        inflater->stream.next_out = inflater->output + inflater->output_size;
        inflater->stream.avail_out = (uInt)(inflater->output_capacity - inflater->output_size);
        result = inflate(&inflater->stream, Z_NO_FLUSH);
        inflater->output_size = inflater->output_capacity - inflater->stream.avail_out;
        if (result == Z_STREAM_END) {
            *ended = true;
            return KH_OK;
        }
        if (result == Z_MEM_ERROR)
            return kh_error_set(err, KH_E_MEMORY, "no memory to inflate");
        if (result != Z_OK && result != Z_BUF_ERROR)
            return kh_error_set(err, KH_E_FORMAT, "the deflated data set is damaged");
    } while (inflater->stream.avail_in > 0 || inflater->stream.avail_out == 0);
    return KH_OK;
}

static kh_status inflate_all(kh_inflater *inflater, const kh_source *source, uint64_t offset, kh_error *err)
{
    bool ended = false;
    kh_status status = KH_OK;

    while (status == KH_OK && !ended) {
        size_t count = INPUT_BYTES;
        if (count > source->size - offset)
            count = (size_t)(source->size - offset);
        if (count == 0)
            return kh_error_set(err, KH_E_FORMAT, "the deflated data set ends early");
        status = source->read_at(source, offset, inflater->input, count, err);
        if (status != KH_OK)
            return status;
        offset += count;
        inflater->stream.next_in = inflater->input;
        inflater->stream.avail_in = (uInt)count;
        status = inflate_input(inflater, &ended, err);
    }
    return status;
}

kh_status kh_inflate_source(uint8_t **out, size_t *size, const kh_source *source, uint64_t offset, uint64_t max_bytes,
                            kh_error *err)
{
    kh_inflater *inflater = calloc(1, sizeof(*inflater));
    kh_status status;

    *out = NULL;
    *size = 0;
    if (!inflater)
        return kh_error_set(err, KH_E_MEMORY, "no memory to inflate");
    /* avail_out counts in an unsigned int: what is larger would be cut. */
    inflater->max_bytes = max_bytes < UINT32_MAX ? max_bytes : UINT32_MAX;
    if (inflateInit2(&inflater->stream, -MAX_WBITS) != Z_OK) {
        free(inflater);
        return kh_error_set(err, KH_E_MEMORY, "no memory to inflate");
    }
    status = inflate_all(inflater, source, offset, err);
    inflateEnd(&inflater->stream);
    if (status == KH_OK) {
        *out = inflater->output;
        *size = inflater->output_size;
        /* counted as what is in it: the rest of the last block was never touched */
        atomic_fetch_sub(&held_bytes, inflater->output_capacity - inflater->output_size);
        inflater->output = NULL;
    }
    kh_inflated_free(inflater->output, inflater->output_capacity);
    free(inflater);
    return status;
}
