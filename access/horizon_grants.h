/* horizon_grants.h - the grants of the patients of a horizon, packed, so that the rows of a list are decided without reading access.db for
 * each: what gather.c reads of one patient (that it is linked, which grants name the subject, also those that have ended), read of all of
 * them at once. The decision stays that of decide.c; whoever is not known here is read as ever.
 * Bounded: KH_HORIZON_GRANTS_MAX grants of 48 bytes, KH_HORIZON_CODES_MAX different lists of modalities; who would be beyond is not known.
 * Threads: filled by one, never changed afterwards. */
#ifndef KH_ACCESS_HORIZON_GRANTS_H
#define KH_ACCESS_HORIZON_GRANTS_H

#include "access/gather.h"

#define KH_HORIZON_GRANTS_MAX ((size_t)400000)
#define KH_HORIZON_CODES_MAX 256

typedef struct kh_horizon_grant kh_horizon_grant;

typedef struct kh_horizon_grants {
    uint32_t *first; /* of patient i: grants first[i] to first[i + 1]; none: not known */
    size_t patients, patients_room;
    kh_horizon_grant *grants;
    size_t count, room;
    char (*codes)[KH_CODES_SIZE];
    size_t codes_count;
    bool incomplete; /* the patient that is being read is not known */
} kh_horizon_grants;

/* A grant of the patient that comes next, in the order in which gather.c has them. */
KH_MUST_USE kh_status kh_horizon_grants_add(kh_horizon_grants *of, const kh_grant_fact *grant, kh_error *err);
/* Of this patient that was all. */
KH_MUST_USE kh_status kh_horizon_grants_keep(kh_horizon_grants *of, kh_error *err);
/* What was added since the last patient is of nobody. */
void kh_horizon_grants_drop(kh_horizon_grants *of);
/* False: not known. out: its grants and that it is linked. */
bool kh_horizon_grants_get(const kh_horizon_grants *of, size_t patient, kh_gathered *out);
void kh_horizon_grants_release(kh_horizon_grants *of);

#endif
