#include <stdlib.h>
#include "viewer/portal/internal.h"

static void answer_gzip(kh_http_request *request, unsigned code, const kh_buf *body)
{
    kh_error err = KH_ERROR_INIT;
    uint8_t *bytes;
    size_t size;

    if (kh_http_gzip(&bytes, &size, body->data, body->size, false, &err) != KH_OK) {
        kh_http_answer_error(request, &err);
        return;
    }
    kh_http_set_header(request, "Content-Encoding", "gzip");
    kh_http_answer_borrowed(request, code, "application/json; charset=utf-8", bytes, size, free, bytes);
}

void kh_portal_answer_begin(kh_portal_answer *answer, size_t most)
{
    answer->code = 200;
    kh_buf_init(&answer->body, most);
    kh_json_writer_init(&answer->json, &answer->body);
}

void kh_portal_answer_end(kh_portal_answer *answer, kh_http_request *request, kh_status status, const kh_error *err)
{
    kh_buf *body = &answer->body;
    kh_error why = *err;

    if (status != KH_OK || kh_json_writer_status(&answer->json, &why) != KH_OK) {
        kh_http_answer_error(request, &why);
    } else {
        kh_http_set_header(request, "Cache-Control", "no-store");
        kh_http_set_header(request, "Vary", "Accept-Encoding");
        if (body->size >= KH_HTTP_GZIP_FROM_BYTES && kh_http_accepts_gzip(request))
            answer_gzip(request, answer->code, body);
        else
            kh_http_answer(request, answer->code, "application/json; charset=utf-8", body->data, body->size);
    }
    kh_buf_release(body);
}

void kh_portal_put_int_or_null(kh_json_writer *json, const char *key, int64_t value, int64_t not_told)
{
    kh_json_key(json, key);
    if (value == not_told)
        kh_json_null(json);
    else
        kh_json_int(json, value);
}

void kh_portal_put_double_or_null(kh_json_writer *json, const char *key, double value, double not_told)
{
    kh_json_key(json, key);
    if (value == not_told)
        kh_json_null(json);
    else
        kh_json_double(json, value);
}
