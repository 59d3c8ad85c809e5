/* Who guesses waits, who is right gets in (S7), also when many come at once. */
#include "tests/access/signing.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include "access/internal.h"

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

static void take_delay(kh_sql_row *row, void *context)
{
    ((int64_t *)context)[0] = kh_sql_int(row, 0);
    ((int64_t *)context)[1] = kh_sql_int(row, 1);
}

static kh_status read_delay(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    (void)access;
    return kh_access_one(sql, "SELECT failed, until_ms - last_ms FROM attempt WHERE key GLOB 'a:*'", NULL, 0, take_delay, context, "try",
                         err);
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
    return kh_session_end(accounts, result.secret, NULL) == KH_OK &&
                   kh_session_find(accounts, result.secret, &session, NULL) == KH_E_NOT_FOUND
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(unlocked_while_others_guess),
        CASE(growing_delay),
        CASE(nobody_waits_alike),
        CASE(known_terminal),
        CASE(ten_thousand_guesses),
        CASE(guesses_at_once),
        CASE(many_at_once),
    };

    return cmocka_run_group_tests_name("access: guessing", tests, NULL, NULL);
}
