#include "app/people.h"

#include "app/deciding.h"

/* In memory, where it is known. */
static bool goes_on(void *context, const kh_subject *subject)
{
    uint64_t seen = 0;

    return kh_guard_still(context, subject, &seen);
}

kh_status kh_people_open(kh_people *out, const kh_settings *settings, kh_page *page, kh_cache *cache, kh_recorder *recorder, kh_error *err)
{
    const kh_accounts_options accounts = kh_deciding_accounts(settings);
    kh_guard_options guard = {.cache = cache, .recorder = recorder, .queue_max = (size_t)settings->http_connections};
    kh_watch_options watch = {.page = page, .session_goes_on = goes_on};
    kh_status status;

    *out = (kh_people){.access = NULL};
    if (!kh_settings_accounts(settings))
        return KH_OK;
    status = kh_deciding_access(&out->access, settings, page, err);
    if (status == KH_OK)
        status = kh_access_watch(out->access, err);
    if (status == KH_OK)
        status = kh_accounts_create(&out->accounts, out->access, &accounts, err);
    if (status == KH_OK)
        status = kh_deciding_rights(&out->rights, out->access, settings, err);
    guard.accounts = out->accounts;
    guard.rights = out->rights;
    if (status == KH_OK)
        status = kh_guard_create(&out->guard, &guard, err);
    watch.context = out->guard;
    if (status == KH_OK)
        status = kh_watch_create(&out->watch, &watch, err);
    if (status != KH_OK)
        kh_people_close(out);
    return status;
}

void kh_people_close(kh_people *people)
{
    kh_watch_free(people->watch);
    kh_guard_free(people->guard);
    kh_rights_free(people->rights);
    kh_accounts_free(people->accounts);
    kh_access_close(people->access);
    *people = (kh_people){.access = NULL};
}
