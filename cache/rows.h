/* rows.h - one object's rows: patient, study, series, object, their counts, and the event. Runs in the writer thread. */
#ifndef KH_CACHE_ROWS_H
#define KH_CACHE_ROWS_H

#include "cache/committer.h"
#include "cache/facts.h"

/* The object that has a SOP Instance UID already. */
typedef struct kh_held_object {
    int64_t object_id, series_id, study_id, origin_id;
    uint64_t bytes, main_offset;
    char transfer_syntax_uid[KH_UID_SIZE];
    uint8_t sha256[KH_SHA256_SIZE];
    bool is_same; /* the new one holds the same data set; set by kh_held_settle() */
} kh_held_object;

/* *found is false when the facility has no such object. */
KH_MUST_USE kh_status kh_rows_find(kh_sql *sql, int64_t facility_id, const char *sop_instance_uid, kh_held_object *out,
                                   bool *found, kh_error *err);

typedef struct kh_row_job {
    const kh_facts *facts;
    int64_t object_id, origin_id, facility_id;
    /* Out: */
    int64_t study_id, series_id;
    bool is_held;        /* the UID is taken: nothing was written, `held` says by what */
    kh_held_object held;
    bool in_doubt;       /* set by who ran it: it failed, but the row may be there at the next start */
} kh_row_job;

/* A kh_write_function with a kh_row_job. */
KH_MUST_USE kh_status kh_rows_insert(kh_write *write, void *context, kh_error *err);

#endif
