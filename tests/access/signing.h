/* signing.h - an account to sign in with, and ways to do that. */
#ifndef KH_TESTS_ACCESS_SIGNING_H
#define KH_TESTS_ACCESS_SIGNING_H

#include "tests/access/support.h"

#include "access/invitations.h"
#include "access/sign_in.h"

#define DAY_MS INT64_C(86400000)
#define GOOD "correct-horse-battery"
#define OTHER "staple-is-another-one"

/* Of the networks' rule, without a second factor; sato is a doctor of "north" with the password GOOD. Set-up and tear-down of cmocka. */
extern kh_accounts *accounts;
extern kh_accounts_options options;
extern int64_t sato;
void accounts_again(void);
void set_password(int64_t person_id, const char *password);
int set_up(void **state);
int tear_down(void **state);
void pass(int64_t ms);
kh_sign_in_result from(const char *login, const char *password, const char *address, const char *device);
kh_sign_in_result sign_in(const char *login, const char *password);
void wrong_until_locked(const char *login, const char *address, const char *device);
kh_status look(const char *secret);
kh_session_stage stage(const char *secret);

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
