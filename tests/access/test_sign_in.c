/* From login to session: S4, S6, S7, S8, KN-2, KN-4, KN-13, KN-14, AZ-10, TB-16. */
#include "tests/access/support.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "access/internal.h"
#include "access/invitations.h"
#include "access/second_factor.h"
#include "access/sign_in.h"
#include "access/tokens.h"
#include "access/totp.h"
#include "base/clock.h"
#include <liboath/oath.h>

#define DAY_MS INT64_C(86400000)
#define GOOD "correct-horse-battery"
#define OTHER "staple-is-another-one"

static kh_accounts *accounts;
static kh_accounts_options options;
static int64_t sato;

static void accounts_again(void)
{
    kh_accounts_free(accounts);
    accounts = NULL;
    access_again();
    assert_ok(kh_accounts_create(&accounts, access_db, &options, err));
}

static void set_password(int64_t person_id, const char *password)
{
    char secret[KH_SECRET_SIZE];
    kh_password_fault fault;

    assert_ok(kh_invitation_make(access_db, person_id, secret, err));
    assert_ok(kh_invitation_accept(accounts, secret, password, &fault, err));
}

static int set_up(void **state)
{
    if (access_set_up(state) != 0)
        return -1;
    options = kh_accounts_options_default;
    options.rule = KH_PASSWORD_NETWORKS;
    options.second_factor = false;
    options.list = "";
    access_facility("north");
    sato = access_person("sato", "north", KH_ROLE_DOCTOR);
    assert_ok(kh_accounts_create(&accounts, access_db, &options, err));
    set_password(sato, GOOD);
    return 0;
}

static int tear_down(void **state)
{
    kh_accounts_free(accounts);
    accounts = NULL;
    return access_tear_down(state);
}

/* The clocks, until the end of the test program or the way back. */
static void pass(int64_t ms)
{
    kh_clock_shift_for_test(ms, ms);
}

static kh_sign_in_result from(const char *login, const char *password, const char *address, const char *device)
{
    kh_sign_in_request request = {.login = login, .password = password, .address = address, .loopback = strcmp(address, "127.0.0.1") == 0,
                                  .device = device};
    kh_sign_in_result result;

    assert_ok(kh_sign_in(accounts, &request, &result, err));
    return result;
}

static kh_sign_in_result sign_in(const char *login, const char *password)
{
    return from(login, password, "127.0.0.1", NULL);
}

/* Wrong again and again, until one more has to wait for minutes: however slow the machine, that is not over before it is looked at. */
static void wrong_until_locked(const char *login, const char *address, const char *device)
{
    for (int failed = 0; failed < 12;) {
        kh_sign_in_result result = from(login, "wrong-wrong-wrong", address, device);

        if (result.answer == KH_SIGN_IN_WAIT)
            pass(result.wait_ms);
        else
            failed++;
    }
}

static kh_status look(const char *secret)
{
    kh_session session;

    return kh_session_find(accounts, secret, &session, NULL);
}

static kh_session_stage stage(const char *secret)
{
    kh_session session;

    assert_ok(kh_session_find(accounts, secret, &session, err));
    return session.stage;
}

static void right_and_wrong(void **state)
{
    static const struct { const char *name, *login, *password; kh_sign_in_answer expected; } rows[] = {
        {"right", "sato", GOOD, KH_SIGN_IN_STEP},
        {"login in capitals", "SATO", GOOD, KH_SIGN_IN_STEP},
        {"wrong password", "sato", "correct-horse-batterx", KH_SIGN_IN_REFUSED},
        {"one more character", "sato", GOOD "x", KH_SIGN_IN_REFUSED},
        {"no password", "sato", "", KH_SIGN_IN_REFUSED},
        {"nobody", "tanaka", GOOD, KH_SIGN_IN_REFUSED},
        {"no login", "", GOOD, KH_SIGN_IN_REFUSED},
        {"SQL", "sato' OR '1'='1", GOOD, KH_SIGN_IN_REFUSED},
    };
    kh_session session;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        kh_sign_in_result result = sign_in(rows[i].login, rows[i].password);

        print_message("%s\n", rows[i].name);
        assert_int_equal(result.answer, rows[i].expected);
        assert_int_equal(result.secret[0] != '\0', rows[i].expected == KH_SIGN_IN_STEP);
        if (rows[i].expected != KH_SIGN_IN_STEP)
            continue;
        assert_int_equal(result.session.stage, KH_SESSION_OPEN);
        assert_true(kh_session_known(accounts, result.secret, &session));
        assert_int_equal(session.subject.person_id, sato);
        assert_string_equal(session.subject.facility, "north");
        assert_int_equal(session.subject.role, KH_ROLE_DOCTOR);
        assert_int_equal(session.subject.scopes, KH_SCOPE_ALL);
    }
}

/* S4: no secret is in the database, and what is made up is none. */
static void secrets_are_hashed(void **state)
{
    kh_sign_in_result result = sign_in("sato", GOOD);
    char path[700], *bytes, made_up[KH_SECRET_SIZE];
    const char *const files[] = {"access.db", "access.db-wal"};
    kh_session session;

    (void)state;
    assert_int_equal(strlen(result.secret), 43); /* 256 bits */
    for (size_t i = 0; i < 2; i++) {
        FILE *file;
        size_t size;

        snprintf(path, sizeof path, "%s/%s", access_dir, files[i]);
        file = fopen(path, "rb");
        assert_non_null(file);
        bytes = malloc(8 << 20);
        size = fread(bytes, 1, 8 << 20, file);
        fclose(file);
        assert_null(memmem(bytes, size, result.secret, 43));
        assert_null(memmem(bytes, size, result.device, 43));
        assert_null(memmem(bytes, size, result.session.token, 43));
        assert_null(memmem(bytes, size, GOOD, strlen(GOOD)));
        free(bytes);
    }
    memset(made_up, 'A', sizeof made_up - 1);
    made_up[sizeof made_up - 1] = '\0';
    assert_int_equal(look(made_up), KH_E_NOT_FOUND);
    assert_int_equal(look(""), KH_E_NOT_FOUND);
    assert_int_equal(look(result.session.token), KH_E_NOT_FOUND);
    assert_false(kh_session_known(accounts, NULL, &session));
}

static void idle_and_absolute(void **state)
{
    kh_sign_in_result result = sign_in("sato", GOOD), unlocked;
    kh_session session;

    (void)state;
    pass(14 * 60000);
    assert_int_equal(stage(result.secret), KH_SESSION_OPEN);
    pass(59000);
    assert_int_equal(stage(result.secret), KH_SESSION_OPEN); /* asking does not put it off */
    kh_session_human(accounts, result.secret);
    pass(14 * 60000);
    assert_int_equal(stage(result.secret), KH_SESSION_OPEN);
    pass(60001);
    assert_true(kh_session_known(accounts, result.secret, &session));
    assert_int_equal(session.stage, KH_SESSION_LOCKED);
    assert_int_equal(session.subject.scopes, 0);
    kh_session_human(accounts, result.secret); /* too late */
    assert_int_equal(stage(result.secret), KH_SESSION_LOCKED);
    accounts_again(); /* nor does a restart open it */
    assert_int_equal(stage(result.secret), KH_SESSION_LOCKED);
    assert_ok(kh_sign_in_unlock(accounts, result.secret, OTHER, "127.0.0.1", &unlocked, err));
    assert_int_equal(unlocked.answer, KH_SIGN_IN_REFUSED);
    assert_ok(kh_sign_in_unlock(accounts, result.secret, GOOD, "127.0.0.1", &unlocked, err));
    assert_int_equal(unlocked.answer, KH_SIGN_IN_STEP);
    assert_int_equal(unlocked.session.id, result.session.id);
    assert_int_equal(stage(unlocked.secret), KH_SESSION_OPEN);
    assert_int_equal(look(result.secret), KH_E_NOT_FOUND); /* a new secret */
    assert_ok(kh_session_lock(accounts, unlocked.secret, err));
    assert_int_equal(stage(unlocked.secret), KH_SESSION_LOCKED);
    pass(12 * 3600000 - 29 * 60000);
    assert_int_equal(look(unlocked.secret), KH_E_NOT_FOUND); /* 12 h from the sign-in */
}

/* R13: a clock that goes back opens nothing and ends nothing too late. */
static void clock_goes_back(void **state)
{
    kh_sign_in_result result = sign_in("sato", GOOD);

    (void)state;
    kh_clock_shift_for_test(0, -10 * 365 * DAY_MS);
    accounts_again();
    assert_int_equal(look(result.secret), KH_E_NOT_FOUND);
    kh_clock_shift_for_test(0, 10 * 365 * DAY_MS);
    assert_int_equal(look(result.secret), KH_OK);
}

static void ended_at_once(void **state)
{
    kh_sign_in_result result;
    kh_session session;
    kh_subject subject;
    kh_token token = {.person_id = sato, .name = "script", .scopes = KH_SCOPE_FIND, .expires_ms = kh_clock_wall_ms() + DAY_MS};
    char text[KH_TOKEN_SIZE];

    (void)state;
    assert_ok(kh_token_add(accounts, &token, text, err));
    for (int way = 0; way < 7; way++) {
        result = sign_in("sato", GOOD);
        assert_true(kh_session_known(accounts, result.secret, &session));
        assert_ok(kh_token_find(accounts, text, &subject, err));
        switch (way) {
        case 0:
            assert_ok(kh_session_end(accounts, result.secret, err));
            break;
        case 1:
            assert_ok(kh_person_suspend(access_db, "sato", "misuse", "office", 0, err));
            assert_int_equal(sign_in("sato", GOOD).answer, KH_SIGN_IN_STOPPED);
            break;
        case 2:
            assert_ok(kh_facility_suspend(access_db, "north", "a leak", "office", 0, err));
            assert_int_equal(sign_in("sato", GOOD).answer, KH_SIGN_IN_STOPPED);
            break;
        case 3:
            assert_ok(kh_network_stop(access_db, "a leak", "office", err));
            assert_int_equal(sign_in("sato", GOOD).answer, KH_SIGN_IN_STOPPED);
            break;
        case 4: {
            kh_person person;

            assert_ok(kh_person_find(access_db, "sato", &person, err));
            person.role = KH_ROLE_NURSE;
            assert_ok(kh_person_set(access_db, &person, err));
            break;
        }
        case 5: {
            kh_password_fault fault;

            assert_ok(kh_password_change(accounts, sato, GOOD, OTHER, 0, &fault, err));
            set_password(sato, GOOD "2");
            set_password(sato, GOOD);
            break;
        }
        case 6:
            assert_ok(kh_person_leave(access_db, "sato", err));
            assert_int_equal(sign_in("sato", GOOD).answer, KH_SIGN_IN_STOPPED);
            break;
        }
        print_message("way %d\n", way);
        assert_false(kh_session_known(accounts, result.secret, &session));
        assert_int_equal(look(result.secret), KH_E_NOT_FOUND);
        if (way > 0 && way != 5) {
            assert_false(kh_token_known(accounts, text, &subject));
            assert_status(KH_E_NOT_FOUND, kh_token_find(accounts, text, &subject, err));
        }
        if (way == 1)
            assert_ok(kh_person_resume(access_db, "sato", err));
        else if (way == 2)
            assert_ok(kh_facility_resume(access_db, "north", err));
        else if (way == 3)
            assert_ok(kh_network_resume(access_db, err));
        else if (way == 4)
            assert_ok(kh_token_add(accounts, &token, text, err)); /* the one before was revoked with the role */
        assert_int_equal(look(result.secret), KH_E_NOT_FOUND); /* and stays so */
    }
}

/* A suspension that ends by itself needs no restart. */
static void suspension_ends(void **state)
{
    (void)state;
    assert_ok(kh_person_suspend(access_db, "sato", "away", "office", kh_clock_wall_ms() + 3600000, err));
    assert_int_equal(sign_in("sato", GOOD).answer, KH_SIGN_IN_STOPPED);
    pass(3600001);
    assert_int_equal(sign_in("sato", GOOD).answer, KH_SIGN_IN_STEP);
}

static void network_stopped_but_for_the_office(void **state)
{
    int64_t office = access_person("yamada", "north", KH_ROLE_OFFICE);

    (void)state;
    set_password(office, GOOD);
    assert_ok(kh_network_stop(access_db, "a leak", "yamada", err));
    assert_int_equal(sign_in("yamada", GOOD).answer, KH_SIGN_IN_STEP);
    assert_int_equal(sign_in("sato", GOOD).answer, KH_SIGN_IN_STOPPED);
}

static void not_admitted(void **state)
{
    kh_person person = {.login = "new", .name = "新人", .kana = "シンジン", .birth_date = "19900101", .facility = "north", .role = KH_ROLE_NURSE};

    (void)state;
    assert_ok(kh_person_add(access_db, &person, err));
    set_password(person.id, GOOD);
    assert_int_equal(sign_in("new", GOOD).answer, KH_SIGN_IN_STOPPED); /* KN-2 */
    assert_ok(kh_person_train(access_db, "new", "20260401", err));
    assert_ok(kh_person_activate(access_db, "new", err));
    assert_int_equal(sign_in("new", GOOD).answer, KH_SIGN_IN_STEP);
}

/* KN-13: warned from 14 days before, refused at 90 days; both sides of each. */
static void ninety_days(void **state)
{
    static const struct { int64_t hours; int days_left; kh_sign_in_answer expected; } rows[] = {
        {0, -1, KH_SIGN_IN_STEP}, {24 * 75, -1, KH_SIGN_IN_STEP}, {24 * 76 - 1, -1, KH_SIGN_IN_STEP}, {24 * 76 + 1, 14, KH_SIGN_IN_STEP},
        {24 * 90 - 1, 1, KH_SIGN_IN_STEP}, {24 * 90 + 1, 0, KH_SIGN_IN_EXPIRED}};
    char one_time[KH_PASSWORD_ONE_TIME_SIZE];
    kh_password_fault fault;
    kh_sign_in_result result;
    char renewed[KH_SECRET_SIZE];
    kh_session session;
    int64_t passed = 0;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        pass((rows[i].hours - passed) * 3600000);
        passed = rows[i].hours;
        result = sign_in("sato", GOOD);
        assert_int_equal(result.answer, rows[i].expected);
        if (rows[i].expected == KH_SIGN_IN_STEP)
            assert_int_equal(result.session.days_left, rows[i].days_left);
    }
    /* KN-14: once, and it has to be changed; not to one before */
    assert_ok(kh_password_reissue(accounts, "sato", one_time, err));
    assert_int_equal(sign_in("sato", GOOD).answer, KH_SIGN_IN_REFUSED);
    result = sign_in("sato", one_time);
    assert_int_equal(result.answer, KH_SIGN_IN_STEP);
    assert_int_equal(result.session.stage, KH_SESSION_PASSWORD);
    assert_int_equal(result.session.subject.scopes, 0);
    assert_int_equal(sign_in("sato", one_time).answer, KH_SIGN_IN_EXPIRED);
    assert_status(KH_E_ARG, kh_password_change(accounts, sato, NULL, GOOD, result.session.id, &fault, err));
    assert_int_equal(fault, KH_PASSWORD_PREVIOUS);
    assert_status(KH_E_ARG, kh_password_change(accounts, sato, NULL, one_time, result.session.id, &fault, err));
    assert_int_equal(fault, KH_PASSWORD_PREVIOUS);
    assert_ok(kh_password_change(accounts, sato, NULL, OTHER, result.session.id, &fault, err));
    assert_ok(kh_session_renew(accounts, result.secret, renewed, &session, err));
    assert_int_equal(session.stage, KH_SESSION_OPEN);
    assert_int_equal(look(result.secret), KH_E_NOT_FOUND);
    assert_int_equal(sign_in("sato", OTHER).answer, KH_SIGN_IN_STEP);
    assert_ok(kh_password_reissue(accounts, "sato", one_time, err));
    pass(DAY_MS + 1);
    assert_int_equal(sign_in("sato", one_time).answer, KH_SIGN_IN_EXPIRED);
}

/* A session does not outlive the password it was made with. */
static void password_ends_in_a_session(void **state)
{
    kh_sign_in_result result;

    (void)state;
    pass(90 * DAY_MS - 60000);
    result = sign_in("sato", GOOD);
    assert_int_equal(result.answer, KH_SIGN_IN_STEP);
    pass(60001);
    assert_int_equal(look(result.secret), KH_E_NOT_FOUND);
}

static void guideline_needs_two(void **state)
{
    kh_second_setup setup;
    char recovery[KH_RECOVERY_CODES][KH_RECOVERY_CODE_SIZE], renewed[KH_SECRET_SIZE], code[7], *secret = NULL;
    kh_sign_in_result result, second;
    kh_second_state second_state;
    kh_session session;
    size_t size = 0;

    (void)state;
    options.rule = KH_PASSWORD_GUIDELINE;
    accounts_again();
    pass(200 * DAY_MS); /* no rotation */
    result = sign_in("sato", GOOD);
    assert_int_equal(result.session.stage, KH_SESSION_ENROL);
    assert_int_equal(result.session.days_left, -1);
    assert_ok(kh_second_begin(accounts, sato, &setup, err));
    assert_non_null(strstr(setup.address, "otpauth://totp/Kakehashi:sato?secret="));
    assert_true(setup.qr_width >= 21 && setup.qr_width <= 177);
    assert_int_equal(setup.qr[0], 1); /* the corner of a finder pattern (ISO/IEC 18004 6.3.3) */
    assert_int_equal(setup.qr[setup.qr_width + 1], 0);
    assert_int_equal(oath_base32_decode(setup.secret, strlen(setup.secret), &secret, &size), OATH_OK);
    assert_int_equal(size, 20);
    assert_status(KH_E_DENIED, kh_second_confirm(accounts, sato, "000000x", result.session.id, recovery, err));
    assert_int_equal(oath_totp_generate(secret, size, kh_clock_wall_ms() / 1000, 30, 0, 6, code), OATH_OK);
    assert_ok(kh_second_confirm(accounts, sato, code, result.session.id, recovery, err));
    assert_ok(kh_session_renew(accounts, result.secret, renewed, &session, err));
    assert_int_equal(session.stage, KH_SESSION_OPEN);

    result = sign_in("sato", GOOD);
    assert_int_equal(result.session.stage, KH_SESSION_CODE);
    assert_status(KH_E_DENIED, kh_session_renew(accounts, result.secret, renewed, &session, err)); /* no way round the code */
    assert_ok(kh_sign_in_code(accounts, result.secret, code, "127.0.0.1", &second, err)); /* S8: used at the set-up */
    assert_int_equal(second.answer, KH_SIGN_IN_REFUSED);
    pass(60000);
    assert_int_equal(oath_totp_generate(secret, size, kh_clock_wall_ms() / 1000, 30, 0, 6, code), OATH_OK);
    assert_ok(kh_sign_in_code(accounts, result.secret, code, "127.0.0.1", &second, err));
    assert_int_equal(second.answer, KH_SIGN_IN_STEP);
    assert_int_equal(second.session.stage, KH_SESSION_OPEN);
    assert_int_equal(look(result.secret), KH_E_NOT_FOUND); /* a new secret at the second factor */
    assert_string_not_equal(second.secret, result.secret);

    result = sign_in("sato", GOOD); /* again with the same code, and after the clock went back */
    assert_ok(kh_sign_in_code(accounts, result.secret, code, "127.0.0.1", &second, err));
    assert_int_equal(second.answer, KH_SIGN_IN_REFUSED);
    for (int use = 0; use < 2; use++) {
        assert_ok(kh_sign_in_code(accounts, result.secret, recovery[3], "127.0.0.1", &second, err));
        assert_int_equal(second.answer, use == 0 ? KH_SIGN_IN_STEP : KH_SIGN_IN_REFUSED);
        result = sign_in("sato", GOOD);
    }
    for (int failed = 0; failed < 10;) { /* S7: a right password does not forget wrong codes */
        result = sign_in("sato", GOOD);
        assert_ok(kh_sign_in_code(accounts, result.secret, "123", "127.0.0.1", &second, err));
        if (second.answer == KH_SIGN_IN_WAIT)
            pass(second.wait_ms);
        else
            failed++;
    }
    assert_ok(kh_sign_in_code(accounts, result.secret, recovery[4], "127.0.0.1", &second, err));
    assert_int_equal(second.answer, KH_SIGN_IN_WAIT);
    assert_ok(kh_sign_in_forgive(access_db, "sato", err));
    assert_ok(kh_sign_in_code(accounts, result.secret, recovery[4], "127.0.0.1", &second, err));
    assert_int_equal(second.answer, KH_SIGN_IN_STEP);
    assert_ok(kh_second_state_of(accounts, sato, &second_state, err));
    assert_int_equal(second_state.recovery_left, 8);
    assert_status(KH_E_DENIED, kh_second_reset(accounts, "sato", "sato", err));
    assert_ok(kh_second_reset(accounts, "sato", "yamada", err));
    assert_int_equal(look(result.secret), KH_E_NOT_FOUND);
    assert_int_equal(sign_in("sato", GOOD).session.stage, KH_SESSION_ENROL);
    free(secret);
}

/* A password alone is enough on loopback only. */
static void alone_on_loopback(void **state)
{
    (void)state;
    assert_int_equal(from("sato", GOOD, "127.0.0.1", NULL).session.stage, KH_SESSION_OPEN);
    assert_int_equal(from("sato", GOOD, "192.0.2.1", NULL).session.stage, KH_SESSION_ENROL);
    options.certificate = true;
    accounts_again();
    assert_int_equal(from("sato", GOOD, "192.0.2.1", NULL).answer, KH_SIGN_IN_STOPPED);
}

static kh_status make_terminal(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    (void)access;
    return kh_sql_run(sql, "INSERT INTO terminal (facility_ref, name) SELECT id, 'desk' FROM facility WHERE code = ?1", KH_ACCESS_TEXT(context), NULL, err);
}

/* AZ-34: a terminal's certificate is of its facility; a password alone is enough with it where the network says so. */
static void certificate_of_the_facility(void **state)
{
    kh_sign_in_request request = {.login = "sato", .password = GOOD, .address = "192.0.2.1"};
    kh_sign_in_result result;

    (void)state;
    access_facility("south");
    assert_ok(kh_access_change(access_db, make_terminal, (char *)"north", err));
    assert_ok(kh_access_change(access_db, make_terminal, (char *)"south", err));
    for (request.terminal_id = 0; request.terminal_id <= 2; request.terminal_id++) {
        assert_ok(kh_sign_in(accounts, &request, &result, err));
        assert_int_equal(result.answer, request.terminal_id == 2 ? KH_SIGN_IN_STOPPED : KH_SIGN_IN_STEP);
        if (request.terminal_id < 2)
            assert_int_equal(result.session.stage, request.terminal_id == 1 ? KH_SESSION_OPEN : KH_SESSION_ENROL);
    }
    assert_int_equal(kh_sign_in(accounts, &request, &result, NULL), KH_E_NOT_FOUND); /* none of ours */
}

/* Who is at his own screen is not kept out by those who guess elsewhere. */
static void unlocked_while_others_guess(void **state)
{
    kh_sign_in_result mine = sign_in("sato", GOOD), result;

    (void)state;
    assert_ok(kh_session_lock(accounts, mine.secret, err));
    wrong_until_locked("sato", "127.0.0.9", NULL);
    assert_ok(kh_sign_in_unlock(accounts, mine.secret, GOOD, "127.0.0.1", &result, err));
    assert_int_equal(result.answer, KH_SIGN_IN_STEP);
    assert_ok(kh_session_lock(accounts, result.secret, err));
    mine = result;
    for (int failed = 0; failed < 10;) {
        assert_ok(kh_sign_in_unlock(accounts, mine.secret, "wrong-wrong-wrong", "127.0.0.1", &result, err));
        if (result.answer == KH_SIGN_IN_WAIT)
            pass(result.wait_ms);
        else
            failed++;
    }
    assert_ok(kh_sign_in_unlock(accounts, mine.secret, GOOD, "127.0.0.1", &result, err));
    assert_int_equal(result.answer, KH_SIGN_IN_WAIT);
}

/* KN-4 */
static void one_terminal(void **state)
{
    kh_sign_in_result first = from("sato", GOOD, "127.0.0.1", NULL), second;

    (void)state;
    second = from("sato", GOOD, "127.0.0.2", NULL);
    assert_true(second.elsewhere);
    options.one_terminal = true;
    accounts_again();
    second = from("sato", GOOD, "127.0.0.3", NULL);
    assert_int_equal(second.answer, KH_SIGN_IN_ELSEWHERE);
    assert_int_equal(stage(first.secret), KH_SESSION_OPEN);
    pass(16 * 60000); /* nobody is there any more */
    second = from("sato", GOOD, "127.0.0.1", first.device);
    assert_int_equal(second.answer, KH_SIGN_IN_STEP);
    assert_int_equal(look(first.secret), KH_E_NOT_FOUND);
}

static void take_delay(kh_sql_row *row, void *context)
{
    ((int64_t *)context)[0] = kh_sql_int(row, 0);
    ((int64_t *)context)[1] = kh_sql_int(row, 1);
}

static kh_status read_delay(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    (void)access;
    return kh_access_one(sql, "SELECT failed, until_ms - last_ms FROM attempt WHERE key GLOB 'a:*'", NULL, 0, take_delay, context, "try", err);
}

/* S7: the fifth failure is the first that makes wait: 1, 2, 4 .. 900 s; a restart forgets nothing. */
static void growing_delay(void **state)
{
    static const int64_t waits_s[] = {0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900};
    int64_t delay[2];

    (void)state;
    for (size_t i = 0; i < sizeof waits_s / sizeof waits_s[0]; i++) {
        kh_sign_in_result result = sign_in("sato", "wrong-wrong-wrong");

        assert_int_equal(result.answer, KH_SIGN_IN_REFUSED);
        assert_ok(kh_access_read(access_db, read_delay, delay, err));
        assert_int_equal(delay[0], i + 1);
        assert_int_equal(delay[1], waits_s[i] * 1000);
        if (waits_s[i] >= 64) {
            accounts_again();
            result = sign_in("sato", GOOD);
            assert_int_equal(result.answer, KH_SIGN_IN_WAIT);
            assert_in_range(result.wait_ms, 1, waits_s[i] * 1000);
        }
        pass(waits_s[i] * 1000);
    }
    assert_int_equal(sign_in("sato", GOOD).answer, KH_SIGN_IN_STEP); /* never for good */
    assert_int_equal(kh_access_read(access_db, read_delay, delay, NULL), KH_E_NOT_FOUND); /* being right forgets */
}

static void nobody_waits_alike(void **state)
{
    (void)state;
    wrong_until_locked("sato", "127.0.0.1", NULL);
    assert_int_equal(sign_in("sato", "wrong-wrong-wrong").answer, KH_SIGN_IN_WAIT);
    wrong_until_locked("tanaka", "127.0.0.2", NULL);
    assert_int_equal(from("tanaka", "wrong-wrong-wrong", "127.0.0.2", NULL).answer, KH_SIGN_IN_WAIT);
}

/* S7: who was here before gets in while others guess; and is counted by himself. */
static void known_terminal(void **state)
{
    kh_sign_in_result mine = sign_in("sato", GOOD), result;

    (void)state;
    assert_true(mine.device[0] != '\0');
    wrong_until_locked("sato", "127.0.0.9", NULL);
    assert_int_equal(from("sato", GOOD, "127.0.0.9", NULL).answer, KH_SIGN_IN_WAIT);
    assert_int_equal(sign_in("sato", GOOD).answer, KH_SIGN_IN_WAIT);
    result = from("sato", GOOD, "127.0.0.1", mine.device);
    assert_int_equal(result.answer, KH_SIGN_IN_STEP);
    assert_int_equal(from("sato", GOOD, "127.0.0.9", NULL).answer, KH_SIGN_IN_WAIT); /* that helped nobody else */
    wrong_until_locked("sato", "127.0.0.1", mine.device);
    assert_int_equal(from("sato", GOOD, "127.0.0.1", mine.device).answer, KH_SIGN_IN_WAIT);
    assert_ok(kh_sign_in_forgive(access_db, "sato", err));
    assert_int_equal(from("sato", GOOD, "127.0.0.1", mine.device).answer, KH_SIGN_IN_STEP);
    assert_status(KH_E_NOT_FOUND, kh_sign_in_forgive(access_db, "tanaka", err));
}

/* S7: 10,000 guesses in an hour, at most 60 of them looked at. */
static void ten_thousand_guesses(void **state)
{
    int looked_at = 0;

    (void)state;
    for (int i = 0; i < 10000; i++) {
        looked_at += sign_in("sato", "wrong-wrong-wrong").answer == KH_SIGN_IN_REFUSED;
        pass(360);
    }
    assert_in_range(looked_at, 5, 60);
}

static void *use(void *argument)
{
    char address[16], login[16];
    kh_sign_in_request request = {.login = login, .password = GOOD, .address = address, .loopback = true};
    kh_sign_in_result result;
    kh_session session;

    snprintf(address, sizeof address, "127.0.1.%d", *(int *)argument);
    snprintf(login, sizeof login, "person-%d", *(int *)argument);
    if (kh_sign_in(accounts, &request, &result, NULL) != KH_OK || result.answer != KH_SIGN_IN_STEP)
        return argument;
    for (int i = 0; i < 200; i++) {
        kh_session_human(accounts, result.secret);
        if (!kh_session_known(accounts, result.secret, &session) && kh_session_find(accounts, result.secret, &session, NULL) != KH_OK)
            return argument;
        if (strcmp(session.subject.name, login) != 0 || session.stage != KH_SESSION_OPEN)
            return argument;
    }
    return kh_session_end(accounts, result.secret, NULL) == KH_OK && kh_session_find(accounts, result.secret, &session, NULL) == KH_E_NOT_FOUND
               ? NULL
               : argument;
}

/* Many at once, while rights move. */
static void many_at_once(void **state)
{
    pthread_t threads[8];
    int numbers[8];

    (void)state;
    for (int i = 0; i < 8; i++) {
        char login[16];

        numbers[i] = i;
        snprintf(login, sizeof login, "person-%d", i);
        set_password(access_person(login, "north", KH_ROLE_DOCTOR), GOOD);
    }
    assert_ok(kh_access_watch(access_db, err));
    for (int i = 0; i < 8; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, use, &numbers[i]), 0);
    for (int i = 0; i < 20; i++)
        assert_ok(kh_network_resume(access_db, err));
    for (int i = 0; i < 8; i++) {
        void *failed;

        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
}

static void *guess(void *argument)
{
    kh_sign_in_result result = {0};
    kh_sign_in_request request = {.login = "sato", .password = "wrong-wrong-wrong", .address = "127.0.0.1", .loopback = true};

    return kh_sign_in(accounts, &request, &result, NULL) == KH_OK && result.answer == KH_SIGN_IN_REFUSED ? argument : NULL;
}

/* S7: those that come at once count as many as those that come one after the other. */
static void guesses_at_once(void **state)
{
    pthread_t threads[16];
    int looked_at = 0;

    (void)state;
    wrong_until_locked("sato", "127.0.0.1", NULL);
    pass(900000);
    for (int i = 0; i < 16; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, guess, &looked_at), 0);
    for (int i = 0; i < 16; i++) {
        void *refused;

        pthread_join(threads[i], &refused);
        looked_at += refused != NULL;
    }
    assert_int_equal(looked_at, 1);
}

static void tokens(void **state)
{
    static const struct { const char *text; unsigned scopes; } rows[] = {
        {"find", 1}, {"find,view", 3}, {"find,view,take,store", 15}, {"", 0}, {"all", 0}, {"find,", 0}, {",find", 0}, {"find,,view", 0}, {"finds", 0}};
    kh_token token = {.person_id = sato, .name = "OHIF", .scopes = KH_SCOPE_FIND | KH_SCOPE_VIEW, .expires_ms = kh_clock_wall_ms() + DAY_MS}, more;
    char text[KH_TOKEN_SIZE], other[KH_TOKEN_SIZE], scopes[32];
    kh_session session;
    kh_subject subject;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(kh_scopes_of(rows[i].text), rows[i].scopes);
        kh_scopes_text(scopes, rows[i].scopes);
        assert_true(rows[i].scopes == 0 || strcmp(scopes, rows[i].text) == 0);
    }
    assert_ok(kh_token_add(accounts, &token, text, err));
    assert_int_equal(strlen(text), 47);
    assert_false(kh_token_known(accounts, text, &subject));
    assert_ok(kh_token_find(accounts, text, &subject, err));
    assert_true(kh_token_known(accounts, text, &subject));
    assert_int_equal(subject.scopes, 3);
    assert_int_equal(subject.token_id, token.id);
    assert_false(kh_session_known(accounts, text + 4, &session) && session.id != 0);
    assert_int_equal(look(text), KH_E_NOT_FOUND);
    text[20] = text[20] == 'a' ? 'b' : 'a';
    assert_status(KH_E_NOT_FOUND, kh_token_find(accounts, text, &subject, err));
    more = token;
    more.scopes = 16;
    assert_status(KH_E_ARG, kh_token_add(accounts, &more, other, err));
    more = token;
    more.expires_ms = kh_clock_wall_ms() + 367 * DAY_MS;
    assert_status(KH_E_ARG, kh_token_add(accounts, &more, other, err));
    for (int i = 1; i <= KH_TOKENS_OF_PERSON_MAX; i++) {
        more = token;
        assert_status(i < KH_TOKENS_OF_PERSON_MAX ? KH_OK : KH_E_LIMIT, kh_token_add(accounts, &more, other, err));
        if (i == 1)
            memcpy(text, other, sizeof text);
    }
    assert_ok(kh_token_find(accounts, text, &subject, err));
    assert_status(KH_E_NOT_FOUND, kh_token_revoke(accounts, sato + 1, subject.token_id, err));
    assert_ok(kh_token_revoke(accounts, sato, subject.token_id, err));
    assert_status(KH_E_NOT_FOUND, kh_token_revoke(accounts, sato, subject.token_id, err));
    assert_false(kh_token_known(accounts, text, &subject));
    assert_status(KH_E_NOT_FOUND, kh_token_find(accounts, text, &subject, err));
    more = token;
    assert_ok(kh_token_add(accounts, &more, text, err));
    assert_ok(kh_token_find(accounts, text, &subject, err));
    pass(DAY_MS);
    assert_status(KH_E_NOT_FOUND, kh_token_find(accounts, text, &subject, err));
}

static void invitations(void **state)
{
    char first[KH_SECRET_SIZE], second[KH_SECRET_SIZE], login[65];
    kh_password_fault fault;
    int64_t person_id;
    bool made;

    (void)state;
    assert_ok(kh_invitation_first_office(access_db, first, &made, err));
    assert_true(made);
    assert_ok(kh_invitation_find(access_db, first, &person_id, login, err));
    assert_string_equal(login, "office");
    assert_ok(kh_invitation_first_office(access_db, second, &made, err)); /* until somebody takes it up */
    assert_true(made);
    assert_status(KH_E_NOT_FOUND, kh_invitation_find(access_db, first, &person_id, login, err));
    assert_status(KH_E_ARG, kh_invitation_accept(accounts, second, "short", &fault, err));
    assert_int_equal(fault, KH_PASSWORD_SHORT);
    assert_ok(kh_invitation_accept(accounts, second, GOOD, &fault, err));
    assert_status(KH_E_NOT_FOUND, kh_invitation_accept(accounts, second, OTHER, &fault, err)); /* once */
    assert_int_equal(sign_in("office", GOOD).answer, KH_SIGN_IN_STEP);
    assert_ok(kh_invitation_first_office(access_db, second, &made, err));
    assert_false(made);
    assert_ok(kh_invitation_make(access_db, sato, first, err));
    pass(KH_INVITATION_HOURS * 3600000);
    assert_status(KH_E_NOT_FOUND, kh_invitation_accept(accounts, first, OTHER, &fault, err));
}

static void key_is_ours_alone(void **state)
{
    char path[600];
    struct stat st;
    kh_accounts *other;

    (void)state;
    snprintf(path, sizeof path, "%s/accounts.key", access_dir);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(st.st_size, 32);
    assert_int_equal(chmod(path, 0640), 0);
    assert_status(KH_E_DENIED, kh_accounts_create(&other, access_db, &options, err));
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(truncate(path, 31), 0);
    assert_status(KH_E_CORRUPT, kh_accounts_create(&other, access_db, &options, err));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(right_and_wrong), CASE(secrets_are_hashed), CASE(idle_and_absolute), CASE(clock_goes_back), CASE(ended_at_once), CASE(suspension_ends),
        CASE(network_stopped_but_for_the_office), CASE(not_admitted), CASE(ninety_days), CASE(password_ends_in_a_session), CASE(guideline_needs_two),
        CASE(alone_on_loopback), CASE(certificate_of_the_facility), CASE(unlocked_while_others_guess), CASE(one_terminal), CASE(growing_delay), CASE(nobody_waits_alike), CASE(known_terminal), CASE(ten_thousand_guesses), CASE(many_at_once), CASE(guesses_at_once),
        CASE(tokens), CASE(invitations), CASE(key_is_ours_alone),
    };

    return cmocka_run_group_tests_name("access: sign-in", tests, NULL, NULL);
}
