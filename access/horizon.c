/* Whose images a subject may find at all: read, or kept (horizons.h). */
#include <stdlib.h>
#include <string.h>
#include "access/emergency.h"
#include "access/grants.h"
#include "access/internal.h"
#include "access/lookup.h"
#include "access/rights_internal.h"
#include "base/clock.h"

typedef struct looking {
    const kh_rights *rights;
    const kh_subject *subject;
    struct kh_horizon_kept *out;
    size_t capacity;
    kh_decision_facts facts;
} looking;

/* FNV-1a, of the next eight bytes. */
static void mark(looking *l, uint64_t value)
{
    for (int i = 0; i < 64; i += 8)
        l->out->mark = (l->out->mark ^ (value >> i & 255)) * 0x100000001b3u;
}

static kh_status add_patient(looking *l, const char *facility, const char *patient_id, kh_error *err)
{
    struct kh_horizon_kept *out = l->out;
    kh_scope_patient *one;

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

/* What a discloser opens at all: whether it takes part now, and its policy. */
static kh_status read_disclosers(looking *l, kh_sql *sql, kh_error *err)
{
    const struct kh_horizon_kept *out = l->out;
    const kh_sql_value now = KH_SQL_I(l->facts.now_ms);
    kh_sql_row *row;
    bool has_row = false;
    size_t at = 0;
    kh_status status = kh_sql_query(&row, sql,
                                    "SELECT f.code, ifnull(y.id, 0), f.part, f.joined || '-' || f.left_on, f.suspended_ms > 0"
                                    " AND (f.suspended_until_ms = 0 OR ?1 < f.suspended_until_ms)"
                                    " FROM facility f LEFT JOIN policy y ON y.facility_ref = f.id AND y.ended_ms = 0 ORDER BY f.code",
                                    &now, 1, err);

    while (status == KH_OK && (status = kh_sql_next(row, &has_row, err)) == KH_OK && has_row) {
        while (at < out->count && strcmp(out->patients[at].facility, kh_sql_text(row, 0)) < 0)
            at++;
        if (at == out->count || strcmp(out->patients[at].facility, kh_sql_text(row, 0)) != 0)
            continue;
        mark(l, (uint64_t)kh_sql_int(row, 1));
        mark(l, (uint64_t)(kh_sql_int(row, 2) << 1 | kh_sql_int(row, 4)));
        for (const char *day = kh_sql_text(row, 3); *day; day++)
            mark(l, (unsigned char)*day);
    }
    kh_sql_end(row);
    return status;
}

/* What the rows of one patient tell. */
typedef struct of_patient {
    char facility[65], number[65];
    bool begun, there; /* there: a grant stands, or there is an emergency */
} of_patient;

static kh_status end_patient(looking *l, of_patient *one, kh_error *err)
{
    kh_status status = KH_OK;

    if (one->begun && one->there)
        status = add_patient(l, one->facility, one->number, err);
    if (status == KH_OK && one->begun && one->there)
        status = kh_horizon_grants_keep(&l->out->grants, err);
    else
        kh_horizon_grants_drop(&l->out->grants);
    one->begun = one->there = false;
    return status;
}

static kh_status take_row(looking *l, of_patient *one, kh_sql_row *row, kh_error *err)
{
    const int64_t id = kh_sql_int(row, 2);
    kh_status status = KH_OK;
    kh_grant_fact grant;
    bool stands = false;

    if (one->begun && (strcmp(one->facility, kh_sql_text(row, 0)) != 0 || strcmp(one->number, kh_sql_text(row, 1)) != 0))
        status = end_patient(l, one, err);
    if (status != KH_OK)
        return status;
    one->begun = true;
    KH_COPY(one->facility, kh_sql_text(row, 0));
    KH_COPY(one->number, kh_sql_text(row, 1));
    if (id > 0) {
        kh_gather_take_grant(row, 2, &grant);
        stands = !grant.withdrawn && grant.from_ms <= l->facts.now_ms && l->facts.now_ms < grant.to_ms;
        stands = stands && (grant.to_site || l->subject->person_id != 0);
        status = kh_horizon_grants_add(&l->out->grants, &grant, err);
    }
    if (id < 0 || stands) {
        one->there = true;
        mark(l, (uint64_t)id);
    }
    return status;
}

#define NAMES_SUBJECT KH_GRANT_NAMES("?1", "?2")

/* From the numbers at the subject's facility along the links to the grants that name it, which are kept for the decisions; those of whom
 * one stands now are listed; and whom emergencies open. Binary order of the database is that of strcmp(). Site grants of a discloser that
 * shut take-outs are left to the decision of each row. */
static kh_status read_patients(looking *l, kh_sql *sql, kh_error *err)
{
    const kh_subject *subject = l->subject;
    const kh_sql_value values[] = {KH_SQL_I(subject->facility_id), KH_SQL_I(subject->person_id), KH_SQL_I(l->facts.now_ms),
                                   KH_SQL_I(l->facts.now_ms + KH_EMERGENCY_AHEAD_MS)};
    of_patient one = {.begun = false};
    kh_sql_row *row;
    bool has_row = false;
    kh_status status = kh_sql_query(
        &row, sql,
        "SELECT * FROM (SELECT f.code, q.number, " KH_GATHER_GRANT_COLUMNS
        " FROM patient p JOIN link k ON k.from_ref = p.id AND k.ended_ms = 0"
        " JOIN patient q ON q.id = k.to_ref JOIN facility f ON f.id = q.facility_ref"
        " JOIN access_grant g ON g.patient_ref = q.id AND " NAMES_SUBJECT " WHERE p.facility_ref = ?1"
        " UNION ALL SELECT f.code, y.number, -y.id, 0, 0, 0, 0, '', 0, '' FROM emergency y JOIN facility f ON f.id = y.discloser_ref"
        " WHERE y.person_ref = ?2 AND y.ended_ms = 0 AND y.until_ms > ?3 AND y.made_ms <= ?4)"
        " ORDER BY 1, 2, ended_ms <> 0, to_ms DESC, 3",
        values, 4, err);

    while (status == KH_OK && (status = kh_sql_next(row, &has_row, err)) == KH_OK && has_row)
        status = take_row(l, &one, row, err);
    if (status == KH_OK)
        status = end_patient(l, &one, err);
    kh_sql_end(row);
    return status == KH_OK ? read_disclosers(l, sql, err) : status;
}

static kh_status read_policies(looking *l, kh_sql *sql, kh_error *err)
{
    int64_t some = 1;
    kh_status status = kh_lookup_int(sql, "SELECT count(*) FROM policy WHERE ended_ms = 0 AND (body_parts <> '' OR departments <> '')",
                                     NULL, 0, &some, err);

    l->out->no_parts = status == KH_OK && some == 0;
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
    status = read_policies(l, sql, err);
    return status == KH_OK && others.allowed ? read_patients(l, sql, err) : status;
}

static kh_status read_anew(struct kh_horizon_kept **out, kh_rights *rights, const kh_subject *subject, uint64_t epoch, kh_error *err)
{
    struct kh_horizon_kept *kept = calloc(1, sizeof *kept);
    looking l = {.rights = rights, .subject = subject, .out = kept};
    kh_status status;

    *out = NULL;
    if (!kept)
        return kh_error_set(err, KH_E_MEMORY, "no memory for a horizon");
    atomic_init(&kept->uses, 1);
    kept->person_id = subject->person_id;
    kept->facility_id = subject->facility_id;
    kept->role = subject->role;
    kept->scopes = subject->scopes;
    kept->mark = 0xcbf29ce484222325u;
    kept->epoch = epoch;
    kept->read_ms = kh_clock_monotonic_ms();
    status = kh_access_read(rights->access, read_horizon, &l, err);
    if (status != KH_OK) {
        kh_horizon_unuse(kept);
        return kh_error_prefix(err, "deciding");
    }
    *out = kept;
    return KH_OK;
}

/* A node whose facility access.db does not know has none that could be told from another's: it is not kept. */
static bool may_be_kept(const kh_subject *subject)
{
    return subject->person_id != 0 || subject->facility_id != 0;
}

kh_status kh_rights_horizon(kh_rights *rights, const kh_subject *subject, kh_horizon *out, kh_error *err)
{
    uint64_t epoch = kh_access_epoch(rights->access);
    kh_status status = KH_OK;

    memset(out, 0, sizeof *out);
    out->kept = may_be_kept(subject) ? kh_horizons_get(rights->horizons, subject, epoch) : NULL;
    if (!out->kept) {
        status = read_anew(&out->kept, rights, subject, epoch, err);
        if (status == KH_OK && may_be_kept(subject))
            kh_horizons_put(rights->horizons, out->kept);
    }
    if (status != KH_OK)
        return status;
    KH_COPY(out->own_facility, out->kept->own_facility);
    out->patients = out->kept->patients;
    out->count = out->kept->count;
    out->no_parts = out->kept->no_parts;
    out->mark = out->kept->mark;
    return KH_OK;
}

void kh_horizon_release(kh_horizon *horizon)
{
    kh_horizon_unuse(horizon->kept);
    memset(horizon, 0, sizeof *horizon);
}
