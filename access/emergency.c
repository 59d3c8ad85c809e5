#include "access/emergency.h"

#include <string.h>
#include "access/decide.h"
#include "access/internal.h"
#include "access/lookup.h"
#include "access/subject.h"
#include "base/clock.h"

typedef struct opening {
    const kh_emergency_request *request;
    int64_t id, until_ms;
} opening;

static void take_person(kh_sql_row *row, void *context)
{
    int64_t *two = context;

    two[0] = kh_sql_int(row, 0);
    two[1] = kh_sql_int(row, 1);
}

static kh_status open_one(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    opening *o = context;
    const kh_emergency_request *r = o->request;
    int64_t person[2] = {0, 0}, discloser = 0, now_ms = kh_clock_wall_ms();
    kh_status status = kh_access_one(sql, "SELECT role, facility_ref FROM person WHERE id = ?1", &KH_SQL_I(r->person_id), 1, take_person,
                                     person, "person", err);

    if (status == KH_OK && !kh_decide_emergency((kh_person_role)person[0], r->reader_roles))
        status = kh_error_set(err, KH_E_DENIED,
                              person[0] == KH_ROLE_NURSE
                                  ? "emergency access of nurses opens nothing in this network: name them in [access] readers first"
                                  : "emergency access is for doctors and radiologists, and nurses where [access] readers names them");
    if (status == KH_OK)
        status = kh_lookup_facility(sql, r->facility, &discloser, NULL, err);
    if (status == KH_OK && discloser == person[1])
        status = kh_error_set(err, KH_E_ARG, "facility: it is the person's own");
    if (status != KH_OK)
        return status;
    o->until_ms = now_ms + r->duration_ms;
    const kh_sql_value values[] = {KH_SQL_I(r->person_id), KH_SQL_I(person[1]), KH_SQL_I(discloser), KH_SQL_T(r->number),
                                   KH_SQL_T(r->reason),    KH_SQL_I(now_ms),    KH_SQL_I(o->until_ms)};

    status = kh_sql_run(sql,
                        "INSERT INTO emergency (person_ref, facility_ref, discloser_ref, number, reason, made_ms, until_ms)"
                        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                        values, 7, NULL, err);
    o->id = kh_sql_last_id(sql);
    const kh_sql_value told[] = {KH_SQL_I(discloser), KH_SQL_I(o->id), KH_SQL_I(now_ms)};

    if (status == KH_OK)
        status =
            kh_sql_run(sql, "INSERT INTO alert (facility_ref, kind, ref, made_ms) VALUES (?1, 'emergency', ?2, ?3)", told, 3, NULL, err);
    if (status == KH_OK)
        status = kh_access_moves_at(sql, o->until_ms, err);
    return status == KH_OK ? kh_access_moved(access, sql, err) : status;
}

kh_status kh_emergency_open(kh_access *access, const kh_emergency_request *request, int64_t *id, int64_t *until_ms, kh_error *err)
{
    opening o = {.request = request};
    kh_status status = kh_access_check_text("patient ID", request->number, KH_PATIENT_NUMBER_SIZE, true, err);

    *id = *until_ms = 0;
    if (status == KH_OK)
        status = kh_access_check_text("reason", request->reason, 257, true, err);
    if (status == KH_OK && strlen(request->reason) < 4)
        status = kh_error_set(err, KH_E_ARG, "reason: %zu bytes, expected 4 or more", strlen(request->reason));
    if (status == KH_OK && (request->duration_ms < KH_EMERGENCY_MIN_MS || request->duration_ms > KH_EMERGENCY_MAX_MS))
        status = kh_error_set(err, KH_E_ARG, "duration: expected a minute to a day");
    if (status == KH_OK)
        status = kh_access_change(access, open_one, &o, err);
    if (status == KH_OK) {
        *id = o.id;
        *until_ms = o.until_ms;
    }
    return status;
}

static kh_status end(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_I(*(int64_t *)context), KH_SQL_I(kh_clock_wall_ms())};
    int64_t changed = 0;
    kh_status status =
        kh_sql_run(sql, "UPDATE emergency SET ended_ms = ?2 WHERE id = ?1 AND ended_ms = 0 AND until_ms > ?2", values, 2, &changed, err);

    if (status == KH_OK && changed == 0)
        return kh_error_set(err, KH_E_NOT_FOUND, "no such emergency access is open");
    return status == KH_OK ? kh_access_moved(access, sql, err) : status;
}

kh_status kh_emergency_end(kh_access *access, int64_t id, kh_error *err)
{
    return kh_access_change(access, end, &id, err);
}

typedef struct reviewing {
    int64_t id;
    bool justified;
    const char *text, *by;
} reviewing;

static kh_status review(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    reviewing *r = context;
    const kh_sql_value values[] = {KH_SQL_I(r->id), KH_SQL_I(kh_clock_wall_ms()), KH_SQL_T(r->by), KH_SQL_I(r->justified),
                                   KH_SQL_T(r->text)};
    int64_t changed = 0, there = 0;
    kh_status status = kh_sql_run(
        sql, "UPDATE emergency SET reviewed_ms = ?2, reviewed_by = ?3, justified = ?4, review = ?5 WHERE id = ?1 AND reviewed_ms = 0",
        values, 5, &changed, err);

    (void)access;
    if (status == KH_OK && changed == 0) {
        status = kh_lookup_int(sql, "SELECT 1 FROM emergency WHERE id = ?1", values, 1, &there, err);
        if (status == KH_OK)
            status = there ? kh_error_set(err, KH_E_CONFLICT, "it is reviewed already")
                           : kh_error_set(err, KH_E_NOT_FOUND, "no such emergency access");
    }
    if (status == KH_OK)
        status = kh_sql_run(sql, "UPDATE alert SET seen_ms = ?2, seen_by = ?3 WHERE kind = 'emergency' AND ref = ?1 AND seen_ms = 0",
                            values, 3, NULL, err);
    return status;
}

kh_status kh_emergency_review(kh_access *access, int64_t id, bool justified, const char *text, const char *by, kh_error *err)
{
    reviewing r = {id, justified, text, by};
    kh_status status = kh_access_check_text("who reviews", by, 65, true, err);

    if (status == KH_OK)
        status = kh_access_check_text("text", text, 257, !justified, err);
    return status == KH_OK ? kh_access_change(access, review, &r, err) : status;
}

typedef struct listing {
    const char *facility;
    bool to_review;
    kh_emergency_visit *visit;
    kh_alert_visit *alert_visit;
    void *context;
} listing;

static void take_emergency(kh_sql_row *row, kh_emergency_row *out)
{
    memset(out, 0, sizeof *out);
    out->id = kh_sql_int(row, 0);
    out->person_id = kh_sql_int(row, 1);
    KH_COPY(out->person, kh_sql_text(row, 2));
    KH_COPY(out->person_facility, kh_sql_text(row, 3));
    KH_COPY(out->facility, kh_sql_text(row, 4));
    KH_COPY(out->number, kh_sql_text(row, 5));
    KH_COPY(out->reason, kh_sql_text(row, 6));
    out->made_ms = kh_sql_int(row, 7);
    out->until_ms = kh_sql_int(row, 8);
    out->ended_ms = kh_sql_int(row, 9);
    out->reviewed_ms = kh_sql_int(row, 10);
    KH_COPY(out->reviewed_by, kh_sql_text(row, 11));
    KH_COPY(out->review, kh_sql_text(row, 12));
    out->justified = kh_sql_int(row, 13) != 0;
}

static kh_status list(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    listing *l = context;
    const kh_sql_value values[] = {KH_SQL_T(l->facility), KH_SQL_I(l->to_review)};
    kh_emergency_row emergency;
    kh_sql_row *row;
    bool has_row = false;
    kh_status status = kh_sql_query(
        &row, sql,
        "SELECT y.id, y.person_ref, p.login, f.code, d.code, y.number, y.reason, y.made_ms, y.until_ms, y.ended_ms, y.reviewed_ms,"
        " y.reviewed_by, y.review, ifnull(y.justified, 0) FROM emergency y JOIN person p ON p.id = y.person_ref"
        " JOIN facility f ON f.id = y.facility_ref JOIN facility d ON d.id = y.discloser_ref"
        " WHERE (?1 IS NULL OR d.code = ?1) AND (NOT ?2 OR y.reviewed_ms = 0) ORDER BY y.id DESC",
        values, 2, err);

    (void)access;
    while (status == KH_OK && (status = kh_sql_next(row, &has_row, err)) == KH_OK && has_row) {
        take_emergency(row, &emergency);
        status = l->visit(l->context, &emergency);
    }
    kh_sql_end(row);
    return status;
}

kh_status kh_emergency_list(kh_access *access, const char *facility, bool to_review, kh_emergency_visit *visit, void *context,
                            kh_error *err)
{
    listing l = {.facility = facility, .to_review = to_review, .visit = visit, .context = context};

    return kh_access_read(access, list, &l, err);
}

static kh_status list_alerts(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    listing *l = context;
    const kh_sql_value values[] = {KH_SQL_T(l->facility)};
    kh_alert_row alert;
    kh_sql_row *row;
    bool has_row = false;
    kh_status status = kh_sql_query(&row, sql,
                                    "SELECT a.id, a.ref, a.made_ms, f.code, a.kind FROM alert a JOIN facility f ON f.id = a.facility_ref"
                                    " WHERE a.seen_ms = 0 AND (?1 IS NULL OR f.code = ?1) ORDER BY a.id",
                                    values, 1, err);

    (void)access;
    while (status == KH_OK && (status = kh_sql_next(row, &has_row, err)) == KH_OK && has_row) {
        alert.id = kh_sql_int(row, 0);
        alert.ref = kh_sql_int(row, 1);
        alert.made_ms = kh_sql_int(row, 2);
        KH_COPY(alert.facility, kh_sql_text(row, 3));
        KH_COPY(alert.kind, kh_sql_text(row, 4));
        status = l->alert_visit(l->context, &alert);
    }
    kh_sql_end(row);
    return status;
}

kh_status kh_alert_list(kh_access *access, const char *facility, kh_alert_visit *visit, void *context, kh_error *err)
{
    listing l = {.facility = facility, .alert_visit = visit, .context = context};

    return kh_access_read(access, list_alerts, &l, err);
}

static kh_status see(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    reviewing *r = context;
    const kh_sql_value values[] = {KH_SQL_I(r->id), KH_SQL_I(kh_clock_wall_ms()), KH_SQL_T(r->by)};
    int64_t changed = 0;
    kh_status status =
        kh_sql_run(sql, "UPDATE alert SET seen_ms = ?2, seen_by = ?3 WHERE id = ?1 AND seen_ms = 0", values, 3, &changed, err);

    (void)access;
    return status == KH_OK && changed == 0 ? kh_error_set(err, KH_E_NOT_FOUND, "no such alert is open") : status;
}

kh_status kh_alert_seen(kh_access *access, int64_t id, const char *by, kh_error *err)
{
    reviewing r = {.id = id, .by = by};
    kh_status status = kh_access_check_text("who has seen it", by, 65, true, err);

    return status == KH_OK ? kh_access_change(access, see, &r, err) : status;
}
