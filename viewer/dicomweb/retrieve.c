/* Studies, series and instances (PS3.18 10.4.1.1.1 to .3). Each object leaves in the transfer syntax that the client prefers of those we
 * can give it in: its own, byte for byte, and the two little endian ones. A type without a transfer syntax means explicit VR little
 * endian. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "store/digest.h"
#include "viewer/dicomweb/retrieve.h"

#define MEDIA_TYPE "application/dicom"
#define LOCATION_SIZE (KH_DICOMWEB_ADDRESS_SIZE + 256)

/* One answer on its way. */
typedef struct carrier {
    kh_dicomweb *dicomweb;
    kh_retrieve_uids uids;
    kh_retrieve_list list;
    const char *target[KH_RETRIEVE_SYNTAXES_MAX]; /* by the list's syntaxes; NULL: cannot be given */
    bool single;
    size_t given; /* objects in the answer */
    kh_multipart multipart;
    char address[KH_DICOMWEB_ADDRESS_SIZE];
    kh_http_piece first; /* of an instance: opened before the answer begins, so that what cannot be done is said at once */

    /* while it goes out */
    size_t index, parts;
    bool size_told; /* Content-Length was, from the list */
    bool ended;
} carrier;

static void drop(void *context)
{
    carrier *c = context;

    kh_http_piece_release(&c->first);
    kh_retrieve_list_release(&c->list);
    free(c);
}

/* --- in which transfer syntax --- */

static bool can_be_native(const kh_dicomweb *dicomweb, const char *syntax)
{
    const kh_transfer_syntax *known = kh_transfer_syntax_find(syntax);

    if (!known)
        return false;
    return known->codec == KH_CODEC_NATIVE || (dicomweb->options.codec && kh_codec_supports(syntax));
}

static size_t add_offers(kh_offer *offers, const carrier *c, const char *stored, bool multipart)
{
    const kh_transfer_syntax *known = kh_transfer_syntax_find(stored);
    bool native = can_be_native(c->dicomweb, stored), is_default = strcmp(stored, KH_TS_EXPLICIT_LE) == 0;
    size_t count = 0;

    /* Video, and what else nobody decodes here, has no other form: then it is what a type without a transfer syntax means. */
    is_default = is_default || !native;
    if (!c->list.corrected || !known || !known->deflated) /* a corrected one is not deflated any more */
        offers[count++] = (kh_offer){MEDIA_TYPE, multipart, stored, is_default, is_default && multipart};
    if (native && !is_default)
        offers[count++] = (kh_offer){MEDIA_TYPE, multipart, KH_TS_EXPLICIT_LE, true, multipart};
    if (native && strcmp(stored, KH_TS_IMPLICIT_LE) != 0)
        offers[count++] = (kh_offer){MEDIA_TYPE, multipart, KH_TS_IMPLICIT_LE, false, false};
    return count;
}

static void choose(carrier *c, const kh_accept *accept)
{
    kh_offer offers[6];

    for (size_t i = 0; i < c->list.syntax_count; i++) {
        size_t count = add_offers(offers, c, c->list.syntaxes[i], true), chosen;

        if (c->uids.instance[0])
            count += add_offers(offers + count, c, c->list.syntaxes[i], false);
        chosen = kh_accept_choose(accept, offers, count);
        c->target[i] = chosen < count ? offers[chosen].transfer_syntax : NULL;
        c->single = chosen < count && !offers[chosen].multipart;
    }
    for (size_t i = 0; i < c->list.count; i++) {
        const kh_retrieve_object *object = kh_retrieve_list_at(&c->list, i);

        c->given += !object->away && c->target[object->syntax];
    }
}

static uint64_t form_of(const carrier *c)
{
    char text[KH_RETRIEVE_SYNTAXES_MAX * KH_UID_SIZE + 2];
    size_t used = 0;

    text[used++] = c->single ? 's' : 'm';
    for (size_t i = 0; i < c->list.syntax_count; i++) {
        const char *target = c->target[i] ? c->target[i] : "";

        memcpy(text + used, target, strlen(target) + 1);
        used += strlen(target) + 1;
    }
    return kh_xxh3_of(text, used);
}

/* --- the parts --- */

static size_t part_head(const carrier *c, const kh_retrieve_object *object, const char *syntax, size_t index, uint64_t size,
                        char out[KH_MULTIPART_HEAD_SIZE])
{
    char location[LOCATION_SIZE];

    snprintf(location, sizeof location, "%s/studies/%s/series/%s/instances/%s", c->address, c->uids.study, object->series_uid,
             object->instance_uid);
    return kh_multipart_head(&c->multipart, index, MEDIA_TYPE, syntax, location, size, out);
}

static kh_status next_single(void *context, kh_http_piece *piece, const atomic_bool *cancelled, kh_error *err)
{
    carrier *c = context;

    (void)cancelled;
    (void)err;
    *piece = c->first;
    memset(&c->first, 0, sizeof c->first);
    return KH_OK;
}

static kh_status next_part(void *context, kh_http_piece *piece, const atomic_bool *cancelled, kh_error *err)
{
    carrier *c = context;
    const kh_retrieve_object *object;
    const char *stored, *target;
    kh_status status;

    if (c->ended)
        return KH_OK;
    do {
        if (c->index == c->list.count) {
            c->ended = true;
            piece->head_size = kh_multipart_tail(&c->multipart, piece->head);
            return KH_OK;
        }
        object = kh_retrieve_list_at(&c->list, c->index++);
    } while (object->away || !c->target[object->syntax]);
    stored = c->list.syntaxes[object->syntax];
    target = c->target[object->syntax];
    if (c->first.file_size > 0)
        status = next_single(c, piece, cancelled, err);
    else
        status = kh_retrieve_open_object(piece, c->dicomweb, &c->list, object, target, cancelled, err);
    if (status == KH_E_UNSUPPORTED && strcmp(stored, target) != 0) {
        /* One of many that cannot be written anew: as it is, and its part says so. Better than an image too few. */
        kh_error_clear(err);
        target = stored;
        status = kh_retrieve_open_object(piece, c->dicomweb, &c->list, object, target, cancelled, err);
    }
    if (status == KH_OK && c->size_told && piece->file_size != (uint64_t)object->bytes)
        status = kh_error_set(err, KH_E_CONFLICT, "an object was corrected while it went out");
    if (status == KH_OK)
        piece->head_size = part_head(c, object, target, c->parts++, piece->file_size, piece->head);
    return status;
}

static const kh_http_producer parts = {.next = next_part, .drop = drop}, single = {.next = next_single, .drop = drop};

/* Known beforehand when every object goes as it is. */
static uint64_t size_of(const carrier *c)
{
    char text[KH_MULTIPART_HEAD_SIZE];
    uint64_t size = kh_multipart_tail(&c->multipart, text);
    size_t index = 0;

    if (c->first.file_size > 0)
        return size + part_head(c, kh_retrieve_list_at(&c->list, 0), c->target[0], 0, c->first.file_size, text) + c->first.file_size;
    if (c->list.corrected)
        return KH_HTTP_SIZE_UNKNOWN;
    for (size_t i = 0; i < c->list.count; i++) {
        const kh_retrieve_object *object = kh_retrieve_list_at(&c->list, i);
        const char *target = c->target[object->syntax];

        if (object->away || !target)
            continue;
        if (strcmp(target, c->list.syntaxes[object->syntax]) != 0)
            return KH_HTTP_SIZE_UNKNOWN;
        size += part_head(c, object, target, index++, (uint64_t)object->bytes, text) + (uint64_t)object->bytes;
    }
    return size;
}

/* --- answers --- */

static kh_status answer_single(carrier *c, kh_http_request *request, const char *etag, kh_error *err)
{
    const kh_retrieve_object *object = kh_retrieve_list_at(&c->list, 0);
    const char *target = c->target[object->syntax];
    char type[128];
    uint64_t first, count;
    unsigned code;
    kh_status status = kh_retrieve_open_object(&c->first, c->dicomweb, &c->list, object, target, NULL, err);

    if (status != KH_OK)
        return status;
    code = kh_retrieve_range(request, etag, c->first.file_size, &first, &count);
    if (code == 416) {
        drop(c);
        kh_retrieve_answer_text(request, 416, "range", "Range: beyond the end");
        return KH_OK;
    }
    c->first.offset += first;
    c->first.file_size = count;
    snprintf(type, sizeof type, MEDIA_TYPE "; transfer-syntax=%s", target);
    kh_dicomweb_answer_pieces(c->dicomweb, request, KH_VERB_TAKE, c->uids.study, c->uids.series, code, type, count, &single, c);
    return KH_OK;
}

static void warn_of_missing(carrier *c, kh_http_request *request)
{
    char line[160];
    size_t missing = c->list.count - c->given;
    bool recalled = c->list.away_count > 0 && kh_retrieve_recall(c->dicomweb, c->list.away_study);

    snprintf(line, sizeof line, "299 " KH_DICOMWEB_PATH ": %zu of %zu instances are not in this answer, %zu of them at their hospital%s",
             missing, c->list.count, c->list.away_count, recalled ? " and being fetched" : "");
    kh_http_set_header(request, "Warning", line);
}

static kh_status answer_parts(carrier *c, kh_http_request *request, kh_error *err)
{
    char type[128];
    bool whole = c->given == c->list.count;
    uint64_t size;
    kh_status status = kh_multipart_init(&c->multipart, err);

    if (status == KH_OK && c->uids.instance[0] && c->list.count == 1)
        status = kh_retrieve_open_object(&c->first, c->dicomweb, &c->list, kh_retrieve_list_at(&c->list, 0), c->target[0], NULL, err);
    if (status != KH_OK)
        return status;
    if (!whole)
        warn_of_missing(c, request);
    kh_multipart_content_type(&c->multipart, MEDIA_TYPE, type, sizeof type);
    size = size_of(c);
    c->size_told = size != KH_HTTP_SIZE_UNKNOWN && c->first.file_size == 0;
    kh_dicomweb_answer_pieces(c->dicomweb, request, KH_VERB_TAKE, c->uids.study, c->uids.series, whole ? 200 : 206, type, size, &parts, c);
    return KH_OK;
}

static kh_status answer(carrier *c, kh_http_request *request, kh_error *err)
{
    char etag[KH_RETRIEVE_ETAG_SIZE];

    if (c->list.away_count == c->list.count) {
        kh_retrieve_answer_away(c->dicomweb, request, c->list.away_study);
        drop(c);
        return KH_OK;
    }
    if (c->given == 0) {
        kh_retrieve_answer_text(
            request, 406, "not acceptable",
            "Accept: nothing of it can be given; there are multipart/related; type=\"application/dicom\" with the stored transfer "
            "syntax (transfer-syntax=*) and, of what can be decoded, 1.2.840.10008.1.2.1");
        drop(c);
        return KH_OK;
    }
    kh_retrieve_etag(etag, c->list.state, form_of(c));
    if (kh_retrieve_answer_unchanged(request, etag, c->single)) {
        drop(c);
        return KH_OK;
    }
    return c->single ? answer_single(c, request, etag, err) : answer_parts(c, request, err);
}

void kh_retrieve_answer(kh_dicomweb *dicomweb, kh_http_request *request, const kh_retrieve_uids *uids, const kh_accept *accept)
{
    kh_error err = KH_ERROR_INIT;
    carrier *c = calloc(1, sizeof *c);
    kh_status status = c ? KH_OK : kh_error_set(&err, KH_E_MEMORY, "no memory for an answer");

    if (status == KH_OK) {
        c->dicomweb = dicomweb;
        c->uids = *uids;
        kh_dicomweb_address(dicomweb, request, c->address);
        status = kh_retrieve_list_fill(&c->list, dicomweb, request, KH_VERB_TAKE, &c->uids, &err);
    }
    if (status == KH_OK) {
        choose(c, accept);
        status = answer(c, request, &err);
    }
    if (status == KH_OK)
        return; /* c has been taken over */
    if (c)
        drop(c);
    if (err.status == KH_E_UNSUPPORTED)
        kh_retrieve_answer_text(request, 406, "not acceptable", err.message); /* as it is stored it could be given */
    else
        kh_retrieve_answer_error(dicomweb, request, uids, &err);
}

static void retrieve(void *context, kh_http_request *request)
{
    kh_error err = KH_ERROR_INIT;
    kh_accept *accept = malloc(sizeof *accept);
    kh_retrieve_uids uids;
    kh_status status = accept ? KH_OK : kh_error_set(&err, KH_E_MEMORY, "no memory for an answer");

    if (status == KH_OK)
        status = kh_retrieve_read_uids(&uids, request, &err);
    if (status == KH_OK)
        status = kh_retrieve_read_accept(accept, request, &err);
    if (status == KH_OK)
        kh_retrieve_answer(context, request, &uids, accept);
    else
        kh_http_answer_error(request, &err);
    free(accept);
}

void kh_dicomweb_retrieve(kh_dicomweb *dicomweb, kh_http_request *request)
{
    kh_dicomweb_later(dicomweb, request, retrieve);
}
