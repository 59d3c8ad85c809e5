/* guard.h - who is at the door: from a request to a subject (session cookie, bearer token, terminal's certificate), and from there, by
 * access/rights.h, to the handler or to the answer that there is no such thing. Every route but the sign-in's own leads through here, in
 * front of the recorder (viewer/record): what is refused is recorded, too.
 * Refused for want of a session: pages 303 to /sign-in, /api and /tiles 401, DICOMweb 401 with WWW-Authenticate. Refused by decision: the
 * very 404 that an absent study gets, after the same work. A change without the session's CSRF token (header X-Kakehashi-Token) and our
 * Origin: 403; one with a bearer token needs neither, since no browser adds that by itself. Threads: any. */
#ifndef KH_VIEWER_GUARD_GUARD_H
#define KH_VIEWER_GUARD_GUARD_H

#include "access/accounts.h"
#include "access/rights.h"
#include "cache/cache.h"
#include "viewer/http/http.h"
#include "viewer/record/record.h"

typedef struct kh_guard kh_guard;

/* All borrowed until the guard is freed. */
typedef struct kh_guard_options {
    kh_accounts *accounts;
    kh_rights *rights;
    kh_cache *cache;       /* whose images a request is about */
    kh_recorder *recorder; /* NULL: nothing is recorded */
    size_t queue_max;      /* requests that wait for a look into access.db; more answer 503 */
} kh_guard_options;

KH_MUST_USE kh_status kh_guard_create(kh_guard **out, const kh_guard_options *options, kh_error *err);
/* No request comes any more (the server has stopped): those on their way have been given to their handlers when it returns. NULL is
 * welcome. */
void kh_guard_drain(kh_guard *guard);
/* After the drain. NULL is welcome. */
void kh_guard_free(kh_guard *guard);

/* What the door itself answers: /api/session, /api/account, /api/welcome. The strings live as long as the program, the contexts as long as
 * the guard. */
#define KH_GUARD_ROUTES 17
void kh_guard_routes(kh_guard *guard, kh_http_route routes[KH_GUARD_ROUTES]);
/* In their place when accounts are off: the one address that says so. */
extern const kh_http_route kh_guard_off;

/* What a route is about. Ids of ours or UIDs, whichever the address has; texts live as long as the request. */
typedef struct kh_guarded {
    kh_verb verb;
    kh_kind kind;
    int64_t study_id, series_id;
    int64_t also_series_id; /* of the images, a second series that has to be open, too; 0: none */
    const char *study_uid, *series_uid, *object_uid;
    bool at_once; /* the handler has to be called on the HTTP thread (it answers with a stream, or reads more headers): access.db is read there,
                     a few indexed rows once for each epoch of its sender */
    bool listing; /* decided row by row by the handler, which asks kh_guard_subject() and rights.h */
} kh_guarded;

/* guard NULL: accounts are off, the handler is called at once. On an HTTP thread; the request may be suspended when the handler is called,
 * but not one whose body is received (kh_http_is_receiving()). Of a study UID that several patients have each has to be allowed. */
void kh_guard_then(kh_guard *guard, kh_http_request *request, const kh_guarded *about, kh_http_handler *handler, void *context);
/* The same for a page that holds nothing of anybody: whoever is signed in, locked or not, gets it. */
void kh_guard_page_then(kh_guard *guard, kh_http_request *request, kh_http_handler *handler, void *context);
/* Who was let in with this request, until it is answered; NULL: accounts are off. */
const kh_subject *kh_guard_subject(const kh_http_request *request);
/* Is the session still one that may go on, and has nothing moved since? For streams and batches under way, between two pieces.
 * *epoch_seen: 0 at first. False: end, or decide anew by kh_guard_then(). May read access.db once an epoch: not on an HTTP thread. */
bool kh_guard_still(kh_guard *guard, const kh_subject *subject, uint64_t *epoch_seen);

#endif
