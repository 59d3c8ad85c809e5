/* A search, from the request to its answer. */
#include "viewer/dicomweb/qido.h"

#include <stdlib.h>
#include <string.h>
#include "viewer/dicomweb/accept.h"

#define ANSWER_BYTES_MAX ((size_t)256 << 20)
#define PART_BYTES_MAX ((size_t)64 << 10)

static const kh_offer offers[KH_QIDO_FORMS] = {
    [KH_QIDO_DICOM_JSON] = {.type = "application/dicom+json", .category_default = true},
    [KH_QIDO_JSON] = {.type = "application/json"},
    [KH_QIDO_XML] = {.type = KH_QIDO_XML_TYPE, .multipart = true},
};

static bool is_gone(const void *context)
{
    return kh_http_client_gone(context);
}

static kh_status write_row(kh_qido_run *r, const kh_search_row *row, kh_error *err)
{
    char head[KH_MULTIPART_HEAD_SIZE];
    kh_status status;
    size_t size;

    if (r->form != KH_QIDO_XML)
        return kh_qido_write_json(&r->body, &r->query, row, r->address, r->given == 0, err);
    kh_buf_clear(&r->part);
    status = kh_qido_write_xml(&r->part, &r->query, row, r->address, err);
    if (status != KH_OK)
        return status;
    size = kh_multipart_head(&r->multipart, (size_t)r->given, KH_QIDO_XML_TYPE, NULL, NULL, r->part.size, head);
    status = kh_buf_append(&r->body, head, size, err);
    return status == KH_OK ? kh_buf_append(&r->body, r->part.data, r->part.size, err) : status;
}

/* A kh_search_take. */
static kh_status take_row(void *context, const kh_search_row *row, bool *enough, kh_error *err)
{
    kh_qido_run *r = context;
    kh_status status;

    *enough = false;
    if (r->skipped < r->query.offset) {
        r->skipped++;
        return KH_OK;
    }
    status = write_row(r, row, err);
    *enough = ++r->given == r->query.limit;
    return status == KH_OK ? kh_qido_count_body(r, err) : status;
}

static kh_status count_left(kh_qido_run *r, kh_error *err)
{
    const kh_search_counting how = {.most = KH_QIDO_COUNTED_MAX + 1, .compared_max = r->dicomweb->options.compared_max,
                                    .stop = is_gone, .context = r->request};

    return kh_search_count(r->search, &how, &r->left, &r->left_exact, err);
}

static kh_status run_search(kh_qido_run *r, kh_error *err)
{
    const kh_qido_query *query = &r->query;
    bool more = true;
    kh_status status = kh_search_open_with(&r->search, r->dicomweb->cache, query->level, query->keys, query->key_count, query->flags, err);

    if (status == KH_E_LIMIT)
        return kh_error_set(err, KH_E_ARG, "%s", err->message);
    if (status == KH_OK)
        status =
            kh_dicomweb_reach(r->dicomweb, r->request, KH_VERB_FIND, query->below_study ? KH_REACH_NAMED : KH_REACH_LIST, &r->reach, err);
    if (status == KH_OK)
        kh_search_within(r->search, kh_reach_scope(r->reach));
    while (status == KH_OK && more && r->given < query->limit && !kh_http_client_gone(r->request))
        status = kh_search_some(r->search, take_row, r, &more, err);
    r->left_exact = true;
    return status == KH_OK && more ? count_left(r, err) : status;
}

/* What stands around the rows. */
static kh_status finish(kh_qido_run *r, kh_error *err)
{
    char tail[KH_MULTIPART_HEAD_SIZE];

    if (r->form == KH_QIDO_XML)
        return kh_buf_append(&r->body, tail, kh_multipart_tail(&r->multipart, tail), err);
    return kh_buf_append(&r->body, "]", 1, err);
}

/* What the request asks for; KH_E_UNSUPPORTED when no form of the answer is taken. */
static kh_status begin(kh_qido_run *r, kh_accept *accept, kh_error *err)
{
    kh_status status = kh_accept_parse(accept, kh_http_query(r->request, "accept"), kh_http_header(r->request, "Accept"), err);

    if (status == KH_OK)
        status = kh_qido_query_read(&r->query, r->request, r->dicomweb->options.results_max, err);
    if (status != KH_OK)
        return status == KH_E_LIMIT ? KH_E_ARG : status;
    r->form = kh_accept_choose(accept, offers, KH_QIDO_FORMS);
    if (r->form == KH_QIDO_FORMS)
        return KH_E_UNSUPPORTED;
    r->type = offers[r->form].type;
    if (r->form == KH_QIDO_XML)
        return kh_multipart_init(&r->multipart, err);
    return kh_buf_append(&r->body, "[", 1, err);
}

static kh_status run_request(kh_qido_run *r, kh_accept *accept, kh_error *err)
{
    kh_status status = begin(r, accept, err);

    if (status == KH_OK)
        status = run_search(r, err);
    if (status == KH_OK)
        status = finish(r, err);
    return status == KH_OK ? kh_qido_answer(r, err) : status;
}

static void answer_problem(kh_http_request *request, kh_status status, const kh_error *err)
{
    if (status == KH_E_UNSUPPORTED)
        kh_http_answer_code(request, 406, "Accept: expected application/dicom+json or multipart/related; type=\"" KH_QIDO_XML_TYPE "\"");
    else if (status == KH_E_ARG)
        kh_http_answer_code(request, 400, err->message);
    else
        kh_http_answer_error(request, err);
}

static void work(void *context, kh_http_request *request)
{
    kh_dicomweb *dicomweb = context;
    kh_error err = KH_ERROR_INIT;
    kh_qido_run *r = calloc(1, sizeof *r);
    kh_accept *accept = calloc(1, sizeof *accept);
    kh_status status = r && accept ? KH_OK : kh_error_set(&err, KH_E_MEMORY, "no memory for a search");

    if (status == KH_OK) {
        uint64_t most = dicomweb->options.memory_max;

        r->dicomweb = dicomweb;
        r->request = request;
        kh_buf_init(&r->body, most < ANSWER_BYTES_MAX ? (size_t)most : ANSWER_BYTES_MAX);
        kh_buf_init(&r->part, PART_BYTES_MAX);
        kh_dicomweb_address(dicomweb, request, r->address);
        status = run_request(r, accept, &err);
    }
    if (status != KH_OK)
        answer_problem(request, status, &err);
    if (r) {
        kh_search_free(r->search);
        kh_reach_close(r->reach);
        kh_qido_query_release(&r->query);
        kh_dicomweb_uncount(dicomweb, r->counted);
        kh_buf_release(&r->body);
        kh_buf_release(&r->part);
    }
    free(accept);
    free(r);
}

void kh_dicomweb_search(kh_dicomweb *dicomweb, kh_http_request *request)
{
    kh_dicomweb_later(dicomweb, request, work);
}
