/* changes.h - what somebody says of objects after they came: rejected by the hospital (IHE IOCM), deleted here, gone at the hospital,
 * corrected. Files stay as they came, for a while or for ever; the change lives in the index, has a reason and a name, and can be undone.
 *
 * Hidden objects are in no list, stack, answer or count; they count as held, so that the same object sent again stays hidden. What a
 * rejection or a deletion names is hidden when it comes later, too.
 * Corrected values are what lists, searches and answers show, and what goes out (kh_change_outgoing()). An object that comes later under
 * a patient's old ID belongs to the patient it was joined with.
 *
 * Writes: the owner only (KH_E_DENIED otherwise). Threads: any. Reasons are 1 to 200 bytes of text for people, asked_by 1 to 64. */
#ifndef KH_CACHE_CHANGES_H
#define KH_CACHE_CHANGES_H

#include "cache/browse.h"
#include "dicom/amend.h"

#define KH_REASON_SIZE 201

typedef enum kh_change_kind {
    KH_CHANGE_REJECTED = 1, /* by a rejection note of the hospital; the reason is its title */
    KH_CHANGE_DELETED = 2,  /* by a person here */
    KH_CHANGE_GONE = 3,     /* no longer at the hospital */
    KH_CHANGE_PATIENT = 4,  /* a patient's ID, name, birth date or sex */
    KH_CHANGE_STUDY = 5,    /* a study's accession number, description or ID, or whose it is */
    KH_CHANGE_RETURNED = 6, /* at the hospital again: shown, of what KH_CHANGE_GONE hid; undone, it is hidden as before */
} kh_change_kind;

typedef struct kh_change {
    int64_t id;
    kh_change_kind kind;
    char facility[65];
    int64_t study_id;       /* 0 for a patient's */
    int64_t when_ms;        /* wall clock */
    char reason[KH_REASON_SIZE];
    char asked_by[65];
    int64_t objects;        /* hidden by it; of KH_CHANGE_RETURNED: shown again */
    int64_t undone_ms;      /* 0: it stands */
    char undone_by[65];
    bool purged;            /* the files it hid are gone for good */
} kh_change;

const char *kh_change_kind_text(kh_change_kind kind); /* "rejected", "deleted", "gone", "patient", "study", "returned" */

/* Newest first; study_id 0: all. */
typedef kh_status kh_change_visit(void *context, const kh_change *change);
KH_MUST_USE kh_status kh_change_list(kh_cache *cache, int64_t study_id, int64_t limit, kh_change_visit *visit, void *context,
                                     kh_error *err);
KH_MUST_USE kh_status kh_change_find(kh_cache *cache, int64_t id, kh_change *out, kh_error *err);

/* What a correction changed: name is that of the value, "patient_id", "accession", ... Borrowed during the call. */
typedef struct kh_change_value {
    const char *name, *was, *becomes;
} kh_change_value;
typedef kh_status kh_change_value_visit(void *context, const kh_change_value *value);
KH_MUST_USE kh_status kh_change_values(kh_cache *cache, int64_t id, kh_change_value_visit *visit, void *context, kh_error *err);

typedef struct kh_change_author {
    const char *reason, *asked_by;
} kh_change_author;

/* Hide a whole study, or one series or one object of it when those are not 0; what comes later of what was hidden stays hidden.
 * KH_E_NOT_FOUND when there is nothing to hide. */
KH_MUST_USE kh_status kh_change_delete(kh_cache *cache, int64_t study_id, int64_t series_id, int64_t object_id,
                                       const kh_change_author *author, int64_t *change_id, kh_error *err);
/* Hide a study that the hospital no longer has. */
KH_MUST_USE kh_status kh_change_gone(kh_cache *cache, int64_t study_id, const kh_change_author *author, int64_t *change_id, kh_error *err);

/* NULL members stay as they are; "" empties (not the ID). */
typedef struct kh_patient_values {
    const char *patient_id, *name_alphabetic, *name_ideographic, *name_phonetic, *birth_date, *sex;
} kh_patient_values;
/* The patient with this ID at this facility. A new ID that another patient there has already joins the two: the studies of this one become
 * the other's, who stays as he is. KH_E_NOT_FOUND; KH_E_ARG names the value; KH_E_CONFLICT when both have the same study. */
KH_MUST_USE kh_status kh_change_patient(kh_cache *cache, const char *facility, const char *patient_id, const kh_patient_values *values,
                                        const kh_change_author *author, int64_t *change_id, kh_error *err);

typedef struct kh_study_values {
    const char *accession, *description, *study_id;
    const char *patient_id; /* whose it is, at the same facility; must be known there */
} kh_study_values;
KH_MUST_USE kh_status kh_change_study(kh_cache *cache, int64_t study_id, const kh_study_values *values, const kh_change_author *author,
                                      int64_t *change_id, kh_error *err);

/* What a finding (cache/findings.h) says, done here; the finding is settled in the same transaction. KH_E_CONFLICT when it was settled
 * before. */
typedef struct kh_change_following {
    int64_t finding_id, study_id;
    int64_t missing_at;                       /* of KH_CHANGE_GONE: a node's id, of the study only what is missing there; 0: the study */
                                              /* of KH_CHANGE_RETURNED: a node's id, of the study what is there again after it was missing */
    kh_change_kind kind;                      /* KH_CHANGE_GONE, KH_CHANGE_RETURNED, KH_CHANGE_PATIENT or KH_CHANGE_STUDY */
    const char *facility, *patient_id, *to_id; /* of KH_CHANGE_PATIENT: all three; of KH_CHANGE_STUDY: to_id */
} kh_change_following;
KH_MUST_USE kh_status kh_change_follow(kh_cache *cache, const kh_change_following *what, const kh_change_author *author, int64_t *change_id,
                                       kh_error *err);

/* As it was before. Corrections of the same value are undone in the reverse order: KH_E_CONFLICT names the newer one. KH_E_CONFLICT also
 * when it was undone already. What was purged does not come back, but may be sent again. */
KH_MUST_USE kh_status kh_change_undo(kh_cache *cache, int64_t id, const char *asked_by, kh_error *err);

/* Was something with these UIDs (series and instance "" for any) here that is hidden now, and is nothing of it shown? Not any more once its
 * files are gone for good. */
KH_MUST_USE kh_status kh_change_hides(kh_cache *cache, const char *study_uid, const char *series_uid, const char *instance_uid, bool *hides,
                                      kh_error *err);

/* Objects hidden by deletions before then go for good, their files too; *objects: how many did. */
KH_MUST_USE kh_status kh_change_purge(kh_cache *cache, int64_t before_ms, int64_t *objects, kh_error *err);

/* What an object of the study says otherwise when it leaves. */
typedef struct kh_outgoing {
    size_t count; /* 0: it goes as it came */
    kh_amendment amendments[KH_AMENDMENTS_MAX]; /* texts below */
    char texts[KH_AMENDMENTS_MAX][620];
    char datetime[27];                          /* DT of the newest correction */
} kh_outgoing;
KH_MUST_USE kh_status kh_change_outgoing(kh_cache *cache, int64_t study_id, kh_outgoing *out, kh_error *err);

#endif
