/* passwords.h - what a password must be, and changing it. Hashed by Argon2id (64 MiB, 2 passes), at most two at a time in one process, and
 * a few that wait for it: KH_E_BUSY beyond (S6, S12). A password is taken unmodified, 1 to 128 characters of UTF-8.
 * Threads: any that may wait: a hashing takes a tenth of a second. */
#ifndef KH_ACCESS_PASSWORDS_H
#define KH_ACCESS_PASSWORDS_H

#include "access/accounts.h"

#define KH_PASSWORD_CHARACTERS_MAX 128
#define KH_PASSWORD_BYTES_MAX 512
#define KH_PASSWORD_ONE_TIME_SIZE 20 /* "xxxx-xxxx-xxxx-xxxx" */

/* Why a password is not taken; every language of the screens has its words for them. */
typedef enum kh_password_fault {
    KH_PASSWORD_GOOD, KH_PASSWORD_TEXT /* not UTF-8, or control characters */, KH_PASSWORD_SHORT, KH_PASSWORD_LONG,
    KH_PASSWORD_COMMON /* stands in the list */, KH_PASSWORD_CONTEXT /* made of login, name, facility or our name */,
    KH_PASSWORD_PREVIOUS /* the same as before (KN-13) */
} kh_password_fault;
const char *kh_password_fault_text(kh_password_fault fault); /* "short" */

/* The person's own: current is asked for again; without it (NULL) only with a session that stands at the one-time password, or an
 * invitation, which the caller has checked. KH_E_DENIED when current is wrong (it counts as a failed try), KH_E_ARG with *fault set when
 * the new one is not taken. All sessions of the person but keep_session_id end; that one goes on under a new secret: see
 * kh_session_renew(). */
KH_MUST_USE kh_status kh_password_change(kh_accounts *accounts, int64_t person_id, const char *current, const char *becomes,
                                         int64_t keep_session_id, kh_password_fault *fault, kh_error *err);
/* By the office, after it has made sure who asks (KN-14): a password that is good once, for a day, and must be changed then. Ends all
 * sessions. */
KH_MUST_USE kh_status kh_password_reissue(kh_accounts *accounts, const char *login, char one_time[KH_PASSWORD_ONE_TIME_SIZE],
                                          kh_error *err);

typedef struct kh_password_state {
    bool there, one_time, expired;
    int64_t changed_ms, expires_ms; /* wall clock; INT64_MAX: it does not expire */
    int days_left;                  /* when it is time to warn (KN-13: from 14 days before); -1: it is not */
} kh_password_state;
KH_MUST_USE kh_status kh_password_state_of(kh_accounts *accounts, int64_t person_id, kh_password_state *out, kh_error *err);

#endif
