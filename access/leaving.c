#include "access/leaving.h"

#include <string.h>
#include "access/internal.h"
#include "access/lookup.h"
#include "base/clock.h"

typedef struct statement {
    const char *text;
    size_t values;    /* that it takes */
    int64_t *changed; /* NULL: not counted */
} statement;

/* ?1 the time, ?2 whose, ?3 by whom, ?4 today. */
static kh_status run_all(kh_sql *sql, const statement *list, size_t count, const kh_sql_value *values, kh_error *err)
{
    kh_status status = KH_OK;

    for (size_t i = 0; i < count && status == KH_OK; i++)
        status = kh_sql_run(sql, list[i].text, values, list[i].values, list[i].changed, err);
    return status;
}

kh_status kh_leaving_person(kh_sql *sql, int64_t person_id, int64_t now_ms, kh_error *err)
{
    static const statement list[] = {
        {"UPDATE access_grant SET ended_ms = ?1, ended_by = 'kakehashi', ended_reason = 'the person has left' WHERE person_ref = ?2 AND ended_ms = 0",
         2, NULL},
        {"UPDATE grant_member SET ended_ms = ?1 WHERE person_ref = ?2 AND ended_ms = 0", 2, NULL},
        {"UPDATE emergency SET ended_ms = ?1 WHERE person_ref = ?2 AND ended_ms = 0 AND until_ms > ?1", 2, NULL},
    };
    const kh_sql_value values[] = {KH_SQL_I(now_ms), KH_SQL_I(person_id)};

    return run_all(sql, list, sizeof list / sizeof list[0], values, err);
}

typedef struct leaving {
    const char *code, *by;
    kh_leaving *out;
} leaving;

#define OF_PEOPLE "(SELECT id FROM person WHERE facility_ref = ?2)"
#define OF_PATIENTS "(SELECT id FROM patient WHERE facility_ref = ?2)"
#define WHY "'the facility has left'"

static kh_status check(kh_sql *sql, const leaving *l, int64_t *facility, kh_error *err)
{
    int64_t left = 0, office_left = 0, office_all = 0;
    kh_status status = kh_lookup_facility(sql, l->code, facility, NULL, err);
    char today[9];

    kh_access_today(today);
    const kh_sql_value values[] = {KH_SQL_I(*facility), KH_SQL_T(today)};

    if (status == KH_OK)
        status = kh_lookup_int(
            sql,
            "SELECT left_on <> '' AND left_on <= ?2 AND NOT EXISTS (SELECT 1 FROM person p WHERE p.facility_ref = ?1 AND p.left_ms = 0)"
            " FROM facility WHERE id = ?1",
            values, 2, &left, err);
    if (status == KH_OK)
        status = kh_lookup_int(sql, "SELECT count(*) FROM person WHERE role = 7 AND left_ms = 0", NULL, 0, &office_all, err);
    if (status == KH_OK)
        status =
            kh_lookup_int(sql, "SELECT count(*) FROM person WHERE role = 7 AND left_ms = 0 AND activated_ms > 0 AND facility_ref <> ?1",
                          values, 1, &office_left, err);
    if (status == KH_OK && left)
        return kh_error_set(err, KH_E_CONFLICT, "facility %s has left already", l->code);
    if (status == KH_OK && office_all > 0 && office_left == 0)
        return kh_error_set(err, KH_E_DENIED, "nobody of the network's office would be left: move its people to another facility first");
    return status;
}

static kh_status leave(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    leaving *l = context;
    kh_leaving *out = l->out;
    int64_t facility = 0;
    char today[9];
    kh_status status = check(sql, l, &facility, err);
    const statement list[] = {
        {"UPDATE session SET ended_ms = ?1 WHERE ended_ms = 0 AND (person_ref IN " OF_PEOPLE
         " OR terminal_ref IN (SELECT id FROM terminal WHERE facility_ref = ?2))",
         2, &out->sessions},
        {"UPDATE token SET revoked_ms = ?1 WHERE revoked_ms = 0 AND person_ref IN " OF_PEOPLE, 2, &out->tokens},
        {"DELETE FROM invitation WHERE person_ref IN " OF_PEOPLE, 2, NULL},
        {"UPDATE grant_member SET ended_ms = ?1 WHERE ended_ms = 0 AND person_ref IN " OF_PEOPLE, 2, NULL},
        {"UPDATE emergency SET ended_ms = ?1 WHERE ended_ms = 0 AND until_ms > ?1 AND (person_ref IN " OF_PEOPLE " OR discloser_ref = ?2)",
         2, NULL},
        {"DELETE FROM install_link WHERE certificate_ref IN (SELECT c.id FROM terminal_certificate c JOIN terminal t ON t.id = c.terminal_ref"
         " WHERE t.facility_ref = ?2)",
         2, NULL},
        {"UPDATE terminal_certificate SET revoked_ms = ?1, revoked_reason = " WHY
         ", revoked_by = ?3 WHERE revoked_ms = 0 AND terminal_ref IN"
         " (SELECT id FROM terminal WHERE facility_ref = ?2)",
         3, &out->certificates},
        {"UPDATE access_grant SET ended_ms = ?1, ended_by = ?3, ended_reason = " WHY
         " WHERE ended_ms = 0 AND (discloser_ref = ?2 OR site_ref = ?2"
         " OR person_ref IN " OF_PEOPLE " OR consent_ref IN (SELECT id FROM consent WHERE patient_ref IN " OF_PATIENTS "))",
         3, &out->grants},
        {"UPDATE consent SET withdrawn_ms = ?1, withdrawn_by = ?3, withdrawn_at = ?2, withdrawn_reason = " WHY
         " WHERE withdrawn_ms = 0 AND patient_ref IN " OF_PATIENTS,
         3, &out->consents},
        {"UPDATE link SET ended_ms = ?1, ended_by = ?3 WHERE ended_ms = 0 AND (from_ref IN " OF_PATIENTS " OR to_facility_ref = ?2)", 3,
         &out->links},
        {"UPDATE person SET left_ms = ?1 WHERE left_ms = 0 AND facility_ref = ?2", 2, &out->people},
        {"UPDATE facility SET left_on = ?4 WHERE id = ?2 AND (left_on = '' OR left_on > ?4)", 4, NULL},
    };

    kh_access_today(today);
    const kh_sql_value values[] = {KH_SQL_I(kh_clock_wall_ms()), KH_SQL_I(facility), KH_SQL_T(l->by), KH_SQL_T(today)};

    if (status == KH_OK)
        status = run_all(sql, list, sizeof list / sizeof list[0], values, err);
    out->links /= 2; /* two rows each */
    return status == KH_OK ? kh_access_moved(access, sql, err) : status;
}

kh_status kh_facility_leave(kh_access *access, const char *code, const char *by, kh_leaving *out, kh_error *err)
{
    leaving l = {code, by, out};
    kh_status status = kh_access_check_text("who does it", by, 65, true, err);

    memset(out, 0, sizeof *out);
    return status == KH_OK ? kh_access_change(access, leave, &l, err) : status;
}
