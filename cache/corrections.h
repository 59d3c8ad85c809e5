/* corrections.h - values that somebody put right, and patients who turned out to be one. Runs in the writer thread. */
#ifndef KH_CACHE_CORRECTIONS_H
#define KH_CACHE_CORRECTIONS_H

#include "cache/changes.h"
#include "cache/committer.h"

KH_MUST_USE kh_status kh_correct_patient(kh_write *write, int64_t change_id, int64_t patient_ref, const kh_patient_values *values,
                                         kh_error *err);
KH_MUST_USE kh_status kh_correct_study(kh_write *write, int64_t change_id, int64_t study_id, const kh_study_values *values, kh_error *err);
KH_MUST_USE kh_status kh_corrections_undo(kh_write *write, int64_t change_id, kh_error *err);

/* The row of the patient whom objects with this ID, of this study, belong to by now; 0 when nothing was joined or moved. */
KH_MUST_USE kh_status kh_corrections_patient_of(kh_write *write, int64_t facility_id, const char *patient_id, const char *study_uid,
                                                int64_t *patient_ref, kh_error *err);

#endif
