/* record.h - no request that shows or changes something is answered before it is recorded (audit/audit.h): handlers are called through
 * here.
 * What was told of this reader lately costs one look into a table; anything else is suspended, its patient looked up in the index, the
 * record made durable, and only then its handler called, on a thread of the recorder's. A record that cannot be written is 503 with
 * Retry-After.
 * Who asks is the person whom the door has let in (viewer/guard), which goes with the request as kh_http_attached(): a kh_subject; without
 * one the token's name, or the address.
 * Threads: any. */
#ifndef KH_VIEWER_RECORD_RECORD_H
#define KH_VIEWER_RECORD_RECORD_H

#include "access/subject.h"
#include "audit/audit.h"
#include "cache/cache.h"
#include "viewer/http/http.h"

typedef struct kh_recorder kh_recorder;

/* All borrowed until the recorder is freed. queue_max: requests waiting; more answer 503. */
KH_MUST_USE kh_status kh_recorder_create(kh_recorder **out, kh_audit *audit, kh_cache *cache, size_t queue_max, kh_error *err);
/* No request comes any more (the server has stopped): those on their way have been given to their handlers when it returns. NULL is
 * welcome. */
void kh_recorder_drain(kh_recorder *recorder);
/* After the drain. NULL is welcome. */
void kh_recorder_free(kh_recorder *recorder);

/* What a request is about. Texts live as long as the request; NULL: none. Ids of ours or UIDs, whichever the address has. */
typedef struct kh_record {
    kh_audit_action action;
    const char *way;   /* "portal", "DICOMweb" */
    const char *token; /* its name; NULL: who asks is known by the address only */
    const char *reason; /* why it was allowed: kh_reason_text(); of the program, not copied */
    const char *purpose; /* what it is for, of who asks' own choice: one of a few words of the program, not copied */
    const kh_subject *person; /* NULL: kh_http_attached() of the request, if there is one */
    int64_t study_id, series_id;
    const char *study_uid, *series_uid, *object_uid;
    bool with_query;   /* the parameters are told */
    bool with_path;    /* the address is told */
    bool once;         /* told once of a reader and what it is about (the series, else the study, else address and parameters), for [audit] group */
} kh_record;

/* Calls the handler, at once or later, or answers 503. recorder NULL: at once. The request may be suspended when the handler is called. */
void kh_record_then(kh_recorder *recorder, kh_http_request *request, const kh_record *record, kh_http_handler *handler, void *context);

/* A request that was turned away with 401, 403, 404 or 421, before or after it was answered; nobody waits for it. The same of one address
 * again and again is told every ten seconds. */
void kh_record_refused(kh_recorder *recorder, const kh_http_request *request, const char *way, unsigned code);

/* One that the door turns away by a decision, or since there is no such thing: the answer is one, the record says which and why
 * (record->reason).
 * Not on an HTTP thread: whose images they are is looked up. Nobody waits until it is durable; nothing was shown. The same of one reader
 * again and again is told every ten seconds. */
void kh_record_denied(kh_recorder *recorder, const kh_http_request *request, const kh_record *record);

/* What a person did with an account: signed in or failed to, signed out, changed a password. Waits until it is durable. Not on an HTTP
 * thread. */
typedef struct kh_record_account {
    kh_audit_action action;
    kh_audit_result result;
    const kh_subject *person; /* NULL: nobody yet; login says whom somebody wanted to be */
    const char *login, *peer;
    const char *reason;       /* why not; of the program */
    const char *text;         /* which step */
} kh_record_account;
KH_MUST_USE kh_status kh_record_of_account(kh_recorder *recorder, const kh_record_account *what, kh_error *err);

/* What a request has done, which could only be told afterwards: waits until it is durable. Not on an HTTP thread. peer: kh_http_peer(). */
typedef struct kh_record_outcome {
    kh_audit_result result;
    int64_t count, failed; /* objects; below 0: left out */
} kh_record_outcome;
KH_MUST_USE kh_status kh_record_done(kh_recorder *recorder, const kh_record *record, const char *peer, const kh_record_outcome *outcome,
                                     kh_error *err);
/* For those: could the last record be written? When not, that this request was turned away is put: with it the writer finds out whether
 * there is room again. */
bool kh_record_works(kh_recorder *recorder, const kh_http_request *request, const kh_record *record);

#endif
