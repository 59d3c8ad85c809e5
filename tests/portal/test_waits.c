/* How long readers waited, by site: bounds of the histograms, of the values and of the number of sites. */
#include "tests/cmocka_all.h"
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include "viewer/portal/waits.h"

static const kh_wait usual = {.first_ms = 640, .last_ms = 21000, .slices = 300, .kbit_s = 3900};

static void text_has(kh_waits *waits, const char *line, bool expected)
{
    kh_buf out;

    kh_buf_init(&out, 1u << 20);
    assert_int_equal(kh_waits_put(waits, &out), KH_OK);
    if ((strstr(kh_buf_text(&out), line) != NULL) != expected)
        fail_msg("\"%s\" %s in\n%s", line, expected ? "is not" : "is", kh_buf_text(&out));
    kh_buf_release(&out);
}

static void a_wait_is_counted_in_its_buckets(void **state)
{
    kh_waits *waits = kh_waits_create();

    (void)state;
    assert_int_equal(kh_waits_add(waits, "city", &usual, NULL), KH_OK);
    text_has(waits, "kakehashi_reader_first_picture_seconds_bucket{site=\"city\",le=\"0.4\"} 0\n", true);
    text_has(waits, "kakehashi_reader_first_picture_seconds_bucket{site=\"city\",le=\"0.8\"} 1\n", true);
    text_has(waits, "kakehashi_reader_first_picture_seconds_bucket{site=\"city\",le=\"+Inf\"} 1\n", true);
    text_has(waits, "kakehashi_reader_first_picture_seconds_sum{site=\"city\"} 0.640\n", true);
    text_has(waits, "kakehashi_reader_last_picture_seconds_bucket{site=\"city\",le=\"12\"} 0\n", true);
    text_has(waits, "kakehashi_reader_last_picture_seconds_bucket{site=\"city\",le=\"22\"} 1\n", true);
    text_has(waits, "kakehashi_reader_line_kbit_per_second{site=\"city\"} 3900\n", true);
    kh_waits_free(waits);
}

/* Prometheus: a bucket holds what is at most its bound. */
static void bounds_belong_to_their_bucket(void **state)
{
    static const struct {
        int64_t ms;
        const char *line;
    } cases[] = {{150, "bucket{site=\"a\",le=\"0.15\"} 1\n"},
                 {151, "bucket{site=\"a\",le=\"0.15\"} 0\n"},
                 {120000, "bucket{site=\"a\",le=\"120\"} 1\n"},
                 {120001, "bucket{site=\"a\",le=\"120\"} 0\n"},
                 {0, "bucket{site=\"a\",le=\"0.15\"} 1\n"}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        kh_waits *waits = kh_waits_create();
        kh_wait wait = usual;

        wait.first_ms = cases[i].ms;
        assert_int_equal(kh_waits_add(waits, "a", &wait, NULL), KH_OK);
        text_has(waits, cases[i].line, true);
        kh_waits_free(waits);
    }
}

static void who_left_before_has_no_last_picture(void **state)
{
    kh_waits *waits = kh_waits_create();
    kh_wait wait = usual;

    (void)state;
    wait.last_ms = -1;
    wait.kbit_s = 0;
    assert_int_equal(kh_waits_add(waits, "", &wait, NULL), KH_OK);
    text_has(waits, "kakehashi_reader_first_picture_seconds_count{site=\"\"} 1\n", true);
    text_has(waits, "kakehashi_reader_last_picture_seconds_count{site=\"\"} 0\n", true);
    kh_waits_free(waits);
}

static void what_is_out_of_range_is_named_and_not_counted(void **state)
{
    static const struct {
        const char *name;
        kh_wait wait;
        bool taken;
    } cases[] = {{"first_ms", {0, 0, 1, 0}, true},
                 {"first_ms", {-1, 0, 1, 0}, false},
                 {"first_ms", {KH_WAIT_MS_MAX, 0, 1, 0}, true},
                 {"first_ms", {KH_WAIT_MS_MAX + 1, 0, 1, 0}, false},
                 {"last_ms", {0, -1, 1, 0}, true},
                 {"last_ms", {0, -2, 1, 0}, false},
                 {"last_ms", {0, KH_WAIT_MS_MAX + 1, 1, 0}, false},
                 {"slices", {0, 0, 0, 0}, false},
                 {"slices", {0, 0, KH_WAIT_SLICES_MAX, 0}, true},
                 {"slices", {0, 0, KH_WAIT_SLICES_MAX + 1, 0}, false},
                 {"kbit_s", {0, 0, 1, -1}, false},
                 {"kbit_s", {0, 0, 1, KH_WAIT_KBIT_MAX}, true},
                 {"kbit_s", {0, 0, 1, KH_WAIT_KBIT_MAX + 1}, false}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        kh_waits *waits = kh_waits_create();
        kh_error err = KH_ERROR_INIT;
        kh_status status = kh_waits_add(waits, "a", &cases[i].wait, &err);

        assert_int_equal(status, cases[i].taken ? KH_OK : KH_E_ARG);
        if (!cases[i].taken)
            assert_non_null(strstr(err.message, cases[i].name));
        text_has(waits, "_count{site=\"a\"} 1\n", cases[i].taken);
        kh_waits_free(waits);
    }
}

static void sites_beyond_the_last_place_are_counted_together(void **state)
{
    kh_waits *waits = kh_waits_create();
    char name[16], line[80];

    (void)state;
    for (int i = 0; i < KH_WAIT_SITES_MAX + 5; i++) {
        snprintf(name, sizeof name, "site-%d", i);
        assert_int_equal(kh_waits_add(waits, name, &usual, NULL), KH_OK);
        assert_int_equal(kh_waits_add(waits, name, &usual, NULL), KH_OK);
    }
    snprintf(line, sizeof line, "first_picture_seconds_count{site=\"site-%d\"} 2\n", KH_WAIT_SITES_MAX - 1);
    text_has(waits, line, true);
    snprintf(line, sizeof line, "site-%d", KH_WAIT_SITES_MAX);
    text_has(waits, line, false);
    text_has(waits, "first_picture_seconds_count{site=\"other\"} 10\n", true);
    kh_waits_free(waits);
}

static void a_code_cannot_break_the_text(void **state)
{
    kh_waits *waits = kh_waits_create();

    (void)state;
    assert_int_equal(kh_waits_add(waits, "a\"} 1\nx", &usual, NULL), KH_OK);
    text_has(waits, "first_picture_seconds_count{site=\"a___1_x\"} 1\n", true);
    kh_waits_free(waits);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wait_is_counted_in_its_buckets),
        cmocka_unit_test(bounds_belong_to_their_bucket),
        cmocka_unit_test(who_left_before_has_no_last_picture),
        cmocka_unit_test(what_is_out_of_range_is_named_and_not_counted),
        cmocka_unit_test(sites_beyond_the_last_place_are_counted_together),
        cmocka_unit_test(a_code_cannot_break_the_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
