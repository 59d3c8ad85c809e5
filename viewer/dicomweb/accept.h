/* accept.h - content negotiation (PS3.18 8.7; RFC 9110 12.5.1): what a client takes, and which of our representations it gets.
 * The list of the query parameter "accept" comes first; the header counts when nothing of that list is served. Types and parameters of
 * both: quoted or not, in any case and order, with weights; transfer-syntax a UID or "*"; the parameters of a multipart's parts stand
 * beside "type" or inside its quotes. A missing header is taken as a wildcard (RFC 9110), and says so.
 * Threads: pure functions. Errors: KH_E_ARG that names Accept or accept. Limits: 32 ranges each, 127 bytes a type. */
#ifndef KH_VIEWER_DICOMWEB_ACCEPT_H
#define KH_VIEWER_DICOMWEB_ACCEPT_H

#include <stdbool.h>
#include "base/error.h"
#include "dicom/syntax.h"

#define KH_ACCEPT_RANGES_MAX 32
#define KH_ACCEPT_TYPE_SIZE 128

typedef struct kh_media_range {
    char type[KH_ACCEPT_TYPE_SIZE];     /* lower case, of the parts when multipart: "application/dicom", "image/" for all of image, "" for all */
    bool multipart;                    /* multipart/related; false with type "": either */
    char transfer_syntax[KH_UID_SIZE]; /* a UID, "*", or "" when none is named */
    char charset[32];                  /* lower case, "" when none is named */
    unsigned weight;                   /* thousandths; 0: refused */
} kh_media_range;

typedef struct kh_accept {
    size_t query_count, header_count;
    bool header_missing;                           /* ranges holds a wildcard in its place */
    kh_media_range query[KH_ACCEPT_RANGES_MAX];    /* of the parameter, no wildcards */
    kh_media_range header[KH_ACCEPT_RANGES_MAX];
} kh_accept;

/* query and header: the values as they came, query percent-decoded ("+" may have become a space); NULL: absent. */
KH_MUST_USE kh_status kh_accept_parse(kh_accept *out, const char *query, const char *header, kh_error *err);

/* One representation that we have. */
typedef struct kh_offer {
    const char *type;            /* lower case; of the parts when multipart */
    bool multipart;
    const char *transfer_syntax; /* NULL: the type has none */
    bool syntax_is_default;      /* meant by the type alone, without transfer-syntax */
    bool category_default;       /* meant by a wildcard */
} kh_offer;

/* The index of the best of count offers: the heaviest for the client; of equals what it names before what a wildcard takes, then what it
 * names first, then ours in their order. count when it takes none: 406. */
size_t kh_accept_choose(const kh_accept *accept, const kh_offer *offers, size_t count);

/* Is this type named without a wildcard, at any weight but 0, as single or as part? For rules on what may not be asked for together. */
bool kh_accept_names(const kh_accept *accept, const char *type);

#endif
