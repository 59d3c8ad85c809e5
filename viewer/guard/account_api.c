/* /api/account: what people see and change of their own account. docs/http-api.md. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "access/second_factor.h"
#include "access/sign_in.h"
#include "base/clock.h"
#include "viewer/guard/internal.h"

#define CODE_BYTES_MAX 32

static void put_time(kh_json_writer *json, const char *key, int64_t wall_ms)
{
    char text[KH_CLOCK_TEXT_SIZE];

    kh_json_key(json, key);
    if (wall_ms <= 0 || wall_ms == INT64_MAX) {
        kh_json_null(json);
        return;
    }
    kh_clock_format(text, wall_ms);
    kh_json_text(json, text);
}

static kh_status put_session(void *context, const kh_session_row *row)
{
    kh_guard_call *call = context;

    kh_json_object_begin(&call->json);
    kh_json_put_int(&call->json, "id", row->id);
    kh_json_put_text(&call->json, "address", row->address);
    kh_json_put_text(&call->json, "terminal", row->terminal);
    kh_json_put_bool(&call->json, "current", row->id == call->session.id);
    put_time(&call->json, "began", row->started_ms);
    put_time(&call->json, "used", row->seen_ms);
    kh_json_object_end(&call->json);
    return KH_OK;
}

static kh_status put_token(void *context, const kh_token *token)
{
    kh_guard_call *call = context;
    char scopes[32];

    if (token->revoked_ms > 0 || token->expires_ms <= kh_clock_wall_ms())
        return KH_OK;
    kh_scopes_text(scopes, token->scopes);
    kh_json_object_begin(&call->json);
    kh_json_put_int(&call->json, "id", token->id);
    kh_json_put_text(&call->json, "name", token->name);
    kh_json_put_text(&call->json, "scopes", scopes);
    put_time(&call->json, "made", token->made_ms);
    put_time(&call->json, "used", token->used_ms);
    put_time(&call->json, "ends", token->expires_ms);
    kh_json_object_end(&call->json);
    return KH_OK;
}

static void put_password(kh_guard_call *call, const kh_password_state *state, const kh_second_state *second)
{
    kh_json_writer *json = &call->json;

    kh_json_key(json, "password");
    kh_json_object_begin(json);
    kh_json_put_int(json, "min", kh_accounts_settings(call->guard->options.accounts)->length_min);
    put_time(json, "changed", state->changed_ms);
    put_time(json, "ends", state->expires_ms);
    kh_json_object_end(json);
    kh_json_put_bool(json, "totp", second->there);
    kh_json_put_int(json, "recovery_left", second->recovery_left);
}

static void account(kh_guard_call *call)
{
    kh_accounts *accounts = call->guard->options.accounts;
    int64_t person = call->session.subject.person_id;
    kh_password_state state;
    kh_second_state second;
    kh_error err = KH_ERROR_INIT;
    kh_status status = kh_password_state_of(accounts, person, &state, &err);

    if (status == KH_OK)
        status = kh_second_state_of(accounts, person, &second, &err);
    if (status != KH_OK) {
        kh_guard_failed(call, &err);
        return;
    }
    kh_json_object_begin(&call->json);
    kh_guard_put_person(call);
    put_password(call, &state, &second);
    kh_json_put_int(&call->json, "token_days_max", KH_TOKEN_DAYS_MAX);
    kh_json_key(&call->json, "sessions");
    kh_json_array_begin(&call->json);
    status = kh_session_list(accounts, person, put_session, call, &err);
    kh_json_array_end(&call->json);
    kh_json_key(&call->json, "tokens");
    kh_json_array_begin(&call->json);
    if (status == KH_OK)
        status = kh_token_list(accounts, person, put_token, call, &err);
    kh_json_array_end(&call->json);
    kh_json_object_end(&call->json);
    if (status == KH_OK)
        kh_guard_answer(call);
    else
        kh_guard_failed(call, &err);
}

void kh_guard_account(kh_http_request *request, void *context)
{
    kh_guard_call_later(context, request, KH_GUARD_AT(KH_SESSION_OPEN), account);
}

/* The session goes on under a new secret. */
static bool renew(kh_guard_call *call, kh_session_stage *stage)
{
    kh_error err = KH_ERROR_INIT;
    char renewed[KH_SECRET_SIZE];
    kh_session next;

    if (kh_session_renew(call->guard->options.accounts, call->shown.session, renewed, &next, &err) != KH_OK) {
        kh_guard_failed(call, &err);
        return false;
    }
    *stage = next.stage;
    kh_cookie_set(call->request, KH_GUARD_COOKIE, renewed, 0);
    explicit_bzero(renewed, sizeof renewed);
    return true;
}

bool kh_guard_sure(kh_guard_call *call)
{
    kh_accounts *accounts = call->guard->options.accounts;
    const char *password = kh_guard_text(call, "password", KH_PASSWORD_BYTES_MAX);
    kh_sign_in_result result;
    kh_error err = KH_ERROR_INIT;
    bool sure;

    if (!password)
        return false;
    if (kh_sign_in_again(accounts, call->shown.session, password, kh_http_peer(call->request), &result, &err) != KH_OK) {
        kh_guard_failed(call, &err);
        return false;
    }
    sure = result.answer == KH_SIGN_IN_STEP;
    if (sure) {
        memcpy(call->shown.session, result.secret, sizeof call->shown.session);
        call->session = result.session;
        kh_cookie_set(call->request, KH_GUARD_COOKIE, result.secret, 0);
    } else if (kh_guard_recorded(call, KH_AUDIT_SIGN_IN, KH_AUDIT_REFUSED, NULL, "wrong", "password asked again: locked")) {
        kh_guard_refuse(call->guard, call->request, 401, "locked");
    }
    explicit_bzero(&result, sizeof result);
    return sure;
}

/* ---- the password ---- */

void kh_guard_password_fault(kh_guard_call *call, kh_password_fault fault, const kh_error *err)
{
    kh_guard_problem(call->request, 422, kh_password_fault_text(fault), err->message, 0);
}

static void change_password(kh_guard_call *call)
{
    bool one_time = call->session.stage == KH_SESSION_PASSWORD;
    const char *old = one_time ? "" : kh_guard_text(call, "old", KH_PASSWORD_BYTES_MAX);
    const char *becomes = old ? kh_guard_text(call, "new", KH_PASSWORD_BYTES_MAX) : NULL;
    kh_password_fault fault = KH_PASSWORD_GOOD;
    kh_session_stage stage;
    kh_error err = KH_ERROR_INIT;
    kh_status status;

    if (!becomes)
        return;
    status = kh_password_change(call->guard->options.accounts, call->session.subject.person_id, one_time ? NULL : old, becomes,
                                call->session.id, &fault, &err);
    if (status != KH_OK) {
        const char *why = status == KH_E_DENIED ? "wrong" : fault != KH_PASSWORD_GOOD ? kh_password_fault_text(fault) : "failed";

        if (!kh_guard_recorded(call, KH_AUDIT_RIGHTS, KH_AUDIT_REFUSED, NULL, why, "password"))
            return;
        if (status == KH_E_DENIED)
            kh_guard_problem(call->request, 403, "wrong", "the password so far is wrong", 0);
        else if (fault != KH_PASSWORD_GOOD)
            kh_guard_password_fault(call, fault, &err);
        else
            kh_guard_failed(call, &err);
        return;
    }
    if (kh_guard_recorded(call, KH_AUDIT_RIGHTS, KH_AUDIT_DONE, NULL, NULL, "password") && renew(call, &stage))
        kh_guard_answer_step(call, NULL, stage);
}

void kh_guard_password(kh_http_request *request, void *context)
{
    kh_guard_call_later(context, request, KH_GUARD_AT(KH_SESSION_OPEN) | KH_GUARD_AT(KH_SESSION_PASSWORD), change_password);
}

/* ---- the second factor ---- */

static void put_setup(kh_guard_call *call, const kh_second_setup *setup)
{
    kh_json_writer *json = &call->json;
    char row[178];

    kh_json_object_begin(json);
    kh_json_put_text(json, "secret", setup->secret);
    kh_json_put_text(json, "address", setup->address);
    kh_json_key(json, "qr");
    kh_json_array_begin(json);
    for (unsigned y = 0; y < setup->qr_width; y++) {
        for (unsigned x = 0; x < setup->qr_width; x++)
            row[x] = (setup->qr[(size_t)y * setup->qr_width + x] & 1) ? '1' : '0';
        row[setup->qr_width] = '\0';
        kh_json_text(json, row);
    }
    kh_json_array_end(json);
    kh_json_object_end(json);
}

static void begin_totp(kh_guard_call *call)
{
    kh_second_setup *setup;
    kh_error err = KH_ERROR_INIT;

    if (call->session.stage == KH_SESSION_OPEN && !kh_guard_sure(call))
        return;
    setup = calloc(1, sizeof *setup);
    if (!setup) {
        kh_error_set(&err, KH_E_MEMORY, "no memory for a second factor");
        kh_guard_failed(call, &err);
    } else if (kh_second_begin(call->guard->options.accounts, call->session.subject.person_id, setup, &err) != KH_OK) {
        kh_guard_failed(call, &err);
    } else if (kh_guard_recorded(call, KH_AUDIT_RIGHTS, KH_AUDIT_ALLOWED, NULL, NULL, "second factor: begun")) {
        put_setup(call, setup);
        kh_guard_answer(call);
    }
    if (setup)
        explicit_bzero(setup, sizeof *setup);
    free(setup);
}

void kh_guard_totp_begin(kh_http_request *request, void *context)
{
    kh_guard_call_later(context, request, KH_GUARD_AT(KH_SESSION_OPEN) | KH_GUARD_AT(KH_SESSION_ENROL), begin_totp);
}

static void confirm_totp(kh_guard_call *call)
{
    const char *code = kh_guard_text(call, "code", CODE_BYTES_MAX);
    char recovery[KH_RECOVERY_CODES][KH_RECOVERY_CODE_SIZE];
    kh_session_stage stage;
    kh_error err = KH_ERROR_INIT;
    kh_status status;

    if (!code)
        return;
    status = kh_second_confirm(call->guard->options.accounts, call->session.subject.person_id, code, call->session.id, recovery, &err);
    if (status != KH_OK) {
        if (!kh_guard_recorded(call, KH_AUDIT_RIGHTS, KH_AUDIT_REFUSED, NULL, "wrong_code", "second factor"))
            return;
        if (status == KH_E_DENIED)
            kh_guard_problem(call->request, 403, "wrong_code", "the code is not the new secret's", 0);
        else
            kh_guard_failed(call, &err);
        return;
    }
    if (kh_guard_recorded(call, KH_AUDIT_RIGHTS, KH_AUDIT_DONE, NULL, NULL, "second factor") && renew(call, &stage)) {
        kh_json_object_begin(&call->json);
        kh_json_put_text(&call->json, "step", kh_guard_step(stage));
        kh_json_key(&call->json, "recovery");
        kh_json_array_begin(&call->json);
        for (size_t i = 0; i < KH_RECOVERY_CODES; i++)
            kh_json_text(&call->json, recovery[i]);
        kh_json_array_end(&call->json);
        kh_json_object_end(&call->json);
        kh_guard_answer(call);
    }
    explicit_bzero(recovery, sizeof recovery);
}

void kh_guard_totp_confirm(kh_http_request *request, void *context)
{
    kh_guard_call_later(context, request, KH_GUARD_AT(KH_SESSION_OPEN) | KH_GUARD_AT(KH_SESSION_ENROL), confirm_totp);
}

/* ---- elsewhere ---- */

static void end_others(kh_guard_call *call)
{
    kh_error err = KH_ERROR_INIT;

    if (!kh_guard_recorded(call, KH_AUDIT_SIGN_OUT, KH_AUDIT_DONE, NULL, NULL, "at all other places"))
        return;
    if (kh_session_end_others(call->guard->options.accounts, call->session.subject.person_id, call->session.id, &err) != KH_OK)
        kh_guard_failed(call, &err);
    else
        kh_guard_answer_step(call, NULL, call->session.stage);
}

void kh_guard_end_others(kh_http_request *request, void *context)
{
    kh_guard_call_later(context, request, KH_GUARD_AT(KH_SESSION_OPEN), end_others);
}

static void end_one(kh_guard_call *call)
{
    const int64_t person_id = call->session.subject.person_id;
    int64_t id = 0;
    char told[64];
    kh_error err = KH_ERROR_INIT;

    if (kh_http_segment_int(call->request, "id", 1, INT64_MAX, &id, &err) != KH_OK ||
        kh_session_end_one(call->guard->options.accounts, person_id, id, &err) != KH_OK) {
        kh_guard_failed(call, &err);
        return;
    }
    snprintf(told, sizeof told, "session %lld ended", (long long)id);
    if (!kh_guard_recorded(call, KH_AUDIT_SIGN_OUT, KH_AUDIT_DONE, NULL, NULL, told))
        return;
    if (id == call->session.id)
        kh_cookie_set(call->request, KH_GUARD_COOKIE, "", -1);
    kh_guard_answer_step(call, NULL, id == call->session.id ? (kh_session_stage)0 : call->session.stage);
}

void kh_guard_end_one(kh_http_request *request, void *context)
{
    kh_guard_call_later(context, request, KH_GUARD_AT(KH_SESSION_OPEN), end_one);
}
