/* accounts_internal.h - what the files of sign-in share. Inside this room. */
#ifndef KH_ACCESS_ACCOUNTS_INTERNAL_H
#define KH_ACCESS_ACCOUNTS_INTERNAL_H

#include <pthread.h>
#include "access/admission.h"
#include "access/hashing.h"
#include "access/passwords.h"
#include "access/seats.h"
#include "access/words.h"

struct kh_accounts {
    kh_access *access;
    kh_accounts_options options; /* its texts are owned */
    char *list, *network;
    kh_words *words;
    kh_hashing *hashing;
    kh_seats *seats;
    uint8_t key[KH_KEY_SIZE];
    pthread_mutex_t lock; /* guards stop */
    pthread_cond_t stopping;
    bool running, stop;
    pthread_t thread;     /* writes down who was seen */
};

/* Is a second factor demanded of who comes from there? A password alone is enough on loopback only. */
bool kh_second_demanded(const kh_accounts *accounts, const char *address, int64_t terminal_id);
bool kh_address_loopback(const char *address);
/* At what stage a session begins or goes on when its password, and its code if one was due, were right. */
kh_session_stage kh_session_stage_due(const kh_accounts *accounts, const kh_admission *admission, const char *address, int64_t terminal_id);

/* In changes. Ends what is open of a person but one (0: all). */
KH_MUST_USE kh_status kh_sessions_end_of(kh_access *access, kh_sql *sql, int64_t person_id, int64_t keep_session_id, kh_error *err);
/* Before one opens at that terminal: with a policy of one terminal all others of the person end, else those of the same terminal.
 * keep_session_id: the one that opens; 0: none yet. */
KH_MUST_USE kh_status kh_sessions_make_way(const kh_accounts *accounts, kh_access *access, kh_sql *sql, int64_t person_id,
                                           int64_t keep_session_id, int64_t terminal_id, const char *address, kh_error *err);
/* A new secret and stage for a session. */
KH_MUST_USE kh_status kh_session_change(kh_access *access, kh_sql *sql, int64_t session_id, const char *secret, kh_session_stage stage,
                                        kh_error *err);
/* Makes one. */
KH_MUST_USE kh_status kh_session_begin(kh_accounts *accounts, kh_sql *sql, int64_t person_id, kh_session_stage stage, int64_t terminal_id,
                                       const char *address, const char *secret, int64_t *session_id, kh_error *err);

/* What a new password is not to be; *fault KH_PASSWORD_GOOD when it may. */
void kh_password_judge(const kh_accounts *accounts, const kh_admission *admission, const char *password, kh_password_fault *fault);
/* Inside a change. */
KH_MUST_USE kh_status kh_password_store(kh_sql *sql, int64_t person_id, const char *hash, const char *previous, bool one_time,
                                        kh_error *err);

#endif
