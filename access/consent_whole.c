/* What a sheet opens, as the words it can be entered again by. */
#include "access/consents.h"

#include <string.h>
#include "access/grants.h"
#include "access/internal.h"

#define LIST(select) "ifnull((SELECT group_concat(x, ',') FROM (" select ")), '')"
#define GRANTS " FROM access_grant g WHERE g.consent_ref = c.id"
/* A number with a comma cannot stand in a list; the link has it all the same. */
#define NUMBER "iif(instr(ifnull(q.number, n.told), ',') > 0, '', ifnull(q.number, n.told))"
/* Closed before the whole of it was withdrawn: by one's own reason. */
#define CLOSED "g.ended_ms <> 0 AND NOT (g.ended_reason = 'withdrawn' AND c.withdrawn_ms <> 0)"

static const char
    query[] = "SELECT " LIST("SELECT f.code || iif(" NUMBER " = '', '', ':' || " NUMBER
                             ") AS x FROM consent_number n JOIN facility f ON f.id = n.facility_ref"
                             " LEFT JOIN patient q ON q.id = n.patient_ref WHERE n.consent_ref = c.id AND n.facility_ref <> p.facility_ref ORDER BY n.facility_ref") ","
                                                                                                                                                                     " ifnull((SELECT w.login FROM access_grant g JOIN person w ON w.id = g.person_ref WHERE g.consent_ref = c.id LIMIT 1), ''),"
                                                                                                                                                                     " ifnull((SELECT g.team" GRANTS " LIMIT 1), '')," LIST("SELECT DISTINCT w.login AS x FROM grant_member m JOIN access_grant g ON g.id = m.grant_ref JOIN person w ON w.id = m.person_ref"
                                                                                                                                                                                                                            " WHERE g.consent_ref = c.id ORDER BY w.id") "," LIST("SELECT DISTINCT f.code AS x FROM grant_excluded e JOIN access_grant g ON g.id = e.grant_ref JOIN facility f ON f.id = e.facility_ref"
                                                                                                                                                                                                                                                                                  " WHERE g.consent_ref = c.id ORDER BY f.id") "," LIST("SELECT DISTINCT d.code || '=' || g.floor AS x FROM access_grant g JOIN facility d ON d.id = g.discloser_ref WHERE g.consent_ref = c.id ORDER BY d.id") "," LIST("SELECT coalesce(w.login, iif(g.discloser_ref = p.facility_ref, s.code, d.code)) AS x FROM access_grant g"
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                         " JOIN facility d ON d.id = g.discloser_ref LEFT JOIN facility s ON s.id = g.site_ref LEFT JOIN person w ON w.id = g.person_ref"
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                         " WHERE g.consent_ref = c.id AND " CLOSED
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                         " UNION SELECT w.login FROM grant_member m JOIN access_grant g ON g.id = m.grant_ref JOIN person w ON w.id = m.person_ref"
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                         " WHERE g.consent_ref = c.id AND m.ended_ms <> 0") ","
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                            " ifnull((SELECT g.ended_reason FROM access_grant g WHERE g.consent_ref = c.id AND " CLOSED
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                            " LIMIT 1), ''),"
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                            " ifnull((SELECT g.modalities" GRANTS
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                            " LIMIT 1), ''), ifnull((SELECT g.items" GRANTS
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                            " LIMIT 1), 0)"
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                            " FROM consent c JOIN patient p ON p.id = c.patient_ref WHERE c.id = ?1";

typedef struct reading {
    int64_t id;
    kh_consent_whole_visit *visit;
    void *context;
} reading;

static kh_status read_whole(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    reading *r = context;
    kh_sql_row *row;
    bool has_row = false;
    kh_status status = kh_sql_query(&row, sql, query, &KH_SQL_I(r->id), 1, err);

    (void)access;
    if (status == KH_OK)
        status = kh_sql_next(row, &has_row, err);
    if (status == KH_OK && !has_row)
        status = kh_error_set(err, KH_E_NOT_FOUND, "no such consent");
    if (status == KH_OK) {
        const kh_consent_whole whole = {.places = kh_sql_text(row, 0),
                                        .person = kh_sql_text(row, 1),
                                        .team = kh_sql_text(row, 2),
                                        .members = kh_sql_text(row, 3),
                                        .excluded = kh_sql_text(row, 4),
                                        .floors = kh_sql_text(row, 5),
                                        .closed = kh_sql_text(row, 6),
                                        .closed_reason = kh_sql_text(row, 7),
                                        .modalities = kh_sql_text(row, 8),
                                        .items = (unsigned)kh_sql_int(row, 9)};

        status = r->visit(r->context, &whole, err);
    }
    kh_sql_end(row);
    return status;
}

kh_status kh_consent_whole_get(kh_access *access, int64_t id, kh_consent_whole_visit *visit, void *context, kh_error *err)
{
    reading r = {id, visit, context};

    return kh_access_read(access, read_whole, &r, err);
}
