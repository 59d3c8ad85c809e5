/* The answer to a search: what is warned of, compressed or not, its memory counted. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "store/digest.h"
#include "viewer/dicomweb/qido.h"
#include "viewer/dicomweb/retrieve.h"

static void warn(kh_qido_run *r, const char *text)
{
    char line[200];

    snprintf(line, sizeof line, "299 Kakehashi: %s", text);
    kh_http_set_header(r->request, "Warning", line);
}

static void set_warnings(kh_qido_run *r)
{
    char text[180];

    if (r->left > 0) {
        bool exact = r->left_exact && r->left <= KH_QIDO_COUNTED_MAX;

        snprintf(text, sizeof text, "There are %s%" PRId64 " additional results that can be requested", exact ? "" : "at least ",
                 r->left > KH_QIDO_COUNTED_MAX ? (int64_t)KH_QIDO_COUNTED_MAX : r->left);
        warn(r, text);
    }
    if (r->query.ignored[0]) {
        snprintf(text, sizeof text, "Matching was not applied to %s", r->query.ignored);
        warn(r, text);
    }
}

kh_status kh_qido_count_body(kh_qido_run *r, kh_error *err)
{
    size_t more = r->body.capacity - r->counted;
    kh_status status = more > 0 ? kh_dicomweb_count(r->dicomweb, more, err) : KH_OK;

    r->counted += status == KH_OK ? more : 0;
    return status;
}

/* The body is smaller then, and so is what is counted. */
static kh_status compress_body(kh_qido_run *r, kh_error *err)
{
    uint8_t *bytes;
    size_t size;
    kh_status status = kh_http_gzip(&bytes, &size, r->body.data, r->body.size, false, err);

    if (status != KH_OK)
        return status;
    kh_buf_release(&r->body);
    r->body.data = bytes;
    r->body.size = size;
    r->body.capacity = size;
    kh_dicomweb_uncount(r->dicomweb, r->counted);
    r->counted = 0;
    kh_http_set_header(r->request, "Content-Encoding", "gzip");
    return kh_qido_count_body(r, err);
}

/* The same results in the same form have the same tag. A multipart's bytes differ each time: it has none. */
static kh_status set_tag(kh_qido_run *r, bool gzip, bool *unchanged, kh_error *err)
{
    char etag[KH_RETRIEVE_ETAG_SIZE];
    uint8_t sum[KH_SHA256_SIZE];
    uint64_t state;
    kh_status status;

    *unchanged = false;
    if (r->form == KH_QIDO_XML) {
        kh_http_set_header(r->request, "Cache-Control", "private, no-cache");
        return KH_OK;
    }
    status = kh_sha256_of(sum, r->body.data, r->body.size, err);
    if (status != KH_OK)
        return status;
    memcpy(&state, sum, sizeof state);
    kh_retrieve_etag(etag, state, (uint64_t)r->form << 1 | (gzip ? 1 : 0));
    *unchanged = kh_retrieve_answer_unchanged(r->request, etag, true);
    return KH_OK;
}

static kh_status give_body(kh_qido_run *r, kh_error *err)
{
    kh_dicomweb_held *held = kh_dicomweb_hold(r->dicomweb, r->body.data, r->body.size, r->counted);
    char type[160] = "";
    size_t size;

    if (!held)
        return kh_error_set(err, KH_E_MEMORY, "no memory for an answer");
    (void)kh_buf_take(&r->body, &size);
    r->counted = 0;
    if (r->form == KH_QIDO_XML)
        kh_multipart_content_type(&r->multipart, KH_QIDO_XML_TYPE, type, sizeof type);
    kh_http_answer_borrowed(r->request, 200, type[0] ? type : r->type, held->bytes, held->size, kh_dicomweb_let_go, held);
    return KH_OK;
}

kh_status kh_qido_answer(kh_qido_run *r, kh_error *err)
{
    bool gzip = r->body.size >= KH_HTTP_GZIP_FROM_BYTES && kh_http_accepts_gzip(r->request), unchanged = false;
    kh_status status;

    kh_http_set_header(r->request, "Vary", "Accept, Accept-Encoding");
    set_warnings(r);
    if (r->given == 0) {
        kh_http_set_header(r->request, "Cache-Control", "private, no-cache");
        kh_http_answer(r->request, 204, NULL, NULL, 0);
        return KH_OK;
    }
    status = kh_qido_count_body(r, err);
    if (status == KH_OK)
        status = set_tag(r, gzip, &unchanged, err);
    if (status == KH_OK && !unchanged && gzip)
        status = compress_body(r, err);
    return status == KH_OK && !unchanged ? give_body(r, err) : status;
}
