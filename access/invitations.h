/* invitations.h - one-time links: whoever holds one sets the first password of the account it is for. 256 random bits, of which a hash is
 * kept; good once, and for a time. Threads: any. */
#ifndef KH_ACCESS_INVITATIONS_H
#define KH_ACCESS_INVITATIONS_H

#include "access/passwords.h"
#include "access/sign_in.h"

#define KH_INVITATION_HOURS 24

/* A new one for the person; one before is no longer good. */
KH_MUST_USE kh_status kh_invitation_make(kh_access *access, int64_t person_id, char secret[KH_SECRET_SIZE], kh_error *err);
/* Of the first start: makes facility "network-office" and person "office", trained and active, without a password, if nobody of the office
 * is there (*made false then). The link is printed, never logged. */
KH_MUST_USE kh_status kh_invitation_first_office(kh_access *access, char secret[KH_SECRET_SIZE], bool *made, kh_error *err);
/* Whose is it? KH_E_NOT_FOUND when it is none, used or over. Does not use it up. */
KH_MUST_USE kh_status kh_invitation_find(kh_access *access, const char *secret, int64_t *person_id, char login[65], kh_error *err);
/* Sets the password and uses it up in one; then one signs in. KH_E_ARG with *fault when the password is not taken: it stays good. */
KH_MUST_USE kh_status kh_invitation_accept(kh_accounts *accounts, const char *secret, const char *password, kh_password_fault *fault,
                                           kh_error *err);

#endif
