/* deciding.h - access.db and the decisions of a role, as the settings have them. Threads: one opens and closes. */
#ifndef KH_APP_DECIDING_H
#define KH_APP_DECIDING_H

#include "access/accounts.h"
#include "access/rights.h"
#include "app/settings.h"

/* What the settings say of passwords, factors and sessions: one place for the service and for commands. Borrows from settings. */
kh_accounts_options kh_deciding_accounts(const kh_settings *settings);

/* The decisions over access, by what the settings say of roles and passwords. */
KH_MUST_USE kh_status kh_deciding_rights(kh_rights **out, kh_access *access, const kh_settings *settings, kh_error *err);

/* [access] accounts off: both NULL. page: of the service; NULL: a private one. Changes of other processes are looked for. */
KH_MUST_USE kh_status kh_deciding_open(kh_access **access, kh_rights **rights, const kh_settings *settings, kh_page *page, kh_error *err);
/* NULL is welcome. */
void kh_deciding_close(kh_access *access, kh_rights *rights);

/* access.db of the settings' folder: the one way in, for the service's roles (page: the one they share) and for commands (NULL). */
KH_MUST_USE kh_status kh_deciding_access(kh_access **out, const kh_settings *settings, kh_page *page, kh_error *err);

#endif
