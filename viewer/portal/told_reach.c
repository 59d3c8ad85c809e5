/* What somebody may find, as a sum: another one, and his lists are to be looked at anew. */
#include <stdlib.h>
#include <string.h>
#include "access/policies.h"
#include "base/log.h"
#include "viewer/portal/internal.h"

#define HIDDEN_MAX 4096 /* studies and series that disclosers hide; with more of them a change of any is told to everybody */

typedef struct hidden_one {
    kh_scope_patient patient;
    uint64_t sum;
} hidden_one;

struct kh_portal_hidden {
    hidden_one *all;
    size_t count;
    uint64_t rest; /* sum of those beyond HIDDEN_MAX */
};

/* FNV-1a */
static uint64_t add_text(uint64_t sum, const char *text)
{
    do
        sum = (sum ^ (unsigned char)*text) * 0x100000001b3u;
    while (*text++);
    return sum;
}

/* --- hidden by disclosers: whose --- */

typedef struct reading {
    kh_portal *portal;
    kh_portal_hidden *out;
    const kh_hidden *hidden;
} reading;

static kh_status keep_patient(void *context, const kh_study *study)
{
    const reading *r = context;
    kh_portal_hidden *out = r->out;
    uint64_t sum = add_text(add_text(0xcbf29ce484222325u, r->hidden->study_uid), r->hidden->series_uid);

    if (strcmp(study->patient.facility, r->hidden->facility) != 0)
        return KH_OK;
    if (out->count == HIDDEN_MAX) {
        out->rest ^= sum;
        return KH_OK;
    }
    hidden_one *one = &out->all[out->count++];
    memcpy(one->patient.facility, study->patient.facility, sizeof one->patient.facility);
    memcpy(one->patient.patient_id, study->patient.patient_id, sizeof one->patient.patient_id);
    one->sum = sum;
    return KH_OK;
}

/* Of one that is not here nobody's list can tell. */
static kh_status keep_hidden(void *context, const kh_hidden *hidden)
{
    reading *r = context;

    r->hidden = hidden;
    return kh_browse_study_uid(r->portal->cache, hidden->study_uid, keep_patient, r, NULL);
}

kh_portal_hidden *kh_portal_hidden_read(kh_portal *portal)
{
    kh_portal_hidden *out = calloc(1, sizeof *out);
    reading r = {.portal = portal, .out = out};
    kh_error err = KH_ERROR_INIT;
    kh_status status;

    if (out)
        out->all = calloc(HIDDEN_MAX, sizeof *out->all);
    status = out && out->all ? KH_OK : kh_error_set(&err, KH_E_MEMORY, "no memory for what is hidden");
    if (status == KH_OK && portal->options.access)
        status = kh_hidden_list(portal->options.access, NULL, keep_hidden, &r, &err);
    if (status == KH_OK)
        return out;
    kh_log(KH_LOG_WARN, "portal", "whether a list has changed is not told: %s", err.message);
    kh_portal_hidden_free(out);
    return NULL;
}

void kh_portal_hidden_free(kh_portal_hidden *hidden)
{
    if (!hidden)
        return;
    free(hidden->all);
    free(hidden);
}

static int compare(const void *a, const void *b)
{
    const kh_scope_patient *x = a, *y = b;
    int order = strcmp(x->facility, y->facility);

    return order ? order : strcmp(x->patient_id, y->patient_id);
}

/* --- the sum --- */

uint64_t kh_portal_reach_sum(kh_portal *portal, const kh_portal_hidden *hidden, const kh_subject *subject)
{
    uint64_t sum = 0xcbf29ce484222325u;
    kh_error err = KH_ERROR_INIT;
    kh_horizon horizon;

    if (!hidden || kh_rights_horizon(portal->options.rights, subject, &horizon, &err) != KH_OK) {
        if (hidden)
            kh_log(KH_LOG_WARN, "portal", "whether a list has changed is not told: %s", err.message);
        return 0;
    }
    sum = add_text(sum, horizon.own_facility);
    for (size_t i = 0; i < horizon.count; i++)
        sum = add_text(add_text(sum, horizon.patients[i].facility), horizon.patients[i].patient_id);
    sum ^= horizon.mark ^ hidden->rest;
    for (size_t i = 0; i < hidden->count; i++)
        if (horizon.count > 0 && bsearch(&hidden->all[i].patient, horizon.patients, horizon.count, sizeof *horizon.patients, compare))
            sum = (sum ^ hidden->all[i].sum) * 0x100000001b3u;
    kh_horizon_release(&horizon);
    return sum ? sum : 1;
}
