#include "app/sending.h"

#include <stdio.h>
#include <stdlib.h>
#include "app/auditing.h"
#include "app/deciding.h"
#include "base/log.h"
#include "cache/browse.h"
#include "pacs-bridge/bridge.h"

kh_status kh_sending_open(kh_sending *out, const kh_settings *settings, kh_cache *cache, const kh_node *node, const char *who,
                          const kh_search_key *keys, size_t key_count, kh_error *err)
{
    kh_status status;

    *out = (kh_sending){.settings = settings, .node = node, .who = who};
    status = kh_deciding_open(&out->access, &out->rights, settings, NULL, err);
    if (status != KH_OK)
        return status;
    out->service = calloc(1, sizeof *out->service);
    if (!out->service)
        return kh_error_set(err, KH_E_MEMORY, "no memory for what may be sent");
    out->service->cache = cache;
    out->service->access = out->access;
    out->service->rights = out->rights;
    snprintf(out->service->facility_default, sizeof out->service->facility_default, "%s", kh_bridge_options_default.facility_default);
    return kh_taking_begin(&out->taking, out->service, KH_VERB_TAKE, NULL, node, keys, key_count, err);
}

void kh_sending_close(kh_sending *sending)
{
    kh_taking_end(&sending->taking);
    free(sending->service);
    kh_deciding_close(sending->access, sending->rights);
    *sending = (kh_sending){.settings = NULL};
}

/* --- the record --- */

static kh_audit_event event_of(const kh_sending *sending, const kh_study *study)
{
    kh_audit_event event = KH_AUDIT_EVENT_INIT;

    event.action = KH_AUDIT_SEND;
    event.who = sending->who;
    event.by = "operator";
    event.way = "command";
    event.facility = study->patient.facility;
    event.patient = study->patient.patient_id;
    event.study = study->study_uid;
    event.to = sending->node->ae_title;
    return event;
}

typedef struct refusing {
    const kh_sending *sending;
    kh_audit *audit;
    size_t count;
    kh_status status;
    kh_error *err;
} refusing;

static void tell_refused(void *context, const kh_study *study, const kh_verdict *verdict)
{
    refusing *of = context;
    kh_audit_event event = event_of(of->sending, study);

    event.result = KH_AUDIT_REFUSED;
    event.reason = kh_reason_text(verdict->reason);
    of->count++;
    if (of->status == KH_OK)
        of->status = kh_audit_write(of->audit, &event, of->err);
}

/* Those that may not go; how many. */
static kh_status record_refused(kh_sending *sending, size_t *count, kh_error *err)
{
    refusing of = {.sending = sending, .err = err};
    kh_status status;

    *count = 0;
    if (!sending->rights)
        return KH_OK;
    status = kh_auditing_open(&of.audit, sending->settings, "command", err);
    if (status == KH_OK)
        status = kh_taking_each_refused(&sending->taking, tell_refused, &of, err);
    kh_audit_close(of.audit);
    *count = of.count;
    return status == KH_OK ? of.status : status;
}

/* taken NULL: before. The objects of a study follow each other. */
static kh_status record_studies(const kh_sending *sending, const kh_object_list *list, const bool *taken, kh_error *err)
{
    kh_study *study = malloc(sizeof *study);
    kh_audit *audit = NULL;
    kh_status status =
        study ? kh_auditing_open(&audit, sending->settings, "command", err) : kh_error_set(err, KH_E_MEMORY, "no memory for a study");
    size_t end;

    for (size_t i = 0; i < list->count && status == KH_OK; i = end) {
        const int64_t study_id = kh_object_list_at(list, i)->study_id;
        int64_t gone = 0;
        kh_audit_event event;

        for (end = i; end < list->count && kh_object_list_at(list, end)->study_id == study_id; end++)
            gone += taken ? taken[end] : 0;
        status = kh_browse_study(sending->service->cache, study_id, study, err);
        if (status != KH_OK)
            break;
        event = event_of(sending, study);
        event.count = taken ? gone : (int64_t)(end - i);
        if (taken) {
            event.failed = (int64_t)(end - i) - gone;
            event.result = event.failed == 0 ? KH_AUDIT_DONE : gone > 0 ? KH_AUDIT_PARTLY : KH_AUDIT_FAILED;
        }
        status = kh_audit_write(audit, &event, err);
    }
    kh_audit_close(audit);
    free(study);
    return status;
}

kh_status kh_sending_begin(kh_sending *sending, const kh_object_list *list, kh_error *err)
{
    kh_status status = record_studies(sending, list, NULL, err);

    return status == KH_OK ? KH_OK : kh_error_prefix(err, "it cannot be recorded, so it is not done");
}

void kh_sending_end(kh_sending *sending, const kh_object_list *list, const bool *taken)
{
    kh_error err = KH_ERROR_INIT;

    if (record_studies(sending, list, taken, &err) != KH_OK)
        kh_log(KH_LOG_ERROR, "audit", "how sending to %s ended is not recorded: %s", sending->node->name, err.message);
}

/* --- what may go --- */

kh_status kh_sending_list(kh_sending *sending, kh_object_list *out, kh_error *err)
{
    size_t refused = 0;
    kh_status status = kh_taking_list(&sending->taking, out, err);

    if (status == KH_OK)
        status = record_refused(sending, &refused, err);
    if (status != KH_OK || out->count > 0)
        return status;
    if (refused > 0)
        return kh_error_set(err, KH_E_DENIED, "nothing of that is open to the facility of node %s", sending->node->name);
    return kh_error_set(err, KH_E_NOT_FOUND, "nothing of that is here");
}

kh_status kh_sending_may(kh_sending *sending, const kh_listed_object *object, kh_error *err)
{
    kh_verdict verdict;
    kh_status status = kh_taking_still(&sending->taking, object, &verdict, err);

    sending->now = object;
    if (status != KH_OK || verdict.allowed)
        return status;
    return kh_error_set(err, KH_E_DENIED, "not open to the facility of node %s any more", sending->node->name);
}

bool kh_sending_goes_on(void *context)
{
    kh_sending *sending = context;
    kh_verdict verdict;

    return !sending->now || (kh_taking_still(&sending->taking, sending->now, &verdict, NULL) == KH_OK && verdict.allowed);
}
