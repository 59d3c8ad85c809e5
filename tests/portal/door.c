#include "tests/portal/door.h"

#include <stdlib.h>
#include <string.h>
#include "cache/browse.h"
#include "viewer/guard/guard.h"

/* --- the test's rights: one reader of the clinic, one of the office --- */

door_rules rules;

static bool is_open(const kh_subject *subject, kh_verb verb, const kh_matter *matter)
{
    if (matter->kind == KH_KIND_OPERATION)
        return subject->role == KH_ROLE_OFFICE;
    if (subject->role != KH_ROLE_DOCTOR)
        return false;
    if (verb == KH_VERB_CHANGE)
        return atomic_load(&rules.may_store) && strcmp(matter->facility, subject->facility) == 0;
    if (verb == KH_VERB_TAKE && !atomic_load(&rules.may_take))
        return false;
    return strcmp(matter->facility, "city-hospital") == 0 && matter->study_uid && atomic_load(&rules.open_study) > 0 &&
           strcmp(matter->patient_id, "P-1") == 0 &&
           (matter->key > 0 ? matter->key == atomic_load(&rules.open_study) : -matter->key != atomic_load(&rules.shut_series));
}

kh_status kh_rights_decide(kh_rights *rights, const kh_subject *subject, kh_verb verb, const kh_matter *matter, kh_verdict *out,
                           kh_error *err)
{
    (void)rights;
    (void)err;
    *out = (kh_verdict){.allowed = is_open(subject, verb, matter), .reason = KH_REASON_NO_CONSENT, .until_ms = INT64_MAX};
    out->reason = out->allowed ? KH_REASON_GRANT : KH_REASON_NO_CONSENT;
    return KH_OK;
}

struct kh_rights_shared {
    int nothing;
};

kh_status kh_rights_shared_create(kh_rights_shared **out, kh_error *err)
{
    *out = calloc(1, sizeof **out);
    return *out ? KH_OK : kh_error_set(err, KH_E_MEMORY, "no memory");
}

void kh_rights_shared_within(kh_rights_shared *shared, const kh_horizon *horizon)
{
    (void)shared;
    (void)horizon;
}

void kh_rights_shared_free(kh_rights_shared *shared)
{
    free(shared);
}

kh_status kh_rights_decide_with(kh_rights *rights, kh_rights_shared *shared, const kh_subject *subject, kh_verb verb,
                                const kh_matter *matter, kh_verdict *out, kh_error *err)
{
    (void)shared;
    return kh_rights_decide(rights, subject, verb, matter, out, err);
}

kh_status kh_rights_horizon(kh_rights *rights, const kh_subject *subject, kh_horizon *out, kh_error *err)
{
    static const kh_scope_patient one = {"city-hospital", "P-1"};

    (void)rights;
    (void)err;
    memset(out, 0, sizeof *out);
    if (subject->role != KH_ROLE_DOCTOR || atomic_load(&rules.open_study) == 0)
        return KH_OK;
    out->patients = &one;
    out->count = 1;
    return KH_OK;
}

void kh_horizon_release(kh_horizon *horizon)
{
    (void)horizon;
}

/* --- the test's door: a header says who it is --- */


static kh_subject *person_of(const kh_http_request *request)
{
    const char *name = kh_http_header(request, "X-Test-Person");
    kh_subject *subject = name ? calloc(1, sizeof *subject) : NULL;

    if (subject)
        *subject = (kh_subject){.person_id = 1, .session_id = 7, .facility_id = 2, .facility = "clinic", .scopes = KH_SCOPE_ALL,
                                .role = strcmp(name, "office") == 0 ? KH_ROLE_OFFICE : KH_ROLE_DOCTOR};
    if (subject && strcmp(name, "token") == 0) {
        subject->session_id = 0;
        subject->token_id = 7;
    }
    return subject;
}

static bool is_let_in(const kh_guard *guard, const kh_subject *subject, const kh_guarded *about)
{
    kh_matter matter = {.kind = about->kind, .facility = "city-hospital", .patient_id = "P-1", .study_uid = "1.2"};
    kh_series series = {.study_id = about->study_id};
    kh_verdict verdict;

    if (about->listing)
        return true;
    if (about->series_id > 0 && kh_browse_series(guard->cache, about->series_id, &series, NULL) != KH_OK)
        return false;
    matter.key = series.study_id;
    if (kh_rights_decide(NULL, subject, about->verb, &matter, &verdict, NULL) != KH_OK || !verdict.allowed || about->series_id == 0)
        return verdict.allowed;
    matter.key = -about->series_id;
    return kh_rights_decide(NULL, subject, about->verb, &matter, &verdict, NULL) == KH_OK && verdict.allowed;
}

void kh_guard_then(kh_guard *guard, kh_http_request *request, const kh_guarded *about, kh_http_handler *handler, void *context)
{
    kh_subject *subject = person_of(request);

    if (!subject) {
        kh_http_answer_code(request, 401, "nobody is signed in");
        return;
    }
    kh_http_attach(request, subject, free);
    if (is_let_in(guard, subject, about))
        handler(request, context);
    else
        kh_http_answer_code(request, 404, "no such study, series or object");
}

void kh_guard_page_then(kh_guard *guard, kh_http_request *request, kh_http_handler *handler, void *context)
{
    const kh_guarded anything = {.listing = true};

    kh_guard_then(guard, request, &anything, handler, context);
}

const kh_subject *kh_guard_subject(const kh_http_request *request)
{
    return kh_http_attached(request);
}

bool door_session_goes_on(void *context, const kh_subject *subject)
{
    (void)context;
    (void)subject;
    return atomic_load(&rules.signed_in);
}

/* The door's own addresses: none here. */
void kh_guard_routes(kh_guard *guard, kh_http_route routes[KH_GUARD_ROUTES])
{
    for (size_t i = 0; i < KH_GUARD_ROUTES; i++) {
        routes[i] = kh_guard_off;
        routes[i].context = guard;
    }
}

static void answer_off(kh_http_request *request, void *context)
{
    (void)context;
    kh_http_answer_code(request, 404, "not here");
}

const kh_http_route kh_guard_off = {.method = "GET", .pattern = "/api/session", .handler = answer_off};

void kh_guard_drain(kh_guard *guard)
{
    (void)guard; /* nobody waits here */
}
