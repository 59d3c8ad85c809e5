#include "tests/access/world.h"

#include <stdio.h>
#include <string.h>
#include "access/internal.h"
#include "base/clock.h"

kh_rights *world_rights;

static const char *const places[] = {"north", "south", "east", "west"};
static const char *const numbers[] = {"1001", "2001", "3001", "4001"};

int world_set_up(void **state)
{
    char login[65];

    if (access_set_up(state) != 0)
        return -1;
    for (size_t i = 0; i < KH_COUNT(places); i++) {
        kh_registered patient = {.name_alphabetic = "Yamada^Hanako", .name_ideographic = "山田^花子", .name_phonetic = "ヤマダ^ハナコ",
                                 .birth_date = "19500203", .sex = "F", .address = "1-2-3"};

        access_facility(places[i]);
        for (int role = KH_ROLE_DOCTOR; role <= KH_ROLE_LAST; role++) {
            snprintf(login, sizeof login, "%s.%s", places[i], kh_role_text((kh_person_role)role));
            access_person(login, places[i], (kh_person_role)role);
        }
        snprintf(patient.facility, sizeof patient.facility, "%s", places[i]);
        snprintf(patient.number, sizeof patient.number, "%s", numbers[i]);
        assert_ok(kh_registered_add(access_db, &patient, "test", false, err));
    }
    assert_ok(kh_rights_create(&world_rights, access_db, err));
    return 0;
}

int world_tear_down(void **state)
{
    kh_rights_free(world_rights);
    world_rights = NULL;
    return access_tear_down(state);
}

kh_subject world_person(const char *login)
{
    kh_subject subject = {.scopes = KH_SCOPE_ALL};
    kh_person person;

    assert_ok(kh_person_find(access_db, login, &person, err));
    subject.person_id = person.id;
    subject.facility_id = person.facility_id;
    subject.role = person.role;
    snprintf(subject.facility, sizeof subject.facility, "%s", person.facility);
    snprintf(subject.name, sizeof subject.name, "%s", login);
    return subject;
}

kh_consent_sheet world_sheet(const kh_consent_place *sites, size_t count)
{
    static char today[9];
    kh_consent_sheet sheet;

    kh_access_today(today);
    sheet = kh_consent_of_sites("north", "1001", today, sites, count);
    sheet.explained = true;
    sheet.explainer = "Dr. Sato";
    sheet.items = KH_ITEM_ALL;
    return sheet;
}

int64_t world_consent(const kh_consent_sheet *sheet)
{
    int64_t id = 0;

    assert_ok(kh_consent_add(access_db, &kh_consent_rules_default, sheet, "test", &id, err));
    assert_true(id > 0);
    return id;
}

void world_link(const char *facility, const char *number)
{
    assert_ok(kh_link_make(access_db, &(kh_link_end){"north", "1001"}, &(kh_link_end){facility, number}, "test", err));
}

void world_unlink(const char *facility, const char *number)
{
    assert_ok(kh_link_undo(access_db, &(kh_link_end){facility, number}, &(kh_link_end){"north", "1001"}, "test", err));
}

kh_matter world_study(void)
{
    return (kh_matter){.kind = KH_KIND_STUDY,
                       .facility = "north",
                       .patient_id = "1001",
                       .study_uid = "1.2.3",
                       .study_date = "",
                       .modalities = "CT",
                       .body_parts = "CHEST",
                       .arrived_ms = kh_clock_wall_ms(),
                       .key = 1};
}

kh_verdict world_ask(const char *login, kh_verb verb, const kh_matter *matter)
{
    kh_subject subject = world_person(login);
    kh_verdict verdict;

    assert_ok(kh_rights_decide(world_rights, &subject, verb, matter, &verdict, err));
    return verdict;
}

kh_reason world_view(const char *login)
{
    kh_matter study = world_study();

    return world_ask(login, KH_VERB_VIEW, &study).reason;
}
