/* search.h - the index as the Query/Retrieve information models see it (PS3.4 C.3, C.6): patients, studies, series and images that match
 * a set of keys, page by page. Each page is one short read transaction, so that nobody who reads the answers slowly holds one.
 * Patients and studies come newest first, series and images as they arrived. What arrives meanwhile may be among them or not.
 * Threads: one at a time. Limits: a page is at most KH_SEARCH_PAGE rows. */
#ifndef KH_CACHE_SEARCH_H
#define KH_CACHE_SEARCH_H

#include "cache/browse.h"
#include "dicom/image.h"
#include "dicom/tag.h"

#define KH_SEARCH_PAGE 64
#define KH_SEARCH_KEYS_MAX 64
#define KH_SEARCH_VALUE_SIZE 640 /* of kh_search_text(), NUL included */

typedef enum kh_level { KH_LEVEL_PATIENT, KH_LEVEL_STUDY, KH_LEVEL_SERIES, KH_LEVEL_IMAGE } kh_level;

/* An attribute the index can match and return. */
typedef struct kh_search_attribute {
    kh_tag tag;
    kh_vr vr;
    kh_level level;
    bool unique; /* the unique key of its level */
    int field;   /* private */
    kh_tag within; /* 0; or the sequence in whose items it stands: matched there, item by item, and returned with the sequence */
} kh_search_attribute;

/* NULL when the index does not know the attribute, or only within a sequence. */
const kh_search_attribute *kh_search_attribute_find(kh_tag tag);
/* The attribute as it stands in items of the sequence. A key with its tag asks for it there. */
const kh_search_attribute *kh_search_attribute_within(kh_tag sequence, kh_tag tag);
/* The whole table, ascending by tag. */
const kh_search_attribute *kh_search_attribute_table(size_t *count);
const kh_search_attribute *kh_search_unique(kh_level level);

typedef struct kh_search_key {
    kh_tag tag;
    const char *value; /* UTF-8, several values with backslashes; "" matches all */
} kh_search_key;

typedef struct kh_search_row {
    kh_study study;             /* its patient in it; at patient level only that */
    kh_series series;           /* from series level on */
    kh_object object;           /* at image level; sha256 is not set */
    char timezone[17];          /* of the study */
    kh_person_name referring;   /* of the study; empty of one that was indexed before all groups were */
    char pps_date[9], pps_time[17], request[KH_REQUEST_SIZE]; /* of the series; request as facts.h has it */
    int64_t patient_row;        /* id of the patient */
    int64_t main_offset;        /* of the object's data set in its file */
    kh_object_place place;      /* at image level */
    kh_pixel_format format;     /* at image level, with KH_SEARCH_FORMATS; rows 0: no picture */
    int64_t patient_studies, patient_series, patient_objects, patient_away; /* at patient level */
} kh_search_row;

/* The value of an attribute as UTF-8, several values separated by commas only for codes of a study; "" when there is none. A name as
 * "alphabetic=ideographic=phonetic". */
void kh_search_text(const kh_search_row *row, const kh_search_attribute *attribute, char out[KH_SEARCH_VALUE_SIZE]);

/* The same of one item of a sequence; item: a line of kh_search_row.request. */
void kh_search_item_text(const char *item, const kh_search_attribute *attribute, char out[KH_SEARCH_VALUE_SIZE]);

typedef struct kh_search kh_search;

/* Keys of attributes that the index does not know or that lie below level are passed over. KH_E_ARG and KH_E_LIMIT name the key. */
KH_MUST_USE kh_status kh_search_open(kh_search **out, kh_cache *cache, kh_level level, const kh_search_key *keys, size_t key_count,
                                     kh_error *err);
/* The same with flags: */
#define KH_SEARCH_FUZZY 1u   /* names are matched as kh_match_create_words() does */
#define KH_SEARCH_FORMATS 2u /* rows at image level tell the format of their pictures */
#define KH_SEARCH_EMPTY 4u   /* a key of two quotation marks matches what was not told */
#define KH_SEARCH_EVERY 8u   /* of several codes each must be there, not one */
KH_MUST_USE kh_status kh_search_open_with(kh_search **out, kh_cache *cache, kh_level level, const kh_search_key *keys, size_t key_count,
                                          unsigned flags, kh_error *err);
/* Before the first page: rows that the scope (scope.h) does not allow are not there, neither to be given nor to be counted. scope is
 * borrowed until free; NULL: everything. */
void kh_search_within(kh_search *search, const kh_scope *scope);
void kh_search_free(kh_search *search);
/* The next rows, borrowed until the next call; a page may be empty although more follow: rows that are many and do not match are looked
 * through piece by piece, so that a query can be stopped. *more is false with the last page. */
KH_MUST_USE kh_status kh_search_page(kh_search *search, const kh_search_row **rows, size_t *count, bool *more, kh_error *err);

/* The same without keeping a page: take gets each match, in one read transaction of a few thousand rows looked at; it does no I/O. The
 * reading ends behind a match that it calls *enough; what it returns other than KH_OK ends it too and is given back. */
typedef kh_status kh_search_take(void *context, const kh_search_row *row, bool *enough, kh_error *err);
KH_MUST_USE kh_status kh_search_some(kh_search *search, kh_search_take *take, void *context, bool *more, kh_error *err);

/* How many matches follow those that were given. Counted up to most; where every row has to be compared, compared_max rows at most
 * are, unless a UID, a patient ID or an accession number leads to them.
 * *exact: there are so many and no more; else there are at least so many. Ends early, with what it has, when *stop(). */
typedef struct kh_search_counting {
    int64_t most, compared_max;
    bool (*stop)(const void *context);
    const void *context;
} kh_search_counting;
KH_MUST_USE kh_status kh_search_count(kh_search *search, const kh_search_counting *how, int64_t *count, bool *exact, kh_error *err);

/* Every row, in one read transaction: visit does no I/O. KH_E_LIMIT when there are more than rows_max; what visit returns other than
 * KH_OK ends it and is given back. */
typedef kh_status kh_search_visit(void *context, const kh_search_row *row, kh_error *err);
KH_MUST_USE kh_status kh_search_all(kh_search *search, int64_t rows_max, kh_search_visit *visit, void *context, kh_error *err);

/* True when value is one value without wild cards that the attribute's VR can hold: as unique keys above the level must be. */
bool kh_search_is_single(const kh_search_attribute *attribute, const char *value);

#endif
