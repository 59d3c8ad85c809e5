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

/* What is the same for all rows of a list: of one subject, in one epoch, for KH_GATHER_SHARED_MS. */
#define KH_GATHER_SHARED_MS 200
struct kh_horizon_kept;
#define KH_GATHER_DISCLOSERS_MAX 32 /* more are read for each row */
typedef struct kh_gather_discloser {
    char facility[65];
    int64_t id;
    bool known, open, hides; /* hides: some study or series */
    kh_policy_fact policy;
} kh_gather_discloser;
struct kh_rights_shared {
    uint64_t epoch;
    int64_t read_ms;               /* monotonic; 0: nothing is read yet */
    bool has_subject, emergencies; /* emergencies: the person has one that stands */
    kh_decision_facts subject;
    kh_gather_discloser disclosers[KH_GATHER_DISCLOSERS_MAX];
    size_t discloser_count;
    const struct kh_horizon_kept *horizon; /* of the same subject: its patients are not read again in its epoch; NULL: none */
};
/* Forgets what is of another epoch, or too old. */
void kh_gather_shared_look(kh_rights_shared *shared, uint64_t epoch);

/* out must not be moved afterwards. now_ms: wall clock. shared: of the same subject and this epoch; NULL: none. */
KH_MUST_USE kh_status kh_gather(kh_gathered *out, kh_sql *sql, const kh_gather_rules *rules, const kh_subject *subject,
                                const kh_matter *matter, kh_rights_shared *shared, int64_t now_ms, kh_error *err);
/* The same without a look into access.db, when all of it is shared already. False: kh_gather(). */
bool kh_gather_known(kh_gathered *out, const kh_subject *subject, const kh_matter *matter, const kh_rights_shared *shared, int64_t now_ms);
/* A grant of a row that has these columns from `column` on; g: access_grant. In the order "g.ended_ms <> 0, g.to_ms DESC", from which
 * KH_GATHER_GRANTS_MAX are taken. */
#define KH_GATHER_GRANT_COLUMNS "g.id, g.target, g.ended_ms, g.from_ms, g.to_ms, g.floor, g.items, g.modalities"
void kh_gather_take_grant(kh_sql_row *row, int column, kh_grant_fact *out);
/* The part that is about who asks. */
KH_MUST_USE kh_status kh_gather_subject(kh_decision_facts *facts, kh_sql *sql, const kh_gather_rules *rules, const kh_subject *subject,
                                        int64_t now_ms, kh_error *err);
/* YYYYMMDD in the service's local calendar. */
void kh_gather_day(char out[9], int64_t wall_ms);

#endif
