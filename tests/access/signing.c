#include "tests/access/signing.h"

#include <stdio.h>
#include <string.h>
#include "base/clock.h"

kh_accounts *accounts;
kh_accounts_options options;
int64_t sato;

void accounts_again(void)
{
    kh_accounts_free(accounts);
    accounts = NULL;
    access_again();
    assert_ok(kh_accounts_create(&accounts, access_db, &options, err));
}

void set_password(int64_t person_id, const char *password)
{
    char secret[KH_SECRET_SIZE];
    kh_password_fault fault;

    assert_ok(kh_invitation_make(access_db, person_id, secret, err));
    assert_ok(kh_invitation_accept(accounts, secret, password, &fault, err));
}

int set_up(void **state)
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

int tear_down(void **state)
{
    kh_accounts_free(accounts);
    accounts = NULL;
    return access_tear_down(state);
}

/* The clocks, until the end of the test program or the way back. */
void pass(int64_t ms)
{
    kh_clock_shift_for_test(ms, ms);
}

kh_sign_in_result from(const char *login, const char *password, const char *address, const char *device)
{
    kh_sign_in_request request = {.login = login, .password = password, .address = address, .loopback = strcmp(address, "127.0.0.1") == 0,
                                  .device = device};
    kh_sign_in_result result;

    assert_ok(kh_sign_in(accounts, &request, &result, err));
    return result;
}

kh_sign_in_result sign_in(const char *login, const char *password)
{
    return from(login, password, "127.0.0.1", NULL);
}

/* Wrong again and again, until one more has to wait for minutes: however slow the machine, that is not over before it is looked at. */
void wrong_until_locked(const char *login, const char *address, const char *device)
{
    for (int failed = 0; failed < 12;) {
        kh_sign_in_result result = from(login, "wrong-wrong-wrong", address, device);

        if (result.answer == KH_SIGN_IN_WAIT)
            pass(result.wait_ms);
        else
            failed++;
    }
}

kh_status look(const char *secret)
{
    kh_session session;

    return kh_session_find(accounts, secret, &session, NULL);
}

kh_session_stage stage(const char *secret)
{
    kh_session session;

    assert_ok(kh_session_find(accounts, secret, &session, err));
    return session.stage;
}
