/* Emergency access [R11, AZ-33]: GET /api/emergency says whether and where it is offered, POST /api/emergency takes it. One patient at one
 * discloser, with a reason, for [access] emergency; the discloser is told in the same transaction (access/emergency.h). */
#include <stdio.h>
#include <string.h>
#include "access/emergency.h"
#include "access/facilities.h"
#include "base/clock.h"
#include "viewer/portal/patients.h"

#define BODY_BYTES_MAX 8192
#define ANSWER_BYTES_MAX (1u << 20)
#define REASON_MIN 4 /* as access/emergency.h */

/* Is it offered? Whether it is given is decided when it is asked for. */
static bool is_offered(const kh_portal *portal, const kh_subject *subject)
{
    return kh_decide_emergency(subject->role, portal->options.reader_roles);
}

static const kh_subject *subject_of(const kh_portal *portal, const kh_http_request *request, kh_error *err)
{
    const kh_subject *subject = portal->options.access && portal->options.rights ? kh_guard_subject(request) : NULL;

    if (!subject)
        kh_error_set(err, KH_E_NOT_FOUND, "there is nothing at this address");
    return subject;
}

typedef struct naming {
    kh_json_writer *json;
    const char *own;
} naming;

/* The directory names those that want to be named [AZ-7]. */
static kh_status put_hospital(void *context, const kh_facility *facility)
{
    const naming *n = context;

    if (!facility->published || !(facility->part & KH_PART_DISCLOSER) || strcmp(facility->code, n->own) == 0)
        return KH_OK;
    kh_json_object_begin(n->json);
    kh_json_put_text(n->json, "code", facility->code);
    kh_json_put_text(n->json, "name", facility->name);
    kh_json_object_end(n->json);
    return KH_OK;
}

static void offer(void *context, kh_http_request *request)
{
    kh_portal *portal = context;
    kh_error err = KH_ERROR_INIT;
    const kh_subject *subject = subject_of(portal, request, &err);
    kh_portal_answer answer;

    kh_portal_answer_begin(&answer, ANSWER_BYTES_MAX);
    if (subject) {
        naming n = {&answer.json, subject->facility};
        bool offered = is_offered(portal, subject);

        kh_json_object_begin(&answer.json);
        kh_json_put_bool(&answer.json, "may", offered);
        kh_json_put_int(&answer.json, "minutes", portal->options.emergency_ms / 60000);
        kh_json_put_int(&answer.json, "reason_min", REASON_MIN);
        kh_json_key(&answer.json, "hospitals");
        kh_json_array_begin(&answer.json);
        if (offered)
            err.status = kh_facility_list(portal->options.access, put_hospital, &n, &err);
        kh_json_array_end(&answer.json);
        kh_json_object_end(&answer.json);
    }
    kh_portal_answer_end(&answer, request, err.status, &err);
}

typedef struct one_of {
    kh_registered patient;
    size_t count;
} one_of;

static kh_status keep_one(void *context, const kh_registered *patient)
{
    one_of *found = context;

    found->patient = *patient;
    found->count++;
    return KH_OK;
}

/* Whom is it for? Of a name and birth date there has to be one, or it could be the wrong one. A number is taken as it is: who never
 * consented need not be registered. */
static kh_status find_patient(kh_portal *portal, const kh_json *body, one_of *found, kh_error *err)
{
    const char *facility = kh_json_get_text(body, "facility"), *number = kh_json_get_text(body, "number");
    const kh_registered_query query = {
        .facility = facility, .kana = kh_json_get_text(body, "kana"), .birth_date = kh_json_get_text(body, "birth")};
    kh_error absent = KH_ERROR_INIT;
    kh_status status;

    if (!facility || (!number && (!query.kana || !query.birth_date)))
        return kh_error_set(err, KH_E_ARG, "expected facility, reason, and number or kana and birth");
    if (number) {
        status = kh_registered_get(portal->options.access, facility, number, &found->patient, &absent);
        if (status == KH_E_NOT_FOUND &&
            snprintf(found->patient.number, sizeof found->patient.number, "%s", number) < (int)sizeof found->patient.number)
            return KH_OK;
        return status == KH_OK ? status : kh_error_set(err, status, "%s", absent.message);
    }
    status = kh_registered_find(portal->options.access, &query, keep_one, found, err);
    return status == KH_OK && found->count != 1 ? kh_error_set(err, KH_E_NOT_FOUND, "no such patient at this hospital, or several")
                                                : status;
}

static kh_status take(kh_portal *portal, const kh_subject *subject, const kh_json *body, kh_json_writer *json, kh_error *err)
{
    one_of found = {.count = 0};
    kh_emergency_request asked = {.person_id = subject->person_id,
                                  .reader_roles = portal->options.reader_roles,
                                  .facility = kh_json_get_text(body, "facility"),
                                  .reason = kh_json_get_text(body, "reason"),
                                  .duration_ms = portal->options.emergency_ms};
    int64_t id = 0, until_ms = 0;
    kh_status status = is_offered(portal, subject) ? find_patient(portal, body, &found, err)
                                                   : kh_error_set(err, KH_E_NOT_FOUND, "there is nothing at this address");

    asked.number = found.patient.number;
    if (status == KH_OK && !asked.reason)
        status = kh_error_set(err, KH_E_ARG, "reason is missing");
    if (status == KH_OK)
        status = kh_emergency_open(portal->options.access, &asked, &id, &until_ms, err);
    if (status != KH_OK)
        return status;
    kh_json_object_begin(json);
    kh_json_put_int(json, "emergency", id);
    kh_portal_put_int_or_null(json, "patient", found.patient.id, 0);
    kh_portal_put_when(json, "until", until_ms);
    kh_json_object_end(json);
    return KH_OK;
}

static void open_one(void *context, kh_http_request *request)
{
    kh_portal *portal = context;
    kh_error err = KH_ERROR_INIT;
    const kh_subject *subject = subject_of(portal, request, &err);
    kh_json *asked = NULL;
    size_t size = 0;
    const void *bytes = kh_http_body(request, &size);
    kh_portal_answer answer;

    kh_portal_answer_begin(&answer, ANSWER_BYTES_MAX);
    if (subject && kh_json_parse_object(&asked, bytes, size, BODY_BYTES_MAX, &err) == KH_OK)
        err.status = take(portal, subject, asked, &answer.json, &err);
    kh_json_free(asked);
    kh_portal_answer_end(&answer, request, err.status, &err);
}

void kh_portal_emergency(kh_http_request *request, void *context)
{
    kh_portal_later(context, request, offer);
}

void kh_portal_take_emergency(kh_http_request *request, void *context)
{
    kh_portal_later(context, request, open_one);
}
