/* Streams and batches outlive the look at their cookie: by what a session or token came is kept, so that it can be asked between two pieces whether
 * it is one still. The table is bounded; whoever falls out of it ends, and comes again. */
#include <stdio.h>
#include <string.h>
#include "viewer/guard/internal.h"

static kh_visitor *place_of(kh_guard *guard, int64_t id)
{
    return &guard->visitors[(uint64_t)id * 0x9e3779b97f4a7c15u >> 52];
}

static int64_t id_of(const kh_subject *subject)
{
    return subject->session_id > 0 ? subject->session_id : -subject->token_id;
}

void kh_guard_remember(kh_guard *guard, const kh_subject *subject, const char *secret)
{
    int64_t id = id_of(subject);
    kh_visitor *place = place_of(guard, id);

    pthread_mutex_lock(&guard->visitors_lock);
    if (place->id != id || strcmp(place->secret, secret) != 0) {
        place->id = id;
        snprintf(place->secret, sizeof place->secret, "%s", secret);
    }
    pthread_mutex_unlock(&guard->visitors_lock);
}

static bool recall(kh_guard *guard, int64_t id, char secret[KH_TOKEN_SIZE])
{
    const kh_visitor *place = place_of(guard, id);
    bool found;

    pthread_mutex_lock(&guard->visitors_lock);
    found = place->id == id && id != 0;
    if (found)
        memcpy(secret, place->secret, KH_TOKEN_SIZE);
    pthread_mutex_unlock(&guard->visitors_lock);
    return found;
}

static bool is_open(kh_guard *guard, const kh_subject *subject, const char *secret)
{
    kh_accounts *accounts = guard->options.accounts;
    kh_subject again;
    kh_session session;

    if (subject->session_id > 0)
        return (kh_session_known(accounts, secret, &session) || kh_session_find(accounts, secret, &session, NULL) == KH_OK) &&
               session.stage == KH_SESSION_OPEN && session.subject.session_id == subject->session_id;
    return kh_token_known(accounts, secret, &again) || kh_token_find(accounts, secret, &again, NULL) == KH_OK;
}

bool kh_guard_still(kh_guard *guard, const kh_subject *subject, uint64_t *epoch_seen)
{
    char secret[KH_TOKEN_SIZE];
    uint64_t epoch;
    bool same;

    if (!guard || !subject)
        return true;
    epoch = kh_access_epoch(kh_accounts_access(guard->options.accounts));
    same = *epoch_seen == 0 || *epoch_seen == epoch;
    *epoch_seen = epoch;
    if (!same || !recall(guard, id_of(subject), secret))
        return false;
    same = is_open(guard, subject, secret);
    explicit_bzero(secret, sizeof secret);
    return same;
}
