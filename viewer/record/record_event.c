/* What of a request stands in the record. */
#include <stdio.h>
#include <string.h>
#include "viewer/record/internal.h"

static void add(char out[KH_RECORD_TEXT_SIZE], const char *text)
{
    size_t used = strlen(out);

    snprintf(out + used, KH_RECORD_TEXT_SIZE - used, "%s", text);
}

const kh_subject *kh_record_person(const kh_record *record, const kh_http_request *request)
{
    if (record->person)
        return record->person;
    return request ? kh_http_attached(request) : NULL;
}

void kh_record_who(kh_audit_event *event, char terminal[KH_RECORD_TERMINAL_SIZE], const kh_subject *person, const char *token,
                   const char *peer)
{
    event->who = person ? person->name : token ? token : peer;
    event->by = person ? "person" : token ? "token" : "address";
    event->address = peer;
    event->who_facility = person ? person->facility : NULL;
    terminal[0] = '\0';
    if (person && person->terminal_id > 0)
        snprintf(terminal, KH_RECORD_TERMINAL_SIZE, "%s%s%lld%s", person->terminal, person->terminal[0] ? " (" : "",
                 (long long)person->terminal_id, person->terminal[0] ? ")" : "");
    event->terminal = terminal;
}

void kh_record_text(char out[KH_RECORD_TEXT_SIZE], const kh_http_request *request, bool with_path, bool with_query)
{
    const char *name, *value;

    out[0] = '\0';
    if (with_path && kh_http_path(request))
        add(out, kh_http_path(request));
    for (size_t i = 0; with_query && kh_http_parameter(request, i, &name, &value); i++) {
        add(out, i > 0 ? "&" : with_path ? "?" : "");
        add(out, name);
        add(out, "=");
        add(out, value);
    }
}

/* The same UID may be of several patients: the first is named, and that there are others. */
static kh_status keep_study(void *context, const kh_study *study)
{
    kh_record_event *out = context;

    if (out->study.id == 0)
        out->study = *study;
    else if (study->id != out->study.id && !out->text[0])
        snprintf(out->text, sizeof out->text, "and of other patients: the study UID is known of several");
    return KH_OK;
}

static kh_status find(kh_record_event *out, kh_cache *cache, const kh_record *record, kh_error *err)
{
    int64_t study_id = record->study_id;
    kh_status status = KH_OK;

    if (record->series_id > 0) {
        status = kh_browse_series(cache, record->series_id, &out->series, err);
        study_id = out->series.study_id;
    }
    if (status == KH_OK && study_id > 0)
        status = kh_browse_study(cache, study_id, &out->study, err);
    else if (status == KH_OK && record->study_uid)
        status = kh_browse_study_uid(cache, record->study_uid, keep_study, out, err);
    if (status == KH_OK && record->study_uid && out->study.id == 0)
        return KH_E_NOT_FOUND;
    return status;
}

kh_status kh_record_event_fill(kh_record_event *out, kh_cache *cache, const kh_record *record, const char *peer,
                               const kh_http_request *request, kh_error *err)
{
    kh_audit_event *event = &out->event;
    kh_error why = KH_ERROR_INIT;
    kh_status status;

    memset(out, 0, sizeof *out);
    if (request)
        kh_record_text(out->text, request, record->with_path, record->with_query);
    status = find(out, cache, record, &why);
    if (status != KH_OK && status != KH_E_NOT_FOUND)
        return kh_error_set(err, status, "%s", why.message);
    *event = (kh_audit_event){.action = record->action, .result = status == KH_OK ? KH_AUDIT_ALLOWED : KH_AUDIT_ABSENT, .count = -1, .failed = -1};
    kh_record_who(event, out->terminal, kh_record_person(record, request), record->token, peer);
    event->way = record->way;
    event->reason = record->reason;
    event->purpose = record->purpose;
    event->facility = out->study.patient.facility;
    event->patient = out->study.patient.patient_id;
    event->study = out->study.study_uid[0] ? out->study.study_uid : record->study_uid;
    event->series = out->series.series_uid[0] ? out->series.series_uid : record->series_uid;
    event->object = record->object_uid;
    event->text = out->text;
    return KH_OK;
}
