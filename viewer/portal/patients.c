/* "My patients": GET /api/patients?number=|card=|kana=&birth= and GET /api/patients/{id}. Patients are those of the asker's own site
 * [TB-7], found whole or not at all [TB-6]; which hospitals stand beside one, and which studies, is decided row by row (access/rights.h).
 * One of whom nothing is open is not there [AZ-16]. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "access/facilities.h"
#include "access/links.h"
#include "access/patients.h"
#include "base/clock.h"
#include "cache/scope.h"
#include "viewer/portal/patients.h"

#define FOUND_MAX 50    /* patients of one search */
#define STUDIES_MAX 500 /* of one patient; the newest */
#define TEXT_MAX 192    /* bytes of a number, a card or a name */
#define ANSWER_BYTES_MAX (16u << 20)

typedef struct found {
    kh_registered patients[FOUND_MAX];
    size_t count;
} found;

static kh_status keep_patient(void *context, const kh_registered *patient)
{
    found *all = context;

    if (all->count < FOUND_MAX)
        all->patients[all->count++] = *patient;
    return KH_OK;
}

/* ---- what is open of a patient ---- */

typedef struct looking {
    kh_portal *portal;
    const kh_subject *subject;
    kh_portal_sources *out;
    kh_error *err;
} looking;

static bool discloses(const kh_facility *facility)
{
    return (facility->part & KH_PART_DISCLOSER) != 0;
}

/* The number at one facility, if it is open. At a site that has nothing to disclose there is nothing to see. */
static kh_status look_at(looking *l, const char *facility_code, const char *number)
{
    kh_portal_sources *out = l->out;
    const kh_matter matter = {.kind = KH_KIND_PATIENT, .facility = facility_code, .patient_id = number, .study_date = "", .modalities = ""};
    kh_portal_source *source = &out->sources[out->count];
    kh_facility facility;
    kh_verdict verdict;
    kh_status status = kh_facility_find(l->portal->options.access, facility_code, &facility, l->err);

    if (status == KH_OK)
        status = kh_rights_decide(l->portal->options.rights, l->subject, KH_VERB_FIND, &matter, &verdict, l->err);
    if (status != KH_OK || !verdict.allowed || (verdict.reason == KH_REASON_OWN && !discloses(&facility)) ||
        out->count > KH_PORTAL_SOURCES_MAX)
        return status;
    snprintf(source->facility, sizeof source->facility, "%s", facility_code);
    snprintf(source->name, sizeof source->name, "%s", facility.name);
    snprintf(source->number, sizeof source->number, "%s", number);
    source->reason = verdict.reason;
    source->until_ms = verdict.until_ms;
    out->count++;
    return KH_OK;
}

static kh_status keep_link(void *context, const kh_link_row *link)
{
    looking *l = context;

    if (link->ended_ms == 0 && l->out->linked < KH_PORTAL_SOURCES_MAX)
        l->out->links[l->out->linked++] = *link;
    return KH_OK;
}

kh_status kh_portal_sources_of(kh_portal *portal, const kh_subject *subject, const kh_registered *patient, kh_portal_sources *out,
                               kh_error *err)
{
    looking l = {.portal = portal, .subject = subject, .out = out, .err = err};
    kh_status status;

    memset(out, 0, sizeof *out);
    status = look_at(&l, patient->facility, patient->number);
    if (status == KH_OK && strcmp(patient->facility, subject->facility) == 0)
        status = kh_link_list(portal->options.access, patient->facility, patient->number, keep_link, &l, err);
    for (size_t i = 0; status == KH_OK && i < out->linked; i++)
        status = look_at(&l, out->links[i].facility, out->links[i].number);
    return status;
}

/* ---- JSON ---- */

static void put_patient(kh_json_writer *json, const kh_registered *patient, const kh_subject *subject)
{
    bool own = strcmp(patient->facility, subject->facility) == 0;

    kh_json_put_int(json, "id", patient->id);
    kh_json_put_text(json, "number", own ? patient->number : "");
    kh_json_put_text(json, "birth_date", patient->birth_date);
    kh_json_put_text(json, "sex", patient->sex);
    kh_json_key(json, "name");
    kh_json_object_begin(json);
    kh_json_put_text(json, "alphabetic", patient->name_alphabetic);
    kh_json_put_text(json, "ideographic", patient->name_ideographic);
    kh_json_put_text(json, "phonetic", patient->name_phonetic);
    kh_json_object_end(json);
}

static const char *by_text(kh_reason reason)
{
    switch (reason) {
    case KH_REASON_OWN: return "own";
    case KH_REASON_EMERGENCY: return "emergency";
    case KH_REASON_DUTY: return "duty";
    default: return "grant";
    }
}

static void put_sources(kh_json_writer *json, const kh_portal_sources *sources)
{
    kh_json_key(json, "sources");
    kh_json_array_begin(json);
    for (size_t i = 0; i < sources->count; i++) {
        const kh_portal_source *source = &sources->sources[i];

        kh_json_object_begin(json);
        kh_json_put_text(json, "facility", source->facility);
        kh_json_put_text(json, "name", source->name);
        kh_json_put_text(json, "by", by_text(source->reason));
        if (source->until_ms < INT64_MAX / 2)
            kh_portal_put_when(json, "until", source->until_ms);
        kh_json_object_end(json);
    }
    kh_json_array_end(json);
}

/* With accounts off nobody has patients: the address is not there. */
static const kh_subject *subject_of(const kh_portal *portal, const kh_http_request *request, kh_error *err)
{
    const kh_subject *subject = portal->options.rights && portal->options.access ? kh_guard_subject(request) : NULL;

    if (!subject)
        kh_error_set(err, KH_E_NOT_FOUND, "there is nothing at this address");
    return subject;
}

/* ---- the search ---- */

static kh_status read_text(const kh_http_request *request, const char *name, const char **out, kh_error *err)
{
    const char *text = kh_http_query(request, name);

    *out = text && *text ? text : NULL;
    if (text && strlen(text) > TEXT_MAX)
        return kh_error_set(err, KH_E_ARG, "%s: %zu bytes, expected at most %d", name, strlen(text), TEXT_MAX);
    return KH_OK;
}

static kh_status read_query(const kh_http_request *request, const kh_subject *subject, kh_registered_query *out, kh_error *err)
{
    kh_status status;

    *out = (kh_registered_query){.facility = subject->facility};
    status = read_text(request, "number", &out->number, err);
    if (status == KH_OK)
        status = read_text(request, "card", &out->card, err);
    if (status == KH_OK)
        status = read_text(request, "kana", &out->kana, err);
    if (status == KH_OK)
        status = read_text(request, "birth", &out->birth_date, err);
    if (status == KH_OK && out->kana && !out->birth_date)
        return kh_error_set(err, KH_E_ARG, "kana without birth: a name alone finds nobody, expected both");
    return status;
}

static kh_status put_found(kh_portal *portal, const kh_subject *subject, kh_json_writer *json, const found *all, kh_error *err)
{
    kh_portal_sources *sources = malloc(sizeof *sources);
    kh_status status = sources ? KH_OK : kh_error_set(err, KH_E_MEMORY, "no memory for a patient");

    kh_json_object_begin(json);
    kh_json_key(json, "patients");
    kh_json_array_begin(json);
    for (size_t i = 0; status == KH_OK && i < all->count; i++) {
        status = kh_portal_sources_of(portal, subject, &all->patients[i], sources, err);
        if (status != KH_OK || sources->count == 0)
            continue;
        kh_json_object_begin(json);
        put_patient(json, &all->patients[i], subject);
        put_sources(json, sources);
        kh_json_object_end(json);
    }
    kh_json_array_end(json);
    kh_json_object_end(json);
    free(sources);
    return status;
}

static void search(void *context, kh_http_request *request)
{
    kh_portal *portal = context;
    kh_error err = KH_ERROR_INIT;
    const kh_subject *subject = subject_of(portal, request, &err);
    found *all = calloc(1, sizeof *all);
    kh_registered_query query;
    kh_portal_answer answer;

    kh_portal_answer_begin(&answer, ANSWER_BYTES_MAX);
    if (subject && !all)
        kh_error_set(&err, KH_E_MEMORY, "no memory for patients");
    if (err.status == KH_OK && read_query(request, subject, &query, &err) == KH_OK &&
        kh_registered_find(portal->options.access, &query, keep_patient, all, &err) == KH_OK)
        err.status = put_found(portal, subject, &answer.json, all, &err);
    free(all);
    kh_portal_answer_end(&answer, request, err.status, &err);
}

/* ---- the time line ---- */

typedef struct time_line {
    kh_study *studies;
    size_t count;
} time_line;

static kh_status keep_study(void *context, const kh_study *study)
{
    time_line *line = context;

    if (line->count < STUDIES_MAX)
        line->studies[line->count++] = *study;
    return KH_OK;
}

/* Accounts are off: there is no reach, and everything is open. */
static kh_status allow(void *context, const kh_study *study, const kh_series *series, bool *allowed, kh_error *err)
{
    (void)context, (void)study, (void)series, (void)err;
    *allowed = true;
    return KH_OK;
}

static int by_place(const void *a, const void *b)
{
    const kh_scope_patient *x = a, *y = b;
    int facility = strcmp(x->facility, y->facility);

    return facility != 0 ? facility : strcmp(x->patient_id, y->patient_id);
}

/* Of the numbers that are open, and of these what each study's own decision lets through. */
static kh_status read_line(kh_portal *portal, const kh_http_request *request, const kh_portal_sources *sources, time_line *line,
                           int64_t *total, kh_error *err)
{
    kh_scope_patient patients[KH_PORTAL_SOURCES_MAX + 1];
    kh_study_filter filter = {.limit = STUDIES_MAX};
    kh_reach *reach = NULL;
    struct kh_scope scope;
    kh_status status = kh_portal_reach(portal, request, KH_VERB_FIND, KH_REACH_NAMED, &reach, err);

    if (status != KH_OK)
        return status;
    for (size_t i = 0; i < sources->count; i++) {
        snprintf(patients[i].facility, sizeof patients[i].facility, "%s", sources->sources[i].facility);
        snprintf(patients[i].patient_id, sizeof patients[i].patient_id, "%s", sources->sources[i].number);
    }
    qsort(patients, sources->count, sizeof patients[0], by_place);
    scope = reach ? *kh_reach_scope(reach) : (struct kh_scope){.allows = allow};
    scope.own_facility[0] = '\0';
    scope.any_patient = false;
    scope.patients = patients;
    scope.patient_count = sources->count;
    filter.scope = &scope;
    status = kh_browse_studies(portal->cache, &filter, keep_study, line, total, err);
    kh_reach_close(reach);
    return status;
}

static kh_status put_line(kh_portal *portal, kh_json_writer *json, const time_line *line, int64_t total, kh_error *err)
{
    kh_status status = KH_OK;

    kh_json_key(json, "studies");
    kh_json_array_begin(json);
    for (size_t i = 0; status == KH_OK && i < line->count; i++) {
        kh_json_object_begin(json);
        status = kh_portal_put_study(portal, json, &line->studies[i], err);
        kh_json_object_end(json);
    }
    kh_json_array_end(json);
    kh_json_put_bool(json, "more", total > (int64_t)line->count);
    return status;
}

kh_status kh_portal_put_line(kh_portal *portal, const kh_http_request *request, kh_json_writer *json, const kh_portal_sources *sources,
                             kh_error *err)
{
    time_line line = {.studies = malloc(STUDIES_MAX * sizeof *line.studies)};
    int64_t total = 0;
    kh_status status = line.studies ? read_line(portal, request, sources, &line, &total, err)
                                    : kh_error_set(err, KH_E_MEMORY, "no memory for a time line");

    if (status == KH_OK)
        status = put_line(portal, json, &line, total, err);
    free(line.studies);
    return status;
}

static kh_status put_one(kh_portal *portal, const kh_http_request *request, const kh_subject *subject, kh_json_writer *json, int64_t id,
                         kh_error *err)
{
    kh_portal_sources *sources = malloc(sizeof *sources);
    kh_registered patient;
    kh_status status = sources ? kh_registered_by_id(portal->options.access, id, &patient, err)
                               : kh_error_set(err, KH_E_MEMORY, "no memory for a patient");

    if (status == KH_OK)
        status = kh_portal_sources_of(portal, subject, &patient, sources, err);
    if (status == KH_OK && sources->count == 0)
        status = kh_error_set(err, KH_E_NOT_FOUND, "no such patient");
    if (status != KH_OK)
        goto out;
    kh_json_object_begin(json);
    kh_json_key(json, "patient");
    kh_json_object_begin(json);
    put_patient(json, &patient, subject);
    kh_json_object_end(json);
    put_sources(json, sources);
    status = kh_portal_put_line(portal, request, json, sources, err);
    kh_json_object_end(json);
out:
    free(sources);
    return status;
}

static void one(void *context, kh_http_request *request)
{
    kh_portal *portal = context;
    kh_error err = KH_ERROR_INIT;
    const kh_subject *subject = subject_of(portal, request, &err);
    int64_t id = 0;
    kh_portal_answer answer;

    kh_portal_answer_begin(&answer, ANSWER_BYTES_MAX);
    if (subject && kh_http_segment_int(request, "id", 1, INT64_MAX, &id, &err) == KH_OK)
        err.status = put_one(portal, request, subject, &answer.json, id, &err);
    kh_portal_answer_end(&answer, request, err.status, &err);
}

void kh_portal_patients(kh_http_request *request, void *context)
{
    kh_portal_later(context, request, search);
}

void kh_portal_patient(kh_http_request *request, void *context)
{
    kh_portal_later(context, request, one);
}
