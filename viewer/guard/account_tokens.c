/* /api/account/tokens: bearer tokens of a person, for programs. */
#include <stdio.h>
#include <string.h>
#include "base/clock.h"
#include "viewer/guard/internal.h"

#define NAME_BYTES_MAX 64
#define SCOPES_BYTES_MAX 31
#define DAY_MS 86400000

static void make_token(kh_guard_call *call)
{
    const char *name = kh_guard_text(call, "name", NAME_BYTES_MAX);
    const char *scopes = name ? kh_guard_text(call, "scopes", SCOPES_BYTES_MAX) : NULL;
    int64_t days = call->body ? kh_json_get_int(call->body, "days", 0) : 0;
    kh_token token = {.person_id = call->session.subject.person_id};
    char text[KH_TOKEN_SIZE], told[NAME_BYTES_MAX + 80];
    kh_error err = KH_ERROR_INIT;

    if (!scopes)
        return;
    token.scopes = kh_scopes_of(scopes);
    if (days < 1 || days > KH_TOKEN_DAYS_MAX || token.scopes == 0) {
        kh_guard_problem(call->request, 400, "bad_request", "days, expected 1 to 366; scopes, expected some of find,view,take,store", 0);
        return;
    }
    if (!kh_guard_sure(call))
        return;
    snprintf(token.name, sizeof token.name, "%s", name);
    token.expires_ms = kh_clock_wall_ms() + days * DAY_MS;
    if (kh_token_add(call->guard->options.accounts, &token, text, &err) != KH_OK) {
        kh_guard_failed(call, &err);
        return;
    }
    snprintf(told, sizeof told, "token %lld made: %s, %lld days", (long long)token.id, scopes, (long long)days);
    if (kh_guard_recorded(call, KH_AUDIT_RIGHTS, KH_AUDIT_DONE, NULL, NULL, told)) {
        kh_json_object_begin(&call->json);
        kh_json_put_int(&call->json, "id", token.id);
        kh_json_put_text(&call->json, "token", text);
        kh_json_object_end(&call->json);
        kh_guard_answer(call);
    }
    explicit_bzero(text, sizeof text);
}

void kh_guard_token_make(kh_http_request *request, void *context)
{
    kh_guard_call_later(context, request, KH_GUARD_AT(KH_SESSION_OPEN), make_token);
}

static void revoke_token(kh_guard_call *call)
{
    int64_t id = 0;
    char told[64];
    kh_error err = KH_ERROR_INIT;

    if (kh_http_segment_int(call->request, "id", 1, INT64_MAX, &id, &err) != KH_OK ||
        kh_token_revoke(call->guard->options.accounts, call->session.subject.person_id, id, &err) != KH_OK) {
        kh_guard_failed(call, &err);
        return;
    }
    snprintf(told, sizeof told, "token %lld revoked", (long long)id);
    if (kh_guard_recorded(call, KH_AUDIT_RIGHTS, KH_AUDIT_DONE, NULL, NULL, told))
        kh_guard_answer_step(call, NULL, call->session.stage);
}

void kh_guard_token_revoke(kh_http_request *request, void *context)
{
    kh_guard_call_later(context, request, KH_GUARD_AT(KH_SESSION_OPEN), revoke_token);
}
