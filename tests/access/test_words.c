/* What a password may be (S6), and the codes of RFC 6238 (S8). */
#include "tests/access/support.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "access/accounts_internal.h"
#include "access/totp.h"

static const char list[] = "/usr/share/john/password.lst";

static kh_password_fault judge(const kh_accounts *accounts, const char *password)
{
    static const kh_admission who = {.login = "sato.hanako", .name = "佐藤 花子", .facility = "kita-hospital", .facility_name = "北九州第一病院"};
    kh_password_fault fault;

    kh_password_judge(accounts, &who, password, &fault);
    return fault;
}

static void passwords(void **state)
{
    char of_128[129], of_129[130], wide[129 * 3 + 1] = "";
    const struct { const char *name, *password; unsigned length_min; kh_password_fault expected; } rows[] = {
        {"12 characters", "vq7mbzo0rplk", 13, KH_PASSWORD_SHORT},
        {"13 characters", "vq7mbzo0rplkw", 13, KH_PASSWORD_GOOD},
        {"13 characters of three bytes each", "あかねさすむらさきのゆきし", 13, KH_PASSWORD_GOOD},
        {"12 characters of three bytes each", "あかねさすむらさきのゆき", 13, KH_PASSWORD_SHORT},
        {"128 characters", of_128, 13, KH_PASSWORD_GOOD},
        {"129 characters", of_129, 13, KH_PASSWORD_LONG},
        {"128 characters of three bytes", wide, 13, KH_PASSWORD_GOOD},
        {"spaces at both ends", " vq7mbzo0rplk ", 13, KH_PASSWORD_GOOD},
        {"not UTF-8", "vq7mbzo0rplkw\xff", 13, KH_PASSWORD_TEXT},
        {"a tab", "vq7mbzo0rplkw\t", 13, KH_PASSWORD_TEXT},
        {"of the list", "basketball", 8, KH_PASSWORD_COMMON},
        {"of the list, in capitals", "BASKETBALL", 8, KH_PASSWORD_COMMON},
        {"of the list, with a year", "basketball2026!", 8, KH_PASSWORD_COMMON},
        {"of the list, twice", "passwordpassword", 13, KH_PASSWORD_COMMON},
        {"one letter", "aaaaaaaaaaaaa", 13, KH_PASSWORD_COMMON},
        {"one letter of three bytes", "あああああああああああああ", 13, KH_PASSWORD_COMMON},
        {"digits in a row", "1234567890123", 13, KH_PASSWORD_COMMON},
        {"digits in a row back", "9876543210987", 13, KH_PASSWORD_COMMON},
        {"the alphabet", "abcdefghijklm", 13, KH_PASSWORD_COMMON},
        {"the keyboard", "qwertyuiopasd", 13, KH_PASSWORD_COMMON},
        {"the service's name", "kakehashi-2026", 13, KH_PASSWORD_CONTEXT},
        {"the login", "sato.hanako123", 13, KH_PASSWORD_CONTEXT},
        {"a part of the login", "hanako-hanako7", 13, KH_PASSWORD_CONTEXT},
        {"the facility", "Kita-Hospital1", 13, KH_PASSWORD_CONTEXT},
        {"the facility's name", "北九州第一病院のぱすわーど", 13, KH_PASSWORD_CONTEXT},
        {"the login and enough besides", "hanako likes plums", 13, KH_PASSWORD_GOOD},
        {"nothing", "", 8, KH_PASSWORD_SHORT},
    };
    struct kh_accounts accounts = {0};

    (void)state;
    for (size_t i = 0; i < 129; i++)
        of_129[i] = (char)('a' + (i * i + i / 7) % 26);
    of_129[129] = '\0';
    memcpy(of_128, of_129, 128);
    of_128[128] = '\0';
    for (int i = 0; i < 128; i++)
        strcat(wide, i % 3 == 0 ? "雪" : i % 5 == 0 ? "月" : "花");
    if (access(list, R_OK) != 0) {
        print_message("%s is not here (package john-data)\n", list);
        skip();
    }
    assert_ok(kh_words_load(&accounts.words, list, err));
    assert_true(kh_words_count(accounts.words) >= 3000); /* S6 */
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        accounts.options.length_min = rows[i].length_min;
        print_message("%s\n", rows[i].name);
        assert_int_equal(judge(&accounts, rows[i].password), rows[i].expected);
    }
    kh_words_free(accounts.words);
}

static void lists(void **state)
{
    kh_words *words;

    (void)state;
    assert_ok(kh_words_load(&words, "", err));
    assert_int_equal(kh_words_count(words), 0);
    assert_false(kh_words_common(words, "basketball"));
    kh_words_free(words);
    assert_true(kh_words_load(&words, "/nowhere/at/all", NULL) != KH_OK);
    assert_status(KH_E_LIMIT, kh_words_load(&words, "/dev/null", err));
}

/* RFC 6238 appendix B, SHA-1; its codes have 8 digits, the last 6 of which are the code of 6 (RFC 4226 5.3). */
static void rfc_6238(void **state)
{
    static const struct {
        int64_t time_s;
        const char *code;
    } rows[] = {{1111111109, "081804"}, {1111111111, "050471"}, {1234567890, "005924"}, {2000000000, "279037"}, {20000000000, "353130"}};
    const uint8_t *secret = (const uint8_t *)"12345678901234567890";

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t of = rows[i].time_s / 30, step = 0;
        char spaced[8];

        for (int64_t off = -2; off <= 2; off++) {
            bool good = kh_totp_check(&step, secret, 20, (rows[i].time_s + off * 30) * 1000, 0, rows[i].code);

            assert_int_equal(good, off >= -1 && off <= 1);
            assert_true(!good || step == of);
        }
        assert_true(kh_totp_check(&step, secret, 20, rows[i].time_s * 1000, of - 1, rows[i].code));
        assert_false(kh_totp_check(&step, secret, 20, rows[i].time_s * 1000, of, rows[i].code)); /* S8: once */
        assert_false(kh_totp_check(&step, secret, 20, rows[i].time_s * 1000, of + 100, rows[i].code)); /* R13 */
        snprintf(spaced, sizeof spaced, "%.3s %s", rows[i].code, rows[i].code + 3);
        assert_true(kh_totp_check(&step, secret, 20, rows[i].time_s * 1000, 0, spaced));
        spaced[6] = spaced[6] == '9' ? '0' : '9';
        assert_false(kh_totp_check(&step, secret, 20, rows[i].time_s * 1000, 0, spaced));
    }
    assert_false(kh_totp_check(&(int64_t){0}, secret, 20, 1111111109000, 0, ""));
    assert_false(kh_totp_check(&(int64_t){0}, secret, 20, 1111111109000, 0, "0818041"));
    assert_false(kh_totp_check(&(int64_t){0}, secret, 20, 1111111109000, 0, "08180a"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(passwords), cmocka_unit_test(lists), cmocka_unit_test(rfc_6238)};

    return cmocka_run_group_tests_name("access: passwords and codes", tests, NULL, NULL);
}
