/* Metadata as the Native DICOM Model (PS3.19 A.1), a part for each object, made from their JSON. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cache/metadata_answer.h"
#include "dicom/native_xml.h"
#include "viewer/dicomweb/metadata_xml.h"

#define OBJECT_BYTES_MAX (64u << 20) /* of the JSON of an object, and of its XML */
#define TYPE "application/dicom+xml"

typedef struct xml_answer {
    kh_dicomweb *dicomweb;
    kh_retrieve_uids uids;
    kh_retrieve_list list;
    kh_multipart multipart;
    char address[KH_DICOMWEB_ADDRESS_SIZE];
    size_t index, parts;
    bool ended;
} xml_answer;

static void drop(void *context)
{
    xml_answer *x = context;

    kh_retrieve_list_release(&x->list);
    free(x);
}

/* *told is false when there is nothing to say of it: at its hospital, and not prepared. */
static kh_status write_json(xml_answer *x, kh_buf *out, const kh_retrieve_object *object, bool *told, kh_error *err)
{
    kh_metadata_answer answer;
    kh_status status = kh_metadata_answer_begin(&answer, out, x->address, false, err);

    if (status == KH_OK)
        status = kh_metadata_answer_series(&answer, x->dicomweb->cache, object->series_id, object->id, err);
    if (status == KH_OK)
        status = kh_metadata_answer_end(&answer, err);
    *told = status == KH_OK && answer.count == 1;
    return status;
}

static kh_status write_xml(xml_answer *x, kh_buf *out, const kh_retrieve_object *object, bool *told, kh_error *err)
{
    kh_buf text;
    kh_json *json = NULL;
    kh_status status;

    kh_buf_init(&text, OBJECT_BYTES_MAX);
    status = write_json(x, &text, object, told, err);
    if (status == KH_OK && *told)
        status = kh_json_parse(&json, (const char *)text.data, text.size, OBJECT_BYTES_MAX, err);
    if (status == KH_OK && *told)
        status = kh_native_xml_write(out, kh_json_at(json, 0), err);
    kh_json_free(json);
    kh_buf_release(&text);
    return status;
}

static kh_status next(void *context, kh_http_piece *piece, const atomic_bool *cancelled, kh_error *err)
{
    xml_answer *x = context;
    bool told = false;
    kh_status status = KH_OK;
    kh_buf out;

    (void)cancelled;
    kh_buf_init(&out, OBJECT_BYTES_MAX);
    while (status == KH_OK && !told && x->index < x->list.count)
        status = write_xml(x, &out, kh_retrieve_list_at(&x->list, x->index++), &told, err);
    if (status != KH_OK) {
        kh_buf_release(&out);
        return status;
    }
    if (told) {
        piece->held = kh_buf_take(&out, &piece->size);
        piece->bytes = piece->held;
        piece->release = free;
        piece->head_size = kh_multipart_head(&x->multipart, x->parts++, TYPE, NULL, NULL, piece->size, piece->head);
    } else if (!x->ended) {
        x->ended = true;
        piece->head_size = kh_multipart_tail(&x->multipart, piece->head);
    }
    kh_buf_release(&out);
    return KH_OK;
}

static const kh_http_producer producer = {.next = next, .drop = drop};

kh_status kh_metadata_xml_answer(kh_dicomweb *dicomweb, kh_http_request *request, const kh_retrieve_uids *uids, kh_retrieve_list *list,
                                 const char *address, unsigned code, kh_error *err)
{
    xml_answer *x = calloc(1, sizeof *x);
    char type[160];
    kh_status status;

    if (!x)
        return kh_error_set(err, KH_E_MEMORY, "no memory for an answer");
    status = kh_multipart_init(&x->multipart, err);
    if (status != KH_OK) {
        free(x);
        return status;
    }
    x->dicomweb = dicomweb;
    x->uids = *uids;
    x->list = *list;
    memset(list, 0, sizeof *list);
    snprintf(x->address, sizeof x->address, "%s", address);
    kh_multipart_content_type(&x->multipart, TYPE, type, sizeof type);
    kh_dicomweb_answer_pieces(dicomweb, request, KH_VERB_VIEW, uids->study, uids->series, code, type, KH_HTTP_SIZE_UNKNOWN, &producer, x);
    return KH_OK;
}
