#include "cache/metadata_answer.h"

#include <string.h>
#include <zlib.h>
#include "base/json.h"

#define BASE_MAX 250

static void store_u32(uint8_t out[4], uint32_t value)
{
    for (size_t i = 0; i < 4; i++)
        out[i] = (uint8_t)(value >> (8 * i));
}

/* Bytes of our own: as they are, in a stored block (RFC 1951 3.2.4) of at most 65,535 bytes. */
static kh_status put_own(kh_metadata_answer *answer, const char *bytes, uint32_t size, uint32_t crc, kh_error *err)
{
    const uint8_t head[5] = {0, (uint8_t)size, (uint8_t)(size >> 8), (uint8_t)~size, (uint8_t)(~size >> 8)};
    kh_status status = KH_OK;

    if (answer->gzip)
        status = kh_buf_append(answer->out, head, sizeof head, err);
    if (status == KH_OK)
        status = kh_buf_append(answer->out, bytes, size, err);
    answer->crc = (uint32_t)crc32_combine(answer->crc, crc, (z_off_t)size);
    answer->plain_size += size;
    return status;
}

static kh_status put_text(kh_metadata_answer *answer, const char *text, kh_error *err)
{
    uint32_t size = (uint32_t)strlen(text);

    return put_own(answer, text, size, (uint32_t)crc32(0, (const Bytef *)text, size), err);
}

static kh_status put_inflated(kh_metadata_answer *answer, const kh_metadata_part *part, kh_error *err)
{
    kh_status status = kh_buf_reserve(answer->out, part->plain_size, err);
    z_stream z = {.next_in = (Bytef *)(uintptr_t)part->bytes, .avail_in = part->size, .avail_out = part->plain_size};
    int code;

    if (status != KH_OK)
        return status;
    if (inflateInit2(&z, -MAX_WBITS) != Z_OK)
        return kh_error_set(err, KH_E_MEMORY, "no memory to inflate metadata");
    z.next_out = answer->out->data + answer->out->size;
    code = inflate(&z, Z_SYNC_FLUSH);
    (void)inflateEnd(&z);
    if ((code != Z_OK && code != Z_BUF_ERROR) || z.avail_out != 0)
        return kh_error_set(err, KH_E_CORRUPT, "prepared metadata cannot be inflated");
    answer->out->size += part->plain_size;
    answer->out->data[answer->out->size] = '\0';
    return KH_OK;
}

static kh_status put_part(kh_metadata_answer *answer, const kh_metadata_part *part, kh_error *err)
{
    kh_status status = answer->gzip ? kh_buf_append(answer->out, part->bytes, part->size, err) : put_inflated(answer, part, err);

    answer->crc = (uint32_t)crc32_combine(answer->crc, part->crc, (z_off_t)part->plain_size);
    answer->plain_size += part->plain_size;
    return status;
}

/* A kh_metadata_visit. */
static kh_status put_object(void *context, const kh_metadata *metadata, kh_error *err)
{
    kh_metadata_answer *answer = context;
    kh_status status = put_text(answer, answer->count > 0 ? ",\n" : "[", err);

    for (uint32_t i = 0; status == KH_OK && i < metadata->part_count; i++) {
        if (i > 0)
            status = put_own(answer, answer->base, answer->base_size, answer->base_crc, err);
        if (status == KH_OK)
            status = put_part(answer, &metadata->parts[i], err);
    }
    answer->count++;
    answer->prepared += metadata->prepared;
    return status;
}

/* As the inside of a JSON string. */
static kh_status set_base(kh_metadata_answer *answer, const char *base, kh_error *err)
{
    kh_json_writer json;
    kh_buf text;
    kh_status status;

    if (strlen(base) > BASE_MAX)
        return kh_error_set(err, KH_E_ARG, "address of %zu bytes, expected at most %d", strlen(base), BASE_MAX);
    kh_buf_init(&text, sizeof answer->base);
    kh_json_writer_init(&json, &text);
    kh_json_text(&json, base);
    status = kh_json_writer_status(&json, err);
    if (status == KH_OK) {
        answer->base_size = (uint32_t)text.size - 2;
        memcpy(answer->base, text.data + 1, answer->base_size);
        answer->base_crc = (uint32_t)crc32(0, (const Bytef *)answer->base, answer->base_size);
    }
    kh_buf_release(&text);
    return status;
}

kh_status kh_metadata_answer_begin(kh_metadata_answer *answer, kh_buf *out, const char *base, bool gzip, kh_error *err)
{
    static const uint8_t head[10] = {0x1f, 0x8b, Z_DEFLATED, 0, 0, 0, 0, 0, 0, 255}; /* RFC 1952 2.3; no name, no time, system not told */
    kh_status status;

    memset(answer, 0, sizeof *answer);
    answer->out = out;
    answer->gzip = gzip;
    status = set_base(answer, base, err);
    return status == KH_OK && gzip ? kh_buf_append(out, head, sizeof head, err) : status;
}

kh_status kh_metadata_answer_series(kh_metadata_answer *answer, kh_cache *cache, int64_t series_id, int64_t object_id, kh_error *err)
{
    size_t left_out = 0;
    kh_status status = kh_metadata_series(cache, series_id, object_id, put_object, answer, &left_out, err);

    answer->left_out += left_out;
    return status;
}

kh_status kh_metadata_answer_end(kh_metadata_answer *answer, kh_error *err)
{
    uint8_t tail[13] = {1, 0, 0, 0xff, 0xff}; /* an empty last block */
    kh_status status = put_text(answer, answer->count > 0 ? "]" : "[]", err);

    store_u32(tail + 5, answer->crc);
    store_u32(tail + 9, (uint32_t)answer->plain_size);
    return status == KH_OK && answer->gzip ? kh_buf_append(answer->out, tail, sizeof tail, err) : status;
}
