#include "access/seats.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"

#define ROWS 1024
#define WAYS 4
#define LOCKS 16

typedef struct seat {
    bool taken, touched;
    uint8_t sha[KH_SHA_SIZE];
    uint64_t epoch, used; /* used: the count of the row when it was last asked for */
    int64_t ends_mono_ms, seen_mono_ms;
    kh_session session;
} seat;

struct kh_seats {
    int64_t idle_ms;
    pthread_mutex_t locks[LOCKS]; /* row % LOCKS guards the row */
    uint64_t uses[ROWS];
    seat seats[ROWS][WAYS];
};

kh_status kh_seats_create(kh_seats **out, int64_t idle_ms, kh_error *err)
{
    kh_seats *seats = calloc(1, sizeof *seats); /* pages that nobody sits in are never touched */

    *out = seats;
    if (!seats)
        return kh_error_set(err, KH_E_MEMORY, "no memory for the table of those who are signed in");
    seats->idle_ms = idle_ms;
    for (size_t i = 0; i < LOCKS; i++)
        pthread_mutex_init(&seats->locks[i], NULL);
    return KH_OK;
}

void kh_seats_free(kh_seats *seats)
{
    if (!seats)
        return;
    for (size_t i = 0; i < LOCKS; i++)
        pthread_mutex_destroy(&seats->locks[i]);
    free(seats);
}

static size_t row_of(const uint8_t sha[KH_SHA_SIZE])
{
    return ((size_t)sha[0] | (size_t)sha[1] << 8) % ROWS;
}

static seat *find_locked(kh_seats *seats, size_t row, const uint8_t sha[KH_SHA_SIZE])
{
    for (size_t i = 0; i < WAYS; i++)
        if (seats->seats[row][i].taken && memcmp(seats->seats[row][i].sha, sha, KH_SHA_SIZE) == 0)
            return &seats->seats[row][i];
    return NULL;
}

/* A free one, else the one asked for longest ago. */
static seat *room_locked(kh_seats *seats, size_t row)
{
    seat *best = &seats->seats[row][0];

    for (size_t i = 0; i < WAYS && best->taken; i++)
        if (!seats->seats[row][i].taken || seats->seats[row][i].used < best->used)
            best = &seats->seats[row][i];
    best->taken = false;
    return best;
}

void kh_seats_put(kh_seats *seats, const uint8_t sha[KH_SHA_SIZE], uint64_t epoch, int64_t ends_mono_ms, int64_t seen_mono_ms,
                  const kh_session *session)
{
    size_t row = row_of(sha);
    seat *at;

    pthread_mutex_lock(&seats->locks[row % LOCKS]);
    at = find_locked(seats, row, sha);
    if (!at) {
        at = room_locked(seats, row);
        *at = (seat){.taken = true, .seen_mono_ms = seen_mono_ms};
        memcpy(at->sha, sha, KH_SHA_SIZE);
    } else if (at->seen_mono_ms < seen_mono_ms) {
        at->seen_mono_ms = seen_mono_ms;
    }
    at->epoch = epoch;
    at->ends_mono_ms = ends_mono_ms;
    at->session = *session;
    at->used = ++seats->uses[row];
    pthread_mutex_unlock(&seats->locks[row % LOCKS]);
}

static int64_t idle_left_ms(const kh_seats *seats, const seat *at, int64_t now_ms)
{
    int64_t left;

    if (at->session.stage == KH_SESSION_LOCKED)
        return 0;
    if (at->seen_mono_ms == INT64_MAX)
        return INT64_MAX;
    left = seats->idle_ms - (now_ms - at->seen_mono_ms);
    return left > 0 ? left : 0;
}

bool kh_seats_get(kh_seats *seats, const uint8_t sha[KH_SHA_SIZE], uint64_t epoch, kh_session *out)
{
    int64_t now_ms = kh_clock_monotonic_ms();
    size_t row = row_of(sha);
    bool known;
    seat *at;

    pthread_mutex_lock(&seats->locks[row % LOCKS]);
    at = find_locked(seats, row, sha);
    known = at && at->epoch == epoch && now_ms < at->ends_mono_ms;
    if (known) {
        at->used = ++seats->uses[row];
        *out = at->session;
        out->idle_left_ms = idle_left_ms(seats, at, now_ms);
    }
    pthread_mutex_unlock(&seats->locks[row % LOCKS]);
    if (known && out->idle_left_ms == 0 && out->stage == KH_SESSION_OPEN)
        out->stage = KH_SESSION_LOCKED;
    if (known && out->stage != KH_SESSION_OPEN)
        out->subject.scopes = 0;
    return known;
}

void kh_seats_touch(kh_seats *seats, const uint8_t sha[KH_SHA_SIZE])
{
    int64_t now_ms = kh_clock_monotonic_ms();
    size_t row = row_of(sha);
    seat *at;

    pthread_mutex_lock(&seats->locks[row % LOCKS]);
    at = find_locked(seats, row, sha);
    if (at && at->session.stage == KH_SESSION_OPEN && at->seen_mono_ms != INT64_MAX && idle_left_ms(seats, at, now_ms) > 0) {
        at->seen_mono_ms = now_ms;
        at->touched = true;
    }
    pthread_mutex_unlock(&seats->locks[row % LOCKS]);
}

void kh_seats_drop(kh_seats *seats, const uint8_t sha[KH_SHA_SIZE])
{
    size_t row = row_of(sha);
    seat *at;

    pthread_mutex_lock(&seats->locks[row % LOCKS]);
    at = find_locked(seats, row, sha);
    if (at)
        *at = (seat){0};
    pthread_mutex_unlock(&seats->locks[row % LOCKS]);
}

size_t kh_seats_take_seen(kh_seats *seats, kh_seen out[KH_SEEN_MAX])
{
    int64_t now_ms = kh_clock_monotonic_ms(), wall_ms = kh_clock_wall_ms();
    size_t count = 0;

    for (size_t row = 0; row < ROWS && count + WAYS <= KH_SEEN_MAX; row++) {
        pthread_mutex_lock(&seats->locks[row % LOCKS]);
        for (size_t i = 0; i < WAYS; i++) {
            seat *at = &seats->seats[row][i];

            if (at->taken && at->touched)
                out[count++] = (kh_seen){at->session.id, wall_ms - (now_ms - at->seen_mono_ms)};
            at->touched = false;
        }
        pthread_mutex_unlock(&seats->locks[row % LOCKS]);
    }
    return count;
}
