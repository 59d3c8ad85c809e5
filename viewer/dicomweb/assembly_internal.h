/* assembly_internal.h - what the files of an assembly share.
 *   assembly.c         the parts, and the data sets in them
 *   assembly_values.c  the values that data sets name, and the parts that are them
 *   assembly_media.c   what a value's media type says
 *   assembly_write.c   one object as a file
 *   assembly_check.c   whether pixel data are what the attributes say */
#ifndef KH_VIEWER_DICOMWEB_ASSEMBLY_INTERNAL_H
#define KH_VIEWER_DICOMWEB_ASSEMBLY_INTERNAL_H

#include "dicom/json_read.h"
#include "dicom/syntax.h"
#include "store/digest.h"
#include "viewer/dicomweb/assembly.h"
#include "viewer/dicomweb/json_split.h"

/* ---- assembly_media.c ---- */

typedef enum kh_value_kind { KH_VALUE_BYTES, KH_VALUE_CODESTREAM, KH_VALUE_DOCUMENT } kh_value_kind;

typedef struct kh_value_media {
    kh_value_kind kind;
    kh_codec_kind codec;         /* of a codestream */
    const char *named, *usual;   /* its transfer syntax: as the part names it, or NULL; what the type means by itself when nothing tells */
} kh_value_media;

/* KH_E_FORMAT names what of the type, or of its transfer-syntax, is not served. content_type NULL: application/octet-stream. */
KH_MUST_USE kh_status kh_value_media_read(kh_value_media *out, const char *content_type, kh_error *err);
/* Is every codestream of transfer syntax `narrow` one of `wide`, too? */
bool kh_syntax_holds(const char *wide, const char *narrow);

/* ---- assembly_values.c ---- */

#define KH_NO_PIECE UINT32_MAX

/* A part, in the spool. */
typedef struct kh_value_piece {
    uint64_t offset, size;
    uint32_t next; /* of the same value; KH_NO_PIECE */
} kh_value_piece;

typedef struct kh_value {
    uint8_t key[KH_SHA256_SIZE]; /* of its absolute URI */
    kh_status status;            /* of keeping its parts */
    kh_value_media media;        /* of the first part; of all */
    uint64_t size;               /* of all parts */
    uint32_t count, first, last; /* pieces */
} kh_value;

typedef struct kh_values {
    kh_value *values;
    kh_value_piece *pieces;
    uint32_t *slots; /* numbers of values, from 1, by the first bytes of their keys */
    size_t value_count, value_capacity, piece_count, piece_capacity, slot_count;
} kh_values;

void kh_values_release(kh_values *values);
/* The value of a URI; NULL when none has been named so. Borrowed until the next is added. */
KH_MUST_USE kh_status kh_values_find(kh_value **out, const kh_values *values, const char *base, const char *uri, kh_error *err);
/* Name one; again is welcome. */
KH_MUST_USE kh_status kh_values_add(kh_values *values, size_t max, const char *base, const char *uri, kh_error *err);
KH_MUST_USE kh_status kh_values_add_piece(kh_values *values, kh_value *value, uint64_t offset, uint64_t size, kh_error *err);

/* ---- assembly.c ---- */

typedef struct kh_assembly_set {
    uint64_t offset; /* of its JSON in the spool */
    size_t size;
    kh_stow_object object; /* as far as its UIDs can be read; failure when it can be nothing */
} kh_assembly_set;

struct kh_assembly {
    kh_assembly_options options;
    char base[KH_DICOMWEB_ADDRESS_SIZE + 96];
    uint64_t spool_bytes;
    kh_values values;
    kh_assembly_set *sets;
    size_t set_count, set_capacity, stray_count;

    /* The part at hand: */
    enum { KH_PART_USELESS, KH_PART_METADATA, KH_PART_VALUE } part;
    bool seen_part;
    uint32_t value_number;
    uint64_t value_offset;
    kh_json_split split;
    kh_buf xml;
    bool xml_too_large;
};

KH_MUST_USE kh_status kh_assembly_parse(kh_json **out, const char *text, size_t size, kh_error *err);
/* Of attributes and items of one data set. */
#define KH_ASSEMBLY_ELEMENTS_MAX 1000000
extern const kh_tag kh_assembly_left_out[];

/* ---- assembly_check.c ---- */

/* The file that was written: is its pixel data what the attributes say? value: of compressed pixel data, with its transfer syntax; NULL.
 * KH_E_CONFLICT. */
KH_MUST_USE kh_status kh_assembly_check(const kh_assembly *assembly, int fd, const kh_value *value, const char *syntax, kh_error *err);
/* The transfer syntax of a value's codestreams. KH_E_CONFLICT when they are not of that which the parts name. */
KH_MUST_USE kh_status kh_assembly_syntax(const char **out, const kh_assembly *assembly, const kh_value *value, kh_error *err);

#endif
