/* Workers that crash, hang, are killed or try to get out, and the askers that must not notice more than they have to. */
#include <stdatomic.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/cmocka_all.h"
#include "tests/codec/service.h"

#define MIB (UINT64_C(1) << 20)

/* Decode one stream of a value and a tag; on success every pixel must have the value. */
static kh_status ask(kh_codec *codec, uint32_t columns, uint32_t rows, uint8_t value, const char *tag, kh_error *err)
{
    test_stream stream;
    kh_codec_how how = {.halvings = 0};
    uint8_t *pixels = NULL;
    size_t size = 0;
    kh_status status;

    test_stream_init(&stream, columns, rows, value, tag);
    how.lead = value % 2 * 64; /* with and without room in front */
    status = kh_codec_decode_as(&pixels, &size, codec, KH_TS_RLE, &stream.format, stream.bytes, stream.size, &how, err);
    if (status == KH_OK && size != (size_t)columns * rows)
        status = KH_E_INTERNAL;
    for (size_t i = 0; status == KH_OK && i < size; i++)
        if (pixels[how.lead + i] != value)
            status = KH_E_INTERNAL;
    if (status != KH_OK && status != KH_E_INTERNAL && (pixels || size))
        status = KH_E_INTERNAL;
    free(pixels);
    test_stream_release(&stream);
    return status;
}

static void expect(kh_codec *codec, const char *tag, kh_status expected, const char *words)
{
    kh_error err = KH_ERROR_INIT;
    kh_status status = ask(codec, 32, 32, 77, tag, &err);

    if (status != expected || !strstr(err.message, words))
        fail_msg("%s: %s (%s), expected %s (%s)", tag ? tag : "plain", kh_status_text(status), err.message,
                 kh_status_text(expected), words);
}

static void frames_come_back(void **state)
{
    test_service service;

    (void)state;
    test_service_start(&service, 2, 8 * MIB, 5000);
    for (unsigned i = 0; i < 50; i++) {
        kh_error err = KH_ERROR_INIT;

        assert_int_equal(ask(service.codec, 1 + i * 7, 1 + i * 3, (uint8_t)i, NULL, &err), KH_OK);
    }
    assert_int_equal(service.page->deaths, 0);
    test_service_stop(&service);
}

static void errors_of_the_decoder_come_back(void **state)
{
    kh_error err = KH_ERROR_INIT;
    test_service service;
    test_stream stream;
    uint8_t *pixels = NULL;
    size_t size = 1;

    (void)state;
    test_service_start(&service, 1, 8 * MIB, 5000);
    test_stream_init(&stream, 32, 32, 9, NULL);
    assert_int_equal(kh_codec_decode(&pixels, &size, service.codec, KH_TS_RLE, &stream.format, stream.bytes, stream.size - 2, &err),
                     KH_E_FORMAT);
    assert_string_equal(err.message, "RLE segment 1 ends before its 1024 bytes");
    assert_null(pixels);
    assert_int_equal(size, 0);
    kh_error_clear(&err);
    assert_int_equal(kh_codec_decode(&pixels, &size, service.codec, "1.2.840.10008.1.2.4.110", &stream.format, stream.bytes,
                                     stream.size, &err), KH_E_UNSUPPORTED);
    assert_non_null(strstr(err.message, "JPEG XL"));
    test_stream_release(&stream);
    test_service_stop(&service);
}

static void a_stream_that_crashes_is_given_up_after_the_second_death(void **state)
{
    test_service service;

    (void)state;
    test_service_start(&service, 1, 8 * MIB, 5000);
    expect(service.codec, NULL, KH_OK, "");
    expect(service.codec, TAG_CRASH, KH_E_FORMAT, "a decoder died on it twice");
    assert_int_equal(service.page->deaths, 2);
    expect(service.codec, NULL, KH_OK, "");
    test_service_stop(&service);
}

/* OpenJPEG asserts that the last byte but one of an HT code block is under 90; here it is FF. */
static void a_decoder_that_asserts_costs_its_worker(void **state)
{
    const size_t head = 7, at = 149; /* of the seed: what the fuzzer reads; in the stream */
    kh_pixel_format format = {.rows = 20, .columns = 24, .samples = 1, .bits_allocated = 8, .bits_stored = 8, .high_bit = 7,
                              .photometric = KH_PHOTOMETRIC_MONOCHROME2};
    kh_error err = KH_ERROR_INIT;
    uint8_t bytes[2048], *pixels = NULL;
    FILE *in = fopen(KH_CORPUS_DIR "/ht8", "rbe");
    test_service service;
    size_t size, decoded;

    (void)state;
    assert_non_null(in);
    size = fread(bytes, 1, sizeof bytes, in);
    fclose(in);
    assert_true(size > head + at);
    test_service_start(&service, 1, 8 * MIB, 5000);
    assert_int_equal(kh_codec_decode(&pixels, &decoded, service.codec, "1.2.840.10008.1.2.4.201", &format, bytes + head, size - head,
                                     &err), KH_OK);
    assert_int_equal(decoded, 480);
    free(pixels);
    bytes[head + at] = 0xFF;
    assert_int_equal(kh_codec_decode(&pixels, &decoded, service.codec, "1.2.840.10008.1.2.4.201", &format, bytes + head, size - head,
                                     &err), KH_E_FORMAT);
    assert_string_equal(err.message, "a decoder died on it twice");
    expect(service.codec, NULL, KH_OK, "");
    test_service_stop(&service);
}

static void a_stream_that_never_ends_is_cut_at_its_deadline(void **state)
{
    test_service service;
    int64_t start;

    (void)state;
    test_service_start(&service, 1, 8 * MIB, 300);
    expect(service.codec, NULL, KH_OK, "");
    start = kh_clock_monotonic_ms();
    expect(service.codec, TAG_SPIN, KH_E_TIMEOUT, "took longer than 301 ms");
    assert_true(kh_clock_monotonic_ms() - start >= 300);
    expect(service.codec, NULL, KH_OK, "");
    assert_int_equal(service.page->deaths, 1);
    test_service_stop(&service);
}

typedef struct asker_thread {
    pthread_t thread;
    test_service *service;
    const char *tag;
    uint32_t side;
    unsigned rounds;
    atomic_uint right;
    kh_status status;
} asker_thread;

static void *run_asker(void *argument)
{
    asker_thread *asker = argument;

    for (unsigned i = 0; i < asker->rounds; i++) {
        kh_error err = KH_ERROR_INIT;

        asker->status = ask(asker->service->codec, asker->side, asker->side + i, (uint8_t)(asker->side + i), asker->tag, &err);
        atomic_fetch_add(&asker->right, asker->status == KH_OK);
    }
    return NULL;
}

static void start_asker(asker_thread *asker, test_service *service, const char *tag, uint32_t side, unsigned rounds)
{
    asker->service = service;
    asker->tag = tag;
    asker->side = side;
    asker->rounds = rounds;
    assert_int_equal(pthread_create(&asker->thread, NULL, run_asker, asker), 0);
}

static void a_worker_killed_at_work_is_replaced_unnoticed(void **state)
{
    test_service service;
    asker_thread slow = {0};

    (void)state;
    test_service_start(&service, 1, 8 * MIB, 10000);
    expect(service.codec, NULL, KH_OK, "");
    start_asker(&slow, &service, TAG_SLOW, 64, 1);
    kh_clock_sleep_ms(100);
    test_service_kill(&service, 0);
    pthread_join(slow.thread, NULL);
    assert_int_equal(slow.status, KH_OK);
    assert_int_equal(service.page->deaths, 1);
    test_service_stop(&service);
}

static void an_idle_worker_s_death_costs_nothing(void **state)
{
    test_service service;

    (void)state;
    test_service_start(&service, 1, 8 * MIB, 10000);
    for (unsigned i = 0; i < 5; i++) {
        int32_t deaths = service.page->deaths;

        expect(service.codec, NULL, KH_OK, "");
        test_service_kill(&service, 0);
        if (i & 1) /* with and without the supervisor having seen it */
            while (service.page->deaths == deaths)
                kh_clock_sleep_ms(1);
        expect(service.codec, NULL, KH_OK, "");
        while (service.page->deaths == deaths)
            kh_clock_sleep_ms(1);
    }
    test_service_stop(&service);
}

static void askers_wait_for_a_worker_no_longer_than_their_deadline(void **state)
{
    test_service service;
    asker_thread spinning = {0};

    (void)state;
    test_service_start(&service, 1, 8 * MIB, 200);
    expect(service.codec, NULL, KH_OK, "");
    start_asker(&spinning, &service, TAG_SPIN, 1500, 1); /* 200 ms and 2,250 for its pixels */
    kh_clock_sleep_ms(50);
    expect(service.codec, NULL, KH_E_BUSY, "all 1 decode workers are busy");
    pthread_join(spinning.thread, NULL);
    assert_int_equal(spinning.status, KH_E_TIMEOUT);
    test_service_stop(&service);
}

/* Unless it is near its end. */
static void await_two_more(const asker_thread *askers, size_t count)
{
    unsigned before[8];

    assert_true(count <= KH_COUNT(before));
    for (size_t i = 0; i < count; i++)
        before[i] = atomic_load(&askers[i].right);
    for (size_t i = 0; i < count; i++)
        for (int ms = 0; atomic_load(&askers[i].right) < before[i] + 2 && before[i] + 2 <= askers[i].rounds; ms++) {
            assert_true(ms < 30000);
            kh_clock_sleep_ms(1);
        }
}

static void many_askers_get_their_own_pixels(void **state)
{
    test_service service;
    asker_thread askers[8] = {0};

    (void)state;
    test_service_start(&service, 2, 8 * MIB, 30000);
    for (unsigned i = 0; i < KH_COUNT(askers); i++)
        start_asker(&askers[i], &service, NULL, 20 + 11 * i, 40);
    for (unsigned i = 0; i < 3; i++) { /* none loses its frame's worker twice: that would be the frame's fault */
        await_two_more(askers, KH_COUNT(askers));
        test_service_kill(&service, i & 1);
    }
    for (unsigned i = 0; i < KH_COUNT(askers); i++) {
        pthread_join(askers[i].thread, NULL);
        assert_int_equal(atomic_load(&askers[i].right), 40);
    }
    test_service_stop(&service);
}

/* A web role that dies leaves a request behind; the next one must not take its answer for its own. */
static void an_asker_s_death_leaves_nothing_behind(void **state)
{
    test_service service;

    (void)state;
    test_service_start(&service, 1, 8 * MIB, 5000);
    expect(service.codec, NULL, KH_OK, "");
    for (unsigned i = 0; i < 3; i++) {
        kh_error err = KH_ERROR_INIT;
        kh_codec *next = NULL;
        pid_t pid = fork();

        if (pid == 0) {
            (void)ask(service.codec, 50, 50, 1, TAG_SLOW, &err);
            _exit(0);
        }
        kh_clock_sleep_ms(100);
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        assert_int_equal(kh_codec_create(&next, service.channels, test_service_pid_of, service.page, &err), KH_OK);
        assert_int_equal(ask(next, 60, 60, 2, NULL, &err), KH_OK);
        kh_codec_free(next);
    }
    assert_int_equal(service.page->deaths, 0);
    test_service_stop(&service);
}

static void the_door_is_closed(void **state)
{
    static const char *const tags[] = {TAG_OPEN, TAG_SOCKET, TAG_FORK};
    test_service service;

    (void)state;
#ifdef KH_SANITIZED
    skip(); /* the sanitizers cannot live behind it */
#endif
    test_service_start(&service, 1, 8 * MIB, 5000);
    for (size_t i = 0; i < KH_COUNT(tags); i++) {
        expect(service.codec, tags[i], KH_E_FORMAT, "a decoder died on it twice");
        assert_int_equal(service.page->last_signal, SIGSYS);
        expect(service.codec, NULL, KH_OK, "");
    }
    assert_int_equal(service.page->deaths, 6);
    expect(service.codec, TAG_MEMORY, KH_OK, "");
    assert_int_equal(service.page->deaths, 6);
    test_service_stop(&service);
}

static void sizes_are_held_to_the_limit(void **state)
{
    kh_error err = KH_ERROR_INIT;
    test_service service;
    test_stream stream;
    uint8_t *pixels = NULL;
    size_t size;

    (void)state;
    test_service_start(&service, 1, MIB, 5000);
    assert_int_equal(ask(service.codec, 1024, 1024, 5, NULL, &err), KH_OK);
    assert_int_equal(ask(service.codec, 1024, 1025, 5, NULL, &err), KH_E_LIMIT);
    kh_error_clear(&err);
    test_stream_init(&stream, 16, 16, 1, NULL);
    assert_int_equal(kh_codec_decode(&pixels, &size, service.codec, KH_TS_RLE, &stream.format, stream.bytes, MIB + 1, &err),
                     KH_E_LIMIT);
    test_stream_release(&stream);
    test_service_stop(&service);
}

/* But for what a smaller one would have left as well: 16 MiB of pixels. */
static void a_large_frame_s_memory_is_given_back(void **state)
{
    kh_error err = KH_ERROR_INIT;
    test_service service;
    struct stat info;

    (void)state;
    test_service_start(&service, 1, 64 * MIB, 20000);
    assert_int_equal(ask(service.codec, 1024, 1024, 5, NULL, &err), KH_OK); /* small ones are kept */
    assert_int_equal(fstat(service.channels->channels[0].memory_fd, &info), 0);
    assert_in_range((uint64_t)info.st_blocks * 512, MIB, 2 * MIB);
    for (uint8_t value = 1; value < 3; value++) {
        assert_int_equal(ask(service.codec, 8192, 4096, value, NULL, &err), KH_OK); /* 32 MiB */
        assert_int_equal(fstat(service.channels->channels[0].memory_fd, &info), 0);
        assert_in_range((uint64_t)info.st_blocks * 512, MIB, 17 * MIB);
    }
    test_service_stop(&service);
}

typedef struct slow_asker {
    kh_codec *codec;
    kh_status status;
    pthread_t thread;
} slow_asker;

static void *ask_slowly(void *context)
{
    slow_asker *asker = context;
    kh_error err = KH_ERROR_INIT;

    asker->status = ask(asker->codec, 32, 32, 9, TAG_SLOW, &err);
    return NULL;
}

/* A seat is given only while another worker stays idle, whoever has taken the rest. */
static void a_seat_leaves_a_worker_for_askers(void **state)
{
    static const struct {
        unsigned workers, seats;
    } cases[] = {{1, 0}, {2, 1}, {3, 2}};

    (void)state;
    for (size_t i = 0; i < KH_COUNT(cases); i++) {
        kh_error err = KH_ERROR_INIT;
        unsigned seats[3], taken = 0;
        test_service service;

        test_service_start(&service, cases[i].workers, MIB, 5000);
        while (taken < 3 && kh_codec_seat_take(&seats[taken], service.codec, 1))
            taken++;
        assert_int_equal(taken, cases[i].seats);
        assert_int_equal(ask(service.codec, 8, 8, 1, NULL, &err), KH_OK);
        while (taken > 0)
            kh_codec_seat_give(service.codec, seats[--taken]);
        test_service_stop(&service);
    }
}

/* Both workers are at work for askers, a third asker waits: the seat comes after all of them. */
static void askers_go_before_a_seat(void **state)
{
    kh_error err = KH_ERROR_INIT;
    slow_asker askers[3];
    test_service service;
    unsigned seat;

    (void)state;
    test_service_start(&service, 2, MIB, 20000);
    for (unsigned i = 0; i < 3; i++) {
        askers[i] = (slow_asker){.codec = service.codec};
        assert_int_equal(pthread_create(&askers[i].thread, NULL, ask_slowly, &askers[i]), 0);
    }
    while (kh_codec_seat_take(&seat, service.codec, 0)) { /* the first of them has not begun yet */
        kh_codec_seat_give(service.codec, seat);
        kh_clock_sleep_ms(1);
    }
    assert_true(kh_codec_seat_take(&seat, service.codec, 20000));
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(pthread_join(askers[i].thread, NULL), 0);
        assert_int_equal(askers[i].status, KH_OK);
    }
    assert_int_equal(ask(service.codec, 8, 8, 1, NULL, &err), KH_OK);
    kh_codec_seat_give(service.codec, seat);
    test_service_stop(&service);
}

/* A death on a seat is a death as any other: two tries, then the stream is given up; the seat stays good. */
static void deaths_on_a_seat(void **state)
{
    kh_error err = KH_ERROR_INIT;
    test_stream stream, good;
    test_service service;
    uint8_t *pixels;
    size_t size;
    unsigned seat;

    (void)state;
    test_service_start(&service, 2, MIB, 5000);
    test_stream_init(&stream, 32, 32, 1, TAG_CRASH);
    test_stream_init(&good, 32, 32, 1, NULL);
    assert_true(kh_codec_seat_take(&seat, service.codec, 5000));
    assert_int_equal(kh_codec_decode_as(&pixels, &size, service.codec, KH_TS_RLE, &stream.format, stream.bytes, stream.size,
                                        &(kh_codec_how){.seat = &seat}, &err),
                     KH_E_FORMAT);
    while (service.page->deaths < 2) /* the supervisor counts a little later */
        kh_clock_sleep_ms(1);
    assert_int_equal(service.page->deaths, 2);
    kh_error_clear(&err);
    assert_int_equal(kh_codec_decode_as(&pixels, &size, service.codec, KH_TS_RLE, &good.format, good.bytes, good.size,
                                        &(kh_codec_how){.seat = &seat}, &err),
                     KH_OK);
    free(pixels);
    kh_codec_seat_give(service.codec, seat);
    test_stream_release(&stream);
    test_stream_release(&good);
    test_service_stop(&service);
}

static void options_are_checked(void **state)
{
    static const struct {
        kh_codec_options options;
        bool good;
    } cases[] = {
        {{1, 4096, 1, 1}, true},        {{8, 5000, 1, 1}, true},      {{0, 4096, 1, 1}, false},   {{9, 4096, 1, 1}, false},
        {{1, 4095, 1, 1}, false},       {{1, 4096, 1, 0}, false},     {{1, 4096, 1, 600000}, true}, {{1, 4096, 1, 600001}, false},
        {{1, (UINT64_C(2) << 30) + 1, 1, 1}, false},
    };

    (void)state;
    for (size_t i = 0; i < KH_COUNT(cases); i++) {
        kh_error err = KH_ERROR_INIT;
        kh_codec_channels *channels = NULL;

        assert_int_equal(kh_codec_channels_create(&channels, &cases[i].options, &err), cases[i].good ? KH_OK : KH_E_ARG);
        assert_int_equal(channels != NULL, cases[i].good);
        kh_codec_channels_free(channels);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_come_back),
        cmocka_unit_test(errors_of_the_decoder_come_back),
        cmocka_unit_test(a_stream_that_crashes_is_given_up_after_the_second_death),
        cmocka_unit_test(a_decoder_that_asserts_costs_its_worker),
        cmocka_unit_test(a_stream_that_never_ends_is_cut_at_its_deadline),
        cmocka_unit_test(a_worker_killed_at_work_is_replaced_unnoticed),
        cmocka_unit_test(an_idle_worker_s_death_costs_nothing),
        cmocka_unit_test(askers_wait_for_a_worker_no_longer_than_their_deadline),
        cmocka_unit_test(many_askers_get_their_own_pixels),
        cmocka_unit_test(an_asker_s_death_leaves_nothing_behind),
        cmocka_unit_test(the_door_is_closed),
        cmocka_unit_test(sizes_are_held_to_the_limit),
        cmocka_unit_test(a_large_frame_s_memory_is_given_back),
        cmocka_unit_test(a_seat_leaves_a_worker_for_askers),
        cmocka_unit_test(askers_go_before_a_seat),
        cmocka_unit_test(deaths_on_a_seat),
        cmocka_unit_test(options_are_checked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
