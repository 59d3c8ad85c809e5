/* The authority: made once, kept; what it issues is what openssl says of it; files that are not whole are not overwritten. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "access/ca.h"
#include "base/clock.h"
#include "tests/access/support.h"

#define DAY_MS 86400000LL

static char path[700];

static const char *in_ca(const char *name)
{
    snprintf(path, sizeof path, "%s/ca/%s", access_dir, name);
    return path;
}

static void write_file(const char *name, const void *bytes, size_t size)
{
    FILE *file = fopen(in_ca(name), "wb");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

/* Does openssl say those words of the files of the authority's folder? */
static bool openssl_says(const char *arguments, const char *words)
{
    char command[1600], output[8192];
    size_t size;
    FILE *pipe;

    snprintf(command, sizeof command, "cd '%s/ca' && openssl %s 2>&1", access_dir, arguments);
    pipe = popen(command, "r");
    assert_non_null(pipe);
    size = fread(output, 1, sizeof output - 1, pipe);
    output[size] = '\0';
    pclose(pipe);
    if (!strstr(output, words))
        print_message("%s: no \"%s\" in:\n%s", arguments, words, output);
    return strstr(output, words) != NULL;
}

static void it_is_made_once_and_kept(void **state)
{
    kh_ca *ca = NULL;
    kh_ca_issued first, second;
    struct stat info;

    (void)state;
    assert_ok(kh_ca_open(&ca, access_dir, err));
    kh_ca_self(ca, &first);
    kh_ca_close(ca);
    assert_ok(kh_ca_open(&ca, access_dir, err));
    kh_ca_self(ca, &second);
    kh_ca_close(ca);
    assert_string_equal(first.fingerprint, second.fingerprint);
    assert_true(first.not_after_ms - kh_clock_wall_ms() > 3650 * DAY_MS && first.not_after_ms - kh_clock_wall_ms() < 3655 * DAY_MS);
    assert_int_equal(stat(in_ca("ca.key"), &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_true(openssl_says("x509 -in ca.pem -noout -text", "CA:TRUE, pathlen:0"));
    assert_true(openssl_says("x509 -in ca.pem -noout -text", "ASN1 OID: prime256v1"));
    assert_true(openssl_says("x509 -in ca.pem -noout -text", "Signature Algorithm: ecdsa-with-SHA256"));
    assert_true(openssl_says("x509 -in ca.pem -noout -text", "Certificate Sign, CRL Sign"));
    assert_true(openssl_says("crl -in revoked.pem -CAfile ca.pem -noout -text", "verify OK"));
    assert_true(openssl_says("crl -in revoked.pem -noout -text", "No Revoked Certificates"));
}

static void what_is_not_whole_is_not_overwritten(void **state)
{
    kh_ca *ca = NULL;
    char other[4096];
    size_t size;
    FILE *file;

    (void)state;
    assert_ok(kh_ca_open(&ca, access_dir, err));
    kh_ca_close(ca);
    file = fopen(in_ca("ca.key"), "rb");
    assert_non_null(file);
    size = fread(other, 1, sizeof other, file);
    fclose(file);
    assert_int_equal(unlink(in_ca("ca.key")), 0);
    assert_status(KH_E_CORRUPT, kh_ca_open(&ca, access_dir, err));
    assert_null(ca);
    write_file("ca.key", "no key\n", 7);
    assert_status(KH_E_CORRUPT, kh_ca_open(&ca, access_dir, err));
    assert_true(openssl_says("ecparam -name prime256v1 -genkey -noout -out ca.key && echo made", "made"));
    assert_status(KH_E_CORRUPT, kh_ca_open(&ca, access_dir, err)); /* a key, but another one */
    write_file("ca.key", other, size);
    assert_ok(kh_ca_open(&ca, access_dir, err));
    kh_ca_close(ca);
    write_file("ca.pem", "no certificate\n", 15);
    assert_status(KH_E_CORRUPT, kh_ca_open(&ca, access_dir, err));
}

static void one_at_a_time(void **state)
{
    kh_ca *ca = NULL, *second = NULL;

    (void)state;
    assert_ok(kh_ca_open(&ca, access_dir, err));
    assert_status(KH_E_BUSY, kh_ca_open(&second, access_dir, err));
    assert_null(second);
    kh_ca_close(ca);
}

static void a_terminal_gets_a_file_that_others_read(void **state)
{
    char password[KH_CA_PASSWORD_SIZE], command[200];
    kh_ca *ca = NULL;

    (void)state;
    assert_ok(kh_ca_open(&ca, access_dir, err));
    for (int aes = 0; aes < 2; aes++) {
        kh_ca_issued issued = {0};
        kh_buf file;

        kh_buf_init(&file, 16384);
        assert_ok(kh_ca_password(password, err));
        assert_int_equal(strlen(password), KH_CA_PASSWORD_SIZE - 1);
        assert_ok(kh_ca_issue_terminal(ca, "clinic", "診察室 1", 30, password, aes, &file, &issued, err));
        assert_int_equal(strlen(issued.serial), KH_CA_SERIAL_SIZE - 1);
        assert_true(issued.not_after_ms - kh_clock_wall_ms() <= 30 * DAY_MS && issued.not_after_ms - kh_clock_wall_ms() > 29 * DAY_MS);
        write_file("t.p12", file.data, file.size);
        kh_buf_release(&file);
        snprintf(command, sizeof command, "pkcs12 -legacy -in t.p12 -nodes -passin pass:%s -out t.pem && echo read", password);
        assert_true(openssl_says(command, "read"));
        assert_true(openssl_says("verify -CAfile ca.pem -purpose sslclient t.pem", "OK"));
        assert_true(openssl_says("verify -CAfile ca.pem -purpose sslserver t.pem", "purpose"));
        assert_true(openssl_says("x509 -in t.pem -noout -subject -nameopt utf8,sep_comma_plus", "clinic"));
        assert_true(openssl_says("x509 -in t.pem -noout -subject -nameopt utf8,sep_comma_plus", "診察室 1"));
        assert_true(openssl_says("x509 -in t.pem -noout -text", "CA:FALSE"));
        snprintf(command, sizeof command, "pkcs12 -legacy -in t.p12 -nodes -passin pass:%s%s -info", password, "x");
        assert_true(openssl_says(command, "invalid password"));
        snprintf(command, sizeof command, "pkcs12 -legacy -in t.p12 -nodes -passin pass:%s -info", password);
        assert_true(openssl_says(command, aes ? "AES-256-CBC" : "pbeWithSHA1And3-KeyTripleDES-CBC"));
        assert_true(openssl_says(command, "friendlyName: clinic / "));
    }
    kh_ca_close(ca);
}

static void days_and_names_have_limits(void **state)
{
    static const struct {
        const char *name, *host;
        int days;
        kh_status status;
    } cases[] = {
        {"a day", "images.example", 1, KH_OK},
        {"no day", "images.example", 0, KH_E_ARG},
        {"the most days", "images.example", KH_CA_DAYS_MAX, KH_OK},
        {"a day more", "images.example", KH_CA_DAYS_MAX + 1, KH_E_ARG},
        {"an address", "10.1.2.3", 30, KH_OK},
        {"an address of IPv6", "2001:db8::1", 30, KH_OK},
        {"a name with a scheme", "https://images.example", 30, KH_E_ARG},
        {"a name for all", "*.example", 30, KH_E_ARG},
        {"no name", "", 30, KH_E_ARG},
        {"a name with a blank", "images example", 30, KH_E_ARG},
    };
    kh_ca *ca = NULL;

    (void)state;
    assert_ok(kh_ca_open(&ca, access_dir, err));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        kh_ca_issued issued;
        kh_buf certificate, key;

        kh_buf_init(&certificate, 16384);
        kh_buf_init(&key, 16384);
        if (kh_ca_issue_server(ca, &cases[i].host, 1, cases[i].days, &certificate, &key, &issued, NULL) != cases[i].status)
            fail_msg("%s", cases[i].name);
        if (i == 0) {
            write_file("s.pem", certificate.data, certificate.size);
            assert_true(openssl_says("verify -CAfile ca.pem -purpose sslserver -verify_hostname images.example s.pem", "OK"));
            assert_true(openssl_says("verify -CAfile ca.pem -purpose sslserver -verify_hostname other.example s.pem", "mismatch"));
            assert_true(openssl_says("verify -CAfile ca.pem -purpose sslclient s.pem", "purpose"));
        }
        kh_buf_release(&certificate);
        kh_buf_release(&key);
    }
    kh_ca_close(ca);
}

static void the_list_names_who_is_revoked(void **state)
{
    kh_ca_revoked revoked = {.revoked_ms = 1767225600000}; /* 2026-01-01T00:00Z */
    kh_ca_issued issued;
    kh_ca *ca = NULL;
    kh_buf certificate, key;

    (void)state;
    kh_buf_init(&certificate, 16384);
    kh_buf_init(&key, 16384);
    assert_ok(kh_ca_open(&ca, access_dir, err));
    assert_ok(kh_ca_issue_server(ca, (const char *[]){"a.example"}, 1, 30, &certificate, &key, &issued, err));
    write_file("s.pem", certificate.data, certificate.size);
    assert_true(openssl_says("verify -CAfile ca.pem -CRLfile revoked.pem -crl_check s.pem", "OK"));
    memcpy(revoked.serial, issued.serial, sizeof revoked.serial);
    assert_ok(kh_ca_write_list(ca, &revoked, 1, err));
    assert_true(openssl_says("verify -CAfile ca.pem -CRLfile revoked.pem -crl_check s.pem", "revoked"));
    assert_true(openssl_says("crl -in revoked.pem -noout -text", "Revocation Date: Jan  1 00:00:00 2026 GMT"));
    kh_buf_release(&certificate);
    kh_buf_release(&key);
    kh_ca_close(ca);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_is_made_once_and_kept, access_set_up, access_tear_down),
        cmocka_unit_test_setup_teardown(what_is_not_whole_is_not_overwritten, access_set_up, access_tear_down),
        cmocka_unit_test_setup_teardown(one_at_a_time, access_set_up, access_tear_down),
        cmocka_unit_test_setup_teardown(a_terminal_gets_a_file_that_others_read, access_set_up, access_tear_down),
        cmocka_unit_test_setup_teardown(days_and_names_have_limits, access_set_up, access_tear_down),
        cmocka_unit_test_setup_teardown(the_list_names_who_is_revoked, access_set_up, access_tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
