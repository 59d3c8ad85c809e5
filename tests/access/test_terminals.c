/* Terminals and their certificates in access.db: issued, renewed, revoked at once; links that are good once (AZ-5, AZ-28, AZ-34). */
#include <stdio.h>
#include <string.h>
#include "access/install_links.h"
#include "access/terminals.h"
#include "base/clock.h"
#include "tests/access/support.h"

#define DAY_MS 86400000LL

static kh_ca *ca;

static int set_up(void **state)
{
    if (access_set_up(state) != 0)
        return -1;
    access_facility("clinic");
    access_facility("hospital");
    return kh_ca_open(&ca, access_dir, NULL) == KH_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    kh_ca_close(ca);
    return access_tear_down(state);
}

static kh_status issue(kh_terminal_issued *out, const char *facility, const char *name, bool renew)
{
    const kh_terminal_order order = {.facility = facility, .name = name, .days = 30, .renew = renew};

    return kh_terminal_issue(access_db, ca, &order, out, NULL);
}

static void a_certificate_names_its_terminal(void **state)
{
    kh_terminal_issued issued;
    kh_terminal found;
    uint64_t epoch = kh_access_epoch(access_db);

    (void)state;
    assert_int_equal(issue(&issued, "clinic", "診察室1", false), KH_OK);
    assert_true(kh_access_epoch(access_db) > epoch);
    assert_ok(kh_terminal_by_certificate(access_db, issued.terminal.fingerprint, &found, err));
    assert_string_equal(found.facility, "clinic");
    assert_string_equal(found.name, "診察室1");
    assert_int_equal(found.id, issued.terminal.id);
    assert_status(KH_E_NOT_FOUND, kh_terminal_by_certificate(access_db, "", &found, err));
    issued.terminal.fingerprint[10] ^= 1;
    assert_status(KH_E_NOT_FOUND, kh_terminal_by_certificate(access_db, issued.terminal.fingerprint, &found, err));
    kh_buf_release(&issued.pkcs12);
}

static void one_good_certificate_and_the_one_before(void **state)
{
    kh_terminal_issued first, second, again;
    kh_terminal found;

    (void)state;
    assert_int_equal(issue(&first, "clinic", "desk", true), KH_E_NOT_FOUND);
    assert_int_equal(issue(&first, "nowhere", "desk", false), KH_E_NOT_FOUND);
    assert_int_equal(issue(&first, "clinic", "", false), KH_E_ARG);
    assert_int_equal(issue(&first, "clinic", "a\nb", false), KH_E_ARG);
    assert_int_equal(issue(&first, "clinic", "desk", false), KH_OK);
    assert_int_equal(issue(&second, "clinic", "desk", false), KH_E_CONFLICT);
    assert_int_equal(issue(&second, "hospital", "desk", false), KH_OK); /* the same name, another's */
    kh_buf_release(&second.pkcs12);
    assert_int_equal(issue(&second, "clinic", "desk", true), KH_OK);
    assert_int_equal(second.terminal.id, first.terminal.id);
    assert_string_not_equal(second.terminal.fingerprint, first.terminal.fingerprint);
    assert_string_not_equal(second.password, first.password);
    assert_ok(kh_terminal_by_certificate(access_db, first.terminal.fingerprint, &found, err));
    assert_ok(kh_terminal_by_certificate(access_db, second.terminal.fingerprint, &found, err));
    assert_ok(kh_terminal_revoke(access_db, ca, "clinic", "desk", "stolen", "office", err));
    assert_status(KH_E_DENIED, kh_terminal_by_certificate(access_db, first.terminal.fingerprint, &found, err));
    assert_status(KH_E_DENIED, kh_terminal_by_certificate(access_db, second.terminal.fingerprint, &found, err));
    assert_int_equal(issue(&again, "clinic", "desk", true), KH_E_DENIED);
    assert_int_equal(issue(&again, "clinic", "desk", false), KH_OK);
    assert_ok(kh_terminal_by_certificate(access_db, again.terminal.fingerprint, &found, err));
    assert_status(KH_E_DENIED, kh_terminal_by_certificate(access_db, first.terminal.fingerprint, &found, err));
    kh_buf_release(&first.pkcs12);
    kh_buf_release(&second.pkcs12);
    kh_buf_release(&again.pkcs12);
}

static void revoking_moves_the_epoch_and_lasts(void **state)
{
    kh_terminal_issued issued;
    kh_terminal found;
    uint64_t epoch;

    (void)state;
    assert_int_equal(issue(&issued, "clinic", "desk", false), KH_OK);
    epoch = kh_access_epoch(access_db);
    assert_status(KH_E_NOT_FOUND, kh_terminal_revoke(access_db, ca, "hospital", "desk", "stolen", "office", err));
    assert_status(KH_E_ARG, kh_terminal_revoke(access_db, ca, "clinic", "desk", "", "office", err));
    assert_int_equal(kh_access_epoch(access_db), epoch);
    assert_ok(kh_terminal_revoke(access_db, ca, "clinic", "desk", "stolen", "office", err));
    assert_true(kh_access_epoch(access_db) > epoch);
    access_again();
    assert_status(KH_E_DENIED, kh_terminal_by_certificate(access_db, issued.terminal.fingerprint, &found, err));
    assert_ok(kh_terminal_find(access_db, "clinic", "desk", &found, err));
    assert_string_equal(found.revoked_reason, "stolen");
    assert_string_equal(found.revoked_by, "office");
    kh_buf_release(&issued.pkcs12);
}

static kh_status count(void *context, const kh_terminal *terminal)
{
    char *names = context;

    strcat(strcat(names, terminal->name), " ");
    return KH_OK;
}

static void lists_and_what_runs_out(void **state)
{
    static const struct {
        const char *facility;
        int64_t days;
        const char *names;
    } cases[] = {
        {NULL, 0, "desk tablet ward "}, {"clinic", 0, "desk tablet "}, {"nowhere", 0, ""}, {NULL, 31, "tablet ward "}, {NULL, 29, ""},
        {"hospital", 31, "ward "},
    };
    kh_terminal_issued issued;

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(issue(&issued, i == 2 ? "hospital" : "clinic", (const char *[]){"tablet", "desk", "ward"}[i], false), KH_OK);
        kh_buf_release(&issued.pkcs12);
    }
    assert_ok(kh_terminal_revoke(access_db, ca, "clinic", "desk", "lost", "office", err)); /* listed, but nobody is warned of it */
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char names[200] = "";

        assert_ok(kh_terminal_list(access_db, cases[i].facility, cases[i].days ? kh_clock_wall_ms() + cases[i].days * DAY_MS : 0, count,
                                   names, err));
        assert_string_equal(names, cases[i].names);
    }
}

static void what_is_declared_and_seen(void **state)
{
    kh_terminal_issued issued;
    kh_terminal found;

    (void)state;
    assert_int_equal(issue(&issued, "clinic", "desk", false), KH_OK);
    kh_buf_release(&issued.pkcs12);
    assert_string_equal(issued.terminal.antivirus, "");
    assert_ok(kh_terminal_declare(access_db, "clinic", "desk", "Defender, updated by itself", err));
    assert_ok(kh_terminal_seen(access_db, issued.terminal.id, err));
    assert_ok(kh_terminal_find(access_db, "clinic", "desk", &found, err));
    assert_string_equal(found.antivirus, "Defender, updated by itself");
    assert_int_equal(strlen(found.antivirus_day), 8);
    assert_true(found.seen_ms > 0);
    assert_ok(kh_terminal_declare(access_db, "clinic", "desk", "", err));
    assert_ok(kh_terminal_find(access_db, "clinic", "desk", &found, err));
    assert_string_equal(found.antivirus_day, "");
    assert_status(KH_E_ARG, kh_terminal_declare(access_db, "clinic", "desk", "a\tb", err));
}

static void a_link_is_good_once(void **state)
{
    char secret[KH_INSTALL_SECRET_SIZE], other[KH_INSTALL_SECRET_SIZE];
    kh_terminal_issued issued;
    kh_terminal found;
    kh_buf file;

    (void)state;
    kh_buf_init(&file, KH_INSTALL_FILE_MAX);
    assert_int_equal(issue(&issued, "clinic", "desk", false), KH_OK);
    assert_status(KH_E_ARG, kh_install_offer(access_db, &issued, 0, secret, err));
    assert_status(KH_E_ARG, kh_install_offer(access_db, &issued, KH_INSTALL_HOURS_MAX + 1, secret, err));
    assert_ok(kh_install_offer(access_db, &issued, 1, secret, err));
    assert_int_equal(strlen(secret), KH_INSTALL_SECRET_SIZE - 1);
    assert_ok(kh_install_look(access_db, secret, &found, err));
    assert_ok(kh_install_look(access_db, secret, &found, err)); /* looking does not use it up */
    memcpy(other, secret, sizeof other);
    other[0] = other[0] == 'A' ? 'B' : 'A';
    assert_status(KH_E_NOT_FOUND, kh_install_fetch(access_db, other, &found, &file, err));
    other[KH_INSTALL_SECRET_SIZE - 2] = '\0';
    assert_status(KH_E_NOT_FOUND, kh_install_fetch(access_db, other, &found, &file, err));
    assert_int_equal(file.size, 0);
    assert_ok(kh_install_fetch(access_db, secret, &found, &file, err));
    assert_int_equal(file.size, issued.pkcs12.size);
    assert_memory_equal(file.data, issued.pkcs12.data, file.size);
    assert_string_equal(found.name, "desk");
    assert_status(KH_E_NOT_FOUND, kh_install_fetch(access_db, secret, &found, &file, err));
    assert_status(KH_E_NOT_FOUND, kh_install_look(access_db, secret, &found, err));
    assert_ok(kh_install_offer(access_db, &issued, 1, secret, err));
    assert_ok(kh_terminal_revoke(access_db, ca, "clinic", "desk", "lost", "office", err));
    assert_status(KH_E_NOT_FOUND, kh_install_fetch(access_db, secret, &found, &file, err)); /* revoked before it was fetched */
    kh_buf_release(&file);
    kh_buf_release(&issued.pkcs12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_certificate_names_its_terminal, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_good_certificate_and_the_one_before, set_up, tear_down),
        cmocka_unit_test_setup_teardown(revoking_moves_the_epoch_and_lasts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lists_and_what_runs_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_declared_and_seen, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_link_is_good_once, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
