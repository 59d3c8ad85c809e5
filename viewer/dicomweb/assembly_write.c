#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "base/log.h"
#include "dicom/writer.h"
#include "store/file.h"
#include "viewer/dicomweb/assembly_internal.h"

#define PART_BYTES 65536
#define ITEM_BYTES_MAX 0xfffffffeu
#define TAG_ENCAPSULATED_DOCUMENT KH_TAG(0x0042, 0x0011)
#define HEADER_BYTES_MAX 4096

/* Where the bytes of a value belong in the data set. */
typedef struct gap {
    size_t at;
    const kh_value *value;
    bool encapsulated;
    bool packed; /* its parts are frames of one bit a pixel, each begun with a byte: joined bit by bit (PS3.5 8.1.1) */
} gap;

typedef struct writing {
    kh_assembly *assembly;
    int fd;
    kh_buf dataset, scratch;
    gap *gaps; /* ascending */
    size_t gap_count, gap_capacity;
    const kh_value *compressed; /* the value of Pixel Data when it is; NULL */
    uint64_t frame_bits;        /* of frames of one bit a pixel that do not end with a byte; 0 */
    uint64_t frame_count;
    uint8_t *part;
} writing;

/* ---- the values that a data set names ---- */

static gap *add_gap(writing *w, const kh_value *value, kh_error *err)
{
    if (w->gap_count == w->gap_capacity) {
        size_t capacity = w->gap_capacity ? 2 * w->gap_capacity : 8;
        gap *moved = realloc(w->gaps, capacity * sizeof *moved);

        if (!moved) {
            kh_error_set(err, KH_E_MEMORY, "no memory for %zu values", capacity);
            return NULL;
        }
        w->gaps = moved;
        w->gap_capacity = capacity;
    }
    w->gaps[w->gap_count] = (gap){.value = value};
    return &w->gaps[w->gap_count++];
}

/* Text and numbers, which the data set's writer pads as their VR wants. */
static kh_status hold(writing *w, const kh_value *value, kh_json_bulk *out, kh_error *err)
{
    kh_status status = KH_OK;

    kh_buf_clear(&w->scratch);
    for (uint32_t i = value->first; status == KH_OK && i != KH_NO_PIECE; i = w->assembly->values.pieces[i].next) {
        const kh_value_piece *piece = &w->assembly->values.pieces[i];

        if (piece->size > w->scratch.max_size)
            return kh_error_set(err, KH_E_LIMIT, "bulk data of %" PRIu64 " bytes, limit %zu", piece->size, w->scratch.max_size);
        status = kh_buf_reserve(&w->scratch, (size_t)piece->size, err);
        if (status == KH_OK)
            status =
                kh_read_all_at(w->assembly->options.spool_fd, w->scratch.data + w->scratch.size, (size_t)piece->size, piece->offset, err);
        w->scratch.size += status == KH_OK ? (size_t)piece->size : 0;
    }
    out->bytes = w->scratch.data;
    out->size = w->scratch.size;
    return status;
}

static bool is_bytes(kh_vr vr)
{
    return vr >> 8 == 'O' || vr == KH_VR('U', 'N');
}

static kh_status check_media(const kh_value *value, const kh_json_place *place, kh_error *err)
{
    bool is_object_pixels = place->tag == KH_TAG_PIXEL_DATA && place->depth == 0;

    if (value->status != KH_OK)
        return kh_error_set(err, value->status, "its part could not be kept");
    if (value->count == 0)
        return kh_error_set(err, KH_E_NOT_FOUND, "bulk data that did not come");
    if (value->media.kind == KH_VALUE_CODESTREAM && (!is_object_pixels || !is_bytes(place->vr)))
        return kh_error_set(err, KH_E_FORMAT, "bulk data of a picture's type, expected application/octet-stream");
    if (value->media.kind == KH_VALUE_DOCUMENT && place->tag != TAG_ENCAPSULATED_DOCUMENT)
        return kh_error_set(err, KH_E_FORMAT, "bulk data of a document's type, expected application/octet-stream");
    return KH_OK;
}

/* Frames of one bit that came one by one, as they are retrieved one by one. */
static bool is_packed(const writing *w, const kh_value *value, const kh_json_place *place)
{
    const kh_values *values = &w->assembly->values;

    if (w->frame_bits == 0 || place->tag != KH_TAG_PIXEL_DATA || place->depth > 0 || value->count != w->frame_count)
        return false;
    for (uint32_t i = value->first; i != KH_NO_PIECE; i = values->pieces[i].next)
        if (values->pieces[i].size != (w->frame_bits + 7) / 8)
            return false;
    return true;
}

static kh_status give_value(void *context, const kh_json_place *place, kh_json_bulk *out, kh_error *err)
{
    writing *w = context;
    kh_value *value;
    gap *to;
    kh_status status = kh_values_find(&value, &w->assembly->values, w->assembly->base, place->uri, err);

    if (status == KH_OK && !value)
        status = kh_error_set(err, KH_E_INTERNAL, "a value that was not named");
    if (status == KH_OK)
        status = check_media(value, place, err);
    if (status != KH_OK)
        return status;
    if (!is_bytes(place->vr))
        return hold(w, value, out, err);
    to = add_gap(w, value, err);
    if (!to)
        return KH_E_MEMORY;
    to->packed = is_packed(w, value, place);
    out->size = to->packed ? (w->frame_bits * w->frame_count + 7) / 8 : value->size;
    out->gap_at = &to->at;
    out->encapsulated = to->encapsulated = value->media.kind == KH_VALUE_CODESTREAM;
    if (out->encapsulated)
        w->compressed = value;
    return KH_OK;
}

/* ---- the file ---- */

static void put_u32(uint8_t *at, uint32_t number)
{
    for (size_t i = 0; i < 4; i++)
        at[i] = (uint8_t)(number >> (8 * i));
}

static kh_status copy(writing *w, uint64_t offset, uint64_t size, kh_error *err)
{
    kh_status status = KH_OK;

    while (status == KH_OK && size > 0) {
        size_t now = size < PART_BYTES ? (size_t)size : PART_BYTES;

        status = kh_read_all_at(w->assembly->options.spool_fd, w->part, now, offset, err);
        if (status == KH_OK)
            status = kh_write_all(w->fd, w->part, now, err);
        offset += now;
        size -= now;
    }
    return status;
}

static kh_status write_item_header(writing *w, unsigned element, uint32_t length, kh_error *err)
{
    uint8_t header[8] = {0xfe, 0xff, (uint8_t)element, (uint8_t)(element >> 8)};

    put_u32(header + 4, length);
    return kh_write_all(w->fd, header, sizeof header, err);
}

/* Where each frame's item begins, from the first; empty for a video, and where a frame begins past 4 GiB (PS3.5 A.4). */
static kh_status write_offset_table(writing *w, const kh_value *value, kh_error *err)
{
    const kh_values *values = &w->assembly->values;
    size_t size = 4 * (size_t)value->count, at = 0;
    uint64_t offset = 0;
    uint8_t *table;
    kh_status status;

    if (value->media.codec == KH_CODEC_VIDEO)
        return write_item_header(w, 0xe000, 0, err);
    table = malloc(size);
    if (!table)
        return kh_error_set(err, KH_E_MEMORY, "no memory for an offset table of %u frames", (unsigned)value->count);
    for (uint32_t i = value->first; i != KH_NO_PIECE; i = values->pieces[i].next, at += 4) {
        if (offset > UINT32_MAX)
            size = 0;
        put_u32(table + at, (uint32_t)offset);
        offset += 8 + values->pieces[i].size + values->pieces[i].size % 2;
    }
    status = write_item_header(w, 0xe000, (uint32_t)size, err);
    if (status == KH_OK)
        status = kh_write_all(w->fd, table, size, err);
    free(table);
    return status;
}

/* A frame is one item; only a video may have several. */
static kh_status write_frame(writing *w, const kh_value_piece *piece, bool is_video, kh_error *err)
{
    uint64_t at = 0;
    kh_status status = KH_OK;

    if (!is_video && piece->size > ITEM_BYTES_MAX)
        return kh_error_set(err, KH_E_LIMIT, "frame of %" PRIu64 " bytes", piece->size);
    while (status == KH_OK && at < piece->size) {
        uint64_t now = piece->size - at < ITEM_BYTES_MAX ? piece->size - at : ITEM_BYTES_MAX;

        status = write_item_header(w, 0xe000, (uint32_t)(now + now % 2), err);
        if (status == KH_OK)
            status = copy(w, piece->offset + at, now, err);
        if (status == KH_OK && now % 2)
            status = kh_write_all(w->fd, "", 1, err);
        at += now;
    }
    return status;
}

/* Bits that wait for a whole byte. */
typedef struct bits {
    uint32_t held;
    unsigned count;
} bits;

/* `count` bits of the spool from offset on, behind those that are held; whole bytes are written. */
static kh_status pack_frame(writing *w, bits *waiting, uint64_t offset, uint64_t count, kh_error *err)
{
    uint8_t *out = w->part + PART_BYTES;
    kh_status status = KH_OK;

    while (status == KH_OK && count > 0) {
        uint64_t bytes = (count + 7) / 8;
        size_t now = bytes < PART_BYTES ? (size_t)bytes : PART_BYTES, ready = 0;

        status = kh_read_all_at(w->assembly->options.spool_fd, w->part, now, offset, err);
        for (size_t i = 0; status == KH_OK && i < now; i++) {
            unsigned taken = count < 8 ? (unsigned)count : 8;

            waiting->held |= (uint32_t)(w->part[i] & ((1u << taken) - 1)) << waiting->count;
            waiting->count += taken;
            count -= taken;
            if (waiting->count >= 8) {
                out[ready++] = (uint8_t)waiting->held;
                waiting->held >>= 8;
                waiting->count -= 8;
            }
        }
        if (status == KH_OK)
            status = kh_write_all(w->fd, out, ready, err);
        offset += now;
    }
    return status;
}

static kh_status write_packed(writing *w, const kh_value *value, kh_error *err)
{
    const kh_values *values = &w->assembly->values;
    uint64_t size = (w->frame_bits * w->frame_count + 7) / 8;
    bits waiting = {0, 0};
    kh_status status = KH_OK;

    for (uint32_t i = value->first; status == KH_OK && i != KH_NO_PIECE; i = values->pieces[i].next)
        status = pack_frame(w, &waiting, values->pieces[i].offset, w->frame_bits, err);
    if (status == KH_OK && waiting.count > 0)
        status = kh_write_all(w->fd, &(uint8_t){(uint8_t)waiting.held}, 1, err);
    return status == KH_OK && size % 2 ? kh_write_all(w->fd, "", 1, err) : status;
}

static kh_status write_gap(writing *w, const gap *from, kh_error *err)
{
    const kh_values *values = &w->assembly->values;
    kh_status status = from->encapsulated ? write_offset_table(w, from->value, err) : KH_OK;

    if (from->packed)
        return write_packed(w, from->value, err);
    for (uint32_t i = from->value->first; status == KH_OK && i != KH_NO_PIECE; i = values->pieces[i].next)
        status = from->encapsulated ? write_frame(w, &values->pieces[i], from->value->media.codec == KH_CODEC_VIDEO, err)
                                    : copy(w, values->pieces[i].offset, values->pieces[i].size, err);
    if (status == KH_OK && from->encapsulated)
        return write_item_header(w, 0xe0dd, 0, err);
    return status == KH_OK && from->value->size % 2 ? kh_write_all(w->fd, "", 1, err) : status;
}

static kh_status write_file(writing *w, const kh_stow_object *object, const char *syntax, kh_error *err)
{
    kh_status status;
    size_t at = 0;

    kh_buf_clear(&w->scratch);
    status = kh_part10_header(&w->scratch, object->sop_class_uid, object->sop_instance_uid, syntax, "", err);
    if (status == KH_OK)
        status = kh_write_all(w->fd, w->scratch.data, w->scratch.size, err);
    for (size_t i = 0; status == KH_OK && i < w->gap_count; i++) {
        status = kh_write_all(w->fd, w->dataset.data + at, w->gaps[i].at - at, err);
        at = w->gaps[i].at;
        if (status == KH_OK)
            status = write_gap(w, &w->gaps[i], err);
    }
    return status == KH_OK ? kh_write_all(w->fd, w->dataset.data + at, w->dataset.size - at, err) : status;
}

/* ---- one object ---- */

static uint64_t number_of(const kh_json *object, const char *key, uint64_t absent)
{
    const kh_json *attribute = kh_json_member(object, key), *values = attribute ? kh_json_member(attribute, "Value") : NULL;
    const kh_json *first = values && kh_json_count(values) > 0 ? kh_json_at(values, 0) : NULL;
    const char *text = first ? kh_json_text_of(first) : NULL; /* IS may come as text */
    double number = text ? strtod(text, NULL) : first ? kh_json_number_of(first) : (double)absent;

    return number >= 0 && number <= UINT32_MAX ? (uint64_t)number : 0;
}

static void note_frames(writing *w, const kh_json *json)
{
    uint64_t rows = number_of(json, "00280010", 0), columns = number_of(json, "00280011", 0);

    w->frame_count = number_of(json, "00280008", 1);
    if (number_of(json, "00280100", 0) == 1 && number_of(json, "00280002", 1) == 1 && rows <= UINT16_MAX && columns <= UINT16_MAX &&
        w->frame_count > 1)
        w->frame_bits = rows * columns % 8 != 0 ? rows * columns : 0;
}

static kh_status read_set(writing *w, const kh_assembly_set *set, kh_error *err)
{
    const kh_json_read_options options = {
        .depth = 16, .elements = KH_ASSEMBLY_ELEMENTS_MAX, .left_out = kh_assembly_left_out, .bulk = give_value, .context = w};
    char *text = malloc(set->size + 1);
    kh_json *json = NULL;
    kh_status status = text ? KH_OK : kh_error_set(err, KH_E_MEMORY, "no memory for a data set");

    if (status == KH_OK)
        status = kh_read_all_at(w->assembly->options.spool_fd, text, set->size, set->offset, err);
    if (status == KH_OK)
        status = kh_assembly_parse(&json, text, set->size, err);
    free(text);
    if (status == KH_OK)
        note_frames(w, json);
    if (status == KH_OK)
        status = kh_json_model_read(&w->dataset, json, &options, err);
    kh_json_free(json);
    return status;
}

static kh_status write_object(writing *w, const kh_assembly_set *set, kh_error *err)
{
    const char *syntax = KH_TS_EXPLICIT_LE;
    kh_status status = read_set(w, set, err);

    if (status == KH_OK && w->dataset.size == 0)
        status = kh_error_set(err, KH_E_FORMAT, "a data set without attributes");
    if (status == KH_OK && w->compressed)
        status = kh_assembly_syntax(&syntax, w->assembly, w->compressed, err);
    if (status == KH_OK)
        status = write_file(w, &set->object, syntax, err);
    return status == KH_OK ? kh_assembly_check(w->assembly, w->fd, w->compressed, syntax, err) : status;
}

void kh_assembly_write(kh_assembly *assembly, size_t index, int fd, kh_stow_object *out)
{
    const kh_assembly_set *set = &assembly->sets[index];
    size_t limit = assembly->options.metadata_bytes_max + HEADER_BYTES_MAX;
    writing w = {.assembly = assembly, .fd = fd};
    kh_error err = KH_ERROR_INIT;
    kh_status status = KH_OK;

    *out = set->object;
    if (out->failure)
        return;
    kh_buf_init(&w.dataset, limit);
    kh_buf_init(&w.scratch, limit);
    w.part = malloc(2 * (size_t)PART_BYTES);
    if (!w.part)
        status = kh_error_set(&err, KH_E_MEMORY, "no memory to copy");
    if (status == KH_OK)
        status = write_object(&w, set, &err);
    if (status != KH_OK) {
        kh_log(KH_LOG_WARN, "stow", "object %s refused: %s", out->sop_instance_uid[0] ? out->sop_instance_uid : "without UID", err.message);
        out->failure = kh_stow_reason(status == KH_E_UNSUPPORTED ? KH_E_FORMAT : status);
    }
    kh_buf_release(&w.dataset);
    kh_buf_release(&w.scratch);
    free(w.gaps);
    free(w.part);
}
