/* /api/session: who is signed in, signing in and out, the lock of the screen. docs/http-api.md. */
#include <string.h>
#include "access/facilities.h"
#include "access/passwords.h"
#include "access/second_factor.h"
#include "access/sign_in.h"
#include "base/clock.h"
#include "viewer/guard/internal.h"

#define LOGIN_BYTES_MAX 64
#define CODE_BYTES_MAX 32

/* ---- who ---- */

static void put_facility(kh_guard_call *call, const kh_subject *subject)
{
    kh_error err = KH_ERROR_INIT;
    kh_facility facility;

    kh_json_key(&call->json, "facility");
    kh_json_object_begin(&call->json);
    kh_json_put_text(&call->json, "code", subject->facility);
    if (kh_facility_by_id(kh_accounts_access(call->guard->options.accounts), subject->facility_id, &facility, &err) == KH_OK)
        kh_json_put_text(&call->json, "name", facility.name);
    else
        kh_json_put_text(&call->json, "name", subject->facility);
    kh_json_object_end(&call->json);
}

void kh_guard_put_person(kh_guard_call *call)
{
    const kh_session *session = &call->session;

    kh_json_key(&call->json, "person");
    kh_json_object_begin(&call->json);
    kh_json_put_text(&call->json, "login", session->subject.name);
    kh_json_put_text(&call->json, "name", session->person);
    kh_json_put_text(&call->json, "role", kh_role_text(session->subject.role));
    put_facility(call, &session->subject);
    kh_json_object_end(&call->json);
}

static void put_times(kh_guard_call *call)
{
    int64_t left_ms = call->session.ends_ms - kh_clock_wall_ms();

    kh_json_put_int(&call->json, "locks_in_s", call->session.idle_left_ms / 1000);
    kh_json_put_int(&call->json, "ends_in_s", left_ms > 0 ? left_ms / 1000 : 0);
}

/* A browser that comes without anything is given what its sign-in is tied to. */
static void put_door(kh_guard_call *call)
{
    char secret[KH_SECRET_SIZE], token[KH_GUARD_TOKEN_SIZE];

    memcpy(secret, call->shown.door, sizeof secret);
    if (!secret[0] && kh_door_make(secret))
        kh_cookie_set(call->request, KH_GUARD_DOOR_COOKIE, secret, 0);
    kh_door_token(token, secret);
    kh_json_put_text(&call->json, "token", token);
}

static void answer_who(kh_guard_call *call)
{
    const kh_accounts_options *settings = kh_accounts_settings(call->guard->options.accounts);
    const kh_session *session = &call->session;
    bool is_in = session->stage == KH_SESSION_OPEN || session->stage == KH_SESSION_LOCKED;

    kh_json_object_begin(&call->json);
    kh_json_put_bool(&call->json, "accounts", true);
    kh_json_put_bool(&call->json, "signed_in", is_in);
    kh_json_put_int(&call->json, "password_min", settings->length_min);
    if (session->stage == 0) {
        if (call->shown.session[0])
            kh_cookie_set(call->request, KH_GUARD_COOKIE, "", -1);
        put_door(call);
    } else {
        kh_json_put_text(&call->json, "token", session->token);
        if (!is_in)
            kh_json_put_text(&call->json, "step", kh_guard_step(session->stage));
    }
    if (is_in) {
        kh_json_put_bool(&call->json, "locked", session->stage == KH_SESSION_LOCKED);
        kh_guard_put_person(call);
        kh_json_put_int(&call->json, "idle_s", settings->idle_ms / 1000);
        put_times(call);
        kh_json_key(&call->json, "password_days_left");
        if (session->days_left < 0)
            kh_json_null(&call->json);
        else
            kh_json_int(&call->json, session->days_left);
    }
    kh_json_object_end(&call->json);
    kh_guard_answer(call);
}

void kh_guard_session(kh_http_request *request, void *context)
{
    kh_guard_call_later(context, request, KH_GUARD_ANY, answer_who);
}

/* ---- in ---- */

static bool is_loopback(const char *address)
{
    return strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0 || strncmp(address, "::ffff:127.", 11) == 0;
}

static void refuse(kh_guard_call *call, const kh_sign_in_result *result, const char *login, const char *step, const char *wrong)
{
    static const struct {
        kh_sign_in_answer answer;
        unsigned code;
        const char *kind, *message;
    } answers[] = {
        {KH_SIGN_IN_WAIT, 429, "wait", "too many tries; see Retry-After"},
        {KH_SIGN_IN_EXPIRED, 403, "expired", "the password has run out; the office issues another"},
        {KH_SIGN_IN_STOPPED, 403, "stopped", "this account may not be used now"},
        {KH_SIGN_IN_ELSEWHERE, 409, "elsewhere", "signed in at another terminal"},
    };
    unsigned code = 403;
    const char *kind = wrong, *message = "not right";

    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++)
        if (answers[i].answer == result->answer) {
            code = answers[i].code;
            kind = answers[i].kind;
            message = answers[i].message;
        }
    if (kh_guard_recorded(call, KH_AUDIT_SIGN_IN, KH_AUDIT_REFUSED, login, kind, step))
        kh_guard_problem(call->request, code, kind, message, result->answer == KH_SIGN_IN_WAIT ? result->wait_ms : 0);
}

/* What a step of the sign-in came to; the session has a new secret. */
static void go_on(kh_guard_call *call, const kh_sign_in_result *result, const char *login, const char *step, const char *wrong)
{
    if (result->answer != KH_SIGN_IN_STEP) {
        refuse(call, result, login, step, wrong);
        return;
    }
    call->session = result->session;
    if (!kh_guard_recorded(call, KH_AUDIT_SIGN_IN, KH_AUDIT_DONE, login, result->elsewhere ? "also at another terminal" : NULL, step))
        return;
    if (result->device[0])
        kh_cookie_set(call->request, KH_GUARD_DEVICE_COOKIE, result->device, KH_GUARD_DEVICE_S);
    kh_guard_answer_step(call, result->secret, result->session.stage);
}

static void sign_in(kh_guard_call *call)
{
    kh_accounts *accounts = call->guard->options.accounts;
    const char *peer = kh_http_peer(call->request);
    const char *login = kh_guard_text(call, "login", LOGIN_BYTES_MAX);
    const char *password = login ? kh_guard_text(call, "password", KH_PASSWORD_BYTES_MAX) : NULL;
    kh_sign_in_request asked = {.login = login, .password = password, .address = peer, .loopback = is_loopback(peer),
                                .device = call->shown.device[0] ? call->shown.device : NULL};
    bool certificate = kh_accounts_settings(accounts)->certificate && !asked.loopback;
    kh_guard_terminal here;
    kh_sign_in_result result = {.answer = KH_SIGN_IN_REFUSED};
    kh_error err = KH_ERROR_INIT;

    if (!password)
        return;
    (void)kh_guard_terminal_of(call->guard, call->shown.certificate, true, &here);
    asked.terminal_id = here.terminal_id;
    if (certificate && here.terminal_id == 0) { /* whatever the password is */
        refuse(call, &result, login, "password", "certificate");
    } else if (kh_sign_in(accounts, &asked, &result, &err) != KH_OK) {
        kh_guard_failed(call, &err);
    } else if (result.answer == KH_SIGN_IN_STEP && certificate && here.facility_id != result.session.subject.facility_id) {
        (void)!kh_session_end(accounts, result.secret, NULL); /* a terminal of another facility */
        result.answer = KH_SIGN_IN_REFUSED;
        refuse(call, &result, login, "password", "certificate");
    } else {
        if (here.terminal_id != 0)
            (void)!kh_terminal_seen(kh_accounts_access(accounts), here.terminal_id, NULL);
        if (result.answer == KH_SIGN_IN_STEP && call->session.stage) /* nobody goes on under another's */
            (void)!kh_session_end(accounts, call->shown.session, NULL);
        call->session = (kh_session){0};
        go_on(call, &result, login, "password", "wrong");
    }
    explicit_bzero(&result, sizeof result);
}

void kh_guard_sign_in(kh_http_request *request, void *context)
{
    kh_guard_call_later(context, request, KH_GUARD_ANY, sign_in);
}

static void second_factor(kh_guard_call *call)
{
    const char *code = kh_guard_text(call, "code", CODE_BYTES_MAX);
    kh_sign_in_result result;
    kh_error err = KH_ERROR_INIT;

    if (!code)
        return;
    if (kh_sign_in_code(call->guard->options.accounts, call->shown.session, code, kh_http_peer(call->request), &result, &err) != KH_OK)
        kh_guard_failed(call, &err);
    else
        go_on(call, &result, NULL, "second factor", "wrong_code");
    explicit_bzero(&result, sizeof result);
}

void kh_guard_second_factor(kh_http_request *request, void *context)
{
    kh_guard_call_later(context, request, KH_GUARD_AT(KH_SESSION_CODE), second_factor);
}

/* ---- out, and the lock ---- */

static void sign_out(kh_guard_call *call)
{
    kh_error err = KH_ERROR_INIT;

    if (!kh_guard_recorded(call, KH_AUDIT_SIGN_OUT, KH_AUDIT_DONE, NULL, NULL, NULL))
        return;
    if (kh_session_end(call->guard->options.accounts, call->shown.session, &err) != KH_OK) {
        kh_guard_failed(call, &err);
        return;
    }
    kh_cookie_set(call->request, KH_GUARD_COOKIE, "", -1);
    kh_http_set_header(call->request, "Clear-Site-Data", "\"cache\"");
    kh_guard_answer_step(call, NULL, (kh_session_stage)0);
}

void kh_guard_sign_out(kh_http_request *request, void *context)
{
    kh_guard_call_later(context, request, KH_GUARD_ANY & ~KH_GUARD_NOBODY, sign_out);
}

static void alive(kh_guard_call *call)
{
    kh_accounts *accounts = call->guard->options.accounts;
    kh_session now;

    kh_session_human(accounts, call->shown.session);
    if (kh_session_known(accounts, call->shown.session, &now))
        call->session = now;
    kh_json_object_begin(&call->json);
    put_times(call);
    kh_json_object_end(&call->json);
    kh_guard_answer(call);
}

void kh_guard_alive(kh_http_request *request, void *context)
{
    kh_guard_call_later(context, request, KH_GUARD_AT(KH_SESSION_OPEN), alive);
}

static void lock(kh_guard_call *call)
{
    kh_error err = KH_ERROR_INIT;

    if (call->session.stage == KH_SESSION_LOCKED) {
        kh_guard_answer_step(call, NULL, KH_SESSION_LOCKED);
        return;
    }
    if (!kh_guard_recorded(call, KH_AUDIT_SIGN_OUT, KH_AUDIT_DONE, NULL, NULL, "locked"))
        return;
    if (kh_session_lock(call->guard->options.accounts, call->shown.session, &err) != KH_OK)
        kh_guard_failed(call, &err);
    else
        kh_guard_answer_step(call, NULL, KH_SESSION_LOCKED);
}

void kh_guard_lock(kh_http_request *request, void *context)
{
    kh_guard_call_later(context, request, KH_GUARD_AT(KH_SESSION_OPEN) | KH_GUARD_AT(KH_SESSION_LOCKED), lock);
}

static void unlock(kh_guard_call *call)
{
    const char *password = kh_guard_text(call, "password", KH_PASSWORD_BYTES_MAX);
    kh_sign_in_result result;
    kh_error err = KH_ERROR_INIT;

    if (!password)
        return;
    if (kh_sign_in_unlock(call->guard->options.accounts, call->shown.session, password, kh_http_peer(call->request), &result, &err) !=
        KH_OK)
        kh_guard_failed(call, &err);
    else
        go_on(call, &result, NULL, "unlocked", "wrong");
    explicit_bzero(&result, sizeof result);
}

void kh_guard_unlock(kh_http_request *request, void *context)
{
    kh_guard_call_later(context, request, KH_GUARD_AT(KH_SESSION_LOCKED), unlock);
}
