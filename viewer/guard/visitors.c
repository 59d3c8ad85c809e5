/* Streams and batches outlive the look at their cookie: by what a session or token came is kept, so that it can be asked between two pieces
 * whether it is one still. The table is bounded: an id has PLACES to be in, and when all are another's the one that nobody asked of for
 * longest makes room.
 * Who streams is asked of every KH_WATCH_LOOK_MS, so that it takes PLACES others within that time to end a stream that may go on. */
#include <stdio.h>
#include <string.h>
#include "base/clock.h"
#include "viewer/guard/internal.h"

#define PLACES 16
#define AGAIN_MS 20 /* well below KH_WATCH_LOOK_MS */
_Static_assert((KH_GUARD_VISITORS & (KH_GUARD_VISITORS - 1)) == 0, "a power of two");

static size_t first_place(int64_t id)
{
    return (size_t)((uint64_t)id * 0x9e3779b97f4a7c15u >> 32);
}

/* NULL: it is not there. *oldest, where it is wanted: the place for it then. */
static kh_visitor *find_locked(kh_guard *guard, int64_t id, kh_visitor **oldest)
{
    kh_visitor *least = NULL;

    for (size_t i = 0; i < PLACES; i++) {
        kh_visitor *place = &guard->visitors[(first_place(id) + i) % KH_GUARD_VISITORS];

        if (place->id == id)
            return place;
        if (!least || place->turn < least->turn)
            least = place;
    }
    if (oldest)
        *oldest = least;
    return NULL;
}

/* Whom this thread put into the table last, and when: tiles of one reader come one behind the other, and its turn need not move with
 * each. */
typedef struct last_visitor {
    const kh_guard *guard;
    int64_t id, at_ms; /* monotonic */
    char secret[KH_TOKEN_SIZE];
} last_visitor;

static bool is_remembered(const kh_guard *guard, int64_t id, const char *secret)
{
    static _Thread_local last_visitor last;
    int64_t now_ms = kh_clock_monotonic_ms();

    if (last.guard == guard && last.id == id && now_ms - last.at_ms < AGAIN_MS && strcmp(last.secret, secret) == 0)
        return true;
    last = (last_visitor){.guard = guard, .id = id, .at_ms = now_ms};
    snprintf(last.secret, sizeof last.secret, "%s", secret);
    return false;
}

void kh_guard_remember(kh_guard *guard, const kh_subject *subject, const char *secret)
{
    int64_t id = kh_subject_visitor(subject);
    kh_visitor *place, *oldest = NULL;

    if (id == 0 || is_remembered(guard, id, secret))
        return;
    pthread_mutex_lock(&guard->visitors_lock);
    place = find_locked(guard, id, &oldest);
    if (!place)
        place = oldest;
    if (place->id != id || strcmp(place->secret, secret) != 0) {
        place->id = id;
        snprintf(place->secret, sizeof place->secret, "%s", secret);
    }
    place->turn = ++guard->visitors_turn;
    pthread_mutex_unlock(&guard->visitors_lock);
}

static bool recall(kh_guard *guard, int64_t id, char secret[KH_TOKEN_SIZE])
{
    kh_visitor *place;

    if (id == 0)
        return false;
    pthread_mutex_lock(&guard->visitors_lock);
    place = find_locked(guard, id, NULL);
    if (place) {
        place->turn = ++guard->visitors_turn;
        memcpy(secret, place->secret, KH_TOKEN_SIZE);
    }
    pthread_mutex_unlock(&guard->visitors_lock);
    return place != NULL;
}

static bool is_open(kh_guard *guard, const kh_subject *subject, const char *secret)
{
    kh_accounts *accounts = guard->options.accounts;
    kh_subject again;
    kh_session session;

    if (subject->session_id > 0)
        return (kh_session_known(accounts, secret, &session) || kh_session_find(accounts, secret, &session, NULL) == KH_OK) &&
               session.stage == KH_SESSION_OPEN && session.subject.session_id == subject->session_id;
    /* A session ends with its terminal, a token goes on at others. */
    return (kh_token_known(accounts, secret, &again) || kh_token_find(accounts, secret, &again, NULL) == KH_OK) &&
           (subject->terminal_id == 0 || kh_terminal_is_good(kh_accounts_access(accounts), subject->terminal_id));
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
    if (!same || !recall(guard, kh_subject_visitor(subject), secret))
        return false;
    same = is_open(guard, subject, secret);
    explicit_bzero(secret, sizeof secret);
    return same;
}
