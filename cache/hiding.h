/* hiding.h - the one place where objects are hidden, shown again, or gone for good, with all counts. Runs in the writer thread. */
#ifndef KH_CACHE_HIDING_H
#define KH_CACHE_HIDING_H

#include "cache/changes.h"
#include "cache/committer.h"
#include "cache/rejection.h"

/* A row in `change`; *id is its number. facility_id 0: that of the study. */
KH_MUST_USE kh_status kh_change_note(kh_write *write, kh_change_kind kind, int64_t facility_id, int64_t patient_ref, int64_t study_id,
                                     const kh_change_author *author, int64_t *id, kh_error *err);

/* What is visible of the study (or of its series or object, when not 0) is hidden by the change; *objects: how many were. */
KH_MUST_USE kh_status kh_hide_part(kh_write *write, int64_t change_id, int64_t study_id, int64_t series_id, int64_t object_id,
                                   int64_t *objects, kh_error *err);
/* Of the study what the node told last not to have (cache/compares.h). */
KH_MUST_USE kh_status kh_hide_missing(kh_write *write, int64_t change_id, int64_t study_id, int64_t node_id, int64_t *objects,
                                      kh_error *err);
/* Of that what the node told last to have again: shown by a change of its own, and hidden as before when that is undone, as far as what
 * hid it still stands. */
KH_MUST_USE kh_status kh_show_reappeared(kh_write *write, int64_t change_id, int64_t study_id, int64_t node_id, int64_t *objects,
                                         kh_error *err);
KH_MUST_USE kh_status kh_hide_again(kh_write *write, int64_t change_id, int64_t study_id, kh_error *err);
/* What a rejection note of this facility names: now, and when it comes later. *objects: how many are hidden now. */
KH_MUST_USE kh_status kh_hide_uids(kh_write *write, int64_t change_id, int64_t facility_id, const kh_rejection *note, int64_t *objects,
                                   kh_error *err);
/* An object has just come: hidden if its UID was rejected. */
typedef struct kh_arrived {
    int64_t facility_id, study_id, series_id, object_id;
    const char *sop_instance_uid;
} kh_arrived;
KH_MUST_USE kh_status kh_hide_arrival(kh_write *write, const kh_arrived *object, kh_error *err);
KH_MUST_USE kh_status kh_show_again(kh_write *write, int64_t change_id, kh_error *err);
/* The counts of study and series made anew from their objects; an event goes out. */
KH_MUST_USE kh_status kh_recount_study(kh_write *write, int64_t study_id, kh_error *err);

#endif
