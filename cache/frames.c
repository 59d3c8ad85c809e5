/* A blob holds the pixel format as the pixels are, then the pixels, both 64 bytes aligned within it. */
#include "cache/frames.h"

#include <inttypes.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cache/internal.h"
#include "cache/stack_load.h"
#include "store/digest.h"
#include "store/file.h"

#define PIXELS_AT 64
#define SPARE_BYTES_MAX (16u << 20)

_Static_assert(sizeof(kh_pixel_format) <= PIXELS_AT, "the format stands before the pixels");

typedef struct request {
    kh_cache *cache;
    const kh_stack_object *object;
    uint32_t frame;
    kh_codec *codec;
    const unsigned *seat; /* decode on this worker; NULL: any */
    unsigned halvings;    /* of the sides, at most; 0: the whole frame */
    const kh_codec_listener *listener; /* NULL: nobody is told */
} request;

typedef struct cache_key {
    int64_t object_id;
    uint32_t frame;
    uint32_t halvings; /* a smaller frame is another frame */
} cache_key;

static kh_status copy_extents(uint8_t *out, const request *r, const uint8_t *memory, size_t memory_size, int fd, kh_error *err)
{
    const kh_frame_table *table = &r->object->frames;

    for (uint32_t i = table->first_extent[r->frame]; i < table->first_extent[r->frame + 1]; i++) {
        const kh_extent *extent = &table->extents[i];

        if (memory && (extent->offset > memory_size || extent->length > memory_size - extent->offset))
            return kh_error_set(err, KH_E_FORMAT, "data set inflates to %zu bytes, the frame ends at %" PRIu64, memory_size,
                                extent->offset + extent->length);
        if (memory) {
            memcpy(out, memory + extent->offset, (size_t)extent->length);
        } else {
            kh_status status = kh_read_all_at(fd, out, (size_t)extent->length, extent->offset, err);

            if (status != KH_OK)
                return status;
        }
        out += extent->length;
    }
    return KH_OK;
}

/* Deflated: the frame table counts in the inflated bytes. */
static kh_status read_inflated(uint8_t *out, const request *r, int fd, kh_error *err)
{
    kh_dataset *dataset = NULL;
    kh_source source;
    const uint8_t *memory;
    size_t memory_size = 0;
    kh_status status = kh_source_init_fd(&source, fd, err);

    if (status == KH_OK)
        status = kh_dataset_read_file(&dataset, &source, &kh_dataset_limits_default, err);
    if (status == KH_OK) {
        memory = kh_dataset_inflated(dataset, &memory_size);
        status = memory ? copy_extents(out, r, memory, memory_size, fd, err)
                        : kh_error_set(err, KH_E_FORMAT, "data set is not deflated any more");
    }
    kh_dataset_free(dataset);
    return status;
}

/* What compressed frames are read into is kept for the next one: fresh memory costs a fault for each of its pages. */
static uint8_t *take_block(kh_cache *cache, size_t size)
{
    uint8_t *block = atomic_exchange(&cache->spare_block, NULL);

    if (block && malloc_usable_size(block) >= size)
        return block;
    free(block);
    return malloc(size);
}

static void give_block(kh_cache *cache, uint8_t *block)
{
    if (block && malloc_usable_size(block) <= SPARE_BYTES_MAX)
        block = atomic_exchange(&cache->spare_block, block);
    free(block);
}

/* The frame's bytes as they came in, checked against their sum; from take_block() with PIXELS_AT bytes before them, those of
 * an uncompressed frame from malloc(). Whatever of the
 * content does not fit the index by now is our own damage, not the sender's. */
static kh_status read_frame(uint8_t **out, size_t *size, const request *r, const kh_transfer_syntax *syntax, kh_error *err)
{
    uint64_t bytes = kh_frame_table_bytes(&r->object->frames, r->frame);
    kh_error why = KH_ERROR_INIT;
    uint8_t *block = NULL;
    int fd = -1;
    kh_status status;

    if (bytes == 0)
        return kh_error_set(err, KH_E_FORMAT, "PixelData (7FE0,0010) ends before frame %" PRIu32 " of %" PRIu32, r->frame + 1,
                            r->object->frames.frame_count);
    if (bytes < SIZE_MAX - PIXELS_AT)
        block = syntax->codec == KH_CODEC_NATIVE ? malloc((size_t)bytes + PIXELS_AT) : take_block(r->cache, (size_t)bytes + PIXELS_AT);
    if (!block)
        return kh_error_set(err, KH_E_MEMORY, "no memory for a frame of %" PRIu64 " bytes", bytes);
    status = kh_stack_object_open(&fd, r->cache, r->object, &why);
    if (status == KH_OK)
        status = syntax->deflated ? read_inflated(block + PIXELS_AT, r, fd, &why)
                                  : copy_extents(block + PIXELS_AT, r, NULL, 0, fd, &why);
    if (status == KH_OK && kh_xxh3_of(block + PIXELS_AT, (size_t)bytes) != r->object->checksums[r->frame])
        status = kh_error_set(&why, KH_E_CORRUPT, "checksum of frame %" PRIu32 " differs", r->frame + 1);
    if (fd >= 0)
        close(fd);
    if (status == KH_OK) {
        *out = block;
        *size = (size_t)bytes;
        return KH_OK;
    }
    free(block);
    if (status == KH_E_FORMAT || status == KH_E_LIMIT)
        status = KH_E_CORRUPT;
    return kh_error_set(err, status, "object %lld: %s", (long long)r->object->object_id, why.message);
}

static void swap_units(uint8_t *bytes, size_t size, size_t unit)
{
    for (size_t i = 0; i + unit <= size; i += unit)
        for (size_t k = 0; k < unit / 2; k++) {
            uint8_t byte = bytes[i + k];

            bytes[i + k] = bytes[i + unit - 1 - k];
            bytes[i + unit - 1 - k] = byte;
        }
}

/* One-bit frames follow each other without a gap (PS3.5 8.1.1): bring the first bit of this one to the start of a byte. */
static void shift_bits(uint8_t *bytes, size_t size, unsigned shift)
{
    if (shift == 0)
        return;
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(bytes[i] >> shift | (i + 1 < size ? bytes[i + 1] << (8 - shift) : 0));
}

/* The bit of the pixel data at which a frame begins. */
static uint64_t first_bit(const kh_pixel_format *format, size_t frame_bytes, uint32_t frame)
{
    if (format->bits_allocated == 1)
        return (uint64_t)format->rows * format->columns * format->samples * frame;
    return (uint64_t)frame_bytes * 8 * frame;
}

static kh_status finish_native(const request *r, uint8_t *pixels, size_t size, size_t *frame_bytes, kh_error *err)
{
    const kh_pixel_format *format = &r->object->info.format;
    unsigned unit = r->object->swap_bytes;
    uint64_t begin;
    size_t lead;

    if (!kh_pixel_format_frame_bytes(format, frame_bytes))
        return kh_error_set(err, KH_E_LIMIT, "frame of %" PRIu32 " x %" PRIu32 " does not fit in memory", format->rows,
                            format->columns);
    begin = first_bit(format, *frame_bytes, r->frame);
    lead = unit == 2 && format->bits_allocated < 16 ? begin / 8 % 2 : 0; /* of the word that the frame before ends in */
    if (size < *frame_bytes + lead)
        return kh_error_set(err, KH_E_FORMAT, "frame %" PRIu32 " has %zu bytes, expected %zu", r->frame + 1, size - lead,
                            *frame_bytes);
    if (unit > 1)
        swap_units(pixels, size, unit);
    memmove(pixels, pixels + lead, size - lead);
    shift_bits(pixels, size - lead, (unsigned)(begin % 8));
    return KH_OK;
}

static kh_status decode_frame(uint8_t **data, size_t *size, const request *r, const uint8_t *codestream, size_t codestream_size,
                              kh_error *err)
{
    kh_pixel_format format = r->object->info.format;
    kh_codec_how how = {.seat = r->seat, .listener = r->listener, .lead = PIXELS_AT};
    uint8_t *block = NULL;
    size_t pixel_bytes = 0;
    kh_status status;

    if (!r->codec)
        return kh_error_set(err, KH_E_UNSUPPORTED, "transfer syntax %s needs a decoder, none runs", r->object->transfer_syntax_uid);
    if (r->halvings > 0) {
        how.halvings = kh_codec_halvings(r->object->transfer_syntax_uid, &format, codestream, codestream_size, r->halvings);
        if (how.halvings == 0)
            return kh_error_set(err, KH_E_NOT_FOUND, "the codec makes no smaller frame of this");
    }
    status = kh_codec_decode_as(&block, &pixel_bytes, r->codec, r->object->transfer_syntax_uid, &format, codestream,
                                codestream_size, &how, err);
    if (status != KH_OK)
        return status;
    memcpy(block, &format, sizeof format);
    *data = block;
    *size = pixel_bytes + PIXELS_AT;
    return KH_OK;
}

/* A kh_blobcache_load. */
static kh_status load_frame(uint8_t **data, size_t *size, void *context, kh_error *err)
{
    const request *r = context;
    const kh_transfer_syntax *syntax = kh_transfer_syntax_find(r->object->transfer_syntax_uid);
    uint8_t *block = NULL;
    size_t bytes = 0, frame_bytes = 0;
    kh_status status;

    if (!syntax)
        return kh_error_set(err, KH_E_UNSUPPORTED, "transfer syntax %s is not known", r->object->transfer_syntax_uid);
    status = read_frame(&block, &bytes, r, syntax, err);
    if (status != KH_OK)
        return status;
    if (syntax->codec == KH_CODEC_NATIVE) {
        status = finish_native(r, block + PIXELS_AT, bytes, &frame_bytes, err);
        if (status == KH_OK) {
            kh_pixel_format format = r->object->info.format;

            format.overlay_bits = UINT16_MAX; /* every bit is as it came in */
            memcpy(block, &format, sizeof format);
            *data = block;
            *size = frame_bytes + PIXELS_AT;
            return KH_OK;
        }
        free(block);
    } else {
        status = decode_frame(data, size, r, block + PIXELS_AT, bytes, err);
        give_block(r->cache, block);
    }
    return status;
}

static kh_status check_request(const request *r, kh_error *err)
{
    if (r->object->problem[0])
        return kh_error_set(err, KH_E_UNSUPPORTED, "%s", r->object->problem);
    if (r->frame >= r->object->frames.frame_count)
        return kh_error_set(err, KH_E_NOT_FOUND, "frame %" PRIu32 ", the object has %" PRIu32, r->frame, r->object->frames.frame_count);
    return KH_OK;
}

static kh_status acquire(kh_frame *out, request *r, kh_error *err)
{
    const kh_stack_object *object = r->object;
    cache_key key = {.object_id = object->object_id, .frame = r->frame, .halvings = r->halvings};
    const kh_blob *blob;
    kh_status status;

    memset(out, 0, sizeof *out);
    status = check_request(r, err);
    if (status == KH_OK)
        status = kh_blobcache_acquire(&blob, r->cache->frames, &key, sizeof key, load_frame, r, err);
    if (status != KH_OK)
        return status;
    memcpy(&out->format, blob->data, sizeof out->format);
    out->pixels = blob->data + PIXELS_AT;
    out->size = blob->size - PIXELS_AT;
    out->blob = blob;
    return KH_OK;
}

kh_status kh_frame_acquire(kh_frame *out, kh_cache *cache, const kh_stack_object *object, uint32_t frame, kh_codec *codec,
                           kh_error *err)
{
    return acquire(out, &(request){.cache = cache, .object = object, .frame = frame, .codec = codec}, err);
}

kh_status kh_frame_acquire_coming(kh_frame *out, kh_cache *cache, const kh_stack_object *object, uint32_t frame, unsigned halvings_max,
                                  kh_codec *codec, const kh_codec_listener *listener, kh_error *err)
{
    request r = {.cache = cache, .object = object, .frame = frame, .codec = codec, .halvings = halvings_max, .listener = listener};
    kh_error why = KH_ERROR_INIT;
    kh_status status;

    if (halvings_max == 0 || !codec || !kh_frame_is_compressed(object) || kh_frame_is_known(cache, object->object_id, frame)) {
        r.halvings = 0;
        return acquire(out, &r, err);
    }
    status = acquire(out, &r, &why);
    if (status == KH_E_NOT_FOUND) { /* the codec cannot */
        r.halvings = 0;
        return acquire(out, &r, err);
    }
    return status == KH_OK ? KH_OK : kh_error_set(err, status, "%s", why.message);
}

kh_status kh_frame_acquire_reduced(kh_frame *out, kh_cache *cache, const kh_stack_object *object, uint32_t frame,
                                   unsigned halvings_max, kh_codec *codec, kh_error *err)
{
    return kh_frame_acquire_coming(out, cache, object, frame, halvings_max, codec, NULL, err);
}

kh_status kh_stored_frame_read(kh_stored_frame *out, kh_cache *cache, const kh_stack_object *object, uint32_t frame, kh_error *err)
{
    const request r = {.cache = cache, .object = object, .frame = frame};
    const kh_transfer_syntax *syntax = kh_transfer_syntax_find(object->transfer_syntax_uid);
    uint8_t *block = NULL;
    kh_status status = check_request(&r, err);

    memset(out, 0, sizeof *out);
    if (status == KH_OK && !syntax)
        status = kh_error_set(err, KH_E_UNSUPPORTED, "transfer syntax %s is not known", object->transfer_syntax_uid);
    if (status == KH_OK)
        status = read_frame(&block, &out->size, &r, syntax, err);
    out->block = block;
    out->bytes = block ? block + PIXELS_AT : NULL;
    return status;
}

void kh_stored_frame_release(kh_stored_frame *frame)
{
    free(frame->block);
    memset(frame, 0, sizeof *frame);
}

bool kh_frame_is_compressed(const kh_stack_object *object)
{
    return !object->problem[0] && kh_codec_supports(object->transfer_syntax_uid);
}

bool kh_frame_is_known(kh_cache *cache, int64_t object_id, uint32_t frame)
{
    cache_key key = {.object_id = object_id, .frame = frame};

    return kh_blobcache_knows(cache->frames, &key, sizeof key);
}

kh_status kh_frame_decode_ahead(uint64_t *bytes, kh_cache *cache, const kh_stack_object *object, uint32_t frame, kh_codec *codec,
                                unsigned seat, kh_error *err)
{
    request r = {.cache = cache, .object = object, .frame = frame, .codec = codec, .seat = &seat};
    kh_frame decoded;
    kh_status status = acquire(&decoded, &r, err);

    *bytes = status == KH_OK ? decoded.size + PIXELS_AT : 0;
    kh_frame_release(cache, &decoded);
    return status;
}

void kh_frame_forget(kh_cache *cache, int64_t object_id, uint32_t frame)
{
    cache_key key = {.object_id = object_id, .frame = frame};

    kh_blobcache_drop(cache->frames, &key, sizeof key);
}

void kh_frame_release(kh_cache *cache, kh_frame *frame)
{
    kh_blobcache_release(cache->frames, frame->blob);
    memset(frame, 0, sizeof *frame);
}

void kh_frames_get_stats(kh_cache *cache, kh_blobcache_stats *out)
{
    kh_blobcache_get_stats(cache->frames, out);
}
