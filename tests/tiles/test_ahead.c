/* The order in which frames are decoded ahead, what it may cost, and what becomes of it: with a decoder of our own that writes down
 * what it is asked for; last with real workers. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "tests/cmocka_all.h"
#include "tests/codec/service.h"
#include "tests/tiles/samples.h"
#include "viewer/tiles/ahead.h"

#define SLICES 60
#define FRAME_BYTES 512 /* 16 x 16 x 16 bits */
#define CALLS_MAX 512

/* A stack of SLICES slices; slice i is the object objects[i]. */
typedef struct fixture {
    samples samples;
    test_service service;
    int64_t series_id, objects[SLICES];
    kh_ahead *ahead;
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t changed;
    bool busy, native;
    unsigned refused;     /* calls while busy */
    int bad;              /* the slice that cannot be decoded; -1: none */
    int calls[CALLS_MAX]; /* slices, as they were asked for */
    unsigned call_count, forgotten;
    bool known[SLICES];
    int64_t now_ms;
} fixture;

static int slice_of(const fixture *f, int64_t object_id)
{
    for (int i = 0; i < SLICES; i++)
        if (f->objects[i] == object_id)
            return i;
    return -1;
}

static bool is_compressed(void *context, const kh_stack_object *object)
{
    fixture *f = context;
    bool native;

    (void)object;
    pthread_mutex_lock(&f->lock);
    native = f->native;
    if (native) {
        f->refused++;
        pthread_cond_broadcast(&f->changed);
    }
    pthread_mutex_unlock(&f->lock);
    return !native;
}

static bool is_known(void *context, int64_t object_id, uint32_t frame)
{
    fixture *f = context;
    bool known;

    (void)frame;
    pthread_mutex_lock(&f->lock);
    known = f->known[slice_of(f, object_id)];
    pthread_mutex_unlock(&f->lock);
    return known;
}

static kh_status decode(void *context, uint64_t *bytes, const kh_stack_object *object, uint32_t frame, kh_error *err)
{
    fixture *f = context;
    int slice = slice_of(f, object->object_id);
    kh_status status = KH_OK;

    (void)frame;
    pthread_mutex_lock(&f->lock);
    if (f->busy) {
        f->refused++;
        status = kh_error_set(err, KH_E_BUSY, "busy");
    } else {
        assert_true(f->call_count < CALLS_MAX);
        f->calls[f->call_count++] = slice;
        if (slice == f->bad)
            status = kh_error_set(err, KH_E_FORMAT, "damaged");
        else
            f->known[slice] = true;
        *bytes = FRAME_BYTES;
    }
    pthread_cond_broadcast(&f->changed);
    pthread_mutex_unlock(&f->lock);
    return status;
}

static void forget(void *context, int64_t object_id, uint32_t frame)
{
    fixture *f = context;

    (void)frame;
    pthread_mutex_lock(&f->lock);
    f->known[slice_of(f, object_id)] = false;
    f->forgotten++;
    pthread_mutex_unlock(&f->lock);
}

static int64_t now_ms(void *context)
{
    fixture *f = context;
    int64_t now;

    pthread_mutex_lock(&f->lock);
    now = f->now_ms;
    pthread_mutex_unlock(&f->lock);
    return now;
}

static int set_up_group(void **state)
{
    fixture *f = calloc(1, sizeof *f);

    test_service_start(&f->service, 3, 64u << 20, 20000); /* it forks: before there are threads */
    samples_open(&f->samples);
    for (unsigned i = 0; i < SLICES; i++) {
        kh_ingest_result added = samples_add(&f->samples, &(sample_image){.study = 1, .series = 1, .instance = i + 1, .rows = 16,
                                                                          .columns = 16, .z_mm = i});

        f->series_id = added.series_id;
        f->objects[i] = added.object_id;
    }
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->changed, NULL);
    *state = f;
    return 0;
}

static int tear_down_group(void **state)
{
    fixture *f = *state;

    samples_close(&f->samples);
    test_service_stop(&f->service);
    free(f);
    return 0;
}

/* Closed at first: what is noted before go_on() is all seen before the first decoding. */
static void begin(fixture *f, uint64_t bytes_max)
{
    const kh_ahead_means means = {is_compressed, is_known, decode, forget, now_ms, f};

    f->busy = true;
    f->native = false;
    f->bad = -1;
    f->call_count = f->forgotten = f->refused = 0;
    memset(f->known, 0, sizeof f->known);
    assert_int_equal(kh_ahead_create(&f->ahead, f->samples.cache, NULL, bytes_max, &means, NULL), KH_OK);
}

/* The reader shows a slice: it is asked for, and then decoded for the reader's own sake. */
static void show(fixture *f, uint64_t reader, int slice)
{
    pthread_mutex_lock(&f->lock);
    f->known[slice] = true;
    pthread_mutex_unlock(&f->lock);
    kh_ahead_note(f->ahead, reader, f->series_id, f->objects[slice], 0);
}

static void wait_refused_locked(fixture *f)
{
    unsigned until = f->refused + 2; /* the second call from now on knows every note */

    while (f->refused < until)
        pthread_cond_wait(&f->changed, &f->lock);
}

static void go_on(fixture *f)
{
    pthread_mutex_lock(&f->lock);
    wait_refused_locked(f);
    f->busy = false;
    pthread_mutex_unlock(&f->lock);
}

static void wait_calls(fixture *f, unsigned count)
{
    pthread_mutex_lock(&f->lock);
    while (f->call_count < count)
        pthread_cond_wait(&f->changed, &f->lock);
    pthread_mutex_unlock(&f->lock);
}

static void end(fixture *f)
{
    kh_ahead_free(f->ahead);
    f->ahead = NULL;
}

static void expect_calls(const fixture *f, const char *name, const int *slices, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (f->calls[i] != slices[i])
            fail_msg("%s: decoding %u was of slice %d, expected %d", name, i, f->calls[i], slices[i]);
}

static void test_steps(void **state)
{
    static const struct {
        const char *name;
        unsigned step;
        uint32_t position;
        int direction;
        uint32_t count;
        bool inside;
        uint32_t slice;
    } cases[] = {
        {"first ahead", 0, 10, 1, 60, true, 11},
        {"last of those ahead", KH_AHEAD_FIRST - 1, 10, 1, 60, true, 10 + KH_AHEAD_FIRST},
        {"then behind", KH_AHEAD_FIRST, 10, 1, 60, true, 9},
        {"then ahead again", KH_AHEAD_FIRST + 1, 10, 1, 60, true, 11 + KH_AHEAD_FIRST},
        {"then behind again", KH_AHEAD_FIRST + 2, 10, 1, 60, true, 8},
        {"downward", 0, 10, -1, 60, true, 9},
        {"downward, then behind", KH_AHEAD_FIRST, 30, -1, 60, true, 31},
        {"downward, then ahead again", KH_AHEAD_FIRST + 1, 30, -1, 60, true, 29 - KH_AHEAD_FIRST},
        {"outward, upper side", 0, 10, 0, 60, true, 11},
        {"outward, lower side", 1, 10, 0, 60, true, 9},
        {"outward, further", 2, 10, 0, 60, true, 12},
        {"the last slice", 0, 58, 1, 60, true, 59},
        {"past the last slice", 0, 59, 1, 60, false, 0},
        {"the first slice", 0, 1, -1, 60, true, 0},
        {"before the first slice", 0, 0, -1, 60, false, 0},
        {"a stack of one", 1, 0, 0, 1, false, 0},
        {"the largest stack", 0, UINT32_MAX - 1, 1, UINT32_MAX, false, 0},
    };

    (void)state;
    for (size_t i = 0; i < KH_COUNT(cases); i++) {
        uint32_t slice = 0;
        bool inside = kh_ahead_slice(&slice, cases[i].step, cases[i].position, cases[i].direction, cases[i].count);

        if (inside != cases[i].inside || (inside && slice != cases[i].slice))
            fail_msg("%s: %d, slice %u", cases[i].name, inside, slice);
    }
}

static void test_order(void **state)
{
    static const struct {
        const char *name;
        int shown[3];
        int shown_count;
        int expected[22];
        unsigned count;
    } cases[] = {
        {"opened", {10}, 1, {11, 9, 12, 8, 13, 7}, 6},
        {"scrolling up", {10, 11}, 2, {12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 9, 29, 8, 30, 7}, 22},
        {"scrolling down", {40, 39}, 2, {38, 37, 36, 35, 34, 33, 32, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 41, 21, 42}, 20},
        {"turned", {10, 11, 10}, 3, {9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 12, 13}, 12},
        {"still scrolling, slices left out", {10, 18}, 2, {19, 20, 21}, 3},
        {"jumped", {10, 11, 20}, 3, {21, 19, 22, 18}, 4},
        {"the same slice again keeps the direction", {20, 19, 19}, 3, {18, 17, 16}, 3},
        {"near the end", {56, 57}, 2, {58, 59, 55, 54}, 4},
    };
    fixture *f = *state;

    for (size_t i = 0; i < KH_COUNT(cases); i++) {
        begin(f, 1u << 20);
        for (int s = 0; s < cases[i].shown_count; s++)
            show(f, 7, cases[i].shown[s]);
        go_on(f);
        wait_calls(f, cases[i].count);
        end(f);
        expect_calls(f, cases[i].name, cases[i].expected, cases[i].count);
    }
}

static void test_two_readers_take_turns(void **state)
{
    static const int expected[] = {12, 48, 13, 47, 14, 46};
    fixture *f = *state;

    begin(f, 1u << 20);
    show(f, 1, 10);
    show(f, 2, 50);
    show(f, 1, 11);
    show(f, 2, 49);
    go_on(f);
    wait_calls(f, 6);
    end(f);
    expect_calls(f, "two readers", expected, 6);
}

/* One millisecond before he counts as gone a reader's slices are still decoded, by turns with another's; then no more. */
static void test_those_who_left(void **state)
{
    static const struct {
        const char *name;
        int64_t still_ms;
        int expected[6];
    } cases[] = {
        {"just still", KH_AHEAD_LEFT_MS, {12, 48, 13, 47, 14, 46}},
        {"gone", KH_AHEAD_LEFT_MS + 1, {48, 47, 46, 45, 44, 43}},
    };
    fixture *f = *state;

    for (size_t n = 0; n < sizeof cases / sizeof cases[0]; n++) {
        begin(f, 1u << 20);
        show(f, 1, 10);
        show(f, 1, 11);
        pthread_mutex_lock(&f->lock);
        wait_refused_locked(f);
        f->now_ms += cases[n].still_ms;
        pthread_mutex_unlock(&f->lock);
        show(f, 2, 50);
        show(f, 2, 49);
        go_on(f);
        wait_calls(f, 6);
        end(f);
        expect_calls(f, cases[n].name, cases[n].expected, 6);
    }
}

/* A budget of five frames, and of one byte less. */
static void test_budget(void **state)
{
    static const struct {
        uint64_t bytes;
        unsigned frames;
    } cases[] = {{5 * FRAME_BYTES, 5}, {5 * FRAME_BYTES - 1, 4}, {FRAME_BYTES, 1}, {FRAME_BYTES - 1, 0}};
    fixture *f = *state;

    for (size_t i = 0; i < KH_COUNT(cases); i++) {
        kh_ahead_stats stats;

        begin(f, cases[i].bytes);
        show(f, 1, 10);
        show(f, 1, 11);
        if (cases[i].frames > 0)
            go_on(f);
        else
            f->busy = false;
        wait_calls(f, cases[i].frames);
        kh_ahead_note(f->ahead, 1, f->series_id, f->objects[11], 0); /* looks once more */
        end(f);
        assert_int_equal(f->call_count, cases[i].frames);
        begin(f, cases[i].bytes); /* two readers share it */
        kh_ahead_get_stats(f->ahead, &stats);
        assert_int_equal(stats.bytes, 0);
        end(f);
    }
}

static void wait_stats(fixture *f, uint64_t used, uint64_t thrown, uint64_t bytes)
{
    kh_ahead_stats stats;

    do {
        kh_clock_sleep_ms(1);
        kh_ahead_get_stats(f->ahead, &stats);
    } while (stats.used != used || stats.thrown != thrown || stats.bytes != bytes);
}

static void test_used_and_thrown(void **state)
{
    static const int expected[] = {12, 13, 14, 15, 16, 17, 41, 39, 42, 38, 43};
    fixture *f = *state;

    begin(f, 5 * FRAME_BYTES);
    show(f, 1, 10);
    show(f, 1, 11);
    go_on(f);
    wait_calls(f, 5);
    show(f, 1, 12);
    wait_calls(f, 6);
    wait_stats(f, 1, 0, 5 * FRAME_BYTES);
    show(f, 1, 40);
    wait_calls(f, 11);
    wait_stats(f, 1, 5, 5 * FRAME_BYTES);
    expect_calls(f, "with room for five", expected, 11);
    assert_int_equal(f->forgotten, 5);
    end(f);
}

/* One failure ends the plan until the next request, and the frame is not tried again. */
static void test_failures(void **state)
{
    static const int expected[] = {12, 13, 14, 15, 16};
    fixture *f = *state;

    begin(f, 1u << 20);
    f->bad = 13;
    show(f, 1, 10);
    show(f, 1, 11);
    go_on(f);
    wait_calls(f, 2);
    kh_clock_sleep_ms(20); /* a chance to go wrong */
    pthread_mutex_lock(&f->lock);
    assert_int_equal(f->call_count, 2);
    f->bad = -1;
    pthread_mutex_unlock(&f->lock);
    kh_ahead_note(f->ahead, 1, f->series_id, f->objects[11], 0);
    wait_calls(f, 5);
    end(f);
    expect_calls(f, "around a bad frame", expected, 5);
}

static void test_uncompressed_is_left_alone(void **state)
{
    fixture *f = *state;

    begin(f, 1u << 20);
    f->native = true;
    f->busy = false;
    show(f, 1, 10);
    pthread_mutex_lock(&f->lock);
    while (f->refused < 10) /* it has been looked at */
        pthread_cond_wait(&f->changed, &f->lock);
    pthread_mutex_unlock(&f->lock);
    end(f);
    assert_int_equal(f->call_count, 0);
}

static void test_strange_notes(void **state)
{
    fixture *f = *state;

    begin(f, 1u << 20);
    kh_ahead_note(NULL, 1, 1, 1, 0);
    kh_ahead_note(f->ahead, 1, 999999, 1, 0);                       /* no such series */
    kh_ahead_note(f->ahead, 1, f->series_id, 999999, 0);            /* no such object */
    kh_ahead_note(f->ahead, 1, f->series_id, f->objects[0], 1);     /* no such frame */
    for (uint64_t reader = 0; reader < 200; reader++)               /* more than there is room for */
        show(f, reader, 30);
    go_on(f);
    wait_calls(f, 2);
    end(f);
    assert_true((f->calls[0] == 31 && f->calls[1] == 29) || (f->calls[0] == 29 && f->calls[1] == 31));
}

static void *show_many(void *context)
{
    fixture *f = context;

    for (int i = 0; i < 200; i++)
        kh_ahead_note(f->ahead, 1 + i % 3, f->series_id, f->objects[i % SLICES], 0);
    return NULL;
}

static void test_many_threads(void **state)
{
    fixture *f = *state;
    pthread_t threads[4];
    kh_ahead_stats stats;

    begin(f, 4 * FRAME_BYTES);
    f->busy = false;
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, show_many, f);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    kh_ahead_get_stats(f->ahead, &stats);
    assert_true(stats.bytes <= 4 * FRAME_BYTES);
    end(f);
}

/* JPEG 2000 from a scanner, real workers: each frame that follows is decoded before it is asked for, and is what it would have been. */
static void test_real_frames(void **state)
{
    fixture *f = *state;
    const kh_stack *stack;
    kh_ingest_result added;
    kh_ahead_stats stats;
    kh_frame ahead, plain;
    kh_blobcache_stats before, after;
    kh_error err = KH_ERROR_INIT;

    if (!samples_add_file(&f->samples, "pydicom-data/emri_small_jpeg_2k_lossless.dcm", &added))
        skip();
    assert_int_equal(kh_stack_acquire(&stack, f->samples.cache, added.series_id, &err), KH_OK);
    assert_int_equal(stack->slice_count, 10);
    assert_int_equal(kh_ahead_create(&f->ahead, f->samples.cache, f->service.codec, 1u << 20, NULL, &err), KH_OK);
    assert_int_equal(kh_frame_acquire(&plain, f->samples.cache, &stack->objects[0], stack->slices[4].frame, f->service.codec, &err), KH_OK);
    kh_frame_release(f->samples.cache, &plain);
    kh_ahead_note(f->ahead, 1, added.series_id, added.object_id, stack->slices[4].frame);
    do {
        kh_clock_sleep_ms(1);
        kh_ahead_get_stats(f->ahead, &stats);
    } while (stats.decoded < 9);
    kh_frames_get_stats(f->samples.cache, &before);
    for (uint32_t i = 0; i < 10; i++) {
        assert_true(kh_frame_is_known(f->samples.cache, added.object_id, i));
        assert_int_equal(kh_frame_acquire(&ahead, f->samples.cache, &stack->objects[0], i, f->service.codec, &err), KH_OK);
        assert_int_equal(ahead.size, (size_t)ahead.format.rows * ahead.format.columns * 2);
        kh_frame_release(f->samples.cache, &ahead);
    }
    kh_frames_get_stats(f->samples.cache, &after);
    assert_int_equal(after.misses, before.misses);
    kh_frame_forget(f->samples.cache, added.object_id, 3);
    assert_false(kh_frame_is_known(f->samples.cache, added.object_id, 3));
    end(f);
    kh_stack_release(f->samples.cache, stack);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_steps),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_two_readers_take_turns),
        cmocka_unit_test(test_those_who_left),
        cmocka_unit_test(test_budget),
        cmocka_unit_test(test_used_and_thrown),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_uncompressed_is_left_alone),
        cmocka_unit_test(test_strange_notes),
        cmocka_unit_test(test_many_threads),
        cmocka_unit_test(test_real_frames),
    };

    return cmocka_run_group_tests(tests, set_up_group, tear_down_group);
}
