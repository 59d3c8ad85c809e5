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
