/* Store (PS3.18 10.5): POST /dicomweb/studies and /dicomweb/studies/{study}, multipart/related of application/dicom. Each part goes to a
 * file as it comes and to the owner of the cache when it is whole; an object is answered as stored when the owner says that it is durable.
 * A sender that goes away leaves what was whole, and sends it again without harm. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "base/log.h"
#include "viewer/dicomweb/media_type.h"
#include "viewer/dicomweb/part_reader.h"
#include "viewer/dicomweb/stow.h"

typedef struct stow {
    kh_dicomweb *dicomweb;
    char study_uid[KH_UID_SIZE]; /* of the address; "" */
    kh_part_reader reader;
    kh_stow_file file;
    unsigned failure;    /* KH_STOW_, of the part at hand; 0: none yet */
    kh_error broken;     /* why nothing more of the body is read */
    kh_stow_results results;
} stow;

static bool is_type(const char *content_type, const char *type)
{
    kh_media_type parsed;

    return content_type && kh_media_type_parse(&parsed, content_type, NULL) == KH_OK && kh_media_type_is(&parsed, type);
}

static void fail_part(stow *s, const kh_error *err)
{
    kh_log(KH_LOG_WARN, "stow", "a part could not be kept: %s", err->message);
    s->failure = kh_stow_reason(err->status);
    kh_stow_file_drop(&s->file, s->dicomweb);
}

/* Part by part: what one of them lacks is told in its result and is no matter of the others. */
static kh_status begin_part(void *context, const kh_part_head *head, kh_error *err)
{
    stow *s = context;
    kh_error problem = KH_ERROR_INIT;
    const char *encoding = head->transfer_encoding;

    (void)err;
    s->failure = KH_STOW_STORED;
    if (!is_type(head->content_type, "application/dicom") || (encoding && strcasecmp(encoding, "binary") != 0 && strcasecmp(encoding, "8bit") != 0))
        s->failure = KH_STOW_NOT_UNDERSTOOD;
    else if (kh_stow_file_create(&s->file, s->dicomweb, &problem) != KH_OK)
        fail_part(s, &problem);
    return KH_OK;
}

static kh_status take_part(void *context, const uint8_t *bytes, size_t size, kh_error *err)
{
    stow *s = context;
    kh_error problem = KH_ERROR_INIT;

    (void)err;
    if (s->failure == KH_STOW_STORED && kh_stow_file_write(&s->file, bytes, size, &problem) != KH_OK)
        fail_part(s, &problem);
    return KH_OK;
}

static kh_status end_part(void *context, kh_error *err)
{
    stow *s = context;
    kh_stow_object object = {.failure = s->failure};

    if (s->failure == KH_STOW_STORED)
        kh_stow_file_keep(&s->file, s->dicomweb, s->study_uid, &object);
    return kh_stow_results_add(&s->results, &object, err);
}

static const kh_part_calls part_calls = {.begin = begin_part, .bytes = take_part, .end = end_part};

static kh_status take_body(void *context, const void *bytes, size_t size, kh_error *err)
{
    stow *s = context;

    (void)err;
    if (s->broken.status == KH_OK)
        s->broken.status = kh_part_reader_take(&s->reader, bytes, size, &s->broken);
    return KH_OK;
}

/* What came whole before a body breaks off is stored already, and told of; the rest is one failure more. */
static void finish(void *context, kh_http_request *request)
{
    stow *s = context;

    if (s->broken.status == KH_OK)
        s->broken.status = kh_part_reader_end(&s->reader, &s->broken);
    if (s->broken.status == KH_OK && s->results.count == 0)
        kh_error_set(&s->broken, KH_E_ARG, "the body has no parts");
    if (s->broken.status != KH_OK && s->results.count > 0) {
        kh_stow_object rest = {.failure = kh_stow_reason(s->broken.status)};

        kh_log(KH_LOG_WARN, "stow", "a body breaks off after %zu objects: %s", s->results.count, s->broken.message);
        kh_error_clear(&s->broken);
        s->broken.status = kh_stow_results_add(&s->results, &rest, &s->broken);
    }
    if (s->broken.status != KH_OK)
        kh_http_answer_error(request, &s->broken);
    else
        kh_stow_results_answer(&s->results, s->study_uid, request);
}

static void drop(void *context)
{
    stow *s = context;

    kh_stow_file_drop(&s->file, s->dicomweb);
    kh_stow_results_release(&s->results);
    atomic_fetch_sub(&s->dicomweb->upload_count, 1);
    free(s);
}

static const kh_http_receiver receiver = {.take = take_body, .finish = finish, .drop = drop};

static kh_status refuse(kh_http_request *request, unsigned code, const char *message)
{
    kh_http_answer_code(request, code, message);
    return KH_E_ARG;
}

/* KH_OK, or the request is answered. */
static kh_status check_head(kh_dicomweb *dicomweb, kh_http_request *request, kh_media_type *type)
{
    const char *content_type = kh_http_header(request, "Content-Type"), *inner;
    const char *study = kh_http_segment(request, "study");

    if (!dicomweb->options.adopt)
        return refuse(request, 403, "nothing can be stored here");
    if (!content_type || kh_media_type_parse(type, content_type, NULL) != KH_OK || !kh_media_type_is(type, "multipart/related"))
        return refuse(request, 415, "Content-Type: expected multipart/related; type=\"application/dicom\"; boundary=...");
    inner = kh_media_type_parameter(type, "type");
    if (!inner || strcasecmp(inner, "application/dicom") != 0)
        return refuse(request, 415, "Content-Type: the parameter type, expected \"application/dicom\"");
    if (!kh_media_type_parameter(type, "boundary"))
        return refuse(request, 400, "Content-Type: the parameter boundary is missing");
    if (study && !kh_uid_plausible(study))
        return refuse(request, 400, "the study of the address is not a UID");
    if (kh_http_body_length(request) > dicomweb->options.upload_bytes_max)
        return refuse(request, 413, "the body is larger than this server takes");
    return KH_OK;
}

static bool take_place(kh_dicomweb *dicomweb)
{
    if (atomic_fetch_add(&dicomweb->upload_count, 1) < dicomweb->options.uploads_max)
        return true;
    atomic_fetch_sub(&dicomweb->upload_count, 1);
    return false;
}

void kh_dicomweb_store(kh_dicomweb *dicomweb, kh_http_request *request)
{
    kh_error err = KH_ERROR_INIT;
    const char *study = kh_http_segment(request, "study");
    kh_media_type type;
    stow *s;

    if (check_head(dicomweb, request, &type) != KH_OK)
        return;
    if (!take_place(dicomweb)) {
        kh_http_answer_code(request, 503, "as many others store objects as may at once; try again");
        return;
    }
    s = calloc(1, sizeof *s);
    if (!s) {
        atomic_fetch_sub(&dicomweb->upload_count, 1);
        kh_error_set(&err, KH_E_MEMORY, "no memory for a request");
        kh_http_answer_error(request, &err);
        return;
    }
    s->dicomweb = dicomweb;
    s->file.fd = -1;
    s->broken = (kh_error)KH_ERROR_INIT;
    snprintf(s->study_uid, sizeof s->study_uid, "%s", study ? study : "");
    kh_dicomweb_address(dicomweb, request, s->results.address);
    if (kh_part_reader_init(&s->reader, kh_media_type_parameter(&type, "boundary"), dicomweb->options.parts_max, &part_calls, s, &err) != KH_OK) {
        drop(s);
        kh_http_answer_error(request, &err);
        return;
    }
    kh_http_receive(request, dicomweb->uploaders, &receiver, s, dicomweb->options.upload_bytes_max);
}
