/* What the metadata of a study, a series or an instance name by an address, all of it in one answer (PS3.18 10.4.1.1.5), and of these the
 * pixel data alone (10.4.1.1.6). Each value is a part, pixel data as frames.c gives them, with its address as Content-Location. One object
 * at a time is looked at while the answer goes out. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cache/metadata_answer.h"
#include "store/digest.h"
#include "viewer/dicomweb/bulk_path.h"
#include "viewer/dicomweb/retrieve.h"

#define METADATA_BYTES_MAX ((size_t)64 << 20) /* of one object */
#define PATHS_BYTES_MAX ((size_t)4 << 20)     /* of its values */
#define OCTETS "application/octet-stream"
#define LOCATION_SIZE (KH_DICOMWEB_ADDRESS_SIZE + 250 + KH_BULK_TEXT_SIZE)

typedef struct values {
    kh_dicomweb *dicomweb;
    kh_retrieve_uids uids;
    kh_retrieve_list list;
    kh_accept accept;
    char address[KH_DICOMWEB_ADDRESS_SIZE];
    bool pixels_only;
    size_t missing; /* objects whose pixel data cannot be given */
    char type[KH_ACCEPT_TYPE_SIZE]; /* of the first part */
    kh_multipart multipart;

    /* while it goes out */
    size_t index, parts; /* of the next object; of the next part */
    const kh_retrieve_object *object;
    kh_buf paths;        /* of its values */
    size_t at, counted;  /* in paths: the next one; of memory.c */
    kh_frames *frames;
    kh_http_piece first; /* found before the answer began: none is 404 */
    bool ended;
} values;

static void forget_paths(values *v)
{
    kh_dicomweb_uncount(v->dicomweb, v->counted);
    v->counted = v->at = 0;
    kh_buf_release(&v->paths);
    kh_buf_init(&v->paths, PATHS_BYTES_MAX);
}

static void values_free(void *context)
{
    values *v = context;

    if (!v)
        return;
    kh_http_piece_release(&v->first);
    kh_frames_free(v->frames);
    forget_paths(v);
    kh_retrieve_list_release(&v->list);
    free(v);
}

static bool is_empty(const kh_http_piece *piece)
{
    return piece->head_size == 0 && piece->size == 0 && piece->file_size == 0;
}

/* --- one object --- */

/* The paths that its metadata name, each with a NUL behind it. The quotes of a text in them are escaped: what is looked for stands in
 * none. */
static kh_status note_paths(values *v, const char *json, kh_error *err)
{
    static const char key[] = "\"BulkDataURI\":\"", before[] = "/bulkdata/";
    kh_status status = KH_OK;

    while (status == KH_OK && (json = strstr(json, key)) != NULL) {
        const char *uri = json + sizeof key - 1, *path = strstr(uri, before);
        size_t size = strcspn(uri, "\"");

        json = uri + size;
        if (!path || path >= json || (size_t)(json - path) - (sizeof before - 1) >= KH_BULK_TEXT_SIZE)
            continue;
        path += sizeof before - 1;
        status = kh_buf_append(&v->paths, path, (size_t)(json - path), err);
        if (status == KH_OK)
            status = kh_buf_append(&v->paths, "", 1, err);
    }
    return status;
}

static kh_status write_metadata(values *v, kh_buf *out, kh_error *err)
{
    kh_metadata_answer answer;
    kh_status status = kh_metadata_answer_begin(&answer, out, "", false, err);

    if (status == KH_OK)
        status = kh_metadata_answer_series(&answer, v->dicomweb->cache, v->object->series_id, v->object->id, err);
    if (status == KH_OK)
        status = kh_metadata_answer_end(&answer, err);
    return status == KH_OK ? kh_buf_append(out, "", 1, err) : status;
}

/* The metadata are let go at once; their paths stay while the object's values go out, however slowly they are taken. */
static kh_status read_metadata(values *v, kh_error *err)
{
    kh_buf json;
    kh_status status;

    forget_paths(v);
    kh_buf_init(&json, METADATA_BYTES_MAX);
    status = write_metadata(v, &json, err);
    if (status == KH_OK)
        status = note_paths(v, (const char *)json.data, err);
    kh_buf_release(&json);
    if (status == KH_OK)
        status = kh_dicomweb_count(v->dicomweb, v->paths.size, err);
    if (status == KH_OK)
        v->counted = v->paths.size;
    return status;
}

static const char *next_path(values *v)
{
    const char *path = (const char *)v->paths.data + v->at;

    if (v->at == v->paths.size)
        return NULL;
    v->at += strlen(path) + 1;
    return path;
}

static kh_status open_value(values *v, kh_http_piece *piece, const char *text, const kh_bulk_path *path, kh_error *err)
{
    char location[LOCATION_SIZE];
    uint64_t size = 0;
    kh_status status = kh_bulk_open(piece, &size, v->dicomweb, v->object, path, err);

    if (status != KH_OK)
        return status;
    snprintf(location, sizeof location, "%s/studies/%s/series/%s/instances/%s/bulkdata/%s", v->address, v->uids.study,
             v->object->series_uid, v->object->instance_uid, text);
    piece->head_size = kh_multipart_head(&v->multipart, v->parts++, OCTETS, NULL, location, size, piece->head);
    return KH_OK;
}

static kh_status open_frames(values *v, kh_error *err)
{
    return kh_frames_open(&v->frames, v->dicomweb, v->object, v->uids.study, v->address, !v->pixels_only, &v->accept, &v->multipart, err);
}

/* Pixel data that are no frames go out as they stand in the file. */
static kh_status begin_value(values *v, kh_http_piece *piece, const char *text, kh_error *err)
{
    kh_bulk_path path;
    kh_status status = kh_bulk_path_parse(&path, text, err);

    if (status == KH_OK && path.depth == 0 && path.tags[0] == KH_TAG_PIXEL_DATA && open_frames(v, NULL) == KH_OK && v->frames)
        return KH_OK;
    return status == KH_OK ? open_value(v, piece, text, &path, err) : status;
}

static kh_status begin_object(values *v, kh_error *err)
{
    v->object = kh_retrieve_list_at(&v->list, v->index++);
    if (v->object->away)
        return KH_OK;
    if (!v->pixels_only)
        return read_metadata(v, err);
    (void)open_frames(v, NULL); /* what has none, or none that is taken, was counted */
    return KH_OK;
}

/* --- the answer --- */

static kh_status find_next(values *v, kh_http_piece *piece, const atomic_bool *cancelled, kh_error *err)
{
    const char *path;
    kh_status status = KH_OK;

    while (status == KH_OK && is_empty(piece)) {
        if (cancelled && atomic_load(cancelled))
            return kh_error_set(err, KH_E_CANCELLED, "the client has gone");
        if (v->frames) {
            status = kh_frames_part(v->frames, &v->parts, piece, err);
            if (status == KH_OK && is_empty(piece)) {
                kh_frames_free(v->frames);
                v->frames = NULL;
            }
        } else if ((path = next_path(v)) != NULL) {
            status = begin_value(v, piece, path, err);
        } else if (v->index < v->list.count) {
            status = begin_object(v, err);
        } else {
            return KH_OK;
        }
    }
    return status;
}

static kh_status next(void *context, kh_http_piece *piece, const atomic_bool *cancelled, kh_error *err)
{
    values *v = context;
    kh_status status = KH_OK;

    if (!is_empty(&v->first)) {
        *piece = v->first;
        memset(&v->first, 0, sizeof v->first);
        return KH_OK;
    }
    if (v->ended)
        return KH_OK;
    status = find_next(v, piece, cancelled, err);
    if (status == KH_OK && is_empty(piece)) {
        v->ended = true;
        piece->head_size = kh_multipart_tail(&v->multipart, piece->head);
    }
    return status;
}

static const kh_http_producer producer = {.next = next, .drop = values_free};

/* Whose frames cannot be given is known before the first goes out; the type of the first is that of the answer (RFC 2387). */
static void look_ahead(values *v)
{
    snprintf(v->type, sizeof v->type, OCTETS);
    for (size_t i = v->list.count; i-- > 0;) {
        kh_error err = KH_ERROR_INIT;
        kh_frames *frames = NULL;

        v->object = kh_retrieve_list_at(&v->list, i);
        if (v->object->away)
            continue;
        if (kh_frames_open(&frames, v->dicomweb, v->object, v->uids.study, v->address, false, &v->accept, &v->multipart, &err) != KH_OK)
            v->missing++;
        if (frames)
            snprintf(v->type, sizeof v->type, "%s", kh_frames_type(frames));
        kh_frames_free(frames);
    }
}

static void warn_of_missing(values *v, kh_http_request *request)
{
    char line[160];
    bool recalled = v->list.away_count > 0 && kh_retrieve_recall(v->dicomweb, v->list.away_study);

    snprintf(line, sizeof line, "299 " KH_DICOMWEB_PATH ": %zu of %zu instances are not in this answer, %zu of them at their hospital%s",
             v->missing + v->list.away_count, v->list.count, v->list.away_count, recalled ? " and being fetched" : "");
    kh_http_set_header(request, "Warning", line);
}

static bool is_accepted(const values *v)
{
    const kh_offer offer = {OCTETS, true, NULL, false, true};

    return v->pixels_only || kh_accept_choose(&v->accept, &offer, 1) == 0;
}

static void answer_none(values *v, kh_http_request *request)
{
    if (v->list.away_count > 0)
        kh_retrieve_answer_away(v->dicomweb, request, v->list.away_study);
    else if (v->missing > 0)
        kh_retrieve_answer_text(request, 406, "not acceptable",
                                "Accept: its frames can be given as multipart/related; type=\"application/octet-stream\", as they are "
                                "with transfer-syntax=*, and in the type of their codestream");
    else
        kh_retrieve_answer_text(request, 404, "not found", v->pixels_only ? "no pixel data in it" : "no bulk data in it");
}

/* What is taken decides in which form each frame goes. */
static uint64_t form_of(const values *v)
{
    uint64_t form = v->pixels_only;

    for (size_t i = 0; i < v->accept.query_count + v->accept.header_count; i++) {
        const kh_media_range *range = i < v->accept.query_count ? &v->accept.query[i] : &v->accept.header[i - v->accept.query_count];

        form = form * 31 + kh_xxh3_of(range->type, strlen(range->type)) +
               kh_xxh3_of(range->transfer_syntax, strlen(range->transfer_syntax)) + range->weight + range->multipart;
    }
    return form;
}

/* Takes v over when this is KH_OK. */
static kh_status answer(values *v, kh_http_request *request, kh_error *err)
{
    char etag[KH_RETRIEVE_ETAG_SIZE], type[160];
    bool whole;
    kh_status status = kh_multipart_init(&v->multipart, err);

    if (status == KH_OK && v->pixels_only)
        look_ahead(v);
    else
        snprintf(v->type, sizeof v->type, OCTETS);
    if (status == KH_OK)
        status = find_next(v, &v->first, NULL, err);
    if (status != KH_OK)
        return status;
    if (is_empty(&v->first)) {
        answer_none(v, request);
        values_free(v);
        return KH_OK;
    }
    whole = v->missing + v->list.away_count == 0;
    kh_retrieve_etag(etag, v->list.state, form_of(v));
    if (kh_retrieve_answer_unchanged(request, etag, false)) {
        values_free(v);
        return KH_OK;
    }
    if (!whole)
        warn_of_missing(v, request);
    kh_multipart_content_type(&v->multipart, v->type, type, sizeof type);
    kh_dicomweb_answer_pieces(v->dicomweb, request, KH_VERB_TAKE, v->uids.study, v->uids.series, whole ? 200 : 206, type,
                              KH_HTTP_SIZE_UNKNOWN, &producer, v);
    return KH_OK;
}

static void retrieve(kh_dicomweb *dicomweb, kh_http_request *request, bool pixels_only)
{
    kh_error err = KH_ERROR_INIT;
    values *v = calloc(1, sizeof *v);
    kh_status status = v ? KH_OK : kh_error_set(&err, KH_E_MEMORY, "no memory for an answer");

    if (status == KH_OK) {
        v->dicomweb = dicomweb;
        v->pixels_only = pixels_only;
        kh_buf_init(&v->paths, PATHS_BYTES_MAX);
        kh_dicomweb_address(dicomweb, request, v->address);
        status = kh_retrieve_read_uids(&v->uids, request, &err);
    }
    if (status == KH_OK)
        status = kh_retrieve_read_accept(&v->accept, request, &err);
    if (status == KH_OK)
        status = kh_retrieve_list_fill(&v->list, dicomweb, request, KH_VERB_TAKE, &v->uids, &err);
    if (status == KH_OK && !is_accepted(v)) {
        kh_retrieve_answer_text(request, 406, "not acceptable", "Accept: bulk data are given as multipart/related; type=\"" OCTETS "\"");
    } else if (status == KH_OK) {
        status = answer(v, request, &err);
        v = status == KH_OK ? NULL : v;
    }
    if (status != KH_OK)
        kh_retrieve_answer_error(dicomweb, request, v ? &v->uids : NULL, &err);
    values_free(v);
}

static void retrieve_values(void *context, kh_http_request *request)
{
    retrieve(context, request, false);
}

static void retrieve_pixels(void *context, kh_http_request *request)
{
    retrieve(context, request, true);
}

void kh_dicomweb_values(kh_dicomweb *dicomweb, kh_http_request *request)
{
    kh_dicomweb_later(dicomweb, request, retrieve_values);
}

void kh_dicomweb_pixels(kh_dicomweb *dicomweb, kh_http_request *request)
{
    kh_dicomweb_later(dicomweb, request, retrieve_pixels);
}
