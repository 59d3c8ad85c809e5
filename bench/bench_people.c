#include "bench/bench_people.h"

#include <stdio.h>
#include "access/facilities.h"
#include "access/people.h"

kh_status bench_add_people(kh_access *access, const char *hospital, kh_subject *doctor, kh_error *err)
{
    const char *const codes[] = {hospital, "clinic"};
    kh_person person = {
        .login = "doctor", .name = "A", .kana = "ア", .birth_date = "19700101", .facility = "clinic", .role = KH_ROLE_DOCTOR};
    kh_status status = KH_OK;

    for (size_t i = 0; status == KH_OK && i < 2; i++) {
        kh_facility facility = {.kind = KH_FACILITY_HOSPITAL, .part = KH_PART_BOTH, .name = "A"};

        snprintf(facility.code, sizeof facility.code, "%s", codes[i]);
        status = kh_facility_add(access, &facility, err);
    }
    if (status == KH_OK)
        status = kh_person_add(access, &person, err);
    if (status == KH_OK)
        status = kh_person_train(access, "doctor", "20260401", err);
    if (status == KH_OK)
        status = kh_person_activate(access, "doctor", err);
    if (status == KH_OK)
        status = kh_person_find(access, "doctor", &person, err);
    *doctor = (kh_subject){.person_id = person.id, .facility_id = person.facility_id, .role = person.role, .scopes = KH_SCOPE_ALL, .facility = "clinic"};
    return status;
}

static kh_status put_consents(kh_sql *sql, int64_t patients, kh_error *err)
{
    static const char *const statements[] = {
        "INSERT INTO patient (id, facility_ref, number, name_alphabetic, name_ideographic, name_phonetic, kana_key, birth_date, sex, address,"
        " address_key, card, made_ms, by_whom) SELECT id + ?1, 2, number, '', '', '', '', '', '', '', '', '', 1, 'b' FROM patient WHERE id <= ?1",
        "INSERT INTO link (from_ref, to_ref, to_facility_ref, made_ms, by_whom) SELECT id, id + ?1, 2, 1, 'b' FROM patient WHERE id <= ?1",
        "INSERT INTO link (from_ref, to_ref, to_facility_ref, made_ms, by_whom) SELECT id + ?1, id, 1, 1, 'b' FROM patient WHERE id <= ?1",
        "INSERT INTO consent (id, patient_ref, form, direction, signed_date, signer, proxy_name, proxy_relation, explainer, department, fax, holder_ref,"
        " author, made_ms, by_whom, from_ms, to_ms) SELECT id, id, 1, 2, '20260401', 1, '', '', 'A', '', '', 1, 'b', 1, 'b', 1, 9223372036854775807"
        " FROM patient WHERE id <= ?1",
    };
    kh_status status = KH_OK;

    for (size_t i = 0; status == KH_OK && i < sizeof statements / sizeof statements[0]; i++)
        status = kh_sql_run(sql, statements[i], &KH_SQL_I(patients), 1, NULL, err);
    return status;
}

kh_status bench_add_consents(const char *dir, int64_t patients, bench_put_patients *put, void *context, const char *grants, kh_error *err)
{
    char path[1100];
    kh_sql *sql = NULL;
    kh_status status;

    snprintf(path, sizeof path, "%s/access.db", dir);
    status = kh_sql_open(&sql, path, KH_SQL_WRITER, err);
    if (status == KH_OK)
        status = kh_sql_begin(sql, err);
    if (status == KH_OK)
        status = put(sql, context, patients, err);
    if (status == KH_OK)
        status = put_consents(sql, patients, err);
    if (status == KH_OK)
        status = kh_sql_run(sql, grants, &KH_SQL_I(patients), 1, NULL, err);
    if (status == KH_OK)
        status = kh_sql_commit(sql, err);
    kh_sql_close(sql);
    return status;
}
