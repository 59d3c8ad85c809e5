/* rights.h - the one way to a decision: every path asks here (tiles, lists, counts, DICOMweb, DIMSE, events). Verdicts are kept by subject
 * and study for the epoch they were made in and until their time: asking again costs one look into a table, no lock, no memory; asking
 * first a few reads of access.db. Threads: any. */
#ifndef KH_ACCESS_RIGHTS_H
#define KH_ACCESS_RIGHTS_H

#include "access/access.h"
#include "access/decide.h"
#include "cache/scope.h"

typedef struct kh_rights kh_rights;

KH_MUST_USE kh_status kh_rights_create(kh_rights **out, kh_access *access, kh_error *err);
void kh_rights_free(kh_rights *rights);
/* `[access] readers`: roles that read others' images beside doctors and radiologists, as a sum of 1 << role. Before the first question. */
void kh_rights_set_readers(kh_rights *rights, unsigned roles);
/* Days after which a password that was not changed lets nobody in [KN-13], tokens neither; 0: never. Before the first question. */
void kh_rights_set_password_days(kh_rights *rights, int64_t days);

/* What of a study, series or object decides. All of it the caller's, from the index. */
typedef struct kh_matter {
    kh_kind kind;
    const char *facility, *patient_id;  /* whose: code of the discloser and the ID there */
    const char *study_uid, *series_uid; /* NULL where it is not of one */
    const char *study_date;             /* YYYYMMDD, "" when not told: then the day of arrival counts */
    const char *modalities;             /* "CT,SR" of a study, "CT" of a series */
    const char *body_parts;  /* Body Part Examined, the same way; NULL: not told, and then closed where a discloser names those it opens */
    const char *departments; /* Institutional Department Name, the same way */
    int64_t arrived_ms;      /* first object, wall clock */
    int64_t key;             /* of the index: study id, or the negative of a series id; 0: not to be kept */
} kh_matter;

/* Whose images a subject may find at all, so that a list looks at no others: its own facility, if the role reads images there, and the
 * patients whose grants are open. Each row of the list is decided by itself all the same. */
typedef struct kh_horizon {
    bool everything;                  /* not limited; never for persons or nodes while accounts are on */
    char own_facility[65];            /* "" none */
    const kh_scope_patient *patients; /* sorted; shared with whoever asks the same in this epoch, until release */
    size_t count;
    uint64_t
        mark; /* another one when grants, emergencies, or what the disclosers of its patients open, are others: the same patients may show other studies */
    bool no_parts; /* no discloser's policy asks for body parts or departments of studies, in this epoch */
    struct kh_horizon_kept *kept;
} kh_horizon;
KH_MUST_USE kh_status kh_rights_horizon(kh_rights *rights, const kh_subject *subject, kh_horizon *out, kh_error *err);
void kh_horizon_release(kh_horizon *horizon);

/* Failing to read is KH_E_*: nothing is allowed then. */
KH_MUST_USE kh_status kh_rights_decide(kh_rights *rights, const kh_subject *subject, kh_verb verb, const kh_matter *matter, kh_verdict *out,
                                       kh_error *err);
/* The same for the rows of a list: what all of them need of access.db is read once. shared: of this subject, one at a time. */
typedef struct kh_rights_shared kh_rights_shared;
KH_MUST_USE kh_status kh_rights_shared_create(kh_rights_shared **out, kh_error *err);
/* horizon: of the same subject, until the shared are freed: what its patients' grants are is not read again while they are what they
 * were. */
void kh_rights_shared_within(kh_rights_shared *shared, const kh_horizon *horizon);
/* NULL is welcome. */
void kh_rights_shared_free(kh_rights_shared *shared);
KH_MUST_USE kh_status kh_rights_decide_with(kh_rights *rights, kh_rights_shared *shared, const kh_subject *subject, kh_verb verb,
                                            const kh_matter *matter, kh_verdict *out, kh_error *err);
/* Only what was decided before in this epoch: on HTTP threads, which do not wait. False: ask kh_rights_decide() on a worker. */
bool kh_rights_known(kh_rights *rights, const kh_subject *subject, kh_verb verb, kh_kind kind, int64_t key, kh_verdict *out);

/* May its facility do anything at all now, and is the network open? For a node that stays connected. */
KH_MUST_USE kh_status kh_rights_open(kh_rights *rights, const kh_subject *node, bool *out, kh_error *err);

/* A node of the cache, by its name and facility, as a subject. */
KH_MUST_USE kh_status kh_rights_node(kh_rights *rights, const char *name, const char *facility, kh_subject *out, kh_error *err);

#endif
