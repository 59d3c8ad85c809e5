#include "tests/access/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char access_dir[512];
kh_access *access_db;

int access_set_up(void **state)
{
    const char *base = getenv("TMPDIR");

    (void)state;
    snprintf(access_dir, sizeof access_dir, "%.400s/kh-access-XXXXXX", base && base[0] ? base : ".");
    if (!mkdtemp(access_dir))
        return -1;
    access_again();
    return 0;
}

int access_tear_down(void **state)
{
    char command[600];

    (void)state;
    kh_access_close(access_db);
    access_db = NULL;
    snprintf(command, sizeof command, "rm -r '%s'", access_dir);
    return system(command);
}

void access_again(void)
{
    kh_access_close(access_db);
    assert_ok(kh_access_open(&access_db, &(kh_access_options){.dir = access_dir}, err));
}

void access_facility(const char *code)
{
    kh_facility facility = {.kind = KH_FACILITY_HOSPITAL, .part = KH_PART_BOTH, .published = true};

    snprintf(facility.code, sizeof facility.code, "%s", code);
    snprintf(facility.name, sizeof facility.name, "%s", code);
    assert_ok(kh_facility_add(access_db, &facility, err));
}

int64_t access_person(const char *login, const char *facility, kh_person_role role)
{
    kh_person person = {.role = role, .name = "佐藤 花子", .kana = "サトウ ハナコ", .birth_date = "19700102"};

    snprintf(person.login, sizeof person.login, "%s", login);
    snprintf(person.facility, sizeof person.facility, "%s", facility);
    assert_ok(kh_person_add(access_db, &person, err));
    assert_ok(kh_person_train(access_db, login, "20260401", err));
    assert_ok(kh_person_activate(access_db, login, err));
    return person.id;
}
