/* scope.h - whose studies a list or a search may show [AZ-17]: those of one facility, and of patients that are named those which the caller
 * allows one by one. The cache knows neither who asks nor why; a scope of NULL is everything.
 * A study of which only some series are allowed is shown with the counts and the modalities of these.
 * Threads: a scope is not changed while it is in use; otherwise as `allows`, which may read other databases than the index. */
#ifndef KH_CACHE_SCOPE_H
#define KH_CACHE_SCOPE_H

#include "cache/browse.h"

typedef struct kh_scope_patient {
    char facility[65], patient_id[65];
} kh_scope_patient;

/* series NULL: the study. Of them is told: ids, UIDs, facility and ID of the patient, date, modalities, body parts, departments, first
 * arrival. Failing ends the list. */
typedef kh_status kh_scope_allows(void *context, const kh_study *study, const kh_series *series, bool *allowed, kh_error *err);

struct kh_scope {
    char own_facility[65];            /* everything of it; "" none */
    const kh_scope_patient *patients; /* of others; ascending by facility, then ID; borrowed */
    size_t patient_count;
    bool no_parts;                    /* no decision asks for body parts or departments: they are not read */
    bool any_patient;                 /* of others, each is asked for: where UIDs lead to the rows, a list of patients is not needed */
    kh_scope_allows *allows;
    void *context;
    int64_t few; /* with more patients than that going through all rows is as good as going through theirs; 0: KH_SCOPE_FEW */
};
#define KH_SCOPE_FEW 20000

/* May it be shown? What is not allowed of it is taken off its counts. */
KH_MUST_USE kh_status kh_scope_study(kh_cache *cache, const kh_scope *scope, kh_study *study, bool *allowed, kh_error *err);
/* study: whose series it is. */
KH_MUST_USE kh_status kh_scope_series(const kh_scope *scope, const kh_study *study, const kh_series *series, bool *allowed, kh_error *err);
/* What a decision on the study needs to know of its series. */
KH_MUST_USE kh_status kh_scope_read_parts(kh_cache *cache, kh_study *study, kh_error *err);
/* Not of the own facility: decided one by one. */
bool kh_scope_is_foreign(const kh_scope *scope, const kh_study *study);

#endif
