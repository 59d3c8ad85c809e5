/* How frames are played: expected values by PS3.3 C.7.6.5 from attributes written by hand. */
#include "tests/dicom/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "dicom/cine.h"

static kh_cine cine_of(kh_dataset **dataset, const char *const values[7], uint32_t frames)
{
    static const struct {
        kh_tag tag;
        const char *vr;
    } elements[7] = {{KH_TAG(0x0008, 0x2142), "IS"}, {KH_TAG(0x0008, 0x2143), "IS"}, {KH_TAG(0x0008, 0x2144), "IS"},
                     {KH_TAG(0x0018, 0x0040), "IS"}, {KH_TAG(0x0018, 0x1063), "DS"}, {KH_TAG(0x0018, 0x1065), "DS"},
                     {KH_TAG(0x0018, 0x1244), "US"}};
    test_dicom dicom;
    kh_cine cine;

    test_begin(&dicom, "1.2.840.10008.1.2.1");
    for (size_t i = 0; i < KH_COUNT(elements); i++) {
        if (!values[i])
            continue;
        if (strcmp(elements[i].vr, "US") == 0)
            test_number(&dicom, elements[i].tag, "US", atof(values[i]));
        else
            test_text(&dicom, elements[i].tag, elements[i].vr, values[i]);
    }
    *dataset = test_read(&dicom, "1.2.840.10008.1.2.1");
    assert_int_equal(kh_cine_read(&cine, kh_dataset_main(*dataset), frames, NULL), KH_OK);
    test_end(&dicom);
    return cine;
}

static void test_rates(void **state)
{
    static const struct {
        const char *name, *display_rate, *cine_rate, *time;
        double expected_ms;
    } rows[] = {{"nothing", NULL, NULL, NULL, 0},
                {"a frame time", NULL, NULL, "33.333", 33.333},
                {"a cine rate", NULL, "25", NULL, 40},
                {"a rate for display", "15", NULL, NULL, 1000.0 / 15},
                {"the rate for display before the others", "10", "30", "33.3", 100},
                {"the frame time before the cine rate", NULL, "30", "50", 50},
                {"rates of 0 say nothing", "0", "0", "40", 40},
                {"a time of 0 says nothing", NULL, "20", "0", 50},
                {"a time below 0", NULL, NULL, "-5", 0},
                {"a minute", NULL, NULL, "60000", 60000},
                {"more than a minute", NULL, NULL, "60001", 0},
                {"no number", "fast", "x", "y", 0}};

    (void)state;
    for (size_t i = 0; i < KH_COUNT(rows); i++) {
        const char *values[7] = {NULL, NULL, rows[i].display_rate, rows[i].cine_rate, rows[i].time, NULL, NULL};
        kh_dataset *dataset;
        kh_cine cine = cine_of(&dataset, values, 5);

        if (cine.frame_time_ms < rows[i].expected_ms - 1e-9 || cine.frame_time_ms > rows[i].expected_ms + 1e-9)
            fail_msg("%s: %g ms", rows[i].name, cine.frame_time_ms);
        assert_int_equal(cine.frame_time_count, 0);
        kh_cine_release(&cine);
        kh_dataset_free(dataset);
    }
}

static void test_vectors(void **state)
{
    static const struct {
        const char *name, *vector;
        uint32_t frames, count;
        double mean_ms, frame_ms[3]; /* on the screen */
    } rows[] = {{"each its own", "0\\30\\60", 3, 3, 45, {30, 60, 45}},
                {"what the first says is not looked at", "99\\30\\60", 3, 3, 45, {30, 60, 45}},
                {"all alike", "0\\40\\40", 3, 0, 40, {40, 40, 40}},
                {"one too few", "0\\30", 3, 0, 20, {20, 20, 20}},
                {"one too many", "0\\30\\60\\90", 3, 0, 20, {20, 20, 20}},
                {"a time of 0", "0\\30\\0", 3, 0, 20, {20, 20, 20}},
                {"a time below 0", "0\\-30\\60", 3, 0, 20, {20, 20, 20}},
                {"a hole", "0\\\\60", 3, 0, 20, {20, 20, 20}},
                {"no number", "0\\30\\x", 3, 0, 20, {20, 20, 20}},
                {"over a minute", "0\\30\\60001", 3, 0, 20, {20, 20, 20}},
                {"one frame", "0", 1, 0, 20, {20, 20, 20}},
                {"longer than such values are", "0\\30\\60                                                  ", 3, 0, 20, {20, 20, 20}}};

    (void)state;
    for (size_t i = 0; i < KH_COUNT(rows); i++) {
        const char *values[7] = {NULL, NULL, NULL, NULL, "20", rows[i].vector, NULL};
        kh_dataset *dataset;
        kh_cine cine = cine_of(&dataset, values, rows[i].frames);

        if (cine.frame_time_count != rows[i].count || cine.frame_time_ms != rows[i].mean_ms)
            fail_msg("%s: %u times, %g ms", rows[i].name, (unsigned)cine.frame_time_count, cine.frame_time_ms);
        for (uint32_t f = 0; f < 3; f++)
            if (kh_cine_frame_ms(&cine, f) != rows[i].frame_ms[f])
                fail_msg("%s: frame %u for %g ms", rows[i].name, (unsigned)f, kh_cine_frame_ms(&cine, f));
        kh_cine_release(&cine);
        kh_dataset_free(dataset);
    }
}

static void longest_vector(uint32_t frames, uint32_t expected)
{
    char *text = malloc(frames * 5 + 1);
    const char *values[7] = {0};
    kh_dataset *dataset;
    kh_cine cine;
    size_t at = 0;

    for (uint32_t i = 0; i < frames; i++)
        at += (size_t)sprintf(text + at, i ? "\\%u" : "%u", (unsigned)(i % 2 ? 30 : 60));
    values[5] = text;
    cine = cine_of(&dataset, values, frames);
    assert_int_equal(cine.frame_time_count, expected);
    kh_cine_release(&cine);
    kh_dataset_free(dataset);
    free(text);
}

static void test_longest_vector(void **state)
{
    (void)state;
    longest_vector(KH_FRAME_TIMES_MAX, KH_FRAME_TIMES_MAX);
    longest_vector(KH_FRAME_TIMES_MAX + 1, 0);
}

static void test_trim_and_sequencing(void **state)
{
    static const struct {
        const char *name, *start, *stop, *sequencing;
        uint32_t first, last;
        kh_playback playback;
    } rows[] = {{"nothing", NULL, NULL, NULL, 0, 0, KH_PLAYBACK_NOT_TOLD},
                {"the middle", "2", "4", "0", 2, 4, KH_PLAYBACK_LOOP},
                {"to the end", "3", NULL, "1", 3, 5, KH_PLAYBACK_SWING},
                {"from the beginning", NULL, "2", "2", 1, 2, KH_PLAYBACK_NOT_TOLD},
                {"one frame", "5", "5", NULL, 5, 5, KH_PLAYBACK_NOT_TOLD},
                {"all is as if it were not told", "1", "5", NULL, 0, 0, KH_PLAYBACK_NOT_TOLD},
                {"from frame 0", "0", "3", NULL, 0, 0, KH_PLAYBACK_NOT_TOLD},
                {"past the last frame", "2", "6", NULL, 0, 0, KH_PLAYBACK_NOT_TOLD},
                {"backwards", "4", "2", NULL, 0, 0, KH_PLAYBACK_NOT_TOLD}};

    (void)state;
    for (size_t i = 0; i < KH_COUNT(rows); i++) {
        const char *values[7] = {rows[i].start, rows[i].stop, NULL, NULL, NULL, NULL, rows[i].sequencing};
        kh_dataset *dataset;
        kh_cine cine = cine_of(&dataset, values, 5);

        if (cine.trim_first != rows[i].first || cine.trim_last != rows[i].last || cine.playback != rows[i].playback)
            fail_msg("%s: %u to %u, %d", rows[i].name, (unsigned)cine.trim_first, (unsigned)cine.trim_last, cine.playback);
        kh_cine_release(&cine);
        kh_dataset_free(dataset);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rates), cmocka_unit_test(test_vectors), cmocka_unit_test(test_longest_vector),
                                       cmocka_unit_test(test_trim_and_sequencing)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
