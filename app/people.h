/* people.h - from [access] of the settings to the door of the web role: access.db with its watcher, accounts, rights, guard.
 * Threads: one at a time. */
#ifndef KH_APP_PEOPLE_H
#define KH_APP_PEOPLE_H

#include "app/settings.h"
#include "store/page.h"
#include "viewer/guard/guard.h"
#include "viewer/watch/watch.h"

typedef struct kh_people {
    kh_access *access;
    kh_accounts *accounts;
    kh_rights *rights;
    kh_guard *guard; /* NULL: accounts are off */
    kh_watch *watch;
} kh_people;

/* With accounts off everything stays NULL. page, cache and recorder are borrowed until the close. */
KH_MUST_USE kh_status kh_people_open(kh_people *out, const kh_settings *settings, kh_page *page, kh_cache *cache, kh_recorder *recorder,
                                     kh_error *err);
void kh_people_close(kh_people *people);

#endif
