/* From login to session: S4, S8, R13, KN-2, KN-4, KN-13, KN-14, AZ-10, TB-16. */
#include "tests/access/signing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "access/internal.h"
#include "access/second_factor.h"
#include "access/tokens.h"
#include "base/clock.h"
#include <liboath/oath.h>

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

/* S6: what is kept of a password cost 64 MiB and two passes of Argon2id, and nothing else is kept of any. */
static void hashes_cost(void **state)
{
    static const char expected[] = "$argon2id$v=19$m=65536,t=2,p=1$";
    const char *const files[] = {"access.db", "access.db-wal"};
    char path[700], *bytes = malloc(8 << 20);
    size_t found = 0;

    (void)state;
    assert_non_null(bytes);
    for (size_t i = 0; i < 2; i++) {
        FILE *file;
        size_t size;

        snprintf(path, sizeof path, "%s/%s", access_dir, files[i]);
        file = fopen(path, "rb");
        assert_non_null(file);
        size = fread(bytes, 1, 8 << 20, file);
        fclose(file);
        for (char *at = bytes; (at = memmem(at, (size_t)(bytes + size - at), "$argon2", 7)); at++, found++)
            assert_memory_equal(at, expected, sizeof expected - 1);
    }
    free(bytes);
    assert_true(found >= 1);
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
    return kh_sql_run(sql, "INSERT INTO terminal (facility_ref, name) SELECT id, 'desk' FROM facility WHERE code = ?1",
                      KH_ACCESS_TEXT(context), NULL, err);
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

/* The steps that are due after the password, until it is open. */
static kh_sign_in_result all_steps(const char *address, char recovery[KH_RECOVERY_CODES][KH_RECOVERY_CODE_SIZE], size_t *used)
{
    kh_sign_in_result result = from("sato", GOOD, address, NULL), opened;

    if (result.session.stage == KH_SESSION_CODE) {
        assert_ok(kh_sign_in_code(accounts, result.secret, recovery[(*used)++], address, &opened, err));
        assert_int_equal(opened.answer, KH_SIGN_IN_STEP);
        return opened;
    }
    return result;
}

/* Sets up a second factor in a session that waits for one; its new secret. */
static void enrol(const kh_sign_in_result *result, char renewed[KH_SECRET_SIZE], char recovery[KH_RECOVERY_CODES][KH_RECOVERY_CODE_SIZE])
{
    static kh_second_setup setup;
    char *secret = NULL, code[7];
    size_t size;
    kh_session session;

    assert_ok(kh_second_begin(accounts, sato, &setup, err));
    assert_int_equal(oath_base32_decode(setup.secret, strlen(setup.secret), &secret, &size), OATH_OK);
    assert_int_equal(oath_totp_generate(secret, size, kh_clock_wall_ms() / 1000, 30, 0, 6, code), OATH_OK);
    free(secret);
    assert_ok(kh_second_confirm(accounts, sato, code, result->session.id, recovery, err));
    assert_ok(kh_session_renew(accounts, result->secret, renewed, &session, err));
    assert_int_equal(session.stage, KH_SESSION_OPEN);
}

/* KN-4, AZ-33: whoever comes last stays, but not by the password alone; and of two that wait for their codes one opens. */
static void newest_terminal(void **state)
{
    static char recovery[KH_RECOVERY_CODES][KH_RECOVERY_CODE_SIZE];
    kh_sign_in_result first = from("sato", GOOD, "127.0.0.1", NULL), second, third, fourth, fifth;
    char renewed[KH_SECRET_SIZE];
    size_t used = 0;

    (void)state;
    options.one_terminal = options.newest_terminal = true;
    accounts_again();
    second = from("sato", GOOD, "192.0.2.2", NULL);
    assert_int_equal(second.answer, KH_SIGN_IN_STEP);
    assert_true(second.elsewhere);
    assert_int_equal(second.session.stage, KH_SESSION_ENROL);
    assert_int_equal(stage(first.secret), KH_SESSION_OPEN);
    enrol(&second, renewed, recovery);
    assert_int_equal(look(first.secret), KH_E_NOT_FOUND);
    third = from("sato", GOOD, "192.0.2.3", NULL);
    assert_int_equal(third.session.stage, KH_SESSION_CODE);
    assert_int_equal(stage(renewed), KH_SESSION_OPEN);
    third = all_steps("192.0.2.3", recovery, &used);
    assert_int_equal(third.session.stage, KH_SESSION_OPEN);
    assert_int_equal(look(renewed), KH_E_NOT_FOUND);

    options.newest_terminal = false;
    accounts_again();
    pass(16 * 60000); /* nobody is at the third any more */
    fourth = from("sato", GOOD, "192.0.2.4", NULL);
    fifth = from("sato", GOOD, "192.0.2.5", NULL);
    assert_int_equal(fourth.session.stage, KH_SESSION_CODE);
    assert_int_equal(fifth.session.stage, KH_SESSION_CODE);
    assert_ok(kh_sign_in_code(accounts, fourth.secret, recovery[used++], "192.0.2.4", &fourth, err));
    assert_int_equal(fourth.answer, KH_SIGN_IN_STEP);
    assert_int_equal(look(third.secret), KH_E_NOT_FOUND);
    assert_ok(kh_sign_in_code(accounts, fifth.secret, recovery[used++], "192.0.2.5", &second, err));
    assert_int_equal(second.answer, KH_SIGN_IN_ELSEWHERE);
    assert_int_equal(stage(fourth.secret), KH_SESSION_OPEN);
    assert_int_equal(stage(fifth.secret), KH_SESSION_CODE);
}

typedef struct listed {
    int64_t ids[8];
    size_t count;
} listed;

static kh_status keep_session(void *context, const kh_session_row *row)
{
    listed *out = context;

    assert_true(out->count < 8);
    out->ids[out->count++] = row->id;
    return KH_OK;
}

/* One by one, and only one's own. */
static void ended_one_by_one(void **state)
{
    int64_t other = access_person("tanaka", "north", KH_ROLE_DOCTOR);
    kh_sign_in_result first = from("sato", GOOD, "127.0.0.1", NULL), second, foreign;
    listed list = {.count = 0};

    (void)state;
    options.one_terminal = false;
    accounts_again();
    assert_ok(kh_sign_in(accounts, &(kh_sign_in_request){.login = "sato", .password = GOOD, .address = "127.0.0.2", .loopback = true},
                         &second, err));
    set_password(other, GOOD);
    foreign = from("tanaka", GOOD, "127.0.0.1", NULL);
    assert_ok(kh_session_list(accounts, sato, keep_session, &list, err));
    assert_int_equal(list.count, 2);
    assert_status(KH_E_NOT_FOUND, kh_session_end_one(accounts, sato, foreign.session.id, err));
    assert_status(KH_E_NOT_FOUND, kh_session_end_one(accounts, sato, second.session.id + 1000, err));
    assert_ok(kh_session_end_one(accounts, sato, second.session.id, err));
    assert_int_equal(look(second.secret), KH_E_NOT_FOUND);
    assert_int_equal(stage(first.secret), KH_SESSION_OPEN);
    assert_int_equal(stage(foreign.secret), KH_SESSION_OPEN);
    assert_status(KH_E_NOT_FOUND, kh_session_end_one(accounts, sato, second.session.id, err)); /* it has ended */
    list.count = 0;
    assert_ok(kh_session_list(accounts, sato, keep_session, &list, err));
    assert_int_equal(list.count, 1);
    assert_int_equal(list.ids[0], first.session.id);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(right_and_wrong),
        CASE(secrets_are_hashed),
        CASE(hashes_cost),
        CASE(idle_and_absolute),
        CASE(clock_goes_back),
        CASE(ended_at_once),
        CASE(suspension_ends),
        CASE(network_stopped_but_for_the_office),
        CASE(not_admitted),
        CASE(ninety_days),
        CASE(password_ends_in_a_session),
        CASE(guideline_needs_two),
        CASE(alone_on_loopback),
        CASE(certificate_of_the_facility),
        CASE(one_terminal),
        CASE(newest_terminal),
        CASE(ended_one_by_one),
    };

    return cmocka_run_group_tests_name("access: sign-in", tests, NULL, NULL);
}
