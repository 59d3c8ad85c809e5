/* Metadata of studies, series and instances (PS3.18 10.4.1.1.4) as one JSON array, series by series: what was prepared when it came
 * (cache/metadata.h) is sent as it lies there, compressed, to those who take gzip. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cache/metadata_answer.h"
#include "viewer/dicomweb/metadata_xml.h"

#define SERIES_BYTES_MAX (128u << 20)     /* of the metadata of one series */
#define FORM_PLAIN 1
#define FORM_GZIP 2
#define FORM_XML 3

typedef struct metadata {
    kh_dicomweb *dicomweb;
    kh_retrieve_uids uids;
    kh_retrieve_list list;
    kh_buf series; /* ids */
    size_t series_count;
    char address[KH_DICOMWEB_ADDRESS_SIZE];
    const char *type;
    bool gzip, xml;
    kh_metadata_answer answer;
    kh_buf out;
    kh_http_piece first; /* made before the answer begins */

    size_t index; /* of the next series */
    bool ended;
} metadata;

static void metadata_free(void *context)
{
    metadata *m = context;

    if (!m)
        return;
    kh_http_piece_release(&m->first);
    kh_buf_release(&m->out);
    kh_buf_release(&m->series);
    kh_retrieve_list_release(&m->list);
    free(m);
}

static int64_t series_at(const metadata *m, size_t index)
{
    int64_t id;

    memcpy(&id, m->series.data + index * sizeof id, sizeof id);
    return id;
}

/* Objects of a series stand together in the list nearly always. */
static kh_status note_series(metadata *m, kh_error *err)
{
    kh_status status = KH_OK;

    for (size_t i = 0; status == KH_OK && i < m->list.count; i++) {
        int64_t id = kh_retrieve_list_at(&m->list, i)->series_id;
        size_t k = m->series_count;

        while (k > 0 && series_at(m, k - 1) != id)
            k--;
        if (k == 0) {
            status = kh_buf_append(&m->series, &id, sizeof id, err);
            m->series_count++;
        }
    }
    return status;
}

/* What has been written becomes a piece. */
static kh_status take_piece(metadata *m, kh_http_piece *piece, kh_error *err)
{
    size_t size = m->out.size;
    kh_dicomweb_held *held;
    kh_status status = kh_dicomweb_count(m->dicomweb, size, err);

    if (status != KH_OK)
        return status;
    held = kh_dicomweb_hold(m->dicomweb, m->out.data, size, size);
    if (!held) {
        kh_dicomweb_uncount(m->dicomweb, size);
        return kh_error_set(err, KH_E_MEMORY, "no memory for an answer");
    }
    (void)kh_buf_take(&m->out, &size);
    piece->bytes = held->bytes;
    piece->size = size;
    piece->release = kh_dicomweb_let_go;
    piece->held = held;
    return KH_OK;
}

static kh_status make_piece(metadata *m, kh_http_piece *piece, kh_error *err)
{
    int64_t object_id = m->uids.instance[0] ? kh_retrieve_list_at(&m->list, 0)->id : 0;
    kh_status status = KH_OK;

    if (m->index == 0)
        status = kh_metadata_answer_begin(&m->answer, &m->out, m->address, m->gzip, err);
    if (status == KH_OK)
        status = kh_metadata_answer_series(&m->answer, m->dicomweb->cache, series_at(m, m->index++), object_id, err);
    if (status == KH_OK && m->index == m->series_count) {
        status = kh_metadata_answer_end(&m->answer, err);
        m->ended = true;
    }
    return status == KH_OK ? take_piece(m, piece, err) : status;
}

static kh_status next(void *context, kh_http_piece *piece, const atomic_bool *cancelled, kh_error *err)
{
    metadata *m = context;

    (void)cancelled;
    if (m->first.size > 0) {
        *piece = m->first;
        memset(&m->first, 0, sizeof m->first);
        return KH_OK;
    }
    while (!m->ended && piece->size == 0) {
        kh_status status = make_piece(m, piece, err);

        if (status != KH_OK) {
            kh_http_piece_release(piece);
            return status;
        }
        if (piece->size == 0)
            kh_http_piece_release(piece);
    }
    return KH_OK;
}

static const kh_http_producer producer = {.next = next, .drop = metadata_free};

static const kh_offer offers[] = {
    {"application/dicom+json", false, NULL, false, true},
    {"application/json", false, NULL, false, false},
    {"application/dicom+xml", true, NULL, false, false},
};
#define OFFER_COUNT (sizeof offers / sizeof offers[0])

/* Of one series it is known what is not in the answer; of several only what may not be. */
static size_t missing(const metadata *m)
{
    return m->ended ? m->answer.left_out : m->list.away_count;
}

static kh_status answer_xml(metadata *m, kh_http_request *request, kh_error *err)
{
    kh_status status;

    if (m->list.away_count > 0)
        kh_http_set_header(request, "Warning", "299 " KH_DICOMWEB_PATH ": instances at their hospital may not be in this answer");
    status = kh_metadata_xml_answer(m->dicomweb, request, &m->uids, &m->list, m->address, m->list.away_count > 0 ? 206 : 200, err);
    if (status == KH_OK)
        metadata_free(m);
    return status;
}

/* Takes m over when this is KH_OK. */
static kh_status answer(metadata *m, kh_http_request *request, kh_error *err)
{
    char etag[KH_RETRIEVE_ETAG_SIZE], line[160];
    kh_status status;

    kh_retrieve_etag(etag, m->list.state, m->xml ? FORM_XML : m->gzip ? FORM_GZIP : FORM_PLAIN);
    kh_http_set_header(request, "Vary", "Accept, Accept-Encoding");
    if (kh_retrieve_answer_unchanged(request, etag, false)) {
        metadata_free(m);
        return KH_OK;
    }
    if (m->xml)
        return answer_xml(m, request, err);
    status = make_piece(m, &m->first, err);
    if (status != KH_OK)
        return status;
    if (m->ended && m->answer.count == 0) {
        kh_retrieve_answer_away(m->dicomweb, request,
                                m->list.away_count > 0 ? m->list.away_study : kh_retrieve_list_at(&m->list, 0)->study_id);
        metadata_free(m);
        return KH_OK;
    }
    if (missing(m) > 0) {
        bool recalled = m->list.away_count > 0 && kh_retrieve_recall(m->dicomweb, m->list.away_study);

        snprintf(line, sizeof line, "299 " KH_DICOMWEB_PATH ": %s%zu of %zu instances are not in this answer%s", m->ended ? "" : "up to ",
                 missing(m), m->list.count, recalled ? "; they are being fetched from their hospital" : "");
        kh_http_set_header(request, "Warning", line);
    }
    if (m->gzip)
        kh_http_set_header(request, "Content-Encoding", "gzip");
    kh_dicomweb_answer_pieces(m->dicomweb, request, KH_VERB_VIEW, m->uids.study, m->uids.series, missing(m) > 0 ? 206 : 200, m->type,
                              m->ended ? m->first.size : KH_HTTP_SIZE_UNKNOWN, &producer, m);
    return KH_OK;
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
        m->gzip = kh_http_accepts_gzip(request);
        kh_buf_init(&m->out, SERIES_BYTES_MAX);
        kh_buf_init(&m->series, KH_RETRIEVE_OBJECTS_MAX * sizeof(int64_t));
        kh_dicomweb_address(dicomweb, request, m->address);
        status = kh_retrieve_read_uids(&m->uids, request, &err);
    }
    if (status == KH_OK)
        status = kh_retrieve_read_accept(accept, request, &err);
    if (status == KH_OK) {
        chosen = kh_accept_choose(accept, offers, OFFER_COUNT);
        status = kh_retrieve_list_fill(&m->list, dicomweb, request, KH_VERB_VIEW, &m->uids, &err);
    }
    if (status == KH_OK)
        status = note_series(m, &err);
    if (status != KH_OK) {
        kh_retrieve_answer_error(dicomweb, request, m ? &m->uids : NULL, &err);
    } else if (chosen == OFFER_COUNT) {
        kh_retrieve_answer_text(
            request, 406, "not acceptable",
            "Accept: metadata are given as application/dicom+json and multipart/related; type=\"application/dicom+xml\"");
    } else {
        m->type = offers[chosen].type;
        m->xml = offers[chosen].multipart;
        status = answer(m, request, &err);
        m = status == KH_OK ? NULL : m;
        if (status != KH_OK)
            kh_http_answer_error(request, &err);
    }
    free(accept);
    metadata_free(m);
}

void kh_dicomweb_metadata(kh_dicomweb *dicomweb, kh_http_request *request)
{
    kh_dicomweb_later(dicomweb, request, retrieve);
}
