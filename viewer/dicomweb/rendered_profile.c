#include "viewer/dicomweb/rendered_profile.h"

#include <libdeflate.h>
#include <stdlib.h>
#include <string.h>

#define HEADER_SIZE 128
#define SEGMENT_BYTES_MAX 65519 /* of a profile in one APP2 */
#define SEGMENTS_MAX 255
#define MARK "ICC_PROFILE"
#define PNG_NAME "icc"
#define COMPRESSION 6

static uint32_t load_u32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void store_u32(uint8_t *p, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(value >> (24 - 8 * i));
}

bool kh_profile_is_rgb(const uint8_t *bytes, size_t size)
{
    return size > HEADER_SIZE && size <= KH_PROFILE_BYTES_MAX && load_u32(bytes) == size && memcmp(bytes + 16, "RGB ", 4) == 0 &&
           memcmp(bytes + 36, "acsp", 4) == 0;
}

/* In the text of its description, of one byte a letter (version 2) or of two (version 4). */
bool kh_profile_is_srgb(const uint8_t *bytes, size_t size)
{
    static const char wide[] = "s\0R\0G\0B";
    uint32_t count = size > HEADER_SIZE + 4 ? load_u32(bytes + HEADER_SIZE) : 0;

    for (uint32_t i = 0; i < count && HEADER_SIZE + 4 + 12 * ((size_t)i + 1) <= size; i++) {
        const uint8_t *tag = bytes + HEADER_SIZE + 4 + 12 * (size_t)i;
        uint32_t offset = load_u32(tag + 4), length = load_u32(tag + 8);

        if (memcmp(tag, "desc", 4) == 0 && offset <= size && length <= size - offset)
            return memmem(bytes + offset, length, "sRGB", 4) || memmem(bytes + offset, length, wide, sizeof wide - 1);
    }
    return false;
}

/* --- sRGB --- */

static void put_s15(uint8_t *p, double value)
{
    store_u32(p, (uint32_t)(int32_t)(value * 65536 + (value < 0 ? -0.5 : 0.5)));
}

static kh_status put_text(kh_buf *out, const char *text, kh_error *err)
{
    uint8_t bytes[96] = "mluc";
    size_t size = strlen(text);

    store_u32(bytes + 8, 1); /* one language */
    store_u32(bytes + 12, 12);
    memcpy(bytes + 16, "enUS", 4);
    store_u32(bytes + 20, (uint32_t)(2 * size));
    store_u32(bytes + 24, 28);
    for (size_t i = 0; i < size; i++)
        bytes[28 + 2 * i + 1] = (uint8_t)text[i];
    return kh_buf_append(out, bytes, (28 + 2 * size + 3) / 4 * 4, err);
}

static kh_status put_xyz(kh_buf *out, double x, double y, double z, kh_error *err)
{
    uint8_t bytes[20] = "XYZ ";

    put_s15(bytes + 8, x);
    put_s15(bytes + 12, y);
    put_s15(bytes + 16, z);
    return kh_buf_append(out, bytes, sizeof bytes, err);
}

/* Bradford's, from D65 to the D50 of profiles. */
static kh_status put_adaptation(kh_buf *out, kh_error *err)
{
    static const double matrix[9] = {1.04788, 0.02292, -0.05022, 0.02959, 0.99048, -0.01707, -0.00925, 0.01508, 0.75168};
    uint8_t bytes[44] = "sf32";

    for (int i = 0; i < 9; i++)
        put_s15(bytes + 8 + 4 * i, matrix[i]);
    return kh_buf_append(out, bytes, sizeof bytes, err);
}

/* IEC 61966-2-1: ((x + 0.055) / 1.055) ^ 2.4 from 0.04045 on, x / 12.92 below. */
static kh_status put_curve(kh_buf *out, kh_error *err)
{
    static const double parameters[5] = {2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045};
    uint8_t bytes[32] = "para";

    bytes[9] = 3;
    for (int i = 0; i < 5; i++)
        put_s15(bytes + 12 + 4 * i, parameters[i]);
    return kh_buf_append(out, bytes, sizeof bytes, err);
}

static void write_header(uint8_t *header, uint32_t size)
{
    memset(header, 0, HEADER_SIZE);
    store_u32(header, size);
    header[8] = 4;
    header[9] = 0x20;
    memcpy(header + 12, "mntrRGB XYZ ", 12);
    header[24] = 2026 >> 8; /* 1 January, always: the same bytes each time */
    header[25] = 2026 & 0xff;
    header[27] = header[29] = 1;
    memcpy(header + 36, "acsp", 4);
    put_s15(header + 68, 0.9642);
    put_s15(header + 72, 1);
    put_s15(header + 76, 0.8249);
}

/* What the tags of the table say; green and blue have the curve of red. */
#define VALUES 8
static const char names[][5] = {"desc", "cprt", "wtpt", "chad", "rXYZ", "gXYZ", "bXYZ", "rTRC", "gTRC", "bTRC"};
#define NAMES (sizeof names / sizeof names[0])

static kh_status put_value(kh_buf *out, unsigned index, kh_error *err)
{
    static const double xyz[][3] = {
        {0.9642, 1, 0.8249}, {0, 0, 0}, {0.43607, 0.22249, 0.01392}, {0.38515, 0.71687, 0.09708}, {0.14307, 0.06061, 0.71410}};

    switch (index) {
    case 0:
        return put_text(out, "sRGB", err);
    case 1:
        return put_text(out, "No copyright", err);
    case 3:
        return put_adaptation(out, err);
    case VALUES - 1:
        return put_curve(out, err);
    default:
        return put_xyz(out, xyz[index - 2][0], xyz[index - 2][1], xyz[index - 2][2], err);
    }
}

kh_status kh_profile_write_srgb(kh_buf *out, kh_error *err)
{
    uint8_t head[HEADER_SIZE + 4 + 12 * NAMES] = {0};
    uint32_t offsets[VALUES + 1];
    size_t from = out->size;
    kh_status status = kh_buf_append(out, head, sizeof head, err);

    for (unsigned i = 0; i <= VALUES; i++) {
        offsets[i] = (uint32_t)(out->size - from);
        if (status == KH_OK && i < VALUES)
            status = put_value(out, i, err);
    }
    if (status != KH_OK)
        return status;
    write_header(head, offsets[VALUES]);
    store_u32(head + HEADER_SIZE, NAMES);
    for (size_t i = 0; i < NAMES; i++) {
        size_t at = i < VALUES ? i : VALUES - 1;
        uint8_t *entry = head + HEADER_SIZE + 4 + 12 * i;

        memcpy(entry, names[i], 4);
        store_u32(entry + 4, offsets[at]);
        store_u32(entry + 8, offsets[at + 1] - offsets[at]);
    }
    memcpy(out->data + from, head, sizeof head);
    return KH_OK;
}

/* --- into a picture --- */

static kh_status insert(kh_buf *picture, size_t at, const uint8_t *bytes, size_t size, kh_error *err)
{
    size_t behind = picture->size - at;
    kh_status status = kh_buf_append(picture, bytes, size, err); /* room for it */

    if (status == KH_OK) {
        memmove(picture->data + at + size, picture->data + at, behind);
        memcpy(picture->data + at, bytes, size);
    }
    return status;
}

kh_status kh_profile_embed_jpeg(kh_buf *picture, size_t from, const uint8_t *profile, size_t size, kh_error *err)
{
    size_t count = (size + SEGMENT_BYTES_MAX - 1) / SEGMENT_BYTES_MAX, used = 0, at = from + 2;
    uint8_t *segments;
    kh_status status;

    if (picture->size < from + 6 || picture->data[from] != 0xff || picture->data[from + 1] != 0xd8 || count == 0 || count > SEGMENTS_MAX)
        return kh_error_set(err, KH_E_INTERNAL, "no JPEG for a profile of %zu bytes", size);
    if (picture->data[at] == 0xff && picture->data[at + 1] == 0xe0) /* JFIF comes first */
        at += 2 + ((size_t)picture->data[at + 2] << 8 | picture->data[at + 3]);
    if (at > picture->size)
        return kh_error_set(err, KH_E_INTERNAL, "a JPEG that ends in its first marker");
    segments = malloc(size + 18 * count);
    if (!segments)
        return kh_error_set(err, KH_E_MEMORY, "no memory for a profile");
    for (size_t i = 0; i < count; i++) {
        size_t part = size - i * SEGMENT_BYTES_MAX < SEGMENT_BYTES_MAX ? size - i * SEGMENT_BYTES_MAX : SEGMENT_BYTES_MAX;
        const uint8_t length[4] = {0xff, 0xe2, (uint8_t)((part + 16) >> 8), (uint8_t)(part + 16)};

        memcpy(segments + used, length, 4);
        memcpy(segments + used + 4, MARK, sizeof MARK);
        segments[used + 16] = (uint8_t)(i + 1);
        segments[used + 17] = (uint8_t)count;
        memcpy(segments + used + 18, profile + i * SEGMENT_BYTES_MAX, part);
        used += 18 + part;
    }
    status = insert(picture, at, segments, used, err);
    free(segments);
    return status;
}

#define PNG_IHDR_END 33 /* signature, length, name, 13 bytes, sum */

kh_status kh_profile_embed_png(kh_buf *picture, size_t from, const uint8_t *profile, size_t size, kh_error *err)
{
    struct libdeflate_compressor *deflater = NULL;
    size_t room, packed, head = 8 + sizeof PNG_NAME + 1;
    uint8_t *chunk = NULL;
    kh_status status = KH_OK;

    if (picture->size < from + PNG_IHDR_END || memcmp(picture->data + from + 12, "IHDR", 4) != 0)
        return kh_error_set(err, KH_E_INTERNAL, "no PNG for a profile");
    deflater = libdeflate_alloc_compressor(COMPRESSION);
    room = deflater ? libdeflate_zlib_compress_bound(deflater, size) : 0;
    chunk = deflater ? malloc(head + room + 4) : NULL;
    if (!chunk) {
        status = kh_error_set(err, KH_E_MEMORY, "no memory for a profile");
        goto out;
    }
    memcpy(chunk + 4, "iCCP" PNG_NAME "\0", 4 + sizeof PNG_NAME + 1); /* name, its NUL, method 0 */
    packed = libdeflate_zlib_compress(deflater, profile, size, chunk + head, room);
    store_u32(chunk, (uint32_t)(head - 8 + packed));
    store_u32(chunk + head + packed, libdeflate_crc32(0, chunk + 4, head - 4 + packed));
    status = insert(picture, from + PNG_IHDR_END, chunk, head + packed + 4, err);
out:
    free(chunk);
    libdeflate_free_compressor(deflater);
    return status;
}
