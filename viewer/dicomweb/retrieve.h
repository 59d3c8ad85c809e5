/* retrieve.h - WADO-RS (PS3.18 10.4): what the files that serve it share. */
#ifndef KH_VIEWER_DICOMWEB_RETRIEVE_H
#define KH_VIEWER_DICOMWEB_RETRIEVE_H

#include "base/buf.h"
#include "cache/search.h"
#include "viewer/dicomweb/accept.h"
#include "viewer/dicomweb/internal.h"
#include "viewer/dicomweb/multipart.h"

#define KH_RETRIEVE_OBJECTS_MAX 100000
#define KH_RETRIEVE_SYNTAXES_MAX 64

/* Which objects an address names; "" below its level. */
typedef struct kh_retrieve_uids {
    char study[KH_UID_SIZE], series[KH_UID_SIZE], instance[KH_UID_SIZE];
} kh_retrieve_uids;
/* From {study}, {series} and {instance} of the route. KH_E_ARG names what is no UID. */
KH_MUST_USE kh_status kh_retrieve_read_uids(kh_retrieve_uids *out, const kh_http_request *request, kh_error *err);

typedef struct kh_retrieve_object {
    int64_t id, study_id, series_id, bytes;
    bool away;        /* at its hospital */
    unsigned syntax;  /* index into syntaxes */
    kh_object_place place;
    char series_uid[KH_UID_SIZE], instance_uid[KH_UID_SIZE];
} kh_retrieve_object;

typedef struct kh_retrieve_list {
    kh_buf objects; /* of kh_retrieve_object, here and away */
    size_t count, away_count;
    int64_t away_study; /* one that has some away */
    char syntaxes[KH_RETRIEVE_SYNTAXES_MAX][KH_UID_SIZE];
    size_t syntax_count;
    uint64_t state; /* a sum of the objects and of the corrections they leave with */
    bool corrected; /* some of them do */
    uint64_t event; /* the newest one before the index was read */
} kh_retrieve_list;

/* Every object below the address that is not hidden and with which who asks may do this. KH_E_NOT_FOUND, KH_E_LIMIT.
 * kh_retrieve_list_release() in every case. */
KH_MUST_USE kh_status kh_retrieve_list_fill(kh_retrieve_list *out, kh_dicomweb *dicomweb, const kh_http_request *request, kh_verb verb,
                                            const kh_retrieve_uids *uids, kh_error *err);
void kh_retrieve_list_release(kh_retrieve_list *list);
const kh_retrieve_object *kh_retrieve_list_at(const kh_retrieve_list *list, size_t index);

/* The parameter and the header. KH_E_ARG. */
KH_MUST_USE kh_status kh_retrieve_read_accept(kh_accept *out, const kh_http_request *request, kh_error *err);

/* The object's file as it leaves, into piece's file part: its own, or written anew into a file without a name where it is corrected or not
 * wanted in its own transfer syntax. KH_E_BUSY when too much is written already or the object is away; KH_E_UNSUPPORTED when it cannot be
 * given in that transfer syntax. */
KH_MUST_USE kh_status kh_retrieve_open_object(kh_http_piece *piece, kh_dicomweb *dicomweb, const kh_retrieve_list *list,
                                              const kh_retrieve_object *object, const char *syntax, const atomic_bool *cancelled,
                                              kh_error *err);

/* The whole answer: the objects, or why not. */
void kh_retrieve_answer(kh_dicomweb *dicomweb, kh_http_request *request, const kh_retrieve_uids *uids, const kh_accept *accept);

/* bulk.c: one value, into an empty piece; *size: its bytes. KH_E_NOT_FOUND. */
struct kh_bulk_path;
KH_MUST_USE kh_status kh_bulk_open(kh_http_piece *piece, uint64_t *size, kh_dicomweb *dicomweb, const kh_retrieve_object *object,
                                   const struct kh_bulk_path *path, kh_error *err);

/* The whole answer to a request for one value, that of {path} or, without one, the pixel data as they are stored. */
void kh_bulk_answer(kh_dicomweb *dicomweb, kh_http_request *request);

/* What an instance that is no picture is shown as: application/pdf, a type of video; NULL: as nothing. */
const char *kh_bulk_shown_as(const kh_search_row *row, const char *transfer_syntax);
/* It as such, alone, also by ranges (PS3.18 8.7.4, categories of rendered media types). KH_OK: the request is answered. KH_E_UNSUPPORTED:
 * it is not what its class says, or not what is accepted. */
KH_MUST_USE kh_status kh_bulk_show(kh_dicomweb *dicomweb, kh_http_request *request, const kh_accept *accept, const kh_search_row *row,
                                   const kh_retrieve_uids *uids, kh_error *err);

/* frames_parts.c: all frames of one object as parts of an answer of several. as_value: those of native pixel data as one part, the value;
 * compressed ones in any case. *out is NULL, and that is KH_OK, when the object has none. KH_E_UNSUPPORTED when they cannot be given, or
 * not in a form that is taken. multipart is borrowed. */
typedef struct kh_frames kh_frames;
KH_MUST_USE kh_status kh_frames_open(kh_frames **out, kh_dicomweb *dicomweb, const kh_retrieve_object *object, const char *study_uid,
                                     const char *address, bool as_value, const kh_accept *accept, const kh_multipart *multipart,
                                     kh_error *err);
const char *kh_frames_type(const kh_frames *frames);
/* The next part, number *parts of the answer, or a piece of it; stays empty behind the last one. A frame that cannot be decoded goes as it
 * is. */
KH_MUST_USE kh_status kh_frames_part(kh_frames *frames, size_t *parts, kh_http_piece *piece, kh_error *err);
/* NULL is welcome. */
void kh_frames_free(kh_frames *frames);

/* {"error": word, "message": ...} */
void kh_retrieve_answer_text(kh_http_request *request, unsigned code, const char *word, const char *message);
/* As kh_http_answer_error(); what is not found because it was hidden here is 410 while accounts are off: whoever may ask at all may read
 * everything then, and so may know. */
void kh_retrieve_answer_error(kh_dicomweb *dicomweb, kh_http_request *request, const kh_retrieve_uids *uids, const kh_error *err);
/* The study, or what of it is at its hospital, is asked for; false when nobody gives it back. */
bool kh_retrieve_recall(kh_dicomweb *dicomweb, int64_t study_id);
/* That, and the answer that goes with it: 503, come again, or 404. */
void kh_retrieve_answer_away(kh_dicomweb *dicomweb, kh_http_request *request, int64_t study_id);

/* An entity tag of what is given (state) and how (form). */
#define KH_RETRIEVE_ETAG_SIZE 40
void kh_retrieve_etag(char out[KH_RETRIEVE_ETAG_SIZE], uint64_t state, uint64_t form);
/* ETag and Cache-Control of an answer; true when the client has it already and was told so. A multipart's tag is weak: its boundary is
 * another each time. */
bool kh_retrieve_answer_unchanged(kh_http_request *request, const char *etag, bool strong);
/* Of a single part of size bytes: the code, 200, 206 or 416, and which bytes are wanted. Sets the headers that say so. */
unsigned kh_retrieve_range(kh_http_request *request, const char *etag, uint64_t size, uint64_t *first, uint64_t *count);

#endif
