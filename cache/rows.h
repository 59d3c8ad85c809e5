/* rows.h - one object's rows: patient, study, series, object, their counts, and the event. Runs in the writer thread. */
#ifndef KH_CACHE_ROWS_H
#define KH_CACHE_ROWS_H

#include "cache/committer.h"
#include "cache/facts.h"

/* The object that has a SOP Instance UID already. */
typedef struct kh_held_object {
    int64_t object_id, series_id, study_id, origin_id;
    int64_t file_id; /* 0: it is away, at the hospital */
    uint64_t bytes, main_offset;
    char transfer_syntax_uid[KH_UID_SIZE];
    uint8_t sha256[KH_SHA256_SIZE];
    bool is_hidden;  /* see cache/changes.h */
    bool is_same;    /* the new one holds the same data set; set by kh_held_settle() */
    bool is_replaced; /* other bytes, and the rule is that the newer stays: give it this one's place; set by kh_held_settle() */
    bool is_missing; /* its own file is gone or cut, the new one is the same file: give it this one; set by kh_held_settle() */
} kh_held_object;

/* *found is false when the facility has no such object. */
KH_MUST_USE kh_status kh_rows_find(kh_sql *sql, int64_t facility_id, const char *sop_instance_uid, kh_held_object *out,
                                   bool *found, kh_error *err);

typedef struct kh_row_job {
    const kh_facts *facts;
    int64_t object_id;       /* taken for it; the number of its file */
    int64_t origin_id, facility_id;
    int64_t missing_file_id; /* of the one that has the UID: its file was looked at and is gone or cut; 0: it was not */
    int64_t replaced_file_id; /* of the one that has the UID and is to go, its file being kept beside already; 0: none */
    /* Out: */
    int64_t kept_id;         /* of the object: object_id, or the id it had before it was away */
    int64_t study_id, series_id;
    bool is_held;        /* the UID is taken: nothing was written, `held` says by what. What was away and has come back is not held */
    kh_held_object held;
    bool in_doubt;       /* set by who ran it: it failed, but the row may be there at the next start */
} kh_row_job;

/* The row of the patient whom an object with these facts belongs to, made when there is none. */
KH_MUST_USE kh_status kh_rows_patient(kh_write *write, int64_t facility_id, const kh_facts *facts, int64_t *id, kh_error *err);

/* The rows of an object whose UID is free. For kh_rows_insert() and its kin. */
KH_MUST_USE kh_status kh_rows_add(kh_write *write, kh_row_job *job, kh_error *err);
/* job->held was away, or its file is missing: its row gets the file when what came is what went, else it goes and the object has new rows
 * (returned.c). */
KH_MUST_USE kh_status kh_rows_return(kh_write *write, kh_row_job *job, kh_error *err);

/* A kh_write_function with a kh_row_job. */
KH_MUST_USE kh_status kh_rows_insert(kh_write *write, void *context, kh_error *err);

#endif
