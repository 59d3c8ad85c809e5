/* Metadata of studies, series and instances (PS3.18 10.4.1.1.4) as one JSON array, object by object: what an object says without its bulk data,
 * with corrected values, and addresses of the bulk data. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cache/corrected.h"
#include "dicom/json_model.h"
#include "viewer/dicomweb/retrieve.h"

#define OBJECT_BYTES_MAX (64u << 20) /* of the JSON of one object */
#define FORM_JSON 0x6a736f6e

typedef struct metadata {
    kh_dicomweb *dicomweb;
    kh_retrieve_uids uids;
    kh_retrieve_list list;
    char address[KH_DICOMWEB_ADDRESS_SIZE];
    const char *type;

    /* while it goes out */
    const kh_retrieve_object *object; /* whose addresses are written */
    size_t index, told;
    bool ended;
} metadata;

static void metadata_free(void *context)
{
    metadata *m = context;

    if (m)
        kh_retrieve_list_release(&m->list);
    free(m);
}

/* A kh_json_model_uri. */
static kh_status put_uri(void *context, kh_buf *out, const char *path, kh_error *err)
{
    const metadata *m = context;

    return kh_buf_appendf(out, err, "%s/studies/%s/series/%s/instances/%s/bulkdata/%s", m->address, m->uids.study, m->object->series_uid,
                          m->object->instance_uid, path);
}

static kh_status write_source(metadata *m, kh_buf *out, const kh_source *source, kh_error *err)
{
    kh_json_model_options options = kh_json_model_options_default;
    kh_dataset *dataset = NULL;
    kh_status status = kh_dataset_read_file(&dataset, source, &kh_dataset_limits_default, err);

    options.uri = put_uri;
    options.context = m;
    if (status == KH_OK)
        status = kh_json_model_write(out, dataset, &options, err);
    kh_dataset_free(dataset);
    return status;
}

static kh_status write_object(metadata *m, kh_buf *out, kh_error *err)
{
    kh_amended *amended = NULL;
    kh_source source;
    int fd = -1;
    kh_status status = kh_object_open(m->dicomweb->cache, m->object->id, &fd, err);

    if (status == KH_OK)
        status = kh_source_init_fd(&source, fd, err);
    if (status == KH_OK)
        status = kh_corrected_open(&amended, m->dicomweb->cache, m->object->study_id, &source, err);
    if (status == KH_OK)
        status = write_source(m, out, amended ? kh_amended_source(amended) : &source, err);
    kh_amended_free(amended);
    if (fd >= 0)
        close(fd);
    return status;
}

static kh_status next(void *context, kh_http_piece *piece, const atomic_bool *cancelled, kh_error *err)
{
    metadata *m = context;
    kh_buf out;
    kh_status status;

    (void)cancelled;
    if (m->ended)
        return KH_OK;
    while (m->index < m->list.count && kh_retrieve_list_at(&m->list, m->index)->away)
        m->index++;
    if (m->index == m->list.count) {
        m->ended = true;
        piece->head_size = (size_t)snprintf(piece->head, sizeof piece->head, "%s]\n", m->told == 0 ? "[" : "");
        return KH_OK;
    }
    m->object = kh_retrieve_list_at(&m->list, m->index++);
    kh_buf_init(&out, OBJECT_BYTES_MAX);
    status = write_object(m, &out, err);
    if (status != KH_OK) {
        kh_buf_release(&out);
        return status;
    }
    piece->head[0] = m->told++ == 0 ? '[' : ',';
    piece->head_size = 1;
    piece->held = kh_buf_take(&out, &piece->size);
    piece->bytes = piece->held;
    piece->release = free;
    return KH_OK;
}

static const kh_http_producer producer = {.next = next, .drop = metadata_free};

static const kh_offer offers[] = {
    {"application/dicom+json", false, NULL, false, true},
    {"application/json", false, NULL, false, false},
};
#define OFFER_COUNT (sizeof offers / sizeof offers[0])

/* Takes m over. */
static void answer(metadata *m, kh_http_request *request)
{
    char etag[KH_RETRIEVE_ETAG_SIZE], line[160];
    unsigned code = m->list.away_count > 0 ? 206 : 200;

    kh_retrieve_etag(etag, m->list.state, FORM_JSON);
    if (kh_retrieve_answer_unchanged(request, etag, false)) {
        metadata_free(m);
        return;
    }
    if (code == 206) {
        bool recalled = kh_retrieve_recall(m->dicomweb, m->list.away_study);

        snprintf(line, sizeof line, "299 " KH_DICOMWEB_PATH ": %zu of %zu instances are at their hospital%s", m->list.away_count, m->list.count,
                 recalled ? " and being fetched" : "");
        kh_http_set_header(request, "Warning", line);
    }
    kh_http_answer_pieces(request, code, m->type, KH_HTTP_SIZE_UNKNOWN, m->dicomweb->carriers, &producer, m);
}

static void retrieve(void *context, kh_http_request *request)
{
    kh_dicomweb *dicomweb = context;
    kh_error err = KH_ERROR_INIT;
    kh_accept *accept = malloc(sizeof *accept);
    metadata *m = calloc(1, sizeof *m);
    size_t chosen = OFFER_COUNT;
    kh_status status = accept && m ? KH_OK : kh_error_set(&err, KH_E_MEMORY, "no memory for an answer");

    if (status == KH_OK) {
        m->dicomweb = dicomweb;
        kh_dicomweb_address(dicomweb, request, m->address);
        status = kh_retrieve_read_uids(&m->uids, request, &err);
    }
    if (status == KH_OK)
        status = kh_retrieve_read_accept(accept, request, &err);
    if (status == KH_OK) {
        chosen = kh_accept_choose(accept, offers, OFFER_COUNT);
        status = kh_retrieve_list_fill(&m->list, dicomweb->cache, &m->uids, &err);
    }
    if (status != KH_OK) {
        kh_http_answer_error(request, &err);
    } else if (chosen == OFFER_COUNT) {
        kh_retrieve_answer_text(request, 406, "not acceptable", "Accept: metadata are given as application/dicom+json");
    } else if (m->list.away_count == m->list.count) {
        kh_retrieve_answer_away(dicomweb, request, m->list.away_study);
    } else {
        m->type = offers[chosen].type;
        answer(m, request);
        m = NULL;
    }
    free(accept);
    metadata_free(m);
}

void kh_dicomweb_metadata(kh_dicomweb *dicomweb, kh_http_request *request)
{
    kh_dicomweb_later(dicomweb, request, retrieve);
}
