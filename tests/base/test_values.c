/* Errors, buffers, sizes, the clock, the log. */
#include "tests/cmocka_all.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/buf.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/size.h"

static void first_error_wins(void **state)
{
    kh_error err = KH_ERROR_INIT;

    (void)state;
    assert_int_equal(kh_error_set(&err, KH_E_FORMAT, "Rows %u, expected 1 to %u", 0u, 65535u), KH_E_FORMAT);
    assert_int_equal(kh_error_set(&err, KH_E_IO, "later"), KH_E_IO);
    assert_int_equal(err.status, KH_E_FORMAT);
    assert_string_equal(err.message, "Rows 0, expected 1 to 65535");
    assert_int_equal(kh_error_prefix(&err, "object %d", 7), KH_E_FORMAT);
    assert_string_equal(err.message, "object 7: Rows 0, expected 1 to 65535");
    kh_error_clear(&err);
    assert_int_equal(err.status, KH_OK);
}

static void long_messages_are_cut(void **state)
{
    kh_error err = KH_ERROR_INIT;
    char text[1000];

    (void)state;
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    kh_error_set(&err, KH_E_ARG, "%s", text);
    assert_int_equal(strlen(err.message), sizeof err.message - 1);
    kh_error_prefix(&err, "%s", text);
    assert_int_equal(strlen(err.message), sizeof err.message - 1);
    assert_int_equal(kh_error_set(NULL, KH_E_ARG, "nobody listens"), KH_E_ARG);
}

static void errno_becomes_a_status(void **state)
{
    static const struct {
        int number;
        kh_status expected;
    } cases[] = {{ENOSPC, KH_E_FULL}, {EDQUOT, KH_E_FULL}, {EFBIG, KH_E_FULL}, {ENOMEM, KH_E_MEMORY}, {EIO, KH_E_IO}, {EACCES, KH_E_IO}};

    (void)state;
    for (size_t i = 0; i < KH_COUNT(cases); i++) {
        kh_error err = KH_ERROR_INIT;

        assert_int_equal(kh_error_errno(&err, cases[i].number, "write"), cases[i].expected);
        assert_true(strncmp(err.message, "write: ", 7) == 0 && strlen(err.message) > 7);
    }
}

static void every_status_has_a_word(void **state)
{
    (void)state;
    for (int status = KH_OK; status <= KH_E_INTERNAL; status++)
        assert_string_not_equal(kh_status_text((kh_status)status), "unknown status");
    assert_string_equal(kh_status_text((kh_status)(KH_E_INTERNAL + 1)), "unknown status");
}

static void buffer_holds_up_to_its_limit(void **state)
{
    kh_buf buf;
    kh_error err = KH_ERROR_INIT;

    (void)state;
    kh_buf_init(&buf, 8);
    assert_string_equal(kh_buf_text(&buf), "");
    assert_int_equal(kh_buf_append(&buf, "12345678", 8, &err), KH_OK);
    assert_string_equal(kh_buf_text(&buf), "12345678");
    assert_int_equal(kh_buf_append(&buf, "9", 1, &err), KH_E_LIMIT);
    assert_string_equal(kh_buf_text(&buf), "12345678");
    assert_int_equal(kh_buf_append(&buf, "", 0, NULL), KH_OK);
    assert_int_equal(kh_buf_reserve(&buf, SIZE_MAX, NULL), KH_E_LIMIT);
    kh_buf_release(&buf);
    assert_int_equal(buf.max_size, 8);
}

static void buffer_formats_and_gives_away(void **state)
{
    kh_buf buf;
    size_t size;
    uint8_t *data;

    (void)state;
    kh_buf_init(&buf, 4096);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(kh_buf_appendf(&buf, NULL, "%03d", i), KH_OK);
    assert_int_equal(buf.size, 3000);
    data = kh_buf_take(&buf, &size);
    assert_int_equal(size, 3000);
    assert_memory_equal(data + 2997, "999", 4);
    assert_int_equal(buf.size, 0);
    assert_null(buf.data);
    free(data);
}

static void sizes_do_not_wrap(void **state)
{
    size_t size = 42;
    uint64_t wide = 42;

    (void)state;
    assert_true(kh_size_add(&size, SIZE_MAX - 1, 1) && size == SIZE_MAX);
    assert_false(kh_size_add(&size, SIZE_MAX, 1));
    assert_true(kh_size_mul(&size, SIZE_MAX / 2, 2));
    assert_false(kh_size_mul(&size, SIZE_MAX / 2 + 1, 2));
    assert_false(kh_u64_add(&wide, UINT64_MAX, 1));
    assert_false(kh_u64_mul(&wide, UINT64_MAX, 2));
    assert_int_equal(wide, 42);
}

static void times_are_written_as_utc(void **state)
{
    static const struct {
        int64_t ms;
        const char *expected;
    } cases[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {951782399999, "2000-02-28T23:59:59.999Z"},
        {951868799999, "2000-02-29T23:59:59.999Z"},
        {-1, "1969-12-31T23:59:59.999Z"},
        {1795122245123, "2026-11-19T21:04:05.123Z"},
    };
    char text[KH_CLOCK_TEXT_SIZE];

    (void)state;
    for (size_t i = 0; i < KH_COUNT(cases); i++) {
        kh_clock_format(text, cases[i].ms);
        assert_string_equal(text, cases[i].expected);
    }
    kh_clock_format(text, INT64_MAX);
    assert_string_equal(text + strlen(text) - 1, "Z");
}

static void the_clock_can_be_shifted(void **state)
{
    int64_t monotonic = kh_clock_monotonic_ms();
    int64_t wall = kh_clock_wall_ms();

    (void)state;
    kh_clock_shift_for_test(60000, -86400000);
    assert_in_range(kh_clock_monotonic_ms() - monotonic, 60000, 65000);
    assert_true(kh_clock_wall_ms() - wall < -86000000);
    assert_in_range(kh_clock_monotonic_tick_ms() - monotonic, 59900, 65000);
    assert_true(kh_clock_monotonic_tick_ms() <= kh_clock_monotonic_ms());
    kh_clock_shift_for_test(-60000, 86400000);
}

/* R13: what cannot be undone believes a clock only that is so at two looks. */
static void a_jump_counts_at_the_second_look(void **state)
{
    static const struct {
        const char *name;
        int64_t wall_ms, elapsed_ms; /* the jump before this look, and the time since the look before */
        int64_t expected_ms;         /* against the wall clock as it is then */
    } rows[] = {
        {"an hour goes by", 3600000, 3600000, 0},
        {"an hour forward in an hour more", 7200000, 3600000, -3600000},
        {"and it is so still", 3600000, 3600000, 0},
        {"ten years forward at once", INT64_C(315576000000), 0, -INT64_C(315576000000)},
        {"ten years back at once", -INT64_C(315576000000), 0, 0},
        {"a second back in a second", -1000, 1000, 0},
    };
    kh_clock_look look = {.known = false};
    int64_t wall_ms = 0, elapsed_ms = 0;

    (void)state;
    assert_true(kh_clock_confirmed_ms(&look) == KH_CLOCK_LONG_AGO);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int64_t difference_ms;

        kh_clock_shift_for_test(rows[i].elapsed_ms, rows[i].wall_ms);
        wall_ms += rows[i].wall_ms;
        elapsed_ms += rows[i].elapsed_ms;
        difference_ms = kh_clock_confirmed_ms(&look) - kh_clock_wall_ms() - rows[i].expected_ms;
        if (difference_ms < -5000 || difference_ms > 5000)
            fail_msg("%s: %lld ms from what was expected", rows[i].name, (long long)difference_ms);
    }
    kh_clock_shift_for_test(-elapsed_ms, -wall_ms);
}

/* What kh_log() writes for format "%s" and text, without the time. */
static void logged(char *out, size_t size, const char *text)
{
    int ends[2];
    int kept = dup(STDERR_FILENO);
    ssize_t n;

    assert_int_equal(pipe(ends), 0);
    dup2(ends[1], STDERR_FILENO);
    kh_log(KH_LOG_WARN, "area", "%s", text);
    dup2(kept, STDERR_FILENO);
    close(kept);
    close(ends[1]);
    n = read(ends[0], out, size - 1);
    close(ends[0]);
    assert_true(n > 25);
    out[n] = '\0';
    memmove(out, out + 25, (size_t)n - 24);
}

static void log_lines_cannot_be_forged(void **state)
{
    char line[4096];
    char flood[5000];

    (void)state;
    kh_log_set_role("test");
    logged(line, sizeof line, "AE \"X\n2026 error\" \x1b[31m \xe5\xb1\xb1 \\");
    assert_string_equal(line, "warn  test area: AE \"X\\x0a2026 error\" \\x1b[31m \\xe5\\xb1\\xb1 \\x5c\n");
    memset(flood, 'y', sizeof flood - 1);
    flood[sizeof flood - 1] = '\0';
    logged(line, sizeof line, flood);
    assert_in_range(strlen(line), 1900, 2048);
    assert_int_equal(line[strlen(line) - 1], '\n');
}

static void log_levels_are_read(void **state)
{
    kh_log_level level = KH_LOG_INFO;
    kh_error err = KH_ERROR_INIT;

    (void)state;
    assert_int_equal(kh_log_level_parse(&level, "debug", &err), KH_OK);
    assert_int_equal(level, KH_LOG_DEBUG);
    assert_int_equal(kh_log_level_parse(&level, "loud", &err), KH_E_ARG);
    assert_string_equal(err.message, "log level \"loud\", expected error, warn, info or debug");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_error_wins),
        cmocka_unit_test(long_messages_are_cut),
        cmocka_unit_test(errno_becomes_a_status),
        cmocka_unit_test(every_status_has_a_word),
        cmocka_unit_test(buffer_holds_up_to_its_limit),
        cmocka_unit_test(buffer_formats_and_gives_away),
        cmocka_unit_test(sizes_do_not_wrap),
        cmocka_unit_test(times_are_written_as_utc),
        cmocka_unit_test(the_clock_can_be_shifted),
        cmocka_unit_test(a_jump_counts_at_the_second_look),
        cmocka_unit_test(log_lines_cannot_be_forged),
        cmocka_unit_test(log_levels_are_read),
    };
    return cmocka_run_group_tests_name("base values", tests, NULL, NULL);
}
