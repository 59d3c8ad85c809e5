#include "access/consents.h"

#include <string.h>
#include "access/consent_check.h"
#include "access/consent_ends.h"
#include "access/facilities.h"
#include "access/internal.h"
#include "access/linking.h"
#include "access/lookup.h"
#include "base/clock.h"

typedef struct place {
    const char *code;
    int64_t facility, part, patient; /* patient 0: its number has not arrived */
} place;

typedef struct adding {
    const kh_consent_rules *rules;
    const kh_consent_sheet *sheet;
    const char *by;
    int64_t now_ms, from_ms, to_ms;
    int64_t id, holder, person;
    place taken, places[KH_CONSENT_SITES_MAX];
} adding;

kh_consent_sheet kh_consent_of_sites(const char *facility, const char *number, const char *signed_date, const kh_consent_place *places,
                                     size_t place_count)
{
    return (kh_consent_sheet){.facility = facility,
                              .number = number,
                              .form = KH_CONSENT_SITES,
                              .direction = KH_CONSENT_SHOW,
                              .signed_date = signed_date,
                              .signer = KH_SIGNER_PATIENT,
                              .proxy_name = "",
                              .proxy_relation = "",
                              .explainer = "",
                              .department = "",
                              .fax = "",
                              .holder = "",
                              .author = "",
                              .places = places,
                              .place_count = place_count,
                              .person = "",
                              .team = "",
                              .look_back_years = KH_LOOK_BACK_SETTING,
                              .modalities = ""};
}

static kh_status need_part(const char *facility, int64_t part, kh_facility_part wanted, kh_error *err)
{
    return part & wanted
               ? KH_OK
               : kh_error_set(err, KH_E_ARG, "facility %s is no %s", facility, wanted == KH_PART_DISCLOSER ? "discloser" : "viewer site");
}

/* A place has the number that liaison staff linked, whatever stands on the sheet; that the two contradict each other is for a person. */
static kh_status find_place(kh_sql *sql, const adding *a, const kh_consent_place *named, place *out, kh_error *err)
{
    const kh_consent_sheet *s = a->sheet;
    kh_sql_value values[] = {KH_SQL_I(a->taken.patient), KH_SQL_I(0), KH_SQL_T(named->number)};
    int64_t contradicts = 0;
    kh_status status = kh_lookup_facility(sql, named->facility, &out->facility, &out->part, err);

    out->code = named->facility;
    if (status != KH_OK)
        return status;
    values[1] = KH_SQL_I(out->facility);
    if (s->direction & KH_CONSENT_VIEW)
        status = need_part(named->facility, out->part, KH_PART_DISCLOSER, err);
    if (status == KH_OK && s->form == KH_CONSENT_SITES && (s->direction & KH_CONSENT_SHOW))
        status = need_part(named->facility, out->part, KH_PART_VIEWER, err);
    if (status == KH_OK)
        status = kh_lookup_int(sql, "SELECT to_ref FROM link WHERE from_ref = ?1 AND to_facility_ref = ?2 AND ended_ms = 0", values, 2,
                               &out->patient, err);
    if (status != KH_OK || out->patient == 0 || !named->number[0])
        return status;
    values[0] = KH_SQL_I(out->patient);
    status = kh_lookup_int(sql, "SELECT 1 FROM patient WHERE id = ?1 AND number <> ?3", values, 3, &contradicts, err);
    if (status == KH_OK && contradicts)
        return kh_error_set(err, KH_E_CONFLICT, "the patient is linked to another number of %s than the sheet says", named->facility);
    return status;
}

static kh_status find_all(kh_sql *sql, adding *a, kh_error *err)
{
    const kh_consent_sheet *s = a->sheet;
    int64_t sheet_patient = 0;
    kh_status status = kh_lookup_patient(sql, s->facility, s->number, &a->taken.patient, &a->taken.facility, err);

    a->taken.code = s->facility;
    if (status == KH_OK)
        status = kh_lookup_facility(sql, s->facility, &a->taken.facility, &a->taken.part, err);
    if (status == KH_OK && (s->direction & KH_CONSENT_SHOW))
        status = need_part(s->facility, a->taken.part, KH_PART_DISCLOSER, err);
    if (status == KH_OK && s->form == KH_CONSENT_SITES && (s->direction & KH_CONSENT_VIEW))
        status = need_part(s->facility, a->taken.part, KH_PART_VIEWER, err);
    if (status == KH_OK)
        status = kh_lookup_facility(sql, s->holder[0] ? s->holder : s->facility, &a->holder, NULL, err);
    if (status == KH_OK && s->person[0])
        status = kh_lookup_person(sql, s->person, &a->person, NULL, err);
    for (size_t i = 0; status == KH_OK && i < s->place_count; i++)
        status = find_place(sql, a, &s->places[i], &a->places[i], err);
    if (status != KH_OK || s->sheet_of == 0)
        return status;
    status = kh_lookup_int(sql, "SELECT patient_ref FROM consent WHERE id = ?1 AND sheet_of IS NULL AND (withdrawn_ms = 0 OR ?2)",
                           (kh_sql_value[]){KH_SQL_I(s->sheet_of), KH_SQL_I(a->rules->past && s->withdrawn_at)}, 2, &sheet_patient, err);
    if (status == KH_OK && sheet_patient != a->taken.patient)
        return kh_error_set(err, KH_E_NOT_FOUND, "no consent %lld of this patient that stands", (long long)s->sheet_of);
    return status;
}

static kh_status put_consent(kh_sql *sql, adding *a, kh_error *err)
{
    const kh_consent_sheet *s = a->sheet;
    const kh_sql_value values[] = {s->sheet_of ? KH_SQL_I(s->sheet_of) : KH_SQL_N,
                                   KH_SQL_I(a->taken.patient),
                                   KH_SQL_I(s->form),
                                   KH_SQL_I(s->direction),
                                   KH_SQL_T(s->signed_date),
                                   KH_SQL_I(s->signer),
                                   KH_SQL_T(s->proxy_name),
                                   KH_SQL_T(s->proxy_relation),
                                   KH_SQL_T(s->explainer),
                                   KH_SQL_T(s->department),
                                   KH_SQL_T(s->fax),
                                   KH_SQL_I(a->holder),
                                   KH_SQL_T(s->author[0] ? s->author : a->by),
                                   KH_SQL_I(a->now_ms),
                                   KH_SQL_T(a->by),
                                   KH_SQL_I(a->from_ms),
                                   KH_SQL_I(a->to_ms)};
    kh_status status = kh_sql_run(
        sql,
        "INSERT INTO consent (sheet_of, patient_ref, form, direction, signed_date, signer, proxy_name, proxy_relation, explainer,"
        " department, fax, holder_ref, author, made_ms, by_whom, from_ms, to_ms)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
        KH_ACCESS_VALUES(values), NULL, err);

    a->id = kh_sql_last_id(sql);
    return status;
}

static kh_status put_number(kh_sql *sql, const adding *a, const place *at, const char *told, kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_I(a->id), KH_SQL_I(at->facility), KH_SQL_T(told), at->patient ? KH_SQL_I(at->patient) : KH_SQL_N};

    return kh_sql_run(sql, "INSERT INTO consent_number (consent_ref, facility_ref, told, patient_ref) VALUES (?1, ?2, ?3, ?4)", values, 4,
                      NULL, err);
}

/* That of the discloser in "north=20250401,south="; false: it is not named. */
static bool told_floor(char out[9], const char *floors, const char *code)
{
    size_t size = strlen(code);

    for (const char *p = floors ? floors : ""; *p; p += strcspn(p, ","), p += *p == ',')
        if (strncmp(p, code, size) == 0 && p[size] == '=') {
            size_t day = strcspn(p + size + 1, ",");

            if (day != 0 && day != 8)
                continue;
            memcpy(out, p + size + 1, day);
            out[day] = '\0';
            return true;
        }
    return false;
}

/* The floor is settled on the day the sheet is entered: by the sheet, else the discloser's policy, else the network. */
static kh_status floor_of(kh_sql *sql, const adding *a, const place *discloser, char out[9], kh_error *err)
{
    int64_t years = a->sheet->look_back_years;
    kh_status status = KH_OK;

    if (told_floor(out, a->sheet->floors, discloser->code))
        return KH_OK;
    if (years == KH_LOOK_BACK_SETTING)
        status = kh_lookup_int(sql, "SELECT ifnull((SELECT look_back_years FROM policy WHERE facility_ref = ?1 AND ended_ms = 0), -2)",
                               &KH_SQL_I(discloser->facility), 1, &years, err);
    if (years == KH_LOOK_BACK_SETTING)
        years = a->rules->look_back_years;
    kh_look_back_floor(out, a->sheet->signed_date, (int)years);
    return status;
}

/* site: for KH_CONSENT_SITES, whom it opens to. */
static kh_status put_grant(kh_sql *sql, const adding *a, const place *discloser, int64_t site, int64_t *id, kh_error *err)
{
    const kh_consent_sheet *s = a->sheet;
    char floor[9] = "";
    kh_status status = floor_of(sql, a, discloser, floor, err);
    const kh_sql_value values[] = {KH_SQL_I(a->id),
                                   KH_SQL_I(discloser->facility),
                                   discloser->patient ? KH_SQL_I(discloser->patient) : KH_SQL_N,
                                   KH_SQL_I(s->form),
                                   site ? KH_SQL_I(site) : KH_SQL_N,
                                   a->person ? KH_SQL_I(a->person) : KH_SQL_N,
                                   KH_SQL_T(s->team),
                                   KH_SQL_I(a->from_ms),
                                   KH_SQL_I(a->to_ms),
                                   KH_SQL_T(floor),
                                   KH_SQL_I(s->items),
                                   KH_SQL_T(s->modalities)};

    if (status == KH_OK)
        status = kh_sql_run(
            sql,
            "INSERT INTO access_grant (consent_ref, discloser_ref, patient_ref, target, site_ref, person_ref, team, from_ms, to_ms, floor,"
            " items, modalities) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
            KH_ACCESS_VALUES(values), NULL, err);
    *id = kh_sql_last_id(sql);
    return status;
}

static kh_status put_people(kh_sql *sql, const adding *a, int64_t grant, kh_error *err)
{
    const kh_consent_sheet *s = a->sheet;
    kh_sql_value values[] = {KH_SQL_I(grant), KH_SQL_I(0)};
    kh_status status = KH_OK;
    int64_t id;

    for (size_t i = 0; status == KH_OK && i < s->member_count; i++) {
        status = kh_lookup_person(sql, s->members[i], &id, NULL, err);
        values[1] = KH_SQL_I(id);
        if (status == KH_OK)
            status = kh_sql_run(sql, "INSERT OR IGNORE INTO grant_member (grant_ref, person_ref) VALUES (?1, ?2)", values, 2, NULL, err);
    }
    for (size_t i = 0; status == KH_OK && i < s->excluded_count; i++) {
        status = kh_lookup_facility(sql, s->excluded[i], &id, NULL, err);
        values[1] = KH_SQL_I(id);
        if (status == KH_OK)
            status =
                kh_sql_run(sql, "INSERT OR IGNORE INTO grant_excluded (grant_ref, facility_ref) VALUES (?1, ?2)", values, 2, NULL, err);
    }
    return status;
}

static kh_status put_grant_whole(kh_sql *sql, const adding *a, const place *discloser, int64_t site, kh_error *err)
{
    int64_t id = 0;
    kh_status status = put_grant(sql, a, discloser, site, &id, err);

    return status == KH_OK ? put_people(sql, a, id, err) : status;
}

static kh_status put_grants(kh_sql *sql, const adding *a, kh_error *err)
{
    const kh_consent_sheet *s = a->sheet;
    bool sites = s->form == KH_CONSENT_SITES;
    kh_status status = KH_OK;

    if (!sites && (s->direction & KH_CONSENT_SHOW))
        status = put_grant_whole(sql, a, &a->taken, 0, err);
    for (size_t i = 0; status == KH_OK && i < s->place_count; i++) {
        if (s->direction & KH_CONSENT_VIEW)
            status = put_grant_whole(sql, a, &a->places[i], sites ? a->taken.facility : 0, err);
        if (status == KH_OK && sites && (s->direction & KH_CONSENT_SHOW))
            status = put_grant_whole(sql, a, &a->taken, a->places[i].facility, err);
    }
    return status;
}

static kh_status add(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    adding *a = context;
    kh_status status = find_all(sql, a, err);

    if (status == KH_OK)
        status = put_consent(sql, a, err);
    if (status == KH_OK)
        status = put_number(sql, a, &a->taken, a->sheet->number, err);
    for (size_t i = 0; status == KH_OK && i < a->sheet->place_count; i++)
        status = put_number(sql, a, &a->places[i], a->sheet->places[i].number, err);
    if (status == KH_OK)
        status = put_grants(sql, a, err);
    if (status == KH_OK && a->rules->past)
        status = kh_consent_end_as_told(sql, a->id, a->sheet, a->by, err);
    if (status == KH_OK)
        status = kh_prefetch_note(sql, a->now_ms, err);
    if (status == KH_OK && a->from_ms > a->now_ms)
        status = kh_access_moves_at(sql, a->from_ms, err);
    if (status == KH_OK && a->to_ms != INT64_MAX)
        status = kh_access_moves_at(sql, a->to_ms, err);
    return status == KH_OK ? kh_access_moved(access, sql, err) : status;
}

kh_status kh_consent_add(kh_access *access, const kh_consent_rules *rules, const kh_consent_sheet *sheet, const char *by, int64_t *id,
                         kh_error *err)
{
    adding a = {.rules = rules, .sheet = sheet, .by = by, .now_ms = kh_clock_wall_ms()};
    kh_status status = kh_consent_check(rules, sheet, by, err);

    a.from_ms = sheet->from_ms > 0 ? sheet->from_ms : a.now_ms;
    a.to_ms = sheet->to_ms > 0 ? sheet->to_ms : INT64_MAX;
    if (status == KH_OK && a.to_ms <= a.now_ms && !rules->past)
        status = kh_error_set(err, KH_E_ARG, "to: it is over already");
    if (status == KH_OK)
        status = kh_access_change(access, add, &a, err);
    *id = status == KH_OK ? a.id : 0;
    return status;
}
