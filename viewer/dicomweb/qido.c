/* A search, from the request to its answer. */
#include "viewer/dicomweb/qido.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "viewer/dicomweb/accept.h"
#include "viewer/dicomweb/multipart.h"

#define ANSWER_BYTES_MAX ((size_t)256 << 20)
#define PART_BYTES_MAX ((size_t)64 << 10)
#define XML "application/dicom+xml"

enum form { FORM_DICOM_JSON, FORM_JSON, FORM_XML, FORMS };
static const kh_offer offers[FORMS] = {
    [FORM_DICOM_JSON] = {.type = "application/dicom+json", .category_default = true},
    [FORM_JSON] = {.type = "application/json"},
    [FORM_XML] = {.type = XML, .multipart = true},
};

typedef struct run {
    const kh_dicomweb *dicomweb;
    kh_http_request *request;
    size_t form;
    kh_multipart multipart;
    char address[KH_DICOMWEB_ADDRESS_SIZE];
    kh_qido_query query;
    kh_search *search;
    kh_buf body, part;
    int64_t skipped, given, left;
    kh_pixel_format formats[KH_SEARCH_PAGE];
} run;

static bool is_gone(const void *context)
{
    return kh_http_client_gone(context);
}

static kh_status write_row(run *r, const kh_search_row *row, const kh_pixel_format *format, kh_error *err)
{
    char head[KH_MULTIPART_HEAD_SIZE];
    kh_status status;
    size_t size;

    if (r->form != FORM_XML)
        return kh_qido_write_json(&r->body, &r->query, row, format, r->address, r->given == 0, err);
    kh_buf_clear(&r->part);
    status = kh_qido_write_xml(&r->part, &r->query, row, format, r->address, err);
    if (status != KH_OK)
        return status;
    size = kh_multipart_head(&r->multipart, (size_t)r->given, XML, NULL, NULL, r->part.size, head);
    status = kh_buf_append(&r->body, head, size, err);
    return status == KH_OK ? kh_buf_append(&r->body, r->part.data, r->part.size, err) : status;
}

static kh_status take_page(run *r, const kh_search_row *rows, size_t count, kh_error *err)
{
    const kh_pixel_format *formats = NULL;
    kh_status status = KH_OK;

    if (r->query.formats && r->skipped + (int64_t)count > r->query.offset) {
        status = kh_search_formats(r->dicomweb->cache, rows, count, r->formats, err);
        formats = r->formats;
    }
    for (size_t i = 0; status == KH_OK && i < count; i++) {
        if (r->skipped < r->query.offset) {
            r->skipped++;
        } else if (r->given == r->query.limit) {
            r->left++;
        } else {
            status = write_row(r, &rows[i], formats ? &formats[i] : NULL, err);
            r->given++;
        }
    }
    return status;
}

static kh_status run_search(run *r, kh_error *err)
{
    const kh_search_row *rows;
    size_t count;
    bool more = true;
    int64_t further = 0;
    kh_status status = r->query.fuzzy
                           ? kh_search_open_fuzzy(&r->search, r->dicomweb->cache, r->query.level, r->query.keys, r->query.key_count, err)
                           : kh_search_open(&r->search, r->dicomweb->cache, r->query.level, r->query.keys, r->query.key_count, err);

    while (status == KH_OK && more && r->given < r->query.limit && !kh_http_client_gone(r->request)) {
        status = kh_search_page(r->search, &rows, &count, &more, err);
        if (status == KH_OK)
            status = take_page(r, rows, count, err);
    }
    if (status == KH_OK && more && r->left <= KH_QIDO_COUNTED_MAX)
        status = kh_search_count(r->search, KH_QIDO_COUNTED_MAX + 1 - r->left, is_gone, r->request, &further, err);
    r->left += further;
    return status;
}

static void warn(run *r, const char *text)
{
    char line[200];

    snprintf(line, sizeof line, "299 Kakehashi: %s", text);
    kh_http_set_header(r->request, "Warning", line);
}

static void set_warnings(run *r)
{
    char text[180];

    if (r->left > 0) {
        snprintf(text, sizeof text, "There are %s%" PRId64 " additional results that can be requested", r->left > KH_QIDO_COUNTED_MAX ? "at least " : "",
                 r->left > KH_QIDO_COUNTED_MAX ? (int64_t)KH_QIDO_COUNTED_MAX : r->left);
        warn(r, text);
    }
    if (r->query.ignored[0]) {
        snprintf(text, sizeof text, "Matching was not applied to %s", r->query.ignored);
        warn(r, text);
    }
    if (r->query.empty_ignored)
        warn(r, "The emptyvaluematching parameter is not supported. Empty values were not matched.");
    if (r->query.multiple_ignored)
        warn(r, "The multiplevaluematching parameter is supported for UIDs and codes. Other values were matched as one.");
}

static void answer(run *r)
{
    char type[160] = "";
    size_t size;
    uint8_t *body;

    kh_http_set_header(r->request, "Cache-Control", "private, no-cache");
    set_warnings(r);
    if (r->given == 0) {
        kh_http_answer(r->request, 204, NULL, NULL, 0);
        return;
    }
    if (r->form == FORM_XML)
        kh_multipart_content_type(&r->multipart, XML, type, sizeof type);
    body = kh_buf_take(&r->body, &size);
    kh_http_answer_borrowed(r->request, 200, r->form == FORM_XML ? type : offers[r->form].type, body, size, free, body);
}

/* What stands around the rows. */
static kh_status finish(run *r, kh_error *err)
{
    char tail[KH_MULTIPART_HEAD_SIZE];

    if (r->form == FORM_XML)
        return kh_buf_append(&r->body, tail, kh_multipart_tail(&r->multipart, tail), err);
    return kh_buf_append(&r->body, "]", 1, err);
}

static kh_status begin(run *r, kh_accept *accept, kh_error *err)
{
    kh_status status = kh_accept_parse(accept, kh_http_query(r->request, "accept"), kh_http_header(r->request, "Accept"), err);

    if (status == KH_OK)
        status = kh_qido_query_read(&r->query, r->request, r->dicomweb->options.results_max, err);
    if (status == KH_OK)
        r->form = kh_accept_choose(accept, offers, FORMS);
    if (status == KH_OK && r->form == FORM_XML)
        return kh_multipart_init(&r->multipart, err);
    return status == KH_OK ? kh_buf_append(&r->body, "[", 1, err) : status;
}

static void work(void *context, kh_http_request *request)
{
    kh_dicomweb *dicomweb = context;
    kh_error err = KH_ERROR_INIT;
    run *r = calloc(1, sizeof *r);
    kh_accept *accept = calloc(1, sizeof *accept);
    kh_status status = r && accept ? KH_OK : kh_error_set(&err, KH_E_MEMORY, "no memory for a search");

    if (status == KH_OK) {
        r->dicomweb = dicomweb;
        r->request = request;
        kh_buf_init(&r->body, ANSWER_BYTES_MAX);
        kh_buf_init(&r->part, PART_BYTES_MAX);
        kh_dicomweb_address(dicomweb, request, r->address);
        status = begin(r, accept, &err);
    }
    if (status == KH_OK && r->form < FORMS)
        status = run_search(r, &err);
    if (status == KH_OK && r->form < FORMS)
        status = finish(r, &err);
    if (status == KH_OK && r->form == FORMS)
        kh_http_answer_code(request, 406, "Accept: expected application/dicom+json or multipart/related; type=\"application/dicom+xml\"");
    else if (status == KH_E_ARG || status == KH_E_LIMIT)
        kh_http_answer_code(request, 400, err.message);
    else if (status != KH_OK)
        kh_http_answer_error(request, &err);
    else
        answer(r);
    if (r) {
        kh_search_free(r->search);
        kh_qido_query_release(&r->query);
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
