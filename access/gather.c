#include "access/gather.h"

#include <string.h>
#include <time.h>
#include "access/emergency.h"
#include "access/facilities.h"
#include "access/grants.h"
#include "access/horizons.h"
#include "base/clock.h"
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

    return since_ms > 0 && (until_ms == 0 || now_ms < until_ms); /* of a time to come, too: the clock was set back */
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

static kh_status gather_person(kh_decision_facts *facts, kh_sql *sql, const kh_gather_rules *rules, const kh_subject *subject,
                               kh_error *err)
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

static kh_status read_discloser(kh_gather_discloser *out, kh_sql *sql, const char *facility, int64_t now_ms, kh_error *err)
{
    kh_sql_row *row;
    kh_status status = one_row(&row, sql,
                               "SELECT " FACILITY_COLUMNS ", y.items, y.modalities, y.body_parts, y.delay_ms, y.departments,"
                               " EXISTS (SELECT 1 FROM hidden h WHERE h.facility_ref = f.id AND h.ended_ms = 0) FROM facility f"
                               " LEFT JOIN policy y ON y.facility_ref = f.id AND y.ended_ms = 0 WHERE f.code = ?1",
                               (kh_sql_value[]){KH_SQL_T(facility)}, 1, err);

    *out = (kh_gather_discloser){.policy = {.items = KH_ITEM_ALL}};
    KH_COPY(out->facility, facility);
    if (status != KH_OK || !row)
        return status;
    out->id = kh_sql_int(row, 0);
    out->known = true;
    out->open = (kh_sql_int(row, 1) & KH_PART_DISCLOSER) != 0 && takes_part(row, now_ms);
    out->hides = kh_sql_int(row, 11) != 0;
    if (!kh_sql_is_null(row, 6)) {
        out->policy.items = (unsigned)kh_sql_int(row, 6);
        KH_COPY(out->policy.modalities, kh_sql_text(row, 7));
        KH_COPY(out->policy.body_parts, kh_sql_text(row, 8));
        out->policy.delay_ms = kh_sql_int(row, 9);
        KH_COPY(out->policy.departments, kh_sql_text(row, 10));
    }
    kh_sql_end(row);
    return KH_OK;
}

static const kh_gather_discloser *shared_discloser(const kh_rights_shared *shared, const char *facility)
{
    for (size_t i = 0; i < shared->discloser_count; i++)
        if (strcmp(shared->disclosers[i].facility, facility) == 0)
            return &shared->disclosers[i];
    return NULL;
}

static void take_discloser(kh_gathered *out, const kh_gather_discloser *discloser)
{
    out->facts.known = true;
    out->facts.discloser_open = discloser->open;
    out->facts.policy = discloser->policy;
}

/* *out is in the shared ones, or in own. */
static kh_status gather_discloser(const kh_gather_discloser **out, kh_gather_discloser *own, kh_sql *sql, const char *facility,
                                  kh_rights_shared *shared, int64_t now_ms, kh_error *err)
{
    kh_status status;

    *out = shared ? shared_discloser(shared, facility) : NULL;
    if (*out)
        return KH_OK;
    *out = own;
    status = read_discloser(own, sql, facility, now_ms, err);
    if (status == KH_OK && shared && shared->discloser_count < KH_GATHER_DISCLOSERS_MAX && strlen(facility) < sizeof own->facility)
        shared->disclosers[shared->discloser_count++] = *own;
    return status;
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

void kh_gather_take_grant(kh_sql_row *row, int column, kh_grant_fact *out)
{
    int64_t target = kh_sql_int(row, column + 1);

    memset(out, 0, sizeof *out);
    out->id = kh_sql_int(row, column);
    out->to_site = target == KH_TARGET_SITE || target == KH_TARGET_ALL;
    out->withdrawn = kh_sql_int(row, column + 2) != 0;
    out->from_ms = kh_sql_int(row, column + 3);
    out->to_ms = kh_sql_int(row, column + 4);
    KH_COPY(out->floor, kh_sql_text(row, column + 5));
    out->items = (unsigned)kh_sql_int(row, column + 6);
    KH_COPY(out->modalities, kh_sql_text(row, column + 7));
}

static kh_status gather_grants(kh_gathered *out, kh_sql *sql, const kh_subject *subject, int64_t patient_ref, kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_I(patient_ref), KH_SQL_I(subject->facility_id), KH_SQL_I(subject->person_id),
                                   KH_SQL_I(KH_GATHER_GRANTS_MAX)};
    kh_sql_row *row;
    bool has_row = false;
    kh_status status =
        kh_sql_query(&row, sql,
                     "SELECT " KH_GATHER_GRANT_COLUMNS " FROM access_grant g"
                     " WHERE g.patient_ref = ?1 AND " KH_GRANT_NAMES("?2", "?3") " ORDER BY g.ended_ms <> 0, g.to_ms DESC, g.id LIMIT ?4",
                     values, 4, err);

    while (status == KH_OK && (status = kh_sql_next(row, &has_row, err)) == KH_OK && has_row &&
           out->facts.grant_count < KH_GATHER_GRANTS_MAX)
        kh_gather_take_grant(row, 0, &out->grants[out->facts.grant_count++]);
    kh_sql_end(row);
    out->facts.grants = out->grants;
    return status;
}

/* The patient, of whom the list's horizon knows what is asked for. */
static bool is_shared(kh_gathered *out, const kh_matter *matter, const kh_rights_shared *shared)
{
    return shared && shared->horizon && shared->horizon->epoch == shared->epoch &&
           kh_horizon_facts(shared->horizon, matter->facility, matter->patient_id, out);
}

static kh_status gather_patient(kh_gathered *out, kh_sql *sql, const kh_subject *subject, const kh_matter *matter, int64_t discloser_id,
                                kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_I(discloser_id), KH_SQL_T(matter->patient_id), KH_SQL_I(subject->facility_id)};
    int64_t patient_ref = 0;
    kh_sql_row *row;
    kh_status status =
        one_row(&row, sql,
                "SELECT p.id, EXISTS (SELECT 1 FROM link l WHERE l.from_ref = p.id AND l.to_facility_ref = ?3 AND l.ended_ms = 0)"
                " FROM patient p WHERE p.facility_ref = ?1 AND p.number = ?2",
                values, 3, err);

    if (status != KH_OK || !row)
        return status;
    patient_ref = kh_sql_int(row, 0);
    out->facts.linked = kh_sql_int(row, 1) != 0;
    kh_sql_end(row);
    return gather_grants(out, sql, subject, patient_ref, err);
}

static kh_status gather_emergency(kh_decision_facts *facts, kh_sql *sql, const kh_subject *subject, const kh_matter *matter,
                                  int64_t discloser_id, kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_I(subject->person_id), KH_SQL_I(discloser_id), KH_SQL_T(matter->patient_id),
                                   KH_SQL_I(facts->now_ms), KH_SQL_I(facts->now_ms + KH_EMERGENCY_AHEAD_MS)};
    kh_sql_row *row;
    kh_status status = one_row(&row, sql,
                               "SELECT id, until_ms FROM emergency WHERE person_ref = ?1 AND discloser_ref = ?2 AND number = ?3"
                               " AND ended_ms = 0 AND until_ms > ?4 AND made_ms <= ?5 ORDER BY until_ms DESC LIMIT 1",
                               values, 5, err);

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

void kh_gather_shared_look(kh_rights_shared *shared, uint64_t epoch)
{
    int64_t now_ms = kh_clock_monotonic_ms();

    if (shared->read_ms != 0 && shared->epoch == epoch && now_ms - shared->read_ms < KH_GATHER_SHARED_MS)
        return;
    shared->epoch = epoch;
    shared->read_ms = now_ms;
    shared->has_subject = false;
    shared->discloser_count = 0;
}

static kh_status read_emergencies(bool *out, kh_sql *sql, const kh_subject *subject, kh_error *err)
{
    kh_sql_row *row = NULL;
    kh_status status =
        one_row(&row, sql, "SELECT 1 FROM emergency WHERE person_ref = ?1 AND ended_ms = 0 LIMIT 1", &KH_SQL_I(subject->person_id), 1, err);

    *out = status == KH_OK && row != NULL;
    kh_sql_end(row);
    return status;
}

/* *emergencies: the person may have one. */
static kh_status gather_asker(kh_gathered *out, kh_sql *sql, const kh_gather_rules *rules, const kh_subject *subject,
                              kh_rights_shared *shared, bool *emergencies, int64_t now_ms, kh_error *err)
{
    kh_status status = KH_OK;

    *emergencies = subject->person_id != 0;
    if (!shared)
        return kh_gather_subject(&out->facts, sql, rules, subject, now_ms, err);
    if (!shared->has_subject) {
        status = kh_gather_subject(&shared->subject, sql, rules, subject, now_ms, err);
        shared->emergencies = false;
        if (status == KH_OK && subject->person_id != 0)
            status = read_emergencies(&shared->emergencies, sql, subject, err);
        shared->has_subject = status == KH_OK;
    }
    out->facts = shared->subject;
    out->facts.now_ms = now_ms;
    *emergencies = shared->emergencies;
    return status;
}

static void take_matter(kh_gathered *out, const kh_subject *subject, const kh_matter *matter)
{
    out->study_day[0] = '\0';
    out->facts.arrived_ms = matter->arrived_ms;
    out->facts.modalities = matter->modalities;
    out->facts.body_parts = matter->body_parts;
    out->facts.departments = matter->departments;
    set_study_day(out, matter);
    out->facts.own = matter->facility && subject->facility_id != 0 && strcmp(matter->facility, subject->facility) == 0;
}

kh_status kh_gather(kh_gathered *out, kh_sql *sql, const kh_gather_rules *rules, const kh_subject *subject, const kh_matter *matter,
                    kh_rights_shared *shared, int64_t now_ms, kh_error *err)
{
    const kh_gather_discloser *discloser;
    kh_gather_discloser own;
    bool emergencies;
    kh_status status = gather_asker(out, sql, rules, subject, shared, &emergencies, now_ms, err);

    take_matter(out, subject, matter);
    if (status != KH_OK || !out->facts.known_subject || out->facts.own || !matter->facility || matter->kind == KH_KIND_OPERATION ||
        matter->kind == KH_KIND_AUDIT)
        return status;
    status = gather_discloser(&discloser, &own, sql, matter->facility, shared, now_ms, err);
    if (status != KH_OK || !discloser->known)
        return status;
    take_discloser(out, discloser);
    if (!matter->patient_id || !matter->patient_id[0])
        return KH_OK;
    status = is_shared(out, matter, shared) ? KH_OK : gather_patient(out, sql, subject, matter, discloser->id, err);
    if (status == KH_OK && emergencies)
        status = gather_emergency(&out->facts, sql, subject, matter, discloser->id, err);
    return status == KH_OK && (discloser->hides || !matter->study_uid) ? gather_hidden(&out->facts, sql, matter, discloser->id, err)
                                                                       : status;
}

bool kh_gather_known(kh_gathered *out, const kh_subject *subject, const kh_matter *matter, const kh_rights_shared *shared, int64_t now_ms)
{
    const kh_gather_discloser *discloser = NULL;

    if (!shared->has_subject || !shared->subject.known_subject || shared->emergencies || !matter->facility || !matter->patient_id ||
        !matter->study_uid)
        return false;
    discloser = shared_discloser(shared, matter->facility);
    if (!discloser || !discloser->known || discloser->hides)
        return false;
    out->facts = shared->subject;
    out->facts.now_ms = now_ms;
    take_matter(out, subject, matter);
    take_discloser(out, discloser);
    return !out->facts.own && is_shared(out, matter, shared);
}
