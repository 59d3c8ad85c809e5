/* emergency.h - a doctor or radiologist, or a nurse where `[access] readers` names nurses, opens one patient at one discloser without a
 * consent, for a reason and a time [R11]. It looks back without a floor, opens nothing hidden and lets nothing be taken. The discloser is
 * told in the same transaction, and reviews it. Other alerts to facilities (a consent was withdrawn [AZ-23]) stand in the same list. Times:
 * wall clock, milliseconds. Threads: any. */
#ifndef KH_ACCESS_EMERGENCY_H
#define KH_ACCESS_EMERGENCY_H

#include "access/patients.h"

#define KH_EMERGENCY_MIN_MS (60 * (int64_t)1000)
#define KH_EMERGENCY_MAX_MS (24 * 3600 * (int64_t)1000)
#define KH_EMERGENCY_AHEAD_MS 60000 /* one that begins later than that is over: the clock was set back since, and it must not last longer by that [R13] */

typedef struct kh_emergency_request {
    int64_t person_id;
    unsigned reader_roles;         /* those of `[access] readers`, as a sum of 1 << role */
    const char *facility, *number; /* the discloser, and the patient ID there */
    const char *reason;            /* 4 bytes or more: it is read by who reviews */
    int64_t duration_ms;           /* KH_EMERGENCY_MIN_MS to KH_EMERGENCY_MAX_MS: the setting */
} kh_emergency_request;
/* KH_E_DENIED when the role has no emergency access, which would open nothing. *until_ms: when it ends. Whether there is such a patient is
 * not told. */
KH_MUST_USE kh_status kh_emergency_open(kh_access *access, const kh_emergency_request *request, int64_t *id, int64_t *until_ms,
                                        kh_error *err);
/* Before its time. KH_E_NOT_FOUND when it is over. */
KH_MUST_USE kh_status kh_emergency_end(kh_access *access, int64_t id, kh_error *err);
/* Once: KH_E_CONFLICT when it is reviewed. text is demanded when it was not justified. */
KH_MUST_USE kh_status kh_emergency_review(kh_access *access, int64_t id, bool justified, const char *text, const char *by, kh_error *err);

typedef struct kh_emergency_row {
    int64_t id, person_id;
    char person[65], person_facility[65], facility[65], number[KH_PATIENT_NUMBER_SIZE];
    char reason[257];
    int64_t made_ms, until_ms, ended_ms, reviewed_ms; /* 0: not */
    char reviewed_by[65], review[257];
    bool justified;
} kh_emergency_row;
typedef kh_status kh_emergency_visit(void *context, const kh_emergency_row *emergency);
/* At this discloser (NULL: all), newest first; to_review: only those that are not reviewed. */
KH_MUST_USE kh_status kh_emergency_list(kh_access *access, const char *facility, bool to_review, kh_emergency_visit *visit, void *context,
                                        kh_error *err);

typedef struct kh_alert_row {
    int64_t id, ref, made_ms; /* ref: of the emergency or the consent */
    char facility[65], kind[17]; /* "emergency", "withdrawn" */
} kh_alert_row;
typedef kh_status kh_alert_visit(void *context, const kh_alert_row *alert);
/* What a facility has not seen; NULL: of all. */
KH_MUST_USE kh_status kh_alert_list(kh_access *access, const char *facility, kh_alert_visit *visit, void *context, kh_error *err);
KH_MUST_USE kh_status kh_alert_seen(kh_access *access, int64_t id, const char *by, kh_error *err);

#endif
