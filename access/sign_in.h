/* sign_in.h - from login, password and code to a session. The answer to a login nobody has, to a wrong password and to an account that is
 * not good is one and costs the same (S6). Failed tries make the next ones wait: 1·2^n s from the 5th on, 15 minutes at most, for the
 * account, the address and everybody together, never for good; a right password from a terminal that was there before does not wait for the
 * tries of others (S7). Counted in the database: a restart forgets nothing.
 * Threads: any that may wait. */
#ifndef KH_ACCESS_SIGN_IN_H
#define KH_ACCESS_SIGN_IN_H

#include "access/sessions.h"

typedef struct kh_sign_in_request {
    const char *login, *password;
    const char *address;  /* numeric */
    bool loopback;        /* the address is: a password alone is enough there, if settings demand no more */
    int64_t terminal_id;  /* of the certificate that was shown; 0: none */
    const char *device;   /* the cookie that a sign-in before gave to this browser; NULL: none */
} kh_sign_in_request;

typedef enum kh_sign_in_answer {
    KH_SIGN_IN_STEP,      /* a session, at session.stage: open, or something is due */
    KH_SIGN_IN_REFUSED,   /* whatever the reason: one text */
    KH_SIGN_IN_WAIT,      /* wait_ms, then again */
    KH_SIGN_IN_EXPIRED,   /* the password is right and too old: the office issues another (KN-13, KN-14) */
    KH_SIGN_IN_STOPPED,   /* the password is right; person, facility or network is suspended, or not yet admitted; or the terminal is not the facility's */
    KH_SIGN_IN_ELSEWHERE  /* the password is right; signed in at another terminal, and the network allows one (KN-4) */
} kh_sign_in_answer;

typedef struct kh_sign_in_result {
    kh_sign_in_answer answer;
    int64_t wait_ms;
    char secret[KH_SECRET_SIZE]; /* for the session's cookie */
    char device[KH_SECRET_SIZE]; /* for the device's cookie, for a year; "": leave it */
    kh_session session;
    int64_t person_id;           /* whom it was about, for the record; 0: nobody's login */
    bool elsewhere;              /* another session is open, at another terminal */
} kh_sign_in_result;

KH_MUST_USE kh_status kh_sign_in(kh_accounts *accounts, const kh_sign_in_request *request, kh_sign_in_result *out, kh_error *err);
/* The code, or a recovery code, of a session at KH_SESSION_CODE. A wrong one counts as a failed try. */
KH_MUST_USE kh_status kh_sign_in_code(kh_accounts *accounts, const char *secret, const char *code, const char *address,
                                      kh_sign_in_result *out, kh_error *err);
/* The password of a session that is locked; the session goes on under a new secret. */
KH_MUST_USE kh_status kh_sign_in_unlock(kh_accounts *accounts, const char *secret, const char *password, const char *address,
                                        kh_sign_in_result *out, kh_error *err);
/* The password of a session that is open, asked again before what outlives it; the session goes on under a new secret. A wrong one locks
 * it: the answer is not KH_SIGN_IN_STEP. */
KH_MUST_USE kh_status kh_sign_in_again(kh_accounts *accounts, const char *secret, const char *password, const char *address,
                                       kh_sign_in_result *out, kh_error *err);
/* The office: tries that failed are forgotten for this account. */
KH_MUST_USE kh_status kh_sign_in_forgive(kh_access *access, const char *login, kh_error *err);

#endif
