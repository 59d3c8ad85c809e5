#include "access/links.h"

#include <string.h>
#include "access/internal.h"
#include "access/linking.h"
#include "access/lookup.h"
#include "base/clock.h"

typedef struct linking {
    const kh_link_end *a, *b;
    const char *by;
} linking;

typedef struct ends {
    int64_t a, a_facility, b, b_facility;
} ends;

static kh_status find_ends(kh_sql *sql, const linking *l, ends *out, kh_error *err)
{
    kh_status status = kh_lookup_patient(sql, l->a->facility, l->a->number, &out->a, &out->a_facility, err);

    if (status == KH_OK)
        status = kh_lookup_patient(sql, l->b->facility, l->b->number, &out->b, &out->b_facility, err);
    if (status == KH_OK && out->a_facility == out->b_facility)
        status = kh_error_set(err, KH_E_ARG, "both numbers are of %s, expected two facilities", l->a->facility);
    return status;
}

static kh_status put_side(kh_sql *sql, int64_t from, int64_t to, int64_t to_facility, const char *by, int64_t now_ms, kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_I(from), KH_SQL_I(to), KH_SQL_I(to_facility), KH_SQL_I(now_ms), KH_SQL_T(by)};
    kh_error why = KH_ERROR_INIT;
    kh_status status = kh_sql_run(sql, "INSERT INTO link (from_ref, to_ref, to_facility_ref, made_ms, by_whom) VALUES (?1, ?2, ?3, ?4, ?5)",
                                  values, 5, NULL, &why);

    if (status == KH_E_CONFLICT)
        return kh_error_set(err, status, "one of the two is linked to another number of that facility; that link has to be undone first");
    return status == KH_OK ? KH_OK : kh_error_set(err, status, "%s", why.message);
}

/* What waits on the sheets taken for `taken` for a number at the facility has it now. */
static kh_status arrive(kh_sql *sql, int64_t taken, int64_t facility, int64_t arrived, kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_I(taken), KH_SQL_I(facility), KH_SQL_I(arrived)};
    kh_status status = kh_sql_run(sql,
                                  "UPDATE consent_number SET patient_ref = ?3 WHERE facility_ref = ?2 AND patient_ref IS NULL"
                                  " AND consent_ref IN (SELECT id FROM consent WHERE patient_ref = ?1)",
                                  values, 3, NULL, err);

    if (status == KH_OK)
        status = kh_sql_run(sql,
                            "UPDATE access_grant SET patient_ref = ?3 WHERE discloser_ref = ?2 AND patient_ref IS NULL"
                            " AND consent_ref IN (SELECT id FROM consent WHERE patient_ref = ?1)",
                            values, 3, NULL, err);
    return status;
}

kh_status kh_linking_make(kh_access *access, kh_sql *sql, const kh_linking *link, const char *by, kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_I(link->a), KH_SQL_I(link->b)};
    int64_t stands = 0, now_ms = kh_clock_wall_ms();
    kh_status status =
        kh_lookup_int(sql, "SELECT id FROM link WHERE from_ref = ?1 AND to_ref = ?2 AND ended_ms = 0", values, 2, &stands, err);

    if (status == KH_OK && stands == 0)
        status = put_side(sql, link->a, link->b, link->b_facility, by, now_ms, err);
    if (status == KH_OK && stands == 0)
        status = put_side(sql, link->b, link->a, link->a_facility, by, now_ms, err);
    if (status == KH_OK)
        status = arrive(sql, link->a, link->b_facility, link->b, err);
    if (status == KH_OK)
        status = arrive(sql, link->b, link->a_facility, link->a, err);
    if (status == KH_OK)
        status = kh_prefetch_note(sql, now_ms, err);
    return status == KH_OK ? kh_access_moved(access, sql, err) : status;
}

static kh_status check_by(const char *by, kh_error *err)
{
    return kh_access_check_text("who does it", by, 65, true, err);
}

static kh_status make(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    linking *l = context;
    ends found;
    kh_status status = find_ends(sql, l, &found, err);
    const kh_linking link = {found.a, found.a_facility, found.b, found.b_facility};

    return status == KH_OK ? kh_linking_make(access, sql, &link, l->by, err) : status;
}

kh_status kh_link_make(kh_access *access, const kh_link_end *a, const kh_link_end *b, const char *by, kh_error *err)
{
    linking l = {a, b, by};
    kh_status status = check_by(by, err);

    return status == KH_OK ? kh_access_change(access, make, &l, err) : status;
}

/* The reverse of arrive(): the number was wrong. */
static kh_status depart(kh_sql *sql, int64_t taken, int64_t facility, int64_t arrived, kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_I(taken), KH_SQL_I(facility), KH_SQL_I(arrived), KH_SQL_I(kh_clock_wall_ms())};
    kh_status status = kh_sql_run(sql,
                                  "UPDATE consent_number SET patient_ref = NULL WHERE facility_ref = ?2 AND patient_ref = ?3"
                                  " AND consent_ref IN (SELECT id FROM consent WHERE patient_ref = ?1)",
                                  values, 3, NULL, err);

    if (status == KH_OK)
        status = kh_sql_run(sql,
                            "UPDATE prefetch_due SET done_ms = ?4, result = 'the link was undone' WHERE done_ms = 0 AND grant_ref IN"
                            " (SELECT g.id FROM access_grant g JOIN consent c ON c.id = g.consent_ref"
                            "  WHERE g.discloser_ref = ?2 AND g.patient_ref = ?3 AND c.patient_ref = ?1)",
                            values, 4, NULL, err);
    if (status == KH_OK)
        status = kh_sql_run(sql,
                            "UPDATE access_grant SET patient_ref = NULL, noted = 0 WHERE discloser_ref = ?2 AND patient_ref = ?3"
                            " AND consent_ref IN (SELECT id FROM consent WHERE patient_ref = ?1)",
                            values, 3, NULL, err);
    return status;
}

static kh_status undo(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    linking *l = context;
    int64_t ended = 0;
    ends found;
    kh_status status = find_ends(sql, l, &found, err);
    const kh_sql_value values[] = {KH_SQL_I(status == KH_OK ? found.a : 0), KH_SQL_I(status == KH_OK ? found.b : 0),
                                   KH_SQL_I(kh_clock_wall_ms()), KH_SQL_T(l->by)};

    if (status == KH_OK)
        status = kh_sql_run(sql,
                            "UPDATE link SET ended_ms = ?3, ended_by = ?4 WHERE ended_ms = 0 AND"
                            " ((from_ref = ?1 AND to_ref = ?2) OR (from_ref = ?2 AND to_ref = ?1))",
                            values, 4, &ended, err);
    if (status == KH_OK && ended == 0)
        status = kh_error_set(err, KH_E_NOT_FOUND, "the two numbers are not linked");
    if (status == KH_OK)
        status = depart(sql, found.a, found.b_facility, found.b, err);
    if (status == KH_OK)
        status = depart(sql, found.b, found.a_facility, found.a, err);
    return status == KH_OK ? kh_access_moved(access, sql, err) : status;
}

kh_status kh_link_undo(kh_access *access, const kh_link_end *a, const kh_link_end *b, const char *by, kh_error *err)
{
    linking l = {a, b, by};
    kh_status status = check_by(by, err);

    return status == KH_OK ? kh_access_change(access, undo, &l, err) : status;
}

typedef struct listing {
    const char *facility, *number;
    kh_link_visit *visit;
    void *context;
} listing;

static kh_status list(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    listing *l = context;
    kh_link_row link;
    kh_sql_row *row = NULL;
    bool has_row = false;
    int64_t id;
    kh_status status = kh_lookup_patient(sql, l->facility, l->number, &id, NULL, err);

    (void)access;
    if (status == KH_OK)
        status = kh_sql_query(
            &row, sql,
            "SELECT f.code, p.number, k.made_ms, k.ended_ms, k.by_whom, k.ended_by FROM link k JOIN patient p ON p.id = k.to_ref"
            " JOIN facility f ON f.id = p.facility_ref WHERE k.from_ref = ?1 ORDER BY k.id",
            &KH_SQL_I(id), 1, err);
    while (status == KH_OK && (status = kh_sql_next(row, &has_row, err)) == KH_OK && has_row) {
        KH_COPY(link.facility, kh_sql_text(row, 0));
        KH_COPY(link.number, kh_sql_text(row, 1));
        link.made_ms = kh_sql_int(row, 2);
        link.ended_ms = kh_sql_int(row, 3);
        KH_COPY(link.by, kh_sql_text(row, 4));
        KH_COPY(link.ended_by, kh_sql_text(row, 5));
        status = l->visit(l->context, &link);
    }
    kh_sql_end(row);
    return status;
}

kh_status kh_link_list(kh_access *access, const char *facility, const char *number, kh_link_visit *visit, void *context, kh_error *err)
{
    listing l = {facility, number, visit, context};

    return kh_access_read(access, list, &l, err);
}

typedef struct pairing {
    const char *facility;
    kh_link_pair_visit *visit;
    void *context;
} pairing;

static kh_status list_pairs(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    pairing *p = context;
    const kh_sql_value values[] = {KH_SQL_T(p->facility)};
    kh_sql_row *row;
    bool has_row = false;
    kh_status status =
        kh_sql_query(&row, sql,
                     "SELECT f.code, a.number, g.code, b.number FROM link k JOIN patient a ON a.id = k.from_ref"
                     " JOIN facility f ON f.id = a.facility_ref JOIN patient b ON b.id = k.to_ref JOIN facility g ON g.id = b.facility_ref"
                     " WHERE k.ended_ms = 0 AND f.code < g.code AND (?1 IS NULL OR ?1 IN (f.code, g.code))"
                     " ORDER BY f.code, a.number, g.code",
                     values, 1, err);

    (void)access;
    while (status == KH_OK && (status = kh_sql_next(row, &has_row, err)) == KH_OK && has_row) {
        const kh_link_end a = {kh_sql_text(row, 0), kh_sql_text(row, 1)}, b = {kh_sql_text(row, 2), kh_sql_text(row, 3)};

        status = p->visit(p->context, &a, &b);
    }
    kh_sql_end(row);
    return status;
}

kh_status kh_link_pairs(kh_access *access, const char *facility, kh_link_pair_visit *visit, void *context, kh_error *err)
{
    pairing p = {facility, visit, context};

    return kh_access_read(access, list_pairs, &p, err);
}
