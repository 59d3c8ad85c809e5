/* GET /api/studies/{id}/priors: the studies of a study's patient, of all hospitals, that are open to who asks. Whose they are is told by
 * the links of the asker's own facility [AZ-16, TB-7]: the study's own number, the number there that it is linked to, and what that is
 * linked to. */
#include <stdlib.h>
#include <string.h>
#include "cache/scope.h"
#include "viewer/guard/guard.h"
#include "viewer/portal/patients.h"

#define ANSWER_BYTES_MAX (8u << 20)

/* The number at the asker's own facility that a number elsewhere is linked to; "" for none. */
typedef struct own_number {
    const char *facility;
    char number[KH_PATIENT_NUMBER_SIZE];
} own_number;

static kh_status keep_own(void *context, const kh_link_row *link)
{
    own_number *own = context;

    if (link->ended_ms == 0 && strcmp(link->facility, own->facility) == 0)
        memcpy(own->number, link->number, sizeof own->number);
    return KH_OK;
}

static kh_status keep_entry(void *context, const kh_registered *patient)
{
    *(kh_registered *)context = *patient;
    return KH_OK;
}

/* The entry of the asker's own facility; id 0: the patient is not known there. */
static kh_status find_entry(kh_portal *portal, const kh_subject *subject, const kh_patient *patient, kh_registered *out, kh_error *err)
{
    own_number own = {.facility = subject->facility};
    kh_registered_query query = {.facility = subject->facility, .number = own.number};
    kh_status status = KH_OK;

    *out = (kh_registered){.id = 0};
    if (strcmp(patient->facility, subject->facility) == 0)
        query.number = patient->patient_id;
    else
        status = kh_link_list(portal->options.access, patient->facility, patient->patient_id, keep_own, &own, err);
    if (status != KH_OK || !*query.number)
        return status;
    return kh_registered_find(portal->options.access, &query, keep_entry, out, err);
}

/* The number that the study itself names: it is open by the study, whatever is known of the patient elsewhere. */
static void add_own_source(const kh_patient *patient, kh_portal_sources *sources)
{
    kh_portal_source *source = &sources->sources[sources->count];

    for (size_t i = 0; i < sources->count; i++)
        if (strcmp(sources->sources[i].facility, patient->facility) == 0 && strcmp(sources->sources[i].number, patient->patient_id) == 0)
            return;
    if (!*patient->patient_id) /* nobody's number: others without one are other people */
        return;
    if (sources->count > KH_PORTAL_SOURCES_MAX || strlen(patient->patient_id) >= sizeof source->number)
        return;
    memset(source, 0, sizeof *source);
    strcpy(source->facility, patient->facility);
    strcpy(source->number, patient->patient_id);
    sources->count++;
}

static kh_status read_sources(kh_portal *portal, const kh_http_request *request, const kh_patient *patient, kh_portal_sources *sources,
                              kh_error *err)
{
    const kh_subject *subject = portal->options.rights && portal->options.access ? kh_guard_subject(request) : NULL;
    kh_registered *entry = malloc(sizeof *entry);
    kh_status status = entry ? KH_OK : kh_error_set(err, KH_E_MEMORY, "no memory for a patient");

    memset(sources, 0, sizeof *sources);
    if (status == KH_OK && subject)
        status = find_entry(portal, subject, patient, entry, err);
    if (status == KH_OK && subject && entry->id != 0)
        status = kh_portal_sources_of(portal, subject, entry, sources, err);
    if (status == KH_OK)
        add_own_source(patient, sources);
    free(entry);
    return status;
}

/* The study itself has to be open: what it says of its patient leads to the others. */
static kh_status check_open(kh_portal *portal, const kh_http_request *request, kh_study *study, kh_error *err)
{
    bool allowed = true;
    kh_reach *reach = NULL;
    kh_status status = kh_portal_reach(portal, request, KH_VERB_VIEW, KH_REACH_NAMED, &reach, err);

    if (status == KH_OK && reach)
        status = kh_scope_study(portal->cache, kh_reach_scope(reach), study, &allowed, err);
    kh_reach_close(reach);
    return status == KH_OK && !allowed ? kh_error_set(err, KH_E_NOT_FOUND, "no study %lld", (long long)study->id) : status;
}

static kh_status put_priors(kh_portal *portal, const kh_http_request *request, kh_json_writer *json, int64_t study_id, kh_error *err)
{
    kh_portal_sources *sources = malloc(sizeof *sources);
    kh_study *study = malloc(sizeof *study);
    kh_status status = sources && study ? kh_browse_study(portal->cache, study_id, study, err)
                                        : kh_error_set(err, KH_E_MEMORY, "no memory for a patient's studies");

    if (status == KH_OK)
        status = check_open(portal, request, study, err);
    if (status == KH_OK)
        status = read_sources(portal, request, &study->patient, sources, err);
    if (status == KH_OK) {
        kh_json_object_begin(json);
        status = kh_portal_put_line(portal, request, json, sources, err);
        kh_json_object_end(json);
    }
    free(study);
    free(sources);
    return status;
}

static void priors(void *context, kh_http_request *request)
{
    kh_portal *portal = context;
    kh_error err = KH_ERROR_INIT;
    int64_t study_id = 0;
    kh_portal_answer answer;

    kh_portal_answer_begin(&answer, ANSWER_BYTES_MAX);
    if (kh_http_segment_int(request, "id", 1, INT64_MAX, &study_id, &err) == KH_OK)
        err.status = put_priors(portal, request, &answer.json, study_id, &err);
    kh_portal_answer_end(&answer, request, err.status, &err);
}

void kh_portal_priors(kh_http_request *request, void *context)
{
    kh_portal_later(context, request, priors);
}
