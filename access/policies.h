/* policies.h - what a discloser opens of what consents open to it [AZ-26, KN-12]: items, modalities, body parts, departments, how long
 * after arrival, how far back; and studies and series it hides. Nothing of it is deleted: another policy ends the one before. In force at
 * once (access.h).
 * by: who does it. Times: wall clock, milliseconds. Threads: any. */
#ifndef KH_ACCESS_POLICIES_H
#define KH_ACCESS_POLICIES_H

#include <stdbool.h>
#include <stddef.h>
#include "access/access.h"
#include "access/items.h"

#define KH_POLICY_DELAY_MAX_MS (366 * 24 * 3600 * (int64_t)1000)

typedef struct kh_policy {
    char facility[65];
    unsigned items;                                           /* sum of KH_ITEM_; 0: nothing */
    char modalities[KH_CODES_SIZE], body_parts[KH_CODES_SIZE]; /* "CT,MR"; "": any. What tells none is shut where some are named */
    char departments[KH_CODES_SIZE]; /* the same of Institutional Department Name, letter by letter as objects have it: "放射線科,Cardiology" */
    int64_t delay_ms;    /* from arrival until it is published */
    int look_back_years; /* of consents entered from now on: as in consents.h, KH_LOOK_BACK_SETTING: the network's */
    int64_t made_ms;     /* 0: none was ever set, these are the defaults */
    char by[65];
} kh_policy;

/* KH_E_ARG with the field, KH_E_NOT_FOUND for the facility. */
KH_MUST_USE kh_status kh_policy_set(kh_access *access, const kh_policy *policy, const char *by, kh_error *err);
KH_MUST_USE kh_status kh_policy_get(kh_access *access, const char *facility, kh_policy *out, kh_error *err);

typedef struct kh_hidden {
    char facility[65];
    char study_uid[65], series_uid[65]; /* series "": the whole study */
    char reason[257], by[65];
    int64_t made_ms;
} kh_hidden;
typedef kh_status kh_hidden_visit(void *context, const kh_hidden *hidden);
/* series_uid "": the whole study. Hiding what is hidden is fine; reason is demanded. Also for studies that are not here yet. */
KH_MUST_USE kh_status kh_hide(kh_access *access, const char *facility, const char *study_uid, const char *series_uid, const char *reason,
                              const char *by, kh_error *err);
/* KH_E_NOT_FOUND when it is not hidden. */
KH_MUST_USE kh_status kh_unhide(kh_access *access, const char *facility, const char *study_uid, const char *series_uid, const char *by,
                                kh_error *err);
/* What stands; facility NULL: of every one. */
KH_MUST_USE kh_status kh_hidden_list(kh_access *access, const char *facility, kh_hidden_visit *visit, void *context, kh_error *err);

#endif
