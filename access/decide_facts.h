/* decide_facts.h - what a decision is made of, and the decision: for rights.c, which gathers the facts, and for the tests. Not for other
 * rooms.
 * Times are wall clock, milliseconds; days are YYYYMMDD in the service's local calendar. */
#ifndef KH_ACCESS_DECIDE_FACTS_H
#define KH_ACCESS_DECIDE_FACTS_H

#include "access/decide.h"
#include "access/items.h"

/* One grant of the patient that names the subject: its site, its person, a team it is in, or every site. */
typedef struct kh_grant_fact {
    int64_t id;
    bool to_site;           /* its site, or every site: what nodes may use */
    bool withdrawn;         /* the consent, or this target of it [AZ-23, AZ-24] */
    int64_t from_ms, to_ms; /* open when from_ms <= now_ms < to_ms */
    char floor[9];          /* the first day that is open; "": no floor */
    unsigned items;
    char modalities[KH_CODES_SIZE]; /* "": any */
} kh_grant_fact;

/* The discloser's choice [AZ-26]. "": any. */
typedef struct kh_policy_fact {
    unsigned items;
    char modalities[KH_CODES_SIZE], body_parts[KH_CODES_SIZE], departments[KH_CODES_SIZE];
    int64_t delay_ms; /* since arrival */
} kh_policy_fact;

typedef struct kh_decision_facts {
    int64_t now_ms;
    /* of who asks */
    bool known_subject;        /* a person or a node that there is */
    bool admitted;             /* trained, not suspended, password not run out; a node always */
    int64_t admitted_until_ms; /* INT64_MAX: not by time */
    bool facility_open;        /* takes part and is not suspended */
    bool facility_views;       /* a viewer site */
    bool network_open;
    unsigned reader_roles; /* bit 1 << role: those that `[access] readers` adds to doctors and radiologists [AZ-9] */
    /* of what is asked for */
    bool known;          /* the facility it is of is one of access.db */
    bool own;            /* of the subject's facility */
    bool discloser_open; /* discloses, takes part and is not suspended */
    bool linked;         /* the patient has a number at the subject's facility [AZ-16] */
    bool hidden;         /* study or series, by the discloser */
    const char *study_day, *modalities, *body_parts, *departments; /* of the thing; study_day "" counts as before every floor */
    int64_t arrived_ms;
    kh_policy_fact policy;
    const kh_grant_fact *grants;
    size_t grant_count;
    int64_t emergency_id, emergency_until_ms; /* 0: none */
} kh_decision_facts;

/* Only role, person_id, scopes and facility of the subject count. */
kh_verdict kh_decide(const kh_decision_facts *facts, const kh_subject *subject, kh_verb verb, kh_kind kind);

/* Is one of the codes of `list` among those of `allowed`? "CT,SR" and "CT": yes. allowed "": yes; list "" or NULL otherwise: no. */
bool kh_decide_codes_meet(const char *allowed, const char *list);

#endif
