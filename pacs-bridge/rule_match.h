/* rule_match.h - is a rule about a study, and which earlier studies does it want? Pure functions; why says it in words without patient
 * data. */
#ifndef KH_PACS_BRIDGE_RULE_MATCH_H
#define KH_PACS_BRIDGE_RULE_MATCH_H

#include "cache/browse.h"
#include "cache/rules.h"

#define KH_WHY_SIZE 200

typedef struct kh_rule_subject {
    const kh_study *study;
    const kh_series *series;
    size_t series_count;
    const char *sources; /* names of where its objects came from, separated by commas */
} kh_rule_subject;

/* fits (may be NULL): for each series whether it is one that makes the rule fit. */
bool kh_rule_fits(const kh_rule *rule, const kh_rule_subject *subject, bool *fits, char why[KH_WHY_SIZE]);

/* An earlier study as the hospital tells of it. */
typedef struct kh_prior {
    const char *date;       /* YYYYMMDD or "" */
    const char *modalities; /* codes separated by commas; "" when not told */
    const char *body_parts;
} kh_prior;
/* Only the day: decided before its series are asked for. */
bool kh_prior_day_fits(const kh_rule *rule, const kh_study *study, const kh_prior *prior, char why[KH_WHY_SIZE]);
bool kh_prior_fits(const kh_rule *rule, const kh_rule_subject *subject, const kh_prior *prior, char why[KH_WHY_SIZE]);
/* Must its series be asked for to decide? */
bool kh_prior_needs_series(const kh_rule *rule, const kh_prior *prior);

/* Is one of the codes in the list? Both separated by commas, spaces around them do not count. */
bool kh_rule_codes_meet(const char *list, const char *codes);

#endif
