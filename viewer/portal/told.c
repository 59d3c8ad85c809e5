/* What of the events somebody is told: those of studies that may be found, and of the operation who runs it. And that a study which was open to a
 * session is so no more. */
#include <stdlib.h>
#include <string.h>
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
    kh_status status = kh_scope_read_body_parts(portal->cache, study, err);

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
    kh_status status = study ? kh_browse_study(portal->cache, study_id, study, &why) : kh_error_set(&why, KH_E_MEMORY, "no memory for a study");

    *may = false;
    if (status == KH_OK)
        status = decide_study(portal, subject, verb, study, may, &why);
    free(study);
    if (status == KH_E_NOT_FOUND)
        return KH_OK;
    return status == KH_OK ? KH_OK : kh_error_set(err, status, "%s", why.message);
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
    bool known = false;

    if (!portal->options.rights || !subject || subject->session_id == 0)
        return;
    pthread_mutex_lock(&portal->opened_lock);
    for (size_t i = 0; i < KH_PORTAL_OPENED_MAX && !known; i++)
        known = portal->opened[i].session_id == subject->session_id && portal->opened[i].study_id == study_id;
    if (!known) {
        portal->opened[portal->opened_next] = (kh_portal_opened){.session_id = subject->session_id, .study_id = study_id};
        portal->opened_next = (portal->opened_next + 1) % KH_PORTAL_OPENED_MAX;
    }
    pthread_mutex_unlock(&portal->opened_lock);
}

/* The next study of the session from *at on; 0 behind the last. */
static int64_t next_opened(kh_portal *portal, int64_t session_id, size_t *at)
{
    int64_t study_id = 0;

    pthread_mutex_lock(&portal->opened_lock);
    for (; *at < KH_PORTAL_OPENED_MAX && study_id == 0; ++*at)
        if (portal->opened[*at].session_id == session_id)
            study_id = portal->opened[*at].study_id;
    pthread_mutex_unlock(&portal->opened_lock);
    return study_id;
}

static void forget(kh_portal *portal, size_t at, int64_t session_id, int64_t study_id)
{
    pthread_mutex_lock(&portal->opened_lock);
    if (portal->opened[at].session_id == session_id && portal->opened[at].study_id == study_id)
        portal->opened[at] = (kh_portal_opened){0};
    pthread_mutex_unlock(&portal->opened_lock);
}

kh_status kh_portal_put_closed(kh_portal *portal, const kh_subject *subject, kh_buf *text, kh_error *err)
{
    int64_t study_id;
    size_t at = 0;
    kh_status status = KH_OK;

    while (status == KH_OK && subject->session_id > 0 && (study_id = next_opened(portal, subject->session_id, &at)) > 0) {
        bool may = false;
        kh_error why = KH_ERROR_INIT;

        if (may_see(portal, subject, KH_VERB_VIEW, study_id, &may, &why) == KH_OK && may)
            continue; /* what cannot be decided is shut */
        status = kh_buf_appendf(text, err, "event: closed\ndata: {\"study\":%lld}\n\n", (long long)study_id);
        forget(portal, at - 1, subject->session_id, study_id);
    }
    return status;
}
