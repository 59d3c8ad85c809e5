/* compares.h - what is held from a node, compared with what the node has: where the comparison of each node stands, durable in the index.
 *
 * A round of a node walks the studies that it gave us (or told to have), by our id; each answer is noted as it comes. What differs is
 * believed at the end of the round or not at all, and becomes a finding (cache/findings.h): a study or objects that are not there only when
 * two rounds that were believed say so, at least so long apart; another patient at once.
 * Writes: the owner only. Times are wall clock. Threads: any. */
#ifndef KH_CACHE_COMPARES_H
#define KH_CACHE_COMPARES_H

#include "cache/browse.h"
#include "cache/findings.h"

typedef struct kh_compare {
    int64_t node_id;
    int64_t began_ms;  /* 0: a round was asked for and has not begun */
    int64_t ended_ms;  /* 0: it is under way */
    int64_t position;  /* our id of the study looked at last */
    int64_t asked;     /* studies, in this round; of these: */
    int64_t same;      /* are there as they are here */
    int64_t known;     /* differ as a finding says already */
    int64_t gone, patient, instances; /* differ otherwise, by kind */
    int64_t findings;  /* that its end made */
    bool believed;     /* how it ended */
    int32_t attempts;  /* failed in a row */
    int64_t not_before_ms;
    char reason[200];  /* why it waits, or was not believed; "" */
} kh_compare;

typedef kh_status kh_compare_visit(void *context, const kh_compare *compare);
/* KH_E_NOT_FOUND without a message when it was never compared; out->node_id is set all the same. */
KH_MUST_USE kh_status kh_compare_find(kh_cache *cache, int64_t node_id, kh_compare *out, kh_error *err);
/* By node. */
KH_MUST_USE kh_status kh_compare_list(kh_cache *cache, kh_compare_visit *visit, void *context, kh_error *err);

/* A round is due at once; one that waits for another attempt goes on at once. KH_E_NOT_FOUND when there is no such node. */
KH_MUST_USE kh_status kh_compare_request(kh_cache *cache, int64_t node_id, kh_error *err);
/* A new round: counts, position and reason start anew. */
KH_MUST_USE kh_status kh_compare_begin(kh_cache *cache, kh_compare *compare, kh_error *err);
/* All members are stored. */
KH_MUST_USE kh_status kh_compare_update(kh_cache *cache, const kh_compare *compare, kh_error *err);

/* A study to be asked for. */
typedef struct kh_compare_study {
    int64_t study_id;
    char study_uid[KH_UID_SIZE];
    int64_t pulled; /* objects that the node gave us and that are shown */
    bool hidden;    /* as gone at this node: what is asked is whether it is there again */
    int64_t missing; /* objects that are hidden as missing at this node: likewise */
    bool shown;     /* something of it is */
} kh_compare_study;
/* The next ones of the round, at most max of the facility's that this node gave us; those that are arriving, or hidden for another reason
 * than being gone there, are left out. *position moves to the last that was looked at; *end: none is behind it. A call looks at 2,000
 * studies at most. */
KH_MUST_USE kh_status kh_compare_next(kh_cache *cache, int64_t node_id, const char *facility, int64_t *position, kh_compare_study *out,
                                      size_t max, size_t *count, bool *end, kh_error *err);
/* One of them by its id; KH_E_NOT_FOUND when it would not be asked for. */
KH_MUST_USE kh_status kh_compare_one(kh_cache *cache, int64_t node_id, const char *facility, int64_t study_id, kh_compare_study *out,
                                     kh_error *err);
/* Does this ID, as the hospital tells it, name the patient of the study? What somebody here corrected is no difference. */
KH_MUST_USE kh_status kh_compare_same_patient(kh_cache *cache, int64_t study_id, const char *patient_id, bool *same, kh_error *err);
/* SOP Instance UIDs of the objects that kh_compare_study.pulled counts. */
KH_MUST_USE kh_status kh_compare_pulled(kh_cache *cache, int64_t study_id, int64_t node_id, kh_uid_visit *visit, void *context,
                                        kh_error *err);

/* Of those that kh_compare_study.missing counts. */
KH_MUST_USE kh_status kh_compare_missing(kh_cache *cache, int64_t study_id, int64_t node_id, kh_uid_visit *visit, void *context,
                                         kh_error *err);

/* What the node said of a study. */
typedef struct kh_compared {
    int64_t study_id;
    kh_finding_kind told; /* 0: as here */
    char there[65];       /* of KH_FINDING_PATIENT: the ID */
    int64_t missing;      /* of KH_FINDING_INSTANCES */
    const char *missing_uids; /* their SOP Instance UIDs, KH_UID_SIZE bytes each; borrowed */
    int64_t reappeared;       /* whatever else is told: objects that are there, of those hidden here as missing there */
    const char *reappeared_uids; /* likewise */
} kh_compared;
/* Answers, with the counts and the position of the round, in one transaction. Findings that no longer hold are over. */
KH_MUST_USE kh_status kh_compare_note(kh_cache *cache, kh_compare *compare, const kh_compared *answers, size_t count, kh_error *err);
/* An answer that somebody asked for outside the rounds: as above, but for the round, whose end decides what becomes of what is new. */
KH_MUST_USE kh_status kh_compare_note_one(kh_cache *cache, int64_t node_id, const kh_compared *answer, kh_error *err);
/* The end of a round. believed: what differed becomes findings, what is not there only when it was not there apart_ms before, either. */
KH_MUST_USE kh_status kh_compare_end(kh_cache *cache, kh_compare *compare, bool believed, int64_t apart_ms, kh_error *err);

#endif
