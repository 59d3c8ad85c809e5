/* Requests of the door's own: who it is, whether the change is from our page, the body, the answer. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "viewer/guard/internal.h"

#define ANSWER_BYTES_MAX (256u << 10)
#define BODY_BYTES_MAX (64u << 10)

typedef struct task {
    kh_guard_call call;
    unsigned stages;
    kh_guard_work *work;
} task;

static bool find_session(kh_guard_call *call, kh_error *err)
{
    kh_accounts *accounts = call->guard->options.accounts;
    kh_guard_terminal here;
    kh_status status;

    if (!call->shown.session[0])
        return true;
    (void)kh_guard_terminal_of(call->guard, call->shown.certificate, true, &here);
    status = kh_session_find(accounts, call->shown.session, &call->session, err);
    if (status == KH_E_NOT_FOUND) {
        kh_error_clear(err);
        call->session = (kh_session){0};
        status = KH_OK;
    }
    if (call->session.subject.terminal_id != 0 && call->session.subject.terminal_id != here.terminal_id)
        call->session = (kh_session){0}; /* its cookie is of no use elsewhere */
    return status == KH_OK;
}

static bool is_from_us(const kh_guard_call *call)
{
    char token[KH_GUARD_TOKEN_SIZE];

    if (!kh_http_changes(call->request))
        return true;
    if (call->session.stage)
        return kh_credentials_may_change(&call->shown, call->session.token);
    kh_door_token(token, call->shown.door);
    return kh_credentials_may_change(&call->shown, token);
}

static bool read_body(kh_guard_call *call, kh_error *err)
{
    size_t size;
    const char *text = kh_http_body(call->request, &size);

    return size == 0 || kh_json_parse_object(&call->body, text, size, BODY_BYTES_MAX, err) == KH_OK;
}

static void attach_person(kh_guard_call *call)
{
    kh_subject *kept = call->session.stage ? malloc(sizeof *kept) : NULL;

    if (!kept)
        return;
    *kept = call->session.subject;
    kh_http_attach(call->request, kept, free);
}

static void answer(task *t)
{
    kh_guard_call *call = &t->call;
    kh_error err = KH_ERROR_INIT;
    unsigned stage;

    if (!find_session(call, &err)) {
        kh_http_answer_error(call->request, &err);
        return;
    }
    attach_person(call);
    stage = (unsigned)call->session.stage;
    if (!is_from_us(call)) {
        kh_guard_refuse(call->guard, call->request, 403, "forbidden");
    } else if (!(t->stages & (1u << stage))) {
        kh_guard_refuse(call->guard, call->request, 401, stage == 0 ? "sign_in" : stage == KH_SESSION_LOCKED ? "locked" : "step");
    } else if (!read_body(call, &err)) {
        kh_http_answer_error(call->request, &err);
    } else {
        kh_buf_init(&call->text, ANSWER_BYTES_MAX);
        kh_json_writer_init(&call->json, &call->text);
        t->work(call);
        kh_buf_release(&call->text);
    }
}

static void release(task *t)
{
    kh_guard *guard = t->call.guard;

    kh_json_free(t->call.body);
    explicit_bzero(t, sizeof *t);
    free(t);
    kh_guard_count(guard, false);
}

static void run(void *argument, unsigned thread_index)
{
    (void)thread_index;
    answer(argument);
    release(argument);
}

void kh_guard_call_later(kh_guard *guard, kh_http_request *request, unsigned stages, kh_guard_work *work)
{
    kh_error err = KH_ERROR_INIT;
    task *t = calloc(1, sizeof *t);

    if (!t) {
        kh_error_set(&err, KH_E_MEMORY, "no memory for a request");
        kh_http_answer_error(request, &err);
        return;
    }
    t->call.guard = guard;
    t->call.request = request;
    t->stages = stages;
    t->work = work;
    kh_credentials_read(&t->call.shown, request);
    kh_guard_count(guard, true);
    kh_http_suspend(request);
    if (kh_pool_submit(guard->pool, run, t, &err) == KH_OK)
        return;
    kh_http_answer_error(request, &err);
    release(t);
}

/* ---- for those who work ---- */

const char *kh_guard_text(kh_guard_call *call, const char *key, size_t bytes_max)
{
    const char *text = call->body ? kh_json_get_text(call->body, key) : NULL;
    char message[80];

    if (text && text[0] && strlen(text) <= bytes_max)
        return text;
    snprintf(message, sizeof message, "%s: expected a text of 1 to %zu bytes", key, bytes_max);
    kh_guard_problem(call->request, 400, "bad_request", message, 0);
    return NULL;
}

void kh_guard_answer(kh_guard_call *call)
{
    kh_error err = KH_ERROR_INIT;

    if (kh_json_writer_status(&call->json, &err) != KH_OK) {
        kh_http_answer_error(call->request, &err);
        return;
    }
    kh_http_set_header(call->request, "Cache-Control", "no-store");
    kh_http_answer(call->request, 200, "application/json; charset=utf-8", call->text.data, call->text.size);
}

void kh_guard_failed(kh_guard_call *call, const kh_error *err)
{
    kh_http_answer_error(call->request, err);
}

const char *kh_guard_step(kh_session_stage stage)
{
    switch (stage) {
    case KH_SESSION_OPEN:
        return "done";
    case KH_SESSION_CODE:
        return "second-factor";
    case KH_SESSION_ENROL:
        return "enrol";
    case KH_SESSION_PASSWORD:
        return "change";
    case KH_SESSION_LOCKED:
        return "locked";
    }
    return "password";
}

void kh_guard_answer_step(kh_guard_call *call, const char *renewed, kh_session_stage stage)
{
    if (renewed)
        kh_cookie_set(call->request, KH_GUARD_COOKIE, renewed, 0);
    kh_json_object_begin(&call->json);
    kh_json_put_text(&call->json, "step", kh_guard_step(stage));
    kh_json_object_end(&call->json);
    kh_guard_answer(call);
}

bool kh_guard_recorded(kh_guard_call *call, kh_audit_action action, kh_audit_result result, const char *login, const char *reason,
                       const char *text)
{
    kh_error err = KH_ERROR_INIT;
    const kh_record_account what = {
        .action = action,
        .result = result,
        .person = call->session.stage ? &call->session.subject : NULL,
        .login = login,
        .peer = kh_http_peer(call->request),
        .reason = reason,
        .text = text,
    };

    if (kh_record_of_account(call->guard->options.recorder, &what, &err) == KH_OK)
        return true;
    kh_guard_failed(call, &err);
    return false;
}
