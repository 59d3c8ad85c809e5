#include "pacs-bridge/told_work.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "base/log.h"
#include "cache/browse.h"

#define NOT_NOW "it cannot be recorded now"

static kh_audit_event event_of(kh_audit_action action, const char *who, int64_t rule_id, const char *way)
{
    kh_audit_event event = KH_AUDIT_EVENT_INIT;

    event.action = action;
    event.who = who && who[0] ? who : "service";
    event.by = rule_id != 0 ? "rule" : who && who[0] ? "operator" : "service";
    event.way = way;
    return event;
}

static kh_status write_or_wait(kh_audit *audit, const kh_audit_event *event, kh_error *err)
{
    kh_error why = KH_ERROR_INIT;

    return kh_audit_write(audit, event, &why) == KH_OK ? KH_OK : kh_error_set(err, KH_E_BUSY, NOT_NOW);
}

static void put(kh_audit *audit, const kh_audit_event *event)
{
    kh_error err = KH_ERROR_INIT;

    if (kh_audit_put(audit, event, NULL, NULL, &err) != KH_OK)
        kh_log(KH_LOG_ERROR, "audit", "how work of %s ended is not recorded: %s", event->who, err.message);
}

/* --- pulls --- */

typedef struct wanted {
    const char *facility;
    kh_study study;
    bool found;
} wanted;

static kh_status keep_study(void *context, const kh_study *study)
{
    wanted *w = context;

    if (!w->found && strcmp(study->patient.facility, w->facility) == 0) {
        w->study = *study;
        w->found = true;
    }
    return KH_OK;
}

/* Whose study it is, when it is here. */
static void describe_pull(kh_audit_event *event, wanted *w, const kh_service_scp *service, const kh_pull *pull, const kh_node *node)
{
    memset(w, 0, sizeof(*w));
    w->facility = node->facility[0] ? node->facility : service->facility_default;
    (void)!kh_browse_study_uid(service->cache, pull->study_uid, keep_study, w, NULL);
    event->facility = w->facility;
    event->patient = w->found ? w->study.patient.patient_id : NULL;
    event->study = pull->study_uid;
    event->ae_title = node->ae_title;
    event->text = pull->reason;
}

kh_status kh_told_pulling(const kh_service_scp *service, const kh_pull *pull, const kh_node *node, kh_error *err)
{
    kh_audit_event event = event_of(KH_AUDIT_FETCH, pull->asked_by, pull->rule_id, "pull");
    wanted w;

    if (!service->audit)
        return KH_OK;
    describe_pull(&event, &w, service, pull, node);
    event.text = NULL;
    return write_or_wait(service->audit, &event, err);
}

void kh_told_pulled(const kh_service_scp *service, const kh_pull *pull, const kh_node *node)
{
    kh_audit_event event = event_of(KH_AUDIT_FETCH, pull->asked_by, pull->rule_id, "pull");
    wanted w;

    if (!service->audit)
        return;
    describe_pull(&event, &w, service, pull, node);
    event.result = pull->state == KH_PULL_COMPLETE ? KH_AUDIT_DONE : pull->received > 0 ? KH_AUDIT_PARTLY : KH_AUDIT_FAILED;
    event.count = pull->received;
    event.failed = pull->failed;
    put(service->audit, &event);
}

/* --- sends --- */

static void describe_study(kh_audit_event *event, kh_study *study, kh_cache *cache, int64_t study_id)
{
    bool found = study_id != 0 && kh_browse_study(cache, study_id, study, NULL) == KH_OK;

    event->facility = found ? study->patient.facility : event->facility;
    event->patient = found ? study->patient.patient_id : NULL;
    event->study = found ? study->study_uid : event->study;
}

static kh_audit_event event_of_send(kh_study *study, const kh_service_scp *service, const kh_send *send, const kh_node *node)
{
    kh_audit_event event = event_of(KH_AUDIT_SEND, send->asked_by, send->rule_id, "send");

    event.study = send->study_uid;
    describe_study(&event, study, service->cache, send->study_id);
    event.to = node->ae_title;
    return event;
}

kh_status kh_told_sending_on(const kh_service_scp *service, const kh_send *send, const kh_node *node, kh_error *err)
{
    kh_audit_event event;
    kh_study study;

    if (!service->audit)
        return KH_OK;
    event = event_of_send(&study, service, send, node);
    return write_or_wait(service->audit, &event, err);
}

void kh_told_sent_on(const kh_service_scp *service, const kh_send *send, const kh_node *node, int64_t taken, int64_t refused)
{
    kh_audit_event event;
    kh_study study;

    if (!service->audit)
        return;
    event = event_of_send(&study, service, send, node);
    event.result = send->state == KH_SEND_COMPLETE ? KH_AUDIT_DONE : taken > 0 ? KH_AUDIT_PARTLY : KH_AUDIT_FAILED;
    event.count = taken;
    event.failed = refused;
    event.text = send->reason;
    put(service->audit, &event);
}

void kh_told_not_sent(const kh_service_scp *service, const kh_send *send, const kh_node *node, const kh_verdict *verdict)
{
    kh_audit_event event;
    kh_study study;

    if (!service->audit)
        return;
    event = event_of_send(&study, service, send, node);
    event.result = KH_AUDIT_REFUSED;
    event.reason = kh_reason_text(verdict->reason);
    put(service->audit, &event);
}

/* --- rules --- */

kh_status kh_told_looking(const kh_service_scp *service, const kh_rule *rule, const kh_node *node, const char *patient_id, const char *day,
                          kh_error *err)
{
    kh_audit_event event = event_of(KH_AUDIT_SEARCH, rule ? rule->name : "consent", rule != NULL, "C-FIND of ours");
    char text[40];

    snprintf(text, sizeof(text), "STUDY%s%.8s", day ? " StudyDate=" : "", day ? day : "");
    event.by = rule ? "rule" : "service";
    event.facility = node->facility[0] ? node->facility : service->facility_default;
    event.patient = patient_id;
    event.to = node->ae_title;
    event.text = text;
    return service->audit ? write_or_wait(service->audit, &event, err) : KH_OK;
}

/* --- storage commitment --- */

static kh_audit_event event_of_promise(const kh_node *node, const char *way)
{
    kh_audit_event event = event_of(KH_AUDIT_OPERATE, node->name, 0, way);

    event.by = "node";
    event.ae_title = node->ae_title;
    return event;
}

kh_status kh_told_promising(const kh_service_scp *service, const kh_node *node, const kh_commitment *commitment,
                            const kh_commitment_ref *refs, size_t count, kh_error *err)
{
    kh_status status = KH_OK;

    if (!service->audit)
        return KH_OK;
    for (size_t i = 0; i < count && status == KH_OK; i++) {
        kh_audit_event event = event_of_promise(node, "storage commitment");
        size_t k = 0;
        kh_study study;

        while (k < i && refs[k].study_id != refs[i].study_id)
            k++;
        if (k < i)
            continue; /* its study was told */
        event.count = event.failed = 0;
        for (; k < count; k++)
            if (refs[k].study_id == refs[i].study_id) {
                event.count += refs[k].result == 0;
                event.failed += refs[k].result != 0;
            }
        event.result = event.failed == 0 ? KH_AUDIT_DONE : event.count > 0 ? KH_AUDIT_PARTLY : KH_AUDIT_FAILED;
        event.text = commitment->transaction_uid;
        describe_study(&event, &study, service->cache, refs[i].study_id);
        status = write_or_wait(service->audit, &event, err);
    }
    return status;
}

void kh_told_promised(const kh_service_scp *service, const kh_node *node, const kh_commitment *commitment)
{
    kh_audit_event event = event_of_promise(node, "storage commitment of theirs");

    event.result = commitment->committed == commitment->count ? KH_AUDIT_DONE : KH_AUDIT_PARTLY;
    event.count = commitment->committed;
    event.failed = commitment->count - commitment->committed;
    event.text = commitment->transaction_uid;
    if (service->audit)
        put(service->audit, &event);
}

/* --- imports --- */

kh_status kh_told_import(kh_audit *audit, kh_cache *cache, const kh_json *request, kh_error *err)
{
    kh_audit_event event = event_of(KH_AUDIT_STORE, kh_json_get_text(request, "asked_by"), 0, "import");
    int64_t study_id = kh_json_get_int(request, "study", 0);
    kh_study study;

    event.facility = kh_json_get_text(request, "facility");
    event.count = kh_json_get_int(request, "count", -1);
    event.failed = kh_json_get_int(request, "failed", -1);
    if (event.count >= 0)
        event.result = event.failed <= 0 ? KH_AUDIT_DONE : event.count > 0 ? KH_AUDIT_PARTLY : KH_AUDIT_FAILED;
    describe_study(&event, &study, cache, study_id);
    return kh_audit_write(audit, &event, err);
}
