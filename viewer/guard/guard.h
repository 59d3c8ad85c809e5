/* guard.h - who is at the door: from a request to a subject (session cookie, bearer token, terminal's certificate), and from there, by
 * access/rights.h, to the handler or to the answer that there is no such thing. Every route but the sign-in's own leads through here, in
 * front of the recorder (viewer/record): what is refused is recorded, too.
 * Refused for want of a session: pages 303 to /sign-in, /api and /tiles 401, DICOMweb 401 with WWW-Authenticate. Refused by decision: the
 * very 404 that an absent study gets, after the same work. A change without the session's CSRF token (header X-Kakehashi-Token) and our
 * Origin: 403. Threads: any. */
#ifndef KH_VIEWER_GUARD_GUARD_H
#define KH_VIEWER_GUARD_GUARD_H

#include "access/rights.h"
#include "cache/cache.h"
#include "viewer/http/http.h"

typedef struct kh_guard kh_guard;

/* What a route is about. Ids of ours or UIDs, whichever the address has; texts live as long as the request. */
typedef struct kh_guarded {
    kh_verb verb;
    kh_kind kind;
    int64_t study_id, series_id;
    const char *study_uid, *series_uid, *object_uid;
    bool listing; /* decided row by row by the handler, which asks kh_guard_subject() and rights.h */
} kh_guarded;

/* guard NULL: accounts are off, the handler is called at once. On an HTTP thread; the request may be suspended when the handler is called. */
void kh_guard_then(kh_guard *guard, kh_http_request *request, const kh_guarded *about, kh_http_handler *handler, void *context);
/* Who was let in with this request, until it is answered; NULL: accounts are off. */
const kh_subject *kh_guard_subject(const kh_http_request *request);
/* Is the session still one that may go on, and has nothing moved since? For streams and batches under way, between two pieces. */
bool kh_guard_still(kh_guard *guard, const kh_subject *subject, uint64_t *epoch_seen);

#endif
