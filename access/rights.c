#include "access/rights.h"

#include <stdlib.h>
#include <string.h>
#include "access/gather.h"
#include "access/grants.h"
#include "access/internal.h"
#include "access/verdicts.h"
#include "base/clock.h"

struct kh_rights {
    kh_access *access;
    kh_verdicts *verdicts;
    kh_gather_rules rules;
};

kh_status kh_rights_create(kh_rights **out, kh_access *access, kh_error *err)
{
    kh_rights *rights = calloc(1, sizeof *rights);
    kh_status status;

    *out = NULL;
    if (!rights)
        return kh_error_set(err, KH_E_MEMORY, "no memory for the decisions");
    rights->access = access;
    status = kh_verdicts_create(&rights->verdicts, err);
    if (status != KH_OK)
        kh_rights_free(rights);
    else
        *out = rights;
    return status;
}

void kh_rights_free(kh_rights *rights)
{
    if (!rights)
        return;
    kh_verdicts_free(rights->verdicts);
    free(rights);
}

void kh_rights_set_readers(kh_rights *rights, unsigned roles)
{
    rights->rules.reader_roles = roles;
}

void kh_rights_set_password_days(kh_rights *rights, int64_t days)
{
    rights->rules.password_days = days;
}

static kh_verdict_key key_of(const kh_subject *subject, kh_verb verb, kh_kind kind, int64_t key)
{
    return (kh_verdict_key){.who = subject->person_id != 0 ? subject->person_id : -subject->facility_id,
                            .what = key,
                            .role = subject->role,
                            .scopes = subject->scopes,
                            .verb = verb,
                            .kind = kind};
}

bool kh_rights_known(kh_rights *rights, const kh_subject *subject, kh_verb verb, kh_kind kind, int64_t key, kh_verdict *out)
{
    kh_verdict_key asked = key_of(subject, verb, kind, key);

    return kh_verdicts_get(rights->verdicts, &asked, kh_access_epoch(rights->access), out);
}

/* --- decided anew --- */

typedef struct deciding {
    const kh_rights *rights;
    const kh_subject *subject;
    const kh_matter *matter;
    kh_gathered gathered;
} deciding;

static kh_status read_facts(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    deciding *d = context;

    (void)access;
    return kh_gather(&d->gathered, sql, &d->rights->rules, d->subject, d->matter, kh_clock_wall_ms(), err);
}

kh_status kh_rights_decide(kh_rights *rights, const kh_subject *subject, kh_verb verb, const kh_matter *matter, kh_verdict *out, kh_error *err)
{
    kh_verdict_key asked = key_of(subject, verb, matter->kind, matter->key);
    uint64_t epoch = kh_access_epoch(rights->access);
    deciding *d;
    kh_status status;

    *out = (kh_verdict){false, KH_REASON_UNKNOWN, 0, 0};
    if (kh_verdicts_get(rights->verdicts, &asked, epoch, out))
        return KH_OK;
    d = malloc(sizeof *d); /* tens of KiB: not on the small stack of an HTTP thread */
    if (!d)
        return kh_error_set(err, KH_E_MEMORY, "no memory for a decision");
    d->rights = rights;
    d->subject = subject;
    d->matter = matter;
    status = kh_access_read(rights->access, read_facts, d, err);
    *out = (kh_verdict){false, KH_REASON_UNKNOWN, 0, 0};
    if (status == KH_OK) {
        *out = kh_decide(&d->gathered.facts, subject, verb, matter->kind);
        kh_verdicts_put(rights->verdicts, &asked, epoch, out);
    }
    free(d);
    return status == KH_OK ? KH_OK : kh_error_prefix(err, "deciding");
}

/* --- a node --- */

static void take_facility(kh_sql_row *row, void *context)
{
    *(int64_t *)context = kh_sql_int(row, 0);
}

static kh_status read_facility(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    kh_subject *subject = context;

    (void)access;
    return kh_access_one(sql, "SELECT id FROM facility WHERE code = ?1", (kh_sql_value[]){KH_SQL_T(subject->facility)}, 1, take_facility, &subject->facility_id,
                         "facility", err);
}

kh_status kh_rights_node(kh_rights *rights, const char *name, const char *facility, kh_subject *out, kh_error *err)
{
    kh_error why = KH_ERROR_INIT;
    kh_status status;

    memset(out, 0, sizeof *out);
    if (strlen(name) >= sizeof out->name || strlen(facility) >= sizeof out->facility)
        return kh_error_set(err, KH_E_ARG, "name or facility of a node has more than %zu bytes", sizeof out->name - 1);
    memcpy(out->name, name, strlen(name) + 1);
    memcpy(out->facility, facility, strlen(facility) + 1);
    out->scopes = KH_SCOPE_ALL;
    status = kh_access_read(rights->access, read_facility, out, &why);
    return status == KH_OK || status == KH_E_NOT_FOUND ? KH_OK : kh_error_set(err, status, "%s", why.message);
}

/* --- whose images at all --- */

typedef struct looking {
    const kh_rights *rights;
    const kh_subject *subject;
    kh_horizon *out;
    size_t capacity;
    kh_decision_facts facts;
} looking;

static kh_status add_patient(looking *l, const char *facility, const char *patient_id, kh_error *err)
{
    kh_horizon *out = l->out;
    struct kh_horizon_patient *one = out->count > 0 ? &out->patients[out->count - 1] : NULL;

    if (one && strcmp(one->facility, facility) == 0 && strcmp(one->patient_id, patient_id) == 0)
        return KH_OK;
    if (out->count == l->capacity) {
        size_t more = l->capacity ? l->capacity * 2 : 64;
        void *grown = reallocarray(out->patients, more, sizeof *out->patients);

        if (!grown)
            return kh_error_set(err, KH_E_MEMORY, "no memory for %zu patients", more);
        out->patients = grown;
        l->capacity = more;
    }
    one = &out->patients[out->count++];
    KH_COPY(one->facility, facility);
    KH_COPY(one->patient_id, patient_id);
    return KH_OK;
}

/* From the numbers at the subject's facility along the links to those of whom a grant stands now; and what emergencies open. Binary order
 * of the database is that of strcmp(). Site grants of a discloser that shut take-outs are left to the decision of each row. */
static kh_status read_patients(looking *l, kh_sql *sql, kh_error *err)
{
    const kh_subject *subject = l->subject;
    bool node = subject->person_id == 0;
    const kh_sql_value values[] = {KH_SQL_I(subject->facility_id), KH_SQL_I(subject->person_id), KH_SQL_I(l->facts.now_ms), KH_SQL_I(node)};
    kh_sql_row *row;
    bool has_row = false;
    kh_status status = kh_sql_query(
        &row, sql,
        "SELECT f.code, q.number FROM patient p JOIN link k ON k.from_ref = p.id AND k.ended_ms = 0"
        " JOIN patient q ON q.id = k.to_ref JOIN facility f ON f.id = q.facility_ref"
        " WHERE p.facility_ref = ?1 AND EXISTS (SELECT 1 FROM access_grant g WHERE g.patient_ref = q.id AND g.ended_ms = 0"
        "  AND g.from_ms <= ?3 AND g.to_ms > ?3 AND (NOT ?4 OR g.target IN (1, 4)) AND " KH_GRANT_NAMES("?1", "?2") ")"
        " UNION SELECT f.code, y.number FROM emergency y JOIN facility f ON f.id = y.discloser_ref"
        "  WHERE y.person_ref = ?2 AND y.ended_ms = 0 AND y.until_ms > ?3"
        " ORDER BY 1, 2",
        values, 4, err);

    while (status == KH_OK && (status = kh_sql_next(row, &has_row, err)) == KH_OK && has_row)
        status = add_patient(l, kh_sql_text(row, 0), kh_sql_text(row, 1), err);
    kh_sql_end(row);
    return status;
}

static kh_status read_horizon(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    looking *l = context;
    kh_decision_facts *facts = &l->facts;
    kh_verdict own, others;
    kh_status status = kh_gather_subject(facts, sql, &l->rights->rules, l->subject, kh_clock_wall_ms(), err);
    const kh_grant_fact any = {.id = 1, .to_site = true, .from_ms = INT64_MIN, .to_ms = INT64_MAX, .items = KH_ITEM_ALL};

    (void)access;
    if (status != KH_OK)
        return status;
    /* what the table says of this subject, asked with facts that lack nothing else */
    facts->known = facts->discloser_open = facts->linked = facts->own = true;
    own = kh_decide(facts, l->subject, KH_VERB_FIND, KH_KIND_STUDY);
    facts->own = false;
    facts->grants = &any;
    facts->grant_count = 1;
    facts->emergency_id = 1;
    facts->emergency_until_ms = INT64_MAX;
    others = kh_decide(facts, l->subject, KH_VERB_FIND, KH_KIND_STUDY);
    if (own.allowed)
        KH_COPY(l->out->own_facility, l->subject->facility);
    return others.allowed ? read_patients(l, sql, err) : KH_OK;
}

kh_status kh_rights_horizon(kh_rights *rights, const kh_subject *subject, kh_horizon *out, kh_error *err)
{
    looking l = {.rights = rights, .subject = subject, .out = out};
    kh_status status;

    memset(out, 0, sizeof *out);
    status = kh_access_read(rights->access, read_horizon, &l, err);
    if (status == KH_OK)
        return KH_OK;
    kh_horizon_release(out);
    return kh_error_prefix(err, "deciding");
}

void kh_horizon_release(kh_horizon *horizon)
{
    free(horizon->patients);
    memset(horizon, 0, sizeof *horizon);
}
