/* What is told of associations. */
#include "pacs-bridge/told.h"

#include <stdio.h>
#include <string.h>
#include "base/log.h"
#include "cache/browse.h"
#include "dicom/dictionary.h"

#define AGAIN_MS 10000
#define TURNED_AWAY_KIND 2000u
#define TEXT_SIZE (KH_AUDIT_TEXT_MAX + 2)

static kh_audit_event event_of(const kh_scp *of, kh_audit_action action, const char *way)
{
    kh_audit_event event = KH_AUDIT_EVENT_INIT;

    event.action = action;
    event.who = of->node.name;
    event.by = "node";
    event.who_facility = of->node.facility;
    event.address = of->request->address;
    event.ae_title = of->request->calling;
    event.way = way;
    return event;
}

static kh_audit_action action_of(const char *way)
{
    return strcmp(way, "C-FIND") == 0 ? KH_AUDIT_SEARCH : strcmp(way, "C-GET") == 0 ? KH_AUDIT_RETRIEVE : KH_AUDIT_SEND;
}

/* "STUDY PatientName=YAMADA* StudyDate=" */
static void put_keys(char out[TEXT_SIZE], const kh_asked *asked)
{
    size_t used = (size_t)snprintf(out, TEXT_SIZE, "%s", kh_asked_level_text(asked));

    for (size_t i = 0; i < asked->key_count && used + 1 < TEXT_SIZE; i++) {
        int more = asked->keys[i].value[0]
                       ? snprintf(out + used, TEXT_SIZE - used, " %s=%s", kh_dictionary_keyword(asked->keys[i].tag), asked->keys[i].value)
                       : 0;

        used = more > 0 && (size_t)more < TEXT_SIZE - used ? used + (size_t)more : more > 0 ? TEXT_SIZE - 1 : used;
    }
}

static const char *key_value(const kh_asked *asked, kh_tag tag)
{
    for (size_t i = 0; i < asked->key_count; i++)
        if (asked->keys[i].tag == tag)
            return asked->keys[i].value;
    return NULL;
}

kh_status kh_told_asked(const kh_scp *of, const char *way, const kh_asked *asked, kh_audit_wait **out, kh_error *err)
{
    kh_audit_event event = event_of(of, KH_AUDIT_SEARCH, way);
    char text[TEXT_SIZE];

    put_keys(text, asked);
    event.text = text;
    event.facility = of->facility;
    event.patient = key_value(asked, KH_TAG_PATIENT_ID);
    event.study = key_value(asked, KH_TAG_STUDY_INSTANCE_UID);
    event.facility = event.patient && event.patient[0] ? event.facility : NULL;
    return kh_audit_write_begin(of->service->audit, &event, out, err);
}

void kh_told_ended(const kh_scp *of, const char *way, uint16_t dimse, int64_t count, int64_t failed, const char *why)
{
    kh_audit_event event = event_of(of, action_of(way), way);

    event.result = dimse == KH_DIMSE_SUCCESS            ? KH_AUDIT_DONE
                   : dimse == KH_DIMSE_NOT_AUTHORISED    ? KH_AUDIT_REFUSED
                   : count > 0                           ? KH_AUDIT_PARTLY
                                                         : KH_AUDIT_FAILED;
    event.code = dimse;
    event.count = count;
    event.failed = failed;
    event.text = why;
    (void)!kh_audit_put(of->service->audit, &event, NULL, NULL, NULL);
}

static kh_status tell_study(const kh_scp *of, kh_audit_event *event, int64_t study_id, kh_error *err)
{
    kh_study study;
    kh_error why = KH_ERROR_INIT;
    kh_status status = kh_browse_study(of->service->cache, study_id, &study, &why);

    if (status != KH_OK && status != KH_E_NOT_FOUND)
        return kh_error_set(err, status, "%s", why.message);
    event->facility = status == KH_OK ? study.patient.facility : NULL;
    event->patient = status == KH_OK ? study.patient.patient_id : NULL;
    event->study = status == KH_OK ? study.study_uid : NULL;
    return kh_audit_write(of->service->audit, event, err);
}

kh_status kh_told_sending(const kh_scp *of, const char *way, const kh_object_list *list, const char *to, kh_error *err)
{
    kh_status status = KH_OK;
    size_t end;

    if (!of->service->audit)
        return KH_OK;
    for (size_t i = 0; i < list->count && status == KH_OK; i = end) { /* the objects of a study follow each other */
        kh_audit_event event = event_of(of, action_of(way), way);
        int64_t study_id = kh_object_list_at(list, i)->study_id;

        for (end = i; end < list->count && kh_object_list_at(list, end)->study_id == study_id; end++)
            continue;
        event.to = to;
        event.count = (int64_t)(end - i);
        status = tell_study(of, &event, study_id, err);
    }
    return status;
}

void kh_told_refused(const kh_scp *of, const char *way, const kh_study *study, const kh_verdict *verdict)
{
    kh_audit_event event = event_of(of, action_of(way), way);

    event.result = KH_AUDIT_REFUSED;
    event.facility = study->patient.facility;
    event.patient = study->patient.patient_id;
    event.study = study->study_uid;
    event.reason = kh_reason_text(verdict->reason);
    (void)!kh_audit_put(of->service->audit, &event, NULL, NULL, NULL);
}

/* --- objects that come --- */

kh_status kh_told_ready(const kh_scp *of, kh_error *err)
{
    kh_audit_event event = event_of(of, KH_AUDIT_STORE, "C-STORE");
    kh_audit_stats stats;

    if (!of->service->audit)
        return KH_OK;
    kh_audit_get_stats(of->service->audit, &stats);
    if (!stats.failing)
        return KH_OK;
    /* with this record the writer finds out whether there is room again */
    return kh_audit_write(of->service->audit, &event, err) == KH_OK ? KH_OK : KH_E_BUSY;
}

static void tell_stored(const kh_scp *of, const kh_told_study *study)
{
    kh_audit_event event = event_of(of, KH_AUDIT_STORE, "C-STORE");
    kh_error err = KH_ERROR_INIT;

    event.result = study->refused == 0 ? KH_AUDIT_DONE : KH_AUDIT_FAILED;
    event.count = study->stored;
    event.failed = study->refused;
    event.text = study->refused > 0 ? of->refused_words : NULL;
    if (study->study_id != 0 ? tell_study(of, &event, study->study_id, &err) != KH_OK
                             : kh_audit_write(of->service->audit, &event, &err) != KH_OK)
        kh_log(KH_LOG_ERROR, "dicom", "what %s stored could not be recorded: %s", of->node.name, err.message);
}

void kh_told_stored(kh_scp *of, int64_t study_id)
{
    kh_told_study *study = of->told;

    if (!of->service->audit)
        return;
    while (study < of->told + of->told_count && study->study_id != study_id)
        study++;
    if (study == of->told + KH_TOLD_STUDIES) {
        kh_told_stored_end(of);
        study = of->told;
    }
    if (study == of->told + of->told_count) {
        *study = (kh_told_study){.study_id = study_id};
        of->told_count++;
    }
    study->stored += study_id != 0;
    study->refused += study_id == 0;
}

void kh_told_stored_end(kh_scp *of)
{
    for (size_t i = 0; i < of->told_count; i++)
        tell_stored(of, &of->told[i]);
    of->told_count = 0;
}

/* --- callers --- */

void kh_told_turned_away(const kh_service_scp *service, const kh_assoc_request *request, const char *why)
{
    kh_audit_event event = KH_AUDIT_EVENT_INIT;
    char text[TEXT_SIZE];

    snprintf(text, sizeof text, "%.16s %.16s %.400s", request->calling, request->called, why);
    event.action = KH_AUDIT_CONNECT;
    event.result = KH_AUDIT_REFUSED;
    event.who = event.ae_title = request->calling;
    event.by = "title";
    event.address = request->address;
    event.way = request->tls[0] ? "DICOM by TLS" : "DICOM";
    event.to = request->called;
    event.text = why;
    (void)!kh_audit_put_once(service->audit, kh_audit_once_key(service->audit, request->address, TURNED_AWAY_KIND, 0, text), AGAIN_MS,
                             &event, NULL, NULL, NULL);
}
