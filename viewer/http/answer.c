/* Answers: made by whoever claims the request first, handed to libmicrohttpd by the connection's own thread. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/json.h"
#include "base/log.h"
#include "viewer/http/http_status.h"
#include "viewer/http/internal.h"

#define HEADER_VALUE_MAX 200
#define ERROR_BYTES_MAX 2048

#define POLICY "Content-Security-Policy"
/* S5: no script, style or frame from anywhere but us; nothing sniffed, nothing told to other sites. */
#define POLICY_OF_PAGES "default-src 'self'; img-src 'self' blob: data:; style-src 'self'; script-src 'self'; object-src 'none'; " \
                        "frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
/* Of a document beside pictures: a page of ours may hold it, and it brings nothing along and runs nothing. */
#define POLICY_OF_DOCUMENTS "default-src 'none'; frame-ancestors 'self'; base-uri 'none'; form-action 'none'"
static const char *const security_headers[][2] = {
    {"X-Content-Type-Options", "nosniff"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
    {"Cross-Origin-Opener-Policy", "same-origin"},
};

static bool is_header_text(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (text[i] < 0x20 || text[i] > 0x7e)
            return false;
    return size <= HEADER_VALUE_MAX;
}

static const char *keep_text(kh_http_request *request, const char *text, size_t size)
{
    char *kept = request->header_text + request->header_bytes;

    memcpy(kept, text, size + 1);
    request->header_bytes += size + 1;
    return kept;
}

void kh_http_set_header(kh_http_request *request, const char *name, const char *value)
{
    size_t name_size = strlen(name), value_size = strlen(value);
    kh_http_header_line *line = &request->headers[request->header_count];

    if (request->header_count == KH_HTTP_HEADERS_MAX || !is_header_text(name, name_size) ||
        !is_header_text(value, value_size) ||
        name_size + value_size + 2 > KH_HTTP_HEADER_BYTES_MAX - request->header_bytes) {
        kh_log(KH_LOG_WARN, "http", "header %s cannot be sent and is left out", name);
        return;
    }
    line->name = keep_text(request, name, name_size);
    line->value = keep_text(request, value, value_size);
    request->header_count++;
}

static bool add_security_headers(struct MHD_Response *response, bool document)
{
    bool added = MHD_add_response_header(response, POLICY, document ? POLICY_OF_DOCUMENTS : POLICY_OF_PAGES) == MHD_YES;

    for (size_t i = 0; i < sizeof security_headers / sizeof security_headers[0]; i++)
        added = added && MHD_add_response_header(response, security_headers[i][0], security_headers[i][1]) == MHD_YES;
    return added;
}

/* A year; a browser that was here once does not come without encryption any more (RFC 6797). Prepared answers go without: a page came
 * before them. */
#define STRICT_TRANSPORT "max-age=31536000"

static bool add_headers(kh_http_request *request, struct MHD_Response *response)
{
    bool added = add_security_headers(response, request->document);

    if (request->encrypted)
        added = added && MHD_add_response_header(response, "Strict-Transport-Security", STRICT_TRANSPORT) == MHD_YES;

    for (unsigned i = 0; i < request->header_count; i++)
        added = added &&
                MHD_add_response_header(response, request->headers[i].name, request->headers[i].value) == MHD_YES;
    return added;
}

void kh_http_is_document(kh_http_request *request)
{
    request->document = true;
}

/* The one place where an answer meets its request. Whoever loses the claim drops what it made. */
static void deliver(kh_http_request *request, unsigned code, struct MHD_Response *response, size_t body_bytes)
{
    kh_http_server *server;
    bool was_suspended = request->suspended;

    if (atomic_exchange(&request->claimed, true)) {
        if (response)
            MHD_destroy_response(response);
        if (was_suspended)
            kh_http_request_release(request);
        return;
    }
    server = request->server;
    request->code = code;
    request->response = response;
    request->body_bytes = body_bytes;
    atomic_store_explicit(&request->answered, true, memory_order_release);
    if (!was_suspended)
        return;
    MHD_resume_connection(request->mhd);
    pthread_mutex_lock(&server->lock);
    *(request->previous_suspended ? &request->previous_suspended->next_suspended : &server->suspended) =
        request->next_suspended;
    if (request->next_suspended)
        request->next_suspended->previous_suspended = request->previous_suspended;
    server->suspended_count--;
    pthread_cond_broadcast(&server->answered);
    pthread_mutex_unlock(&server->lock);
    kh_http_request_release(request);
}

void kh_http_answer_response(kh_http_request *request, unsigned code, struct MHD_Response *response, size_t body_bytes)
{
    if (response && !add_headers(request, response)) {
        MHD_destroy_response(response);
        response = NULL;
    }
    deliver(request, code, response, body_bytes);
}

static void answer_with(kh_http_request *request, unsigned code, const char *content_type, struct MHD_Response *response,
                        size_t size)
{
    if (content_type && response)
        kh_http_set_header(request, "Content-Type", content_type);
    kh_http_answer_response(request, code, response, size);
}

void kh_http_answer(kh_http_request *request, unsigned code, const char *content_type, const void *body, size_t size)
{
    /* the library copies and does not write */
    struct MHD_Response *response =
        MHD_create_response_from_buffer(size, (void *)(uintptr_t)(size ? body : ""), MHD_RESPMEM_MUST_COPY);

    answer_with(request, code, content_type, response, size);
}

void kh_http_answer_constant(kh_http_request *request, unsigned code, const char *content_type, const void *body, size_t size)
{
    answer_with(request, code, content_type,
                MHD_create_response_from_buffer(size, (void *)(uintptr_t)body, MHD_RESPMEM_PERSISTENT), size);
}

void kh_http_answer_borrowed(kh_http_request *request, unsigned code, const char *content_type, const void *body, size_t size,
                             void (*release)(void *release_context), void *release_context)
{
    struct MHD_Response *response = MHD_create_response_from_buffer_with_free_callback_cls(
        size, (void *)(uintptr_t)body, release, release_context);

    if (!response)
        release(release_context);
    answer_with(request, code, content_type, response, size);
}

#define GATHERED_MAX 4

void kh_http_answer_gathered(kh_http_request *request, unsigned code, const char *content_type, const kh_http_bytes *bytes, size_t count,
                             void (*release)(void *release_context), void *release_context)
{
    struct MHD_IoVec parts[GATHERED_MAX];
    struct MHD_Response *response = NULL;
    size_t size = 0;

    for (size_t i = 0; i < count && i < GATHERED_MAX; i++) {
        parts[i] = (struct MHD_IoVec){.iov_base = bytes[i].bytes, .iov_len = bytes[i].size};
        size += bytes[i].size;
    }
    if (count <= GATHERED_MAX)
        response = MHD_create_response_from_iovec(parts, (unsigned)count, release, release_context);
    if (!response)
        release(release_context);
    answer_with(request, code, content_type, response, size);
}

struct kh_http_prepared {
    struct MHD_Response *response;
    size_t body_bytes;
};

kh_http_prepared *kh_http_prepare(const char *const (*headers)[2], size_t count, const void *body, size_t size)
{
    kh_http_prepared *prepared = malloc(sizeof *prepared);
    bool added;

    if (!prepared)
        return NULL;
    prepared->body_bytes = size;
    prepared->response = MHD_create_response_from_buffer(size, (void *)(uintptr_t)body, MHD_RESPMEM_PERSISTENT);
    added = prepared->response && add_security_headers(prepared->response, false);
    for (size_t i = 0; i < count && added; i++)
        added = MHD_add_response_header(prepared->response, headers[i][0], headers[i][1]) == MHD_YES;
    if (!added) {
        kh_http_prepared_free(prepared);
        return NULL;
    }
    return prepared;
}

void kh_http_prepared_free(kh_http_prepared *prepared)
{
    if (prepared && prepared->response)
        MHD_destroy_response(prepared->response);
    free(prepared);
}

void kh_http_answer_prepared(kh_http_request *request, const kh_http_prepared *prepared,
                             void (*release)(void *owner, const void *held), void *owner, const void *held)
{
    request->response_is_shared = true;
    request->release = release;
    request->release_owner = owner;
    request->release_held = held;
    deliver(request, 200, prepared->response, prepared->body_bytes);
}

static void answer_problem(kh_http_request *request, unsigned code, const char *kind, const char *message)
{
    kh_buf body;
    kh_json_writer json;
    char retry_after[16];

    kh_buf_init(&body, ERROR_BYTES_MAX);
    kh_json_writer_init(&json, &body);
    kh_json_object_begin(&json);
    kh_json_put_text(&json, "error", kind);
    kh_json_put_text(&json, "message", message);
    kh_json_object_end(&json);
    if (kh_http_retry_after_s(code) > 0) {
        snprintf(retry_after, sizeof retry_after, "%u", kh_http_retry_after_s(code));
        kh_http_set_header(request, "Retry-After", retry_after);
    }
    kh_http_set_header(request, "Cache-Control", "no-store");
    kh_http_answer(request, code, "application/json; charset=utf-8", body.data, body.size);
    kh_buf_release(&body);
}

void kh_http_answer_code(kh_http_request *request, unsigned code, const char *message)
{
    answer_problem(request, code, kh_http_code_text(code), message);
}

void kh_http_answer_error(kh_http_request *request, const kh_error *error)
{
    unsigned code = kh_http_code(error->status);
    bool is_public = kh_http_status_is_public(error->status);

    if (!is_public || error->status == KH_E_CORRUPT)
        kh_log(KH_LOG_WARN, "http", "a request ends with %u: %s", code, error->message);
    answer_problem(request, code, kh_status_text(error->status),
                   is_public ? error->message : "something failed inside the server; its log says what");
}

/* If-None-Match: "*", or a list of entity tags; a weak one matches as well (RFC 9110 13.1.2). */
static bool etag_is_listed(const char *list, const char *etag)
{
    size_t size = strlen(etag);

    while (*list) {
        list += strspn(list, " \t,");
        if (list[0] == '*')
            return true;
        if (list[0] == 'W' && list[1] == '/')
            list += 2;
        if (*list == '"' && strncmp(list + 1, etag, size) == 0 && list[1 + size] == '"')
            return true;
        list += strcspn(list, ",");
    }
    return false;
}

bool kh_http_etag_matches(const kh_http_request *request, const char *etag)
{
    const char *list = kh_http_header(request, "If-None-Match");

    return list && etag_is_listed(list, etag);
}

bool kh_http_answer_not_modified(kh_http_request *request, const char *etag)
{
    char quoted[HEADER_VALUE_MAX];

    snprintf(quoted, sizeof quoted, "\"%s\"", etag);
    kh_http_set_header(request, "ETag", quoted);
    if (!kh_http_etag_matches(request, etag))
        return false;
    kh_http_answer(request, 304, NULL, NULL, 0);
    return true;
}

void kh_http_abandon(kh_http_request *request)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(0, (void *)(uintptr_t) "", MHD_RESPMEM_PERSISTENT);

    /* the request's own headers are the owner's, who may be writing them */
    if (response && (!add_security_headers(response, false) ||
                     MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, "1") == MHD_NO)) {
        MHD_destroy_response(response);
        response = NULL;
    }
    deliver(request, 503, response, 0);
}
