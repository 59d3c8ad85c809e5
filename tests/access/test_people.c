/* Facilities and people: AZ-1, AZ-7, AZ-10, KN-1, KN-2, KN-3, KN-4, TB-1, TB-16. */
#include "tests/access/support.h"

#include <stdio.h>
#include <string.h>
#include "base/clock.h"

static const kh_facility good_facility = {.code = "north",
                                          .name = "北病院",
                                          .kana = "キタビョウイン",
                                          .kind = KH_FACILITY_HOSPITAL,
                                          .part = KH_PART_BOTH,
                                          .published = true,
                                          .address = "福岡県",
                                          .representative = "院長",
                                          .phone = "0942-00-0000",
                                          .beds = 300,
                                          .joined = "20260101"};

static void facility_fields(void **state)
{
    static const struct { const char *name; size_t offset; const char *text; kh_status expected; } rows[] = {
        {"code with a space", offsetof(kh_facility, code), "no rth", KH_E_ARG},
        {"no code", offsetof(kh_facility, code), "", KH_E_ARG},
        {"code of all letters allowed", offsetof(kh_facility, code), "N_o.r-1", KH_OK},
        {"no name", offsetof(kh_facility, name), "", KH_E_ARG},
        {"a line break", offsetof(kh_facility, address), "a\nb", KH_E_ARG},
        {"not UTF-8", offsetof(kh_facility, contact), "\x82\xa0", KH_E_ARG},
        {"a surrogate", offsetof(kh_facility, contact), "\xed\xa0\x80", KH_E_ARG},
        {"overlong", offsetof(kh_facility, contact), "\xc0\xaf", KH_E_ARG},
        {"29 February of a leap year", offsetof(kh_facility, joined), "20240229", KH_OK},
        {"29 February of none", offsetof(kh_facility, joined), "20250229", KH_E_ARG},
        {"month 13", offsetof(kh_facility, left), "20251301", KH_E_ARG},
        {"seven digits", offsetof(kh_facility, left), "2025010", KH_E_ARG},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        kh_facility facility = good_facility;

        snprintf(facility.code, sizeof facility.code, "row-%zu", i);
        strcpy((char *)&facility + rows[i].offset, rows[i].text);
        print_message("%s\n", rows[i].name);
        assert_status(rows[i].expected, kh_facility_add(access_db, &facility, err));
    }
}

static void facility_there_and_back(void **state)
{
    kh_facility facility = good_facility, found;

    (void)state;
    assert_ok(kh_facility_add(access_db, &facility, err));
    assert_status(KH_E_CONFLICT, kh_facility_add(access_db, &facility, err));
    assert_ok(kh_facility_find(access_db, "north", &found, err));
    assert_memory_equal(&found, &facility, sizeof found);
    facility.part = KH_PART_VIEWER;
    facility.published = false;
    assert_ok(kh_facility_set(access_db, &facility, err));
    access_again();
    assert_ok(kh_facility_by_id(access_db, facility.id, &found, err));
    assert_memory_equal(&found, &facility, sizeof found);
    strcpy(facility.code, "south");
    assert_status(KH_E_NOT_FOUND, kh_facility_set(access_db, &facility, err));
    assert_status(KH_E_NOT_FOUND, kh_facility_find(access_db, "south", &found, err));
}

static void kinds_and_parts(void **state)
{
    (void)state;
    for (int kind = KH_FACILITY_HOSPITAL; kind <= KH_FACILITY_KIND_LAST; kind++)
        assert_int_equal(kh_facility_kind_of(kh_facility_kind_text((kh_facility_kind)kind)), kind);
    for (int part = KH_PART_DISCLOSER; part <= KH_PART_BOTH; part++)
        assert_int_equal(kh_facility_part_of(kh_facility_part_text((kh_facility_part)part)), part);
    for (int role = KH_ROLE_DOCTOR; role <= KH_ROLE_LAST; role++)
        assert_int_equal(kh_role_of(kh_role_text((kh_person_role)role)), role);
    assert_int_equal(kh_role_of("surgeon"), 0);
    assert_null(kh_role_text((kh_person_role)(KH_ROLE_LAST + 1)));
    assert_null(kh_facility_kind_text((kh_facility_kind)0));
    assert_int_equal(kh_facility_part_of(""), 0);
}

static void suspended_and_resumed(void **state)
{
    int64_t now_ms = kh_clock_wall_ms();
    kh_facility facility;
    kh_person person;
    kh_suspension network;

    (void)state;
    access_facility("north");
    access_person("sato", "north", KH_ROLE_DOCTOR);
    assert_status(KH_E_ARG, kh_facility_suspend(access_db, "north", "", "office", 0, err));
    assert_status(KH_E_ARG, kh_facility_suspend(access_db, "north", "a leak", "office", now_ms - 1, err));
    assert_ok(kh_facility_suspend(access_db, "north", "a leak", "office", now_ms + 60000, err));
    assert_ok(kh_facility_find(access_db, "north", &facility, err));
    assert_true(kh_suspension_at(&facility.suspended, now_ms + 59999));
    assert_false(kh_suspension_at(&facility.suspended, now_ms + 60000));
    assert_string_equal(facility.suspended.reason, "a leak");
    assert_ok(kh_facility_resume(access_db, "north", err));
    assert_ok(kh_facility_find(access_db, "north", &facility, err));
    assert_false(kh_suspension_at(&facility.suspended, now_ms));
    assert_status(KH_E_NOT_FOUND, kh_facility_suspend(access_db, "south", "a leak", "office", 0, err));

    assert_ok(kh_person_suspend(access_db, "sato", "misuse", "office", 0, err));
    assert_ok(kh_person_find(access_db, "sato", &person, err));
    assert_int_equal(kh_person_state_at(&person, now_ms + 60000), KH_PERSON_SUSPENDED);
    assert_ok(kh_person_resume(access_db, "sato", err));
    assert_ok(kh_person_find(access_db, "sato", &person, err));
    assert_int_equal(kh_person_state_at(&person, now_ms), KH_PERSON_ACTIVE);

    assert_ok(kh_network_stop(access_db, "a leak", "office", err));
    access_again();
    assert_ok(kh_network_state(access_db, &network, err));
    assert_true(kh_suspension_at(&network, now_ms + 60000));
    assert_ok(kh_network_resume(access_db, err));
    assert_ok(kh_network_state(access_db, &network, err));
    assert_false(kh_suspension_at(&network, now_ms + 60000));
}

static const kh_person good_person = {.login = "sato.h", .name = "佐藤 花子", .kana = "サトウ ハナコ", .birth_date = "19700102", .facility = "north",
                                      .role = KH_ROLE_DOCTOR, .profession = "内科"};

static void from_application_to_leaving(void **state)
{
    kh_person person = good_person, found;

    (void)state;
    access_facility("north");
    assert_ok(kh_person_add(access_db, &person, err));
    assert_ok(kh_person_find(access_db, "sato.h", &found, err));
    assert_memory_equal(&found, &person, sizeof found);
    assert_int_equal(kh_person_state_at(&found, kh_clock_wall_ms()), KH_PERSON_PENDING);
    assert_status(KH_E_DENIED, kh_person_activate(access_db, "sato.h", err)); /* KN-2 */
    assert_status(KH_E_ARG, kh_person_train(access_db, "sato.h", "29990101", err));
    assert_ok(kh_person_train(access_db, "sato.h", "20260401", err));
    assert_ok(kh_person_activate(access_db, "sato.h", err));
    assert_ok(kh_person_by_id(access_db, person.id, &found, err));
    assert_int_equal(kh_person_state_at(&found, kh_clock_wall_ms()), KH_PERSON_ACTIVE);
    assert_ok(kh_person_leave(access_db, "sato.h", err));
    assert_ok(kh_person_by_id(access_db, person.id, &found, err));
    assert_int_equal(kh_person_state_at(&found, kh_clock_wall_ms()), KH_PERSON_LEFT);
    assert_status(KH_E_CONFLICT, kh_person_activate(access_db, "sato.h", err));
    assert_status(KH_E_CONFLICT, kh_person_add(access_db, &person, err)); /* KN-4: a login is one person's for ever */
}

static void person_fields(void **state)
{
    static const struct { const char *name; size_t offset; const char *text; kh_status expected; } rows[] = {
        {"one letter", offsetof(kh_person, login), "s", KH_E_ARG},
        {"capitals", offsetof(kh_person, login), "Sato", KH_E_ARG},
        {"no name", offsetof(kh_person, name), "", KH_E_ARG},
        {"no kana", offsetof(kh_person, kana), "", KH_E_ARG},
        {"no birth date", offsetof(kh_person, birth_date), "", KH_E_ARG},
        {"no day", offsetof(kh_person, birth_date), "19700132", KH_E_ARG},
        {"another facility", offsetof(kh_person, facility), "south", KH_E_NOT_FOUND},
        {"no profession", offsetof(kh_person, profession), "", KH_OK},
    };

    (void)state;
    access_facility("north");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        kh_person person = good_person;

        strcpy((char *)&person + rows[i].offset, rows[i].text);
        print_message("%s\n", rows[i].name);
        assert_status(rows[i].expected, kh_person_add(access_db, &person, err));
    }
}

/* KN-1, AZ-10: the person, however the name is written and whatever the login. */
static void banned(void **state)
{
    static const struct { const char *name, *kana, *birth_date; bool refused; } rows[] = {
        {"as it stands", "サトウ ハナコ", "19700102", true},
        {"hiragana", "さとう はなこ", "19700102", true},
        {"half width", "ｻﾄｳ ﾊﾅｺ", "19700102", true},
        {"no space", "サトウハナコ", "19700102", true},
        {"wide space", "サトウ　ハナコ", "19700102", true},
        {"another day", "サトウ ハナコ", "19700103", false},
        {"another name", "サトウ ハナエ", "19700102", false},
    };
    kh_ban ban = {.kana = "サトウ ハナコ", .birth_date = "19700102", .reason = "misuse", .by = "office"};
    kh_person person;
    char login[65];

    (void)state;
    access_facility("north");
    assert_ok(kh_ban_add(access_db, &ban, err));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        person = good_person;
        snprintf(login, sizeof login, "new-%zu", i);
        strcpy(person.login, login);
        strcpy(person.kana, rows[i].kana);
        strcpy(person.birth_date, rows[i].birth_date);
        print_message("%s\n", rows[i].name);
        assert_status(rows[i].refused ? KH_E_DENIED : KH_OK, kh_person_add(access_db, &person, err));
    }
    assert_ok(kh_ban_remove(access_db, ban.id, err));
    assert_status(KH_E_NOT_FOUND, kh_ban_remove(access_db, ban.id, err));
    strcpy(ban.until, "20200101"); /* over */
    assert_ok(kh_ban_add(access_db, &ban, err));
    person = good_person;
    assert_ok(kh_person_add(access_db, &person, err));
    strcpy(ban.until, "29990101");
    assert_ok(kh_ban_add(access_db, &ban, err));
    assert_ok(kh_person_train(access_db, person.login, "20260401", err));
    assert_status(KH_E_DENIED, kh_person_activate(access_db, person.login, err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(facility_fields, access_set_up, access_tear_down),
        cmocka_unit_test_setup_teardown(facility_there_and_back, access_set_up, access_tear_down),
        cmocka_unit_test(kinds_and_parts),
        cmocka_unit_test_setup_teardown(suspended_and_resumed, access_set_up, access_tear_down),
        cmocka_unit_test_setup_teardown(from_application_to_leaving, access_set_up, access_tear_down),
        cmocka_unit_test_setup_teardown(person_fields, access_set_up, access_tear_down),
        cmocka_unit_test_setup_teardown(banned, access_set_up, access_tear_down),
    };

    return cmocka_run_group_tests_name("access: facilities and people", tests, NULL, NULL);
}
