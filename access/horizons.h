/* horizons.h - horizons (rights.h) that were read lately, so that the next list of the same subject, or its total, does not go along its
 * patients' links and grants again. A horizon is shared by all who use it and never changed. It counts for the epoch it was read in, and
 * KH_HORIZON_KEPT_MS at most, for what ends or begins by the day; each row of a list is decided by itself all the same, so that one that is
 * too wide opens nothing.
 * Bounded: KH_HORIZONS_MAX of them, of KH_HORIZONS_ROWS_MAX patients (130 bytes each) and grants (48) together; those that were not used
 * the longest go.
 * Threads: any; one lock, held for a look along the table. */
#ifndef KH_ACCESS_HORIZONS_H
#define KH_ACCESS_HORIZONS_H

#include <stdatomic.h>
#include "access/horizon_grants.h"
#include "access/rights.h"

#define KH_HORIZONS_MAX 64
#define KH_HORIZONS_ROWS_MAX ((size_t)800000)
#define KH_HORIZON_KEPT_MS 60000

typedef struct kh_horizons kh_horizons;

struct kh_horizon_kept {
    _Atomic unsigned uses;
    int64_t person_id, facility_id; /* whose */
    kh_person_role role;
    unsigned scopes;
    uint64_t epoch;           /* before the first row was read */
    int64_t read_ms, used_ms; /* monotonic; used_ms by the table's lock */
    bool no_parts;            /* no discloser opens by body part or department */
    uint64_t mark;            /* as in kh_horizon */
    char own_facility[65];
    kh_scope_patient *patients;
    size_t count;
    kh_horizon_grants grants; /* of patients[i] */
};

KH_MUST_USE kh_status kh_horizons_create(kh_horizons **out, kh_error *err);
void kh_horizons_free(kh_horizons *horizons);
/* NULL: none is kept. Otherwise used once more: kh_horizon_unuse(). */
struct kh_horizon_kept *kh_horizons_get(kh_horizons *horizons, const kh_subject *subject, uint64_t epoch);
/* Used once more when it is taken; one that does not fit is not. */
void kh_horizons_put(kh_horizons *horizons, struct kh_horizon_kept *kept);
/* What a decision needs to know of a patient, when it is known here: its grants and its link. False: to be read. */
bool kh_horizon_facts(const struct kh_horizon_kept *kept, const char *facility, const char *number, kh_gathered *out);
/* Frees it with the last use. NULL is welcome. */
void kh_horizon_unuse(struct kh_horizon_kept *kept);

#endif
