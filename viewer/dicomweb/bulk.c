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
#define OFFERS_MAX 6
#define OCTETS "application/octet-stream"
#define LOCATION_SIZE (KH_DICOMWEB_ADDRESS_SIZE + 250 + KH_BULK_TEXT_SIZE)

typedef struct bulk {
    kh_dicomweb *dicomweb;
    kh_retrieve_uids uids;
    char address[KH_DICOMWEB_ADDRESS_SIZE];
    char path_text[KH_BULK_TEXT_SIZE];
    kh_bulk_path path;
    uint64_t state;
    const char *own_type;   /* what it is, beside octets: a document, a video; NULL */
    const char *syntax;     /* of a video, its transfer syntax */
    char stored_syntax[KH_UID_SIZE];
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

/* Table 8.7.3-6 of PS3.18; NULL: no video. */
static const char *video_type(const char *syntax)
{
    static const struct {
        const char *beginning, *type;
    } types[] = {{"1.2.840.10008.1.2.4.100", "video/mpeg"}, {"1.2.840.10008.1.2.4.101", "video/mpeg"}, {"1.2.840.10008.1.2.4.102", "video/mp4"},
                 {"1.2.840.10008.1.2.4.103", "video/mp4"},   {"1.2.840.10008.1.2.4.104", "video/mp4"},   {"1.2.840.10008.1.2.4.105", "video/mp4"},
                 {"1.2.840.10008.1.2.4.106", "video/mp4"},   {"1.2.840.10008.1.2.4.107", "video/h265"},  {"1.2.840.10008.1.2.4.108", "video/h265"}};

    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (strncmp(syntax, types[i].beginning, strlen(types[i].beginning)) == 0)
            return types[i].type;
    return NULL;
}

/* Compressed pixel data inside a sequence, an icon nearly always, or a video: its fragments joined, without the offset table. One fragment alone
 * goes out from the file: *fd is taken then. */
static kh_status join_fragments(bulk *b, const kh_element *element, const kh_source *source, int *fd, kh_error *err)
{
    kh_fragments fragments = {0};
    uint8_t *bytes = NULL;
    uint64_t size = 0;
    kh_status status = kh_fragments_read(&fragments, element, source, false, err);

    if (status == KH_OK && fd && fragments.count == 1 && fragments.extents[0].length > 0) {
        b->value.fd = *fd;
        b->value.offset = fragments.extents[0].offset;
        b->value.file_size = b->size = fragments.extents[0].length;
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

static void note_video(bulk *b, const char *syntax)
{
    b->own_type = video_type(syntax);
    if (!b->own_type)
        return;
    snprintf(b->stored_syntax, sizeof b->stored_syntax, "%s", syntax);
    b->syntax = b->stored_syntax;
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
        if (b->path.depth == 0 && element->tag == TAG_ENCAPSULATED_DOCUMENT &&
            kh_item_string(kh_dataset_main(dataset), TAG_DOCUMENT_MIME_TYPE, 0, mime, sizeof mime) && strcmp(mime, PDF) == 0)
            b->own_type = PDF;
        if (b->path.depth == 0 && element->tag == KH_TAG_PIXEL_DATA)
            note_video(b, kh_dataset_transfer_syntax(dataset));
        if (element->undefined_length) {
            status = join_fragments(b, element, bytes ? &inflated : source, is_file && !bytes ? fd : NULL, err);
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
        piece->head_size = kh_multipart_head(&b->multipart, 0, b->own_type ? b->own_type : OCTETS, b->syntax, location, b->size, piece->head);
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
    char etag[KH_RETRIEVE_ETAG_SIZE], multipart_type[160], single_type[128];
    uint64_t first, count, form = kh_xxh3_of(b->path_text, strlen(b->path_text)) + b->single + kh_xxh3_of(type, strlen(type));
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
        snprintf(single_type, sizeof single_type, "%s%s%s", type, b->syntax ? "; transfer-syntax=" : "", b->syntax ? b->syntax : "");
        kh_dicomweb_answer_pieces(b->dicomweb, request, KH_VERB_TAKE, b->uids.study, b->uids.series, code, single_type, count, &producer, b);
        return;
    }
    kh_multipart_content_type(&b->multipart, type, multipart_type, sizeof multipart_type);
    kh_dicomweb_answer_pieces(b->dicomweb, request, KH_VERB_TAKE, b->uids.study, b->uids.series, code, multipart_type, KH_HTTP_SIZE_UNKNOWN, &producer, b);
}

static size_t choose(const bulk *b, const kh_accept *accept, kh_offer offers[OFFERS_MAX])
{
    size_t count = 0, chosen;

    if (b->own_type) {
        offers[count++] = (kh_offer){b->own_type, true, b->syntax, true, b->syntax != NULL};
        offers[count++] = (kh_offer){b->own_type, false, b->syntax, true, false};
    }
    if (b->own_type && strcmp(b->own_type, "video/mpeg") == 0) { /* its name in older editions */
        offers[count++] = (kh_offer){"video/mpeg2", true, b->syntax, true, false};
        offers[count++] = (kh_offer){"video/mpeg2", false, b->syntax, true, false};
    }
    offers[count++] = (kh_offer){OCTETS, true, b->syntax, true, b->syntax == NULL};
    offers[count++] = (kh_offer){OCTETS, false, b->syntax, true, false};
    chosen = kh_accept_choose(accept, offers, count);
    return chosen == count ? SIZE_MAX : chosen;
}

/* Without a path it is the pixel data. */
static kh_status read_path(bulk *b, const kh_http_request *request, kh_error *err)
{
    const char *path = kh_http_segment(request, "path");

    return kh_bulk_path_parse(&b->path, path ? path : "7FE00010", err);
}

static kh_status prepare(bulk *b, kh_accept *accept, kh_http_request *request, int64_t *away_study, kh_error *err)
{
    kh_retrieve_list list = {0};
    kh_status status = kh_retrieve_read_uids(&b->uids, request, err);

    kh_dicomweb_address(b->dicomweb, request, b->address);
    if (status == KH_OK)
        status = read_path(b, request, err);
    if (status == KH_OK)
        kh_bulk_path_text(&b->path, b->path_text);
    if (status == KH_OK)
        status = kh_retrieve_read_accept(accept, request, err);
    if (status == KH_OK)
        status = kh_multipart_init(&b->multipart, err);
    if (status == KH_OK)
        status = kh_retrieve_list_fill(&list, b->dicomweb, request, KH_VERB_TAKE, &b->uids, err);
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

void kh_bulk_answer(kh_dicomweb *dicomweb, kh_http_request *request)
{
    kh_error err = KH_ERROR_INIT;
    kh_accept *accept = malloc(sizeof *accept);
    bulk *b = calloc(1, sizeof *b);
    int64_t away_study = 0;
    kh_offer offers[OFFERS_MAX];
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
        b->own_type = offers[chosen].type;
        answer(b, request, offers[chosen].type);
        b = NULL;
    }
    free(accept);
    bulk_free(b);
}

static void retrieve(void *context, kh_http_request *request)
{
    kh_bulk_answer(context, request);
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
