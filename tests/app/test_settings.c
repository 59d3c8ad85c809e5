/* Every setting: the file's value is the default, both sides of every limit, what one key alone cannot tell. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "app/settings.h"
#include "app/listener.h"
#include "tests/cmocka_all.h"

static int64_t number_of(const kh_settings *settings, const kh_config_key *key)
{
    int64_t value;

    memcpy(&value, (const char *)settings + key->offset, sizeof value);
    return value;
}

static void write_file(char *path, const char *text)
{
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

/* Reads the file over settings that are all different from the defaults: what is equal afterwards stands in the file. */
static void test_file_says_every_default(void **state)
{
    char path[] = "/tmp/kh-settings-XXXXXX";
    size_t count;
    const kh_config_key *keys = kh_settings_keys(&count);
    kh_settings read;
    kh_error err = KH_ERROR_INIT;

    (void)state;
    memset(&read, 0x5A, sizeof read);
    write_file(path, kh_settings_file_text);
    if (kh_config_read(&read, keys, count, path, &err) != KH_OK)
        fail_msg("%s", err.message);
    unlink(path);
    for (size_t i = 0; i < count; i++) {
        char ours[1100], file[1100];

        kh_settings_format(ours, sizeof ours, &kh_settings_default, &keys[i]);
        kh_settings_format(file, sizeof file, &read, &keys[i]);
        if (strcmp(ours, file) != 0)
            fail_msg("[%s] %s: default %s, file %s", keys[i].section, keys[i].key, ours, file);
    }
    assert_int_equal(kh_settings_check(&kh_settings_default, &err), KH_OK);
}

static kh_status set_number(kh_settings *settings, const kh_config_key *key, int64_t value)
{
    char text[160];
    const char *unit = key->type == KH_CONFIG_SIZE ? " B" : key->type == KH_CONFIG_DURATION ? " ms" : "";

    snprintf(text, sizeof text, "%s.%s=%" PRId64 "%s", key->section, key->key, value, unit);
    return kh_settings_set(settings, text, NULL);
}

static void test_both_sides_of_every_limit(void **state)
{
    size_t count;
    const kh_config_key *keys = kh_settings_keys(&count);

    (void)state;
    for (size_t i = 0; i < count; i++) {
        const kh_config_key *key = &keys[i];
        kh_settings settings = kh_settings_default;

        if (key->type == KH_CONFIG_TEXT || key->type == KH_CONFIG_BOOL)
            continue;
        if (set_number(&settings, key, key->min) != KH_OK || number_of(&settings, key) != key->min)
            fail_msg("[%s] %s: least value %" PRId64 " refused", key->section, key->key, key->min);
        if (set_number(&settings, key, key->max) != KH_OK || number_of(&settings, key) != key->max)
            fail_msg("[%s] %s: largest value %" PRId64 " refused", key->section, key->key, key->max);
        if (set_number(&settings, key, key->min - 1) != KH_E_ARG || set_number(&settings, key, key->max + 1) != KH_E_ARG)
            fail_msg("[%s] %s: a value past its limit was taken", key->section, key->key);
        if (number_of(&settings, key) != key->max)
            fail_msg("[%s] %s: changed by a refused value", key->section, key->key);
    }
}

static void test_text_fits_or_is_refused(void **state)
{
    static const struct {
        const char *name, *assignment;
        kh_status status;
    } cases[] = {
        {"title of 16", "dicom.ae_title=ABCDEFGHIJKLMNOP", KH_OK},
        {"title of 17", "dicom.ae_title=ABCDEFGHIJKLMNOPQ", KH_E_ARG},
        {"no section", "port=1", KH_E_ARG},
        {"no value", "http.port", KH_E_ARG},
        {"unknown section", "web.port=1", KH_E_ARG},
        {"unknown key", "http.prt=1", KH_E_ARG},
        {"a count with a unit", "http.port=80 s", KH_E_ARG},
        {"a size without one", "storage.reserve=5", KH_E_ARG},
        {"a duration in bytes", "service.drain=5 KiB", KH_E_ARG},
        {"a size that wraps", "storage.reserve=99999999999 TiB", KH_E_ARG},
        {"equals before the dot", "http=port.1", KH_E_ARG},
    };

    (void)state;
    for (size_t i = 0; i < KH_COUNT(cases); i++) {
        kh_settings settings = kh_settings_default;

        if (kh_settings_set(&settings, cases[i].assignment, NULL) != cases[i].status)
            fail_msg("%s: %s", cases[i].name, cases[i].assignment);
    }
}

static void test_check_knows_what_fits_together(void **state)
{
    static const struct {
        const char *name, *assignment;
        kh_status status;
    } cases[] = {
        {"another loopback address", "http.address=127.9.9.9", KH_OK},
        {"accounts on", "access.accounts=on", KH_OK},
        {"accounts maybe", "access.accounts=maybe", KH_E_ARG},
        {"a demo's accounts on this machine", "access.demo_accounts=/srv/demo.json", KH_OK},
        {"a password alone, on this machine", "access.factors=password", KH_OK},
        {"all factors", "access.factors=password+totp+certificate", KH_OK},
        {"a factor nobody knows", "access.factors=password+sms", KH_E_ARG},
        {"the guideline's rule", "access.password_rule=guideline", KH_OK},
        {"a rule nobody knows", "access.password_rule=none", KH_E_ARG},
        {"warned before it is made", "access.password_days=13", KH_E_ARG},
        {"warned when it is made", "access.password_days=14", KH_OK},
        {"nurses read", "access.readers=nurse", KH_OK},
        {"nurses and radiographers", "access.readers=nurse, radiographer", KH_OK},
        {"registrars never do", "access.readers=registrar", KH_E_ARG},
        {"a word that ends alike", "access.readers=nurses", KH_E_ARG},
        {"150 years", "access.look_back=150", KH_OK},
        {"151 years", "access.look_back=151", KH_E_ARG},
        {"no floor", "access.look_back=none", KH_OK},
        {"from the day", "access.look_back=0", KH_OK},
        {"years before zero", "access.look_back=-1", KH_E_ARG},
        {"no years", "access.look_back=", KH_E_ARG},
        {"locked after the end", "access.idle=13 h", KH_E_ARG},
        {"locked at the end", "access.idle=12 h", KH_OK},
        {"all addresses", "http.address=0.0.0.0", KH_E_DENIED},
        {"just below loopback", "http.address=126.255.255.255", KH_E_DENIED},
        {"just above loopback", "http.address=128.0.0.0", KH_E_DENIED},
        {"a name for an address", "http.address=localhost", KH_E_ARG},
        {"host names", "http.names=images.example, 10.1.2.3", KH_OK},
        {"a host name with a scheme", "http.names=https://images.example", KH_E_ARG},
        {"a key without its certificate", "http.tls_key=/k.pem", KH_E_ARG},
        {"a certificate without its key", "http.tls_certificate=/c.pem", KH_E_ARG},
        {"authorities without a certificate", "http.tls_client_ca=/ca.pem", KH_E_ARG},
        {"a revocation list without its authority", "http.tls_revoked=/crl.pem", KH_E_ARG},
        {"certificates of terminals are optional", "http.client_certificates=optional", KH_OK},
        {"certificates of terminals are whatever", "http.client_certificates=maybe", KH_E_ARG},
        {"two proxies", "http.proxies=127.0.0.1, 10.1.2.0/28", KH_OK},
        {"a proxy by its name", "http.proxies=proxy.example", KH_E_ARG},
        {"DICOM on all addresses", "dicom.address=0.0.0.0", KH_OK},
        {"DICOM on no address", "dicom.address=here", KH_E_ARG},
        {"empty title", "dicom.ae_title=", KH_E_ARG},
        {"title with a backslash", "dicom.ae_title=A\\B", KH_E_ARG},
        {"title with a space inside", "dicom.ae_title=A B", KH_OK},
        {"unknown level", "log.level=loud", KH_E_ARG},
        {"no folder", "service.data_dir=", KH_E_ARG},
        {"any archive", "service.archive=", KH_OK},
        {"an archive", "service.archive=0123456789abcdef0123456789abcdef", KH_OK},
        {"an archive of 31 digits", "service.archive=0123456789abcdef0123456789abcde", KH_E_ARG},
        {"an archive in capitals", "service.archive=0123456789ABCDEF0123456789ABCDEF", KH_E_ARG},
        {"longest below first", "pull.retry_longest=999 ms", KH_E_ARG},
        {"longest equals first", "pull.retry_longest=1000 ms", KH_OK},
    };

    (void)state;
    for (size_t i = 0; i < KH_COUNT(cases); i++) {
        kh_settings settings = kh_settings_default;
        kh_error err = KH_ERROR_INIT;

        assert_int_equal(kh_settings_set(&settings, cases[i].assignment, &err), KH_OK);
        if (kh_settings_check(&settings, &err) != cases[i].status)
            fail_msg("%s: %s", cases[i].name, err.message);
    }
}

#define TLS "http.tls_certificate=/c.pem", "http.tls_key=/k.pem"
#define EVERYWHERE "http.address=0.0.0.0", "http.names=images.example"

/* What is offered beyond this machine: TLS, people who sign in, two factors [AZ-34; guideline v6]. One setting away from it. */
static void test_beyond_this_machine(void **state)
{
    static const struct {
        const char *name, *assignments[8];
        kh_status status;
    } cases[] = {
        {"TLS, accounts, two factors", {EVERYWHERE, TLS, "access.accounts=on"}, KH_OK},
        {"and the terminal's certificate",
         {EVERYWHERE, TLS, "access.accounts=on", "access.factors=password+totp+certificate", "http.tls_client_ca=/ca.pem"},
         KH_OK},
        {"no accounts", {EVERYWHERE, TLS}, KH_E_DENIED},
        {"no TLS", {EVERYWHERE, "access.accounts=on"}, KH_E_DENIED},
        {"a password alone", {EVERYWHERE, TLS, "access.accounts=on", "access.factors=password"}, KH_E_DENIED},
        {"a demo's accounts", {EVERYWHERE, TLS, "access.accounts=on", "access.demo_accounts=/srv/demo.json"}, KH_E_DENIED},
        {"a demo's accounts behind a proxy",
         {"access.accounts=on", "http.proxies=127.0.0.1", "access.demo_accounts=/srv/demo.json"},
         KH_E_DENIED},
        {"a demo's accounts under a name",
         {"access.accounts=on", "http.names=demo.example", "access.demo_accounts=/srv/demo.json"},
         KH_E_DENIED},
        {"tokens of nobody, accounts off", {"dicomweb.tokens=/tokens"}, KH_OK},
        {"tokens of nobody, accounts on", {"dicomweb.tokens=/tokens", "access.accounts=on"}, KH_E_ARG},
        {"the guideline's 13 characters", {"access.password_rule=guideline", "access.password_length=13"}, KH_OK},
        {"the guideline with 12", {"access.password_rule=guideline", "access.password_length=12"}, KH_E_ARG},
        {"the networks' rule with 12", {"access.password_rule=networks", "access.password_length=12"}, KH_OK},
        {"the guideline without a second factor", {"access.password_rule=guideline", "access.factors=password+certificate"}, KH_E_ARG},
    };

    (void)state;
    for (size_t i = 0; i < KH_COUNT(cases); i++) {
        kh_settings settings = kh_settings_default;
        kh_error err = KH_ERROR_INIT;

        for (size_t k = 0; cases[i].assignments[k]; k++)
            assert_int_equal(kh_settings_set(&settings, cases[i].assignments[k], &err), KH_OK);
        if (kh_settings_check(&settings, &err) != cases[i].status)
            fail_msg("%s: %s", cases[i].name, err.message);
    }
}

static void test_file_errors_tell_file_and_line(void **state)
{
    static const struct {
        const char *name, *text, *words;
    } cases[] = {
        {"unknown key", "[http]\nport = 1\nprt = 2\n", ":3: unknown key \"prt\""},
        {"twice", "[http]\nport = 1\nport = 2\n", ":3: key \"port\" is given twice"},
        {"out of range", "# a comment\n[http]\nport = 65536\n", ":3: port: 65536 is outside 0 to 65535"},
    };

    (void)state;
    for (size_t i = 0; i < KH_COUNT(cases); i++) {
        char path[] = "/tmp/kh-settings-XXXXXX";
        kh_settings settings;
        kh_error err = KH_ERROR_INIT;

        write_file(path, cases[i].text);
        assert_int_equal(kh_settings_read(&settings, path, &err), KH_E_ARG);
        unlink(path);
        if (!strstr(err.message, path) || !strstr(err.message, cases[i].words))
            fail_msg("%s: %s", cases[i].name, err.message);
    }
}

static void test_listener_takes_a_port_once(void **state)
{
    uint16_t port = 0, again = 0;
    int first, second;
    kh_error err = KH_ERROR_INIT;

    (void)state;
    assert_int_equal(kh_listener_open(&first, KH_LOOPBACK, 0, &port, &err), KH_OK);
    assert_int_not_equal(port, 0);
    assert_int_equal(kh_listener_open(&second, KH_LOOPBACK, port, &again, &err), KH_E_BUSY);
    assert_int_equal(second, -1);
    close(first);
    kh_error_clear(&err);
    assert_int_equal(kh_listener_open(&second, KH_LOOPBACK, port, &again, &err), KH_OK);
    close(second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_file_says_every_default),    cmocka_unit_test(test_both_sides_of_every_limit),
        cmocka_unit_test(test_text_fits_or_is_refused),    cmocka_unit_test(test_check_knows_what_fits_together),
        cmocka_unit_test(test_beyond_this_machine),        cmocka_unit_test(test_file_errors_tell_file_and_line),
        cmocka_unit_test(test_listener_takes_a_port_once),
    };

    return cmocka_run_group_tests_name("settings", tests, NULL, NULL);
}
