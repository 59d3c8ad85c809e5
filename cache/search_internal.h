/* search_internal.h - what the files of the search share. */
#ifndef KH_CACHE_SEARCH_INTERNAL_H
#define KH_CACHE_SEARCH_INTERNAL_H

#include "base/buf.h"
#include "cache/match.h"
#include "cache/scope_internal.h"
#include "cache/search.h"
#include "store/sql.h"

/* Rows looked at in one transaction before others get their turn. */
#define KH_SEARCH_SCANNED_MAX 4000

/* Which key leads to the rows; the others are matched on each. The most telling that the query has is taken. */
typedef enum kh_search_way {
    KH_BY_OBJECT,
    KH_BY_SERIES,
    KH_BY_STUDY,
    KH_BY_PATIENT,
    KH_BY_ACCESSION,
    KH_BY_NAME,
    KH_BY_TEXT,
    KH_BY_MODALITY,
    KH_BY_ALL,
    KH_SEARCH_WAYS
} kh_search_way;

#define KH_SEARCH_NAME_SIZE 4104 /* a folded name and some */

typedef struct kh_search_condition {
    const kh_search_attribute *attribute;
    kh_match *match;
} kh_search_condition;

struct kh_search {
    kh_cache *cache;
    kh_level level;
    kh_search_way way;
    const char *lead;          /* ?2: what the way's key must be; of a match, or the pieces */
    const char *earliest;      /* day; "" when open; of a match */
    kh_buf pieces;             /* of the text index */
    const kh_match *named;     /* a name whose beginning, or the readings of whose words, are told; NULL: none */
    const char *readings[2];   /* kh_match_readings() of it */
    kh_buf names;              /* patients of that name, in JSON */
    bool settled;              /* a page was read: the way stays */
    const kh_scope *scope;     /* NULL: everything */
    kh_study trimmed;          /* the study of the last row of others, with the counts that its scope leaves; id 0: none */
    int64_t allowed_series;    /* of the last row of others; 0: none */
    kh_search_condition conditions[KH_SEARCH_KEYS_MAX];
    size_t condition_count;
    char date[17], time[17];   /* where the next page begins, with id */
    int64_t id;
    int64_t taken;             /* matches given so far */
    unsigned flags;
    bool formats;
    size_t row_count;
    kh_search_row row;         /* the one read last */
    kh_search_row rows[KH_SEARCH_PAGE];
};

/* The rows of one statement; the text values are copies, as rows advance the originals. */
typedef struct kh_search_reading {
    kh_sql *sql;
    kh_sql_row *row;
    char date[17], time[17];
} kh_search_reading;

/* search_ways.c: the way to the rows, once all conditions are known; pieces is initialised. */
KH_MUST_USE kh_status kh_search_choose_way(kh_search *search, kh_error *err);
/* The next limit rows along it, in a read transaction; kh_search_end_reading() in every case, sql may be NULL there. */
KH_MUST_USE kh_status kh_search_begin_reading(kh_search_reading *of, kh_search *search, kh_sql *sql, int64_t limit, kh_error *err);
void kh_search_end_reading(kh_search_reading *of, kh_sql *sql);
/* The range of patient_name.key that a name's beginning takes, [from, to); to has room for a few bytes more than KH_FOLD_COMPONENT_MAX. */
void kh_search_name_range(const kh_search *search, char from[KH_SEARCH_NAME_SIZE], char to[KH_SEARCH_NAME_SIZE]);
/* Where a search begins that no day bounds. */
void kh_search_begin_at_latest(kh_search *search);

/* search.c: the matches among the next scanned_max rows, in one read transaction. */
KH_MUST_USE kh_status kh_search_read_some(kh_search *search, int64_t scanned_max, kh_search_take *take, void *context, bool *more,
                                          kh_error *err);
/* search_attributes.c: false when the attribute is no name. */
bool kh_search_name(const kh_search_row *row, const kh_search_attribute *attribute, kh_person_name *out);
/* search_rows.c: what the statements of search_ways.c select at this level. */
void kh_search_read_row(kh_sql_row *row, kh_level level, kh_search_row *out);
/* What no join tells: counts of a patient, of what the scope leaves; the format of an image. */
KH_MUST_USE kh_status kh_search_count_patient(kh_sql *sql, const kh_scope *scope, kh_search_row *out, kh_error *err);
KH_MUST_USE kh_status kh_search_read_format(kh_sql *sql, kh_search_row *out, kh_error *err);

#endif
