/* browse.h - reading the index: studies, series, objects. Ids are ours, they say nothing of the patient.
 * A study belongs to one patient of one facility: the same Study Instance UID under two patients is two studies.
 * Lists are called back row by row while a read transaction is open: callbacks do no I/O. A callback's non-OK status stops the list and is
 * returned. */
#ifndef KH_CACHE_BROWSE_H
#define KH_CACHE_BROWSE_H

#include "cache/cache.h"
#include "dicom/syntax.h"
#include "dicom/text.h"

typedef struct kh_patient {
    char facility[65];
    char patient_id[65];
    kh_person_name name;
    char birth_date[9]; /* YYYYMMDD or "" */
    char sex[2];        /* M, F, O or "" */
} kh_patient;

typedef struct kh_study {
    int64_t id;
    char study_uid[KH_UID_SIZE];
    kh_patient patient;
    char date[9], time[17]; /* as DICOM DA and TM */
    char description[200], accession[65], referring_physician[200], institution[200], study_id[65];
    char modalities[100]; /* "CT,SR", sorted */
    char body_parts[260]; /* "CHEST,HEAD", of its series; this and departments are told to a scope (scope.h) only */
    char departments[400]; /* Institutional Department Name, the same way, as it is written */
    int64_t series_count, object_count;
    int64_t image_count;  /* objects with pixels we can describe */
    int64_t frame_count;  /* of those */
    int64_t bytes;
    int64_t first_arrival_ms, last_arrival_ms; /* wall clock */
    int64_t pull_id;      /* the newest pull of it, 0 when it was pushed or imported */
    int64_t away_count;   /* objects that are at the hospital, not here: 0 none, object_count all */
    int64_t last_used_ms; /* wall clock, coarse */
    int64_t revision;     /* moves with every change below it */
    bool arriving;        /* objects came and it has not been quiet since, or the hospital has not been asked again yet */
} kh_study;

#define KH_REQUEST_SIZE 600 /* Request Attributes Sequence, as facts.h has it */

typedef struct kh_series {
    int64_t id, study_id;
    char series_uid[KH_UID_SIZE];
    char modality[17], description[200], body_part[65], protocol[200], laterality[3];
    char department[200]; /* "" also when it was stored before that was noted (renew.h) */
    int64_t number;       /* INT64_MIN when not told */
    int64_t object_count, image_count, frame_count;
    int64_t away_count; /* as of a study */
    int64_t revision;
} kh_series;

typedef struct kh_object {
    int64_t id, series_id;
    char sop_class_uid[KH_UID_SIZE], sop_instance_uid[KH_UID_SIZE], transfer_syntax_uid[KH_UID_SIZE];
    int64_t instance_number; /* INT64_MIN when not told */
    int64_t bytes;
    int64_t frame_count;     /* 0: no picture */
    bool away;               /* at the hospital, not here */
    uint8_t sha256[32];      /* of the file */
} kh_object;

typedef struct kh_scope kh_scope; /* scope.h */

typedef struct kh_study_filter {
    const char *text;      /* words; each must stand in a patient name (any script), ID, description or accession; NULL: all */
    const char *modality;  /* exact, NULL: any */
    const char *date_from, *date_to; /* YYYYMMDD inclusive, NULL: open */
    int64_t limit, offset; /* 1 to 1,000; >= 0 */
    const kh_scope *scope; /* nothing else is listed or counted; NULL: everything */
} kh_study_filter;

typedef kh_status kh_study_visit(void *context, const kh_study *study);
typedef kh_status kh_series_visit(void *context, const kh_series *series);
typedef kh_status kh_object_visit(void *context, const kh_object *object);

/* Newest study date and time first, then id. total (may be NULL): how many match without limit and offset. */
KH_MUST_USE kh_status kh_browse_studies(kh_cache *cache, const kh_study_filter *filter, kh_study_visit *visit, void *context,
                                        int64_t *total, kh_error *err);
KH_MUST_USE kh_status kh_browse_study(kh_cache *cache, int64_t study_id, kh_study *out, kh_error *err);
/* Every study with this UID, of whichever facility. */
KH_MUST_USE kh_status kh_browse_study_uid(kh_cache *cache, const char *study_uid, kh_study_visit *visit, void *context, kh_error *err);
/* By series number, then id. */
KH_MUST_USE kh_status kh_browse_series_of(kh_cache *cache, int64_t study_id, kh_series_visit *visit, void *context, kh_error *err);
KH_MUST_USE kh_status kh_browse_series(kh_cache *cache, int64_t series_id, kh_series *out, kh_error *err);
/* By instance number, then id. */
KH_MUST_USE kh_status kh_browse_objects_of(kh_cache *cache, int64_t series_id, kh_object_visit *visit, void *context, kh_error *err);
KH_MUST_USE kh_status kh_browse_object(kh_cache *cache, int64_t object_id, kh_object *out, kh_error *err);
/* Objects of the study (UID, facility) that are here: for ticking off a pull. SOP Instance UIDs only. */
typedef kh_status kh_uid_visit(void *context, const char *uid);
KH_MUST_USE kh_status kh_browse_object_uids(kh_cache *cache, const char *facility, const char *study_uid, kh_uid_visit *visit,
                                            void *context, kh_error *err);
/* How many of them each series has, series without any left out. */
typedef kh_status kh_series_count_visit(void *context, const char *series_uid, int64_t count);
KH_MUST_USE kh_status kh_browse_series_counts(kh_cache *cache, const char *facility, const char *study_uid, kh_series_count_visit *visit,
                                              void *context, kh_error *err);
/* Is this one here? */
KH_MUST_USE kh_status kh_browse_has_object(kh_cache *cache, const char *facility, const char *sop_instance_uid, bool *out, kh_error *err);
/* The file of an object, opened for reading; close(2) it. KH_E_BUSY when it is away, at the hospital. Counts as a use of the study. */
KH_MUST_USE kh_status kh_object_open(kh_cache *cache, int64_t object_id, int *fd, kh_error *err);
/* Where an object's file was when its row was read: opened without asking the index again, for those who open many. Only while no event has
 * come since (kh_page_wait_event()): else it may have been hidden. Falls back to kh_object_open(). */
typedef struct kh_object_place {
    int64_t object_id, series_id;
    int64_t origin_id, file_id; /* private */
} kh_object_place;
KH_MUST_USE kh_status kh_object_open_at(kh_cache *cache, const kh_object_place *at, int *fd, kh_error *err);

#endif
