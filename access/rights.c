#include "access/rights_internal.h"

#include <stdlib.h>
#include <string.h>
#include "access/internal.h"
#include "base/clock.h"

kh_status kh_rights_create(kh_rights **out, kh_access *access, kh_error *err)
{
    kh_rights *rights = calloc(1, sizeof *rights);
    kh_status status;

    *out = NULL;
    if (!rights)
        return kh_error_set(err, KH_E_MEMORY, "no memory for the decisions");
    rights->access = access;
    status = kh_verdicts_create(&rights->verdicts, err);
    if (status == KH_OK)
        status = kh_horizons_create(&rights->horizons, err);
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
    kh_horizons_free(rights->horizons);
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
    /* one person of two facilities is two: who moved since must not be given what was decided of the other */
    return (kh_verdict_key){.who = subject->person_id != 0 ? subject->person_id + (subject->facility_id << 40) : -subject->facility_id,
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
    kh_rights_shared *shared;
    kh_gathered gathered;
} deciding;

static kh_status read_facts(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    deciding *d = context;

    (void)access;
    return kh_gather(&d->gathered, sql, &d->rights->rules, d->subject, d->matter, d->shared, kh_clock_wall_ms(), err);
}

kh_status kh_rights_shared_create(kh_rights_shared **out, kh_error *err)
{
    *out = calloc(1, sizeof **out);
    return *out ? KH_OK : kh_error_set(err, KH_E_MEMORY, "no memory for a list's decisions");
}

void kh_rights_shared_within(kh_rights_shared *shared, const kh_horizon *horizon)
{
    shared->horizon = horizon->kept;
}

void kh_rights_shared_free(kh_rights_shared *shared)
{
    free(shared);
}

kh_status kh_rights_decide(kh_rights *rights, const kh_subject *subject, kh_verb verb, const kh_matter *matter, kh_verdict *out,
                           kh_error *err)
{
    return kh_rights_decide_with(rights, NULL, subject, verb, matter, out, err);
}

kh_status kh_rights_decide_with(kh_rights *rights, kh_rights_shared *shared, const kh_subject *subject, kh_verb verb,
                                const kh_matter *matter, kh_verdict *out, kh_error *err)
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
    d->shared = shared;
    if (shared)
        kh_gather_shared_look(shared, epoch);
    if (shared && kh_gather_known(&d->gathered, subject, matter, shared, kh_clock_wall_ms()))
        status = KH_OK;
    else
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
    return kh_access_one(sql, "SELECT id FROM facility WHERE code = ?1", (kh_sql_value[]){KH_SQL_T(subject->facility)}, 1, take_facility,
                         &subject->facility_id, "facility", err);
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

/* --- is it open still? --- */

typedef struct opening {
    const kh_rights *rights;
    const kh_subject *node;
    bool open;
} opening;

static kh_status read_open(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    opening *o = context;
    kh_decision_facts facts;
    kh_status status = kh_gather_subject(&facts, sql, &o->rights->rules, o->node, kh_clock_wall_ms(), err);

    (void)access;
    o->open = status == KH_OK && facts.network_open && facts.facility_open;
    return status;
}

kh_status kh_rights_open(kh_rights *rights, const kh_subject *node, bool *out, kh_error *err)
{
    opening o = {.rights = rights, .node = node};
    kh_status status = kh_access_read(rights->access, read_open, &o, err);

    *out = o.open;
    return status;
}
