#include "access/reach.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct kh_reach {
    kh_rights *rights;
    kh_subject subject;
    kh_verb verb;
    kh_horizon horizon;
    kh_rights_shared *shared;
    kh_scope scope;
};

/* Written words, not pictures: a grant opens them apart. */
static bool is_report(const char *modality)
{
    return strcmp(modality, "SR") == 0 || strcmp(modality, "DOC") == 0;
}

static kh_status decide_with(kh_rights *rights, kh_rights_shared *shared, const kh_subject *subject, kh_verb verb, const kh_study *study,
                             const kh_series *series, kh_verdict *out, kh_error *err)
{
    kh_matter matter = {.kind = KH_KIND_STUDY,
                        .facility = study->patient.facility,
                        .patient_id = study->patient.patient_id,
                        .study_uid = study->study_uid,
                        .study_date = study->date,
                        .modalities = study->modalities,
                        .body_parts = study->body_parts,
                        .departments = study->departments,
                        .arrived_ms = study->first_arrival_ms,
                        .key = study->id};

    if (series) {
        matter.kind = is_report(series->modality) ? KH_KIND_REPORT : KH_KIND_SERIES;
        matter.series_uid = series->series_uid;
        matter.modalities = series->modality;
        matter.body_parts = series->body_part;
        matter.departments = series->department;
        matter.key = -series->id;
    }
    return kh_rights_decide_with(rights, shared, subject, verb, &matter, out, err);
}

kh_status kh_reach_decide(kh_rights *rights, const kh_subject *subject, kh_verb verb, const kh_study *study, const kh_series *series,
                          kh_verdict *out, kh_error *err)
{
    return decide_with(rights, NULL, subject, verb, study, series, out, err);
}

static kh_status allows(void *context, const kh_study *study, const kh_series *series, bool *allowed, kh_error *err)
{
    const kh_reach *reach = context;
    kh_verdict verdict = {0};
    kh_status status = decide_with(reach->rights, reach->shared, &reach->subject, reach->verb, study, series, &verdict, err);

    *allowed = status == KH_OK && verdict.allowed;
    return status;
}

/* What the own facility has is all alike: decided once, for one that nobody has. */
static kh_status decide_own(kh_reach *reach, kh_error *err)
{
    const kh_subject *subject = &reach->subject;
    const kh_matter matter = {
        .kind = KH_KIND_STUDY, .facility = subject->facility, .patient_id = "", .study_date = "", .modalities = "", .body_parts = ""};
    kh_verdict verdict = {0};
    kh_status status = KH_OK;

    if (subject->facility[0])
        status = kh_rights_decide(reach->rights, subject, reach->verb, &matter, &verdict, err);
    if (status == KH_OK && verdict.allowed && verdict.reason == KH_REASON_OWN)
        snprintf(reach->scope.own_facility, sizeof reach->scope.own_facility, "%s", subject->facility);
    return status;
}

static kh_status take_horizon(kh_reach *reach, kh_error *err)
{
    kh_status status = kh_rights_horizon(reach->rights, &reach->subject, &reach->horizon, err);

    if (status == KH_OK && reach->horizon.everything)
        status = kh_error_set(err, KH_E_DENIED, "nobody's horizon is everything");
    if (status == KH_OK)
        kh_rights_shared_within(reach->shared, &reach->horizon);
    reach->scope.patients = reach->horizon.patients;
    reach->scope.no_parts = status == KH_OK && reach->horizon.no_parts;
    reach->scope.patient_count = status == KH_OK ? reach->horizon.count : 0;
    return status;
}

kh_status kh_reach_open(kh_reach **out, kh_rights *rights, const kh_subject *subject, kh_verb verb, kh_reach_kind kind, kh_error *err)
{
    kh_reach *reach;
    kh_status status;

    *out = NULL;
    if (!rights)
        return KH_OK;
    if (!subject)
        return kh_error_set(err, KH_E_DENIED, "nobody is signed in");
    reach = calloc(1, sizeof *reach);
    if (!reach)
        return kh_error_set(err, KH_E_MEMORY, "no memory for a scope");
    reach->rights = rights;
    reach->subject = *subject;
    reach->verb = verb;
    reach->scope = (kh_scope){.any_patient = kind == KH_REACH_NAMED, .allows = allows, .context = reach};
    status = kh_rights_shared_create(&reach->shared, err);
    if (status == KH_OK)
        status = decide_own(reach, err);
    if (status == KH_OK && kind == KH_REACH_LIST)
        status = take_horizon(reach, err);
    if (status != KH_OK) {
        kh_reach_close(reach);
        return status;
    }
    *out = reach;
    return KH_OK;
}

const kh_scope *kh_reach_scope(const kh_reach *reach)
{
    return reach ? &reach->scope : NULL;
}

void kh_reach_close(kh_reach *reach)
{
    if (!reach)
        return;
    kh_horizon_release(&reach->horizon);
    kh_rights_shared_free(reach->shared);
    free(reach);
}
