/* qido.h - QIDO-RS (PS3.18 10.6): what the files that serve it share. */
#ifndef KH_VIEWER_DICOMWEB_QIDO_H
#define KH_VIEWER_DICOMWEB_QIDO_H

#include "base/buf.h"
#include "cache/search.h"
#include "viewer/dicomweb/internal.h"
#include "viewer/dicomweb/multipart.h"

#define KH_QIDO_FIELDS_MAX 96
#define KH_QIDO_OFFSET_MAX 10000000
#define KH_QIDO_COUNTED_MAX 10000 /* what is left is counted so far */

/* An attribute that can be returned: of the index, or made for the answer. */
typedef enum kh_qido_source {
    KH_QIDO_INDEX,
    KH_QIDO_CHARSET,
    KH_QIDO_RETRIEVE_URL,
    KH_QIDO_REQUEST, /* of a sequence, as kh_search_row.request has it */
    KH_QIDO_FRAMES,
    KH_QIDO_ROWS,
    KH_QIDO_COLUMNS,
    KH_QIDO_BITS
} kh_qido_source;

typedef struct kh_qido_attribute {
    kh_tag tag;
    kh_vr vr;
    kh_level level;             /* from this level on */
    kh_qido_source source;
    const kh_search_attribute *indexed; /* of KH_QIDO_INDEX */
    char head[24];              /* as it stands in JSON before its values, of a field of a query */
} kh_qido_attribute;

/* What can be returned at a level: 0 to *count - 1, ascending by tag. False: no such. */
bool kh_qido_attribute_at(size_t index, kh_qido_attribute *out);
bool kh_qido_attribute_find(kh_tag tag, kh_qido_attribute *out);
/* May it be asked for as a matching key at this level? within: the sequence in whose items it stands, or 0. */
bool kh_qido_matches(kh_tag within, kh_tag tag, kh_level level);
/* As a client names it; of an item of a sequence with the sequence before it. */
const char *kh_qido_keyword(const kh_qido_attribute *attribute);
kh_tag kh_qido_within(const kh_qido_attribute *attribute);
/* Left out of a row that has no value of it, instead of being empty. */
bool kh_qido_is_conditional(const kh_qido_attribute *field);
/* Is it returned at this level without being asked for? below: the address names the study (and the series) already. */
bool kh_qido_is_default(kh_tag tag, kh_level level, bool below_study, bool below_series);

typedef struct kh_qido_query {
    kh_level level;
    bool below_study, below_series; /* named by the address */
    size_t key_count;
    kh_search_key keys[KH_SEARCH_KEYS_MAX]; /* values in text */
    kh_buf text;
    size_t value_at[KH_SEARCH_KEYS_MAX];
    size_t field_count;
    kh_qido_attribute fields[KH_QIDO_FIELDS_MAX]; /* ascending by tag */
    bool all;
    unsigned flags;                 /* of kh_search_open_with() */
    int64_t limit, offset;
    char ignored[96];               /* names of keys that were not applied, ", " between them; "" */
} kh_qido_query;

/* Reads address and parameters. KH_E_ARG and KH_E_LIMIT name the parameter. kh_qido_query_release() in every case. */
KH_MUST_USE kh_status kh_qido_query_read(kh_qido_query *out, const kh_http_request *request, int64_t results_max, kh_error *err);
void kh_qido_query_release(kh_qido_query *query);

typedef enum kh_qido_form { KH_QIDO_DICOM_JSON, KH_QIDO_JSON, KH_QIDO_XML, KH_QIDO_FORMS } kh_qido_form;
#define KH_QIDO_XML_TYPE "application/dicom+xml"

/* A search under way. */
typedef struct kh_qido_run {
    kh_dicomweb *dicomweb;
    kh_http_request *request;
    size_t form; /* kh_qido_form */
    const char *type;
    kh_multipart multipart;
    char address[KH_DICOMWEB_ADDRESS_SIZE];
    kh_qido_query query;
    kh_search *search;
    kh_reach *reach; /* of who asks; NULL: everything */
    kh_buf body, part;
    size_t counted; /* of body: kh_dicomweb_count() */
    int64_t skipped, given, left;
    bool left_exact;
} kh_qido_run;

/* qido_answer.c: what body has grown by is counted; KH_E_BUSY. */
KH_MUST_USE kh_status kh_qido_count_body(kh_qido_run *r, kh_error *err);
/* Answers with the finished body; nothing was answered when this is not KH_OK. */
KH_MUST_USE kh_status kh_qido_answer(kh_qido_run *r, kh_error *err);

/* One value of a row. NULL when the row has none (the attribute is empty then). out holds it when it has to be made. */
#define KH_QIDO_VALUE_SIZE 1024
void kh_qido_value(const kh_qido_query *query, const kh_qido_attribute *field, const kh_search_row *row, const char *address,
                   char out[KH_QIDO_VALUE_SIZE]);
/* The next of several values that the VR allows; *size of it. NULL behind the last. */
const char *kh_qido_next_value(const kh_qido_attribute *field, const char **at, size_t *size);

/* Sets head of a field. */
void kh_qido_write_head(kh_qido_attribute *field);
/* Appends one row. */
KH_MUST_USE kh_status kh_qido_write_json(kh_buf *out, const kh_qido_query *query, const kh_search_row *row, const char *address, bool first,
                                         kh_error *err);
KH_MUST_USE kh_status kh_qido_write_xml(kh_buf *out, const kh_qido_query *query, const kh_search_row *row, const char *address,
                                        kh_error *err);

#endif
