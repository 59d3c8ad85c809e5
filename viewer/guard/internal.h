/* internal.h - what the files of viewer/guard share. */
#ifndef KH_VIEWER_GUARD_INTERNAL_H
#define KH_VIEWER_GUARD_INTERNAL_H

#include <pthread.h>
#include "access/passwords.h"
#include "access/sessions.h"
#include "access/terminals.h"
#include "access/tokens.h"
#include "base/json.h"
#include "base/pool.h"
#include "viewer/guard/guard.h"

#define KH_GUARD_COOKIE "__Host-kakehashi"               /* the session; browsers keep it for loopback over plain HTTP, too */
#define KH_GUARD_DEVICE_COOKIE "__Host-kakehashi-device" /* this browser was here before (sign_in.h) */
#define KH_GUARD_DOOR_COOKIE "__Host-kakehashi-door"     /* before there is a session: what the CSRF token of the sign-in belongs to */
#define KH_GUARD_TOKEN_SIZE 65                           /* of a change: text */
#define KH_GUARD_DEVICE_S (365 * 86400)
#define KH_GUARD_VISITORS 4096 /* a power of two */

/* By what a session or token that was let in is asked for again, see visitors.c. */
typedef struct kh_visitor {
    int64_t id;    /* kh_subject_visitor(); 0: none */
    uint64_t turn; /* when it was last asked of; the least makes room */
    char secret[KH_TOKEN_SIZE];
} kh_visitor;

#define KH_GUARD_TERMINALS 256

/* A certificate that was looked up: of which terminal it is; terminal_id 0: of none that is good. */
typedef struct kh_guard_terminal {
    char certificate[65]; /* "" empty place */
    int64_t terminal_id, facility_id, not_after_ms;
    uint64_t epoch;
} kh_guard_terminal;

struct kh_guard {
    kh_guard_options options;
    kh_pool *pool;
    pthread_mutex_t lock;
    pthread_cond_t emptied;
    size_t on_their_way; /* lock */
    pthread_mutex_t terminals_lock;
    kh_guard_terminal terminals[KH_GUARD_TERMINALS]; /* terminals_lock */
    pthread_mutex_t visitors_lock;
    kh_visitor visitors[KH_GUARD_VISITORS]; /* visitors_lock */
    uint64_t visitors_turn;                 /* likewise */
};

/* What a request shows of who it comes from; read on the HTTP thread, before it may be suspended. */
typedef struct kh_credentials {
    char session[KH_SECRET_SIZE];  /* the cookies; "" none, or none that can be */
    char device[KH_SECRET_SIZE];
    char door[KH_SECRET_SIZE];
    char bearer[KH_TOKEN_SIZE];
    char change[KH_GUARD_TOKEN_SIZE]; /* X-Kakehashi-Token */
    char certificate[65];             /* kh_http_client_certificate(); "" none */
    bool has_bearer;                  /* an Authorization is there, whatever it is */
    bool own_page;                    /* of a change: Origin and Sec-Fetch-Site, whichever is there, are ours */
} kh_credentials;

/* credentials.c */
void kh_credentials_read(kh_credentials *out, const kh_http_request *request);
void kh_credentials_forget(kh_credentials *credentials);
/* May this change come from our page? token: the session's, or of the door. Takes the same time for every wrong one. */
bool kh_credentials_may_change(const kh_credentials *credentials, const char *token);
/* A secret of ours for the door, and the token that belongs to it. False when there is no randomness. */
bool kh_door_make(char secret[KH_SECRET_SIZE]);
void kh_door_token(char out[KH_GUARD_TOKEN_SIZE], const char *secret);
/* seconds 0: until the browser ends; below 0: it is taken away. */
void kh_cookie_set(kh_http_request *request, const char *name, const char *value, int64_t seconds);

/* visitors.c: who was let in, so that kh_guard_still() can ask again */
void kh_guard_remember(kh_guard *guard, const kh_subject *subject, const char *secret);

/* terminal.c: whose certificate is it? False: ask with may_wait on a thread that may. terminal_id 0: nobody's that is good. */
bool kh_guard_terminal_of(kh_guard *guard, const char *certificate, bool may_wait, kh_guard_terminal *out);

/* judge.c: may the subject do this? On an HTTP thread only what is known; false: ask kh_guard_judge() on another. */
bool kh_guard_judge_known(kh_guard *guard, const kh_subject *subject, const kh_guarded *about, kh_verdict *out);
KH_MUST_USE kh_status kh_guard_judge(kh_guard *guard, const kh_subject *subject, const kh_guarded *about, kh_verdict *out, kh_error *err);

/* refuse.c */
/* {"error": kind, "message": message}; wait_ms: Retry-After, rounded up. */
void kh_guard_problem(kh_http_request *request, unsigned code, const char *kind, const char *message, int64_t wait_ms);
/* Nobody is signed in, or not wholly; kind: "sign_in", "locked", "step". */
void kh_guard_refuse(kh_guard *guard, kh_http_request *request, unsigned code, const char *kind);
/* There is no such thing, says whoever asks; the record says why. */
void kh_guard_absent(kh_guard *guard, kh_http_request *request, const kh_guarded *about, const kh_verdict *verdict);

/* Requests that are with us. */
void kh_guard_count(kh_guard *guard, bool more);

/* call.c: one request of the door's own, on a thread that may wait. */
typedef struct kh_guard_call {
    kh_guard *guard;
    kh_http_request *request;
    kh_credentials shown;
    kh_session session; /* stage 0: none */
    kh_json *body;      /* an object; NULL for what asks only */
    kh_buf text;        /* of the answer */
    kh_json_writer json;
} kh_guard_call;
typedef void kh_guard_work(kh_guard_call *call);
/* Which stages of a session a call is for; a bit is 1 << stage, bit 0: without one. */
#define KH_GUARD_NOBODY 1u
#define KH_GUARD_AT(stage) (1u << (stage))
#define KH_GUARD_ANY 0x3fu
/* Looks who it is, holds a change to its token and page, reads the body, calls work, which answers once. */
void kh_guard_call_later(kh_guard *guard, kh_http_request *request, unsigned stages, kh_guard_work *work);
/* A text of the body of 1 to bytes_max bytes; NULL when it was answered that there is none. */
const char *kh_guard_text(kh_guard_call *call, const char *key, size_t bytes_max);
/* Answers 200 with what json has. */
void kh_guard_answer(kh_guard_call *call);
/* Answers what failed. */
void kh_guard_failed(kh_guard_call *call, const kh_error *err);
/* "change" and so on: what is due at this stage; "done" when it is open. */
const char *kh_guard_step(kh_session_stage stage);
/* {"step": ...} with a new cookie when renewed is not NULL. */
void kh_guard_answer_step(kh_guard_call *call, const char *renewed, kh_session_stage stage);
/* Waits until it is recorded; false: it cannot be, and was answered. reason NULL: none. */
bool kh_guard_recorded(kh_guard_call *call, kh_audit_action action, kh_audit_result result, const char *login, const char *reason,
                       const char *text);

/* session_api.c: "person": who is signed in */
void kh_guard_put_person(kh_guard_call *call);
/* account_api.c: is it the person who signed in that asks for what outlives this sign-in? An open session is locked, and the password in
 * the body opens it again under a new secret: whoever does not know it stands before a locked screen, and has tried once. False: it was
 * answered. */
bool kh_guard_sure(kh_guard_call *call);
/* Why a password is not taken */
void kh_guard_password_fault(kh_guard_call *call, kh_password_fault fault, const kh_error *err);

/* handlers; context is the guard */
kh_http_handler kh_guard_session, kh_guard_sign_in, kh_guard_second_factor, kh_guard_sign_out, kh_guard_alive, kh_guard_lock,
    kh_guard_unlock;
kh_http_handler kh_guard_account, kh_guard_password, kh_guard_totp_begin, kh_guard_totp_confirm, kh_guard_end_others, kh_guard_end_one;
kh_http_handler kh_guard_token_make, kh_guard_token_revoke, kh_guard_welcome, kh_guard_welcome_accept;

#endif
