/* Bulk data (PS3.18 10.4.1.1.5): one value of an instance, little endian. Pixel data are frames.c's. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cache/corrected.h"
#include "dicom/fragments.h"
#include "dicom/json_model.h"
#include "store/digest.h"
#include "viewer/dicomweb/bulk_path.h"
#include "viewer/dicomweb/retrieve.h"

#define MEMORY_BYTES_MAX (64u << 20) /* of a value that does not lie in the file as it leaves */
#define TAG_ENCAPSULATED_DOCUMENT KH_TAG(0x0042, 0x0011)
#define TAG_DOCUMENT_MIME_TYPE KH_TAG(0x0042, 0x0012)
#define PDF "application/pdf"
#define OCTETS "application/octet-stream"
#define LOCATION_SIZE (KH_DICOMWEB_ADDRESS_SIZE + 250 + KH_BULK_TEXT_SIZE)

typedef struct bulk {
    kh_dicomweb *dicomweb;
    kh_retrieve_uids uids;
    char address[KH_DICOMWEB_ADDRESS_SIZE];
    char path_text[KH_BULK_TEXT_SIZE];
    kh_bulk_path path;
    uint64_t state;
    bool is_pdf;
    kh_http_piece value;
    uint64_t size;
    kh_multipart multipart;
    bool single;
    unsigned step; /* while it goes out */
} bulk;

static void bulk_free(void *context)
{
    bulk *b = context;

    if (b)
        kh_http_piece_release(&b->value);
    free(b);
}

/* --- the value --- */

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

static void keep(bulk *b, uint8_t *bytes, size_t size)
{
    b->value.bytes = bytes;
    b->value.size = size;
    b->value.release = free;
    b->value.held = bytes;
    b->size = size;
}

static kh_status copy_value(bulk *b, const kh_element *element, const kh_source *source, size_t unit, kh_error *err)
{
    uint8_t *bytes;
    kh_status status;

    if (element->length > MEMORY_BYTES_MAX)
        return kh_error_set(err, KH_E_LIMIT, "the value has more than %u bytes and does not stand in the file as it is asked for", MEMORY_BYTES_MAX);
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

/* Compressed pixel data inside a sequence, an icon nearly always: its fragments joined, without the offset table. */
static kh_status join_fragments(bulk *b, const kh_element *element, const kh_source *source, kh_error *err)
{
    kh_fragments fragments = {0};
    uint8_t *bytes = NULL;
    uint64_t size = 0;
    kh_status status = kh_fragments_read(&fragments, element, source, false, err);

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

/* *fd is taken when the value is read from it later. */
static kh_status find_value(bulk *b, int *fd, const kh_source *source, bool is_file, kh_error *err)
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
        status = kh_bulk_path_find(&element, &b->path, dataset, err);
    if (status == KH_OK) {
        syntax = kh_transfer_syntax_find(kh_dataset_transfer_syntax(dataset));
        unit = syntax && syntax->big_endian ? swap_unit(kh_element_model_vr(dataset, element)) : 1;
        bytes = kh_dataset_inflated(dataset, &size);
        if (bytes)
            kh_source_init_memory(&inflated, bytes, size);
        b->size = element->length;
        b->is_pdf = b->path.depth == 0 && element->tag == TAG_ENCAPSULATED_DOCUMENT &&
                    kh_item_string(kh_dataset_main(dataset), TAG_DOCUMENT_MIME_TYPE, 0, mime, sizeof mime) && strcmp(mime, PDF) == 0;
        if (element->undefined_length) {
            status = join_fragments(b, element, bytes ? &inflated : source, err);
        } else if (element->length > 0 && is_file && !bytes && unit == 1) {
            b->value.fd = *fd;
            b->value.offset = element->offset;
            b->value.file_size = element->length;
            *fd = -1;
        } else if (element->length > 0) {
            status = copy_value(b, element, bytes ? &inflated : source, unit, err);
        }
    }
    kh_dataset_free(dataset);
    return status;
}

static kh_status open_value(bulk *b, const kh_retrieve_object *object, kh_error *err)
{
    kh_amended *amended = NULL;
    kh_source source;
    int fd = -1;
    kh_status status = kh_object_open(b->dicomweb->cache, object->id, &fd, err);

    if (status == KH_OK)
        status = kh_source_init_fd(&source, fd, err);
    if (status == KH_OK)
        status = kh_corrected_open(&amended, b->dicomweb->cache, object->study_id, &source, err);
    if (status == KH_OK)
        status = find_value(b, &fd, amended ? kh_amended_source(amended) : &source, amended == NULL, err);
    kh_amended_free(amended);
    if (fd >= 0)
        close(fd);
    return status;
}

kh_status kh_bulk_open(kh_http_piece *piece, uint64_t *size, kh_dicomweb *dicomweb, const kh_retrieve_object *object, const kh_bulk_path *path,
                       kh_error *err)
{
    bulk *b = calloc(1, sizeof *b);
    kh_status status;

    if (!b)
        return kh_error_set(err, KH_E_MEMORY, "no memory for an answer");
    b->dicomweb = dicomweb;
    b->path = *path;
    status = open_value(b, object, err);
    if (status == KH_OK) {
        *piece = b->value;
        *size = b->size;
        memset(&b->value, 0, sizeof b->value);
    }
    bulk_free(b);
    return status;
}

/* --- answers --- */

static kh_status next(void *context, kh_http_piece *piece, const atomic_bool *cancelled, kh_error *err)
{
    bulk *b = context;
    char location[LOCATION_SIZE];

    (void)cancelled;
    (void)err;
    b->step++;
    if (b->step == 1) {
        *piece = b->value;
        memset(&b->value, 0, sizeof b->value);
        if (b->single)
            return KH_OK;
        snprintf(location, sizeof location, "%s/studies/%s/series/%s/instances/%s/bulkdata/%s", b->address, b->uids.study, b->uids.series,
                 b->uids.instance, b->path_text);
        piece->head_size = kh_multipart_head(&b->multipart, 0, b->is_pdf ? PDF : OCTETS, NULL, location, b->size, piece->head);
    } else if (b->step == 2 && !b->single) {
        piece->head_size = kh_multipart_tail(&b->multipart, piece->head);
    }
    return KH_OK;
}

static const kh_http_producer producer = {.next = next, .drop = bulk_free};

static void cut(kh_http_piece *value, uint64_t first, uint64_t count)
{
    if (value->file_size > 0) {
        value->offset += first;
        value->file_size = count;
    } else {
        value->bytes = (const uint8_t *)value->bytes + first;
        value->size = (size_t)count;
    }
}

/* Takes b over. */
static void answer(bulk *b, kh_http_request *request, const char *type)
{
    char etag[KH_RETRIEVE_ETAG_SIZE], multipart_type[160];
    uint64_t first, count, form = kh_xxh3_of(b->path_text, strlen(b->path_text)) + b->single;
    unsigned code = 200;

    kh_retrieve_etag(etag, b->state, form);
    if (kh_retrieve_answer_unchanged(request, etag, b->single)) {
        bulk_free(b);
        return;
    }
    if (b->single) {
        code = kh_retrieve_range(request, etag, b->size, &first, &count);
        if (code == 416) {
            bulk_free(b);
            kh_retrieve_answer_text(request, 416, "range", "Range: beyond the end");
            return;
        }
        cut(&b->value, first, count);
        kh_http_answer_pieces(request, code, type, count, b->dicomweb->carriers, &producer, b);
        return;
    }
    kh_multipart_content_type(&b->multipart, type, multipart_type, sizeof multipart_type);
    kh_http_answer_pieces(request, code, multipart_type, KH_HTTP_SIZE_UNKNOWN, b->dicomweb->carriers, &producer, b);
}

static size_t choose(const bulk *b, const kh_accept *accept, kh_offer offers[4])
{
    size_t count = 0, chosen;

    if (b->is_pdf) {
        offers[count++] = (kh_offer){PDF, true, NULL, false, false};
        offers[count++] = (kh_offer){PDF, false, NULL, false, false};
    }
    offers[count++] = (kh_offer){OCTETS, true, NULL, false, true};
    offers[count++] = (kh_offer){OCTETS, false, NULL, false, false};
    chosen = kh_accept_choose(accept, offers, count);
    return chosen == count ? SIZE_MAX : chosen;
}

static kh_status prepare(bulk *b, kh_accept *accept, kh_http_request *request, int64_t *away_study, kh_error *err)
{
    kh_retrieve_list list = {0};
    kh_status status = kh_retrieve_read_uids(&b->uids, request, err);

    kh_dicomweb_address(b->dicomweb, request, b->address);
    if (status == KH_OK)
        status = kh_bulk_path_parse(&b->path, kh_http_segment(request, "path"), err);
    if (status == KH_OK)
        kh_bulk_path_text(&b->path, b->path_text);
    if (status == KH_OK)
        status = kh_retrieve_read_accept(accept, request, err);
    if (status == KH_OK)
        status = kh_multipart_init(&b->multipart, err);
    if (status == KH_OK)
        status = kh_retrieve_list_fill(&list, b->dicomweb->cache, &b->uids, err);
    if (status == KH_OK) {
        const kh_retrieve_object *object = kh_retrieve_list_at(&list, 0);

        b->state = list.state;
        if (object->away)
            *away_study = object->study_id;
        else
            status = open_value(b, object, err);
    }
    kh_retrieve_list_release(&list);
    return status;
}

static void retrieve(void *context, kh_http_request *request)
{
    kh_dicomweb *dicomweb = context;
    kh_error err = KH_ERROR_INIT;
    kh_accept *accept = malloc(sizeof *accept);
    bulk *b = calloc(1, sizeof *b);
    int64_t away_study = 0;
    kh_offer offers[4];
    size_t chosen;
    kh_status status = accept && b ? KH_OK : kh_error_set(&err, KH_E_MEMORY, "no memory for an answer");

    if (status == KH_OK) {
        b->dicomweb = dicomweb;
        status = prepare(b, accept, request, &away_study, &err);
    }
    if (status != KH_OK) {
        kh_retrieve_answer_error(dicomweb, request, b ? &b->uids : NULL, &err);
    } else if (away_study) {
        kh_retrieve_answer_away(dicomweb, request, away_study);
    } else if ((chosen = choose(b, accept, offers)) == SIZE_MAX) {
        kh_retrieve_answer_text(request, 406, "not acceptable", "Accept: this value is given as application/octet-stream, in multipart/related or alone");
    } else {
        b->single = !offers[chosen].multipart;
        b->is_pdf = strcmp(offers[chosen].type, PDF) == 0;
        answer(b, request, offers[chosen].type);
        b = NULL;
    }
    free(accept);
    bulk_free(b);
}

void kh_dicomweb_bulk(kh_dicomweb *dicomweb, kh_http_request *request)
{
    kh_bulk_path path;

    if (kh_bulk_path_parse(&path, kh_http_segment(request, "path"), NULL) == KH_OK && path.depth == 0 && path.tags[0] == KH_TAG_PIXEL_DATA) {
        kh_dicomweb_frames(dicomweb, request);
        return;
    }
    kh_dicomweb_later(dicomweb, request, retrieve);
}
