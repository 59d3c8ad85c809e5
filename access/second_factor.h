/* second_factor.h - one-time codes by RFC 6238 (S8): 6 digits, 30 s, SHA-1 as every authenticator has it; each step is good once, the one
 * before and the one after as well. Ten recovery codes, hashed. Secrets lie encrypted. Threads: any. */
#ifndef KH_ACCESS_SECOND_FACTOR_H
#define KH_ACCESS_SECOND_FACTOR_H

#include "access/accounts.h"

#define KH_RECOVERY_CODES 10
#define KH_RECOVERY_CODE_SIZE 12 /* "xxxxx-xxxxx" */
#define KH_SECOND_SECRET_SIZE 33 /* base32 of 160 bits */

/* What the person's authenticator is given: as text, as an address, and that as a picture. */
typedef struct kh_second_setup {
    char secret[KH_SECOND_SECRET_SIZE];
    char address[512];      /* otpauth://totp/... */
    unsigned qr_width;      /* modules a side, without the quiet zone of 4 */
    uint8_t qr[177 * 177];  /* row by row, 1 is dark */
} kh_second_setup;

/* A new secret that counts only once it is confirmed; until then the one before is good. */
KH_MUST_USE kh_status kh_second_begin(kh_accounts *accounts, int64_t person_id, kh_second_setup *out, kh_error *err);
/* KH_E_DENIED when the code is not the new secret's. The codes are shown once. Ends the person's other sessions. */
KH_MUST_USE kh_status kh_second_confirm(kh_accounts *accounts, int64_t person_id, const char *code, int64_t keep_session_id,
                                        char recovery[KH_RECOVERY_CODES][KH_RECOVERY_CODE_SIZE], kh_error *err);
/* By the office (a second person, S8): the person sets it up anew at the next sign-in. Ends all sessions. */
KH_MUST_USE kh_status kh_second_reset(kh_accounts *accounts, const char *login, const char *by, kh_error *err);

typedef struct kh_second_state {
    bool there;
    int recovery_left;
    int64_t confirmed_ms;
} kh_second_state;
KH_MUST_USE kh_status kh_second_state_of(kh_accounts *accounts, int64_t person_id, kh_second_state *out, kh_error *err);

#endif
