/* /api/welcome: what a one-time link opens: the first password of an account, of the office's first or of an invitation. Then one signs
 * in. */
#include "access/invitations.h"
#include "access/people.h"
#include "viewer/guard/internal.h"

static bool find(kh_guard_call *call, int64_t *person_id, char login[65])
{
    kh_error err = KH_ERROR_INIT;
    kh_status status = kh_invitation_find(kh_accounts_access(call->guard->options.accounts), kh_http_segment(call->request, "code"),
                                          person_id, login, &err);

    if (status == KH_E_NOT_FOUND)
        kh_guard_problem(call->request, 404, "not_found", "this link is not good, or not any more", 0);
    else if (status != KH_OK)
        kh_guard_failed(call, &err);
    return status == KH_OK;
}

static void welcome(kh_guard_call *call)
{
    kh_access *access = kh_accounts_access(call->guard->options.accounts);
    kh_error err = KH_ERROR_INIT;
    kh_facility facility = {.name = ""};
    kh_person person;
    int64_t id;
    char login[65];

    if (!find(call, &id, login))
        return;
    if (kh_person_by_id(access, id, &person, &err) != KH_OK || kh_facility_by_id(access, person.facility_id, &facility, &err) != KH_OK) {
        kh_guard_failed(call, &err);
        return;
    }
    kh_json_object_begin(&call->json);
    kh_json_put_text(&call->json, "login", login);
    kh_json_put_text(&call->json, "name", person.name);
    kh_json_put_text(&call->json, "facility", facility.name);
    kh_json_put_int(&call->json, "password_min", kh_accounts_settings(call->guard->options.accounts)->length_min);
    kh_json_object_end(&call->json);
    kh_guard_answer(call);
}

void kh_guard_welcome(kh_http_request *request, void *context)
{
    kh_guard_call_later(context, request, KH_GUARD_ANY, welcome);
}

static void accept(kh_guard_call *call)
{
    const char *password = kh_guard_text(call, "password", KH_PASSWORD_BYTES_MAX);
    kh_password_fault fault = KH_PASSWORD_GOOD;
    kh_error err = KH_ERROR_INIT;
    kh_status status;
    int64_t id;
    char login[65];

    if (!password || !find(call, &id, login))
        return;
    status = kh_invitation_accept(call->guard->options.accounts, kh_http_segment(call->request, "code"), password, &fault, &err);
    if (status == KH_OK) {
        if (kh_guard_recorded(call, KH_AUDIT_RIGHTS, KH_AUDIT_DONE, login, NULL, "invitation accepted"))
            kh_guard_answer_step(call, NULL, (kh_session_stage)0);
    } else if (status == KH_E_NOT_FOUND) {
        kh_guard_problem(call->request, 404, "not_found", "this link is not good, or not any more", 0);
    } else if (fault != KH_PASSWORD_GOOD) {
        kh_guard_password_fault(call, fault, &err);
    } else {
        kh_guard_failed(call, &err);
    }
}

void kh_guard_welcome_accept(kh_http_request *request, void *context)
{
    kh_guard_call_later(context, request, KH_GUARD_ANY, accept);
}
