/* Configuration files: units, both sides of each range, every kind of mistake with its line. */
#include "tests/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/config.h"

typedef struct settings {
    char name[8];
    int64_t threads, cache, wait;
    bool on;
} settings;

static const kh_config_key keys[] = {
    {"a", "name", KH_CONFIG_TEXT, offsetof(settings, name), 8, 0, 0},
    {"a", "threads", KH_CONFIG_COUNT, offsetof(settings, threads), 0, 1, 64},
    {"b", "cache", KH_CONFIG_SIZE, offsetof(settings, cache), 0, 1024, 1LL << 40},
    {"b", "wait", KH_CONFIG_DURATION, offsetof(settings, wait), 0, 10, 3600000},
    {"b", "on", KH_CONFIG_BOOL, offsetof(settings, on), 0, 0, 0},
};

static kh_status read_text(settings *out, const char *text, kh_error *err)
{
    char path[] = "/tmp/kh-config-XXXXXX";
    int fd = mkstemp(path);
    kh_status status;

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    status = kh_config_read(out, keys, KH_COUNT(keys), path, err);
    unlink(path);
    return status;
}

static void a_whole_file_is_read(void **state)
{
    settings s = {.name = "default", .threads = 2};
    kh_error err = KH_ERROR_INIT;

    (void)state;
    assert_int_equal(read_text(&s, "# comment\n[a]\n name = x y \nthreads=64\n\n[b]\ncache = 64 MiB\nwait = 2 min\non = yes\n", &err),
                     KH_OK);
    assert_string_equal(s.name, "x y");
    assert_int_equal(s.threads, 64);
    assert_int_equal(s.cache, 64 * 1024 * 1024);
    assert_int_equal(s.wait, 120000);
    assert_true(s.on);
}

static void mistakes_are_told(void **state)
{
    static const struct {
        const char *name, *text, *message_part;
    } cases[] = {
        {"unknown key", "[a]\nthread = 1\n", ":2: unknown key \"thread\" in section [a]"},
        {"key of another section", "[b]\nname = x\n", ":2: unknown key \"name\""},
        {"no section", "name = x\n", ":1: unknown key"},
        {"twice", "[a]\nname = x\nname = y\n", ":3: key \"name\" is given twice"},
        {"no equals", "[a]\nname\n", ":2: \"name\", expected key = value"},
        {"bad section", "[a\n", ":1: \"[a\", expected [section]"},
        {"text too long", "[a]\nname = 12345678\n", "name: 8 bytes, expected at most 7"},
        {"count below", "[a]\nthreads = 0\n", "threads: 0 is outside 1 to 64"},
        {"count above", "[a]\nthreads = 65\n", "threads: 65 is outside 1 to 64"},
        {"count with a unit", "[a]\nthreads = 4 MiB\n", "a whole number without a unit"},
        {"size without a unit", "[b]\ncache = 4096\n", "a unit of B, KiB, MiB, GiB or TiB"},
        {"size below", "[b]\ncache = 1023 B\n", "outside 1024 to"},
        {"size wraps", "[b]\ncache = 9999999999 TiB\n", "outside"},
        {"duration unit", "[b]\nwait = 5 days\n", "a unit of ms, s, min or h"},
        {"duration below", "[b]\nwait = 9 ms\n", "outside 10 to 3600000 ms"},
        {"not a number", "[b]\nwait = soon\n", "\"soon\" is not a number"},
        {"bool", "[b]\non = true\n", "expected yes or no"},
    };

    (void)state;
    for (size_t i = 0; i < KH_COUNT(cases); i++) {
        settings s = {0};
        kh_error err = KH_ERROR_INIT;

        if (read_text(&s, cases[i].text, &err) != KH_E_ARG || !strstr(err.message, cases[i].message_part))
            fail_msg("%s: got \"%s\", expected \"%s\"", cases[i].name, err.message, cases[i].message_part);
    }
}

static void limits_are_inclusive(void **state)
{
    settings s = {0};

    (void)state;
    assert_int_equal(kh_config_set(&s, keys, KH_COUNT(keys), "b", "cache", "1 KiB", NULL), KH_OK);
    assert_int_equal(kh_config_set(&s, keys, KH_COUNT(keys), "b", "cache", "1 TiB", NULL), KH_OK);
    assert_int_equal(kh_config_set(&s, keys, KH_COUNT(keys), "b", "wait", "10 ms", NULL), KH_OK);
    assert_int_equal(kh_config_set(&s, keys, KH_COUNT(keys), "b", "wait", "1 h", NULL), KH_OK);
    assert_int_equal(s.wait, 3600000);
    assert_int_equal(kh_config_set(&s, keys, KH_COUNT(keys), "a", "name", "1234567", NULL), KH_OK);
    assert_int_equal(kh_config_set(&s, keys, KH_COUNT(keys), "a", "nothing", "1", NULL), KH_E_ARG);
}

static void a_missing_file_is_an_error(void **state)
{
    settings s = {0};
    kh_error err = KH_ERROR_INIT;

    (void)state;
    assert_int_equal(kh_config_read(&s, keys, KH_COUNT(keys), "/nonexistent/kakehashi.conf", &err), KH_E_IO);
    assert_non_null(strstr(err.message, "/nonexistent/kakehashi.conf"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_file_is_read),
        cmocka_unit_test(mistakes_are_told),
        cmocka_unit_test(limits_are_inclusive),
        cmocka_unit_test(a_missing_file_is_an_error),
    };
    return cmocka_run_group_tests_name("base config", tests, NULL, NULL);
}
