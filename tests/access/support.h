/* support.h - a folder with an access.db, a facility and people in it. */
#ifndef KH_TESTS_ACCESS_SUPPORT_H
#define KH_TESTS_ACCESS_SUPPORT_H

#include "tests/cmocka_all.h"

#include "access/people.h"

#define assert_ok(call)                                                            \
    do {                                                                           \
        kh_error failed_ = KH_ERROR_INIT, *err = &failed_;                         \
        if ((call) != KH_OK)                                                       \
            fail_msg("%s:%d: %s: %s", __FILE__, __LINE__, #call, failed_.message); \
    } while (0)
#define assert_status(expected, call)                          \
    do {                                                       \
        kh_error failed_ = KH_ERROR_INIT, *err = &failed_;     \
        assert_int_equal(call, expected);                      \
        assert_true((expected) == KH_OK || failed_.message[0]); \
    } while (0)

/* A new folder "./kh-access-XXXXXX" and access.db in it, closed and removed by tear_down. cmocka's set-up and tear-down. */
extern char access_dir[512];
extern kh_access *access_db;
int access_set_up(void **state);
int access_tear_down(void **state);
/* Closes and opens it: a restart. */
void access_again(void);

/* A hospital, both discloser and viewer. */
void access_facility(const char *code);
/* A person of it, trained and active. Returns the id. */
int64_t access_person(const char *login, const char *facility, kh_person_role role);

#endif
