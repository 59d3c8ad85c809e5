#include "app/import_told.h"

#include <string.h>
#include "base/json.h"

#define REQUEST_MAX 1024

static kh_status tell(const kh_import_told *told, int64_t study_id, int64_t taken, int64_t refused, kh_error *err)
{
    kh_json_writer json;
    kh_buf request;
    kh_status status;

    kh_buf_init(&request, REQUEST_MAX);
    kh_json_writer_init(&json, &request);
    kh_json_object_begin(&json);
    kh_json_put_text(&json, "op", "import.told");
    kh_json_put_text(&json, "asked_by", kh_session_asked_by(NULL));
    kh_json_put_text(&json, "facility", told->facility);
    if (taken >= 0) {
        kh_json_put_int(&json, "study", study_id);
        kh_json_put_int(&json, "count", taken);
        kh_json_put_int(&json, "failed", refused);
    }
    kh_json_object_end(&json);
    status = kh_json_writer_status(&json, err);
    if (status == KH_OK)
        status = kh_session_ask(told->session, kh_buf_text(&request), err);
    kh_buf_release(&request);
    return status;
}

kh_status kh_import_told_begin(kh_import_told *told, kh_session *session, const char *facility, kh_error *err)
{
    told->session = session;
    told->facility = facility;
    told->count = 0;
    return tell(told, 0, -1, -1, err);
}

kh_status kh_import_told_count(kh_import_told *told, int64_t study_id, kh_error *err)
{
    kh_status status = KH_OK;
    size_t at = 0;

    while (at < told->count && told->studies[at].study_id != study_id)
        at++;
    if (at == KH_IMPORT_STUDIES) {
        status = kh_import_told_end(told, err);
        at = 0;
    }
    if (at == told->count) {
        memset(&told->studies[at], 0, sizeof(told->studies[at]));
        told->studies[at].study_id = study_id;
        told->count++;
    }
    told->studies[at].taken += study_id != 0;
    told->studies[at].refused += study_id == 0;
    return status;
}

kh_status kh_import_told_end(kh_import_told *told, kh_error *err)
{
    kh_status status = KH_OK;

    for (size_t i = 0; i < told->count; i++) {
        kh_error why = KH_ERROR_INIT;

        if (tell(told, told->studies[i].study_id, told->studies[i].taken, told->studies[i].refused, &why) != KH_OK && status == KH_OK)
            status = kh_error_set(err, why.status, "what came is not recorded: %s", why.message);
    }
    told->count = 0;
    return status;
}
