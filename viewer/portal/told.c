/* What of the events somebody is told: those of studies that may be found, and of the operation who runs it. And that a study which was
 * open to a session is so no more. */
#include <stdlib.h>
#include <string.h>
#include "base/log.h"
#include "cache/events.h"
#include "cache/scope.h"
#include "viewer/portal/internal.h"

/* --- events --- */

static kh_status may_operate(kh_portal *portal, const kh_subject *subject, bool *may, kh_error *err)
{
    const kh_matter matter = {.kind = KH_KIND_OPERATION, .facility = "", .patient_id = "", .study_date = "", .modalities = ""};
    kh_verdict verdict = {0};
    kh_status status = kh_rights_decide(portal->options.rights, subject, KH_VERB_VIEW, &matter, &verdict, err);

    *may = status == KH_OK && verdict.allowed;
    return status;
}

static kh_status decide_study(kh_portal *portal, const kh_subject *subject, kh_verb verb, kh_study *study, bool *may, kh_error *err)
{
    kh_verdict verdict = {0};
    kh_status status = kh_scope_read_parts(portal->cache, study, err);

    if (status == KH_OK)
        status = kh_reach_decide(portal->options.rights, subject, verb, study, NULL, &verdict, err);
    *may = status == KH_OK && verdict.allowed;
    return status;
}

/* One that is gone is nothing that may be seen. */
static kh_status may_see(kh_portal *portal, const kh_subject *subject, kh_verb verb, int64_t study_id, bool *may, kh_error *err)
{
    kh_study *study = malloc(sizeof *study);
    kh_error why = KH_ERROR_INIT;
    kh_status status =
        study ? kh_browse_study(portal->cache, study_id, study, &why) : kh_error_set(&why, KH_E_MEMORY, "no memory for a study");

    *may = false;
    if (status == KH_OK)
        status = decide_study(portal, subject, verb, study, may, &why);
    free(study);
    if (status == KH_E_NOT_FOUND)
        return KH_OK;
    return status == KH_OK ? KH_OK : kh_error_set(err, status, "%s", why.message);
}

kh_status kh_portal_may_view(kh_portal *portal, const kh_subject *subject, int64_t study_id, bool *may, kh_error *err)
{
    return may_see(portal, subject, KH_VERB_VIEW, study_id, may, err);
}

/* Rows are copied: what is asked of others comes after the reading. */
typedef struct of_uid {
    int64_t ids[16]; /* hospitals that have a study of the same UID */
    size_t count;
} of_uid;

static kh_status keep_id(void *context, const kh_study *study)
{
    of_uid *of = context;

    if (of->count < sizeof of->ids / sizeof of->ids[0])
        of->ids[of->count++] = study->id;
    return KH_OK;
}

/* Of a study that may be found; before any of it is here, who runs the service only. */
static kh_status may_see_pull(kh_portal *portal, const kh_subject *subject, int64_t pull_id, bool *may, kh_error *err)
{
    of_uid of = {.count = 0};
    kh_pull pull;
    kh_status status = may_operate(portal, subject, may, err);

    if (status != KH_OK || *may)
        return status;
    status = kh_pull_find(portal->cache, pull_id, &pull, err);
    if (status == KH_OK)
        status = kh_browse_study_uid(portal->cache, pull.study_uid, keep_id, &of, err);
    for (size_t i = 0; status == KH_OK && !*may && i < of.count; i++)
        status = may_see(portal, subject, KH_VERB_FIND, of.ids[i], may, err);
    return status;
}

kh_status kh_portal_may_be_told(kh_portal *portal, const kh_subject *subject, int kind, int64_t id, bool *may, kh_error *err)
{
    *may = false;
    if (kind == KH_EVENT_STUDY)
        return may_see(portal, subject, KH_VERB_FIND, id, may, err);
    if (kind == KH_EVENT_PULL)
        return may_see_pull(portal, subject, id, may, err);
    return may_operate(portal, subject, may, err);
}

/* --- what was open --- */

void kh_portal_note_opened(kh_portal *portal, const kh_http_request *request, int64_t study_id)
{
    const kh_subject *subject = kh_guard_subject(request);
    int64_t visitor = subject ? kh_subject_visitor(subject) : 0;
    kh_portal_opened *known = NULL;

    if (!portal->options.rights || visitor == 0)
        return;
    pthread_mutex_lock(&portal->opened_lock);
    for (size_t i = 0; i < KH_PORTAL_OPENED_MAX && !known; i++)
        if (portal->opened[i].visitor == visitor && portal->opened[i].study_id == study_id)
            known = &portal->opened[i];
    if (!known) {
        known = &portal->opened[portal->opened_next];
        portal->opened_next = (portal->opened_next + 1) % KH_PORTAL_OPENED_MAX;
    }
    *known = (kh_portal_opened){.visitor = visitor, .study_id = study_id};
    pthread_mutex_unlock(&portal->opened_lock);
}

void kh_portal_opened_elsewhere(kh_portal *portal, const kh_http_request *request, int64_t study_id)
{
    kh_portal_note_opened(portal, request, study_id);
}

/* The next study of the visitor from *at on, which is left behind it. */
static bool next_opened(kh_portal *portal, int64_t visitor, size_t *at, kh_portal_opened *out)
{
    bool found = false;

    pthread_mutex_lock(&portal->opened_lock);
    for (; *at < KH_PORTAL_OPENED_MAX && !found; ++*at) {
        found = portal->opened[*at].visitor == visitor;
        if (found)
            *out = portal->opened[*at];
    }
    pthread_mutex_unlock(&portal->opened_lock);
    return found;
}

/* Since when it is closed; unless another has taken its place. */
static void note_shut(kh_portal *portal, size_t at, const kh_portal_opened *one)
{
    pthread_mutex_lock(&portal->opened_lock);
    if (portal->opened[at].visitor == one->visitor && portal->opened[at].study_id == one->study_id)
        portal->opened[at].shut = one->shut;
    pthread_mutex_unlock(&portal->opened_lock);
}

/* What is closed is kept: a visitor may have several streams, a window each, and each is told. */
kh_status kh_portal_put_closed(kh_portal *portal, const kh_subject *subject, uint64_t since, uint64_t now, kh_buf *text, kh_error *err)
{
    int64_t visitor = kh_subject_visitor(subject);
    kh_portal_opened one;
    size_t at = 0;
    kh_status status = KH_OK;

    while (status == KH_OK && visitor != 0 && next_opened(portal, visitor, &at, &one)) {
        bool may = false, was_shut = one.shut != 0;
        kh_error why = KH_ERROR_INIT;

        if (may_see(portal, subject, KH_VERB_VIEW, one.study_id, &may, &why) != KH_OK)
            may = false; /* what cannot be decided is shut */
        if (may == was_shut) {
            one.shut = may ? 0 : now;
            note_shut(portal, at - 1, &one);
        }
        if (!may && (since == UINT64_MAX || since < one.shut))
            status = kh_buf_appendf(text, err, "event: closed\ndata: {\"study\":%lld}\n\n", (long long)one.study_id);
    }
    return status;
}
