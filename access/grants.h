/* grants.h - what the rows of consents and grants hold, for the files of this room that read and write them. Not for other rooms. */
#ifndef KH_ACCESS_GRANTS_H
#define KH_ACCESS_GRANTS_H

/* Whom a grant is for. Stored as these numbers: never renumbered. */
typedef enum kh_target {
    KH_TARGET_SITE = 1,
    KH_TARGET_DOCTOR = 2,   /* a named person [KN-7] */
    KH_TARGET_TEAM = 3,     /* [TB-11] */
    KH_TARGET_ALL = 4,      /* every viewer site, new ones too, but those excluded [TB-8] */
    KH_TARGET_STAND_IN = 5  /* a person for a time [KI-3] */
} kh_target;
#define KH_TARGET_LAST KH_TARGET_STAND_IN

/* Does the grant g name the facility or the person (SQL)? */
#define KH_GRANT_NAMES(facility, person)                                                                                                   \
    "(g.site_ref = " facility " OR g.person_ref = " person                                                                                 \
    " OR (g.target = 4 AND NOT EXISTS (SELECT 1 FROM grant_excluded e WHERE e.grant_ref = g.id AND e.facility_ref = " facility "))"        \
    " OR (g.target = 3 AND EXISTS (SELECT 1 FROM grant_member m WHERE m.grant_ref = g.id AND m.person_ref = " person                       \
    " AND m.ended_ms = 0)))"

/* The patient of g has a number at the facility (SQL). */
#define KH_GRANT_LINKED(facility)                                                                                                           \
    "EXISTS (SELECT 1 FROM link l WHERE l.from_ref = g.patient_ref AND l.to_facility_ref = " facility " AND l.ended_ms = 0)"

/* Does anybody whom g names have the patient's number (SQL)? */
#define KH_GRANT_ANYBODY                                                                                                                          \
    "(g.target = 1 AND " KH_GRANT_LINKED("g.site_ref") ")"                                                                                  \
    " OR (g.target IN (2, 5) AND EXISTS (SELECT 1 FROM person w WHERE w.id = g.person_ref AND " KH_GRANT_LINKED("w.facility_ref") "))"      \
    " OR (g.target = 3 AND EXISTS (SELECT 1 FROM grant_member m JOIN person w ON w.id = m.person_ref WHERE m.grant_ref = g.id"              \
    "  AND m.ended_ms = 0 AND " KH_GRANT_LINKED("w.facility_ref") "))"                                                                      \
    " OR (g.target = 4 AND EXISTS (SELECT 1 FROM link k WHERE k.from_ref = g.patient_ref AND k.ended_ms = 0 AND k.to_facility_ref NOT IN"   \
    "  (SELECT facility_ref FROM grant_excluded e WHERE e.grant_ref = g.id)))"

#endif
