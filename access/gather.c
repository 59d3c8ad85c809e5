#include "access/gather.h"

#include <string.h>
#include <time.h>
#include "access/facilities.h"
#include "access/grants.h"
#include "cache/internal.h"

#define DAY_MS (24 * 3600 * (int64_t)1000)

void kh_gather_day(char out[9], int64_t wall_ms)
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm local;

    if (!localtime_r(&seconds, &local) || strftime(out, 9, "%Y%m%d", &local) != 8)
        out[0] = '\0';
}

/* A query that gives one row at most; `row` is NULL without one. */
static kh_status one_row(kh_sql_row **row, kh_sql *sql, const char *statement, const kh_sql_value *values, size_t count, kh_error *err)
{
    bool has_row = false;
    kh_status status = kh_sql_query(row, sql, statement, values, count, err);

    if (status == KH_OK)
        status = kh_sql_next(*row, &has_row, err);
    if (status != KH_OK || !has_row) {
        kh_sql_end(*row);
        *row = NULL;
    }
    return status;
}

static bool suspended(kh_sql_row *row, int column, int64_t now_ms)
{
    int64_t since_ms = kh_sql_int(row, column), until_ms = kh_sql_int(row, column + 1);

    return since_ms > 0 && since_ms <= now_ms && (until_ms == 0 || now_ms < until_ms);
}

#define FACILITY_COLUMNS "f.id, f.part, f.joined, f.left_on, f.suspended_ms, f.suspended_until_ms"

/* Of FACILITY_COLUMNS: it has joined, has not left, is not suspended. */
static bool takes_part(kh_sql_row *row, int64_t now_ms)
{
    const char *joined = kh_sql_text(row, 2), *left = kh_sql_text(row, 3);
    char today[9];

    kh_gather_day(today, now_ms);
    return today[0] && strcmp(joined, today) <= 0 && (!left[0] || strcmp(today, left) < 0) && !suspended(row, 4, now_ms);
}

static kh_status gather_person(kh_decision_facts *facts, kh_sql *sql, const kh_gather_rules *rules, const kh_subject *subject, kh_error *err)
{
    kh_sql_row *row;
    kh_status status = one_row(&row, sql,
                               "SELECT " FACILITY_COLUMNS ", n.stopped_ms, p.role, p.trained, p.activated_ms, p.left_ms, p.suspended_ms,"
                               " p.suspended_until_ms, w.changed_ms FROM person p JOIN facility f ON f.id = p.facility_ref JOIN network n"
                               " LEFT JOIN password w ON w.person_ref = p.id WHERE p.id = ?1",
                               &KH_SQL_I(subject->person_id), 1, err);

    if (status != KH_OK || !row)
        return status;
    /* who was somebody else when he signed in is nobody now */
    facts->known_subject = kh_sql_int(row, 0) == subject->facility_id && kh_sql_int(row, 7) == (int64_t)subject->role;
    facts->facility_open = takes_part(row, facts->now_ms);
    facts->facility_views = (kh_sql_int(row, 1) & KH_PART_VIEWER) != 0;
    facts->network_open = kh_sql_int(row, 6) == 0;
    facts->admitted = kh_sql_text(row, 8)[0] && kh_sql_int(row, 9) > 0 && kh_sql_int(row, 10) == 0 && !suspended(row, 11, facts->now_ms);
    if (rules->password_days > 0 && !kh_sql_is_null(row, 13))
        facts->admitted_until_ms = kh_sql_int(row, 13) + rules->password_days * DAY_MS;
    kh_sql_end(row);
    return KH_OK;
}

static kh_status gather_node(kh_decision_facts *facts, kh_sql *sql, const kh_subject *subject, kh_error *err)
{
    kh_sql_row *row;
    kh_status status = one_row(&row, sql, "SELECT " FACILITY_COLUMNS ", n.stopped_ms FROM facility f JOIN network n WHERE f.id = ?1",
                               &KH_SQL_I(subject->facility_id), 1, err);

    facts->known_subject = facts->admitted = subject->role == 0;
    if (status != KH_OK || !row)
        return status;
    facts->facility_open = takes_part(row, facts->now_ms);
    facts->facility_views = (kh_sql_int(row, 1) & KH_PART_VIEWER) != 0;
    facts->network_open = kh_sql_int(row, 6) == 0;
    kh_sql_end(row);
    return KH_OK;
}

kh_status kh_gather_subject(kh_decision_facts *facts, kh_sql *sql, const kh_gather_rules *rules, const kh_subject *subject, int64_t now_ms,
                            kh_error *err)
{
    memset(facts, 0, sizeof *facts);
    facts->now_ms = now_ms;
    facts->admitted_until_ms = INT64_MAX;
    facts->reader_roles = rules->reader_roles;
    facts->study_day = facts->modalities = "";
    facts->policy.items = KH_ITEM_ALL;
    return subject->person_id != 0 ? gather_person(facts, sql, rules, subject, err) : gather_node(facts, sql, subject, err);
}

/* --- of what is asked for --- */

static kh_status gather_discloser(kh_decision_facts *facts, kh_sql *sql, const kh_matter *matter, int64_t *discloser_id, kh_error *err)
{
    kh_sql_row *row;
    kh_status status = one_row(&row, sql,
                               "SELECT " FACILITY_COLUMNS ", y.items, y.modalities, y.body_parts, y.delay_ms FROM facility f"
                               " LEFT JOIN policy y ON y.facility_ref = f.id AND y.ended_ms = 0 WHERE f.code = ?1",
                               (kh_sql_value[]){KH_SQL_T(matter->facility)}, 1, err);

    if (status != KH_OK || !row)
        return status;
    *discloser_id = kh_sql_int(row, 0);
    facts->known = true;
    facts->discloser_open = (kh_sql_int(row, 1) & KH_PART_DISCLOSER) != 0 && takes_part(row, facts->now_ms);
    if (!kh_sql_is_null(row, 6)) {
        facts->policy.items = (unsigned)kh_sql_int(row, 6);
        KH_COPY(facts->policy.modalities, kh_sql_text(row, 7));
        KH_COPY(facts->policy.body_parts, kh_sql_text(row, 8));
        facts->policy.delay_ms = kh_sql_int(row, 9);
    }
    kh_sql_end(row);
    return KH_OK;
}

/* Below a study of which no series is named, one hidden series hides all; images of no study that is named are hidden. */
static kh_status gather_hidden(kh_decision_facts *facts, kh_sql *sql, const kh_matter *matter, int64_t discloser_id, kh_error *err)
{
    bool whole = matter->kind == KH_KIND_STUDY;
    const kh_sql_value values[] = {KH_SQL_I(discloser_id), KH_SQL_T(matter->study_uid), KH_SQL_T(matter->series_uid), KH_SQL_I(whole)};
    kh_sql_row *row;
    kh_status status;

    if (!matter->study_uid) {
        facts->hidden = matter->kind != KH_KIND_PATIENT;
        return KH_OK;
    }
    status = one_row(&row, sql,
                     "SELECT 1 FROM hidden WHERE facility_ref = ?1 AND study_uid = ?2 AND ended_ms = 0 AND"
                     " (series_uid = '' OR (NOT ?4 AND (?3 IS NULL OR series_uid = ?3))) LIMIT 1",
                     values, 4, err);
    facts->hidden = status == KH_OK && row != NULL;
    kh_sql_end(row);
    return status;
}

static void take_grant(kh_sql_row *row, kh_grant_fact *out)
{
    int64_t target = kh_sql_int(row, 1);

    memset(out, 0, sizeof *out);
    out->id = kh_sql_int(row, 0);
    out->to_site = target == KH_TARGET_SITE || target == KH_TARGET_ALL;
    out->withdrawn = kh_sql_int(row, 2) != 0;
    out->from_ms = kh_sql_int(row, 3);
    out->to_ms = kh_sql_int(row, 4);
    KH_COPY(out->floor, kh_sql_text(row, 5));
    out->items = (unsigned)kh_sql_int(row, 6);
    KH_COPY(out->modalities, kh_sql_text(row, 7));
}

static kh_status gather_grants(kh_gathered *out, kh_sql *sql, const kh_subject *subject, int64_t patient_ref, kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_I(patient_ref), KH_SQL_I(subject->facility_id), KH_SQL_I(subject->person_id), KH_SQL_I(KH_GATHER_GRANTS_MAX)};
    kh_sql_row *row;
    bool has_row = false;
    kh_status status = kh_sql_query(&row, sql,
                                    "SELECT g.id, g.target, g.ended_ms, g.from_ms, g.to_ms, g.floor, g.items, g.modalities FROM access_grant g"
                                    " WHERE g.patient_ref = ?1 AND " KH_GRANT_NAMES("?2", "?3") " ORDER BY g.ended_ms <> 0, g.to_ms DESC LIMIT ?4",
                                    values, 4, err);

    while (status == KH_OK && (status = kh_sql_next(row, &has_row, err)) == KH_OK && has_row && out->facts.grant_count < KH_GATHER_GRANTS_MAX)
        take_grant(row, &out->grants[out->facts.grant_count++]);
    kh_sql_end(row);
    out->facts.grants = out->grants;
    return status;
}

static kh_status gather_patient(kh_gathered *out, kh_sql *sql, const kh_subject *subject, const kh_matter *matter, int64_t discloser_id, kh_error *err)
{
    kh_sql_value values[] = {KH_SQL_I(discloser_id), KH_SQL_T(matter->patient_id)};
    int64_t patient_ref = 0;
    kh_sql_row *row;
    kh_status status = one_row(&row, sql, "SELECT id FROM patient WHERE facility_ref = ?1 AND number = ?2", values, 2, err);

    if (status != KH_OK || !row)
        return status;
    patient_ref = kh_sql_int(row, 0);
    kh_sql_end(row);
    values[0] = KH_SQL_I(patient_ref);
    values[1] = KH_SQL_I(subject->facility_id);
    status = one_row(&row, sql, "SELECT 1 FROM link WHERE from_ref = ?1 AND to_facility_ref = ?2 AND ended_ms = 0", values, 2, err);
    out->facts.linked = status == KH_OK && row != NULL;
    kh_sql_end(row);
    return status == KH_OK ? gather_grants(out, sql, subject, patient_ref, err) : status;
}

static kh_status gather_emergency(kh_decision_facts *facts, kh_sql *sql, const kh_subject *subject, const kh_matter *matter, int64_t discloser_id,
                                  kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_I(subject->person_id), KH_SQL_I(discloser_id), KH_SQL_T(matter->patient_id), KH_SQL_I(facts->now_ms)};
    kh_sql_row *row;
    kh_status status = one_row(&row, sql,
                               "SELECT id, until_ms FROM emergency WHERE person_ref = ?1 AND discloser_ref = ?2 AND number = ?3"
                               " AND ended_ms = 0 AND until_ms > ?4 ORDER BY until_ms DESC LIMIT 1",
                               values, 4, err);

    if (status == KH_OK && row) {
        facts->emergency_id = kh_sql_int(row, 0);
        facts->emergency_until_ms = kh_sql_int(row, 1);
    }
    kh_sql_end(row);
    return status;
}

static void set_study_day(kh_gathered *out, const kh_matter *matter)
{
    const char *date = matter->study_date ? matter->study_date : "";

    if (!date[0])
        kh_gather_day(out->study_day, matter->arrived_ms);
    else if (strlen(date) == 8 && strspn(date, "0123456789") == 8)
        memcpy(out->study_day, date, 9);
    out->facts.study_day = out->study_day;
}

kh_status kh_gather(kh_gathered *out, kh_sql *sql, const kh_gather_rules *rules, const kh_subject *subject, const kh_matter *matter, int64_t now_ms,
                    kh_error *err)
{
    int64_t discloser_id = 0;
    kh_status status;

    out->study_day[0] = '\0';
    status = kh_gather_subject(&out->facts, sql, rules, subject, now_ms, err);
    out->facts.arrived_ms = matter->arrived_ms;
    out->facts.modalities = matter->modalities;
    out->facts.body_parts = matter->body_parts;
    set_study_day(out, matter);
    out->facts.own = matter->facility && subject->facility_id != 0 && strcmp(matter->facility, subject->facility) == 0;
    if (status != KH_OK || !out->facts.known_subject || out->facts.own || !matter->facility || matter->kind == KH_KIND_OPERATION ||
        matter->kind == KH_KIND_AUDIT)
        return status;
    status = gather_discloser(&out->facts, sql, matter, &discloser_id, err);
    if (status != KH_OK || !out->facts.known || !matter->patient_id || !matter->patient_id[0])
        return status;
    status = gather_patient(out, sql, subject, matter, discloser_id, err);
    if (status == KH_OK && subject->person_id != 0)
        status = gather_emergency(&out->facts, sql, subject, matter, discloser_id, err);
    return status == KH_OK ? gather_hidden(&out->facts, sql, matter, discloser_id, err) : status;
}
