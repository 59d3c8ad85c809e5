#include "viewer/guard/guard.h"

#include <stdlib.h>
#include <string.h>
#include "viewer/guard/internal.h"

#define THREADS 4

kh_status kh_guard_create(kh_guard **out, const kh_guard_options *options, kh_error *err)
{
    kh_guard *guard = calloc(1, sizeof *guard);
    kh_status status;

    *out = NULL;
    if (!guard)
        return kh_error_set(err, KH_E_MEMORY, "no memory for the door");
    guard->options = *options;
    pthread_mutex_init(&guard->lock, NULL);
    pthread_mutex_init(&guard->terminals_lock, NULL);
    pthread_mutex_init(&guard->visitors_lock, NULL);
    pthread_cond_init(&guard->emptied, NULL);
    status = kh_pool_create(&guard->pool, "guard", THREADS, options->queue_max, err);
    if (status != KH_OK) {
        kh_guard_free(guard);
        return status;
    }
    *out = guard;
    return KH_OK;
}

void kh_guard_drain(kh_guard *guard)
{
    if (!guard)
        return;
    pthread_mutex_lock(&guard->lock);
    while (guard->on_their_way > 0)
        pthread_cond_wait(&guard->emptied, &guard->lock);
    pthread_mutex_unlock(&guard->lock);
}

void kh_guard_free(kh_guard *guard)
{
    if (!guard)
        return;
    kh_guard_drain(guard);
    kh_pool_stop(guard->pool);
    pthread_cond_destroy(&guard->emptied);
    pthread_mutex_destroy(&guard->lock);
    pthread_mutex_destroy(&guard->terminals_lock);
    pthread_mutex_destroy(&guard->visitors_lock);
    explicit_bzero(guard->visitors, sizeof guard->visitors);
    free(guard);
}

void kh_guard_count(kh_guard *guard, bool more)
{
    pthread_mutex_lock(&guard->lock);
    guard->on_their_way += more ? 1 : (size_t)-1;
    if (guard->on_their_way == 0)
        pthread_cond_broadcast(&guard->emptied);
    pthread_mutex_unlock(&guard->lock);
}

/* ---- the way of a request ---- */

typedef struct passing {
    kh_guard *guard;
    kh_http_request *request;
    kh_credentials shown;
    kh_guarded about;
    bool page; /* about nothing, for whoever is signed in */
    kh_http_handler *handler;
    void *context;
} passing;

typedef enum way { WAY_ON, WAY_LATER, WAY_ANSWERED } way;

static way failed(passing *p, const kh_error *err)
{
    kh_http_answer_error(p->request, err);
    return WAY_ANSWERED;
}

static way refuse(passing *p, unsigned code, const char *kind)
{
    kh_guard_refuse(p->guard, p->request, code, kind);
    return WAY_ANSWERED;
}

/* A terminal with a certificate is its facility's: a token of somebody of another is of no use there. */
static way at_own_terminal(passing *p, bool may_wait, kh_subject *subject)
{
    kh_guard_terminal here;

    if (!kh_guard_terminal_of(p->guard, p->shown.certificate, may_wait, &here))
        return WAY_LATER;
    subject->terminal_id = here.terminal_id;
    return here.terminal_id == 0 || here.facility_id == subject->facility_id ? WAY_ON : refuse(p, 401, "sign_in");
}

static way by_bearer(passing *p, bool may_wait, kh_subject *out)
{
    kh_error err = KH_ERROR_INIT;
    kh_status status = KH_OK;

    if (!p->shown.bearer[0])
        return refuse(p, 401, "sign_in");
    if (!kh_token_known(p->guard->options.accounts, p->shown.bearer, out)) {
        if (!may_wait)
            return WAY_LATER;
        status = kh_token_find(p->guard->options.accounts, p->shown.bearer, out, &err);
    }
    if (status == KH_E_NOT_FOUND)
        return refuse(p, 401, "sign_in");
    return status == KH_OK ? at_own_terminal(p, may_wait, out) : failed(p, &err);
}

/* A session that began at a terminal with a certificate goes on there only: its cookie is of no use elsewhere. */
static way sits_there(passing *p, bool may_wait, int64_t terminal_id)
{
    kh_guard_terminal here;

    if (terminal_id == 0)
        return WAY_ON;
    if (!kh_guard_terminal_of(p->guard, p->shown.certificate, may_wait, &here))
        return WAY_LATER;
    return here.terminal_id == terminal_id ? WAY_ON : refuse(p, 401, "sign_in");
}

static way by_session(passing *p, bool may_wait, kh_subject *out)
{
    kh_error err = KH_ERROR_INIT;
    kh_session session;
    kh_status status = KH_OK;

    if (!p->shown.session[0])
        return refuse(p, 401, "sign_in");
    if (!kh_session_known(p->guard->options.accounts, p->shown.session, &session)) {
        if (!may_wait)
            return WAY_LATER;
        status = kh_session_find(p->guard->options.accounts, p->shown.session, &session, &err);
    }
    if (status == KH_E_NOT_FOUND)
        return refuse(p, 401, "sign_in");
    if (status != KH_OK)
        return failed(p, &err);
    *out = session.subject;
    switch (sits_there(p, may_wait, session.subject.terminal_id)) {
    case WAY_ON:
        break;
    case WAY_LATER:
        return WAY_LATER;
    case WAY_ANSWERED:
        return WAY_ANSWERED;
    }
    if (kh_http_changes(p->request) && !kh_credentials_may_change(&p->shown, session.token))
        return refuse(p, 403, "forbidden");
    if (session.stage == KH_SESSION_OPEN || (p->page && session.stage == KH_SESSION_LOCKED))
        return WAY_ON;
    return refuse(p, 401, session.stage == KH_SESSION_LOCKED ? "locked" : "step");
}

static way judge_one(passing *p, bool may_wait, const kh_subject *subject, const kh_guarded *about)
{
    kh_error err = KH_ERROR_INIT;
    kh_verdict verdict;

    if (!kh_guard_judge_known(p->guard, subject, about, &verdict)) {
        if (!may_wait)
            return WAY_LATER;
        if (kh_guard_judge(p->guard, subject, about, &verdict, &err) != KH_OK)
            return failed(p, &err);
    }
    if (verdict.allowed)
        return WAY_ON;
    if (!may_wait) /* its record reads the index */
        return WAY_LATER;
    kh_guard_absent(p->guard, p->request, about, &verdict);
    return WAY_ANSWERED;
}

static way judge(passing *p, bool may_wait, const kh_subject *subject)
{
    kh_guarded also = p->about;
    way next = p->page ? WAY_ON : judge_one(p, may_wait, subject, &p->about);

    also.series_id = also.also_series_id;
    return next == WAY_ON && !p->page && also.series_id > 0 ? judge_one(p, may_wait, subject, &also) : next;
}

static way pass(passing *p, bool may_wait)
{
    kh_error err = KH_ERROR_INIT;
    kh_subject subject, *kept;
    way next = p->shown.has_bearer ? by_bearer(p, may_wait, &subject) : by_session(p, may_wait, &subject);

    if (next != WAY_ON)
        return next;
    kept = malloc(sizeof *kept);
    if (!kept) {
        kh_error_set(&err, KH_E_MEMORY, "no memory for a request");
        return failed(p, &err);
    }
    *kept = subject;
    kh_http_attach(p->request, kept, free);
    kh_guard_remember(p->guard, kept, p->shown.has_bearer ? p->shown.bearer : p->shown.session);
    return judge(p, may_wait, kept);
}

static void pass_later(void *argument, unsigned thread_index)
{
    passing *p = argument;
    kh_guard *guard = p->guard;

    (void)thread_index;
    if (pass(p, true) == WAY_ON)
        p->handler(p->request, p->context);
    kh_credentials_forget(&p->shown);
    free(p);
    kh_guard_count(guard, false);
}

static void wait_for(const passing *now)
{
    kh_guard *guard = now->guard;
    kh_http_request *request = now->request;
    kh_error err = KH_ERROR_INIT;
    passing *p = malloc(sizeof *p);

    if (!p) {
        kh_error_set(&err, KH_E_MEMORY, "no memory for a request");
        kh_http_answer_error(request, &err);
        return;
    }
    *p = *now;
    kh_guard_count(guard, true);
    kh_http_suspend(request);
    if (kh_pool_submit(guard->pool, pass_later, p, &err) == KH_OK)
        return;
    free(p);
    kh_http_answer_error(request, &err);
    kh_guard_count(guard, false);
}

static void begin(passing *p)
{
    way next;

    kh_credentials_read(&p->shown, p->request);
    /* One whose body is received cannot be suspended before its handler: a few indexed reads, once for each epoch of its sender. */
    next = pass(p, p->about.at_once || kh_http_is_receiving(p->request) || kh_http_is_suspended(p->request));
    if (next == WAY_ON)
        p->handler(p->request, p->context);
    else if (next == WAY_LATER)
        wait_for(p);
    kh_credentials_forget(&p->shown);
}

void kh_guard_then(kh_guard *guard, kh_http_request *request, const kh_guarded *about, kh_http_handler *handler, void *context)
{
    passing p = {.guard = guard, .request = request, .about = *about, .handler = handler, .context = context};

    if (guard)
        begin(&p);
    else
        handler(request, context);
}

void kh_guard_page_then(kh_guard *guard, kh_http_request *request, kh_http_handler *handler, void *context)
{
    passing p = {.guard = guard, .request = request, .page = true, .handler = handler, .context = context};

    if (guard)
        begin(&p);
    else
        handler(request, context);
}

const kh_subject *kh_guard_subject(const kh_http_request *request)
{
    return kh_http_attached(request);
}
