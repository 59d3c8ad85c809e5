#include "viewer/dicomweb/bulk_value.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cache/corrected.h"
#include "dicom/fragments.h"
#include "dicom/json_model.h"

#define MEMORY_BYTES_MAX (64u << 20) /* of a value that does not lie in the file as it leaves */
#define TAG_ENCAPSULATED_DOCUMENT KH_TAG(0x0042, 0x0011)
#define TAG_DOCUMENT_MIME_TYPE KH_TAG(0x0042, 0x0012)

static size_t swap_unit(kh_vr vr)
{
    switch (vr) {
    case KH_VR('O', 'W'):
    case KH_VR('U', 'S'):
    case KH_VR('S', 'S'):
    case KH_VR('A', 'T'):
        return 2;
    case KH_VR('O', 'F'):
    case KH_VR('O', 'L'):
    case KH_VR('F', 'L'):
    case KH_VR('U', 'L'):
    case KH_VR('S', 'L'):
        return 4;
    case KH_VR('O', 'D'):
    case KH_VR('O', 'V'):
    case KH_VR('F', 'D'):
    case KH_VR('U', 'V'):
    case KH_VR('S', 'V'):
        return 8;
    default:
        return 1;
    }
}

static void swap(uint8_t *bytes, size_t size, size_t unit)
{
    for (size_t at = 0; at + unit <= size; at += unit)
        for (size_t i = 0; i < unit / 2; i++) {
            uint8_t byte = bytes[at + i];

            bytes[at + i] = bytes[at + unit - 1 - i];
            bytes[at + unit - 1 - i] = byte;
        }
}

static void keep(kh_bulk_value *b, uint8_t *bytes, size_t size)
{
    b->piece.bytes = bytes;
    b->piece.size = size;
    b->piece.release = free;
    b->piece.held = bytes;
    b->size = size;
}

static kh_status copy_value(kh_bulk_value *b, const kh_element *element, const kh_source *source, size_t unit, kh_error *err)
{
    uint8_t *bytes;
    kh_status status;

    if (element->length > MEMORY_BYTES_MAX)
        return kh_error_set(err, KH_E_LIMIT, "the value has more than %u bytes and does not stand in the file as it is asked for",
                            MEMORY_BYTES_MAX);
    bytes = malloc((size_t)element->length + 1);
    if (!bytes)
        return kh_error_set(err, KH_E_MEMORY, "no memory for a value");
    status = source->read_at(source, element->offset, bytes, (size_t)element->length, err);
    if (status != KH_OK) {
        free(bytes);
        return status;
    }
    if (unit > 1)
        swap(bytes, (size_t)element->length, unit);
    keep(b, bytes, (size_t)element->length);
    return KH_OK;
}

const char *kh_bulk_video_type(const char *syntax)
{
    static const struct {
        const char *beginning, *type;
    } types[] = {
        {"1.2.840.10008.1.2.4.100", "video/mpeg"}, {"1.2.840.10008.1.2.4.101", "video/mpeg"}, {"1.2.840.10008.1.2.4.102", "video/mp4"},
        {"1.2.840.10008.1.2.4.103", "video/mp4"},  {"1.2.840.10008.1.2.4.104", "video/mp4"},  {"1.2.840.10008.1.2.4.105", "video/mp4"},
        {"1.2.840.10008.1.2.4.106", "video/mp4"},  {"1.2.840.10008.1.2.4.107", "video/h265"}, {"1.2.840.10008.1.2.4.108", "video/h265"}};

    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (strncmp(syntax, types[i].beginning, strlen(types[i].beginning)) == 0)
            return types[i].type;
    return NULL;
}

/* Compressed pixel data inside a sequence, an icon nearly always, or a video: its fragments joined, without the offset table. One fragment
 * alone goes out from the file: *fd is taken then. */
static kh_status join_fragments(kh_bulk_value *b, const kh_element *element, const kh_source *source, int *fd, kh_error *err)
{
    kh_fragments fragments = {0};
    uint8_t *bytes = NULL;
    uint64_t size = 0;
    kh_status status = kh_fragments_read(&fragments, element, source, false, err);

    if (status == KH_OK && fd && fragments.count == 1 && fragments.extents[0].length > 0) {
        b->piece.fd = *fd;
        b->piece.offset = fragments.extents[0].offset;
        b->piece.file_size = b->size = fragments.extents[0].length;
        *fd = -1;
        kh_fragments_release(&fragments);
        return KH_OK;
    }
    for (uint32_t i = 0; status == KH_OK && i < fragments.count; i++) {
        size += fragments.extents[i].length;
        if (size > MEMORY_BYTES_MAX)
            status = kh_error_set(err, KH_E_LIMIT, "the value has more than %u bytes", MEMORY_BYTES_MAX);
    }
    if (status == KH_OK && !(bytes = malloc((size_t)size + 1)))
        status = kh_error_set(err, KH_E_MEMORY, "no memory for a value");
    size = 0;
    for (uint32_t i = 0; status == KH_OK && i < fragments.count; i++) {
        status = source->read_at(source, fragments.extents[i].offset, bytes + size, (size_t)fragments.extents[i].length, err);
        size += fragments.extents[i].length;
    }
    kh_fragments_release(&fragments);
    if (status == KH_OK)
        keep(b, bytes, (size_t)size);
    else
        free(bytes);
    return status;
}

static void note_video(kh_bulk_value *b, const char *syntax)
{
    b->own_type = kh_bulk_video_type(syntax);
    if (!b->own_type)
        return;
    snprintf(b->stored_syntax, sizeof b->stored_syntax, "%s", syntax);
    b->syntax = b->stored_syntax;
}

/* *fd is taken when the value is read from it later. */
static kh_status find_value(kh_bulk_value *b, const kh_bulk_path *path, int *fd, const kh_source *source, bool is_file,
                            kh_error *err)
{
    const kh_transfer_syntax *syntax;
    const kh_element *element = NULL;
    kh_dataset *dataset = NULL;
    kh_source inflated;
    const uint8_t *bytes;
    size_t size = 0, unit;
    char mime[32] = "";
    kh_status status = kh_dataset_read_file(&dataset, source, &kh_dataset_limits_default, err);

    if (status == KH_OK)
        status = kh_bulk_path_find(&element, path, dataset, err);
    if (status == KH_OK) {
        syntax = kh_transfer_syntax_find(kh_dataset_transfer_syntax(dataset));
        unit = syntax && syntax->big_endian ? swap_unit(kh_element_model_vr(dataset, element)) : 1;
        bytes = kh_dataset_inflated(dataset, &size);
        if (bytes)
            kh_source_init_memory(&inflated, bytes, size);
        b->size = element->length;
        if (path->depth == 0 && element->tag == TAG_ENCAPSULATED_DOCUMENT &&
            kh_item_string(kh_dataset_main(dataset), TAG_DOCUMENT_MIME_TYPE, 0, mime, sizeof mime) && strcmp(mime, KH_BULK_PDF) == 0)
            b->own_type = KH_BULK_PDF;
        if (path->depth == 0 && element->tag == KH_TAG_PIXEL_DATA)
            note_video(b, kh_dataset_transfer_syntax(dataset));
        if (element->undefined_length) {
            status = join_fragments(b, element, bytes ? &inflated : source, is_file && !bytes ? fd : NULL, err);
        } else if (element->length > 0 && is_file && !bytes && unit == 1) {
            b->piece.fd = *fd;
            b->piece.offset = element->offset;
            b->piece.file_size = element->length;
            *fd = -1;
        } else if (element->length > 0) {
            status = copy_value(b, element, bytes ? &inflated : source, unit, err);
        }
    }
    kh_dataset_free(dataset);
    return status;
}

kh_status kh_bulk_value_open(kh_bulk_value *b, kh_cache *cache, const kh_retrieve_object *object, const kh_bulk_path *path,
                             kh_error *err)
{
    kh_amended *amended = NULL;
    kh_source source;
    int fd = -1;
    kh_status status = kh_object_open(cache, object->id, &fd, err);

    if (status == KH_OK)
        status = kh_source_init_fd(&source, fd, err);
    if (status == KH_OK)
        status = kh_corrected_open(&amended, cache, object->study_id, &source, err);
    if (status == KH_OK)
        status = find_value(b, path, &fd, amended ? kh_amended_source(amended) : &source, amended == NULL, err);
    kh_amended_free(amended);
    if (fd >= 0)
        close(fd);
    return status;
}
