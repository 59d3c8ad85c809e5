/* Sheets and grants as lists. */
#include "access/consents.h"

#include <string.h>
#include "access/grants.h"
#include "access/internal.h"
#include "base/clock.h"

#define CONSENT_COLUMNS                                                                                                                     \
    "c.id, ifnull(c.sheet_of, 0), f.code, p.number, c.form, c.direction, c.signer, c.signed_date, c.proxy_name, c.proxy_relation, c.explainer,"  \
    " c.department, c.fax, h.code, c.author, c.by_whom, c.made_ms, c.from_ms, c.to_ms, c.withdrawn_ms, c.withdrawn_by, ifnull(w.code, ''),"      \
    " c.withdrawn_reason, (SELECT count(*) FROM consent_number n WHERE n.consent_ref = c.id AND n.patient_ref IS NULL)"                       \
    " FROM consent c JOIN patient p ON p.id = c.patient_ref JOIN facility f ON f.id = p.facility_ref JOIN facility h ON h.id = c.holder_ref"     \
    " LEFT JOIN facility w ON w.id = c.withdrawn_at"

static void take_consent(kh_sql_row *row, void *context)
{
    kh_consent_row *out = context;

    memset(out, 0, sizeof *out);
    out->id = kh_sql_int(row, 0);
    out->sheet_of = kh_sql_int(row, 1);
    KH_COPY(out->facility, kh_sql_text(row, 2));
    KH_COPY(out->number, kh_sql_text(row, 3));
    out->form = (kh_consent_form)kh_sql_int(row, 4);
    out->direction = (kh_consent_direction)kh_sql_int(row, 5);
    out->signer = (kh_consent_signer)kh_sql_int(row, 6);
    KH_COPY(out->signed_date, kh_sql_text(row, 7));
    KH_COPY(out->proxy_name, kh_sql_text(row, 8));
    KH_COPY(out->proxy_relation, kh_sql_text(row, 9));
    KH_COPY(out->explainer, kh_sql_text(row, 10));
    KH_COPY(out->department, kh_sql_text(row, 11));
    KH_COPY(out->fax, kh_sql_text(row, 12));
    KH_COPY(out->holder, kh_sql_text(row, 13));
    KH_COPY(out->author, kh_sql_text(row, 14));
    KH_COPY(out->by, kh_sql_text(row, 15));
    out->made_ms = kh_sql_int(row, 16);
    out->from_ms = kh_sql_int(row, 17);
    out->to_ms = kh_sql_int(row, 18);
    out->withdrawn_ms = kh_sql_int(row, 19);
    KH_COPY(out->withdrawn_by, kh_sql_text(row, 20));
    KH_COPY(out->withdrawn_at, kh_sql_text(row, 21));
    KH_COPY(out->withdrawn_reason, kh_sql_text(row, 22));
    out->waiting = kh_sql_int(row, 23);
}

typedef struct listing {
    const char *facility, *number;
    kh_consent_visit *visit;
    const kh_grant_query *query;
    kh_grant_visit *grant_visit;
    void *context;
} listing;

static kh_status list_consents(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    listing *l = context;
    const kh_sql_value values[] = {KH_SQL_T(l->facility), KH_SQL_T(l->number)};
    kh_consent_row consent;
    kh_sql_row *row;
    bool has_row = false;
    kh_status status = kh_sql_query(&row, sql,
                                    "SELECT " CONSENT_COLUMNS " WHERE ?1 IS NULL OR c.id IN (SELECT n.consent_ref FROM consent_number n"
                                    " JOIN patient q ON q.id = n.patient_ref JOIN facility o ON o.id = q.facility_ref"
                                    " WHERE o.code = ?1 AND (?2 IS NULL OR q.number = ?2)) ORDER BY c.id DESC",
                                    values, 2, err);

    (void)access;
    while (status == KH_OK && (status = kh_sql_next(row, &has_row, err)) == KH_OK && has_row) {
        take_consent(row, &consent);
        status = l->visit(l->context, &consent);
    }
    kh_sql_end(row);
    return status;
}

kh_status kh_consent_list(kh_access *access, const char *facility, const char *number, kh_consent_visit *visit, void *context,
                          kh_error *err)
{
    listing l = {.facility = facility, .number = number, .visit = visit, .context = context};

    return kh_access_read(access, list_consents, &l, err);
}

static kh_status get_consent(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    kh_consent_row *out = context;

    (void)access;
    return kh_access_one(sql, "SELECT " CONSENT_COLUMNS " WHERE c.id = ?1", &KH_SQL_I(out->id), 1, take_consent, out, "consent", err);
}

kh_status kh_consent_get(kh_access *access, int64_t id, kh_consent_row *out, kh_error *err)
{
    memset(out, 0, sizeof *out);
    out->id = id;
    return kh_access_read(access, get_consent, out, err);
}

static void take_grant(kh_sql_row *row, kh_grant_row *out)
{
    memset(out, 0, sizeof *out);
    out->id = kh_sql_int(row, 0);
    out->consent_id = kh_sql_int(row, 1);
    KH_COPY(out->discloser, kh_sql_text(row, 2));
    KH_COPY(out->number, kh_sql_text(row, 3));
    out->form = (kh_consent_form)kh_sql_int(row, 4);
    KH_COPY(out->to, kh_sql_text(row, 5));
    out->from_ms = kh_sql_int(row, 6);
    out->to_ms = kh_sql_int(row, 7);
    out->ended_ms = kh_sql_int(row, 8);
    KH_COPY(out->floor, kh_sql_text(row, 9));
    KH_COPY(out->modalities, kh_sql_text(row, 10));
    KH_COPY(out->ended_by, kh_sql_text(row, 11));
    KH_COPY(out->ended_reason, kh_sql_text(row, 12));
    out->items = (unsigned)kh_sql_int(row, 13);
    out->linked = kh_sql_int(row, 14) != 0;
}

static kh_status list_grants(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    const listing *l = context;
    const kh_grant_query *q = l->query;
    const kh_sql_value values[] = {KH_SQL_I(q->consent_id), KH_SQL_T(q->facility), KH_SQL_T(q->number), KH_SQL_T(q->site),
                                   KH_SQL_I(q->open),       KH_SQL_I(kh_clock_wall_ms())};
    kh_grant_row grant;
    kh_sql_row *row;
    bool has_row = false;
    kh_status status = kh_sql_query(
        &row, sql,
        "SELECT g.id, g.consent_ref, d.code, p.number, g.target, coalesce(s.code, w.login, g.team), g.from_ms, g.to_ms, g.ended_ms, g.floor,"
        " g.modalities, g.ended_by, g.ended_reason, g.items, (" KH_GRANT_ANYBODY
        ") FROM access_grant g JOIN facility d ON d.id = g.discloser_ref"
        " LEFT JOIN patient p ON p.id = g.patient_ref LEFT JOIN facility s ON s.id = g.site_ref LEFT JOIN person w ON w.id = g.person_ref"
        " WHERE (?1 = 0 OR g.consent_ref = ?1) AND (?2 IS NULL OR d.code = ?2) AND (?3 IS NULL OR p.number = ?3)"
        " AND (NOT ?5 OR (g.ended_ms = 0 AND g.from_ms <= ?6 AND g.to_ms > ?6))"
        " AND (?4 IS NULL OR (s.code = ?4 OR g.target IN (2, 3, 4, 5)) AND EXISTS (SELECT 1 FROM facility v WHERE v.code = ?4 AND (s.id = v.id"
        "  OR EXISTS (SELECT 1 FROM person x WHERE x.facility_ref = v.id AND x.id = g.person_ref)"
        "  OR (g.target = 4 AND NOT EXISTS (SELECT 1 FROM grant_excluded e WHERE e.grant_ref = g.id AND e.facility_ref = v.id))"
        "  OR EXISTS (SELECT 1 FROM grant_member m JOIN person x ON x.id = m.person_ref WHERE m.grant_ref = g.id AND m.ended_ms = 0 AND x.facility_ref = v.id))))"
        " ORDER BY g.id",
        values, 6, err);

    (void)access;
    while (status == KH_OK && (status = kh_sql_next(row, &has_row, err)) == KH_OK && has_row) {
        take_grant(row, &grant);
        status = l->grant_visit(l->context, &grant);
    }
    kh_sql_end(row);
    return status;
}

kh_status kh_grant_list(kh_access *access, const kh_grant_query *query, kh_grant_visit *visit, void *context, kh_error *err)
{
    listing l = {.query = query, .grant_visit = visit, .context = context};

    return kh_access_read(access, list_grants, &l, err);
}
