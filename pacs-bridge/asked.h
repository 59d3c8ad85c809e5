/* asked.h - the identifier of a query or retrieval that somebody sends us (PS3.4 C.4.1.1.3.1): its level and keys, checked against the
 * information model. Threads: one at a time. Limits: an identifier of KH_IDENTIFIER_BYTES_MAX bytes, KH_SEARCH_KEYS_MAX keys. */
#ifndef KH_PACS_BRIDGE_ASKED_H
#define KH_PACS_BRIDGE_ASKED_H

#include "base/buf.h"
#include "cache/search.h"
#include "dicom/shim/assoc.h"

typedef struct kh_asked {
    kh_level level;
    bool has_level;                           /* it could be read */
    bool relational;                          /* unique keys above the level may be left out */
    bool unsupported;                         /* there were keys the index does not know */
    bool wants_retrieve_ae;                   /* Retrieve AE Title (0008,0054) */
    char charset[KH_CHARSET_SIZE];            /* Specific Character Set, "" when there is none */
    kh_search_key keys[KH_SEARCH_KEYS_MAX];   /* ascending by tag; each known and not below the level */
    size_t key_count;
    kh_buf values;                            /* where the keys' values are */
} kh_asked;

/* Read the data set of a request from the association and check it. model: the context's abstract syntax. *refused is the DIMSE status
 * to answer with, 0 when all is well, and why its words; the call fails when the association does. kh_asked_release() in every case. */
KH_MUST_USE kh_status kh_asked_receive(kh_asked *out, kh_assoc *assoc, const kh_context *context, uint16_t *refused, kh_error *why,
                                       kh_error *err);
void kh_asked_release(kh_asked *asked);
/* "PATIENT", "STUDY", "SERIES" or "IMAGE". */
const char *kh_level_text(kh_level level);
/* The same for the log; "-" when there is none. */
const char *kh_asked_level_text(const kh_asked *asked);

#endif
