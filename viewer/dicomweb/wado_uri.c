/* GET /dicomweb/wado?requestType=WADO&... (PS3.18 9, IHE RAD-55): one instance, as a picture or as it is. */
#include <stdio.h>
#include <string.h>
#include "viewer/dicomweb/rendered.h"

#define WINDOW_MAX 1e9
#define WINDOW_WIDTH_MIN 1e-6
#define FRAME_MAX 1000000

static kh_status read_uid(char out[KH_UID_SIZE], const kh_http_request *request, const char *name, kh_error *err)
{
    const char *text = kh_http_query(request, name);

    if (!text || !kh_uid_plausible(text))
        return kh_error_set(err, KH_E_ARG, "%s: %s, expected a UID", name, text ? "1 to 64 of 0-9 and dots" : "absent");
    memcpy(out, text, strlen(text) + 1);
    return KH_OK;
}

static kh_status read_uids(kh_retrieve_uids *out, const kh_http_request *request, kh_error *err)
{
    const char *type = kh_http_query(request, "requestType");
    kh_status status;

    if (!type || strcmp(type, "WADO") != 0)
        return kh_error_set(err, KH_E_ARG, "requestType: %s, expected WADO", type ? "another" : "absent");
    status = read_uid(out->study, request, "studyUID", err);
    if (status == KH_OK)
        status = read_uid(out->series, request, "seriesUID", err);
    return status == KH_OK ? read_uid(out->instance, request, "objectUID", err) : status;
}

/* What is of the standard and not of us: it is refused rather than passed over, as the answer would not be what it looks like. */
static const char *refused(const kh_http_request *request)
{
    const char *anonymize = kh_http_query(request, "anonymize");

    if (anonymize && strcmp(anonymize, "no") != 0)
        return "anonymize: objects are not made anonymous here";
    if (kh_http_query(request, "presentationUID") || kh_http_query(request, "presentationSeriesUID"))
        return "presentationUID: presentation states are not applied here";
    return NULL;
}

static kh_status read_region(kh_rendered_wish *wish, const kh_http_request *request, kh_error *err)
{
    const char *text = kh_http_query(request, "region");
    double v[4];
    size_t count;
    kh_status status;

    if (!text)
        return KH_OK;
    status = kh_rendered_parse_numbers(v, 4, &count, "region", text, err);
    if (status != KH_OK)
        return status;
    if (count != 4 || !(v[0] >= 0 && v[0] < v[2] && v[2] <= 1 && v[1] >= 0 && v[1] < v[3] && v[3] <= 1))
        return kh_error_set(err, KH_E_ARG, "region: expected xmin,ymin,xmax,ymax from 0 to 1, the first two below the last two");
    wish->region_given = wish->region_relative = true;
    wish->x = v[0];
    wish->y = v[1];
    wish->width = v[2] - v[0];
    wish->height = v[3] - v[1];
    return KH_OK;
}

static kh_status read_window(kh_rendered_wish *wish, const kh_http_request *request, kh_error *err)
{
    bool center_given = kh_http_query(request, "windowCenter") != NULL;
    kh_status status;

    wish->window_given = kh_http_query(request, "windowWidth") != NULL;
    if (wish->window_given != center_given)
        return kh_error_set(err, KH_E_ARG, "windowCenter and windowWidth, expected both or neither");
    status = kh_http_query_double(request, "windowCenter", -WINDOW_MAX, WINDOW_MAX, 0, &wish->window_center, err);
    if (status == KH_OK)
        status = kh_http_query_double(request, "windowWidth", WINDOW_WIDTH_MIN, WINDOW_MAX, 0, &wish->window_width, err);
    return status;
}

static kh_status read_wish(kh_rendered_wish *out, const kh_http_request *request, uint32_t side_max, kh_error *err)
{
    const char *annotation = kh_http_query(request, "imageAnnotation");
    int64_t rows = 0, columns = 0, quality = KH_RENDERED_QUALITY, frame = 0;
    kh_status status = kh_http_query_int(request, "rows", 1, side_max, 0, &rows, err);

    if (status == KH_OK)
        status = kh_http_query_int(request, "columns", 1, side_max, 0, &columns, err);
    if (status == KH_OK)
        status = kh_http_query_int(request, "imageQuality", 1, 100, KH_RENDERED_QUALITY, &quality, err);
    if (status == KH_OK)
        status = kh_http_query_int(request, "frameNumber", 1, FRAME_MAX, 1, &frame, err);
    *out = (kh_rendered_wish){.viewport_width = (uint32_t)columns, .viewport_height = (uint32_t)rows, .quality = (int)quality};
    if (status == KH_OK)
        status = read_region(out, request, err);
    if (status == KH_OK)
        status = read_window(out, request, err);
    if (status == KH_OK && annotation)
        status = kh_rendered_parse_annotation(out, "imageAnnotation", annotation, err);
    return status;
}

/* contentType says all when it is there, else Accept, else anything will do. */
static kh_status read_accept(kh_accept *out, const kh_http_request *request, kh_error *err)
{
    const char *content_type = kh_http_query(request, "contentType");
    kh_error inner = KH_ERROR_INIT;
    kh_status status =
        kh_accept_parse(out, content_type, content_type ? NULL : kh_http_header(request, "Accept"), content_type ? &inner : err);

    if (status != KH_OK && content_type)
        return kh_error_set(err, KH_E_ARG, "contentType: expected media types, as image/jpeg");
    if (content_type)
        out->header_count = 0;
    return status;
}

static bool wants_object(const kh_accept *accept)
{
    return kh_accept_names(accept, "application/dicom");
}

bool kh_wado_uri_takes(const kh_http_request *request)
{
    kh_accept accept;
    kh_error err = KH_ERROR_INIT;

    return read_accept(&accept, request, &err) == KH_OK && wants_object(&accept);
}

static void answer_object(kh_dicomweb *dicomweb, kh_http_request *request, const kh_rendered_question *question)
{
    const char *syntax = kh_http_query(request, "transferSyntax");
    kh_accept accept = {.query_count = 1, .query = {{.type = "application/dicom", .weight = 1000}}};
    kh_error err = KH_ERROR_INIT;

    if (syntax && !kh_uid_plausible(syntax)) {
        kh_error_set(&err, KH_E_ARG, "transferSyntax: expected a UID");
        kh_http_answer_error(request, &err);
        return;
    }
    if (syntax)
        memcpy(accept.query[0].transfer_syntax, syntax, strlen(syntax) + 1);
    kh_retrieve_answer(dicomweb, request, &question->uids, &accept);
}

static void serve(void *context, kh_http_request *request)
{
    kh_dicomweb *dicomweb = context;
    kh_rendered_question question = {.frames = kh_http_query(request, "frameNumber"), .without_parts = true};
    kh_error err = KH_ERROR_INIT;
    kh_status status = read_uids(&question.uids, request, &err);

    if (status == KH_OK && refused(request)) {
        kh_retrieve_answer_text(request, 501, "unsupported", refused(request));
        return;
    }
    if (status == KH_OK)
        status = read_accept(&question.accept, request, &err);
    if (status == KH_OK && wants_object(&question.accept)) {
        answer_object(dicomweb, request, &question);
        return;
    }
    if (status == KH_OK)
        status = read_wish(&question.wish, request, dicomweb->options.viewport_max, &err);
    if (status == KH_OK)
        kh_rendered_answer(dicomweb, request, &question);
    else
        kh_http_answer_error(request, &err);
}

void kh_dicomweb_wado_uri(kh_dicomweb *dicomweb, kh_http_request *request)
{
    kh_http_later(request, dicomweb->painting, serve, dicomweb);
}
