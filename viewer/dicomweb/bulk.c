/* Bulk data (PS3.18 10.4.1.1.5): one value of an instance, little endian. Pixel data are frames.c's. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "store/digest.h"
#include "viewer/dicomweb/bulk_value.h"

#define ENCAPSULATED_PDF_CLASS "1.2.840.10008.5.1.4.1.1.104.1"
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
    kh_bulk_value value;
    kh_multipart multipart;
    bool single;
    kh_verb verb;  /* taken as it is, or shown */
    unsigned step; /* while it goes out */
} bulk;

static void bulk_free(void *context)
{
    bulk *b = context;

    if (b)
        kh_http_piece_release(&b->value.piece);
    free(b);
}

kh_status kh_bulk_open(kh_http_piece *piece, uint64_t *size, kh_dicomweb *dicomweb, const kh_retrieve_object *object,
                       const kh_bulk_path *path, kh_error *err)
{
    kh_bulk_value value = {.size = 0};
    kh_status status = kh_bulk_value_open(&value, dicomweb->cache, object, path, err);

    if (status != KH_OK) {
        kh_http_piece_release(&value.piece);
        return status;
    }
    *piece = value.piece;
    *size = value.size;
    return KH_OK;
}

static kh_status next(void *context, kh_http_piece *piece, const atomic_bool *cancelled, kh_error *err)
{
    bulk *b = context;
    char location[LOCATION_SIZE];

    (void)cancelled;
    (void)err;
    b->step++;
    if (b->step == 1) {
        *piece = b->value.piece;
        memset(&b->value.piece, 0, sizeof b->value.piece);
        if (b->single)
            return KH_OK;
        snprintf(location, sizeof location, "%s/studies/%s/series/%s/instances/%s/bulkdata/%s", b->address, b->uids.study, b->uids.series,
                 b->uids.instance, b->path_text);
        piece->head_size = kh_multipart_head(&b->multipart, 0, b->value.own_type ? b->value.own_type : OCTETS, b->value.syntax, location,
                                             b->value.size, piece->head);
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
        code = kh_retrieve_range(request, etag, b->value.size, &first, &count);
        if (code == 416) {
            bulk_free(b);
            kh_retrieve_answer_text(request, 416, "range", "Range: beyond the end");
            return;
        }
        cut(&b->value.piece, first, count);
        snprintf(single_type, sizeof single_type, "%s%s%s", type, b->value.syntax ? "; transfer-syntax=" : "",
                 b->value.syntax ? b->value.syntax : "");
        kh_dicomweb_answer_pieces(b->dicomweb, request, b->verb, b->uids.study, b->uids.series, code, single_type, count, &producer, b);
        return;
    }
    kh_multipart_content_type(&b->multipart, type, multipart_type, sizeof multipart_type);
    kh_dicomweb_answer_pieces(b->dicomweb, request, b->verb, b->uids.study, b->uids.series, code, multipart_type, KH_HTTP_SIZE_UNKNOWN,
                              &producer, b);
}

static size_t choose(const bulk *b, const kh_accept *accept, kh_offer offers[OFFERS_MAX])
{
    size_t count = 0, chosen;

    if (b->value.own_type) {
        offers[count++] = (kh_offer){b->value.own_type, true, b->value.syntax, true, b->value.syntax != NULL};
        offers[count++] = (kh_offer){b->value.own_type, false, b->value.syntax, true, false};
    }
    if (b->value.own_type && strcmp(b->value.own_type, "video/mpeg") == 0) { /* its name in older editions */
        offers[count++] = (kh_offer){"video/mpeg2", true, b->value.syntax, true, false};
        offers[count++] = (kh_offer){"video/mpeg2", false, b->value.syntax, true, false};
    }
    offers[count++] = (kh_offer){OCTETS, true, b->value.syntax, true, b->value.syntax == NULL};
    offers[count++] = (kh_offer){OCTETS, false, b->value.syntax, true, false};
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
        status = kh_retrieve_list_fill(&list, b->dicomweb, request, b->verb, &b->uids, err);
    if (status == KH_OK) {
        const kh_retrieve_object *object = kh_retrieve_list_at(&list, 0);

        b->state = list.state;
        if (object->away)
            *away_study = object->study_id;
        else
            status = kh_bulk_value_open(&b->value, b->dicomweb->cache, object, &b->path, err);
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
        b->verb = KH_VERB_TAKE;
        status = prepare(b, accept, request, &away_study, &err);
    }
    if (status != KH_OK) {
        kh_retrieve_answer_error(dicomweb, request, b ? &b->uids : NULL, &err);
    } else if (away_study) {
        kh_retrieve_answer_away(dicomweb, request, away_study);
    } else if ((chosen = choose(b, accept, offers)) == SIZE_MAX) {
        kh_retrieve_answer_text(request, 406, "not acceptable",
                                "Accept: this value is given as application/octet-stream, in multipart/related or alone");
    } else {
        b->single = !offers[chosen].multipart;
        b->value.own_type = offers[chosen].type;
        answer(b, request, offers[chosen].type);
        b = NULL;
    }
    free(accept);
    bulk_free(b);
}

const char *kh_bulk_shown_as(const kh_search_row *row, const char *transfer_syntax)
{
    return strcmp(row->object.sop_class_uid, ENCAPSULATED_PDF_CLASS) == 0 ? KH_BULK_PDF : kh_bulk_video_type(transfer_syntax);
}

/* What was found is what its class or syntax promised, and one that browsers know by that name. */
static kh_status prepare_shown(bulk *b, const kh_accept *accept, const kh_search_row *row, const kh_retrieve_uids *uids,
                               const kh_http_request *request, kh_error *err)
{
    bool pdf = strcmp(row->object.sop_class_uid, ENCAPSULATED_PDF_CLASS) == 0;
    kh_offer offer = {.category_default = true};
    kh_retrieve_list list = {0};
    kh_status status = kh_bulk_path_parse(&b->path, pdf ? "00420011" : "7FE00010", err);

    b->uids = *uids;
    b->single = true;
    kh_bulk_path_text(&b->path, b->path_text);
    if (status == KH_OK)
        status = kh_retrieve_list_fill(&list, b->dicomweb, request, b->verb, &b->uids, err);
    if (status == KH_OK) {
        b->state = list.state;
        status = kh_bulk_value_open(&b->value, b->dicomweb->cache, kh_retrieve_list_at(&list, 0), &b->path, err);
    }
    kh_retrieve_list_release(&list);
    b->value.syntax = NULL;
    offer.type = b->value.own_type;
    if (status == KH_OK && (!b->value.own_type || (pdf != (strcmp(b->value.own_type, KH_BULK_PDF) == 0))))
        status = kh_error_set(err, KH_E_UNSUPPORTED, "the instance is no document that can be shown");
    if (status == KH_OK && kh_accept_choose(accept, &offer, 1) == 1)
        status = kh_error_set(err, KH_E_UNSUPPORTED, "Accept: expected %s", b->value.own_type);
    return status;
}

kh_status kh_bulk_show(kh_dicomweb *dicomweb, kh_http_request *request, const kh_accept *accept, const kh_search_row *row,
                       const kh_retrieve_uids *uids, kh_error *err)
{
    bulk *b = calloc(1, sizeof *b);
    kh_status status;

    if (!b)
        return kh_error_set(err, KH_E_MEMORY, "no memory for an answer");
    b->dicomweb = dicomweb;
    b->verb = KH_VERB_VIEW;
    status = prepare_shown(b, accept, row, uids, request, err);
    if (status != KH_OK) {
        bulk_free(b);
        return status;
    }
    kh_http_is_document(request);
    answer(b, request, b->value.own_type);
    return KH_OK;
}

static void retrieve(void *context, kh_http_request *request)
{
    kh_bulk_answer(context, request);
}

void kh_dicomweb_bulk(kh_dicomweb *dicomweb, kh_http_request *request)
{
    kh_bulk_path path;

    if (kh_bulk_path_parse(&path, kh_http_segment(request, "path"), NULL) == KH_OK && path.depth == 0 &&
        path.tags[0] == KH_TAG_PIXEL_DATA) {
        kh_dicomweb_frames(dicomweb, request);
        return;
    }
    kh_dicomweb_later(dicomweb, request, retrieve);
}
