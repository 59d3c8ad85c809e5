/* seats.h - the sessions and tokens that this process knows: a table of fixed size, asked by what is kept of their secret. What is not in
 * it, or was put in before the epoch moved, is read anew. Inside this room.
 * Threads: any; a lock for each part of the table, nothing is done under it but copying. */
#ifndef KH_ACCESS_SEATS_H
#define KH_ACCESS_SEATS_H

#include "access/secret.h"
#include "access/sessions.h"

typedef struct kh_seats kh_seats;

typedef struct kh_seen {
    int64_t session_id, seen_ms; /* wall clock */
} kh_seen;
#define KH_SEEN_MAX 256

KH_MUST_USE kh_status kh_seats_create(kh_seats **out, int64_t idle_ms, kh_error *err);
void kh_seats_free(kh_seats *seats);
/* ends_mono_ms: it is to be read anew then; seen_mono_ms: last human input, as far as the database knows; INT64_MAX: is never locked. */
void kh_seats_put(kh_seats *seats, const uint8_t sha[KH_SHA_SIZE], uint64_t epoch, int64_t ends_mono_ms, int64_t seen_mono_ms,
                  const kh_session *session);
/* stage and idle_left_ms as they are now. */
bool kh_seats_get(kh_seats *seats, const uint8_t sha[KH_SHA_SIZE], uint64_t epoch, kh_session *out);
/* Human input: unless it is locked already. */
void kh_seats_touch(kh_seats *seats, const uint8_t sha[KH_SHA_SIZE]);
void kh_seats_drop(kh_seats *seats, const uint8_t sha[KH_SHA_SIZE]);
/* Those that were touched since they were last taken; count, at most KH_SEEN_MAX. */
size_t kh_seats_take_seen(kh_seats *seats, kh_seen out[KH_SEEN_MAX]);

#endif
