/* sessions.h - who is signed in. A session is named by a secret of 256 bits of which only a hash is kept (S4); it gets a new one at
 * sign-in, at the second factor, at a changed password and when it is unlocked. It is locked after [access] idle without human input, ends
 * after [access] session whatever happens, and at once with sign-out, suspension, a changed password or right.
 * A session that was looked up is known until the epoch moves: one look into a table.
 * Threads: any; kh_session_known() and kh_session_human() wait for nothing. */
#ifndef KH_ACCESS_SESSIONS_H
#define KH_ACCESS_SESSIONS_H

#include "access/accounts.h"
#include "access/subject.h"

/* Stored as these numbers. What a session may do; only an open one sees anything. */
typedef enum kh_session_stage {
    KH_SESSION_OPEN = 1,
    KH_SESSION_CODE = 2,     /* the second factor's code is due */
    KH_SESSION_ENROL = 3,    /* a second factor has to be set up */
    KH_SESSION_PASSWORD = 4, /* the one-time password has to be changed */
    KH_SESSION_LOCKED = 5    /* idle: the password opens it again, kh_sign_in_unlock() */
} kh_session_stage;

typedef struct kh_session {
    int64_t id;
    kh_session_stage stage;
    kh_subject subject;
    char person[193];             /* name, to be shown */
    char token[KH_SECRET_SIZE];   /* for changes, X-Kakehashi-Token; follows from the secret */
    int64_t started_ms, ends_ms;  /* wall clock */
    int64_t idle_left_ms;         /* until it is locked; 0 when it is */
    int days_left;                /* of the password, when it is time to warn; -1 */
} kh_session;

/* secret: the cookie's, whatever it is. True with *out when it is known and still one; else ask kh_session_find() on a worker. */
bool kh_session_known(kh_accounts *accounts, const char *secret, kh_session *out);
/* KH_E_NOT_FOUND when it is none, ended, or its person, facility or network is stopped (the office goes on while the network is). */
KH_MUST_USE kh_status kh_session_find(kh_accounts *accounts, const char *secret, kh_session *out, kh_error *err);
/* Somebody moved: puts the lock off. Only for what a person does (keys, pointer), never for what a page does by itself. Not for a
 * session that is locked. */
void kh_session_human(kh_accounts *accounts, const char *secret);
/* Locks it now: the lock of the screen. */
KH_MUST_USE kh_status kh_session_lock(kh_accounts *accounts, const char *secret, kh_error *err);
/* A new secret for a session that goes on (after kh_password_change(), kh_second_confirm()), at the stage that is due now; the old one is
 * no longer good. */
KH_MUST_USE kh_status kh_session_renew(kh_accounts *accounts, const char *secret, char renewed[KH_SECRET_SIZE], kh_session *out,
                                       kh_error *err);
/* Sign-out. Ending what has ended is fine. */
KH_MUST_USE kh_status kh_session_end(kh_accounts *accounts, const char *secret, kh_error *err);
/* All of a person but one (0: all). */
KH_MUST_USE kh_status kh_session_end_others(kh_accounts *accounts, int64_t person_id, int64_t keep_session_id, kh_error *err);

/* One of a person. KH_E_NOT_FOUND when it is none of theirs that is open. */
KH_MUST_USE kh_status kh_session_end_one(kh_accounts *accounts, int64_t person_id, int64_t session_id, kh_error *err);

typedef struct kh_session_row {
    int64_t id, started_ms, seen_ms, terminal_id;
    char address[65];
    char terminal[65]; /* name of the one with a certificate; "" */
} kh_session_row;
typedef kh_status kh_session_visit(void *context, const kh_session_row *row);
/* The open ones of a person, for the page of the account. */
KH_MUST_USE kh_status kh_session_list(kh_accounts *accounts, int64_t person_id, kh_session_visit *visit, void *context, kh_error *err);

#endif
