/* What happens to a sheet later: a number arrives, one place or all of it ends. */
#include "access/consent_ends.h"

#include <string.h>
#include "access/internal.h"
#include "access/linking.h"
#include "access/lookup.h"
#include "base/clock.h"

typedef struct later {
    int64_t id;
    const char *who, *number, *at, *reason, *by;
} later;

static kh_status check(const later *l, bool with_reason, kh_error *err)
{
    kh_status status = kh_access_check_text("who does it", l->by, 65, true, err);

    return status == KH_OK && with_reason ? kh_access_check_text("reason", l->reason, 257, l->who != NULL, err) : status;
}

/* --- a number arrives --- */

/* The entry of that number, made as the sheet's patient when the facility has none yet. */
static kh_status find_or_make(kh_sql *sql, const later *l, int64_t taken, int64_t facility, int64_t *patient, kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_I(facility), KH_SQL_T(l->number), KH_SQL_I(taken), KH_SQL_I(kh_clock_wall_ms()), KH_SQL_T(l->by)};
    kh_status status = kh_lookup_int(sql, "SELECT id FROM patient WHERE facility_ref = ?1 AND number = ?2", values, 2, patient, err);

    if (status != KH_OK || *patient != 0)
        return status;
    status = kh_sql_run(
        sql,
        "INSERT INTO patient (facility_ref, number, name_alphabetic, name_ideographic, name_phonetic, kana_key, birth_date, sex, address,"
        " address_key, card, made_ms, by_whom) SELECT ?1, ?2, name_alphabetic, name_ideographic, name_phonetic, kana_key, birth_date, sex,"
        " address, address_key, card, ?4, ?5 FROM patient WHERE id = ?3",
        values, 5, NULL, err);
    *patient = kh_sql_last_id(sql);
    return status;
}

static kh_status arrive(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    later *l = context;
    kh_linking link = {0};
    int64_t named = 0;
    kh_status status = kh_lookup_facility(sql, l->who, &link.b_facility, NULL, err);
    const kh_sql_value values[] = {KH_SQL_I(l->id), KH_SQL_I(link.b_facility)};

    if (status == KH_OK)
        status = kh_lookup_int(sql, "SELECT patient_ref FROM consent WHERE id = ?1 AND withdrawn_ms = 0", values, 1, &link.a, err);
    if (status == KH_OK)
        status = kh_lookup_int(sql, "SELECT 1 FROM consent_number WHERE consent_ref = ?1 AND facility_ref = ?2", values, 2, &named, err);
    if (status == KH_OK && (link.a == 0 || !named))
        status = kh_error_set(err, KH_E_NOT_FOUND, "no consent %lld that stands and names %s", (long long)l->id, l->who);
    if (status == KH_OK)
        status = kh_lookup_int(sql, "SELECT facility_ref FROM patient WHERE id = ?1", &KH_SQL_I(link.a), 1, &link.a_facility, err);
    if (status == KH_OK && link.a_facility == link.b_facility)
        status = kh_error_set(err, KH_E_ARG, "%s is where the sheet was taken", l->who);
    if (status == KH_OK)
        status = find_or_make(sql, l, link.a, link.b_facility, &link.b, err);
    return status == KH_OK ? kh_linking_make(access, sql, &link, l->by, err) : status;
}

kh_status kh_consent_arrived(kh_access *access, int64_t id, const char *facility, const char *number, const char *by, kh_error *err)
{
    later l = {.id = id, .who = facility, .number = number, .by = by};
    kh_status status = check(&l, false, err);

    if (status == KH_OK)
        status = kh_access_check_text("patient ID", number, KH_PATIENT_NUMBER_SIZE, true, err);
    return status == KH_OK ? kh_access_change(access, arrive, &l, err) : status;
}

/* --- withdrawn --- */

static kh_status withdraw(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    later *l = context;
    int64_t root = 0, at = 0, changed = 0;
    kh_status status = kh_lookup_int(sql, "SELECT ifnull(sheet_of, id) FROM consent WHERE id = ?1", &KH_SQL_I(l->id), 1, &root, err);

    if (status == KH_OK && root == 0)
        status = kh_error_set(err, KH_E_NOT_FOUND, "no consent %lld", (long long)l->id);
    if (status == KH_OK && l->at[0])
        status = kh_lookup_facility(sql, l->at, &at, NULL, err);
    if (status != KH_OK)
        return status;
    const kh_sql_value values[] = {KH_SQL_I(root), KH_SQL_I(kh_clock_wall_ms()), KH_SQL_T(l->by), KH_SQL_T(l->reason),
                                   at ? KH_SQL_I(at) : KH_SQL_N};

    status = kh_sql_run(
        sql,
        "INSERT INTO alert (facility_ref, kind, ref, made_ms) SELECT DISTINCT g.discloser_ref, 'withdrawn', c.id, ?2 FROM consent c"
        " JOIN access_grant g ON g.consent_ref = c.id WHERE (c.id = ?1 OR c.sheet_of = ?1) AND c.withdrawn_ms = 0",
        values, 2, NULL, err);
    if (status == KH_OK)
        status = kh_sql_run(sql,
                            "UPDATE access_grant SET ended_ms = ?2, ended_by = ?3, ended_reason = 'withdrawn' WHERE ended_ms = 0"
                            " AND consent_ref IN (SELECT id FROM consent WHERE id = ?1 OR sheet_of = ?1)",
                            values, 3, NULL, err);
    if (status == KH_OK)
        status = kh_sql_run(sql,
                            "UPDATE consent SET withdrawn_ms = ?2, withdrawn_by = ?3, withdrawn_reason = ?4, withdrawn_at = ?5"
                            " WHERE (id = ?1 OR sheet_of = ?1) AND withdrawn_ms = 0",
                            values, 5, &changed, err);
    if (status == KH_OK && changed == 0)
        status = kh_error_set(err, KH_E_CONFLICT, "consent %lld is withdrawn already", (long long)l->id);
    return status == KH_OK ? kh_access_moved(access, sql, err) : status;
}

kh_status kh_consent_withdraw(kh_access *access, int64_t id, const char *at, const char *reason, const char *by, kh_error *err)
{
    later l = {.id = id, .at = at, .reason = reason, .by = by};
    kh_status status = check(&l, true, err);

    return status == KH_OK ? kh_access_change(access, withdraw, &l, err) : status;
}

/* --- one place or person --- */

static kh_status close_in(kh_sql *sql, const later *l, kh_error *err)
{
    int64_t grants = 0, members = 0;
    const kh_sql_value values[] = {KH_SQL_I(l->id), KH_SQL_T(l->who), KH_SQL_I(kh_clock_wall_ms()), KH_SQL_T(l->by), KH_SQL_T(l->reason)};
    /* the facility where the sheet was taken is not one of its places */
    kh_status status = kh_sql_run(
        sql,
        "UPDATE access_grant SET ended_ms = ?3, ended_by = ?4, ended_reason = ?5 WHERE consent_ref = ?1 AND ended_ms = 0 AND ("
        " person_ref = (SELECT id FROM person WHERE login = ?2)"
        " OR ((SELECT id FROM facility WHERE code = ?2) IN (site_ref, discloser_ref) AND (SELECT id FROM facility WHERE code = ?2)"
        "  <> (SELECT p.facility_ref FROM consent c JOIN patient p ON p.id = c.patient_ref WHERE c.id = ?1)))",
        values, 5, &grants, err);

    if (status == KH_OK)
        status =
            kh_sql_run(sql,
                       "UPDATE grant_member SET ended_ms = ?3 WHERE ended_ms = 0 AND person_ref = (SELECT id FROM person WHERE login = ?2)"
                       " AND grant_ref IN (SELECT id FROM access_grant WHERE consent_ref = ?1)",
                       values, 3, &members, err);
    if (status == KH_OK && grants + members == 0)
        status = kh_error_set(err, KH_E_NOT_FOUND, "consent %lld opens nothing to or from %s", (long long)l->id, l->who);
    return status;
}

static kh_status close_one(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    kh_status status = close_in(sql, context, err);

    return status == KH_OK ? kh_access_moved(access, sql, err) : status;
}

kh_status kh_consent_close(kh_access *access, int64_t id, const char *who, const char *reason, const char *by, kh_error *err)
{
    later l = {.id = id, .who = who, .reason = reason, .by = by};
    kh_status status = check(&l, true, err);

    return status == KH_OK ? kh_access_change(access, close_one, &l, err) : status;
}

/* --- one grant --- */

static kh_status end_grant(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    const later *l = context;
    int64_t changed = 0;
    const kh_sql_value values[] = {KH_SQL_I(l->id), KH_SQL_I(kh_clock_wall_ms()), KH_SQL_T(l->by), KH_SQL_T(l->reason)};
    kh_status status =
        kh_sql_run(sql, "UPDATE access_grant SET ended_ms = ?2, ended_by = ?3, ended_reason = ?4 WHERE id = ?1 AND ended_ms = 0", values, 4,
                   &changed, err);

    if (status == KH_OK && changed == 0)
        status = kh_error_set(err, KH_E_NOT_FOUND, "no grant %lld that stands", (long long)l->id);
    return status == KH_OK ? kh_access_moved(access, sql, err) : status;
}

kh_status kh_grant_end(kh_access *access, int64_t grant_id, const char *reason, const char *by, kh_error *err)
{
    later l = {.id = grant_id, .who = "", .reason = reason, .by = by};
    kh_status status = check(&l, true, err);

    return status == KH_OK ? kh_access_change(access, end_grant, &l, err) : status;
}

/* --- both, of a sheet from another house --- */

static kh_status end_whole(kh_sql *sql, const later *l, kh_error *err)
{
    int64_t at = 0;
    kh_status status = l->at[0] ? kh_lookup_facility(sql, l->at, &at, NULL, err) : KH_OK;
    const kh_sql_value values[] = {KH_SQL_I(l->id), KH_SQL_I(kh_clock_wall_ms()), KH_SQL_T(l->by), KH_SQL_T(l->reason),
                                   at ? KH_SQL_I(at) : KH_SQL_N};

    if (status == KH_OK)
        status = kh_sql_run(
            sql, "UPDATE access_grant SET ended_ms = ?2, ended_by = ?3, ended_reason = 'withdrawn' WHERE ended_ms = 0 AND consent_ref = ?1",
            values, 3, NULL, err);
    return status == KH_OK
               ? kh_sql_run(
                     sql, "UPDATE consent SET withdrawn_ms = ?2, withdrawn_by = ?3, withdrawn_reason = ?4, withdrawn_at = ?5 WHERE id = ?1",
                     values, 5, NULL, err)
               : status;
}

kh_status kh_consent_end_as_told(kh_sql *sql, int64_t id, const kh_consent_sheet *sheet, const char *by, kh_error *err)
{
    char who[66];
    later l = {.id = id, .who = who, .at = sheet->withdrawn_at, .reason = sheet->closed_reason ? sheet->closed_reason : "", .by = by};
    kh_status status = KH_OK;

    for (const char *p = sheet->closed ? sheet->closed : ""; *p && status == KH_OK;) {
        size_t size = strcspn(p, ",");

        if (size == 0 || size >= sizeof who)
            return kh_error_set(err, KH_E_ARG, "closed: expected facilities and logins, separated by commas");
        memcpy(who, p, size);
        who[size] = '\0';
        status = close_in(sql, &l, err);
        p += size + (p[size] == ',');
    }
    l.who = NULL;
    l.reason = sheet->withdrawn_reason ? sheet->withdrawn_reason : "";
    return status == KH_OK && sheet->withdrawn_at ? end_whole(sql, &l, err) : status;
}
