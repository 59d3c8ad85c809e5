/* What answers of WADO-RS have in common: validators, ranges, what is said of studies that are not here. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/json.h"
#include "cache/changes.h"
#include "viewer/dicomweb/retrieve.h"

#define AWAY_RETRY_S "15" /* a study comes back in less, or in minutes */
#define ANSWER_BYTES_MAX 1024

void kh_retrieve_etag(char out[KH_RETRIEVE_ETAG_SIZE], uint64_t state, uint64_t form)
{
    snprintf(out, KH_RETRIEVE_ETAG_SIZE, "%016" PRIx64 "-%016" PRIx64, state, form);
}

bool kh_retrieve_answer_unchanged(kh_http_request *request, const char *etag, bool strong)
{
    char line[KH_RETRIEVE_ETAG_SIZE + 8];

    snprintf(line, sizeof line, "%s\"%s\"", strong ? "" : "W/", etag);
    kh_http_set_header(request, "ETag", line);
    kh_http_set_header(request, "Cache-Control", "private, no-cache");
    if (!kh_http_etag_matches(request, etag))
        return false;
    kh_http_answer(request, 304, NULL, NULL, 0);
    return true;
}

/* "bytes=a-b", "a-" or "-n"; false for what is not understood or names several: the whole is sent then (RFC 9110 14.2). */
static bool read_range(const char *text, uint64_t size, uint64_t *first, uint64_t *last)
{
    char *end = NULL;

    if (strncmp(text, "bytes=", 6) != 0)
        return false;
    text += 6;
    if (text[strspn(text, "0123456789-")] != '\0' || strlen(text) > 40 || !strchr(text, '-') || strchr(text, '-') != strrchr(text, '-'))
        return false;
    if (*text == '-') {
        uint64_t count = strtoull(text + 1, &end, 10);

        if (text[1] == '\0')
            return false;
        *first = count == 0 ? size : count < size ? size - count : 0;
        *last = size - 1;
        return true;
    }
    *first = strtoull(text, &end, 10);
    *last = end[1] ? strtoull(end + 1, &end, 10) : UINT64_MAX;
    if (*last < *first)
        return false;
    *last = *last >= size ? size - 1 : *last;
    return true;
}

unsigned kh_retrieve_range(kh_http_request *request, const char *etag, uint64_t size, uint64_t *first, uint64_t *count)
{
    const char *range = kh_http_header(request, "Range"), *if_range = kh_http_header(request, "If-Range");
    char line[80], quoted[KH_RETRIEVE_ETAG_SIZE + 2];
    uint64_t last;

    *first = 0;
    *count = size;
    kh_http_set_header(request, "Accept-Ranges", "bytes");
    snprintf(quoted, sizeof quoted, "\"%s\"", etag);
    if (!range || size == 0 || (if_range && strcmp(if_range, quoted) != 0) || !read_range(range, size, first, &last)) {
        *first = 0;
        return 200;
    }
    if (*first >= size) {
        snprintf(line, sizeof line, "bytes */%" PRIu64, size);
        kh_http_set_header(request, "Content-Range", line);
        return 416;
    }
    *count = last - *first + 1;
    snprintf(line, sizeof line, "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, *first, last, size);
    kh_http_set_header(request, "Content-Range", line);
    return 206;
}

void kh_retrieve_answer_text(kh_http_request *request, unsigned code, const char *word, const char *message)
{
    kh_json_writer json;
    kh_buf body;

    kh_buf_init(&body, ANSWER_BYTES_MAX);
    kh_json_writer_init(&json, &body);
    kh_json_object_begin(&json);
    kh_json_put_text(&json, "error", word);
    kh_json_put_text(&json, "message", message);
    kh_json_object_end(&json);
    kh_http_set_header(request, "Cache-Control", "no-store");
    kh_http_answer(request, code, "application/json; charset=utf-8", body.data, body.size);
    kh_buf_release(&body);
}

void kh_retrieve_answer_error(kh_dicomweb *dicomweb, kh_http_request *request, const kh_retrieve_uids *uids, const kh_error *err)
{
    bool hides = false;

    if (err->status == KH_E_NOT_FOUND && !dicomweb->options.rights && uids && uids->study[0] &&
        kh_change_hides(dicomweb->cache, uids->study, uids->series, uids->instance, &hides, NULL) == KH_OK && hides)
        kh_retrieve_answer_text(request, 410, "gone", "it was here, and has been taken away");
    else
        kh_http_answer_error(request, err);
}

bool kh_retrieve_recall(kh_dicomweb *dicomweb, int64_t study_id)
{
    int64_t pull_id = 0;

    return dicomweb->options.recall && dicomweb->options.recall(dicomweb->options.recall_context, study_id, &pull_id, NULL) == KH_OK;
}

void kh_retrieve_answer_away(kh_dicomweb *dicomweb, kh_http_request *request, int64_t study_id)
{
    if (!kh_retrieve_recall(dicomweb, study_id)) {
        kh_retrieve_answer_text(request, 404, "away", "the study is at its hospital, not here, and cannot be fetched now");
        return;
    }
    kh_http_set_header(request, "Retry-After", AWAY_RETRY_S);
    kh_retrieve_answer_text(request, 503, "away", "the study is at its hospital and is being fetched: ask again");
}
