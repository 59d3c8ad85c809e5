/* admission.h - may this person do anything at all, now? Person, facility, network and password in one look (the first rule of
 * docs/decisions/015). Inside this room. Threads: any. */
#ifndef KH_ACCESS_ADMISSION_H
#define KH_ACCESS_ADMISSION_H

#include "access/accounts.h"
#include "access/internal.h"
#include "access/people.h"

typedef struct kh_admission {
    int64_t person_id, facility_id;
    kh_person_role role;
    char login[65], name[193], facility[65], facility_name[193];
    int64_t activated_ms, left_ms;
    kh_suspension person, site, network; /* reasons are left empty */
    char site_left[9];
    char hash[160], previous[160];
    bool password, one_time, second; /* there is one; has to be changed; a second factor is there */
    int64_t changed_ms, used_ms;     /* of the password */
} kh_admission;

/* By id, or by login when it is not NULL. KH_E_NOT_FOUND. */
KH_MUST_USE kh_status kh_admission_read(kh_sql *sql, int64_t person_id, const char *login, kh_admission *out, kh_error *err);
/* Not suspended, admitted, the network runs (or it is the office). *until_ms: when that may be otherwise by itself; INT64_MAX. */
bool kh_admission_good(const kh_admission *admission, int64_t wall_ms, int64_t *until_ms);
/* When the password is too old; INT64_MAX: never. */
int64_t kh_admission_password_ends(const kh_admission *admission, const kh_accounts_options *options);
/* Days until then if it is time to warn, else -1. */
int kh_admission_days_left(const kh_admission *admission, const kh_accounts_options *options, int64_t wall_ms);

#endif
