/* refresh.h - what follows from the texts of a study and its patient: the text that is searched. Runs in the writer thread. */
#ifndef KH_CACHE_REFRESH_H
#define KH_CACHE_REFRESH_H

#include "cache/committer.h"

KH_MUST_USE kh_status kh_refresh_search(kh_write *write, int64_t study_id, kh_error *err);
/* The patient's name stands in the text of each of his studies. */
KH_MUST_USE kh_status kh_refresh_search_of(kh_write *write, int64_t patient_ref, kh_error *err);

/* After a correction: the text, the revision, and an event for whoever shows it. */
KH_MUST_USE kh_status kh_refresh_study(kh_write *write, int64_t study_id, kh_error *err);
KH_MUST_USE kh_status kh_refresh_patient(kh_write *write, int64_t patient_ref, kh_error *err);

#endif
