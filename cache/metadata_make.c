#include "cache/metadata_make.h"

#include <string.h>
#include <unistd.h>
#include "cache/corrected.h"
#include "cache/internal.h"
#include "dicom/json_model.h"

#define BULK_URIS_MAX 65536 /* of one object */
#define LEVEL 4             /* three quarters of the time of level 6, and hardly larger */
/* Between where a URI is asked for and where its text begins, for what the JSON writer puts there. */
static const char before_uri[] = ",\"BulkDataURI\":\"";

kh_status kh_metadata_maker_init(kh_metadata_maker *maker, kh_cache *cache, kh_error *err)
{
    memset(maker, 0, sizeof *maker);
    maker->cache = cache;
    kh_buf_init(&maker->plain, KH_METADATA_PLAIN_MAX);
    kh_buf_init(&maker->offsets, BULK_URIS_MAX * sizeof(size_t));
    kh_buf_init(&maker->bytes, KH_METADATA_PLAIN_MAX + (KH_METADATA_PLAIN_MAX >> 3) + BULK_URIS_MAX * 16);
    kh_buf_init(&maker->parts, (BULK_URIS_MAX + 1) * sizeof(kh_metadata_part));
    if (deflateInit2(&maker->deflater, LEVEL, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return kh_error_set(err, KH_E_MEMORY, "no memory to compress metadata");
    maker->started = true;
    return KH_OK;
}

void kh_metadata_maker_release(kh_metadata_maker *maker)
{
    if (maker->started)
        (void)deflateEnd(&maker->deflater); /* it was not to end: Z_DATA_ERROR is no news */
    maker->started = false;
    kh_buf_release(&maker->plain);
    kh_buf_release(&maker->offsets);
    kh_buf_release(&maker->bytes);
    kh_buf_release(&maker->parts);
}

typedef struct naming {
    kh_metadata_maker *maker;
    const kh_metadata_of *of;
} naming;

/* A kh_json_model_uri: all but base, whose place is noted. */
static kh_status name_bulk(void *context, kh_buf *out, const char *path, kh_error *err)
{
    const naming *n = context;
    size_t offset = n->maker->plain.size + sizeof before_uri - 1;
    kh_status status = kh_buf_append(&n->maker->offsets, &offset, sizeof offset, err);

    if (status == KH_OK)
        status = kh_buf_appendf(out, err, "/studies/%s/series/%s/instances/%s/bulkdata/%s", n->of->study_uid, n->of->series_uid,
                                n->of->instance_uid, path);
    return status;
}

static kh_status write_json(kh_metadata_maker *maker, const kh_metadata_of *of, const kh_source *source, kh_error *err)
{
    naming context = {maker, of};
    kh_json_model_options options = kh_json_model_options_default;
    kh_dataset *dataset = NULL;
    kh_status status = kh_dataset_read_file(&dataset, source, &kh_dataset_limits_default, err);

    options.inline_bytes_max = maker->cache->options.inline_bytes_max;
    options.value_bytes_max = maker->cache->options.number_bytes_max;
    options.uri = name_bulk;
    options.context = &context;
    if (status == KH_OK)
        status = kh_json_model_write(&maker->plain, dataset, &options, err);
    kh_dataset_free(dataset);
    return status;
}

static kh_status read_object(kh_metadata_maker *maker, const kh_metadata_of *of, kh_error *err)
{
    kh_amended *amended = NULL;
    kh_source source;
    int fd = -1;
    kh_status status = kh_object_open_file(&fd, &maker->cache->paths, of->file_id, of->origin_id, err);

    if (status == KH_OK)
        status = kh_source_init_fd(&source, fd, err);
    if (status == KH_OK)
        status = kh_corrected_open(&amended, maker->cache, of->study_id, &source, err);
    if (status == KH_OK)
        status = write_json(maker, of, amended ? kh_amended_source(amended) : &source, err);
    kh_amended_free(amended);
    if (fd >= 0)
        close(fd);
    return status;
}

/* Ends at a whole byte, and what follows does not refer to it: something else may come between. */
static kh_status compress_part(kh_metadata_maker *maker, const uint8_t *bytes, size_t size, kh_error *err)
{
    z_stream *z = &maker->deflater;
    size_t before = maker->bytes.size, room = deflateBound(z, (uLong)size) + 16;
    kh_metadata_part part = {.plain_size = (uint32_t)size, .crc = (uint32_t)crc32(0, bytes, (uInt)size)};
    kh_status status = kh_buf_reserve(&maker->bytes, room, err);

    if (status != KH_OK)
        return status;
    z->next_in = (Bytef *)(uintptr_t)bytes;
    z->avail_in = (uInt)size;
    z->next_out = maker->bytes.data + before;
    z->avail_out = (uInt)room;
    if (deflate(z, Z_FULL_FLUSH) != Z_OK || z->avail_in != 0 || z->avail_out == 0)
        return kh_error_set(err, KH_E_INTERNAL, "metadata of %zu bytes cannot be compressed", size);
    maker->bytes.size = (size_t)(z->next_out - maker->bytes.data);
    part.size = (uint32_t)(maker->bytes.size - before);
    return kh_buf_append(&maker->parts, &part, sizeof part, err);
}

static kh_status compress_parts(kh_metadata_maker *maker, kh_error *err)
{
    size_t count = maker->offsets.size / sizeof(size_t), begin = 0;
    kh_status status = KH_OK;

    if (deflateReset(&maker->deflater) != Z_OK)
        return kh_error_set(err, KH_E_INTERNAL, "metadata cannot be compressed");
    for (size_t i = 0; status == KH_OK && i <= count; i++) {
        size_t end = maker->plain.size;

        if (i < count)
            memcpy(&end, maker->offsets.data + i * sizeof end, sizeof end);
        if (end < begin || end > maker->plain.size || (i < count && (end < sizeof before_uri ||
            memcmp(maker->plain.data + end - (sizeof before_uri - 1), before_uri, sizeof before_uri - 1) != 0)))
            return kh_error_set(err, KH_E_INTERNAL, "the place of a URI in metadata is lost");
        status = compress_part(maker, maker->plain.data + begin, end - begin, err);
        begin = end;
    }
    return status;
}

kh_status kh_metadata_make(const kh_metadata **out, kh_metadata_maker *maker, const kh_metadata_of *of, kh_error *err)
{
    kh_metadata_part *parts;
    size_t at = 0;
    kh_status status;

    *out = NULL;
    kh_buf_clear(&maker->plain);
    kh_buf_clear(&maker->offsets);
    kh_buf_clear(&maker->bytes);
    kh_buf_clear(&maker->parts);
    status = read_object(maker, of, err);
    if (status == KH_OK)
        status = compress_parts(maker, err);
    if (status != KH_OK)
        return status;
    parts = (kh_metadata_part *)(void *)maker->parts.data; /* malloc'ed */
    maker->made = (kh_metadata){.object_id = of->object_id, .parts = parts, .part_count = (uint32_t)(maker->parts.size / sizeof *parts)};
    for (uint32_t i = 0; i < maker->made.part_count; i++) {
        parts[i].bytes = maker->bytes.data + at;
        at += parts[i].size;
    }
    *out = &maker->made;
    return KH_OK;
}
