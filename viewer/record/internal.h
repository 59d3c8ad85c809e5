/* internal.h - what the files of viewer/record share. */
#ifndef KH_VIEWER_RECORD_INTERNAL_H
#define KH_VIEWER_RECORD_INTERNAL_H

#include "cache/browse.h"
#include "viewer/record/record.h"

#define KH_RECORD_TEXT_SIZE (KH_AUDIT_TEXT_MAX + 2)
#define KH_RECORD_TERMINAL_SIZE 96 /* "name (number)" */

/* An event and the texts it borrows. */
typedef struct kh_record_event {
    kh_audit_event event;
    kh_study study;
    kh_series series;
    char text[KH_RECORD_TEXT_SIZE];
    char terminal[KH_RECORD_TERMINAL_SIZE];
} kh_record_event;

/* Looks up whose images they are. What is not held is no failure: its result is KH_AUDIT_ABSENT. peer: kh_http_peer(); borrowed. request
 * NULL:
 * no text. */
KH_MUST_USE kh_status kh_record_event_fill(kh_record_event *out, kh_cache *cache, const kh_record *record, const char *peer,
                                           const kh_http_request *request, kh_error *err);
/* Who it is: the person, else the token, else the address. terminal: room for its number, lives as long as the event. */
void kh_record_who(kh_audit_event *event, char terminal[KH_RECORD_TERMINAL_SIZE], const kh_subject *person, const char *token,
                   const char *peer);
/* Whom the record names, else who came with the request (NULL: no request), else NULL. */
const kh_subject *kh_record_person(const kh_record *record, const kh_http_request *request);
/* Address and parameters, as they are told. */
void kh_record_text(char out[KH_RECORD_TEXT_SIZE], const kh_http_request *request, bool with_path, bool with_query);

#endif
