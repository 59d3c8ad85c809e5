/* GET and POST /api/settings: what a person's viewer keeps, one JSON object that only the page understands. While accounts are off there is
 * nobody, who has settings, too. */
#include "reading/settings.h"

#include <string.h>
#include "viewer/portal/marks.h"

#define BODY_BYTES_MAX (64u * 1024)
#define ANSWER_BYTES_MAX (256u * 1024)

static kh_status check_offered(const kh_portal *portal, const kh_http_request *request, kh_error *err)
{
    if (!portal->options.reading)
        return kh_error_set(err, KH_E_NOT_FOUND, "there is nothing at this address");
    if (portal->options.rights && !kh_guard_subject(request))
        return kh_error_set(err, KH_E_DENIED, "nobody is signed in");
    return KH_OK;
}

static int64_t person_of(const kh_http_request *request)
{
    const kh_subject *subject = kh_guard_subject(request);

    return subject ? subject->person_id : 0;
}

/* What is kept now; conflict: with the words of why something else was not. */
static kh_status write_kept(kh_portal *portal, const kh_http_request *request, const kh_error *conflict, kh_json_writer *json,
                            kh_error *err)
{
    int64_t version = 0;
    kh_buf kept;
    kh_status status;

    kh_buf_init(&kept, ANSWER_BYTES_MAX);
    status = kh_person_settings_get(portal->options.reading, person_of(request), &kept, &version, err);
    kh_json_object_begin(json);
    if (conflict) {
        kh_json_put_text(json, "error", kh_status_text(conflict->status));
        kh_json_put_text(json, "message", conflict->message);
    }
    kh_json_put_int(json, "version", version);
    kh_json_key(json, "settings");
    if (status == KH_OK)
        kh_json_raw(json, kh_buf_text(&kept));
    kh_json_object_end(json);
    kh_buf_release(&kept);
    return status;
}

static void answer_kept(kh_portal *portal, kh_http_request *request, const kh_error *conflict)
{
    kh_error err = KH_ERROR_INIT;
    kh_portal_answer answer;
    kh_status status;

    kh_portal_answer_begin(&answer, ANSWER_BYTES_MAX);
    if (conflict)
        answer.code = 409;
    status = write_kept(portal, request, conflict, &answer.json, &err);
    kh_portal_answer_end(&answer, request, status, &err);
}

static void get_settings(void *context, kh_http_request *request)
{
    kh_portal *portal = context;
    kh_error err = KH_ERROR_INIT;

    if (check_offered(portal, request, &err) == KH_OK)
        answer_kept(portal, request, NULL);
    else
        kh_http_answer_error(request, &err);
}

static kh_status read_settings(const kh_http_request *request, kh_buf *out, int64_t *version, kh_error *err)
{
    size_t size = 0;
    const void *bytes = kh_http_body(request, &size);
    const kh_json *settings;
    kh_json *json = NULL;
    kh_json_writer writer;
    kh_status status = kh_json_parse_object(&json, bytes, size, BODY_BYTES_MAX, err);

    if (status != KH_OK)
        return status;
    settings = kh_json_member(json, "settings");
    *version = kh_json_get_int(json, "version", -1);
    if (*version < 0)
        status = kh_error_set(err, KH_E_ARG, "version, expected that which is replaced, 0 when there is none");
    else if (!settings || kh_json_kind_of(settings) != KH_JSON_OBJECT)
        status = kh_error_set(err, KH_E_ARG, "settings, expected an object");
    kh_json_writer_init(&writer, out);
    if (status == KH_OK)
        status = kh_json_copy(&writer, settings, err);
    if (status == KH_OK)
        status = kh_json_writer_status(&writer, err);
    kh_json_free(json);
    return status;
}

static void set_settings(void *context, kh_http_request *request)
{
    kh_portal *portal = context;
    kh_error err = KH_ERROR_INIT;
    int64_t version = 0;
    kh_buf body;
    kh_status status;

    kh_buf_init(&body, ANSWER_BYTES_MAX);
    status = check_offered(portal, request, &err);
    if (status == KH_OK)
        status = read_settings(request, &body, &version, &err);
    if (status == KH_OK)
        status = kh_person_settings_set(portal->options.reading, person_of(request), kh_buf_text(&body), &version, &err);
    kh_buf_release(&body);
    if (status == KH_OK || status == KH_E_CONFLICT)
        answer_kept(portal, request, status == KH_OK ? NULL : &err);
    else
        kh_http_answer_error(request, &err);
}

void kh_portal_settings(kh_http_request *request, void *context)
{
    kh_portal_later(context, request, get_settings);
}

void kh_portal_set_settings(kh_http_request *request, void *context)
{
    kh_portal_later(context, request, set_settings);
}
