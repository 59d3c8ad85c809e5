/* attempts.h - failed tries and how long they make the next one wait (S7). A try is counted before it is looked at, so that many at once
 * count as many, and taken back when it was right. Inside this room. Threads: any that may wait. */
#ifndef KH_ACCESS_ATTEMPTS_H
#define KH_ACCESS_ATTEMPTS_H

#include "access/internal.h"

#define KH_ATTEMPT_CAP_MS 900000
#define KH_ATTEMPT_KEYS 3

typedef struct kh_attempt {
    char keys[KH_ATTEMPT_KEYS][100];
    int count;
    int64_t wait_ms; /* not looked at: so long is to be waited */
} kh_attempt;

/* account: the person, else (0) the login nobody has. device: what is kept of a known terminal's secret, NULL: none; its tries are its
 * own. */
void kh_attempt_init(kh_attempt *out, int64_t person_id, const char *login, const char *address, const uint8_t *device);
/* Tries of who is past the password: others who guess do not make him wait, and a right password does not forget them. */
typedef enum kh_attempt_kind {
    KH_ATTEMPT_CODE = 'c',   /* of a person: codes of the second factor */
    KH_ATTEMPT_CHANGE = 'p', /* of a person: the password that is to be changed */
    KH_ATTEMPT_UNLOCK = 'u'  /* of a session */
} kh_attempt_kind;
void kh_attempt_init_inside(kh_attempt *out, kh_attempt_kind kind, int64_t id);
/* Counts it, or sets wait_ms. */
KH_MUST_USE kh_status kh_attempt_begin(kh_access *access, kh_attempt *attempt, kh_error *err);
/* It was right, or was not looked at. In a change of the caller's. */
KH_MUST_USE kh_status kh_attempt_take_back(kh_sql *sql, const kh_attempt *attempt, bool right, kh_error *err);

#endif
