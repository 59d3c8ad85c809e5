/* accounts.h - what passwords, second factors, sessions and tokens of one process share: the settings, the words nobody may take for a
 * password, the gate before the hashing, the key of the second factors' secrets, the table of sessions that are known.
 * Threads: any. */
#ifndef KH_ACCESS_ACCOUNTS_H
#define KH_ACCESS_ACCOUNTS_H

#include <stdbool.h>
#include "access/access.h"

typedef struct kh_accounts kh_accounts;

/* Which rule a password follows: the networks' (KN-13: it is changed every 90 days, warned of from 14 days before) or that of the
 * ministry's guideline v6 (13 characters or more with a second factor, no rotation). */
typedef enum kh_password_rule { KH_PASSWORD_NETWORKS = 1, KH_PASSWORD_GUIDELINE = 2 } kh_password_rule;

typedef struct kh_accounts_options {
    kh_password_rule rule;
    unsigned length_min;       /* characters of a password, 8 to 64; never less than 13 by the guideline's rule */
    unsigned days, warn_days;  /* networks' rule: a password lasts so many days, and is warned of so many days before */
    const char *list;          /* file of passwords that are refused, one a line; "" none; copied */
    bool second_factor;        /* demanded of everybody; always by the guideline's rule */
    bool certificate;          /* a terminal without a certificate is refused */
    bool one_terminal;         /* who signs in at a second terminal while a session is open is refused; else told (KN-4) */
    bool newest_terminal;      /* with one_terminal: is let in, and the session elsewhere ends */
    int64_t idle_ms;           /* without human input a session is locked */
    int64_t absolute_ms;       /* and ends, whatever happens */
    const char *network;       /* name of the network, in the second factor's address; copied */
} kh_accounts_options;
extern const kh_accounts_options kh_accounts_options_default;

/* Reads the list and the key (made in the data folder, mode 0600, when it is not there). access is borrowed until free. */
KH_MUST_USE kh_status kh_accounts_create(kh_accounts **out, kh_access *access, const kh_accounts_options *options, kh_error *err);
void kh_accounts_free(kh_accounts *accounts);
const kh_accounts_options *kh_accounts_settings(const kh_accounts *accounts);
kh_access *kh_accounts_access(kh_accounts *accounts);

/* 256 random bits as text (base64url), as every secret of ours is handed out; only a hash is stored. */
#define KH_SECRET_SIZE 44

#endif
