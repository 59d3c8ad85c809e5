/* gather.h - the facts of one decision, by a few reads along indexes. Of this room only. */
#ifndef KH_ACCESS_GATHER_H
#define KH_ACCESS_GATHER_H

#include "access/decide_facts.h"
#include "access/rights.h"
#include "store/sql.h"

#define KH_GATHER_GRANTS_MAX 64 /* of one patient that name one subject: those that stand and last longest */

typedef struct kh_gathered {
    kh_decision_facts facts; /* points into the rest and into the matter */
    kh_grant_fact grants[KH_GATHER_GRANTS_MAX];
    char study_day[9];
} kh_gathered;

typedef struct kh_gather_rules {
    unsigned reader_roles; /* sum of 1 << role */
    int64_t password_days; /* 0: passwords do not run out */
} kh_gather_rules;

/* out must not be moved afterwards. now_ms: wall clock. */
KH_MUST_USE kh_status kh_gather(kh_gathered *out, kh_sql *sql, const kh_gather_rules *rules, const kh_subject *subject, const kh_matter *matter,
                                int64_t now_ms, kh_error *err);
/* The part that is about who asks. */
KH_MUST_USE kh_status kh_gather_subject(kh_decision_facts *facts, kh_sql *sql, const kh_gather_rules *rules, const kh_subject *subject,
                                        int64_t now_ms, kh_error *err);
/* YYYYMMDD in the service's local calendar. */
void kh_gather_day(char out[9], int64_t wall_ms);

#endif
