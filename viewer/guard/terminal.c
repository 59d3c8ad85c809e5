/* At which terminal somebody sits, by the certificate that was shown (AZ-34): looked up once an epoch. */
#include <stdio.h>
#include <string.h>
#include "base/clock.h"
#include "viewer/guard/internal.h"

/* SHA-256 in hexadecimal: any digits of it are spread evenly. */
static kh_guard_terminal *place_of(kh_guard *guard, const char *certificate)
{
    unsigned sum = 0;

    for (size_t i = 0; i < 4 && certificate[i]; i++)
        sum = sum * 31 + (unsigned char)certificate[i];
    return &guard->terminals[sum % KH_GUARD_TERMINALS];
}

bool kh_guard_terminal_of(kh_guard *guard, const char *certificate, bool may_wait, kh_guard_terminal *out)
{
    kh_access *access = kh_accounts_access(guard->options.accounts);
    kh_guard_terminal *place = place_of(guard, certificate);
    uint64_t epoch = kh_access_epoch(access); /* before what is read */
    kh_terminal terminal;
    bool found;

    *out = (kh_guard_terminal){.epoch = epoch, .not_after_ms = INT64_MAX};
    if (!certificate[0])
        return true;
    pthread_mutex_lock(&guard->terminals_lock);
    found = place->epoch == epoch && strcmp(place->certificate, certificate) == 0 && kh_clock_wall_ms() < place->not_after_ms;
    if (found)
        *out = *place;
    pthread_mutex_unlock(&guard->terminals_lock);
    if (found || !may_wait)
        return found;
    snprintf(out->certificate, sizeof out->certificate, "%s", certificate);
    if (kh_terminal_by_certificate(access, certificate, &terminal, NULL) == KH_OK) {
        out->terminal_id = terminal.id;
        out->facility_id = terminal.facility_id;
        out->not_after_ms = terminal.not_after_ms;
    }
    pthread_mutex_lock(&guard->terminals_lock);
    *place = *out;
    pthread_mutex_unlock(&guard->terminals_lock);
    return true;
}
