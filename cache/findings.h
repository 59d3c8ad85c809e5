/* findings.h - how what is held differs from what its hospital has by now, as found by comparing (cache/compares.h): for a person, or a
 * rule of the configuration, to follow or to leave. Following one is a change (cache/changes.h) and is undone as one. One that was left, or
 * undone, is not made again while the hospital says the same; one that no longer holds is over.
 * here and there are patient IDs: data, never for a log. Writes: the owner only. Threads: any. */
#ifndef KH_CACHE_FINDINGS_H
#define KH_CACHE_FINDINGS_H

#include "cache/changes.h"

typedef enum kh_finding_kind {
    KH_FINDING_GONE = 1,     /* the hospital no longer has the study */
    KH_FINDING_PATIENT = 2,  /* it has the study under another patient ID: merged, or filed anew */
    KH_FINDING_INSTANCES = 3, /* it has only a part of what it gave us of the study */
    KH_FINDING_RETURNED = 4,  /* it has the study again that was hidden here as gone */
    KH_FINDING_REAPPEARED = 5 /* it has objects again that were hidden here as missing there */
} kh_finding_kind;

typedef enum kh_finding_state {
    KH_FINDING_OPEN,
    KH_FINDING_APPLIED,   /* by change_id */
    KH_FINDING_DISMISSED, /* left as it is */
    KH_FINDING_OVER       /* the hospital says otherwise again, or study or node are no longer known here */
} kh_finding_state;

typedef struct kh_finding {
    int64_t id;
    kh_finding_kind kind;
    kh_finding_state state;
    int64_t node_id;
    int64_t study_id;         /* negative when the study is no longer here */
    char study_uid[KH_UID_SIZE];
    char here[65], there[65]; /* of KH_FINDING_PATIENT */
    int64_t missing;          /* of KH_FINDING_INSTANCES: objects that are not there; of KH_FINDING_REAPPEARED: that are again */
    int64_t since_ms;         /* wall clock; first seen so */
    int64_t noticed_ms;
    int64_t ended_ms;         /* applied, dismissed, over; 0: open */
    char ended_by[65];
    int64_t change_id;        /* 0: none */
    bool undone;              /* that change was undone */
} kh_finding;

const char *kh_finding_kind_text(kh_finding_kind kind);    /* "gone", "patient", "instances", "returned", "reappeared" */
const char *kh_finding_state_text(kh_finding_state state); /* "open", "applied", "dismissed", "over" */

typedef kh_status kh_finding_visit(void *context, const kh_finding *finding);
/* Newest first, ids below before_id (INT64_MAX: from the newest). */
KH_MUST_USE kh_status kh_finding_list(kh_cache *cache, bool open_only, int64_t before_id, int64_t limit, kh_finding_visit *visit,
                                      void *context, kh_error *err);
KH_MUST_USE kh_status kh_finding_find(kh_cache *cache, int64_t id, kh_finding *out, kh_error *err);
/* How many are open. */
KH_MUST_USE kh_status kh_finding_count_open(kh_cache *cache, int64_t *count, kh_error *err);

/* Do here what the hospital did: hide the study, or of it what is not there; show it again (*change_id is what was undone), or of it what
 * is there again (a change of its own, since other objects may stay hidden); give it to the patient with the ID there. A patient whom
 * nobody here has is the same one under a new ID when all of his studies here are told so; else KH_E_CONFLICT. KH_E_CONFLICT also when it
 * is over or applied already; KH_E_NOT_FOUND when nothing of it is shown. author->reason NULL: the kind in words. */
KH_MUST_USE kh_status kh_finding_apply(kh_cache *cache, int64_t id, const kh_change_author *author, int64_t *change_id, kh_error *err);
/* Leave it so. KH_E_CONFLICT when it is not open. asked_by: 1 to 64 bytes. */
KH_MUST_USE kh_status kh_finding_dismiss(kh_cache *cache, int64_t id, const char *asked_by, kh_error *err);

/* The oldest open one of a node and kind after this id that may be followed without asking anybody: of a study all of which, as far as it
 * is shown, this node alone gave us; one that is to be shown again only when nobody was asked before it was hidden. KH_E_NOT_FOUND without
 * a message. */
KH_MUST_USE kh_status kh_finding_next(kh_cache *cache, int64_t node_id, kh_finding_kind kind, int64_t after_id, kh_finding *out,
                                      kh_error *err);

#endif
