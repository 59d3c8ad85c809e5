/* The progress line: its words by the formula, and quiet where no terminal is. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "app/progress.h"
#include "tests/cmocka_all.h"

static void test_bytes_in_powers_of_ten(void **state)
{
    static const struct {
        int64_t bytes;
        const char *text;
    } cases[] = {{0, "0 B"}, {999, "999 B"}, {1000, "1.0 KB"}, {9949, "9.9 KB"}, {9950, "10 KB"}, {999499, "999 KB"},
                 {999500, "1.0 MB"}, {525014, "525 KB"}, {28350000, "28 MB"}, {8000000000, "8.0 GB"}, {4000000000000000, "4000 TB"}};

    (void)state;
    for (size_t i = 0; i < KH_COUNT(cases); i++) {
        char text[16];

        kh_format_bytes(text, sizeof text, cases[i].bytes);
        assert_string_equal(text, cases[i].text);
    }
}

static void test_line(void **state)
{
    static const struct {
        const char *name;
        int64_t total, done, at_start, bytes, elapsed_ms;
        const char *words;
    } cases[] = {
        {"half way", 100, 50, 0, 25000000, 5000, "############............  50/100 images  25 MB  10/s  5 s left"},
        {"nothing yet", 100, 0, 0, -1, 0, "........................  0/100 images  0/s  0 s"},
        {"over a minute left", 1000, 10, 0, -1, 1000, "........................  10/1000 images  10/s  1 min 39 s left"},
        {"some were here", 100, 60, 40, -1, 2000, "##############..........  60/100 images  10/s  4 s left"},
        {"done", 54, 54, 0, 28000000, 3000, "########################  54/54 images  28 MB  18/s  3 s"},
        {"total unknown", -1, 7, 0, 1000, 1000, "7 images  1.0 KB  7/s  1 s"},
        {"of nothing", 0, 0, 0, -1, 1000, "........................  0/0 images  0/s  1 s"},
    };

    (void)state;
    for (size_t i = 0; i < KH_COUNT(cases); i++) {
        kh_progress progress = {.noun = "images", .total = cases[i].total, .done = cases[i].done, .bytes = cases[i].bytes,
                                .done_at_start = cases[i].at_start, .started_ms = 1000};
        char line[512];

        kh_progress_format(line, sizeof line, &progress, 1000 + cases[i].elapsed_ms);
        if (strcmp(line, cases[i].words) != 0)
            fail_msg("%s: \"%s\", expected \"%s\"", cases[i].name, line, cases[i].words);
    }
}

static void test_no_bar_without_a_terminal(void **state)
{
    char text[4096] = "";
    FILE *out = tmpfile();
    kh_progress progress;
    size_t size;

    (void)state;
    assert_non_null(out);
    kh_progress_begin(&progress, out, "files", 1000, 0);
    for (int i = 1; i <= 1000; i++)
        kh_progress_update(&progress, i, 1000, -1);
    kh_progress_end(&progress);
    rewind(out);
    size = fread(text, 1, sizeof text - 1, out);
    fclose(out);
    text[size] = '\0';
    assert_null(strchr(text, '\r'));
    assert_null(strchr(text, '\033'));
    assert_non_null(strstr(text, "1000/1000 files"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes_in_powers_of_ten),
        cmocka_unit_test(test_line),
        cmocka_unit_test(test_no_bar_without_a_terminal),
    };

    return cmocka_run_group_tests_name("progress", tests, NULL, NULL);
}
