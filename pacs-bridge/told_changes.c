/* What is told of changes by request. */
#include <stdio.h>
#include <string.h>
#include "cache/browse.h"
#include "cache/changes.h"
#include "pacs-bridge/told.h"

/* Requests that change what is shown of whom, or move it. */
static const struct {
    const char *op;
    kh_audit_action action;
    const char *study; /* the member that is a study's id of ours; NULL */
} told[] = {
    {"change.delete", KH_AUDIT_DELETE, "study"},       {"change.patient", KH_AUDIT_CORRECT, NULL},
    {"change.study", KH_AUDIT_CORRECT, "study"},       {"change.undo", KH_AUDIT_UNDO, NULL},
    {"study.evict", KH_AUDIT_OPERATE, "id"},           {"study.recall", KH_AUDIT_FETCH, "id"},
    {"pull.file", KH_AUDIT_FETCH, NULL},               {"send.file", KH_AUDIT_SEND, "study"},
    {"quarantine.accept", KH_AUDIT_CORRECT, NULL},     {"quarantine.discard", KH_AUDIT_DELETE, NULL},
    {"node.add", KH_AUDIT_OPERATE, NULL},              {"node.set", KH_AUDIT_OPERATE, NULL},
    {"title.add", KH_AUDIT_OPERATE, NULL},             {"title.remove", KH_AUDIT_OPERATE, NULL},
    {"node.remove", KH_AUDIT_OPERATE, NULL},           {"rule.add", KH_AUDIT_OPERATE, NULL},
    {"rule.remove", KH_AUDIT_OPERATE, NULL},           {"finding.apply", KH_AUDIT_CORRECT, NULL},
    {"finding.ask", KH_AUDIT_OPERATE, NULL},           {"issuers.begin", KH_AUDIT_OPERATE, NULL},
};
#define TOLD_COUNT (sizeof(told) / sizeof(told[0]))

static size_t find(const char *op)
{
    size_t i = 0;

    while (i < TOLD_COUNT && strcmp(told[i].op, op) != 0)
        i++;
    return i;
}

typedef struct subject {
    kh_study study;
    char text[KH_AUDIT_TEXT_MAX + 2];
} subject;

static void put_text(subject *s, const char *op, const kh_json *request, const char *why)
{
    static const char *const texts[] = {"name", "ae_title", "reason", "new_id", "accession"};
    size_t used = (size_t)snprintf(s->text, sizeof(s->text), "%s", op);
    int64_t id = kh_json_get_int(request, "id", 0);

    if (id > 0 && used < sizeof(s->text))
        used += (size_t)snprintf(s->text + used, sizeof(s->text) - used, " id=%lld", (long long)id);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (kh_json_get_text(request, texts[i]) && used < sizeof(s->text))
            used += (size_t)snprintf(s->text + used, sizeof(s->text) - used, " %s=%.120s", texts[i], kh_json_get_text(request, texts[i]));
    if (why && why[0] && used < sizeof(s->text))
        (void)snprintf(s->text + used, sizeof(s->text) - used, ": %.200s", why);
}

static kh_audit_event describe(subject *s, size_t which, kh_cache *cache, const kh_json *request, const char *why)
{
    kh_audit_event event = KH_AUDIT_EVENT_INIT;
    const char *asked_by = kh_json_get_text(request, "asked_by");
    int64_t study_id = told[which].study ? kh_json_get_int(request, told[which].study, 0) : 0;

    memset(s, 0, sizeof(*s));
    put_text(s, told[which].op, request, why);
    if (study_id > 0 && kh_browse_study(cache, study_id, &s->study, NULL) != KH_OK)
        memset(&s->study, 0, sizeof(s->study));
    event.action = told[which].action;
    event.who = asked_by && asked_by[0] ? asked_by : "command";
    event.by = "operator";
    event.way = "command";
    event.facility = s->study.patient.facility[0] ? s->study.patient.facility : kh_json_get_text(request, "facility");
    event.patient = s->study.patient.patient_id[0] ? s->study.patient.patient_id : kh_json_get_text(request, "patient_id");
    event.study = s->study.study_uid[0] ? s->study.study_uid : kh_json_get_text(request, "study_uid");
    event.to = kh_json_get_text(request, "node");
    event.text = s->text;
    return event;
}

kh_status kh_told_change(kh_audit *audit, kh_cache *cache, const char *op, const kh_json *request, kh_error *err)
{
    size_t which = find(op);
    kh_audit_event event;
    subject s;

    if (!audit || which == TOLD_COUNT)
        return KH_OK;
    event = describe(&s, which, cache, request, NULL);
    return kh_audit_write(audit, &event, err);
}

void kh_told_changed(kh_audit *audit, kh_cache *cache, const char *op, const kh_json *request, kh_status status, const char *why)
{
    size_t which = find(op);
    kh_audit_event event;
    subject s;

    if (!audit || which == TOLD_COUNT)
        return;
    event = describe(&s, which, cache, request, why);
    event.result = status == KH_OK ? KH_AUDIT_DONE : KH_AUDIT_FAILED;
    (void)!kh_audit_put(audit, &event, NULL, NULL, NULL);
}
